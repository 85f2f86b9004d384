//! A selection: the ticked rows of a list, or everything that a list shows. What bulk work, export and segments work on.
//!
//! It is walked by id in batches, each read anew: a record that meanwhile left the list is passed over, and one that the reader may
//! not see was never in it. Searching by words selects every record that has them: of those the list shows only the best two hundred.

use super::{
    ListQuery, damaged,
    find::{self, Count},
    sql::{Literal, Sql},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::RecordType,
    web::{Actor, Form},
};
use actix_web::http::StatusCode;
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Rows one may tick.
const MOST_TICKED: usize = 10_000;

#[derive(Clone, Debug)]
pub enum Selection {
    Ids(RecordType, Vec<Uuid>),
    Matching(Box<ListQuery>),
}

/// A selection as a job's payload keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    Ids(Vec<Uuid>),
    /// The list's query string.
    Matching(String),
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

impl Selection {
    /// From a posted form: `matching` with a list's query string (may be empty) and `scope=matching`, else `ids`, repeated or
    /// separated by commas.
    pub fn parse(tx: &mut OrgTx, actor: &Actor, record: RecordType, form: &Form) -> AppResult<Self> {
        if form.get("scope") == "matching" {
            return Self::matching(tx, actor, record, form.get("matching"));
        }
        let ids: Result<Vec<Uuid>, _> =
            form.all("ids").flat_map(|all| all.split(',')).map(|id| id.trim().parse::<Uuid>()).collect();
        let mut ids = ids.map_err(|_| damaged())?;
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Err(AppError::Rejected(StatusCode::UNPROCESSABLE_ENTITY, "Tick the records first."));
        }
        if ids.len() > MOST_TICKED {
            return Err(AppError::Rejected(
                StatusCode::UNPROCESSABLE_ENTITY,
                "These are too many rows: select all that match instead.",
            ));
        }
        Ok(Self::Ids(record, ids))
    }

    /// Everything a list shows, on all its pages.
    pub fn matching(tx: &mut OrgTx, actor: &Actor, record: RecordType, query: &str) -> AppResult<Self> {
        let mut query = ListQuery::load(tx, actor, record, query)?;
        (query.after, query.shown) = (None, 0);
        match &query.problem {
            None => Ok(Self::Matching(Box::new(query))),
            Some(problem) => Err(AppError::field("filter", problem.message.clone())),
        }
    }

    pub fn restore(tx: &mut OrgTx, actor: &Actor, record: RecordType, kept: &Kept) -> AppResult<Self> {
        match kept {
            Kept::Ids(ids) => Ok(Self::Ids(record, ids.clone())),
            Kept::Matching(query) => Self::matching(tx, actor, record, query),
        }
    }

    pub fn keep(&self) -> Kept {
        match self {
            Self::Ids(_, ids) => Kept::Ids(ids.clone()),
            Self::Matching(query) => Kept::Matching(query.query_string()),
        }
    }

    pub fn record(&self) -> RecordType {
        match self {
            Self::Ids(record, _) => *record,
            Self::Matching(query) => query.record,
        }
    }

    /// How many, "1,000+" beyond a thousand: for a question on a page.
    pub fn count(&self, tx: &mut OrgTx, actor: &Actor) -> AppResult<Count> {
        match self {
            Self::Ids(_, ids) => Ok(Count { records: i64::try_from(ids.len()).unwrap_or(i64::MAX), more: false }),
            Self::Matching(query) => {
                let scope = find::Scope::whole(tx, actor, query)?;
                find::count(tx, &scope)
            }
        }
    }

    /// Exactly how many, however long that takes: for a job's progress.
    pub fn total(&self, tx: &mut OrgTx, actor: &Actor) -> AppResult<i64> {
        tx.without_time_limit()?;
        let mut sql = Sql::new("SELECT count(*) AS records");
        self.add_to(tx, actor, &mut sql)?;
        #[derive(QueryableByName)]
        struct Total {
            #[diesel(sql_type = sql_types::BigInt)]
            records: i64,
        }
        Ok(sql.query().get_result::<Total>(tx.conn())?.records)
    }

    /// The next ids in order; fewer than `size` (none, too) at the end. For work that has a transaction for each batch.
    pub fn next(&self, tx: &mut OrgTx, actor: &Actor, after: Option<Uuid>, size: i64) -> AppResult<Vec<Uuid>> {
        let mut sql = Sql::new("SELECT r.id");
        self.add_to(tx, actor, &mut sql)?;
        if let Some(after) = after {
            sql.text(" AND r.id > ");
            sql.literal(Literal::Uuid(after));
        }
        sql.text(format!(" ORDER BY r.id LIMIT {size}"));
        Ok(sql.query().load::<Id>(tx.conn())?.into_iter().map(|row| row.id).collect())
    }

    /// Of what is selected, the first that was added or changed since then; `column` is the time that says so.
    pub fn changed(
        &self,
        tx: &mut OrgTx,
        actor: &Actor,
        column: &'static str,
        since: DateTime<Utc>,
        most: i64,
    ) -> AppResult<Vec<Uuid>> {
        let mut sql = Sql::new("SELECT r.id");
        self.add_to(tx, actor, &mut sql)?;
        sql.text(format!(" AND r.{column} > "));
        sql.literal(Literal::Instant(since));
        sql.text(format!(" ORDER BY r.{column}, r.id LIMIT {most}"));
        Ok(sql.query().load::<Id>(tx.conn())?.into_iter().map(|row| row.id).collect())
    }

    fn add_to(&self, tx: &mut OrgTx, actor: &Actor, sql: &mut Sql) -> AppResult<()> {
        match self {
            Self::Ids(record, ids) => {
                sql.text(format!(" FROM {} r WHERE r.deleted_at IS NULL AND r.id = ANY (", record.noun()));
                sql.literal(Literal::Uuids(ids.clone()));
                sql.text(")");
                if let Some(owners) = actor.visible_owners() {
                    sql.text(" AND r.owner_id = ANY (");
                    sql.literal(Literal::Uuids(owners));
                    sql.text(")");
                }
            }
            Self::Matching(query) => find::Scope::whole(tx, actor, query)?.add_to(sql),
        }
        Ok(())
    }
}

/// Everything selected, in one transaction, `size` ids at a time.
pub fn batches(
    tx: &mut OrgTx,
    actor: &Actor,
    selection: &Selection,
    size: i64,
    mut work: impl FnMut(&mut OrgTx, &[Uuid]) -> AppResult<()>,
) -> AppResult<()> {
    tx.without_time_limit()?;
    let mut after = None;
    loop {
        let ids = selection.next(tx, actor, after, size)?;
        let Some(last) = ids.last().copied() else { return Ok(()) };
        work(tx, &ids)?;
        if i64::try_from(ids.len()).is_ok_and(|n| n < size) {
            return Ok(());
        }
        after = Some(last);
    }
}
