//! How far a run is, as its pages show it.

use super::progress::{Figures, PHASES};
use crate::web::Actor;

/// How far a run is.
pub(super) struct Bar {
    pub phase: &'static str,
    pub rows: String,
    pub rate: String,
    pub left: String,
    /// Of a hundred; none when the number of rows is not known.
    pub percent: Option<i64>,
    pub stopping: bool,
}

impl Bar {
    /// `total`: the rows of the file, where a trial has counted them.
    pub fn of(actor: &Actor, figures: &Figures, total: Option<i64>) -> Self {
        let now = chrono::Utc::now();
        let reading = figures.phase == "reading";
        let until = if reading { now } else { figures.phase_at };
        let spent = (until - figures.started_at).num_milliseconds().max(1);
        let rate = figures.rows * 1_000 / spent;
        // Applying what was read takes about as long again as reading it.
        let share = total.filter(|t| *t > 0).map(|t| (figures.rows * 50 / t).min(50));
        let at = PHASES.iter().position(|(key, _)| *key == figures.phase).unwrap_or_default();
        let percent =
            share.map(|share| if reading { share } else { (50 + 12 * i64::try_from(at).unwrap_or(0)).min(97) });
        let left = total.filter(|_| reading && rate > 0 && figures.rows > 0);
        let left = left.map(|t| (2 * t - figures.rows).max(0) / rate.max(1));
        Self {
            phase: PHASES.get(at).map_or("", |(_, label)| label),
            rows: actor.locale.integer(figures.rows),
            rate: if reading && figures.rows > 0 { actor.locale.integer(rate) } else { String::new() },
            left: left.map_or_else(String::new, duration),
            percent,
            stopping: figures.cancel_requested,
        }
    }
}

/// `about 2 min`.
fn duration(seconds: i64) -> String {
    match seconds {
        ..=4 => "a few seconds".into(),
        5..=89 => format!("about {seconds} s"),
        _ => format!("about {} min", (seconds + 30) / 60),
    }
}
