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
    web::{
        Actor,
        permission::{Permission, deals},
    },
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
    /// Where all of them stand, when there are more: address, and how many of what.
    pub more_due: Vec<(&'static str, String)>,
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

/// How much someone has before them, in the words of the lists that open at a click.
#[derive(Clone, Debug)]
pub struct Load {
    pub name: String,
    pub overdue: [Portion; 2],
    pub today: [Portion; 2],
    pub open: [Portion; 2],
}

impl Load {
    /// Columns of a row, and the class of each.
    pub fn columns(&self) -> [(&[Portion; 2], &'static str); 3] {
        let late = self.overdue.iter().any(|portion| portion.some);
        [(&self.overdue, if late { "is-bad" } else { "" }), (&self.today, ""), (&self.open, "")]
    }
}

/// Of one class, what the list of that address holds.
#[derive(Clone, Debug)]
pub struct Portion {
    pub href: String,
    /// `12`, or `100+`.
    pub words: String,
    /// `12 tasks overdue`.
    pub label: String,
    pub some: bool,
}

impl Portion {
    fn new(id: Uuid, class: Class, (when, told): (&str, &str), count: i64, more: bool) -> Self {
        let noun = if count == 1 && !more { class.label() } else { class.plural() }.to_lowercase();
        let words = format!("{count}{}", if more { "+" } else { "" });
        Self {
            href: format!("/{}?who={id}&given=1{when}", class.noun()),
            label: format!("{words} {noun} {told}"),
            words,
            some: count > 0,
        }
    }
}

impl Day {
    /// Whether there is nothing in it to do or to go to.
    pub fn is_empty(&self) -> bool {
        self.due.is_empty() && self.meetings.is_empty()
    }

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
        let in_part = |part: i32| found.iter().filter(|one| one.part == part).count();
        let counts = [0, 1, 2, 3].map(in_part);
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
        let more_due = if due.len() > DUE { more_due(counts) } else { Vec::new() };
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
            idle: if actor.may(deals::View::KEY) { idle(tx, actor, owners)? } else { Vec::new() },
            load: if team { load(tx, actor)? } else { Vec::new() },
        })
    }
}

/// The lists that what is due was chosen from, in the order of the questions.
fn more_due(counts: [usize; 4]) -> Vec<(&'static str, String)> {
    let lists = [
        ("/activities?when=overdue", "activities overdue"),
        ("/activities?when=today", "activities today"),
        ("/tasks?when=overdue", "tasks overdue"),
        ("/tasks?when=today", "tasks today"),
    ];
    let all = |count: usize| i64::try_from(count).is_ok_and(|count| count < READ);
    let told = |count: usize| if all(count) { count.to_string() } else { format!("{READ}+") };
    let some = lists.into_iter().zip(counts).filter(|(_, count)| *count > 0);
    some.map(|((href, what), count)| (href, format!("{} {what}", told(count)))).collect()
}

fn mine(actor: &Actor, class: Class, when: When, limit: i64) -> Asked {
    Asked {
        class,
        words: vec![],
        owners: Some(vec![actor.id.0]),
        given: false,
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
        let amount = found
            .amount
            .zip(found.currency)
            .map(|(amount, code)| actor.locale.short(Money::from_columns(amount, &code)));
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

/// Everyone with something overdue or open, the most overdue first: what is theirs, as the lists show it, counted up to a bound each.
fn load(tx: &mut OrgTx, actor: &Actor) -> AppResult<Vec<Load>> {
    #[derive(QueryableByName)]
    struct Counted {
        #[diesel(sql_type = t::Uuid)]
        id: Uuid,
        #[diesel(sql_type = t::Text)]
        name: String,
        /// Activities and tasks.
        #[diesel(sql_type = t::Array<t::BigInt>)]
        overdue: Vec<i64>,
        #[diesel(sql_type = t::Array<t::BigInt>)]
        today: Vec<i64>,
        #[diesel(sql_type = t::Array<t::BigInt>)]
        open: Vec<i64>,
    }
    let both = |which: &str| {
        let of = |class: &str| format!("count(*) FILTER (WHERE k.class = '{class}' AND {which})");
        format!("ARRAY[{}, {}]", of("activity"), of("task"))
    };
    let sql = format!(
        "SELECT m.id, m.name, {} AS overdue, {} AS today, {} AS open
         FROM members m CROSS JOIN (VALUES ('activity'), ('task')) k(class) CROSS JOIN LATERAL (
           SELECT {} OR a.due_on < $2 AS late, a.due_on = $2 OR (a.start_at >= $3 AND a.start_at < $4) AS today
           FROM activities a WHERE a.owner_id = m.id AND a.class = k.class AND a.closed_at IS NULL AND a.deleted_at IS NULL AND {}
           ORDER BY a.at LIMIT {COUNTED}) x
         WHERE m.deactivated_at IS NULL AND ($1 IS NULL OR m.id = ANY ($1))
         GROUP BY m.id, m.name ORDER BY count(*) FILTER (WHERE x.late) DESC, count(*) DESC, m.name LIMIT 50",
        both("x.late"),
        both("x.today"),
        both("true"),
        queries::over("now()"),
        queries::UNFOLDED
    );
    let today = actor.today();
    let (start, end) = crate::kernel::calendar::instants(
        crate::kernel::calendar::Span { from: today, to: today + chrono::Days::new(1) },
        actor.zone,
    );
    let scope = actor.visible_owners();
    let rows = tx.lately(format!("{end} {scope:?}"), |tx| -> AppResult<Vec<Counted>> {
        let query = diesel::sql_query(sql)
            .bind::<t::Nullable<t::Array<t::Uuid>>, _>(scope)
            .bind::<t::Date, _>(today)
            .bind::<t::Timestamptz, _>(start)
            .bind::<t::Timestamptz, _>(end);
        Ok(kept(query).load(tx.conn())?)
    })?;
    let load = |row: &Counted| {
        let portions = |counts: &[i64], list: (&str, &str)| {
            [(Class::Activity, 0), (Class::Task, 1)].map(|(class, at)| {
                let count = |of: &[i64]| of.get(at).copied().unwrap_or(0);
                Portion::new(row.id, class, list, count(counts), count(&row.open) >= COUNTED)
            })
        };
        Load {
            name: row.name.clone(),
            overdue: portions(&row.overdue, ("&when=overdue", "overdue")),
            today: portions(&row.today, ("&when=today", "today")),
            open: portions(&row.open, ("", "open")),
        }
    };
    Ok(rows.iter().map(load).collect())
}
