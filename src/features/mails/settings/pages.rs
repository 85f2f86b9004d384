//! `/settings/sending`: from where the organisation writes to customers, how much a day, and whether opens and clicks are counted.

use super::{MailSettings, load};
use crate::{
    config::Config,
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        mails::sender,
        records::Saved,
        settings::{SettingsNav, nav},
    },
    kernel::people,
    mailer::Post,
    schema::mail_settings,
    web::{Allow, Form, FormErrors, FormView, Page, Shell, flash::Flash, permission::organisation::Administer, reply},
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use diesel::prelude::*;

#[derive(Template)]
#[template(path = "mails/settings/sending.html")]
struct Sending {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    input: FormView,
    own: String,
    domains: Vec<String>,
    stale: bool,
}

fn page_of(
    page: &Page,
    config: &Config,
    post: &Post,
    status: StatusCode,
    form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let whole = Sending {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "sending",
        input: form.view(errors),
        own: post.own().email,
        domains: config.mail_sender_domains.clone(),
        stale: status == StatusCode::CONFLICT,
    };
    reply::page_with(&page.req, status, &whole)
}

/// `GET /settings/sending`
pub(in crate::features::mails) async fn show(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    config: Data<Config>,
    post: Data<Post>,
) -> AppResult<HttpResponse> {
    let now = db.org(&by, load).await?;
    let tick = |on: bool| if on { "true".to_owned() } else { String::new() };
    let form = Form::new(
        [
            ("from_address", now.from_address.unwrap_or_default()),
            ("footer", now.footer),
            ("daily_member", now.daily_member.to_string()),
            ("daily_total", now.daily_total.to_string()),
            ("count_opens", tick(now.count_opens)),
            ("count_clicks", tick(now.count_clicks)),
            ("version", now.version.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    page_of(&page, &config, &post, StatusCode::OK, form, FormErrors::default())
}

/// `POST /settings/sending`
pub(in crate::features::mails) async fn save(
    page: Page,
    by: Allow<Administer>,
    form: Form,
    db: Data<Db>,
    config: Data<Config>,
    post: Data<Post>,
) -> AppResult<HttpResponse> {
    let new = match parse(&config, &form) {
        Ok(new) => new,
        Err(errors) => return page_of(&page, &config, &post, StatusCode::UNPROCESSABLE_ENTITY, form, errors),
    };
    match db.org(&page, move |tx| update(tx, &by, new)).await? {
        Saved::Done(_) => {
            Ok(reply::redirect(&page.req, "/settings/sending", Some(Flash::success("Mail settings saved"))))
        }
        Saved::Stale => {
            let mut form = form;
            let version = db.org(&page, load).await?.version;
            form.set("version", version.to_string());
            page_of(&page, &config, &post, StatusCode::CONFLICT, form, FormErrors::default())
        }
    }
}

fn parse(config: &Config, form: &Form) -> Result<MailSettings, FormErrors> {
    let mut p = form.parser();
    let from_address = p.optional("from_address", people::parse_email);
    if from_address.as_ref().is_some_and(|address| !sender::may_send_for(config, address)) {
        p.error("from_address", "must be in a domain that this installation may send for");
    }
    let footer = p.text("footer", 500).unwrap_or_default();
    let number = |n: Option<i64>, or: i32| n.and_then(|n| i32::try_from(n).ok()).unwrap_or(or);
    let (member, total) = (p.integer("daily_member", 1, 100_000), p.integer("daily_total", 1, 1_000_000));
    let defaults = MailSettings::default();
    let new = MailSettings {
        from_address,
        footer,
        daily_member: number(member, defaults.daily_member),
        daily_total: number(total, defaults.daily_total),
        count_opens: p.checkbox("count_opens"),
        count_clicks: p.checkbox("count_clicks"),
        version: form.get("version").parse().unwrap_or(0),
    };
    p.finish().map(|()| new)
}

fn update(tx: &mut OrgTx, _: &Allow<Administer>, mut new: MailSettings) -> AppResult<Saved> {
    let before = load(tx)?;
    if before.version != new.version {
        return Ok(Saved::Stale);
    }
    let mut changes = Changes::new();
    changes
        .track("from_address", &before.from_address, &new.from_address)
        .track("footer", &before.footer, &new.footer)
        .track("daily_member", &before.daily_member, &new.daily_member)
        .track("daily_total", &before.daily_total, &new.daily_total)
        .track("count_opens", &before.count_opens, &new.count_opens)
        .track("count_clicks", &before.count_clicks, &new.count_clicks);
    if changes.is_empty() {
        return Ok(Saved::Done(before.version));
    }
    new.version += 1;
    let written = diesel::insert_into(mail_settings::table)
        .values(&new)
        .on_conflict(mail_settings::org_id)
        .do_update()
        .set(&new)
        .execute(tx.conn())?;
    if written == 0 {
        return Err(AppError::Conflict("Somebody else saved these settings at the same moment.".into()));
    }
    let id = tx.org_id().0;
    events::record(
        tx,
        Event::of("organisation.mail_settings", "organisation", id).version(new.version).changes(changes),
    )?;
    Ok(Saved::Done(new.version))
}
