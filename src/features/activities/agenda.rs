//! A person's day, for Home: what is overdue and due today in order of worth, meetings ahead with what they are about, open deals
//! without a next step, and for who leads others, how much each of them has before them.

use super::{
    lines::{Line, Row},
    model::Class,
    queries::{self, Asked, Candidate, When},
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
/// The question that asks for meetings.
const AHEAD: i32 = 4;
const MEETINGS: usize = 6;
const IDLE: i32 = 8;
/// Counted no further, for each person and class.
const COUNTED: i64 = 100;

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
    pub days: String,
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
        let asked = [
            mine(actor, Class::Activity, When::Overdue, READ),
            mine(actor, Class::Activity, When::Today, READ),
            mine(actor, Class::Task, When::Overdue, READ),
            mine(actor, Class::Task, When::Today, READ),
            mine(actor, Class::Activity, When::Ahead, READ),
        ];
        let found = queries::candidates(tx, actor, &asked)?;
        let (mut ahead, mut due): (Vec<Candidate>, Vec<Candidate>) =
            found.into_iter().partition(|one| one.part == AHEAD);
        let mut series = std::collections::HashSet::new();
        ahead.retain(|one| one.series_id.is_none_or(|id| series.insert(id)));
        ahead.truncate(MEETINGS);
        let mut seen = std::collections::HashSet::new();
        // Of a series the one that is waited for longest.
        let mut waiting = std::collections::HashSet::new();
        due.retain(|one| seen.insert(one.id) && one.series_id.is_none_or(|id| waiting.insert(id)));
        due.sort_by_key(|one| std::cmp::Reverse((one.own(actor), std::cmp::Reverse(one.at))));
        let more_due = due.len() > DUE;
        due.truncate(DUE);
        let ids: Vec<Uuid> = due.iter().chain(&ahead).map(|one| one.id).collect();
        let rows: HashMap<Uuid, Row> = queries::some(tx, actor, &ids)?.into_iter().map(|row| (row.id, row)).collect();
        // What is soon may be due today, too.
        let lines = |all: Vec<Candidate>| {
            all.into_iter().filter_map(|one| Some(Due::new(actor, rows.get(&one.id)?.clone(), one))).collect()
        };
        Ok(Self {
            due: lines(due),
            more_due,
            meetings: lines(ahead),
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

impl Candidate {
    /// What its deal is worth in the organisation's currency; others do not compare.
    fn own(&self, actor: &Actor) -> Option<Decimal> {
        self.amount.filter(|_| self.currency.as_ref() == Some(&actor.org.currency))
    }
}

impl Due {
    fn new(actor: &Actor, row: Row, found: Candidate) -> Self {
        let amount = found.amount.zip(found.currency).map(|(amount, code)| Money::from_columns(amount, &code).short());
        Self {
            line: Line::new(actor, row),
            worth: amount.unwrap_or_default(),
            stage: found.stage.unwrap_or_default(),
            color: found.color.unwrap_or_default(),
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
         FROM (SELECT i.* FROM (SELECT x.* FROM {people} o(id) CROSS JOIN LATERAL ({}) x{nobody}) i ORDER BY i.stage_entered_at, i.id LIMIT {IDLE}) d
         JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id
         LEFT JOIN companies c ON c.org_id = d.org_id AND c.id = d.company_id AND c.deleted_at IS NULL
         ORDER BY d.stage_entered_at, d.id",
        few("d.owner_id = o.id")
    );
    let rows = tx.lately(format!("{owners:?}"), |tx| -> AppResult<Vec<IdleRow>> {
        let query = diesel::sql_query(sql).into_boxed();
        let query = match owners {
            Some(owners) => query.bind::<t::Array<t::Uuid>, _>(owners.clone()),
            None => query,
        };
        Ok(kept(query).load(tx.conn())?)
    })?;
    let idle = |row: &IdleRow| Idle {
        id: row.id,
        name: row.name.clone(),
        note: row.company.iter().chain([&row.stage]).cloned().collect::<Vec<_>>().join(" · "),
        amount: row.amount.map(|a| actor.locale.money(Money::from_columns(a, &row.currency))).unwrap_or_default(),
        days: actor.locale.integer((Utc::now() - row.stage_entered_at).num_days()),
    };
    Ok(rows.iter().map(idle).collect())
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
    let scope = actor.visible_owners();
    let rows = tx.lately(format!("{end} {scope:?}"), |tx| -> AppResult<Vec<Counted>> {
        let query = diesel::sql_query(sql)
            .bind::<t::Nullable<t::Array<t::Uuid>>, _>(scope)
            .bind::<t::Date, _>(today)
            .bind::<t::Timestamptz, _>(end);
        Ok(kept(query).load(tx.conn())?)
    })?;
    let most = rows.iter().map(|row| row.open).max().unwrap_or(1).max(1);
    let load = |row: &Counted| Load {
        id: row.id,
        name: row.name.clone(),
        overdue: row.overdue,
        today: row.today,
        open: row.open,
        most,
    };
    Ok(rows.iter().map(load).collect())
}
