//! A series as the test understands it: its days one by one, its moments minute by minute.

use super::*;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rule {
    Daily,
    Weekly(BTreeSet<u8>),
    MonthlyDay(u32),
    MonthlyNth(u32, u8),
    MonthlyLast(u8),
    Yearly(u32, u32),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    Never,
    Count(usize),
    Until(NaiveDate),
}

/// What a series is, as the test understands it.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) rule: Rule,
    pub(super) every: i32,
    /// A day of one of its periods.
    pub(super) anchor: NaiveDate,
    pub(super) from: NaiveDate,
    pub(super) end: End,
    pub(super) time: Option<NaiveTime>,
    pub(super) out: BTreeSet<NaiveDate>,
}

pub(super) fn monday(day: NaiveDate) -> NaiveDate {
    day - Days::new(day.weekday().num_days_from_monday().into())
}

pub(super) fn months(day: NaiveDate) -> i32 {
    day.year() * 12 + day.month0() as i32
}

pub(super) fn number(day: NaiveDate) -> u8 {
    day.weekday().num_days_from_monday() as u8
}

pub(super) fn last_of_its_kind(day: NaiveDate) -> bool {
    (day + Days::new(7)).month() != day.month()
}

impl Series {
    pub(super) fn names(&self, day: NaiveDate) -> bool {
        let on = |apart: i64| apart.rem_euclid(i64::from(self.every)) == 0;
        let month = || on(i64::from(months(day) - months(self.anchor)));
        match &self.rule {
            Rule::Daily => on((day - self.anchor).num_days()),
            Rule::Weekly(days) => on((monday(day) - monday(self.anchor)).num_days() / 7) && days.contains(&number(day)),
            Rule::MonthlyDay(n) => month() && day.day() == *n,
            Rule::MonthlyNth(n, weekday) => month() && number(day) == *weekday && day.day0() / 7 + 1 == *n,
            Rule::MonthlyLast(weekday) => month() && number(day) == *weekday && last_of_its_kind(day),
            Rule::Yearly(m, d) => {
                on(i64::from(day.year() - self.anchor.year())) && (day.month(), day.day()) == (*m, *d)
            }
        }
    }

    pub(super) fn days(&self, to: NaiveDate) -> Vec<NaiveDate> {
        let mut days: Vec<NaiveDate> =
            self.from.iter_days().take_while(|day| *day <= to).filter(|day| self.names(*day)).collect();
        match self.end {
            End::Never => {}
            End::Count(n) => days.truncate(n),
            End::Until(until) => days.retain(|day| *day <= until),
        }
        days
    }

    /// Chosen in the form.
    pub(super) fn choices(&self) -> Vec<(&'static str, String)> {
        let kind = match &self.rule {
            Rule::Daily => "daily",
            Rule::Weekly(_) => "weekly",
            Rule::MonthlyDay(_) => "monthly_day",
            Rule::MonthlyNth(..) => "monthly_nth",
            Rule::MonthlyLast(_) => "monthly_last",
            Rule::Yearly(..) => "yearly",
        };
        let mut said = vec![("repeat", kind.to_owned()), ("repeat_every", self.every.to_string())];
        if let Rule::Weekly(days) = &self.rule {
            let keys = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
            said.extend(days.iter().map(|day| ("repeat_days", keys[usize::from(*day)].to_owned())));
        }
        match self.end {
            End::Never => said.push(("repeat_end", "never".into())),
            End::Count(n) => said.extend([("repeat_end", "count".into()), ("repeat_count", n.to_string())]),
            End::Until(day) => said.extend([("repeat_end", "until".into()), ("repeat_until", day.to_string())]),
        }
        said
    }

    /// The rule when what was on one day is on another.
    pub(super) fn moved(&self, from: NaiveDate, to: NaiveDate) -> Rule {
        match self.rule.clone() {
            Rule::Weekly(mut days) => {
                days.remove(&number(from));
                days.insert(number(to));
                Rule::Weekly(days)
            }
            Rule::MonthlyDay(_) => Rule::MonthlyDay(to.day()),
            Rule::MonthlyLast(_) if last_of_its_kind(to) => Rule::MonthlyLast(number(to)),
            Rule::MonthlyLast(_) | Rule::MonthlyNth(..) => Rule::MonthlyNth(to.day0() / 7 + 1, number(to)),
            Rule::Yearly(..) => Rule::Yearly(to.month(), to.day()),
            Rule::Daily => Rule::Daily,
        }
    }
}

/// RFC 5545, 3.3.5, by walking the minutes: the first time the clocks show it; where they never do, as the offset before the gap says.
pub(super) fn instant(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    let around = zone.offset_from_utc_datetime(&(local - Duration::hours(36)));
    let mut before =
        Utc.from_utc_datetime(&local) - Duration::seconds(around.fix().local_minus_utc().into()) - Duration::hours(4);
    for _ in 0..8 * 60 {
        let at = before + Duration::minutes(1);
        let shown = at.with_timezone(&zone).naive_local();
        if shown == local {
            return at;
        }
        let offset = before.with_timezone(&zone).naive_local() - before.naive_utc();
        if shown > local && before.with_timezone(&zone).naive_local() < local {
            return Utc.from_utc_datetime(&(local - offset));
        }
        before = at;
    }
    panic!("{local} is never in {zone}");
}
