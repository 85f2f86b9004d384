//! What a person looks at: which view, whose calendars, which types. Remembered for each member; an address says otherwise for once.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{MemberId, calendar},
    schema::preferences,
    web::{Actor, Form},
};
use chrono::{Datelike, Days, Months, NaiveDate};
use diesel::{prelude::*, upsert::excluded};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const KEY: &str = "calendar";
/// Calendars beside each other.
pub const MOST: usize = 20;
/// Days of an agenda.
const AHEAD: u64 = 14;

/// Key, label and icon.
pub const VIEWS: &[(&str, &str, &str)] = &[
    ("day", "Day", "calendar-event"),
    ("week", "Week", "columns-3"),
    ("month", "Month", "calendar"),
    ("agenda", "Agenda", "list"),
    ("people", "People", "users"),
];

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    pub view: String,
    /// Whose; none: one's own.
    pub people: Vec<Uuid>,
    /// Of which types; none: of every type.
    pub types: Vec<Uuid>,
}

impl Choice {
    pub fn load(tx: &mut OrgTx, member: MemberId) -> AppResult<Self> {
        let value: Option<serde_json::Value> = preferences::table
            .filter(preferences::member_id.eq(member))
            .filter(preferences::key.eq(KEY))
            .select(preferences::value)
            .first(tx.conn())
            .optional()?;
        Ok(value.and_then(|v| serde_json::from_value(v).ok()).unwrap_or_default())
    }

    pub fn save(&self, tx: &mut OrgTx, member: MemberId) -> AppResult<()> {
        let value = serde_json::to_value(self).map_err(anyhow::Error::from)?;
        diesel::insert_into(preferences::table)
            .values((preferences::member_id.eq(member), preferences::key.eq(KEY), preferences::value.eq(value)))
            .on_conflict((preferences::org_id, preferences::member_id, preferences::key))
            .do_update()
            .set(preferences::value.eq(excluded(preferences::value)))
            .execute(tx.conn())?;
        Ok(())
    }

    /// With what a form or an address says otherwise: `view`, `person`…, `type`….
    pub fn with(mut self, said: &Form) -> Self {
        if let Some((key, ..)) = VIEWS.iter().find(|(key, ..)| *key == said.get("view")) {
            self.view = (*key).to_owned();
        }
        for (name, place) in [("person", &mut self.people), ("type", &mut self.types)] {
            if said.has(name) {
                let mut ids: Vec<Uuid> = said.all(name).filter_map(|id| id.parse().ok()).collect();
                ids.dedup();
                ids.truncate(MOST);
                *place = ids;
            }
        }
        self
    }

    pub fn view(&self) -> &'static str {
        VIEWS.iter().find(|(key, ..)| *key == self.view).map_or("week", |(key, ..)| key)
    }

    /// Whose, the reader's own first where it is among them.
    pub fn whose(&self, actor: &Actor) -> Vec<Uuid> {
        if self.people.is_empty() { vec![actor.id.0] } else { self.people.clone() }
    }
}

/// The days a view shows around one of them, and where its arrows lead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Period {
    pub shown: calendar::Span,
    pub before: NaiveDate,
    pub after: NaiveDate,
}

impl Period {
    pub fn of(view: &str, day: NaiveDate) -> Self {
        let span = |from: NaiveDate, days: u64| calendar::Span { from, to: from + Days::new(days) };
        match view {
            "month" => {
                let first = calendar::month(day).from;
                let shown = span(calendar::week(first).from, 42);
                Self { shown, before: first - Months::new(1), after: first + Months::new(1) }
            }
            "agenda" => {
                let days = Days::new(AHEAD);
                Self { shown: span(day, AHEAD), before: day - days, after: day + days }
            }
            "day" | "people" => Self { shown: span(day, 1), before: day - Days::new(1), after: day + Days::new(1) },
            _ => {
                let shown = calendar::week(day);
                Self { shown, before: day - Days::new(7), after: day + Days::new(7) }
            }
        }
    }

    /// As it stands over the calendar: `November 2026`, `23 – 29 Nov`, `Saturday 28 Nov`.
    pub fn title(&self, view: &str, day: NaiveDate, actor: &Actor) -> String {
        let (today, last) = (actor.today(), self.shown.to - Days::new(1));
        match view {
            "month" => actor.locale.month(day),
            "day" | "people" => actor.locale.weekday_and_day(day, today),
            _ if self.shown.from.month() == last.month() && actor.locale.tag() != "en-US" => {
                format!("{} – {}", self.shown.from.day(), actor.locale.day(last, today))
            }
            _ => format!("{} – {}", actor.locale.day(self.shown.from, today), actor.locale.day(last, today)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_replaces_what_was_kept() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let kept = Choice { view: "month".into(), people: vec![one], types: vec![two] };
        assert_eq!(kept.clone().with(&Form::default()), kept);
        let said = Form::new(
            [("view", "nothing".into()), ("person", two.to_string()), ("type", String::new())]
                .map(|(n, v): (&str, String)| (n.to_owned(), v)),
        );
        assert_eq!(kept.with(&said), Choice { view: "month".into(), people: vec![two], types: vec![] });
    }

    #[test]
    fn a_month_shows_six_whole_weeks() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 28).unwrap_or_default();
        let period = Period::of("month", day);
        assert_eq!(
            (period.shown.from.to_string(), period.shown.to.to_string()),
            ("2026-10-26".into(), "2026-12-07".into())
        );
        assert_eq!(period.before.to_string(), "2026-10-01");
    }
}
