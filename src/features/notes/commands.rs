//! Writing notes. The event that says a note was added carries its id; the timeline shows the note there.

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Event},
    features::{
        comments::{self, Post},
        records::{self, Saved, Subject},
    },
    kernel::{MemberId, NoteId, RecordType},
    schema::notes,
    web::Actor,
};
use diesel::prelude::*;
use serde_json::json;
use uuid::Uuid;

/// A note, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub id: NoteId,
    pub record: RecordType,
    pub record_id: Uuid,
    pub body_html: String,
    pub version: i32,
    pub deleted: bool,
}

pub(super) fn create(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    record_id: Uuid,
    body: &str,
) -> AppResult<NoteId> {
    records::require_edit(actor, record)?;
    records::visible(tx, actor, record, record_id)?;
    let id = NoteId::new();
    let (body, mentioned) = comments::resolve(tx, body)?;
    let on = |kind: RecordType| (kind == record).then_some(record_id);
    diesel::insert_into(notes::table)
        .values((
            notes::id.eq(id),
            notes::company_id.eq(on(RecordType::Company)),
            notes::contact_id.eq(on(RecordType::Contact)),
            notes::lead_id.eq(on(RecordType::Lead)),
            notes::deal_id.eq(on(RecordType::Deal)),
            notes::author_id.eq(actor.id),
            notes::body_html.eq(&body),
        ))
        .execute(tx.conn())?;
    tell(tx, "note.added", record, record_id, id)?;
    let subject = Subject::Record(record, record_id);
    comments::tell(tx, Post::Note(id), subject, &body, &mentioned, true)?;
    Ok(id)
}

/// A note whose words are the actor's.
pub(super) fn own(tx: &mut OrgTx, actor: &Actor, id: NoteId) -> AppResult<Note> {
    let (note, author) = find(tx, actor, id)?;
    if note.deleted {
        return Err(AppError::NotFound);
    }
    let subject = Subject::Record(note.record, note.record_id);
    subject.require_author(actor, author, "Only its author can change this note.")?;
    Ok(note)
}

/// A note the actor may delete, or take the deletion of back.
pub(super) fn removable(tx: &mut OrgTx, actor: &Actor, id: NoteId) -> AppResult<Note> {
    let (note, author) = find(tx, actor, id)?;
    if author != Some(actor.id.0) {
        let told = "Only its author, or someone who may delete the record it is on, can delete this note.";
        records::require_delete(actor, note.record).map_err(|_| AppError::Forbidden(told))?;
    }
    Ok(note)
}

/// A note on something the actor may see, held until the transaction ends, and its author.
fn find(tx: &mut OrgTx, actor: &Actor, id: NoteId) -> AppResult<(Note, Option<Uuid>)> {
    type Columns = (
        Option<Uuid>,
        Option<Uuid>,
        Option<Uuid>,
        Option<Uuid>,
        Option<MemberId>,
        String,
        i32,
        Option<chrono::DateTime<chrono::Utc>>,
    );
    let (company, contact, lead, deal, author_id, body_html, version, deleted_at): Columns = notes::table
        .filter(notes::id.eq(id))
        .select((
            notes::company_id,
            notes::contact_id,
            notes::lead_id,
            notes::deal_id,
            notes::author_id,
            notes::body_html,
            notes::version,
            notes::deleted_at,
        ))
        .for_update()
        .first(tx.conn())?;
    let place = [
        (RecordType::Company, company),
        (RecordType::Contact, contact),
        (RecordType::Lead, lead),
        (RecordType::Deal, deal),
    ];
    let on = place.into_iter().find_map(|(record, id)| id.map(|id| (record, id)));
    let (record, record_id) = on.ok_or(AppError::NotFound)?;
    records::visible(tx, actor, record, record_id)?;
    let note = Note { id, record, record_id, body_html, version, deleted: deleted_at.is_some() };
    Ok((note, author_id.map(|author| author.0)))
}

pub(super) fn update(tx: &mut OrgTx, note: &Note, version: i32, body: &str) -> AppResult<Saved> {
    if note.version != version {
        return Ok(Saved::Stale);
    }
    let (body, mentioned) = comments::resolve(tx, body)?;
    if note.body_html == body {
        return Ok(Saved::Done(version));
    }
    comments::remember(tx, Post::Note(note.id), &note.body_html)?;
    diesel::update(notes::table.filter(notes::id.eq(note.id)))
        .set((notes::body_html.eq(&body), notes::version.eq(version + 1), notes::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    tell(tx, "note.edited", note.record, note.record_id, note.id)?;
    let subject = Subject::Record(note.record, note.record_id);
    comments::tell(tx, Post::Note(note.id), subject, &body, &mentioned, false)?;
    Ok(Saved::Done(version + 1))
}

/// Deletes the note, or takes its deletion back.
pub(super) fn set_deleted(tx: &mut OrgTx, note: &Note, deleted: bool) -> AppResult<()> {
    if note.deleted == deleted {
        return Ok(());
    }
    diesel::update(notes::table.filter(notes::id.eq(note.id)))
        .set(notes::deleted_at.eq(deleted.then(chrono::Utc::now)))
        .execute(tx.conn())?;
    let kind = if deleted { "note.deleted" } else { "note.restored" };
    tell(tx, kind, note.record, note.record_id, note.id)
}

fn tell(tx: &mut OrgTx, kind: &'static str, record: RecordType, record_id: Uuid, note: NoteId) -> AppResult<()> {
    events::record(tx, Event::new(kind, record, record_id).data(json!({ "note_id": note })))
}
