//! The organisation's logo.

use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    events::Changes,
    features::accounts::picture::{self, Picture},
    schema::{organisation_logos, organisations},
    web::{Actor, Allow, Page, flash::Flash, permission::organisation::Administer, reply, upload::small_file},
};
use actix_multipart::Multipart;
use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web::{self, Data},
};
use diesel::prelude::*;

const BACK: &str = "/settings/organisation";

/// Twice the size it is shown at, for sharp screens.
const SIDE: u32 = 256;

pub async fn upload(page: Page, by: Allow<Administer>, db: Data<Db>, form: Multipart) -> AppResult<HttpResponse> {
    match read(form).await {
        Ok(picture) => {
            db.org(&by, move |tx| keep(tx, &picture)).await?;
            Ok(reply::redirect(&page.req, BACK, Some(Flash::success("Logo saved"))))
        }
        Err(AppError::Invalid(errors)) => super::pages::with_errors(&page, &by, &db, errors).await,
        Err(error) => Err(error),
    }
}

async fn read(form: Multipart) -> AppResult<Picture> {
    let file = small_file(form, "logo", picture::MAX_BYTES).await?;
    let file = file.ok_or_else(|| AppError::field("logo", "Choose a picture first."))?;
    let made = web::block(move || picture::fitted(&file, SIDE)).await.map_err(|e| AppError::Internal(e.into()))?;
    made.map_err(|message| AppError::field("logo", message))
}

fn keep(tx: &mut OrgTx, picture: &Picture) -> AppResult<()> {
    let content =
        (organisation_logos::content_type.eq(picture::CONTENT_TYPE), organisation_logos::bytes.eq(&picture.bytes));
    diesel::insert_into(organisation_logos::table)
        .values(content)
        .on_conflict(organisation_logos::org_id)
        .do_update()
        .set(content)
        .execute(tx.conn())?;
    set_tag(tx, Some(picture.tag.clone()))
}

pub async fn remove(page: Page, by: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    db.org(&by, |tx| set_tag(tx, None)).await?;
    Ok(reply::redirect(&page.req, BACK, Some(Flash::success("Logo removed"))))
}

/// `GET /organisation/logo?v=tag`: to members only; its address changes with its content.
pub async fn serve(actor: Actor, db: Data<Db>) -> AppResult<HttpResponse> {
    let (kind, bytes) = db
        .org(&actor, |tx| {
            let found = organisation_logos::table
                .find(tx.org_id().0)
                .select((organisation_logos::content_type, organisation_logos::bytes))
                .first::<(String, Vec<u8>)>(tx.conn())?;
            Ok(found)
        })
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((CACHE_CONTROL, "private, max-age=31536000, immutable"))
        .body(bytes))
}

fn set_tag(tx: &mut OrgTx, tag: Option<String>) -> AppResult<()> {
    let org = tx.org_id().0;
    let before: Option<String> =
        organisations::table.find(org).select(organisations::logo_tag).for_no_key_update().first(tx.conn())?;
    let version: i32 = diesel::update(organisations::table.find(org))
        .set((organisations::logo_tag.eq(&tag), organisations::version.eq(organisations::version + 1)))
        .returning(organisations::version)
        .get_result(tx.conn())?;
    if tag.is_none() {
        diesel::delete(organisation_logos::table.find(org)).execute(tx.conn())?;
    }
    let mut changes = Changes::new();
    changes.track("logo", &before, &tag);
    super::commands::record(tx, version, changes)
}
