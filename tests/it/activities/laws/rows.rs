//! Occurrences as the database has them.

use crate::support::TestApp;
use chrono::{DateTime, NaiveDate, Utc};

/// A row as the database has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub id: String,
    pub series: String,
    pub day: NaiveDate,
    pub at: Option<DateTime<Utc>>,
    pub due: Option<NaiveDate>,
    pub kind: String,
    pub open: bool,
    pub subject: String,
}

pub async fn rows(app: &TestApp) -> Vec<Row> {
    let text = app
        .value(
            "SELECT string_agg(concat_ws('|', id, series_id, occurs_on, coalesce(extract(epoch FROM start_at)::bigint::text, '-'), coalesce(due_on::text, '-'),
               occurrence, closed_at IS NULL, subject), E'\\n' ORDER BY series_id, occurs_on)
             FROM activities WHERE series_id IS NOT NULL AND deleted_at IS NULL",
        )
        .await;
    let read = |line: &str| {
        let parts: Vec<&str> = line.split('|').collect();
        Row {
            id: parts[0].into(),
            series: parts[1].into(),
            day: parts[2].parse().unwrap(),
            at: parts[3].parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
            due: parts[4].parse().ok(),
            kind: parts[5].into(),
            open: parts[6] == "t",
            subject: parts[7].into(),
        }
    };
    text.lines().map(read).collect()
}
