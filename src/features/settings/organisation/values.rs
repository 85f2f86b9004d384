//! The settings as values, and as a form.

use crate::{
    features::activities,
    kernel::{Currency, Locale, calendar},
    web::{Form, FormErrors, forms::SelectOption},
};
use chrono::Timelike;
use serde::Serialize;

/// What an administrator may set, beside the logo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settings {
    pub name: String,
    pub currency: String,
    pub locale: String,
    pub time_zone: String,
    /// The month in which the fiscal year begins, 1 to 12.
    pub fiscal_year_start: i16,
    /// ISO 8601: Monday is 1.
    pub working_days: Vec<i16>,
    /// Minutes since midnight, in each member's own time zone.
    pub work_from: i16,
    pub work_to: i16,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl Settings {
    /// From a posted form, or what is wrong with it.
    pub fn parse(form: &Form) -> Result<Self, FormErrors> {
        let mut p = form.parser();
        let name = p.required("name", 120);
        let currency = p.optional("currency", str::parse::<Currency>).map(|c| c.to_string());
        let locale = p.optional("locale", known_locale);
        let time_zone = p.optional("time_zone", calendar::parse_zone).map(|z| z.name().to_owned());
        let fiscal_year_start = p.integer("fiscal_year_start", 1, 12);
        for (field, missing) in [
            ("currency", currency.is_none()),
            ("locale", locale.is_none()),
            ("time_zone", time_zone.is_none()),
            ("fiscal_year_start", fiscal_year_start.is_none()),
        ] {
            if missing {
                p.error(field, "is not one of the choices");
            }
        }
        let mut working_days: Vec<i16> =
            form.all("working_days").filter_map(|d| d.parse().ok()).filter(|d| (1..=7).contains(d)).collect();
        working_days.sort_unstable();
        working_days.dedup();
        if working_days.is_empty() {
            p.error("working_days", "Choose at least one day.");
        }
        let work_from = p.optional("work_from", clock).unwrap_or(540);
        // Midnight at the end of a day is its end.
        let work_to = p.optional("work_to", clock).map_or(1_020, |n| if n == 0 { 1_440 } else { n });
        if work_from >= work_to {
            p.error("work_to", "must be later than the beginning");
        }
        p.finish()?;
        Ok(Self {
            name,
            currency: currency.unwrap_or_default(),
            locale: locale.unwrap_or_default(),
            time_zone: time_zone.unwrap_or_default(),
            fiscal_year_start: fiscal_year_start.and_then(|m| m.try_into().ok()).unwrap_or(1),
            working_days,
            work_from,
            work_to,
        })
    }

    /// As the form's fields.
    pub fn to_form(&self, version: i32) -> Form {
        let mut pairs = vec![
            ("version".to_owned(), version.to_string()),
            ("name".to_owned(), self.name.clone()),
            ("currency".to_owned(), self.currency.clone()),
            ("locale".to_owned(), self.locale.clone()),
            ("time_zone".to_owned(), self.time_zone.clone()),
            ("fiscal_year_start".to_owned(), self.fiscal_year_start.to_string()),
            ("work_from".to_owned(), hours(self.work_from)),
            ("work_to".to_owned(), hours(self.work_to % 1_440)),
        ];
        pairs.extend(self.working_days.iter().map(|d| ("working_days".to_owned(), d.to_string())));
        Form::new(pairs)
    }

    /// What differs from `other`: label, this one's words, the other's.
    pub fn differences(&self, other: &Self) -> Vec<(&'static str, String, String)> {
        let pairs = self.words().into_iter().zip(other.words());
        pairs.filter(|(a, b)| a.1 != b.1).map(|((label, mine), (_, theirs))| (label, mine, theirs)).collect()
    }

    fn words(&self) -> Vec<(&'static str, String)> {
        let days: Vec<&str> = self.working_days.iter().filter_map(|d| day_name(*d)).collect();
        vec![
            ("Name", self.name.clone()),
            ("Currency", self.currency.clone()),
            ("Locale", locale_name(&self.locale)),
            ("Time zone", self.time_zone.clone()),
            ("Fiscal year starts in", month_name(self.fiscal_year_start)),
            ("Working days", days.join(", ")),
            ("Working hours", format!("{} – {}", hours(self.work_from), hours(self.work_to))),
        ]
    }
}

fn clock(text: &str) -> Result<i16, &'static str> {
    let time = activities::parse_time(text)?;
    Ok(i16::try_from(time.hour() * 60 + time.minute()).unwrap_or(0))
}

fn hours(minutes: i16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn known_locale(tag: &str) -> Result<String, &'static str> {
    if Locale::is_supported(tag) { Ok(tag.to_owned()) } else { Err("is not one of the choices") }
}

fn locale_name(tag: &str) -> String {
    Locale::all().find(|(t, _)| *t == tag).map_or_else(|| tag.to_owned(), |(_, name)| name.to_owned())
}

fn month_name(month: i16) -> String {
    usize::try_from(month - 1).ok().and_then(|i| MONTHS.get(i)).map_or_else(|| month.to_string(), |m| (*m).to_owned())
}

fn day_name(day: i16) -> Option<&'static str> {
    usize::try_from(day - 1).ok().and_then(|i| DAYS.get(i)).copied()
}

pub fn currencies(chosen: &str) -> Vec<SelectOption> {
    Currency::all()
        .into_iter()
        .map(|(code, name)| SelectOption::new(code.clone(), format!("{code} · {name}"), code == chosen))
        .collect()
}

pub fn locales(chosen: &str) -> Vec<SelectOption> {
    Locale::all().map(|(tag, name)| SelectOption::new(tag, name, tag == chosen)).collect()
}

pub fn zones(chosen: &str) -> Vec<SelectOption> {
    calendar::zone_names().map(|name| SelectOption::new(name, name.replace('_', " "), name == chosen)).collect()
}

pub fn months(chosen: &str) -> Vec<SelectOption> {
    (1..)
        .zip(MONTHS)
        .map(|(n, name): (u8, _)| SelectOption::new(n.to_string(), name, n.to_string() == chosen))
        .collect()
}

pub fn days(chosen: &[&str]) -> Vec<SelectOption> {
    (1..)
        .zip(DAYS)
        .map(|(n, name): (u8, _)| SelectOption::new(n.to_string(), name, chosen.contains(&n.to_string().as_str())))
        .collect()
}
