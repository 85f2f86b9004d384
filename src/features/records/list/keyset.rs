//! A page of a list by its sort keys: what comes after the cursor, along the index.

use super::{
    ListQuery,
    find::Scope,
    sql::{Fragment, Literal, Sql},
};
use crate::{
    db::{
        OrgTx, Tx, kept,
        paging::{self, Page},
    },
    error::AppResult,
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

#[derive(QueryableByName)]
pub(super) struct Row {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = sql_types::Array<sql_types::Nullable<sql_types::Text>>)]
    keys: Vec<Option<String>>,
}

/// What a cursor holds: the last row's sort keys and its id.
type Cursor = (Vec<Option<String>>, Uuid);

/// The ids of a page.
pub(super) fn page(tx: &mut OrgTx, scope: &Scope, limit: i64) -> AppResult<Page<Uuid>> {
    let page = halves(tx, scope, limit, |tx, half| {
        let mut sql = Sql::new("");
        half.add_to(&mut sql, scope, false)?;
        let query = sql.query();
        Ok(Some(if scope.query.is_plain() { kept(query).load(tx.conn())? } else { query.load(tx.conn())? }))
    })?;
    page.ok_or_else(super::damaged)
}

/// Empty values come last, whichever way the list is sorted. They are a query of their own, so that both halves walk the index. `None` as
/// soon as `read` answers that.
pub(super) fn halves(
    tx: &mut OrgTx,
    scope: &Scope,
    limit: i64,
    mut read: impl FnMut(&mut OrgTx, Half) -> AppResult<Option<Vec<Row>>>,
) -> AppResult<Option<Page<Uuid>>> {
    let query = scope.query;
    let cursor: Option<Cursor> = query.after.as_deref().map(paging::decode).transpose()?;
    if cursor.as_ref().is_some_and(|(keys, _)| keys.len() != query.sorts.len()) {
        return Err(paging::damaged());
    }
    let first = query.sorts.first().ok_or_else(super::damaged)?;
    let in_empty = cursor.as_ref().is_some_and(|(keys, _)| keys.first().is_some_and(Option::is_none));
    let mut rows: Vec<Row> = Vec::new();
    if !in_empty {
        let half = Half { cursor: cursor.as_ref(), empty: first.nullable.then_some(false), limit: limit + 1 };
        let Some(found) = read(tx, half)? else { return Ok(None) };
        rows = found;
    }
    let missing = limit + 1 - i64::try_from(rows.len()).unwrap_or(0);
    if first.nullable && missing > 0 {
        let half = Half { cursor: cursor.as_ref().filter(|_| in_empty), empty: Some(true), limit: missing };
        let Some(found) = read(tx, half)? else { return Ok(None) };
        rows.extend(found);
    }
    Ok(Some(Page::new(rows, limit, |row| (row.keys.clone(), row.id)).map(|row| row.id)))
}

/// The rows whose first sort key is there, or those where it is empty.
pub(super) struct Half<'a> {
    cursor: Option<&'a Cursor>,
    /// Whether the first sort key is; `None`: it never is.
    empty: Option<bool>,
    limit: i64,
}

impl Half<'_> {
    /// `SELECT r.id, keys …`; `placed`: within another statement, to which each row also says its organisation and its place.
    pub fn add_to(&self, sql: &mut Sql, scope: &Scope, placed: bool) -> AppResult<()> {
        let sorts = &scope.query.sorts;
        let first = sorts.first().ok_or_else(super::damaged)?;
        let keys: Vec<String> = sorts.iter().map(|s| format!("({})::text", s.sql)).collect();
        let mut order = vec![format!("{} {}", first.sql, first.direction())];
        order.extend(sorts.iter().skip(1).map(|s| format!("{} {} NULLS LAST", s.sql, s.direction())));
        let order = format!("ORDER BY {}, r.id {}", order.join(", "), first.direction());
        sql.text(format!("SELECT r.id, ARRAY[{}] AS keys", keys.join(", ")));
        if placed {
            sql.text(format!(", r.org_id, row_number() OVER ({order}) AS place"));
        }
        scope.add_to(sql);
        match self.empty {
            Some(true) => sql.text(format!(" AND {} IS NULL", first.sql)),
            Some(false) => sql.text(format!(" AND {} IS NOT NULL", first.sql)),
            None => {}
        }
        if let Some((keys, id)) = self.cursor {
            sql.text(" AND ");
            sql.fragment(&past(scope.query, keys, *id, self.empty)?);
        }
        sql.text(format!(" {order} LIMIT {}", self.limit));
        Ok(())
    }
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
