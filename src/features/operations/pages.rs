//! The list of operations, and one with its progress: how many are done, how quickly, how long it will take, what was left and why.

use super::{
    model::{Operation, Status},
    request, undo,
};
use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        records::{Subject, standing},
    },
    kernel::{OperationId, RecordType},
    schema::operations,
    web::{
        Actor, Page, Shell, csrf,
        permission::{Permission, organisation},
        reply,
    },
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use chrono::Utc;
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// Operations on the list: older ones are history, and found on the records they changed.
const RECENT: i64 = 100;
/// Records left alone that the page names.
const NAMED: i64 = 100;

/// An operation this person may look at: their own; an administrator, all.
pub(super) fn find(tx: &mut OrgTx, actor: &Actor, id: OperationId) -> AppResult<Operation> {
    let operation: Operation =
        operations::table.filter(operations::id.eq(id)).select(Operation::as_select()).first(tx.conn())?;
    let theirs = operation.created_by == Some(actor.id) || actor.may(organisation::Administer::KEY);
    if theirs { Ok(operation) } else { Err(AppError::NotFound) }
}

struct Line {
    id: OperationId,
    title: String,
    status: Status,
    changed: String,
    others: String,
    by: String,
    when: String,
    exact: String,
}

#[derive(Template)]
#[template(path = "operations/index.html")]
struct Index {
    shell: Shell,
    lines: Vec<Line>,
    everybody: bool,
}

/// `GET /operations`
pub(super) async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, everybody) = (page.actor.clone(), page.actor.may(organisation::Administer::KEY));
    let lines = db
        .org(&page, move |tx| {
            let mut query = operations::table.select(Operation::as_select()).into_boxed();
            if !everybody {
                query = query.filter(operations::created_by.eq(actor.id));
            }
            let recent: Vec<Operation> =
                query.order((operations::created_at.desc(), operations::id.desc())).limit(RECENT).load(tx.conn())?;
            let people = members::directory(tx)?;
            Ok(recent.iter().map(|operation| line(&actor, &people, operation)).collect())
        })
        .await?;
    reply::page(&page.req, &Index { shell: page.shell("operations"), lines, everybody })
}

fn line(actor: &Actor, people: &[Person], operation: &Operation) -> Line {
    Line {
        id: operation.id,
        title: operation.title.clone(),
        status: operation.status(),
        changed: actor.locale.integer(operation.changed),
        others: actor.locale.integer(operation.skipped + operation.failed),
        by: name(people, operation.created_by.map(Into::into)),
        when: actor.moment(operation.created_at),
        exact: actor.exact(operation.created_at),
    }
}

fn name(people: &[Person], id: Option<Uuid>) -> String {
    people.iter().find(|p| Some(p.id.0) == id).map_or_else(|| "Pipewright".to_owned(), |p| p.name.clone())
}

#[derive(Template)]
#[template(path = "operations/show.html", blocks = ["progress"])]
struct Show {
    shell: Shell,
    csrf: String,
    line: Line,
    /// Of the work at hand, or of what was done.
    done: i64,
    total: i64,
    progress: String,
    /// "1,240 a second, about 2 minutes left".
    pace: String,
    stopping: bool,
    error: Option<String>,
    changed: String,
    skipped: String,
    failed: String,
    reasons: Vec<(String, String)>,
    undone: Option<Undone>,
    may_cancel: bool,
    may_undo: bool,
    records: String,
    noun: String,
}

/// What became of an undo.
struct Undone {
    restored: String,
    left_count: i64,
    left: String,
    by: String,
    kept: Vec<Kept>,
}

/// A record that was left as it is.
struct Kept {
    name: String,
    href: String,
    why: String,
}

/// `GET /operations/{id}`
pub(super) async fn show(page: Page, id: Path<OperationId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, shell, token, id) = (page.actor.clone(), page.shell("operations"), csrf::token(&page.req), *id);
    let whole = db
        .org(&page, move |tx| {
            let operation = find(tx, &actor, id)?;
            let people = members::directory(tx)?;
            let undone = undone(tx, &actor, &people, &operation)?;
            Ok(Show::new(&actor, &people, operation, undone, shell, token))
        })
        .await?;
    if reply::is_partial(&page.req) {
        return reply::fragment(&whole.as_progress());
    }
    reply::page(&page.req, &whole)
}

impl Show {
    fn new(
        actor: &Actor,
        people: &[Person],
        operation: Operation,
        undone: Option<Undone>,
        shell: Shell,
        csrf: String,
    ) -> Self {
        let number = |n| actor.locale.integer(n);
        let status = operation.status();
        let (done, total) = match status {
            Status::Undoing | Status::Undone => (operation.restored + operation.left_alone, operation.undo_total),
            _ => (operation.done, operation.total),
        };
        let noun = operation.record().map_or("", RecordType::noun);
        Self {
            line: line(actor, people, &operation),
            done,
            total,
            progress: if total == 0 && status.is_open() {
                "Waiting".to_owned()
            } else {
                format!("{} of {}", number(done), number(total))
            },
            pace: pace(actor, &operation, done, total),
            stopping: operation.cancel_requested,
            changed: number(operation.changed),
            skipped: number(operation.skipped),
            failed: number(operation.failed),
            reasons: request::reasons(actor, &operation),
            undone,
            may_cancel: status.is_open() && !operation.cancel_requested,
            may_undo: operation.can_undo() && undo::may_undo(actor, &operation),
            records: operation.params["back"].as_str().map_or_else(|| format!("/{noun}"), str::to_owned),
            noun: operation.record().map_or("Records", RecordType::plural).to_owned(),
            error: operation.error,
            shell,
            csrf,
        }
    }
}

/// How quickly it goes, and what that says of the rest.
fn pace(actor: &Actor, operation: &Operation, done: i64, total: i64) -> String {
    let started = if operation.status() == Status::Undoing { operation.undo_started_at } else { operation.started_at };
    let Some(started) = started.filter(|_| operation.status().is_open() && done > 0) else { return String::new() };
    let seconds = (Utc::now() - started).num_milliseconds().max(1);
    let rate = done.saturating_mul(1_000) / seconds;
    let left = (total - done).max(0).saturating_mul(seconds) / done / 1_000;
    let left = match left {
        0..=59 => format!("about {} seconds left", left.max(1)),
        60..=3_599 => format!("about {} minutes left", (left + 30) / 60),
        _ => format!("about {} hours left", (left + 1_800) / 3_600),
    };
    format!("{} a second, {left}", actor.locale.integer(rate.max(1)))
}

#[derive(QueryableByName)]
struct LeftRow {
    #[diesel(sql_type = sql_types::Text)]
    record_type: String,
    #[diesel(sql_type = sql_types::Uuid)]
    record_id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    undo: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    by: Option<String>,
}

/// Who touched it last is told with it.
const LEFT: &str = "
SELECT c.record_type, c.record_id, c.undo, (
  SELECT m.name FROM events e JOIN members m ON m.org_id = e.org_id AND m.id = e.actor_id
  WHERE e.record_id = c.record_id AND e.record_type = c.record_type ORDER BY e.at DESC LIMIT 1) AS by
FROM operation_changes c WHERE c.operation_id = $1 AND c.undo <> 'restored'
ORDER BY c.record_type, c.record_id LIMIT $2";

/// What it is called, and where it is, if it is still there and the reader's to see.
fn named(tx: &mut OrgTx, actor: &Actor, row: &LeftRow) -> AppResult<Option<(String, String)>> {
    let Some(subject) = Subject::from_key(&row.record_type, row.record_id) else { return Ok(None) };
    let Subject::Record(record, id) = subject else {
        return Ok(Some(match subject.visible(tx, actor) {
            Ok(name) => (name, subject.href()),
            Err(AppError::NotFound | AppError::Forbidden(_)) => ("Activity".to_owned(), String::new()),
            Err(other) => return Err(other),
        }));
    };
    Ok(Some(match standing(tx, actor, record, id, false) {
        Ok(now) if !now.deleted => (now.name, subject.href()),
        Ok(now) => (now.name, String::new()),
        Err(AppError::NotFound) => (record.label().to_owned(), String::new()),
        Err(other) => return Err(other),
    }))
}

fn undone(tx: &mut OrgTx, actor: &Actor, people: &[Person], operation: &Operation) -> AppResult<Option<Undone>> {
    if operation.undo_started_at.is_none() {
        return Ok(None);
    }
    let rows: Vec<LeftRow> = diesel::sql_query(LEFT)
        .bind::<sql_types::Uuid, _>(operation.id)
        .bind::<sql_types::BigInt, _>(NAMED)
        .load(tx.conn())?;
    let mut kept = Vec::new();
    for row in rows {
        let Some((name, href)) = named(tx, actor, &row)? else { continue };
        let why = match row.by {
            Some(by) if row.undo == "changed since" => format!("changed since, last by {by}"),
            _ => row.undo,
        };
        kept.push(Kept { name, href, why });
    }
    Ok(Some(Undone {
        restored: actor.locale.integer(operation.restored),
        left_count: operation.left_alone,
        left: actor.locale.integer(operation.left_alone),
        by: name(people, operation.undone_by.map(Into::into)),
        kept,
    }))
}
