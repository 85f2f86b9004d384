//! Warnings that stand beside a deal wherever it is shown: its closing date slipped, its amount shrank, its next step is overdue.

use crate::web::Actor;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rust_decimal::Decimal;

/// Days after which a next step without a date is stale.
const STALE_DAYS: i64 = 14;

/// A few words and what they mean in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    pub icon: &'static str,
    pub label: String,
    pub title: String,
}

/// How often and how far the closing date slipped; `None`: it stands where it first stood, or before.
pub fn slipped(times: i16, days: i32) -> Option<Marker> {
    (days > 0).then(|| Marker {
        icon: "calendar-due",
        label: format!("+{days} d"),
        title: format!(
            "Expected close slipped {}, {} in all",
            count(times.max(1).into(), "time"),
            count(days.into(), "day")
        ),
    })
}

/// How much of the first amount is gone. Rounded, it may be all of it while there is an amount left.
pub fn shrunk(percent: i16, left: Option<Decimal>) -> Option<Marker> {
    let some_left = percent == 100 && left.is_some_and(|amount| !amount.is_zero());
    let (percent, more) = if some_left { (99, "more than ") } else { (percent, "") };
    (percent > 0).then(|| Marker {
        icon: "trending-down",
        label: format!("−{percent} %"),
        title: format!("Amount is {more}{percent} % below what it was first"),
    })
}

/// What is wrong with a next step: its day has passed, or nobody touched it for long.
pub fn stale(actor: &Actor, step: Option<&str>, on: Option<NaiveDate>, set_at: DateTime<Utc>) -> Option<&'static str> {
    step?;
    match on {
        Some(day) => (day < actor.today()).then_some("Its day has passed"),
        None => (Utc::now() - set_at > TimeDelta::days(STALE_DAYS)).then_some("Not touched for two weeks"),
    }
}

fn count(n: i64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
