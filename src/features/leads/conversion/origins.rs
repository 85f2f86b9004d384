//! The leads that a record came from, and, for a deal, what was said and filed of them: it moved to the person (`belongings`), and a
//! seller looks for it on the deal.

use super::belongings::Moved;
use crate::{
    db::{OrgTx, Tx, kept},
    error::{AppError, AppResult},
    features::{comments, records},
    kernel::{LeadId, RecordType},
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// Most that is shown of what one lead brought along.
const BROUGHT: i64 = 8;

/// A lead that a record came from.
#[derive(Clone, Debug)]
pub struct Origin {
    pub id: LeadId,
    pub name: String,
    /// When it was converted.
    pub when: String,
    /// What was said and filed of it and is the person's now: on a deal's page, which would not show it otherwise.
    pub brought: Vec<Brought>,
}

/// A note, a comment or a file.
#[derive(Clone, Debug)]
pub struct Brought {
    pub href: String,
    pub icon: &'static str,
    pub text: String,
    pub when: String,
}

#[derive(QueryableByName)]
struct OriginRow {
    #[diesel(sql_type = sql_types::Uuid)]
    lead_id: Uuid,
    #[diesel(sql_type = sql_types::Timestamptz)]
    converted_at: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Jsonb)]
    moved: serde_json::Value,
}

#[derive(QueryableByName)]
struct BroughtRow {
    #[diesel(sql_type = sql_types::Text)]
    kind: String,
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    contact_id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    text: String,
    #[diesel(sql_type = sql_types::Timestamptz)]
    at: DateTime<Utc>,
}

/// The leads behind a contact, company or deal that the reader may see, the latest first.
pub fn origins(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid) -> AppResult<Vec<Origin>> {
    if records::require_view(actor, RecordType::Lead).is_err() {
        return Ok(vec![]);
    }
    let sql = format!(
        "SELECT lead_id, converted_at, moved FROM lead_conversions WHERE {}_id = $1 ORDER BY converted_at DESC LIMIT 5",
        record.key()
    );
    let rows: Vec<OriginRow> = kept(diesel::sql_query(sql).bind::<sql_types::Uuid, _>(id)).load(tx.conn())?;
    let mut origins = Vec::new();
    for row in rows {
        match records::visible(tx, actor, RecordType::Lead, row.lead_id) {
            Ok(lead) => {
                let brought = match record {
                    RecordType::Deal => brought(tx, actor, &Moved::read(&row.moved))?,
                    _ => vec![],
                };
                let when = actor.within(row.converted_at);
                origins.push(Origin { id: LeadId(row.lead_id), name: lead.name, when, brought })
            }
            Err(AppError::NotFound) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(origins)
}

/// What is still there of it, with a person whom the reader may see; the latest first.
fn brought(tx: &mut OrgTx, actor: &Actor, moved: &Moved) -> AppResult<Vec<Brought>> {
    let nothing = [&moved.notes, &moved.comments, &moved.files].iter().all(|ids| ids.is_empty());
    if nothing || records::require_view(actor, RecordType::Contact).is_err() {
        return Ok(vec![]);
    }
    let ids = |ids: &[Uuid]| ids.to_vec();
    let query = diesel::sql_query(format!(
        "SELECT x.kind, x.id, x.contact_id, x.text, x.at FROM (
           SELECT 'note' AS kind, id, contact_id, body_html AS text, created_at AS at FROM notes WHERE id = ANY ($1) AND deleted_at IS NULL
           UNION ALL SELECT 'comment', id, contact_id, body_html, created_at FROM comments WHERE id = ANY ($2) AND deleted_at IS NULL
           UNION ALL SELECT 'file', id, contact_id, name, created_at FROM files WHERE id = ANY ($3) AND deleted_at IS NULL) x
         JOIN contacts c ON c.id = x.contact_id AND c.deleted_at IS NULL AND ($4 IS NULL OR c.owner_id = ANY ($4))
         ORDER BY x.at DESC, x.id LIMIT {BROUGHT}"
    ))
    .bind::<sql_types::Array<sql_types::Uuid>, _>(ids(&moved.notes))
    .bind::<sql_types::Array<sql_types::Uuid>, _>(ids(&moved.comments))
    .bind::<sql_types::Array<sql_types::Uuid>, _>(ids(&moved.files))
    .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(actor.visible_owners());
    let rows: Vec<BroughtRow> = kept(query).load(tx.conn())?;
    let told = |row: BroughtRow| {
        let file = row.kind == "file";
        Brought {
            href: match file {
                true => format!("/files/{}", row.id),
                false => format!("/contacts/{}#{}-{}", row.contact_id, row.kind, row.id),
            },
            icon: if file { "file-text" } else { "message" },
            text: if file { row.text } else { comments::plain(&row.text).chars().take(160).collect() },
            when: actor.moment(row.at),
        }
    };
    Ok(rows.into_iter().map(told).collect())
}
