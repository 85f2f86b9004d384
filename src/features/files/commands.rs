//! Naming, renaming, versions, the bin: rows, event and jobs in one transaction. Bytes are written before and removed after.

use super::{
    jobs,
    model::{self, File},
    queries,
    receive::{Arrived, wrong},
};
use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes},
    features::records::{Saved, Subject},
    files::Files,
    kernel::{BlobId, FileId},
    schema::{file_blobs, file_use, file_versions, files},
    web::Actor,
};
use diesel::{prelude::*, sql_types as t};
use serde_json::json;

const NOT_YOURS: &str = "Only who added a file, or who may delete what it is filed under, can do this.";

/// What an organisation may keep, and does.
#[derive(Queryable, Selectable, Clone, Copy, Debug)]
#[diesel(table_name = file_use)]
pub(super) struct Room {
    pub max_mb: i32,
    pub quota_mb: i32,
    pub used_bytes: i64,
}

impl Room {
    pub fn max_bytes(self) -> u64 {
        u64::try_from(self.max_mb).unwrap_or(0) << 20
    }

    pub fn quota_bytes(self) -> i64 {
        i64::from(self.quota_mb) << 20
    }

    fn left(self) -> i64 {
        (self.quota_bytes() - self.used_bytes).max(0)
    }
}

/// The organisation's room; held until the transaction ends when it is about to be used.
pub(super) fn room(tx: &mut OrgTx, hold: bool) -> AppResult<Room> {
    diesel::sql_query("INSERT INTO file_use DEFAULT VALUES ON CONFLICT DO NOTHING").execute(tx.conn())?;
    let rows = file_use::table.select(Room::as_select());
    Ok(if hold { rows.for_update().first(tx.conn())? } else { rows.first(tx.conn())? })
}

/// Writes a key of the store down before anything is put there, and tells how many bytes may be.
pub(super) fn reserve(tx: &mut OrgTx, _: &Actor, name: &str) -> AppResult<(BlobId, u64)> {
    let room = room(tx, false)?;
    if room.left() == 0 {
        return Err(full(name));
    }
    let blob = BlobId::new();
    diesel::insert_into(file_blobs::table).values(file_blobs::id.eq(blob)).execute(tx.conn())?;
    Ok((blob, room.max_bytes()))
}

fn full(name: &str) -> AppError {
    wrong(name, "does not fit: your organisation's files take all the room they have. An administrator can make more")
}

/// Names what arrived, in the caller's transaction. Without a subject it is the caller's own: they keep its id and say who may see it.
pub fn attach_new(tx: &mut OrgTx, actor: &Actor, arrived: &Arrived) -> AppResult<FileId> {
    keep(tx, actor, FileId::new(), None, arrived)
}

/// Keeps bytes that are at hand, for worker threads: written down, stored, named, as an upload is. The caller has found the subject
/// visible, and the actor's to edit.
pub fn put(
    db: &Db,
    store: &Files,
    actor: &Actor,
    subject: Subject,
    name: &str,
    bytes: Vec<u8>,
) -> anyhow::Result<FileId> {
    let (blob, _) = db.org_now(actor, |tx| reserve(tx, actor, name))?;
    let written = store.upload_now(actor.org_id, blob, bytes)?;
    let arrived = Arrived { name: model::clean_name(name), blob, written, to_scan: false };
    Ok(db.org_now(actor, |tx| keep(tx, actor, FileId::new(), Some(subject), &arrived))?)
}

/// The same file sent twice is kept once: `id` was chosen when the form was made. The caller has found the subject visible, and the
/// actor's to edit.
pub(super) fn keep(
    tx: &mut OrgTx,
    actor: &Actor,
    id: FileId,
    subject: Option<Subject>,
    arrived: &Arrived,
) -> AppResult<FileId> {
    if diesel::select(diesel::dsl::exists(files::table.filter(files::id.eq(id)))).get_result(tx.conn())? {
        return queries::find_any(tx, actor, id, None).map(|file| file.id);
    }
    take_room(tx, arrived)?;
    let (company, contact, lead, deal, activity) = subject.map(Subject::columns).unwrap_or_default();
    diesel::insert_into(files::table)
        .values((
            (files::id.eq(id), files::name.eq(&arrived.name), files::created_by.eq(actor.id.0)),
            (files::company_id.eq(company), files::contact_id.eq(contact), files::lead_id.eq(lead)),
            (files::deal_id.eq(deal), files::activity_id.eq(activity)),
        ))
        .execute(tx.conn())?;
    add_version(tx, actor, id, 1, arrived)?;
    if let Some(subject) = subject {
        tell(tx, subject, "file.added", id, &arrived.name, format!("Added {}", arrived.name))?;
    }
    Ok(id)
}

/// The blob is there and counts; whoever looks at it next is told to.
fn take_room(tx: &mut OrgTx, arrived: &Arrived) -> AppResult<()> {
    let size = i64::try_from(arrived.written.size).map_err(anyhow::Error::from)?;
    if room(tx, true)?.left() < size {
        return Err(full(&arrived.name));
    }
    let kind = &arrived.written.kind;
    let known = diesel::update(file_blobs::table.filter(file_blobs::id.eq(arrived.blob)))
        .filter(file_blobs::size.is_null())
        .set((
            (file_blobs::size.eq(size), file_blobs::sha256.eq(&arrived.written.sha256)),
            file_blobs::content_type.eq(kind.media_type()),
            file_blobs::scan.eq(if arrived.to_scan { "waiting" } else { "off" }),
        ))
        .execute(tx.conn())?;
    if known == 0 {
        return Err(AppError::Conflict("The upload took longer than a day. Send the file again.".into()));
    }
    diesel::update(file_use::table).set(file_use::used_bytes.eq(file_use::used_bytes + size)).execute(tx.conn())?;
    if arrived.to_scan {
        jobs::enqueue(tx, jobs::SCAN, arrived.blob)
    } else if kind.is_picture() {
        jobs::enqueue(tx, jobs::PICTURE, arrived.blob)
    } else {
        Ok(())
    }
}

fn add_version(tx: &mut OrgTx, actor: &Actor, id: FileId, number: i32, arrived: &Arrived) -> AppResult<()> {
    diesel::insert_into(file_versions::table)
        .values((
            (file_versions::file_id.eq(id), file_versions::number.eq(number)),
            (file_versions::blob_id.eq(arrived.blob), file_versions::created_by.eq(actor.id.0)),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// A later version of the same file. The one sent twice (same bytes as the latest) is kept once.
pub(super) fn keep_version(tx: &mut OrgTx, actor: &Actor, id: FileId, arrived: &Arrived) -> AppResult<File> {
    let before = lock(tx, actor, id)?;
    editable(&before, actor)?;
    let latest = queries::versions(tx, id)?.into_iter().next().ok_or(AppError::NotFound)?;
    if latest.content.sha256 == arrived.written.sha256 && before.current == latest.number {
        return Ok(before);
    }
    take_room(tx, arrived)?;
    let number = latest.number + 1;
    add_version(tx, actor, id, number, arrived)?;
    show(tx, &before, number)?;
    told(tx, &before, "file.updated", format!("{}: version {number}", before.name))?;
    Ok(before)
}

/// An older version is the one that is shown again. Returns the number of the one that was.
pub(super) fn restore_version(tx: &mut OrgTx, actor: &Actor, id: FileId, number: i32) -> AppResult<i32> {
    let before = lock(tx, actor, id)?;
    editable(&before, actor)?;
    queries::of_id(tx, id, Some(number))?;
    if before.current != number {
        show(tx, &before, number)?;
        told(tx, &before, "file.updated", format!("{}: version {number} is back", before.name))?;
    }
    Ok(before.current)
}

fn show(tx: &mut OrgTx, file: &File, number: i32) -> AppResult<()> {
    diesel::update(files::table.filter(files::id.eq(file.id)))
        .set(((files::current.eq(number), files::version.eq(file.version + 1)), files::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    Ok(())
}

/// Another name; one that somebody else gave meanwhile is left as it is.
pub(super) fn rename(tx: &mut OrgTx, actor: &Actor, id: FileId, version: i32, name: &str) -> AppResult<Saved> {
    let before = lock(tx, actor, id)?;
    editable(&before, actor)?;
    if before.version != version {
        return Ok(Saved::Stale);
    }
    match name.trim().chars().count() {
        0 => return Err(AppError::field("name", "is needed")),
        n if n > model::NAME_LIMIT => return Err(AppError::field("name", "is too long: at most 200 characters")),
        _ => {}
    }
    let name = model::clean_name(name);
    if name == before.name {
        return Ok(Saved::Done(version));
    }
    diesel::update(files::table.filter(files::id.eq(id)))
        .set((files::name.eq(&name), files::version.eq(version + 1), files::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    told(tx, &before, "file.renamed", format!("{} is now {name}", before.name))?;
    Ok(Saved::Done(version + 1))
}

/// Into the bin, or back.
pub(super) fn set_deleted(tx: &mut OrgTx, actor: &Actor, id: FileId, deleted: bool) -> AppResult<File> {
    let before = lock_any(tx, actor, id)?;
    own(&before, actor)?;
    if before.deleted_at.is_some() == deleted {
        return Ok(before);
    }
    diesel::update(files::table.filter(files::id.eq(id)))
        .set((
            (files::deleted_at.eq(deleted.then(chrono::Utc::now)), files::version.eq(before.version + 1)),
            files::updated_at.eq(diesel::dsl::now),
        ))
        .execute(tx.conn())?;
    let (kind, said) = if deleted { ("file.deleted", "Deleted") } else { ("file.undeleted", "Restored") };
    told(tx, &before, kind, format!("{said} {}", before.name))?;
    Ok(before)
}

/// Out of the bin for good. The sweep takes the bytes.
pub(super) fn purge(tx: &mut OrgTx, actor: &Actor, id: FileId) -> AppResult<File> {
    let before = lock_any(tx, actor, id)?;
    own(&before, actor)?;
    if before.deleted_at.is_none() {
        return Err(AppError::Conflict("Delete the file first: only what is in the bin goes for good.".into()));
    }
    diesel::delete(files::table.filter(files::id.eq(id))).execute(tx.conn())?;
    told(tx, &before, "file.purged", "A file was deleted for good".to_owned())?;
    Ok(before)
}

fn lock(tx: &mut OrgTx, actor: &Actor, id: FileId) -> AppResult<File> {
    let file = lock_any(tx, actor, id)?;
    if file.deleted_at.is_some() { Err(AppError::NotFound) } else { Ok(file) }
}

fn lock_any(tx: &mut OrgTx, actor: &Actor, id: FileId) -> AppResult<File> {
    diesel::sql_query("SELECT 1 FROM files WHERE id = $1 FOR UPDATE").bind::<t::Uuid, _>(id.0).execute(tx.conn())?;
    queries::find_any(tx, actor, id, None)
}

fn editable(file: &File, actor: &Actor) -> AppResult<()> {
    file.subject.map_or(Ok(()), |subject| subject.require_edit(actor))
}

fn own(file: &File, actor: &Actor) -> AppResult<()> {
    file.subject.map_or(Ok(()), |subject| subject.require_own(actor, file.created_by, NOT_YOURS))
}

/// Whether the actor may delete it.
pub(super) fn may_delete(file: &File, actor: &Actor) -> bool {
    own(file, actor).is_ok()
}

fn told(tx: &mut OrgTx, file: &File, kind: &'static str, title: String) -> AppResult<()> {
    file.subject.map_or(Ok(()), |subject| tell(tx, subject, kind, file.id, &file.name, title))
}

fn tell(tx: &mut OrgTx, subject: Subject, kind: &'static str, id: FileId, name: &str, title: String) -> AppResult<()> {
    let purged = kind == "file.purged";
    let data = if purged { json!({ "title": title }) } else { json!({ "title": title, "file_id": id, "file": name }) };
    events::record(tx, subject.event(kind).changes(Changes::new()).data(data))
}

/// Another limit for one file, another quota.
pub(super) fn set_room(tx: &mut OrgTx, max_mb: i32, quota_mb: i32) -> AppResult<()> {
    let before = room(tx, true)?;
    let mut changes = Changes::new();
    changes.track("max_mb", &before.max_mb, &max_mb).track("quota_mb", &before.quota_mb, &quota_mb);
    if changes.is_empty() {
        return Ok(());
    }
    diesel::update(file_use::table)
        .set((file_use::max_mb.eq(max_mb), file_use::quota_mb.eq(quota_mb)))
        .execute(tx.conn())?;
    let org = tx.org_id();
    events::record(tx, events::Event::of("organisation.updated", "organisation", org).changes(changes))
}
