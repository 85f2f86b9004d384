//! Reading a list: the ids of a page in order, and the count.

use super::{
    ListQuery, Owners, Sort, Values,
    extra::Condition,
    keyset::{Half, Row, halves, page},
    sql::{Fragment, Literal, Sql},
};
use crate::{
    db::{
        OrgTx, Tx, is_worth_keeping, kept,
        paging::{self, Page},
    },
    error::{AppError, AppResult},
    features::records::filter,
    kernel::text,
    web::Actor,
};
use diesel::{prelude::*, result::Error as DieselError, sql_types};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Most records a text search lists; beyond it the reader narrows the words.
pub(super) const MATCHES: usize = 200;
/// Where counting stops when no kept counter knows the answer.
const COUNTED: i64 = 1_000;
/// How long the database may walk an index for one page: what takes longer is rare, and is quicker found by reading everything.
const SHORT: Duration = Duration::from_millis(700);
/// How long it may read everything for one page.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);

/// How a page is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Along the indexes, which finds what is common at once.
    Walk,
    /// All records, for what is rare.
    Scan,
}

impl Way {
    /// Bounds what the transaction asks from now on, and says how it is to be looked for.
    pub fn begin(self, tx: &mut OrgTx) -> AppResult<()> {
        tx.limit_time(self.limit())?;
        if self == Way::Scan { tx.walk_indexes(false) } else { Ok(()) }
    }

    /// Before each further statement of a page that asks several: what has passed since it began is no longer there for this one.
    pub fn go_on(self, tx: &mut OrgTx, began: Instant) -> AppResult<()> {
        // None at all would be no limit.
        tx.limit_time(self.limit().saturating_sub(began.elapsed()).max(Duration::from_millis(1)))
    }

    fn limit(self) -> Duration {
        if self == Way::Walk { SHORT } else { PATIENCE }
    }

    /// What follows may walk indexes again.
    pub fn end(self, tx: &mut OrgTx) -> AppResult<()> {
        if self == Way::Scan { tx.walk_indexes(true) } else { Ok(()) }
    }
}

/// A page of a list: ids in order, and how many there are in all.
#[derive(Debug)]
pub struct Found {
    pub page: Page<Uuid>,
    pub count: Count,
    /// What the page shows of its records, if it was read with them.
    pub values: Option<Vec<Values>>,
}

/// Exact, or "at least".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Count {
    pub records: i64,
    pub more: bool,
}

/// The ids on the page, and the count of the whole list. A list that nothing narrows is one statement together with `wanted`, what the page
/// shows of each record: there are few shapes of it.
pub fn find(tx: &mut OrgTx, actor: &Actor, query: &ListQuery, way: Way, wanted: &str) -> AppResult<Found> {
    if !query.is_plain() || query.sorts.iter().any(|sort| !sort.is_indexed()) {
        way.begin(tx)?;
    }
    let scope = Scope::by(tx, actor, query, way)?;
    if way == Way::Walk
        && query.is_plain()
        && query.sorts.iter().all(Sort::is_indexed)
        && let Some(found) = at_once(tx, &scope, wanted)?
    {
        return Ok(found);
    }
    let page = page(tx, &scope, paging::PAGE)?;
    let rows = i64::try_from(page.rows.len()).unwrap_or(0);
    let count = if page.next.is_none() && query.after.is_none() && !scope.cut_off() {
        Count { records: rows, more: false }
    } else {
        count(tx, &scope)?
    };
    way.end(tx)?;
    Ok(Found { page, count, values: None })
}

/// Whether the list was given up because nothing serves its filter or order.
pub fn is_too_long(error: &AppError) -> bool {
    let AppError::Internal(error) = error else { return false };
    let Some(DieselError::DatabaseError(_, info)) = error.downcast_ref::<DieselError>() else { return false };
    info.message().starts_with("canceling statement due to statement timeout")
}

/// The list for one reader.
pub(super) struct Scope<'a> {
    pub query: &'a ListQuery,
    owners: Owners,
    matches: Option<Matches>,
    /// All that the filter can find, where an index has said so and they are few.
    candidates: Option<Vec<Uuid>>,
}

/// What a text search finds.
enum Matches {
    /// The best, as a list shows them.
    These(Vec<Uuid>),
    /// Everything that has the words, read from end to end: more than a list shows.
    All(String),
}

impl<'a> Scope<'a> {
    pub fn of(tx: &mut OrgTx, actor: &Actor, query: &'a ListQuery) -> AppResult<Self> {
        Self::by(tx, actor, query, Way::Walk)
    }

    fn by(tx: &mut OrgTx, actor: &Actor, query: &'a ListQuery, way: Way) -> AppResult<Self> {
        let matches = if query.q.is_empty() { None } else { Some(Matches::These(matches(tx, actor, query)?)) };
        let candidates = filter::candidates(tx, query.record, &query.lookups, way == Way::Scan)?;
        Ok(Self { query, owners: query.owners(actor), matches, candidates })
    }

    /// Like [`Scope::of`], for work on everything that matches: no search by words stops at what a list shows.
    pub fn whole(tx: &mut OrgTx, actor: &Actor, query: &'a ListQuery) -> AppResult<Self> {
        let mut scope = Self::of(tx, actor, query)?;
        if scope.cut_off() {
            scope.matches = Some(Matches::All(text::fold(&query.q)));
        }
        Ok(scope)
    }

    /// There may be more matches than were looked at.
    pub fn cut_off(&self) -> bool {
        matches!(&self.matches, Some(Matches::These(ids)) if ids.len() >= MATCHES)
    }

    /// `FROM … WHERE …`
    pub fn add_to(&self, sql: &mut Sql) {
        let query = self.query;
        let archived = if query.archived { "IS NOT NULL" } else { "IS NULL" };
        sql.text(format!(" FROM {} r WHERE r.archived_at {archived} AND r.deleted_at IS NULL", query.record.noun()));
        self.owners(sql, "r.");
        for (field, key) in &query.picks {
            // The fields of the short menu are columns.
            sql.text(format!(" AND r.{} = ", field.key));
            sql.bind::<sql_types::Text, _>(key.clone());
        }
        for (_, condition) in query.chosen() {
            condition.add_to(sql);
        }
        if !query.filter.is_empty() || query.problem.is_some() {
            sql.text(" AND ");
            sql.fragment(&query.condition);
        }
        if let Some(ids) = &self.candidates {
            sql.text(" AND r.id = ANY (");
            sql.literal(Literal::Uuids(ids.clone()));
            sql.text(")");
        }
        match &self.matches {
            None => {}
            Some(Matches::These(ids)) => {
                sql.text(" AND r.id = ANY (");
                sql.literal(Literal::Uuids(ids.clone()));
                sql.text(")");
            }
            // Archived records have no document.
            Some(Matches::All(words)) if query.archived => {
                sql.text(" AND r.name_key LIKE ");
                sql.bind::<sql_types::Text, _>(pattern(words));
            }
            Some(Matches::All(words)) => {
                sql.text(" AND r.id IN (SELECT app.search_all(");
                sql.bind::<sql_types::Text, _>(words.clone());
                sql.text(format!(", '{}'))", query.record.key()));
            }
        }
    }

    /// One owner by equality, so that the owner's index also gives the order.
    fn owners(&self, sql: &mut Sql, alias: &str) {
        match &self.owners {
            Owners::All => {}
            Owners::Nobody => sql.text(format!(" AND {alias}owner_id IS NULL")),
            Owners::Of(ids) => {
                sql.text(format!(" AND {alias}owner_id = "));
                match ids.as_slice() {
                    [one] => sql.literal(Literal::Uuid(*one)),
                    many => {
                        sql.text("ANY (");
                        sql.literal(Literal::Uuids(many.to_vec()));
                        sql.text(")");
                    }
                }
            }
        }
    }
}

impl Condition {
    pub(super) fn add_to(&self, sql: &mut Sql) {
        let fragment = match *self {
            Self::Is(column, id) => Fragment::text(format!(" AND r.{column} = ")).bind(Literal::Uuid(id)),
            Self::Among(column, ref ids) => {
                Fragment::text(format!(" AND r.{column} = ANY (")).bind(Literal::Uuids(ids.clone())).push(")")
            }
            Self::AtLeast(column, key) => Fragment::text(format!(" AND r.{column} >= ")).bind(Literal::Integer(key)),
            Self::AtMost(column, key) => Fragment::text(format!(" AND r.{column} <= ")).bind(Literal::Integer(key)),
            Self::Tagged(record, tag) => Fragment::text(format!(
                " AND r.id IN (SELECT x.record_id FROM record_tags x WHERE x.record_type = '{record}' AND x.tag_id = "
            ))
            .bind(Literal::Uuid(tag))
            .push(")"),
            Self::Furthest(ref stages) => Fragment::text(
                " AND EXISTS (SELECT 1 FROM deal_states x WHERE x.org_id = r.org_id AND x.deal_id = r.id AND x.valid_to = 'infinity' \
                 AND x.furthest_id = ANY (",
            )
            .bind(Literal::Uuids(stages.clone()))
            .push("))"),
            Self::Before(column, day) => Fragment::text(format!(" AND r.{column} < ")).bind(Literal::Date(day)),
            Self::Days(column, span) => Fragment::text(format!(" AND r.{column} >= "))
                .bind(Literal::Date(span.from))
                .push(format!(" AND r.{column} < "))
                .bind(Literal::Date(span.to)),
            Self::Instants(column, from, to) => Fragment::text(format!(" AND r.{column} >= "))
                .bind(Literal::Instant(from))
                .push(format!(" AND r.{column} < "))
                .bind(Literal::Instant(to)),
            Self::Empty(column) => Fragment::text(format!(" AND r.{column} IS NULL")),
        };
        sql.fragment(&fragment);
    }
}

#[derive(QueryableByName)]
struct Shown {
    #[diesel(embed)]
    place: Row,
    #[diesel(embed)]
    values: Values,
    #[diesel(sql_type = sql_types::BigInt)]
    total: i64,
}

/// The page, its values and the kept count in one statement; `None` where too many shapes of it are kept already.
fn at_once(tx: &mut OrgTx, scope: &Scope, wanted: &str) -> AppResult<Option<Found>> {
    let mut most = None;
    let read = |tx: &mut OrgTx, inner: Half| -> AppResult<Option<Vec<Shown>>> {
        let mut sql = Sql::new(format!("SELECT r.id, p.keys, {wanted}, ("));
        add_total(&mut sql, scope);
        sql.text(") AS total FROM (");
        inner.add_to(&mut sql, scope, true)?;
        let noun = scope.query.record.noun();
        sql.text(format!(") p JOIN {noun} r ON r.org_id = p.org_id AND r.id = p.id ORDER BY p.place"));
        let keep = is_worth_keeping(sql.shape());
        Ok(if keep { Some(kept(sql.query()).load(tx.conn())?) } else { None })
    };
    let mut values = Vec::new();
    let page = halves(tx, scope, paging::PAGE, |tx, half| {
        let Some(shown) = read(tx, half)? else { return Ok(None) };
        Ok(Some(
            shown
                .into_iter()
                .map(|shown| {
                    most = Some(shown.total);
                    values.push(shown.values);
                    shown.place
                })
                .collect(),
        ))
    })?;
    let Some(page) = page else { return Ok(None) };
    let rows = i64::try_from(page.rows.len()).unwrap_or(0);
    let all_here = page.next.is_none() && scope.query.after.is_none();
    let records = most.filter(|_| !all_here).unwrap_or(rows);
    Ok(Some(Found { page, count: Count { records, more: false }, values: Some(values) }))
}

#[derive(QueryableByName)]
struct Total {
    #[diesel(sql_type = sql_types::BigInt)]
    records: i64,
}

pub(super) fn count(tx: &mut OrgTx, scope: &Scope) -> AppResult<Count> {
    let query = scope.query;
    if query.is_plain() {
        let mut sql = Sql::new("");
        add_total(&mut sql, scope);
        let Total { records } = kept(sql.query()).get_result(tx.conn())?;
        return Ok(Count { records, more: false });
    }
    let mut sql = Sql::new("SELECT count(*) AS records FROM (SELECT 1");
    scope.add_to(&mut sql);
    sql.text(format!(" LIMIT {}) found", COUNTED + 1));
    let records = sql.query().get_result::<Total>(tx.conn())?.records;
    Ok(Count { records: records.min(COUNTED), more: records > COUNTED || scope.cut_off() })
}

/// The kept count of a list that nothing but an owner narrows.
fn add_total(sql: &mut Sql, scope: &Scope) {
    sql.text("SELECT coalesce(sum(records), 0)::bigint AS records FROM record_totals WHERE record_type = ");
    sql.bind::<sql_types::Text, _>(scope.query.record.noun());
    scope.owners(sql, "");
}

/// A part of a name, in which the user's own wildcards are plain characters.
fn pattern(folded: &str) -> String {
    format!("%{}%", folded.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

#[derive(QueryableByName)]
struct Match {
    #[diesel(sql_type = sql_types::Uuid)]
    record_id: Uuid,
}

/// Records whose search document, or whose name when archived (those have none), holds the words.
fn matches(tx: &mut OrgTx, actor: &Actor, query: &ListQuery) -> AppResult<Vec<Uuid>> {
    let folded = text::fold(&query.q);
    let found: Vec<Match> = if query.archived {
        diesel::sql_query(format!(
            "SELECT id AS record_id FROM {} WHERE archived_at IS NOT NULL AND deleted_at IS NULL AND name_key LIKE $1 LIMIT {MATCHES}",
            query.record.noun()
        ))
        .bind::<sql_types::Text, _>(pattern(&folded))
        .load(tx.conn())?
    } else {
        let per_type = i32::try_from(MATCHES).unwrap_or(i32::MAX);
        diesel::sql_query("SELECT record_id FROM app.search($1, $2, $3, $4)")
            .bind::<sql_types::Text, _>(folded)
            .bind::<sql_types::Array<sql_types::Text>, _>(vec![query.record.key()])
            .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(actor.visible_owners())
            .bind::<sql_types::Integer, _>(per_type)
            .load(tx.conn())?
    };
    Ok(found.into_iter().map(|m| m.record_id).collect())
}
