//! The deals that stood in a stage at a moment, those that changed last before it first.

use super::asked::Scope;
use crate::{
    db::{OrgTx, Tx, by_one_plan, kept},
    error::{AppError, AppResult},
    kernel::{Money, PipelineId, StageId},
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};
use rust_decimal::Decimal;
use uuid::Uuid;

/// Cards of one column at a time.
const SHOWN: usize = 25;

#[derive(Clone, Debug, QueryableByName)]
struct Row {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Timestamptz)]
    since: DateTime<Utc>,
    #[diesel(sql_type = t::Text)]
    name: String,
    #[diesel(sql_type = t::BigInt)]
    number: i64,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    company: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    owner: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Numeric>)]
    amount: Option<Decimal>,
    #[diesel(sql_type = t::Text)]
    currency: String,
    #[diesel(sql_type = t::Text)]
    now: String,
    #[diesel(sql_type = t::Bool)]
    moved: bool,
}

/// A deal as it was; its name and company are today's.
pub(super) struct PastCard {
    /// Empty when it is deleted now.
    pub href: String,
    pub number: String,
    pub name: String,
    pub company: Option<String>,
    pub owner: String,
    pub amount: String,
    /// What became of it: `won`, `lost`, `deleted`, `archived`, `moved on`; empty when it still stands there.
    pub now: &'static str,
    pub tone: &'static str,
}

const CARDS: &str = "
SELECT s.deal_id AS id, s.valid_from AS since, d.name, d.number, c.name AS company, m.name AS owner, s.amount, s.currency::text AS currency,
  app.deal_state(d.status, d.archived_at, d.deleted_at) AS now, d.stage_id <> s.stage_id AS moved
FROM (
  SELECT s.* FROM deal_states s
  WHERE s.stage_id = $1 AND s.pipeline_id = $2 AND s.state = 'open' AND s.valid_from < $3 AND s.valid_to >= $3
    AND ($4 IS NULL OR coalesce(s.owner_id, '00000000-0000-0000-0000-000000000000') = ANY ($4)) AND ($5 IS NULL OR s.owner_now = ANY ($5))
    AND ($6 IS NULL OR (s.valid_from, s.deal_id) < ($6, $7))
  ORDER BY s.valid_from DESC, s.deal_id DESC LIMIT $8) s
JOIN deals d ON d.org_id = s.org_id AND d.id = s.deal_id
LEFT JOIN companies c ON c.org_id = d.org_id AND c.id = d.company_id AND c.deleted_at IS NULL
LEFT JOIN members m ON m.org_id = s.org_id AND m.id = s.owner_id
ORDER BY s.valid_from DESC, s.deal_id DESC";

/// A page of a column, and where the next one begins.
pub(super) fn cards(
    tx: &mut OrgTx,
    actor: &Actor,
    (pipeline, stage): (PipelineId, StageId),
    moment: DateTime<Utc>,
    scope: &Scope,
    after: &str,
) -> AppResult<(Vec<PastCard>, Option<String>)> {
    let after = cursor(after)?;
    let query = diesel::sql_query(CARDS)
        .bind::<t::Uuid, _>(stage.0)
        .bind::<t::Uuid, _>(pipeline.0)
        .bind::<t::Timestamptz, _>(moment)
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(scope.owners.clone())
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(scope.visible.clone())
        .bind::<t::Nullable<t::Timestamptz>, _>(after.map(|(at, _)| at))
        .bind::<t::Nullable<t::Uuid>, _>(after.map(|(_, id)| id))
        .bind::<t::BigInt, _>(i64::try_from(SHOWN + 1).unwrap_or(i64::MAX));
    let mut rows: Vec<Row> = match after {
        None => by_one_plan(tx.conn(), |conn| kept(query).load(conn))?,
        Some(_) => kept(query).load(tx.conn())?,
    };
    let more = rows.len() > SHOWN;
    rows.truncate(SHOWN);
    let next = rows.last().filter(|_| more).map(|row| format!("{}.{}", row.since.timestamp_micros(), row.id));
    Ok((rows.into_iter().map(|row| card(actor, row)).collect(), next))
}

fn cursor(text: &str) -> AppResult<Option<(DateTime<Utc>, Uuid)>> {
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = text.split_once('.').and_then(|(at, id)| {
        let at = at.parse().ok().and_then(DateTime::from_timestamp_micros)?;
        Some((at, id.parse().ok()?))
    });
    parsed.map(Some).ok_or_else(|| AppError::field("after", "is damaged"))
}

fn card(actor: &Actor, row: Row) -> PastCard {
    let (now, tone) = match (row.now.as_str(), row.moved) {
        ("won", _) => ("Won since", "good"),
        ("lost", _) => ("Lost since", "bad"),
        ("deleted", _) => ("Deleted since", "none"),
        ("archived", _) => ("Archived since", "none"),
        (_, true) => ("Moved since", "info"),
        _ => ("", ""),
    };
    let money = row.amount.map(|amount| actor.locale.money(Money::from_columns(amount, &row.currency)));
    PastCard {
        href: if row.now == "deleted" { String::new() } else { format!("/deals/{}", row.id) },
        number: format!("D-{}", row.number),
        name: row.name,
        company: row.company,
        owner: row.owner.unwrap_or_else(|| "No owner".into()),
        amount: money.unwrap_or_else(|| "No amount".into()),
        now,
        tone,
    }
}
