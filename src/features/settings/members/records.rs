//! What a member owns, and handing it to someone else: set-based, so that a hundred thousand records are a few statements.

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Event},
    features::accounts::members::check_owner,
    kernel::MemberId,
    live::{self, LiveMessage},
    schema::members,
    web::{Allow, permission::organisation::Administer},
};
use diesel::{prelude::*, sql_types};
use serde_json::json;
use uuid::Uuid;

/// Records of one owner. Archived ones count too, deleted ones do not.
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
}

impl Owned {
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// `3 companies, 1 contact and 12 open deals`, without what there is none of.
    pub fn words(&self) -> String {
        let parts: Vec<String> = [
            (self.companies, "company", "companies"),
            (self.contacts, "contact", "contacts"),
            (self.leads, "lead", "leads"),
            (self.open_deals, "open deal", "open deals"),
            (self.closed_deals, "closed deal", "closed deals"),
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

/// Where a member's records go.
#[derive(Clone, Copy, Debug)]
pub struct HandOver {
    pub to: MemberId,
    /// Won and lost deals as well; otherwise they stay with who closed them.
    pub closed_deals: bool,
}

pub fn owned(tx: &mut OrgTx, owner: MemberId) -> AppResult<Owned> {
    const SQL: &str = "SELECT
        (SELECT count(*) FROM companies WHERE org_id = app.org() AND owner_id = $1 AND deleted_at IS NULL) AS companies,
        (SELECT count(*) FROM contacts WHERE org_id = app.org() AND owner_id = $1 AND deleted_at IS NULL) AS contacts,
        (SELECT count(*) FROM leads WHERE org_id = app.org() AND owner_id = $1 AND deleted_at IS NULL) AS leads,
        (SELECT count(*) FROM deals WHERE org_id = app.org() AND owner_id = $1 AND deleted_at IS NULL AND status = 'open') AS open_deals,
        (SELECT count(*) FROM deals WHERE org_id = app.org() AND owner_id = $1 AND deleted_at IS NULL AND status <> 'open') AS closed_deals";
    Ok(diesel::sql_query(SQL).bind::<sql_types::Uuid, _>(owner).get_result(tx.conn())?)
}

/// Gives everything `from` owns to another active member, with an event for each record, and tells open pages to fetch anew.
pub fn hand_over(tx: &mut OrgTx, _: &Allow<Administer>, from: MemberId, how: HandOver) -> AppResult<Owned> {
    let HandOver { to, closed_deals } = how;
    let giver = name(tx, from)?;
    if from == to {
        return Err(AppError::field("hand_over_to", "is the same person"));
    }
    check_owner(tx, Some(to), "hand_over_to")?;
    let taker = name(tx, to)?;
    tx.without_time_limit()?;
    let who = json!([{ "id": from, "name": giver }, { "id": to, "name": taker }]);
    let moved = Owned {
        companies: move_all(tx, "company", "companies", "", from, to, &who)?,
        contacts: move_all(tx, "contact", "contacts", "", from, to, &who)?,
        leads: move_all(tx, "lead", "leads", "", from, to, &who)?,
        open_deals: move_all(tx, "deal", "deals", "AND status = 'open'", from, to, &who)?,
        closed_deals: if closed_deals {
            move_all(tx, "deal", "deals", "AND status <> 'open'", from, to, &who)?
        } else {
            0
        },
    };
    let data = json!({
        "to": who[1], "companies": moved.companies, "contacts": moved.contacts, "leads": moved.leads, "deals": moved.open_deals + moved.closed_deals,
    });
    events::record(tx, Event::of("member.handed_over", "member", from).data(data))?;
    live::publish(tx, &LiveMessage::refresh())?;
    Ok(moved)
}

/// Rows, their events and their search documents in one statement. `kind`, `table` and `only` are our own words, never a user's.
fn move_all(
    tx: &mut OrgTx,
    kind: &str,
    table: &str,
    only: &str,
    from: MemberId,
    to: MemberId,
    who: &serde_json::Value,
) -> AppResult<i64> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = sql_types::BigInt)]
        count: i64,
    }
    let sql = format!(
        "WITH moved AS (
           UPDATE {table} SET owner_id = $2, version = version + 1, updated_at = now()
           WHERE org_id = app.org() AND owner_id = $1 AND deleted_at IS NULL {only} RETURNING id, version
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
        .get_result(tx.conn())?;
    Ok(count)
}

fn name(tx: &mut OrgTx, id: MemberId) -> AppResult<String> {
    let found = members::table.find((tx.org_id().0, id.0)).select(members::name).first(tx.conn()).optional()?;
    found.ok_or_else(|| AppError::field("hand_over_to", "is not a member"))
}
