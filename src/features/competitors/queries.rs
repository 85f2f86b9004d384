//! Reads of competitors. There are few; everybody who sees deals may know them.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::fields::{Choice, Entry, Kind},
    kernel::{CompetitorId, Field, FieldKind, RecordType},
    schema::competitors,
    web::SelectOption,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = competitors)]
pub struct Competitor {
    pub id: CompetitorId,
    pub name: String,
    pub website: Option<String>,
    pub notes: Option<String>,
    pub retired_at: Option<DateTime<Utc>>,
    pub version: i32,
}

/// All of them by name, retired ones too.
pub fn all(tx: &mut OrgTx) -> AppResult<Vec<Competitor>> {
    let all = tx.known("competitors", |tx| {
        let mut all: Vec<Competitor> = competitors::table.select(Competitor::as_select()).load(tx.conn())?;
        all.sort_by_cached_key(|c| (c.name.to_lowercase(), c.id));
        Ok(all)
    });
    all.map(Arc::unwrap_or_clone)
}

/// Those to choose from: retired ones only where they stand already.
pub fn choices(all: &[Competitor], chosen: &str) -> Vec<SelectOption> {
    let offered = all.iter().filter(|c| c.retired_at.is_none() || c.id.to_string() == chosen);
    offered.map(|c| SelectOption::new(c.id.to_string(), &c.name, c.id.to_string() == chosen)).collect()
}

pub(super) fn find(tx: &mut OrgTx, id: CompetitorId) -> AppResult<Competitor> {
    Ok(competitors::table.filter(competitors::id.eq(id)).select(Competitor::as_select()).first(tx.conn())?)
}

/// Whether it is there, and stays so until the end of the transaction.
pub fn hold(tx: &mut OrgTx, id: CompetitorId) -> AppResult<bool> {
    let one = competitors::table.filter(competitors::id.eq(id)).select(competitors::id).for_key_share();
    Ok(one.first::<CompetitorId>(tx.conn()).optional()?.is_some())
}

pub(super) fn lock(tx: &mut OrgTx, id: CompetitorId) -> AppResult<Competitor> {
    let one = competitors::table.filter(competitors::id.eq(id)).select(Competitor::as_select());
    Ok(one.for_update().first(tx.conn())?)
}

/// On how many deals each stands, and how many were lost to it.
#[derive(QueryableByName, Clone, Debug)]
pub(super) struct Met {
    #[diesel(sql_type = t::Uuid)]
    pub id: CompetitorId,
    #[diesel(sql_type = t::BigInt)]
    pub deals: i64,
    #[diesel(sql_type = t::BigInt)]
    pub lost: i64,
}

/// Counted no further than a thousand each.
pub(super) fn met(tx: &mut OrgTx) -> AppResult<Vec<Met>> {
    let sql = "SELECT c.id,
        (SELECT count(*) FROM (SELECT 1 FROM deal_competitors d WHERE d.org_id = c.org_id AND d.competitor_id = c.id LIMIT 1000) x) AS deals,
        (SELECT count(*) FROM (SELECT 1 FROM deals d WHERE d.org_id = c.org_id AND d.lost_to = c.id AND d.deleted_at IS NULL LIMIT 1000) x) AS lost
        FROM competitors c";
    Ok(diesel::sql_query(sql).load(tx.conn())?)
}

static ON_DEAL: Field = Field::new("competitors", "Competitors", FieldKind::Text).computed();
static LOST_TO: Field = Field::new("lost_to", "Lost to", FieldKind::Text).computed();

/// What these fields are called, whether there are competitors or not.
pub fn labels() -> [&'static str; 2] {
    [ON_DEAL.label, LOST_TO.label]
}

/// The catalogue's fields of a deal that speak of competitors; none while there are none.
pub fn entries(tx: &mut OrgTx) -> AppResult<Vec<Entry>> {
    let choice = |c: Competitor| Choice {
        key: c.id.to_string(),
        label: c.name,
        color: String::new(),
        retired: c.retired_at.is_some(),
    };
    let choices: Vec<Choice> = all(tx)?.into_iter().map(choice).collect();
    if choices.is_empty() {
        return Ok(vec![]);
    }
    let beside = "ARRAY(SELECT x.competitor_id::text FROM deal_competitors x JOIN competitors c ON c.org_id = x.org_id AND c.id = x.competitor_id \
                  WHERE x.org_id = r.org_id AND x.deal_id = r.id ORDER BY lower(c.name))";
    let entry =
        |field, kind, expr: &str| Entry { kind, expr: expr.to_owned(), ..Entry::built_in(RecordType::Deal, field) };
    Ok(vec![
        entry(&ON_DEAL, Kind::Choices(choices.clone()), beside),
        entry(&LOST_TO, Kind::Choice(choices), "r.lost_to::text"),
    ])
}
