//! Making and changing web forms, each an event.

use super::{
    model::{NewWebForm, WebForm},
    queries,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    kernel::{SubmissionId, WebFormId},
    schema::{web_forms, web_submissions},
    web::{
        Allow,
        permission::{leads::Edit, organisation::Administer},
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use diesel::{
    prelude::*,
    result::{DatabaseErrorKind, Error as DieselError},
};
use rand::RngCore;

pub(super) fn create(tx: &mut OrgTx, by: &Allow<Administer>, new: &NewWebForm) -> AppResult<WebFormId> {
    let id = WebFormId::new();
    let mut token = [0u8; 32];
    rand::rng().fill_bytes(&mut token);
    diesel::insert_into(web_forms::table)
        .values((
            (web_forms::id.eq(id), web_forms::token.eq(URL_SAFE_NO_PAD.encode(token))),
            (new, web_forms::created_by.eq(by.id)),
        ))
        .execute(tx.conn())
        .map_err(name_taken)?;
    events::record(tx, Event::of("web_form.created", "web_form", id).version(1).changes(changes(None, new)))?;
    Ok(id)
}

/// Saves over `version`; answers the form as it is when somebody else saved meanwhile.
pub(super) fn update(
    tx: &mut OrgTx,
    _: &Allow<Administer>,
    id: WebFormId,
    version: i32,
    new: &NewWebForm,
) -> AppResult<Result<(), WebForm>> {
    let before = queries::lock(tx, id)?;
    if before.version != version {
        return Ok(Err(before));
    }
    if before.made == *new {
        return Ok(Ok(()));
    }
    diesel::update(web_forms::table.filter(web_forms::id.eq(id)))
        .set((new, web_forms::version.eq(version + 1), web_forms::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())
        .map_err(name_taken)?;
    let changes = changes(Some(&before.made), new);
    events::record(tx, Event::of("web_form.updated", "web_form", id).version(version + 1).changes(changes))?;
    Ok(Ok(()))
}

/// Throws away what waits in quarantine.
pub(super) fn discard(tx: &mut OrgTx, _: &Allow<Edit>, id: SubmissionId) -> AppResult<()> {
    let waiting = queries::lock_quarantined(tx, id)?;
    diesel::delete(web_submissions::table.filter(web_submissions::id.eq(waiting.id))).execute(tx.conn())?;
    Ok(())
}

fn name_taken(error: DieselError) -> AppError {
    match &error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info)
            if info.constraint_name() == Some("web_forms_name") =>
        {
            AppError::field("name", "is already that of another form")
        }
        _ => error.into(),
    }
}

fn changes(before: Option<&NewWebForm>, after: &NewWebForm) -> Changes {
    let mut changes = Changes::new();
    match before {
        None => {
            changes.set("name", &after.name).set("fields", &after.fields).set("origins", &after.origins);
        }
        Some(before) => {
            changes
                .track("name", &before.name, &after.name)
                .track("heading", &before.heading, &after.heading)
                .track("fields", &before.fields, &after.fields)
                .track("button", &before.button, &after.button)
                .track("consent_text", &before.consent_text, &after.consent_text)
                .track("thanks", &before.thanks, &after.thanks)
                .track("redirect_url", &before.redirect_url, &after.redirect_url)
                .track("source", &before.source, &after.source)
                .track("campaign", &before.campaign, &after.campaign)
                .track("origins", &before.origins, &after.origins)
                .track("active", &before.active, &after.active);
        }
    }
    changes
}
