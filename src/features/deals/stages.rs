//! The bar of stages on a deal's page: where it stands, where it has been and for how long. Replayed from its events: every stay counts,
//! a return to a stage adds to it, and the stay it is in runs on.

use super::{
    model::{Deal, DealStatus},
    told::{Told, id_of},
};
use crate::features::pipeline::Stage;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;

/// One stage of the bar.
pub struct Step {
    pub id: String,
    pub name: String,
    /// `done`, `current`, `ahead`, `won` or `lost`.
    pub state: &'static str,
    /// Time spent there, in short; empty when none.
    pub time: String,
    /// The same in full, with how often it was there.
    pub exact: String,
}

/// A time in one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stay {
    pub stage: String,
    pub from: DateTime<Utc>,
    /// `None`: it is still there.
    pub to: Option<DateTime<Utc>>,
}

/// Where it was, stay by stay. `told`: its events, the oldest first. Closed deals are in no stage, though they keep one.
pub(super) fn stays(told: &[Told], deal: &Deal) -> Vec<Stay> {
    let first = told.iter().find_map(|event| event.pair("stage_id"));
    let mut stage = match first {
        Some((before, after)) => id_of(before).or_else(|| id_of(after)),
        None => Some(deal.stage_id.to_string()),
    };
    let mut since = Some(told.first().map_or(deal.created_at, |event| deal.created_at.min(event.at)));
    let mut stays = Vec::new();
    let mut leave = |stage: &Option<String>, since: &mut Option<DateTime<Utc>>, at: DateTime<Utc>| {
        if let (Some(stage), Some(from)) = (stage, since.take()) {
            stays.push(Stay { stage: stage.clone(), from, to: Some(at.max(from)) });
        }
    };
    for event in told {
        if let Some((before, after)) = event.pair("stage_id")
            && !before.is_null()
        {
            let open = since.is_some();
            leave(&stage, &mut since, event.at);
            stage = id_of(after);
            since = open.then_some(event.at);
        }
        match event.pair("status").map(|(_, after)| after.as_str().unwrap_or_default()) {
            Some("open") => since = since.or(Some(event.at)),
            // A file tells of deals that were closed long before it was read.
            Some(_) if event.kind == "deal.created" => {
                leave(&stage, &mut since, closed_at(deal).unwrap_or(event.at).min(event.at));
            }
            Some(_) => leave(&stage, &mut since, event.at),
            None => {}
        }
    }
    if let (Some(stage), Some(from)) = (stage, since) {
        stays.push(Stay { stage, from, to: closed_at(deal).map(|at| at.max(from)) });
    }
    stays
}

fn closed_at(deal: &Deal) -> Option<DateTime<Utc>> {
    match deal.status {
        DealStatus::Open => None,
        DealStatus::Won { at, .. } | DealStatus::Lost { at, .. } => Some(at),
    }
}

/// The bar. `stages`: those of its pipeline, in order.
pub(super) fn steps(told: &[Told], deal: &Deal, stages: &[Stage]) -> Vec<Step> {
    let mut spent: HashMap<String, (TimeDelta, usize)> = HashMap::new();
    let now = Utc::now();
    for stay in stays(told, deal) {
        let total = spent.entry(stay.stage).or_default();
        total.0 += stay.to.unwrap_or(now) - stay.from;
        total.1 += 1;
    }
    let at = stages.iter().position(|s| s.id == deal.stage_id).unwrap_or(0);
    let state = |i: usize| match (&deal.status, i.cmp(&at)) {
        (_, std::cmp::Ordering::Less) => "done",
        (_, std::cmp::Ordering::Greater) => "ahead",
        (DealStatus::Won { .. }, _) => "won",
        (DealStatus::Lost { .. }, _) => "lost",
        (DealStatus::Open, _) => "current",
    };
    let step = |(i, stage): (usize, &Stage)| {
        let id = stage.id.to_string();
        let (time, exact) =
            spent.get(&id).map_or_else(Default::default, |(time, stays)| (short(*time), full(*time, *stays)));
        Step { id, name: stage.name.clone(), state: state(i), time, exact }
    };
    stages.iter().enumerate().map(step).collect()
}

/// `12 min`, `5 h`, `34 d`.
fn short(time: TimeDelta) -> String {
    match (time.num_hours(), time.num_days()) {
        (0, _) => format!("{} min", time.num_minutes().max(0)),
        (hours, 0 | 1) => format!("{hours} h"),
        (_, days) => format!("{days} d"),
    }
}

/// `3 days 4 hours 12 minutes in 2 stays`.
fn full(time: TimeDelta, stays: usize) -> String {
    let word = |n: i64, what: &str| (n > 0).then(|| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") });
    let parts =
        [word(time.num_days(), "day"), word(time.num_hours() % 24, "hour"), word(time.num_minutes() % 60, "minute")];
    let time = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let time = if time.is_empty() { "Less than a minute".to_owned() } else { time };
    if stays > 1 { format!("{time} in {stays} stays") } else { time }
}

/// `1 day`, `4 days`.
pub(super) fn days(days: i64) -> String {
    if days == 1 { "1 day".into() } else { format!("{days} days") }
}
