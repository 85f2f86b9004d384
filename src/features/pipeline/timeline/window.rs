//! The days a timeline shows, and the marks above them.

use crate::{
    kernel::calendar::{self, Span},
    web::Actor,
};
use chrono::{Datelike, Months, NaiveDate};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zoom {
    Month,
    #[default]
    Quarter,
    Year,
}

impl Zoom {
    pub const ALL: [Zoom; 3] = [Zoom::Month, Zoom::Quarter, Zoom::Year];

    pub fn key(self) -> &'static str {
        match self {
            Zoom::Month => "month",
            Zoom::Quarter => "quarter",
            Zoom::Year => "year",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Zoom::Month => "Month",
            Zoom::Quarter => "Quarter",
            Zoom::Year => "Year",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|zoom| zoom.key() == text)
    }

    /// Months shown, months before the one asked for, months from mark to mark.
    fn months(self) -> (u32, u32, u32) {
        match self {
            Zoom::Month => (3, 1, 1),
            Zoom::Quarter => (9, 3, 1),
            Zoom::Year => (30, 6, 3),
        }
    }

    /// The days around one.
    pub fn around(self, day: NaiveDate) -> Span {
        let (shown, before, _) = self.months();
        let from = calendar::month(day).from - Months::new(before);
        Span { from, to: from + Months::new(shown) }
    }

    /// A day as many months on or back as are shown but one.
    pub fn beside(self, day: NaiveDate, later: bool) -> NaiveDate {
        let step = Months::new(self.months().0 / 3);
        let first = calendar::month(day).from;
        if later { first + step } else { first - step }
    }
}

/// A line with a label, at so many hundredths of a percent.
pub struct Mark {
    pub at: String,
    pub label: String,
}

pub fn marks(zoom: Zoom, span: Span, actor: &Actor) -> Vec<Mark> {
    let (shown, _, step) = zoom.months();
    let names = actor.locale.month_names();
    let days = (0..shown).step_by(step as usize).map(|n| span.from + Months::new(n));
    // Long and short names; the short one is the shorter.
    let short =
        |month: u32| names.iter().filter(|(_, n)| *n == month).map(|(name, _)| name.as_str()).min_by_key(|n| n.len());
    let label = |day: NaiveDate| {
        let name = short(day.month()).unwrap_or_default();
        if day.month() == 1 || day == span.from { format!("{name} {}", day.year()) } else { name.to_owned() }
    };
    days.map(|day| Mark { at: percent(span, day), label: label(day) }).collect()
}

/// How far a day is into the span: `12.5`, from 0 to 100.
pub fn percent(span: Span, day: NaiveDate) -> String {
    format!("{:.2}", share(span, day))
}

pub fn share(span: Span, day: NaiveDate) -> f64 {
    let days = |from: NaiveDate, to: NaiveDate| i32::try_from((to - from).num_days()).map_or(0.0, f64::from);
    (days(span.from, day) / days(span.from, span.to).max(1.0) * 100.0).clamp(0.0, 100.0)
}
