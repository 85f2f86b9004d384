//! A member's signature: what a new mail of theirs begins with.

use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        notes,
        settings::{SettingsNav, nav},
    },
    kernel::MemberId,
    schema::mail_signatures,
    web::{Form, FormErrors, FormView, Page, Shell, flash::Flash, reply},
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use diesel::prelude::*;

/// Sanitised HTML.
pub fn signature(tx: &mut OrgTx, member: MemberId) -> AppResult<Option<String>> {
    Ok(mail_signatures::table
        .filter(mail_signatures::member_id.eq(member))
        .select(mail_signatures::body_html)
        .first(tx.conn())
        .optional()?)
}

#[derive(Template)]
#[template(path = "mails/settings/signature.html")]
struct SignaturePage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    input: FormView,
}

fn page_of(page: &Page, status: StatusCode, form: Form, errors: FormErrors) -> AppResult<HttpResponse> {
    let whole =
        SignaturePage { shell: page.shell("settings"), nav: nav(page), section: "signature", input: form.view(errors) };
    reply::page_with(&page.req, status, &whole)
}

/// `GET /settings/signature`
pub(in crate::features::mails) async fn show(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let me = page.id;
    let body = db.org(&page, move |tx| signature(tx, me)).await?.unwrap_or_default();
    page_of(&page, StatusCode::OK, Form::new([("body".to_owned(), body)]), FormErrors::default())
}

/// `POST /settings/signature`: `body`; empty: none
pub(in crate::features::mails) async fn save(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let body = match notes::sanitise(form.raw("body")) {
        Ok(body) if body.as_ref().is_none_or(|html| html.len() <= 10_000) => body,
        Ok(_) => {
            let errors = FormErrors::one("body", "is too long: at most 10 kB");
            return page_of(&page, StatusCode::UNPROCESSABLE_ENTITY, form, errors);
        }
        Err(AppError::Invalid(errors)) => return page_of(&page, StatusCode::UNPROCESSABLE_ENTITY, form, errors),
        Err(other) => return Err(other),
    };
    let me = page.id;
    db.org(&page, move |tx| write(tx, me, body)).await?;
    Ok(reply::redirect(&page.req, "/settings/signature", Some(Flash::success("Signature saved"))))
}

fn write(tx: &mut OrgTx, member: MemberId, body: Option<String>) -> AppResult<()> {
    match body {
        Some(html) => diesel::insert_into(mail_signatures::table)
            .values((mail_signatures::member_id.eq(member), mail_signatures::body_html.eq(&html)))
            .on_conflict((mail_signatures::org_id, mail_signatures::member_id))
            .do_update()
            .set(mail_signatures::body_html.eq(&html))
            .execute(tx.conn())?,
        None => {
            diesel::delete(mail_signatures::table.filter(mail_signatures::member_id.eq(member))).execute(tx.conn())?
        }
    };
    Ok(())
}
