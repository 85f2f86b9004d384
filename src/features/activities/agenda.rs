//! A person's day, for Home: what is overdue and due today in order of worth, meetings ahead with what they are about, open deals
//! without a next step, and for who leads others, how much each of them has before them.

use super::{
    lines::{Line, Row},
    model::Class,
    queries::{self, Asked, When},
};
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    kernel::Money,
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};
use rust_decimal::Decimal;
use std::collections::HashMap;
use uuid::Uuid;

/// Read of each list before the worthiest are chosen.
const READ: i64 = 40;
const DUE: usize = 12;
const MEETINGS: usize = 6;
const IDLE: i32 = 8;
/// Counted no further, for each person.
const COUNTED: i64 = 200;

/// For Home.
#[derive(Clone, Debug, Default)]
pub struct Day {
    pub due: Vec<Due>,
    pub more_due: bool,
    pub meetings: Vec<Due>,
    pub idle: Vec<Idle>,
    pub load: Vec<Load>,
}

/// A line with what its deal is worth.
#[derive(Clone, Debug)]
pub struct Due {
    pub line: Line,
    /// `€12.4k`, or empty.
    pub worth: String,
    /// The stage its deal is in.
    pub stage: String,
    pub color: String,
}

/// An open deal that nothing is planned with.
#[derive(Clone, Debug)]
pub struct Idle {
    pub id: Uuid,
    pub name: String,
    pub note: String,
    pub amount: String,
    pub days: i64,
}

/// How much someone has before them.
#[derive(Clone, Debug)]
pub struct Load {
    pub id: Uuid,
    pub name: String,
    pub overdue: i64,
    pub today: i64,
    pub open: i64,
    pub most: i64,
}

impl Day {
    /// `owners`: whose deals and whose load; `None`: everybody's.
    pub fn load(tx: &mut OrgTx, actor: &Actor, owners: &Option<Vec<Uuid>>, team: bool) -> AppResult<Self> {
        let mut rows = Vec::new();
        for class in Class::ALL {
            for when in [When::Overdue, When::Today] {
                rows.extend(queries::list(tx, actor, &mine(actor, class, when, READ))?);
            }
        }
        let mut seen = std::collections::HashSet::new();
        rows.retain(|row| seen.insert(row.id));
        let mut ahead = queries::list(tx, actor, &mine(actor, Class::Activity, When::Ahead, READ))?;
        let mut series = std::collections::HashSet::new();
        ahead.retain(|row| row.series_id.is_none_or(|id| series.insert(id)));
        ahead.truncate(MEETINGS);
        let worth = worth(tx, rows.iter().chain(&ahead).filter_map(|row| row.deal_id).collect())?;
        rows.sort_by_key(|row| {
            std::cmp::Reverse((
                row.deal_id.and_then(|id| worth.get(&id)).and_then(|w| w.own(actor)),
                std::cmp::Reverse(row.at),
            ))
        });
        let more_due = rows.len() > DUE;
        rows.truncate(DUE);
        let with_worth = |row: Row| Due::new(actor, row, &worth);
        Ok(Self {
            due: rows.into_iter().map(with_worth).collect(),
            more_due,
            meetings: ahead.into_iter().map(with_worth).collect(),
            idle: idle(tx, actor, owners)?,
            load: if team { load(tx, actor)? } else { Vec::new() },
        })
    }
}

fn mine(actor: &Actor, class: Class, when: When, limit: i64) -> Asked {
    Asked {
        class,
        owners: Some(vec![actor.id.0]),
        when,
        type_id: None,
        status: None,
        fold: when == When::Overdue,
        series: None,
        about: None,
        after: None,
        limit,
    }
}

#[derive(QueryableByName, Clone, Debug)]
struct Worth {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Nullable<t::Numeric>)]
    amount: Option<Decimal>,
    #[diesel(sql_type = t::Text)]
    currency: String,
    #[diesel(sql_type = t::Text)]
    stage: String,
    #[diesel(sql_type = t::Text)]
    color: String,
}

impl Worth {
    /// In the organisation's currency; others do not compare.
    fn own(&self, actor: &Actor) -> Option<Decimal> {
        self.amount.filter(|_| self.currency == actor.org.currency)
    }
}

/// Deals whose names the reader saw on the lines.
fn worth(tx: &mut OrgTx, ids: Vec<Uuid>) -> AppResult<HashMap<Uuid, Worth>> {
    const SQL: &str = "SELECT d.id, d.amount, d.currency::text AS currency, s.name AS stage, s.color FROM deals d \
        JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id WHERE d.id = ANY ($1) AND d.status = 'open'";
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Worth> = kept(diesel::sql_query(SQL).bind::<t::Array<t::Uuid>, _>(ids)).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

impl Due {
    fn new(actor: &Actor, row: Row, worth: &HashMap<Uuid, Worth>) -> Self {
        let deal = row.deal_id.and_then(|id| worth.get(&id)).cloned();
        let amount = deal.as_ref().and_then(|d| d.amount.map(|a| Money::from_columns(a, &d.currency).short()));
        Self {
            line: Line::new(actor, row),
            worth: amount.unwrap_or_default(),
            stage: deal.as_ref().map(|d| d.stage.clone()).unwrap_or_default(),
            color: deal.map(|d| d.color).unwrap_or_default(),
        }
    }
}

#[derive(QueryableByName)]
struct IdleRow {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Text)]
    name: String,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    company: Option<String>,
    #[diesel(sql_type = t::Text)]
    stage: String,
    #[diesel(sql_type = t::Nullable<t::Numeric>)]
    amount: Option<Decimal>,
    #[diesel(sql_type = t::Text)]
    currency: String,
    #[diesel(sql_type = t::Timestamptz)]
    stage_entered_at: DateTime<Utc>,
}

/// The longest standing first: of each owner by `deals_idle`, or of everybody by the same index and a sort of what little there is.
fn idle(tx: &mut OrgTx, actor: &Actor, owners: &Option<Vec<Uuid>>) -> AppResult<Vec<Idle>> {
    let open = "d.next_activity_at IS NULL AND d.status = 'open' AND d.archived_at IS NULL AND d.deleted_at IS NULL";
    let few = |condition: &str| {
        format!("SELECT d.* FROM deals d WHERE {condition} AND {open} ORDER BY d.stage_entered_at LIMIT {IDLE}")
    };
    let (people, nobody) = match owners {
        Some(_) => ("unnest($1)", String::new()),
        None => ("(SELECT id FROM members)", format!(" UNION ALL ({})", few("d.owner_id IS NULL"))),
    };
    let sql = format!(
        "SELECT d.id, d.name, c.name AS company, s.name AS stage, d.amount, d.currency::text AS currency, d.stage_entered_at
         FROM (SELECT x.* FROM {people} o(id) CROSS JOIN LATERAL ({}) x{nobody}) d
         JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id
         LEFT JOIN companies c ON c.org_id = d.org_id AND c.id = d.company_id AND c.deleted_at IS NULL
         ORDER BY d.stage_entered_at, d.id LIMIT {IDLE}",
        few("d.owner_id = o.id")
    );
    let query = diesel::sql_query(sql).into_boxed();
    let query = match owners {
        Some(owners) => query.bind::<t::Array<t::Uuid>, _>(owners.clone()),
        None => query,
    };
    let rows: Vec<IdleRow> = kept(query).load(tx.conn())?;
    let idle = |row: IdleRow| Idle {
        id: row.id,
        name: row.name,
        note: row.company.into_iter().chain([row.stage]).collect::<Vec<_>>().join(" · "),
        amount: row.amount.map(|a| actor.locale.money(Money::from_columns(a, &row.currency))).unwrap_or_default(),
        days: (Utc::now() - row.stage_entered_at).num_days(),
    };
    Ok(rows.into_iter().map(idle).collect())
}

/// Everyone with something overdue or open, the most overdue first. Counted up to a bound each.
fn load(tx: &mut OrgTx, actor: &Actor) -> AppResult<Vec<Load>> {
    #[derive(QueryableByName)]
    struct Counted {
        #[diesel(sql_type = t::Uuid)]
        id: Uuid,
        #[diesel(sql_type = t::Text)]
        name: String,
        #[diesel(sql_type = t::BigInt)]
        overdue: i64,
        #[diesel(sql_type = t::BigInt)]
        today: i64,
        #[diesel(sql_type = t::BigInt)]
        open: i64,
    }
    let sql = format!(
        "SELECT m.id, m.name, count(*) FILTER (WHERE x.late) AS overdue, count(*) FILTER (WHERE x.today) AS today, count(*) AS open
         FROM members m CROSS JOIN (VALUES ('activity'), ('task')) k(class) CROSS JOIN LATERAL (
           SELECT a.start_at < now() OR a.due_on < $2 AS late,
             a.due_on = $2 OR (a.start_at >= now() AND a.start_at < $3) AS today
           FROM activities a WHERE a.owner_id = m.id AND a.class = k.class AND a.closed_at IS NULL AND a.deleted_at IS NULL AND {}
           ORDER BY a.at LIMIT {COUNTED}) x
         WHERE m.deactivated_at IS NULL AND ($1 IS NULL OR m.id = ANY ($1))
         GROUP BY m.id, m.name ORDER BY overdue DESC, open DESC, m.name LIMIT 50",
        queries::UNFOLDED
    );
    let today = actor.today();
    let end = crate::kernel::calendar::instants(
        crate::kernel::calendar::Span { from: today, to: today + chrono::Days::new(1) },
        actor.zone,
    )
    .1;
    let query = diesel::sql_query(sql)
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(actor.visible_owners())
        .bind::<t::Date, _>(today)
        .bind::<t::Timestamptz, _>(end);
    let rows: Vec<Counted> = kept(query).load(tx.conn())?;
    let most = rows.iter().map(|row| row.open).max().unwrap_or(1).max(1);
    let load = |row: Counted| Load {
        id: row.id,
        name: row.name,
        overdue: row.overdue,
        today: row.today,
        open: row.open,
        most,
    };
    Ok(rows.into_iter().map(load).collect())
}
