//! What companies, contacts, leads and deals share: lists, timelines, inline edit, conflicts, archive and delete.
//!
//! A record type hands over a [`Spec`]: how a record becomes its form, and how the form becomes the record again. Everything here
//! is built on those two, so that the whole form, the field edited in place and the conflict all follow one rule.

pub mod display;
pub mod filter;
pub mod history;
pub mod inline;
pub mod lifecycle;
pub mod list;
pub mod people;
mod subject;
pub mod submit;
pub mod timeline;
pub mod touched;

pub use subject::{Columns as SubjectColumns, Subject};

use crate::{
    db::{Db, OrgTx, Tx, kept},
    error::{AppError, AppResult},
    features::{companies, contacts, deals, leads, mails, notifications::FollowMenu, tags},
    kernel::{MemberId, RecordType, TagId},
    web::{
        Actor, Form, Page, Routes,
        paths::{get, post},
        permission::{self, Allow, Permission},
    },
};
use actix_web::web;
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// How the shared parts handle records of one type.
pub struct Spec {
    pub record: RecordType,
    /// The form of a live or archived record that the actor may see: every field under its key, references as `x_id` with the
    /// name under `x`, and `version`. Not found otherwise.
    pub load: fn(&mut OrgTx, &Actor, Uuid) -> AppResult<Form>,
    /// Parses the form and saves the record, if the actor may and nobody saved since the form's `version`.
    pub save: fn(&mut OrgTx, &Actor, Uuid, &Form) -> AppResult<Saved>,
    /// Called before an archived or deleted record comes back: deals take a free place on the board.
    pub before_return: fn(&mut OrgTx, Uuid) -> AppResult<()>,
    /// Called after a record was archived, deleted or brought back: deals tell the open boards.
    pub after_change: fn(&mut OrgTx, Uuid) -> AppResult<()>,
}

/// How records of that type are handled.
pub fn spec(record: RecordType) -> &'static Spec {
    match record {
        RecordType::Company => &companies::SPEC,
        RecordType::Contact => &contacts::SPEC,
        RecordType::Lead => &leads::SPEC,
        RecordType::Deal => &deals::SPEC,
    }
}

/// For record types that have nothing to do in a hook of [`Spec`].
pub fn nothing(_: &mut OrgTx, _: Uuid) -> AppResult<()> {
    Ok(())
}

/// What became of a save.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Saved {
    /// The record now has this version (unchanged when nothing differed).
    Done(i32),
    /// Someone else saved since the version the form began with. Nothing was written.
    Stale,
}

/// The routes every record type has: archival, deletion, fields in place, the timeline's fragments.
pub fn configure(cfg: &mut Routes, spec: &'static Spec) {
    type Id = web::Path<Uuid>;
    type Key = web::Path<(Uuid, String)>;
    type Database = web::Data<Db>;
    let at = |rest: &str| format!("/{}/{{id}}/{rest}", spec.record.noun());
    let record = spec.record;
    let all = |rest: &str| format!("/{}{rest}", record.noun());
    cfg.route(&all(""), get().to(move |p: Page, db: Database| list::index(record, p, db)))
        .route(&all("/filter"), get().to(move |p: Page, db: Database| list::filter_builder(record, p, db)))
        .route(&all("/columns"), get().to(move |p: Page, db: Database| list::column_chooser(record, p, db)))
        .route(
            &all("/columns"),
            post().to(move |p: Page, form: Form, db: Database| list::save_columns(record, p, form, db)),
        )
        .route(
            &all("/columns/width"),
            post().to(move |p: Page, form: Form, db: Database| list::column_width(record, p, form, db)),
        );
    cfg.route(&at("history"), get().to(move |p: Page, id: Id, db: Database| history::index(spec, p, id, db))).route(
        &at("history/{event}/undo"),
        post().to(move |p: Page, ids: web::Path<(Uuid, Uuid)>, form: Form, db: Database| {
            history::undo(spec, p, ids, form, db)
        }),
    );
    cfg.route(&at("row"), get().to(move |p: Page, id: Id, db: Database| list::row(record, p, id, db)));
    cfg.route(&at("archival"), post().to(move |p: Page, id: Id, db: Database| lifecycle::archive(spec, p, id, db)))
        .route(
            &at("archival/undo"),
            post().to(move |p: Page, id: Id, db: Database| lifecycle::restore(spec, p, id, db)),
        )
        .route(&at("deletion"), post().to(move |p: Page, id: Id, db: Database| lifecycle::delete(spec, p, id, db)))
        .route(
            &at("deletion/undo"),
            post().to(move |p: Page, id: Id, db: Database| lifecycle::undelete(spec, p, id, db)),
        )
        .route(&at("fields/{key}"), get().to(move |p: Page, key: Key, db: Database| inline::edit(spec, p, key, db)))
        .route(
            &at("fields/{key}/value"),
            get().to(move |p: Page, key: Key, db: Database| inline::value(spec, p, key, db)),
        )
        .route(
            &at("fields/{key}"),
            post().to(move |p: Page, key: Key, form: Form, db: Database| inline::save(spec, p, key, form, db)),
        )
        .route(&at("tags/new"), get().to(move |p: Page, id: Id, db: Database| tags::form(spec, p, id, db)))
        .route(
            &at("tags"),
            post().to(move |p: Page, id: Id, form: Form, db: Database| tags::add(spec, p, id, form, db)),
        )
        .route(
            &at("tags/{tag}/removal"),
            post().to(move |p: Page, tag: web::Path<(Uuid, TagId)>, db: Database| tags::remove(spec, p, tag, db)),
        )
        .route(&at("timeline"), get().to(move |p: Page, id: Id, db: Database| timeline::fragment(spec, p, id, db)));
}

/// Refuses with 403 unless the role may see records of that type.
pub fn require_view(actor: &Actor, record: RecordType) -> AppResult<()> {
    match record {
        RecordType::Company => Allow::<permission::companies::View>::check(actor).map(drop),
        RecordType::Contact => Allow::<permission::contacts::View>::check(actor).map(drop),
        RecordType::Lead => Allow::<permission::leads::View>::check(actor).map(drop),
        RecordType::Deal => Allow::<permission::deals::View>::check(actor).map(drop),
    }
}

/// Refuses with 403 unless the role may edit records of that type.
pub fn require_edit(actor: &Actor, record: RecordType) -> AppResult<()> {
    match record {
        RecordType::Company => Allow::<permission::companies::Edit>::check(actor).map(drop),
        RecordType::Contact => Allow::<permission::contacts::Edit>::check(actor).map(drop),
        RecordType::Lead => Allow::<permission::leads::Edit>::check(actor).map(drop),
        RecordType::Deal => Allow::<permission::deals::Edit>::check(actor).map(drop),
    }
}

/// Refuses with 403 unless the role may delete records of that type.
pub fn require_delete(actor: &Actor, record: RecordType) -> AppResult<()> {
    match record {
        RecordType::Company => Allow::<permission::companies::Delete>::check(actor).map(drop),
        RecordType::Contact => Allow::<permission::contacts::Delete>::check(actor).map(drop),
        RecordType::Lead => Allow::<permission::leads::Delete>::check(actor).map(drop),
        RecordType::Deal => Allow::<permission::deals::Delete>::check(actor).map(drop),
    }
}

/// What the head of a record page offers, for `_actions.html` and `_archived.html`, under the name `head`.
#[derive(Clone, Debug)]
pub struct Head {
    pub record: RecordType,
    pub id: Uuid,
    /// `/companies/…`
    pub base: String,
    pub archived: bool,
    pub may_edit: bool,
    pub may_delete: bool,
    /// Into another one, or another one into it.
    pub may_merge: bool,
    pub follow: FollowMenu,
    pub may_mail: bool,
    /// What is known of their addresses, of contacts and leads.
    pub addresses: Vec<mails::Notice>,
}

impl Head {
    pub fn load(
        tx: &mut OrgTx,
        actor: &Actor,
        record: RecordType,
        id: Uuid,
        owner: Option<MemberId>,
        archived: bool,
    ) -> AppResult<Self> {
        let (may_edit, may_delete) = (require_edit(actor, record).is_ok(), require_delete(actor, record).is_ok());
        let may_merge = may_edit && may_delete && !archived && record != RecordType::Deal;
        let follow = FollowMenu::load(tx, actor, (record, id).into(), owner == Some(actor.id))?;
        Ok(Self {
            record,
            id,
            base: format!("/{}/{id}", record.noun()),
            archived,
            may_edit,
            may_delete,
            may_merge,
            may_mail: actor.may(permission::mails::Send::KEY) && !archived,
            addresses: mails::notices(tx, record, id)?,
            follow,
        })
    }
}

/// Whose the record is and in what state, whatever its type.
#[derive(QueryableByName, Clone, Debug)]
pub struct Standing {
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    pub owner_id: Option<Uuid>,
    #[diesel(sql_type = sql_types::Integer)]
    pub version: i32,
    #[diesel(sql_type = sql_types::Bool)]
    pub archived: bool,
    #[diesel(sql_type = sql_types::Bool)]
    pub deleted: bool,
}

/// What a record of that type is called, as SQL over its table.
pub fn name_sql(record: RecordType) -> &'static str {
    match record {
        RecordType::Contact => "coalesce(nullif(btrim(first_name || ' ' || last_name), ''), email, '')",
        RecordType::Lead => "coalesce(nullif(btrim(first_name || ' ' || last_name), ''), company_name, email, '')",
        RecordType::Company | RecordType::Deal => "name",
    }
}

/// The standing of a record the actor may see, deleted ones too; `lock` holds it until the transaction ends.
pub fn standing(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid, lock: bool) -> AppResult<Standing> {
    let name = name_sql(record);
    let sql = format!(
        "SELECT {name} AS name, owner_id, version, archived_at IS NOT NULL AS archived, deleted_at IS NOT NULL AS deleted \
         FROM {} WHERE id = $1{}",
        record.noun(),
        if lock { " FOR UPDATE" } else { "" }
    );
    let standing: Standing = kept(diesel::sql_query(sql).bind::<sql_types::Uuid, _>(id)).get_result(tx.conn())?;
    if actor.sees(standing.owner_id) { Ok(standing) } else { Err(AppError::NotFound) }
}

/// Like [`standing`], for records that still are: a deleted one is not found.
pub fn visible(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid) -> AppResult<Standing> {
    require_view(actor, record)?;
    let standing = standing(tx, actor, record, id, false)?;
    if standing.deleted { Err(AppError::NotFound) } else { Ok(standing) }
}
