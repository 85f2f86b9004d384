//! When several people are free at once.

use super::hours::Interval;
use chrono::{DateTime, Duration, NaiveDate, Timelike, Utc};
use chrono_tz::Tz;

/// Suggestions for one day.
const A_DAY: usize = 4;
/// Starts are so many minutes apart, on the clock.
const STEP: i64 = 15;

/// Starts at which everybody has that long, the earliest first: within what all of them work, outside what anybody is busy with, not
/// before `now`. Few for a day, so that several days are offered. Days are those of `zone`.
pub fn suggest(
    at_work: &[Vec<Interval>],
    busy: &[Interval],
    length: Duration,
    now: DateTime<Utc>,
    zone: Tz,
    most: usize,
) -> Vec<DateTime<Utc>> {
    let common = at_work.iter().cloned().reduce(|a, b| both(&a, &b)).unwrap_or_default();
    let mut found: Vec<DateTime<Utc>> = Vec::new();
    let mut today: (Option<NaiveDate>, usize) = (None, 0);
    for (from, to) in without(&common, &union(busy)) {
        let mut start = rounded_up(from.max(now));
        while start + length <= to && found.len() < most {
            let day = start.with_timezone(&zone).date_naive();
            today = if today.0 == Some(day) { (Some(day), today.1 + 1) } else { (Some(day), 1) };
            if today.1 <= A_DAY {
                found.push(start);
            }
            start = rounded_up(start + length.max(Duration::minutes(60)));
        }
    }
    found
}

/// Overlapping and touching ones joined, in order.
pub fn union(intervals: &[Interval]) -> Vec<Interval> {
    let mut sorted = intervals.to_vec();
    sorted.sort();
    let mut joined: Vec<Interval> = Vec::with_capacity(sorted.len());
    for (from, to) in sorted {
        match joined.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => joined.push((from, to)),
        }
    }
    joined
}

fn both(a: &[Interval], b: &[Interval]) -> Vec<Interval> {
    let pairs = a.iter().flat_map(|x| b.iter().map(move |y| (x.0.max(y.0), x.1.min(y.1))));
    pairs.filter(|(from, to)| from < to).collect()
}

/// `taken` in order and apart.
fn without(whole: &[Interval], taken: &[Interval]) -> Vec<Interval> {
    let mut left = Vec::new();
    for (from, to) in whole {
        let mut start = *from;
        for (taken_from, taken_to) in taken.iter().filter(|(a, b)| a < to && b > from) {
            if *taken_from > start {
                left.push((start, *taken_from));
            }
            start = start.max(*taken_to);
        }
        if start < *to {
            left.push((start, *to));
        }
    }
    left
}

fn rounded_up(at: DateTime<Utc>) -> DateTime<Utc> {
    let past = i64::from(at.minute()) % STEP * 60 + i64::from(at.second());
    let whole = at.with_nanosecond(0).unwrap_or(at);
    if past == 0 && at.nanosecond() == 0 { at } else { whole + Duration::seconds(STEP * 60 - past) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_780_272_000 + minutes * 60, 0).unwrap_or_default()
    }

    fn span(pairs: &[(i64, i64)]) -> Vec<Interval> {
        pairs.iter().map(|(a, b)| (at(*a), at(*b))).collect()
    }

    #[test]
    fn between_the_meetings_of_both() {
        let work = [span(&[(540, 1020)]), span(&[(600, 1080)])];
        let busy = span(&[(600, 660), (640, 700), (900, 930)]);
        let found = suggest(&work, &busy, Duration::minutes(60), at(0), chrono_tz::UTC, 10);
        let minutes: Vec<i64> = found.iter().map(|start| (*start - at(0)).num_minutes()).collect();
        // 11:40 is rounded up to 11:45; after 15:30 there is an hour until 17:00.
        assert_eq!(minutes, [705, 765, 825, 930]);
        assert!(suggest(&work, &busy, Duration::minutes(400), at(0), chrono_tz::UTC, 10).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn nobody_is_busy_or_away_at_a_suggestion(
            works in prop::collection::vec((0i64..900, 30i64..600), 1..4),
            busy in prop::collection::vec((0i64..1440, 1i64..240), 0..12),
            length in 1i64..180, now in 0i64..600,
        ) {
            let at_work: Vec<Vec<Interval>> = works.iter().map(|(a, n)| span(&[(*a, a + n)])).collect();
            let busy: Vec<Interval> = busy.iter().map(|(a, n)| (at(*a), at(a + n))).collect();
            for start in suggest(&at_work, &busy, Duration::minutes(length), at(now), chrono_tz::UTC, 12) {
                let end = start + Duration::minutes(length);
                prop_assert!(start >= at(now) && start.minute() % 15 == 0);
                prop_assert!(busy.iter().all(|(a, b)| end <= *a || start >= *b));
                prop_assert!(at_work.iter().all(|w| w.iter().any(|(a, b)| *a <= start && end <= *b)));
            }
        }
    }
}
