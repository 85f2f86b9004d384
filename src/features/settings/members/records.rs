//! What a member owns, and handing it to someone else: set-based, so that a thousand records are four statements. More go by a job,
//! see `hand_over`.

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Event},
    features::{accounts::members::check_owner, notifications},
    kernel::MemberId,
    live::{self, LiveMessage},
    schema::members,
    web::{Allow, permission::organisation::Administer},
};
use diesel::{prelude::*, sql_types};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// Records of one owner, or of one hand-over. Archived ones count too, deleted ones do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, QueryableByName)]
pub struct Owned {
    #[diesel(sql_type = sql_types::BigInt)]
    pub companies: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    pub contacts: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    pub leads: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    pub open_deals: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    pub closed_deals: i64,
    /// Open ones and tasks.
    #[diesel(sql_type = sql_types::BigInt)]
    pub activities: i64,
}

impl Owned {
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// How many records a hand-over of that kind moves.
    pub fn moved_by(&self, how: HandOver) -> i64 {
        let closed = if how.closed_deals { self.closed_deals } else { 0 };
        self.companies + self.contacts + self.leads + self.open_deals + closed + self.activities
    }

    /// `3 companies, 1 contact and 12 open deals`, without what there is none of.
    pub fn words(&self) -> String {
        let parts: Vec<String> = [
            (self.companies, "company", "companies"),
            (self.contacts, "contact", "contacts"),
            (self.leads, "lead", "leads"),
            (self.open_deals, "open deal", "open deals"),
            (self.closed_deals, "closed deal", "closed deals"),
            (self.activities, "open activity", "open activities"),
        ]
        .iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, one, many)| format!("{n} {}", if *n == 1 { one } else { many }))
        .collect();
        match parts.split_last() {
            None => "nothing".into(),
            Some((last, [])) => last.clone(),
            Some((last, first)) => format!("{} and {last}", first.join(", ")),
        }
    }
}

impl std::ops::AddAssign for Owned {
    fn add_assign(&mut self, more: Self) {
        self.companies += more.companies;
        self.contacts += more.contacts;
        self.leads += more.leads;
        self.open_deals += more.open_deals;
        self.closed_deals += more.closed_deals;
        self.activities += more.activities;
    }
}

/// Where a member's records go.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct HandOver {
    pub to: MemberId,
    /// Won and lost deals as well; otherwise they stay with who closed them.
    pub closed_deals: bool,
}

/// Each part along an index: those of an owner are of what is not archived, so the archived ones are looked through by themselves.
pub fn owned(tx: &mut OrgTx, owner: MemberId) -> AppResult<Owned> {
    let count = |of: &str| format!("(SELECT count(*) FROM {of} WHERE owner_id = $1 AND deleted_at IS NULL");
    let both = |noun: &str, only: &str| {
        let of = count(noun);
        format!("{of} AND archived_at IS NULL{only}) + {of} AND archived_at IS NOT NULL{only})")
    };
    let sql = format!(
        "SELECT {} AS companies, {} AS contacts, {} AS leads, {} AS open_deals, {} AS closed_deals, {} AND closed_at IS NULL) AS activities",
        both("companies", ""),
        both("contacts", ""),
        both("leads", ""),
        both("deals", " AND status = 'open'"),
        both("deals", " AND status <> 'open'"),
        count("activities"),
    );
    Ok(diesel::sql_query(sql).bind::<sql_types::Uuid, _>(owner).get_result(tx.conn())?)
}

/// Gives everything `from` owns to another active member at once, with an event for each record, and tells open pages to fetch anew.
pub fn hand_over(tx: &mut OrgTx, by: &Allow<Administer>, from: MemberId, how: HandOver) -> AppResult<Owned> {
    let who = check(tx, from, how)?;
    let moved = move_some(tx, by, (from, how), &who, i64::MAX)?;
    tell(tx, by, from, &who, moved)?;
    Ok(moved)
}

/// From whom and to whom, as events name them; refuses who cannot take over.
pub fn check(tx: &mut OrgTx, from: MemberId, how: HandOver) -> AppResult<Value> {
    let giver = name(tx, from)?;
    if from == how.to {
        return Err(AppError::field("hand_over_to", "is the same person"));
    }
    check_owner(tx, Some(how.to), "hand_over_to")?;
    let taker = name(tx, how.to)?;
    Ok(json!([{ "id": from, "name": giver }, { "id": how.to, "name": taker }]))
}

/// At most `most` records of each kind.
pub fn move_some(
    tx: &mut OrgTx,
    _: &Allow<Administer>,
    (from, how): (MemberId, HandOver),
    who: &Value,
    most: i64,
) -> AppResult<Owned> {
    tx.without_time_limit()?;
    let mut some = |kind, table, only| move_kind(tx, (kind, table, only), (from, how.to), who, most);
    Ok(Owned {
        companies: some("company", "companies", "")?,
        contacts: some("contact", "contacts", "")?,
        leads: some("lead", "leads", "")?,
        open_deals: some("deal", "deals", "AND status = 'open'")?,
        closed_deals: if how.closed_deals { some("deal", "deals", "AND status <> 'open'")? } else { 0 },
        activities: some("activity", "activities", "AND closed_at IS NULL")?,
    })
}

/// The end of a hand-over: what it moved, as an event of the giver.
pub fn tell(tx: &mut OrgTx, _: &Allow<Administer>, from: MemberId, who: &Value, moved: Owned) -> AppResult<()> {
    let data = json!({
        "to": who[1], "companies": moved.companies, "contacts": moved.contacts, "leads": moved.leads, "deals": moved.open_deals + moved.closed_deals, "activities": moved.activities,
    });
    events::record(tx, Event::of("member.handed_over", "member", from).data(data))?;
    let taker = who[1]["id"].as_str().and_then(|id| id.parse().ok());
    if let Some(taker) = taker.filter(|_| moved != Owned::default()) {
        notifications::given(tx, taker, &moved.words(), "/deals")?;
    }
    live::publish(tx, &LiveMessage::refresh())
}

/// Rows, their events and their search documents in one statement. `kind`, `table` and `only` are our own words, never a user's.
fn move_kind(
    tx: &mut OrgTx,
    (kind, table, only): (&str, &str, &str),
    (from, to): (MemberId, MemberId),
    who: &Value,
    most: i64,
) -> AppResult<i64> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = sql_types::BigInt)]
        count: i64,
    }
    let sql = format!(
        "WITH moved AS (
           UPDATE {table} SET owner_id = $2, version = version + 1, updated_at = now()
           WHERE org_id = app.org() AND id IN (
             SELECT id FROM {table} WHERE org_id = app.org() AND owner_id = $1 AND deleted_at IS NULL {only} LIMIT $5)
           RETURNING id, version
         ), told AS (
           INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data)
           SELECT $3, '{kind}.updated', '{kind}', id, version, jsonb_build_object('owner_id', $4), '{{\"bulk\": \"hand_over\"}}'::jsonb FROM moved
         ), found AS (
           UPDATE search_documents SET owner_id = $2
           WHERE org_id = app.org() AND record_type = '{kind}' AND record_id IN (SELECT id FROM moved)
         )
         SELECT count(*) FROM moved"
    );
    let by = tx.by().map(Uuid::from);
    let Count { count } = diesel::sql_query(sql)
        .bind::<sql_types::Uuid, _>(from)
        .bind::<sql_types::Uuid, _>(to)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Jsonb, _>(who)
        .bind::<sql_types::BigInt, _>(most)
        .get_result(tx.conn())?;
    Ok(count)
}

fn name(tx: &mut OrgTx, id: MemberId) -> AppResult<String> {
    let found = members::table.find((tx.org_id().0, id.0)).select(members::name).first(tx.conn()).optional()?;
    found.ok_or_else(|| AppError::field("hand_over_to", "is not a member"))
}
