//! Reading activities: one, those of a record, and pages of lists, within what the reader may see.
//!
//! An activity is seen by whoever sees its assignee's records, takes part in it, or sees a record it is about. Lists go by assignee
//! and participant: by the index of each assignee where the reader does not see everybody's, so that a page costs the same among millions.

pub use super::one::{concerns, find};
pub(super) use super::one::{
    is_removable, lock, lock_any, require_all_removable, require_removable, seen_of, stays_in_sight, version,
};

use super::{lines::Row, model::Class};
use crate::{
    db::{OrgTx, Tx, by_one_plan, kept, paging},
    error::AppResult,
    kernel::{ActivitySeriesId, ActivityTypeId, RecordType},
    web::{
        Actor,
        permission::{Permission, deals},
    },
};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use diesel::{pg::Pg, prelude::*, query_builder::BoxedSqlQuery, query_builder::SqlQuery, sql_types as t};
use rust_decimal::Decimal;
use uuid::Uuid;

/// Which of a list's activities.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// Every open one, the longest overdue first.
    Open,
    Overdue,
    Today,
    /// From one day up to another.
    Days(NaiveDate, NaiveDate),
    /// From now on.
    Ahead,
    Undated,
    /// Done or cancelled, the latest first.
    Closed,
}

/// Leaves out the occurrences that have an open one before them.
pub(super) const UNFOLDED: &str = "a.occurrence IS DISTINCT FROM 'later'";

/// What a search is compared with: `app.fold`, which takes ten times as long as `lower`, only of what has letters to fold.
const SUBJECT: &str =
    "CASE WHEN octet_length(a.subject) = char_length(a.subject) THEN lower(a.subject) ELSE app.fold(a.subject) END";

/// Begun, and not going on any more. Lengths are not in the indexes that answer lists: they are fetched of what began within a day only.
pub(super) fn over(now: &str) -> String {
    format!(
        "(a.start_at < {now} AND NOT (a.start_at > {now} - interval '1 day' AND \
           (SELECT r.start_at + coalesce(r.minutes, 0) * interval '1 minute' FROM activities r WHERE r.org_id = a.org_id AND r.id = a.id) > {now}))"
    )
}

/// What a list asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub class: Class,
    /// What the subject holds, folded: each of them.
    pub words: Vec<String>,
    /// Whose; `None`: everybody's.
    pub owners: Option<Vec<Uuid>>,
    /// What was given to them, not what they take part in beside that.
    pub given: bool,
    pub when: When,
    pub type_id: Option<ActivityTypeId>,
    pub status: Option<&'static str>,
    /// Of each series only the next occurrence.
    pub fold: bool,
    /// Of one series only.
    pub series: Option<ActivitySeriesId>,
    /// About one record only.
    pub about: Option<(RecordType, Uuid)>,
    /// Where the page before ended.
    pub after: Option<(DateTime<Utc>, Uuid)>,
    pub limit: i64,
}

/// One more than `limit`, when there are more.
pub fn list(tx: &mut OrgTx, actor: &Actor, asked: &Asked) -> AppResult<Vec<Row>> {
    let mut sql = Sql::default();
    let (key, order) = if asked.when == When::Closed { ("closed_at", "DESC") } else { ("at", "ASC") };
    let limit = asked.limit + 1;
    let picked = sql.picked(actor, asked, key, order, limit);
    let columns = sql.columns(actor);
    sql.text = format!(
        "WITH picked AS MATERIALIZED (SELECT * FROM ({picked}) x ORDER BY x.key {order}, x.id {order} LIMIT {limit}) \
         {columns} FROM picked p JOIN activities a ON a.org_id = p.org_id AND a.id = p.id {} ORDER BY p.key {order}, p.id {order}",
        sql.joins
    );
    sql.load(tx)
}

/// An activity that may be shown, with what its deal is worth, if that is open and the reader sees it.
#[derive(QueryableByName, Clone, Debug)]
pub struct Candidate {
    /// Which of the questions it answers.
    #[diesel(sql_type = t::Integer)]
    pub part: i32,
    #[diesel(sql_type = t::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = t::Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub series_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Numeric>)]
    pub amount: Option<Decimal>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub currency: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub stage: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub color: Option<String>,
}

/// What answers each of several questions about open activities, in one statement: for those who show the worthiest of many.
pub fn candidates(tx: &mut OrgTx, actor: &Actor, asked: &[Asked]) -> AppResult<Vec<Candidate>> {
    let mut sql = Sql::default();
    let mut parts = Vec::with_capacity(asked.len());
    for (n, asked) in asked.iter().enumerate() {
        let picked = sql.picked(actor, asked, "at", "ASC", asked.limit);
        parts.push(format!("(SELECT {n} AS part, x.* FROM ({picked}) x ORDER BY x.key, x.id LIMIT {})", asked.limit));
    }
    let seen = if actor.may(deals::View::KEY) {
        let owners = sql.bind(Bind::Owners(actor.visible_owners()));
        format!("({owners}::uuid[] IS NULL OR d.owner_id = ANY ({owners}))")
    } else {
        "false".to_owned()
    };
    sql.text = format!(
        "WITH picked AS MATERIALIZED ({}) \
         SELECT p.part, p.id, p.key AS at, a.series_id, d.amount, d.currency::text AS currency, s.name AS stage, s.color \
         FROM picked p JOIN activities a ON a.org_id = p.org_id AND a.id = p.id \
         LEFT JOIN deals d ON d.org_id = a.org_id AND d.id = a.deal_id AND d.status = 'open' AND d.deleted_at IS NULL AND {seen} \
         LEFT JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id ORDER BY p.part, p.key, p.id",
        parts.join(" UNION ALL ")
    );
    let query = kept(sql.query());
    Ok(by_one_plan(tx.conn(), |conn| query.load(conn))?)
}

/// How many there are, counted up to `most`.
pub fn count(tx: &mut OrgTx, actor: &Actor, asked: &Asked, most: i64) -> AppResult<i64> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = t::BigInt)]
        count: i64,
    }
    let of = format!("activities {most} {} {asked:?}", actor.zone);
    let counted = tx.lately(of, |tx| {
        let mut sql = Sql::default();
        let (key, order) = if asked.when == When::Closed { ("closed_at", "DESC") } else { ("at", "ASC") };
        let picked = sql.picked(actor, asked, key, order, most);
        sql.text = format!("SELECT count(*) AS count FROM (SELECT * FROM ({picked}) y LIMIT {most}) x");
        let rows: Vec<Count> = sql.load(tx)?;
        Ok(rows.first().map_or(0, |row| row.count))
    })?;
    Ok(*counted)
}

/// Open activities about a record that the caller has found visible, the nearest first; at most `limit`.
pub fn planned(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid, limit: i64) -> AppResult<Vec<Row>> {
    let mut sql = Sql::default();
    let columns = sql.columns(actor);
    let id = sql.bind(Bind::Id(id));
    let about = match record {
        RecordType::Contact => format!(
            "(SELECT a.org_id, a.id FROM activities a WHERE a.contact_id = {id} AND a.closed_at IS NULL AND a.deleted_at IS NULL AND {UNFOLDED} \
             UNION SELECT q.org_id, q.activity_id FROM activity_participants q WHERE q.contact_id = {id})"
        ),
        other => format!(
            "(SELECT a.org_id, a.id FROM activities a WHERE a.{}_id = {id} AND a.closed_at IS NULL AND a.deleted_at IS NULL \
             AND {UNFOLDED} ORDER BY a.at LIMIT {limit})",
            other.key()
        ),
    };
    sql.text = format!(
        "{columns} FROM {about} p JOIN activities a ON a.org_id = p.org_id AND a.id = p.id {} \
         WHERE a.closed_at IS NULL AND a.deleted_at IS NULL AND {UNFOLDED} ORDER BY a.at, a.id LIMIT {limit}",
        sql.joins
    );
    sql.load(tx)
}

/// Those of these ids, in their order.
pub fn some(tx: &mut OrgTx, actor: &Actor, ids: &[Uuid]) -> AppResult<Vec<Row>> {
    let mut sql = Sql::default();
    let columns = sql.columns(actor);
    let ids = sql.bind(Bind::Ids(ids.to_vec()));
    sql.text = format!(
        "{columns} FROM unnest({ids}) WITH ORDINALITY p(id, n) JOIN activities a ON a.id = p.id {} WHERE a.deleted_at IS NULL ORDER BY p.n",
        sql.joins
    );
    sql.load(tx)
}

enum Bind {
    Id(Uuid),
    Ids(Vec<Uuid>),
    Owners(Option<Vec<Uuid>>),
    Date(NaiveDate),
    Time(DateTime<Utc>),
    Text(String),
}

/// A statement and its binds. Only the conditions there are get written.
#[derive(Default)]
struct Sql {
    text: String,
    joins: String,
    binds: Vec<Bind>,
    /// By words, of which there may be several, and in one of two ways: planned each time.
    searched: bool,
}

impl Sql {
    /// Its place in the statement.
    fn bind(&mut self, bind: Bind) -> String {
        self.binds.push(bind);
        format!("${}", self.binds.len())
    }

    /// What a line shows. What it is about is named to those who see that record, and to nobody else.
    fn columns(&mut self, actor: &Actor) -> String {
        let owners = self.bind(Bind::Owners(actor.visible_owners()));
        let mut columns = "SELECT a.org_id, a.id, a.version, a.subject, a.class, a.status, a.priority, a.start_at, a.due_on, a.minutes, \
            a.location, a.outcome, a.closed_at, a.at, t.name AS type_name, t.icon AS type_icon, t.color AS type_color, a.series_id, \
            EXISTS (SELECT 1 FROM activity_dependencies w JOIN activities f ON f.org_id = w.org_id AND f.id = w.waits_for \
              WHERE w.org_id = a.org_id AND w.activity_id = a.id AND f.closed_at IS NULL AND f.deleted_at IS NULL) AS blocked, \
            m.id AS owner_id, m.name AS owner, m.avatar_tag"
            .to_owned();
        self.joins = "JOIN activity_types t ON t.org_id = a.org_id AND t.id = a.type_id \
            LEFT JOIN members m ON m.org_id = a.org_id AND m.id = a.owner_id"
            .to_owned();
        let (about, joins) = about(actor, &owners);
        columns.push_str(&about);
        self.joins.push_str(&joins);
        columns
    }

    /// The ids of a page, as `org_id`, `id`, `key`: of everybody's by one index, else of each assignee's, and what they take part in.
    fn picked(&mut self, actor: &Actor, asked: &Asked, key: &str, order: &str, limit: i64) -> String {
        let conditions = self.conditions(actor, asked);
        let select = format!("SELECT a.org_id, a.id, a.{key} AS key FROM");
        let Some(owners) = &asked.owners else {
            return format!(
                "{select} activities a WHERE {conditions} ORDER BY a.{key} {order}, a.id {order} LIMIT {limit}"
            );
        };
        let owners = self.bind(Bind::Ids(owners.clone()));
        let given = format!(
            "SELECT b.* FROM unnest({owners}) o(id) CROSS JOIN LATERAL ({select} activities a WHERE a.owner_id = o.id AND {conditions} \
               ORDER BY a.{key} {order}, a.id {order} LIMIT {limit}) b"
        );
        if asked.given {
            return given;
        }
        format!(
            "{given} UNION {select} activity_participants q JOIN activities a ON a.org_id = q.org_id AND a.id = q.activity_id \
               WHERE q.member_id = ANY ({owners}) AND {conditions}"
        )
    }

    fn conditions(&mut self, actor: &Actor, asked: &Asked) -> String {
        let class = self.bind(Bind::Text(asked.class.key().into()));
        let closed = if asked.when == When::Closed { "IS NOT NULL" } else { "IS NULL" };
        let mut conditions = format!("a.class = {class} AND a.deleted_at IS NULL AND a.closed_at {closed}");
        let mut and = |condition: String| {
            conditions.push_str(" AND ");
            conditions.push_str(&condition);
        };
        for condition in self.time(actor, asked.when) {
            and(condition);
        }
        if let Some(id) = asked.type_id {
            and(format!("a.type_id = {}", self.bind(Bind::Id(id.0))));
        }
        if let Some(status) = asked.status {
            and(format!("a.status = {}", self.bind(Bind::Text(status.into()))));
        }
        self.searched |= !asked.words.is_empty();
        for word in &asked.words {
            and(format!("strpos({SUBJECT}, {}) > 0", self.bind(Bind::Text(word.clone()))));
        }
        if asked.fold {
            and(UNFOLDED.to_owned());
        }
        if let Some(id) = asked.series {
            and(format!("a.series_id = {}", self.bind(Bind::Id(id.0))));
        }
        if let Some((record, id)) = asked.about {
            and(format!("a.{}_id = {}", record.key(), self.bind(Bind::Id(id))));
        }
        if let Some((at, id)) = asked.after {
            let (at, id) = (self.bind(Bind::Time(at)), self.bind(Bind::Id(id)));
            match asked.when {
                When::Closed => and(format!("(a.closed_at, a.id) < ({at}, {id})")),
                _ => and(format!("(a.at, a.id) > ({at}, {id})")),
            }
        }
        conditions
    }

    /// The span of the index that can hold them, and exactly which of it do: days are the reader's.
    fn time(&mut self, actor: &Actor, when: When) -> Vec<String> {
        let now = Utc::now();
        let today = actor.today();
        match when {
            When::Open | When::Closed => vec![],
            When::Overdue => {
                let (now, reach) = (self.bind(Bind::Time(now)), self.bind(Bind::Time(now + Duration::days(1))));
                let today = self.bind(Bind::Date(today));
                vec![format!("a.at < {reach}"), format!("({} OR a.due_on < {today})", over(&now))]
            }
            When::Today => self.days(actor, today, today + chrono::Days::new(1)),
            When::Days(from, to) => self.days(actor, from, to),
            When::Ahead => {
                let now = self.bind(Bind::Time(now));
                vec![format!("a.at >= {now}"), "a.start_at IS NOT NULL".into()]
            }
            When::Undated => vec!["a.start_at IS NULL".into(), "a.due_on IS NULL".into(), "a.at > '9000-01-01'".into()],
        }
    }

    fn days(&mut self, actor: &Actor, from: NaiveDate, to: NaiveDate) -> Vec<String> {
        let (start, end) = crate::kernel::calendar::instants(crate::kernel::calendar::Span { from, to }, actor.zone);
        let reach = Duration::hours(24);
        let (low, high) = (self.bind(Bind::Time(start - reach)), self.bind(Bind::Time(end + reach)));
        let (from, to) = (self.bind(Bind::Date(from)), self.bind(Bind::Date(to)));
        let (start, end) = (self.bind(Bind::Time(start)), self.bind(Bind::Time(end)));
        vec![
            format!("a.at >= {low} AND a.at < {high}"),
            format!("(a.start_at >= {start} AND a.start_at < {end} OR a.due_on >= {from} AND a.due_on < {to})"),
        ]
    }

    fn load<R>(self, tx: &mut OrgTx) -> AppResult<Vec<R>>
    where
        R: diesel::deserialize::QueryableByName<Pg> + 'static,
    {
        if self.searched {
            return Ok(self.query().load(tx.conn())?);
        }
        Ok(kept(self.query()).load(tx.conn())?)
    }

    fn query(self) -> BoxedSqlQuery<'static, Pg, SqlQuery> {
        let query: BoxedSqlQuery<'static, Pg, SqlQuery> = diesel::sql_query(self.text).into_boxed();
        self.binds.into_iter().fold(query, |query, bind| match bind {
            Bind::Id(id) => query.bind::<t::Uuid, _>(id),
            Bind::Ids(ids) => query.bind::<t::Array<t::Uuid>, _>(ids),
            Bind::Owners(ids) => query.bind::<t::Nullable<t::Array<t::Uuid>>, _>(ids),
            Bind::Date(day) => query.bind::<t::Date, _>(day),
            Bind::Time(at) => query.bind::<t::Timestamptz, _>(at),
            Bind::Text(text) => query.bind::<t::Text, _>(text),
        })
    }
}

/// Of what each activity `a` is about: further columns (`deal_id`, `deal`, …) and the joins they need. A record is named to those who see
/// it, and to nobody else; `owners` is the bind of [`Actor::visible_owners`].
pub fn about(actor: &Actor, owners: &str) -> (String, String) {
    let (mut columns, mut joins) = (String::new(), String::new());
    for record in [RecordType::Deal, RecordType::Contact, RecordType::Company, RecordType::Lead] {
        let (key, noun) = (record.key(), record.noun());
        if !actor.may(&format!("{noun}.view")) {
            columns.push_str(&format!(", NULL::uuid AS {key}_id, NULL::text AS {key}"));
            continue;
        }
        let name = qualified_name(record);
        columns.push_str(&format!(", {key}.id AS {key}_id, {name} AS {key}"));
        joins.push_str(&format!(
            " LEFT JOIN {noun} {key} ON {key}.org_id = a.org_id AND {key}.id = a.{key}_id AND {key}.deleted_at IS NULL \
             AND ({owners}::uuid[] IS NULL OR {key}.owner_id = ANY ({owners}))"
        ));
    }
    (columns, joins)
}

/// `records::name_sql`, over the table under the record type's key.
fn qualified_name(record: RecordType) -> String {
    let key = record.key();
    match record {
        RecordType::Company | RecordType::Deal => format!("{key}.name"),
        RecordType::Contact => {
            format!("coalesce(nullif(btrim({key}.first_name || ' ' || {key}.last_name), ''), {key}.email, '')")
        }
        RecordType::Lead => format!(
            "coalesce(nullif(btrim({key}.first_name || ' ' || {key}.last_name), ''), {key}.company_name, {key}.email, '')"
        ),
    }
}

/// The cursor of the page that follows.
pub fn cursor(when: When, last: &Row) -> String {
    let at = if when == When::Closed { last.closed_at.unwrap_or_default() } else { last.at };
    paging::encode(&(at, last.id))
}
