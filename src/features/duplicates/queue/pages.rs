//! `/duplicates`: what looks alike, the likeliest first; merge it, or say that it is not.

use super::{
    TYPES,
    pairs::{self, Cursor, Line},
    scan as search,
    scoring::MOST,
};
use crate::{
    db::{Db, OrgTx, Tx, paging},
    error::{AppError, AppResult},
    features::records::{require_delete, require_edit, require_view},
    kernel::RecordType,
    web::{Actor, Form, Page, Shell, reply},
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};

/// Pairs on a page.
const SHOWN: usize = 20;

/// A type's place among the tabs.
struct Tab {
    record: RecordType,
    current: bool,
}

/// How the search stands.
struct Search {
    running: bool,
    /// Gathering is the first half, comparing the second.
    percent: i64,
    told: String,
}

#[derive(Template)]
#[template(path = "duplicates/index.html", blocks = ["queue"])]
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
    let after: Option<Cursor> = match query.get("after") {
        "" => None,
        cursor => Some(paging::decode(cursor)?),
    };
    let (actor, shell) = (page.actor.clone(), page.shell("duplicates"));
    let whole = db
        .org(&page, move |tx| {
            let (lines, next) = pairs::open(tx, &actor, record, after, SHOWN)?;
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
        return reply::fragment(&whole.as_queue());
    }
    reply::page(&page.req, &whole)
}

#[derive(QueryableByName)]
struct ScanRow {
    #[diesel(sql_type = sql_types::Text)]
    status: String,
    #[diesel(sql_type = sql_types::SmallInt)]
    gathered: i16,
    #[diesel(sql_type = sql_types::BigInt)]
    done: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    total: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    found: i64,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    finished_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = sql_types::BigInt)]
    left_over: i64,
}

const SCAN: &str = "
SELECT s.status, s.gathered, s.done, s.total, s.found, s.finished_at, coalesce(f.left_over, 0) AS left_over
FROM duplicate_scans s LEFT JOIN duplicate_follows f ON f.org_id = s.org_id AND f.record_type = s.record_type WHERE s.record_type = $1";

impl Search {
    fn load(tx: &mut OrgTx, actor: &Actor, record: RecordType) -> AppResult<Self> {
        let row: Option<ScanRow> =
            diesel::sql_query(SCAN).bind::<sql_types::Text, _>(record.key()).get_result(tx.conn()).optional()?;
        let Some(row) = row else {
            let told = format!("{} were never searched for duplicates.", record.plural());
            return Ok(Self { running: false, percent: 0, told });
        };
        let number = |n| actor.locale.integer(n);
        let when = row.finished_at.map(|at| actor.moment(at)).unwrap_or_default();
        let told = match row.status.as_str() {
            "queued" => "The search begins in a moment.".to_owned(),
            "running" if row.total == 0 => {
                format!("Reading all {}: {} % done", record.plural().to_lowercase(), row.gathered)
            }
            "running" => format!("{} of {} candidates compared", number(row.done.min(row.total)), number(row.total)),
            "failed" => "The last search broke off by an error of ours. Search again.".to_owned(),
            _ if row.found == 1 => format!("Last searched {when}: 1 pair found."),
            _ if row.found >= MOST => format!("Last searched {when}: the likeliest {} pairs are here.", number(MOST)),
            _ => format!("Last searched {when}: {} pairs found.", number(row.found)),
        };
        let told = match row.left_over {
            n if n > 0 && row.status == "done" => {
                format!("{told} {} changed since wait for tonight's search.", number(n))
            }
            _ => told,
        };
        Ok(Self {
            running: matches!(row.status.as_str(), "queued" | "running"),
            percent: i64::from(row.gathered) / 2 + row.done.min(row.total) * 50 / row.total.max(1),
            told,
        })
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
