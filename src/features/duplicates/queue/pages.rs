//! `/duplicates`: what looks alike, the likeliest first; merge it, or say that it is not.

use super::{super::finding::{self, Facts}, TYPES, scan as search};
use crate::{
    db::{Db, OrgTx, Tx, kept, paging},
    error::{AppError, AppResult},
    features::records::{require_delete, require_edit, require_view, visible},
    kernel::{DuplicateId, RecordType},
    web::{Actor, Form, Page, Shell, flash::Flash, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use std::collections::HashMap;
use uuid::Uuid;

/// Pairs on a page, and those looked through for it: a reader who sees little may have to go on with an empty page.
const SHOWN: usize = 20;
const LOOKED_AT: usize = 10;
const CHUNK: i64 = 60;

/// A type's place among the tabs.
struct Tab {
    record: RecordType,
    current: bool,
}

struct One {
    id: Uuid,
    name: String,
    note: String,
}

struct Line {
    id: Uuid,
    confidence: i16,
    reasons: Vec<String>,
    a: One,
    b: One,
}

/// How the search stands.
struct Search {
    running: bool,
    done: i64,
    total: i64,
    told: String,
}

#[derive(Template)]
#[template(path = "duplicates/index.html", blocks = ["search"])]
struct Index {
    shell: Shell,
    record: RecordType,
    tabs: Vec<Tab>,
    lines: Vec<Line>,
    next: Option<String>,
    search: Search,
    may_search: bool,
    may_merge: bool,
}

/// The type asked for; else the first that this person may see.
fn asked(actor: &Actor, text: &str) -> AppResult<RecordType> {
    match RecordType::parse(text).filter(|record| TYPES.contains(record)) {
        Some(record) => require_view(actor, record).map(|()| record),
        None if !text.is_empty() => Err(AppError::NotFound),
        None => match TYPES.into_iter().find(|record| require_view(actor, *record).is_ok()) {
            Some(record) => Ok(record),
            None => require_view(actor, TYPES[0]).map(|()| TYPES[0]),
        },
    }
}

/// `GET /duplicates?type=contact`
pub(in super::super) async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let record = asked(&page.actor, query.get("type"))?;
    let after: Option<(i16, Uuid)> = match query.get("after") {
        "" => None,
        cursor => Some(paging::decode(cursor)?),
    };
    let (actor, shell) = (page.actor.clone(), page.shell("duplicates"));
    let whole = db
        .org(&page, move |tx| {
            let (lines, next) = lines(tx, &actor, record, after)?;
            let tabs = TYPES.into_iter().filter(|r| require_view(&actor, *r).is_ok());
            Ok(Index {
                tabs: tabs.map(|r| Tab { record: r, current: r == record }).collect(),
                search: Search::load(tx, &actor, record)?,
                may_search: require_edit(&actor, record).is_ok(),
                may_merge: require_edit(&actor, record).is_ok() && require_delete(&actor, record).is_ok(),
                next: next.map(|next| paging::encode(&next)),
                lines,
                record,
                shell,
            })
        })
        .await?;
    if reply::is_partial(&page.req) {
        return reply::fragment(&whole.as_search());
    }
    reply::page(&page.req, &whole)
}

#[derive(QueryableByName)]
struct Pair {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    a_id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    b_id: Uuid,
    #[diesel(sql_type = sql_types::SmallInt)]
    confidence: i16,
    #[diesel(sql_type = sql_types::Array<sql_types::Text>)]
    reasons: Vec<String>,
}

const OPEN: &str = "
SELECT id, a_id, b_id, confidence, reasons FROM duplicate_pairs
WHERE record_type = $1 AND status = 'open' AND ($2 IS NULL OR (confidence, id) < ($2, $3))
ORDER BY confidence DESC, id DESC LIMIT $4";

type Cursor = (i16, Uuid);

/// A page of the pairs of which the reader sees both, and where the next one begins.
fn lines(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    mut after: Option<Cursor>,
) -> AppResult<(Vec<Line>, Option<Cursor>)> {
    let mut lines = Vec::new();
    for _ in 0..LOOKED_AT {
        let query = diesel::sql_query(OPEN)
            .bind::<sql_types::Text, _>(record.key())
            .bind::<sql_types::Nullable<sql_types::SmallInt>, _>(after.map(|(confidence, _)| confidence))
            .bind::<sql_types::Uuid, _>(after.map_or(Uuid::nil(), |(_, id)| id))
            .bind::<sql_types::BigInt, _>(CHUNK);
        let pairs: Vec<Pair> = kept(query).load(tx.conn())?;
        let last = i64::try_from(pairs.len()).unwrap_or(0) < CHUNK;
        let mut seen = seen(tx, actor, record, &pairs)?;
        let count = pairs.len();
        for (place, pair) in pairs.into_iter().enumerate() {
            after = Some((pair.confidence, pair.id));
            let (a, b) = (seen.remove(&pair.a_id), seen.remove(&pair.b_id));
            if let (Some(a), Some(b)) = (&a, &b) {
                lines.push(Line { id: pair.id, confidence: pair.confidence, reasons: pair.reasons, a: one(a), b: one(b) });
            }
            // One record may be in several pairs.
            seen.extend([a, b].into_iter().flatten().map(|facts| (facts.id, facts)));
            if lines.len() == SHOWN {
                let more = !last || place + 1 < count;
                return Ok((lines, after.filter(|_| more)));
            }
        }
        if last {
            return Ok((lines, None));
        }
    }
    Ok((lines, after))
}

fn one(facts: &Facts) -> One {
    let name = if facts.name.is_empty() { facts.note.clone() } else { facts.name.clone() };
    One { id: facts.id, name, note: facts.note.clone() }
}

/// Those of the pairs' records that the reader sees and that still are.
fn seen(tx: &mut OrgTx, actor: &Actor, record: RecordType, pairs: &[Pair]) -> AppResult<HashMap<Uuid, Facts>> {
    let ids: Vec<Uuid> = pairs.iter().flat_map(|pair| [pair.a_id, pair.b_id]).collect();
    let sql = format!(
        "SELECT {} FROM {} r WHERE r.id = ANY ($1) AND r.deleted_at IS NULL AND r.archived_at IS NULL AND ($2 IS NULL OR r.owner_id = ANY ($2))",
        finding::columns(record),
        record.noun()
    );
    let query = diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(actor.visible_owners());
    let rows: Vec<Facts> = kept(query).load(tx.conn())?;
    Ok(rows.into_iter().map(|facts| (facts.id, facts)).collect())
}

#[derive(QueryableByName)]
struct ScanRow {
    #[diesel(sql_type = sql_types::Text)]
    status: String,
    #[diesel(sql_type = sql_types::BigInt)]
    done: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    total: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    found: i64,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    finished_at: Option<DateTime<Utc>>,
}

impl Search {
    fn load(tx: &mut OrgTx, actor: &Actor, record: RecordType) -> AppResult<Self> {
        let row: Option<ScanRow> =
            diesel::sql_query("SELECT status, done, total, found, finished_at FROM duplicate_scans WHERE record_type = $1")
                .bind::<sql_types::Text, _>(record.key())
                .get_result(tx.conn())
                .optional()?;
        let Some(row) = row else {
            let told = format!("{} were never searched for duplicates.", record.plural());
            return Ok(Self { running: false, done: 0, total: 0, told });
        };
        let number = |n| actor.locale.integer(n);
        let when = row.finished_at.map(|at| actor.moment(at)).unwrap_or_default();
        let told = match row.status.as_str() {
            "queued" => "The search begins in a moment.".to_owned(),
            "running" if row.total == 0 => format!("Reading all {}…", record.plural().to_lowercase()),
            "running" => format!("{} of {} candidates compared", number(row.done.min(row.total)), number(row.total)),
            "failed" => "The last search broke off by an error of ours. Search again.".to_owned(),
            _ => format!("Last searched {when}: {} pairs found.", number(row.found)),
        };
        Ok(Self { running: matches!(row.status.as_str(), "queued" | "running"), done: row.done, total: row.total, told })
    }
}

/// `POST /duplicates/scans`
pub(in super::super) async fn scan(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let text = form.get("type");
    let record = RecordType::parse(if text.is_empty() { TYPES[0].key() } else { text });
    let unclear = AppError::Rejected(StatusCode::BAD_REQUEST, "It is not clear what to search.");
    let record = record.filter(|record| TYPES.contains(record)).ok_or(unclear)?;
    require_edit(&page.actor, record)?;
    db.org(&page, move |tx| search::request(tx, record)).await?;
    Ok(reply::redirect(&page.req, &format!("/duplicates?type={record}"), None))
}

#[derive(QueryableByName)]
struct Decided {
    #[diesel(sql_type = sql_types::Text)]
    record_type: String,
    #[diesel(sql_type = sql_types::Uuid)]
    a_id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    b_id: Uuid,
}

/// Opens or closes the question, for who may edit both records. Returns the type.
fn decide(tx: &mut OrgTx, actor: &Actor, id: DuplicateId, (from, to): (&str, &str)) -> AppResult<RecordType> {
    let pair: Decided = diesel::sql_query("SELECT record_type, a_id, b_id FROM duplicate_pairs WHERE id = $1 FOR UPDATE")
        .bind::<sql_types::Uuid, _>(id)
        .get_result(tx.conn())?;
    let record = RecordType::parse(&pair.record_type).ok_or(AppError::NotFound)?;
    require_edit(actor, record)?;
    visible(tx, actor, record, pair.a_id)?;
    visible(tx, actor, record, pair.b_id)?;
    diesel::sql_query(
        "UPDATE duplicate_pairs SET status = $3, decided_by = $4, decided_at = now() WHERE id = $1 AND status = $2",
    )
    .bind::<sql_types::Uuid, _>(id)
    .bind::<sql_types::Text, _>(from)
    .bind::<sql_types::Text, _>(to)
    .bind::<sql_types::Uuid, _>(actor.id)
    .execute(tx.conn())?;
    Ok(record)
}

/// `POST /duplicates/{id}/dismissal`
pub(in super::super) async fn dismiss(page: Page, id: Path<DuplicateId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let record = db.org(&page, move |tx| decide(tx, &actor, id, ("open", "dismissed"))).await?;
    let flash = Flash::success("Not a duplicate: it is not asked again").undo(format!("/duplicates/{id}/dismissal/undo"));
    Ok(reply::redirect(&page.req, &format!("/duplicates?type={record}"), Some(flash)))
}

/// `POST /duplicates/{id}/dismissal/undo`
pub(in super::super) async fn take_back(page: Page, id: Path<DuplicateId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let record = db.org(&page, move |tx| decide(tx, &actor, id, ("dismissed", "open"))).await?;
    Ok(reply::redirect(&page.req, &format!("/duplicates?type={record}"), Some(Flash::success("It is asked again"))))
}
