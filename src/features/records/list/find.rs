//! Reading a list: the ids of a page in order, and the count.

use super::{
    ListQuery, Owners,
    extra::Condition,
    sql::{Fragment, Literal, Sql},
};
use crate::{
    db::{
        OrgTx, Tx, kept,
        paging::{self, Page},
    },
    error::{AppError, AppResult},
    kernel::text,
    web::Actor,
};
use diesel::{prelude::*, result::Error as DieselError, sql_types};
use std::time::Duration;
use uuid::Uuid;

/// Most records a text search lists; beyond it the reader narrows the words.
pub(super) const MATCHES: usize = 200;
/// Where counting stops when no kept counter knows the answer.
const COUNTED: i64 = 1_000;
/// How long the database may walk an index for one page: what takes longer is rare, and is quicker found by reading everything.
const SHORT: Duration = Duration::from_millis(1_500);
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

/// A page of a list: ids in order, and how many there are in all.
#[derive(Debug)]
pub struct Found {
    pub page: Page<Uuid>,
    pub count: Count,
}

/// Exact, or "at least".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Count {
    pub records: i64,
    pub more: bool,
}

/// The ids on the page, and the count of the whole list.
pub fn find(tx: &mut OrgTx, actor: &Actor, query: &ListQuery, way: Way) -> AppResult<Found> {
    if !query.is_plain() || query.sorts.iter().any(|sort| !sort.is_indexed()) {
        tx.limit_time(if way == Way::Walk { SHORT } else { PATIENCE })?;
    }
    if way == Way::Scan {
        tx.walk_indexes(false)?;
    }
    let scope = Scope::of(tx, actor, query)?;
    let page = page(tx, &scope, paging::PAGE)?;
    let rows = i64::try_from(page.rows.len()).unwrap_or(0);
    let count = if page.next.is_none() && query.after.is_none() && !scope.cut_off() {
        Count { records: rows, more: false }
    } else {
        count(tx, &scope)?
    };
    if way == Way::Scan {
        tx.walk_indexes(true)?;
    }
    Ok(Found { page, count })
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
        let matches = if query.q.is_empty() { None } else { Some(Matches::These(matches(tx, actor, query)?)) };
        Ok(Self { query, owners: query.owners(actor), matches })
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
struct Row {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Array<sql_types::Nullable<sql_types::Text>>)]
    keys: Vec<Option<String>>,
}

/// What a cursor holds: the last row's sort keys and its id.
type Cursor = (Vec<Option<String>>, Uuid);

/// Empty values come last, whichever way the list is sorted. They are a query of their own, so that both halves walk the index.
pub(super) fn page(tx: &mut OrgTx, scope: &Scope, limit: i64) -> AppResult<Page<Uuid>> {
    let query = scope.query;
    let cursor: Option<Cursor> = query.after.as_deref().map(paging::decode).transpose()?;
    if cursor.as_ref().is_some_and(|(keys, _)| keys.len() != query.sorts.len()) {
        return Err(paging::damaged());
    }
    let first = query.sorts.first().ok_or_else(super::damaged)?;
    let in_empty = cursor.as_ref().is_some_and(|(keys, _)| keys.first().is_some_and(Option::is_none));
    let mut rows: Vec<Row> = Vec::new();
    if !in_empty {
        rows = half(tx, scope, cursor.as_ref(), first.nullable.then_some(false), limit + 1)?;
    }
    let missing = limit + 1 - i64::try_from(rows.len()).unwrap_or(0);
    if first.nullable && missing > 0 {
        let from = cursor.as_ref().filter(|_| in_empty);
        rows.extend(half(tx, scope, from, Some(true), missing)?);
    }
    Ok(Page::new(rows, limit, |row| (row.keys.clone(), row.id)).map(|row| row.id))
}

/// `empty`: whether the first sort key is; `None`: it never is.
fn half(
    tx: &mut OrgTx,
    scope: &Scope,
    cursor: Option<&Cursor>,
    empty: Option<bool>,
    limit: i64,
) -> AppResult<Vec<Row>> {
    let sorts = &scope.query.sorts;
    let first = sorts.first().ok_or_else(super::damaged)?;
    let keys: Vec<String> = sorts.iter().map(|s| format!("({})::text", s.sql)).collect();
    let mut sql = Sql::new(format!("SELECT r.id, ARRAY[{}] AS keys", keys.join(", ")));
    scope.add_to(&mut sql);
    match empty {
        Some(true) => sql.text(format!(" AND {} IS NULL", first.sql)),
        Some(false) => sql.text(format!(" AND {} IS NOT NULL", first.sql)),
        None => {}
    }
    if let Some((keys, id)) = cursor {
        sql.text(" AND ");
        sql.fragment(&past(scope.query, keys, *id, empty)?);
    }
    let mut order = vec![format!("{} {}", first.sql, first.direction())];
    let rest = sorts.iter().skip(1);
    order.extend(rest.map(|s| format!("{} {} NULLS LAST", s.sql, s.direction())));
    sql.text(format!(" ORDER BY {}, r.id {} LIMIT {limit}", order.join(", "), first.direction()));
    let query = sql.query();
    Ok(if scope.query.is_plain() { kept(query).load(tx.conn())? } else { query.load(tx.conn())? })
}

/// What comes after the cursor. One sort key is a comparison of rows, which an index answers; several are its spelling out, led by
/// a bound on the first that an index answers too.
fn past(query: &ListQuery, keys: &[Option<String>], id: Uuid, empty: Option<bool>) -> AppResult<Fragment> {
    let first = query.sorts.first().ok_or_else(super::damaged)?;
    let sign = if first.descending { "<" } else { ">" };
    let mut last = Fragment::text(format!("r.id {sign} ")).bind(Literal::Uuid(id));
    for (sort, key) in query.sorts.iter().zip(keys).skip(1).rev() {
        last = beyond(sort, key.as_deref(), last)?;
    }
    let Some(key) = keys.first().and_then(Option::as_deref).filter(|_| empty != Some(true)) else { return Ok(last) };
    let value = first.literal(key)?;
    if query.sorts.len() == 1 {
        return Ok(Fragment::text(format!("({}, r.id) {sign} (", first.sql))
            .bind(value)
            .push(", ")
            .bind(Literal::Uuid(id))
            .push(")"));
    }
    Ok(Fragment::text(format!("{} {sign}= ", first.sql))
        .bind(value.clone())
        .push(format!(" AND ({} {sign} ", first.sql))
        .bind(value)
        .push(" OR ")
        .append(last)
        .push(")"))
}

/// Beyond that key, or at it and what `then` says; empty ones are beyond all others.
fn beyond(sort: &super::Sort, key: Option<&str>, then: Fragment) -> AppResult<Fragment> {
    let Some(key) = key else {
        return Ok(Fragment::text(format!("({} IS NULL AND ", sort.sql)).append(then).push(")"));
    };
    let value = sort.literal(key)?;
    let sign = if sort.descending { "<" } else { ">" };
    Ok(Fragment::text(format!("({0} IS NULL OR {0} {sign} ", sort.sql))
        .bind(value.clone())
        .push(format!(" OR ({} = ", sort.sql))
        .bind(value)
        .push(" AND ")
        .append(then)
        .push("))"))
}

#[derive(QueryableByName)]
struct Total {
    #[diesel(sql_type = sql_types::BigInt)]
    records: i64,
}

pub(super) fn count(tx: &mut OrgTx, scope: &Scope) -> AppResult<Count> {
    let query = scope.query;
    if query.is_plain() {
        let mut sql =
            Sql::new("SELECT coalesce(sum(records), 0)::bigint AS records FROM record_totals WHERE record_type = ");
        sql.bind::<sql_types::Text, _>(query.record.noun());
        scope.owners(&mut sql, "");
        let Total { records } = kept(sql.query()).get_result(tx.conn())?;
        return Ok(Count { records, more: false });
    }
    let mut sql = Sql::new("SELECT count(*) AS records FROM (SELECT 1");
    scope.add_to(&mut sql);
    sql.text(format!(" LIMIT {}) found", COUNTED + 1));
    let records = sql.query().get_result::<Total>(tx.conn())?.records;
    Ok(Count { records: records.min(COUNTED), more: records > COUNTED || scope.cut_off() })
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
