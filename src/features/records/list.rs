//! Lists of records: what the address asks for, which rows those are, how many there are.
//!
//! Paging is by keyset over (sort key, id), so that the last page costs what the first one does. Every predicate is shaped to an
//! index of the migration, and uses operators that row-level security lets reach one.

mod extra;
mod view;

pub use extra::{Condition, Extra};
pub use view::{FilterMenu, Header, ListView};

use crate::{
    db::{
        OrgTx, Tx, kept,
        paging::{self, Page},
    },
    error::{AppError, AppResult},
    kernel::{Field, FieldKind, RecordType, text},
    web::{Actor, Form},
};
use actix_web::http::StatusCode;
use chrono::{DateTime, Utc};
use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{BoxedSqlQuery, SqlQuery},
    sql_types,
};
use uuid::Uuid;

/// Most records a text search lists; beyond it the reader narrows the words.
const MATCHES: usize = 200;
/// Where counting stops when no kept counter knows the answer.
const COUNTED: i64 = 1_000;

/// What a list's address asks for.
#[derive(Clone, Debug)]
pub struct ListQuery {
    pub record: RecordType,
    pub q: String,
    pub owner: OwnerFilter,
    pub archived: bool,
    /// Choice fields that must have this key.
    pub picks: Vec<(&'static Field, String)>,
    /// Filters of this record type alone; its list sets them.
    pub extras: Vec<Extra>,
    pub sort: &'static Field,
    pub descending: bool,
    pub after: Option<String>,
    /// Rows on the pages before.
    pub shown: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OwnerFilter {
    Anybody,
    Nobody,
    Member(Uuid),
}

/// Whose records a list shows: the owner filter within what the reader may see.
enum Owners {
    All,
    Nobody,
    Of(Vec<Uuid>),
}

impl ListQuery {
    /// From a query string; `filters` are the choice fields the list offers. What the list does not know is refused.
    pub fn parse(record: RecordType, actor: &Actor, query: &str, filters: &[&str]) -> AppResult<Self> {
        let bad = damaged;
        let form = Form::decode(query.as_bytes())?;
        let owner = match form.get("owner") {
            "" => OwnerFilter::Anybody,
            "none" => OwnerFilter::Nobody,
            "me" => OwnerFilter::Member(actor.id.0),
            id => OwnerFilter::Member(id.parse().map_err(|_| bad())?),
        };
        let mut picks = Vec::new();
        for field in filters.iter().filter_map(|key| record.field(key)) {
            let wanted = form.get(field.key);
            let FieldKind::Choice(choices) = field.kind else { continue };
            if choices.iter().any(|(key, _)| *key == wanted) {
                picks.push((field, wanted.to_owned()));
            } else if !wanted.is_empty() {
                return Err(bad());
            }
        }
        let sort = Some(form.get("sort")).filter(|s| !s.is_empty()).unwrap_or("name");
        let (descending, key) = sort.strip_prefix('-').map_or((false, sort), |key| (true, key));
        let q: String = form.get("q").chars().take(200).collect();
        Ok(Self {
            record,
            q,
            owner,
            archived: form.get("archived") == "1",
            picks,
            extras: vec![],
            sort: record.field(key).filter(|f| f.sortable).ok_or_else(bad)?,
            descending,
            after: Some(form.get("after").to_owned()).filter(|after| !after.is_empty()),
            shown: form.get("shown").parse().unwrap_or(0).clamp(0, 1_000_000_000),
        })
    }

    fn owners(&self, actor: &Actor) -> Owners {
        match (self.owner, actor.visible_owners()) {
            (OwnerFilter::Anybody, None) => Owners::All,
            (OwnerFilter::Anybody, Some(visible)) => Owners::Of(visible),
            (OwnerFilter::Nobody, None) => Owners::Nobody,
            (OwnerFilter::Nobody, Some(_)) => Owners::Of(vec![]),
            (OwnerFilter::Member(id), visible) if visible.as_ref().is_none_or(|v| v.contains(&id)) => {
                Owners::Of(vec![id])
            }
            (OwnerFilter::Member(_), _) => Owners::Of(vec![]),
        }
    }

    /// The extra filters in force.
    fn chosen(&self) -> impl Iterator<Item = (&Extra, &Condition)> {
        self.extras.iter().filter_map(|extra| Some((extra, extra.condition.as_ref()?)))
    }

    /// `name_key` stands for the name: the same order, in a form the indexes have.
    fn sort_column(&self) -> &'static str {
        if self.sort.key == "name" { "name_key" } else { self.sort.column }
    }

    fn is_plain(&self) -> bool {
        self.q.is_empty() && self.picks.is_empty() && self.chosen().next().is_none() && !self.archived
    }
}

/// A filter that says what this list does not know.
pub fn damaged() -> AppError {
    AppError::Rejected(StatusCode::BAD_REQUEST, "This list's address is damaged. Start again from the menu.")
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
pub fn find(tx: &mut OrgTx, actor: &Actor, query: &ListQuery) -> AppResult<Found> {
    let owners = query.owners(actor);
    let matches = if query.q.is_empty() { None } else { Some(matches(tx, actor, query)?) };
    let page = page(tx, query, &owners, matches.as_deref())?;
    let count = count(tx, query, &owners, matches.as_deref())?;
    Ok(Found { page, count })
}

#[derive(QueryableByName)]
struct Key {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    key: String,
}

fn page(tx: &mut OrgTx, query: &ListQuery, owners: &Owners, matches: Option<&[Uuid]>) -> AppResult<Page<Uuid>> {
    let (column, direction) = (query.sort_column(), if query.descending { "DESC" } else { "ASC" });
    let mut sql = Sql::new(format!("SELECT id, {column}::text AS key FROM {}", query.record.noun()));
    sql.conditions(query, owners, matches);
    if let Some(cursor) = &query.after {
        let (key, id): (String, Uuid) = paging::decode(cursor)?;
        sql.text(format!(" AND ({column}, id) {} (", if query.descending { "<" } else { ">" }));
        sql.sort_key(query.sort.kind, key)?;
        sql.text(", ");
        sql.bind::<sql_types::Uuid, _>(id);
        sql.text(")");
    }
    sql.text(format!(" ORDER BY {column} {direction}, id {direction} LIMIT {}", paging::PAGE + 1));
    let rows: Vec<Key> =
        if query.is_plain() { kept(sql.query()).load(tx.conn())? } else { sql.query().load(tx.conn())? };
    Ok(Page::new(rows, paging::PAGE, |row| (row.key.clone(), row.id)).map(|row| row.id))
}

#[derive(QueryableByName)]
struct Total {
    #[diesel(sql_type = sql_types::BigInt)]
    records: i64,
}

fn count(tx: &mut OrgTx, query: &ListQuery, owners: &Owners, matches: Option<&[Uuid]>) -> AppResult<Count> {
    let sql = if query.is_plain() {
        let mut sql =
            Sql::new("SELECT coalesce(sum(records), 0)::bigint AS records FROM record_totals WHERE record_type = ");
        sql.bind::<sql_types::Text, _>(query.record.noun());
        sql.owners(owners);
        sql
    } else {
        let mut sql = Sql::new(format!("SELECT count(*) AS records FROM (SELECT 1 FROM {}", query.record.noun()));
        sql.conditions(query, owners, matches);
        sql.text(format!(" LIMIT {}) found", COUNTED + 1));
        sql
    };
    let statement = sql.query();
    let Total { records } =
        if query.is_plain() { kept(statement).get_result(tx.conn())? } else { statement.get_result(tx.conn())? };
    let cut_off = matches.is_some_and(|ids| ids.len() >= MATCHES);
    Ok(match query.is_plain() {
        true => Count { records, more: false },
        false => Count { records: records.min(COUNTED), more: records > COUNTED || cut_off },
    })
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
        let pattern = format!("%{}%", folded.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        diesel::sql_query(format!(
            "SELECT id AS record_id FROM {} WHERE archived_at IS NOT NULL AND deleted_at IS NULL AND name_key LIKE $1 LIMIT {MATCHES}",
            query.record.noun()
        ))
        .bind::<sql_types::Text, _>(pattern)
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

/// A statement under construction: trusted text and binds. User text only ever becomes a bind.
struct Sql {
    query: BoxedSqlQuery<'static, Pg, SqlQuery>,
    binds: usize,
}

impl Sql {
    fn new(text: impl Into<String>) -> Self {
        Self { query: diesel::sql_query(text.into()).into_boxed(), binds: 0 }
    }

    fn text(&mut self, text: impl AsRef<str>) {
        self.replace(|query| query.sql(text.as_ref()));
    }

    fn bind<T, V>(&mut self, value: V)
    where
        T: diesel::sql_types::SqlType + Send + Sync + 'static,
        Pg: diesel::sql_types::HasSqlType<T>,
        V: diesel::serialize::ToSql<T, Pg> + Send + Sync + 'static,
    {
        self.binds += 1;
        let place = format!("${}", self.binds);
        self.replace(|query| query.sql(place).bind::<T, _>(value));
    }

    fn replace(
        &mut self,
        change: impl FnOnce(BoxedSqlQuery<'static, Pg, SqlQuery>) -> BoxedSqlQuery<'static, Pg, SqlQuery>,
    ) {
        let query = std::mem::replace(&mut self.query, diesel::sql_query(String::new()).into_boxed());
        self.query = change(query);
    }

    fn query(self) -> BoxedSqlQuery<'static, Pg, SqlQuery> {
        self.query
    }

    fn conditions(&mut self, query: &ListQuery, owners: &Owners, matches: Option<&[Uuid]>) {
        let archived = if query.archived { "IS NOT NULL" } else { "IS NULL" };
        self.text(format!(" WHERE archived_at {archived} AND deleted_at IS NULL"));
        self.owners(owners);
        for (field, key) in &query.picks {
            self.text(format!(" AND {} = ", field.column));
            self.bind::<sql_types::Text, _>(key.clone());
        }
        for (_, condition) in query.chosen() {
            condition.add_to(self);
        }
        if let Some(ids) = matches {
            self.text(" AND id = ANY (");
            self.bind::<sql_types::Array<sql_types::Uuid>, _>(ids.to_vec());
            self.text(")");
        }
    }

    /// One owner by equality, so that the owner's index also gives the order.
    fn owners(&mut self, owners: &Owners) {
        match owners {
            Owners::All => {}
            Owners::Nobody => self.text(" AND owner_id IS NULL"),
            Owners::Of(ids) => {
                self.text(" AND owner_id = ");
                match ids.as_slice() {
                    [one] => self.bind::<sql_types::Uuid, _>(*one),
                    many => {
                        self.text("ANY (");
                        self.bind::<sql_types::Array<sql_types::Uuid>, _>(many.to_vec());
                        self.text(")");
                    }
                }
            }
        }
    }

    fn sort_key(&mut self, kind: FieldKind, key: String) -> AppResult<()> {
        if kind == FieldKind::DateTime {
            let bad = |_| AppError::Rejected(StatusCode::BAD_REQUEST, "This link to the next page is damaged.");
            // As Postgres writes it: 2026-11-20 10:42:07.123456+00
            let at: DateTime<Utc> = DateTime::parse_from_str(&key, "%Y-%m-%d %H:%M:%S%.f%#z").map_err(bad)?.to_utc();
            self.bind::<sql_types::Timestamptz, _>(at);
        } else {
            self.bind::<sql_types::Text, _>(key);
        }
        Ok(())
    }
}
