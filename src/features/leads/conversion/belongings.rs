//! What was said and filed of a lead comes along: notes, comments and files, with their places in the timeline. They are the person's
//! from then on; without one, the deal's or the company's. Who follows or mutes the lead does so to the person and the deal. Taking the
//! conversion back returns what is still where it was put.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::notifications,
    kernel::RecordType,
};
use diesel::{prelude::*, sql_types as t};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where it went, and the ids of it.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(super) struct Moved {
    to: Option<(String, Uuid)>,
    pub(super) notes: Vec<Uuid>,
    pub(super) comments: Vec<Uuid>,
    pub(super) files: Vec<Uuid>,
    /// They tell of those.
    events: Vec<Uuid>,
    /// Who follows or mutes each of what came of it since.
    follows: Vec<(String, Uuid, Vec<Uuid>)>,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
}

/// Kinds of events that tell of notes, comments and files.
const TOLD: &str = "(kind LIKE 'note.%' OR kind LIKE 'comment.%' OR kind LIKE 'file.%')";

impl Moved {
    pub(super) fn read(kept: &serde_json::Value) -> Self {
        serde_json::from_value(kept.clone()).unwrap_or_default()
    }
}

pub(super) fn hand_over(tx: &mut OrgTx, lead: Uuid, became: &[(RecordType, Option<Uuid>)]) -> AppResult<Moved> {
    let of = |record: RecordType| became.iter().find(|(r, _)| *r == record).and_then(|(_, id)| *id);
    let first = [RecordType::Contact, RecordType::Deal, RecordType::Company]
        .into_iter()
        .find_map(|record| of(record).map(|id| (record, id)));
    let Some((record, to)) = first else { return Ok(Moved::default()) };
    let key = record.key();
    let mut things = |table: &str| {
        let sql =
            format!("UPDATE {table} SET {key}_id = $2, lead_id = NULL WHERE lead_id = $1 AND $3 IS NULL RETURNING id");
        ids(tx, &sql, lead, to, None)
    };
    let (notes, comments, files) = (things("notes")?, things("comments")?, things("files")?);
    let events = format!(
        "UPDATE events SET record_type = '{key}', record_id = $2 WHERE record_id = $1 AND record_type = 'lead' AND $3 IS NULL AND {TOLD} RETURNING id"
    );
    let events = ids(tx, &events, lead, to, None)?;
    let mut follows = Vec::new();
    for (record, id) in became.iter().filter_map(|(record, id)| Some((*record, (*id)?))) {
        if id == to || record == RecordType::Deal {
            let members = notifications::follow_instead(tx, (RecordType::Lead, lead).into(), (record, id).into())?;
            follows.push((record.key().to_owned(), id, members));
        }
    }
    Ok(Moved { to: Some((key.to_owned(), to)), notes, comments, files, events, follows })
}

pub(super) fn hand_back(tx: &mut OrgTx, lead: Uuid, moved: &Moved) -> AppResult<()> {
    for (record, id, members) in &moved.follows {
        let Some(record) = RecordType::parse(record) else { continue };
        notifications::follow_apart(tx, (RecordType::Lead, lead).into(), (record, *id).into(), members)?;
    }
    let Some((key, from)) = &moved.to else { return Ok(()) };
    let Some(record) = RecordType::parse(key) else { return Ok(()) };
    let key = record.key();
    for (table, these) in [("notes", &moved.notes), ("comments", &moved.comments), ("files", &moved.files)] {
        let sql = format!(
            "UPDATE {table} SET lead_id = $2, {key}_id = NULL WHERE {key}_id IS NOT NULL AND id = ANY ($3) AND $1 <> $2 RETURNING id"
        );
        ids(tx, &sql, *from, lead, Some(these))?;
    }
    let events = format!(
        "UPDATE events SET record_type = 'lead', record_id = $2 WHERE record_id = $1 AND record_type = '{key}' AND id = ANY ($3) RETURNING id"
    );
    ids(tx, &events, *from, lead, Some(&moved.events)).map(drop)
}

/// Runs a statement over `from`, `to` and, on the way back, the ids of what moved.
fn ids(tx: &mut OrgTx, sql: &str, from: Uuid, to: Uuid, these: Option<&[Uuid]>) -> AppResult<Vec<Uuid>> {
    let rows: Vec<Id> = diesel::sql_query(sql)
        .bind::<t::Uuid, _>(from)
        .bind::<t::Uuid, _>(to)
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(these)
        .load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}
