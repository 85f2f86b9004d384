//! The organisation's jobs, newest first, and what they are in words. Payloads stay where they are: they may hold one-time links.

use crate::{
    db::{OrgTx, Tx, paging},
    error::AppResult,
    features::{imports, settings::members::HAND_OVER},
    kernel::JobId,
    schema::jobs,
};
use chrono::{DateTime, Utc};
use diesel::{dsl::count_star, prelude::*};
use serde_json::Value;
use uuid::Uuid;

/// A row of the list.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct JobRow {
    pub id: JobId,
    pub kind: String,
    payload: Value,
    pub attempts: i32,
    pub max_attempts: i32,
    pub run_at: DateTime<Utc>,
    pub last_error: Option<String>,
    pub created_at: DateTime<Utc>,
}

impl JobRow {
    /// Whether one more try can do anything. A failed import has ended, and its page says why: the file is sent again there.
    pub fn may_be_retried(&self) -> bool {
        may_be_retried(&self.kind)
    }

    /// The page that tells more.
    pub fn href(&self) -> Option<String> {
        let import = self.payload.get("import").and_then(Value::as_str)?.parse::<Uuid>().ok()?;
        (self.kind == imports::JOB).then(|| format!("/imports/{import}"))
    }

    /// What the job does, for people.
    pub fn words(&self) -> String {
        let text = |key: &str| self.payload.get(key).and_then(Value::as_str).unwrap_or_default();
        match self.kind.as_str() {
            "mail.send" => format!("Send a mail to {}", text("to")),
            imports::JOB => "Import a file".into(),
            HAND_OVER => "Hand over what a member owns".into(),
            "search.bulk" => "Bring the search up to date".into(),
            "search.company" => "Bring a company's contacts and deals up to date in the search".into(),
            other => other.replace(['.', '_'], " "),
        }
    }
}

/// See [`JobRow::may_be_retried`].
pub fn may_be_retried(kind: &str) -> bool {
    kind != imports::JOB
}

/// Jobs of one status, a page at a time.
pub fn list(tx: &mut OrgTx, status: &str, after: Option<&str>) -> AppResult<paging::Page<JobRow>> {
    let mut query = jobs::table
        .filter(jobs::org_id.eq(tx.org_id().0))
        .filter(jobs::status.eq(status))
        .order((jobs::created_at.desc(), jobs::id.desc()))
        .select(JobRow::as_select())
        .limit(paging::PAGE + 1)
        .into_boxed();
    if let Some(cursor) = after {
        let (at, id): (DateTime<Utc>, Uuid) = paging::decode(cursor)?;
        query = query.filter(jobs::created_at.lt(at).or(jobs::created_at.eq(at).and(jobs::id.lt(id))));
    }
    Ok(paging::Page::new(query.load::<JobRow>(tx.conn())?, paging::PAGE, |j| (j.created_at, j.id)))
}

/// How many there are of each status.
pub fn counts(tx: &mut OrgTx) -> AppResult<Vec<(String, i64)>> {
    let mine = jobs::table.filter(jobs::org_id.eq(tx.org_id().0));
    Ok(mine.group_by(jobs::status).select((jobs::status, count_star())).load(tx.conn())?)
}
