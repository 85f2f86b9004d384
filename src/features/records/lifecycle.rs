//! Archive and restore, delete and take back: the same four verbs for every record type, each an event, each with Undo.
//!
//! Archived records keep their address and say so; deleted ones are not found, except by the undo of the deletion. Doing what is
//! done already changes nothing and is no error: a double click must not look like a failure.

use super::{Spec, Standing, require_delete, require_edit, standing};
use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Event},
    features::duplicates,
    kernel::RecordType,
    search,
    web::{Actor, Page, flash::Flash, reply},
};
use actix_web::{HttpResponse, web};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// A step in a record's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    Archive,
    Restore,
    Delete,
    Undelete,
}

impl Step {
    fn assignment(self) -> &'static str {
        match self {
            Step::Archive => "archived_at = now()",
            Step::Restore => "archived_at = NULL",
            Step::Delete => "deleted_at = now()",
            Step::Undelete => "deleted_at = NULL",
        }
    }

    fn is_done(self, now: &Standing) -> bool {
        match self {
            Step::Archive => now.archived,
            Step::Restore => !now.archived,
            Step::Delete => now.deleted,
            Step::Undelete => !now.deleted,
        }
    }

    fn brings_back(self) -> bool {
        matches!(self, Step::Restore | Step::Undelete)
    }

    fn kind(self, record: RecordType) -> &'static str {
        match (record, self) {
            (RecordType::Company, Step::Archive) => "company.archived",
            (RecordType::Company, Step::Restore) => "company.restored",
            (RecordType::Company, Step::Delete) => "company.deleted",
            (RecordType::Company, Step::Undelete) => "company.undeleted",
            (RecordType::Contact, Step::Archive) => "contact.archived",
            (RecordType::Contact, Step::Restore) => "contact.restored",
            (RecordType::Contact, Step::Delete) => "contact.deleted",
            (RecordType::Contact, Step::Undelete) => "contact.undeleted",
            (RecordType::Lead, Step::Archive) => "lead.archived",
            (RecordType::Lead, Step::Restore) => "lead.restored",
            (RecordType::Lead, Step::Delete) => "lead.deleted",
            (RecordType::Lead, Step::Undelete) => "lead.undeleted",
            (RecordType::Deal, Step::Archive) => "deal.archived",
            (RecordType::Deal, Step::Restore) => "deal.restored",
            (RecordType::Deal, Step::Delete) => "deal.deleted",
            (RecordType::Deal, Step::Undelete) => "deal.undeleted",
        }
    }
}

/// `POST /{noun}/{id}/archival`
pub async fn archive(spec: &Spec, page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let (path, now) = run(spec, &page, *id, &db, Step::Archive).await?;
    let flash = Flash::success(format!("{} archived", short(&now.name))).undo(format!("{path}/archival/undo"));
    Ok(reply::redirect(&page.req, &path, Some(flash)))
}

/// `POST /{noun}/{id}/archival/undo`
pub async fn restore(spec: &Spec, page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let (path, now) = run(spec, &page, *id, &db, Step::Restore).await?;
    Ok(reply::redirect(&page.req, &path, Some(Flash::success(format!("{} restored", short(&now.name))))))
}

/// `POST /{noun}/{id}/deletion`
pub async fn delete(spec: &Spec, page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let (path, now) = run(spec, &page, *id, &db, Step::Delete).await?;
    let flash = Flash::success(format!("{} deleted", short(&now.name))).undo(format!("{path}/deletion/undo"));
    Ok(reply::redirect(&page.req, &format!("/{}", spec.record.noun()), Some(flash)))
}

/// `POST /{noun}/{id}/deletion/undo`
pub async fn undelete(spec: &Spec, page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let (path, now) = run(spec, &page, *id, &db, Step::Undelete).await?;
    Ok(reply::redirect(&page.req, &path, Some(Flash::success(format!("{} is back", short(&now.name))))))
}

async fn run(spec: &Spec, page: &Page, id: Uuid, db: &Db, step: Step) -> AppResult<(String, Standing)> {
    let (actor, record) = (page.actor.clone(), spec.record);
    let now = db.org(page, move |tx| take(tx, &actor, super::spec(record), id, step)).await?;
    Ok((format!("/{}/{id}", record.noun()), now))
}

type Hook = fn(&mut OrgTx, Uuid) -> AppResult<()>;

/// Takes the step, if the actor may: the row, its event, its search document. Returns how the record stood before.
pub fn take(tx: &mut OrgTx, actor: &Actor, spec: &Spec, id: Uuid, step: Step) -> AppResult<Standing> {
    let (record, hooks) = (spec.record, (spec.before_return, spec.after_change));
    match step {
        Step::Archive | Step::Restore => require_edit(actor, record)?,
        Step::Delete | Step::Undelete => require_delete(actor, record)?,
    }
    let now = standing(tx, actor, record, id, true)?;
    if now.deleted && matches!(step, Step::Archive | Step::Restore) {
        return Err(AppError::NotFound);
    }
    if !step.is_done(&now) {
        if step == Step::Undelete {
            duplicates::refuse_return(tx, record, id)?;
        }
        put(tx, record, id, step, now.version, hooks)?;
    }
    Ok(now)
}

/// Deletes a record that the caller made and takes back, such as what a conversion added; they have locked it at this version.
pub fn withdraw(tx: &mut OrgTx, spec: &Spec, id: Uuid, version: i32) -> AppResult<()> {
    put(tx, spec.record, id, Step::Delete, version, (spec.before_return, spec.after_change))
}

fn put(tx: &mut OrgTx, record: RecordType, id: Uuid, step: Step, version: i32, hooks: (Hook, Hook)) -> AppResult<()> {
    if step.brings_back() {
        hooks.0(tx, id)?;
    }
    let sql = format!(
        "UPDATE {} SET {}, version = version + 1, updated_at = now() WHERE id = $1",
        record.noun(),
        step.assignment()
    );
    diesel::sql_query(sql).bind::<sql_types::Uuid, _>(id).execute(tx.conn())?;
    events::record(tx, Event::new(step.kind(record), record, id).version(version + 1))?;
    search::reindex(tx, record, &[id])?;
    hooks.1(tx, id)
}

/// A name that fits a toast.
fn short(name: &str) -> String {
    if name.chars().count() <= 60 {
        name.to_owned()
    } else {
        format!("{}…", name.chars().take(59).collect::<String>())
    }
}
