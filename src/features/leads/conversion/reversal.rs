//! Taking a conversion back: what it made is deleted again, if nobody touched it, and the lead is open as before.

use super::{
    super::queries,
    belongings::{self, Moved},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        companies, contacts, deals,
        records::{
            self, Spec, lifecycle,
            touched::{self, Since},
        },
    },
    kernel::{LeadId, RecordType},
    schema::{lead_conversions, leads},
    search,
    web::{Actor, Allow, permission::leads::Edit},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// Reopens the lead; answers its name. Doing so twice changes nothing the second time.
pub(super) fn undo(tx: &mut OrgTx, by: &Allow<Edit>, id: LeadId) -> AppResult<String> {
    let lead = queries::lock(tx, by, id)?;
    let Some(conversion) = super::of(tx, id)? else { return Ok(lead.name()) };
    if conversion.converted_by != Some(by.id) && records::require_delete(by, RecordType::Lead).is_err() {
        return Err(AppError::Forbidden("Only who converted this lead can undo it."));
    }
    let (made, moved) = (conversion.made(), Moved::read(&conversion.moved));
    let ids: Vec<Uuid> = made.iter().map(|(_, id, _)| *id).chain([id.0]).collect();
    for (record, made_id, version) in &made {
        check_untouched(tx, by, (*record, *made_id, *version), conversion.converted_at, &ids)?;
    }
    belongings::hand_back(tx, id.into(), &moved)?;
    // The deal first: it refers to the others.
    for (record, made_id, version) in made.into_iter().rev() {
        if let Some(spec) = spec(record) {
            lifecycle::withdraw(tx, spec, made_id, version)?;
        }
    }
    diesel::delete(lead_conversions::table.filter(lead_conversions::lead_id.eq(id))).execute(tx.conn())?;
    diesel::update(leads::table.filter(leads::id.eq(id)))
        .set((
            (leads::status.eq(&conversion.status_before), leads::archived_at.eq(None::<DateTime<Utc>>)),
            (leads::version.eq(lead.version + 1), leads::updated_at.eq(diesel::dsl::now)),
        ))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.track("status", &lead.fields.status, &conversion.status_before);
    let event = Event::new("lead.reopened", RecordType::Lead, id).version(lead.version + 1).changes(changes);
    events::record(tx, event)?;
    search::reindex(tx, RecordType::Lead, &[id.0])?;
    Ok(lead.name())
}

fn spec(record: RecordType) -> Option<&'static Spec> {
    match record {
        RecordType::Company => Some(&companies::SPEC),
        RecordType::Contact => Some(&contacts::SPEC),
        RecordType::Deal => Some(&deals::SPEC),
        RecordType::Lead => None,
    }
}

#[derive(QueryableByName)]
struct Touched {
    #[diesel(sql_type = sql_types::Bool)]
    touched: bool,
}

/// As it was made, and nobody worked with it since: what hangs on it the same conversion made, or brought along.
fn check_untouched(
    tx: &mut OrgTx,
    by: &Actor,
    (record, id, version): (RecordType, Uuid, i32),
    at: DateTime<Utc>,
    made: &[Uuid],
) -> AppResult<()> {
    let now = match records::standing(tx, by, record, id, true) {
        Ok(now) => now,
        Err(AppError::NotFound) => return Err(stays(record, "is no longer yours to see")),
        Err(other) => return Err(other),
    };
    if now.version != version || now.deleted || now.archived {
        return Err(stays(record, "was changed since"));
    }
    let since = Since { made: "$2", came_along: "h.created_at <= $2", made_too: "h.id = ANY ($3)" };
    for sign in touched::signs(record, since) {
        if meets(tx, &sign.ids, id, at, made)? {
            return Err(stays(record, sign.said));
        }
    }
    let subsidiaries =
        "SELECT h.parent_id FROM companies h WHERE h.deleted_at IS NULL AND $2 IS NOT NULL AND h.id <> ALL ($3)";
    match record == RecordType::Company && meets(tx, subsidiaries, id, at, made)? {
        true => Err(stays(record, "has subsidiaries")),
        false => Ok(()),
    }
}

/// Whether the record is among those that the query answers.
fn meets(tx: &mut OrgTx, ids: &str, id: Uuid, at: DateTime<Utc>, made: &[Uuid]) -> AppResult<bool> {
    let sql = format!(
        "SELECT EXISTS (SELECT FROM ({ids}) t(id) WHERE t.id = $1 AND $2 IS NOT NULL AND $3 IS NOT NULL) AS touched"
    );
    let found: Touched = diesel::sql_query(sql)
        .bind::<sql_types::Uuid, _>(id)
        .bind::<sql_types::Timestamptz, _>(at)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(made)
        .get_result(tx.conn())?;
    Ok(found.touched)
}

fn stays(record: RecordType, how: &str) -> AppError {
    let what = record.label().to_lowercase();
    AppError::Conflict(format!("The {what} that this conversion made {how}, so the conversion cannot be undone."))
}
