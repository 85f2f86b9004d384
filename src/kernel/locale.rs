//! How a person's locale writes numbers, money and dates. Ten locales, data from CLDR as carried by `chrono`'s
//! pure-rust-locales for month and day names.

use super::{
    money::{Currency, Money},
    numbers::DecimalMark,
};
use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use chrono_tz::Tz;
use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use std::sync::LazyLock;

/// Tag, name in its own language, thousands separator, decimal separator, date pattern, whether the day comes before the month name.
const LOCALES: &[(&str, &str, &str, &str, &str, chrono::Locale)] = &[
    ("en-GB", "English (United Kingdom)", ",", ".", "%d/%m/%Y", chrono::Locale::en_GB),
    ("en-US", "English (United States)", ",", ".", "%m/%d/%Y", chrono::Locale::en_US),
    ("de-DE", "Deutsch (Deutschland)", ".", ",", "%d.%m.%Y", chrono::Locale::de_DE),
    ("fr-FR", "Français (France)", "\u{202f}", ",", "%d/%m/%Y", chrono::Locale::fr_FR),
    ("nl-NL", "Nederlands (Nederland)", ".", ",", "%d-%m-%Y", chrono::Locale::nl_NL),
    ("es-ES", "Español (España)", ".", ",", "%d/%m/%Y", chrono::Locale::es_ES),
    ("it-IT", "Italiano (Italia)", ".", ",", "%d/%m/%Y", chrono::Locale::it_IT),
    ("pl-PL", "Polski (Polska)", "\u{a0}", ",", "%d.%m.%Y", chrono::Locale::pl_PL),
    ("pt-BR", "Português (Brasil)", ".", ",", "%d/%m/%Y", chrono::Locale::pt_BR),
    ("sv-SE", "Svenska (Sverige)", "\u{a0}", ",", "%Y-%m-%d", chrono::Locale::sv_SE),
];

/// Of each locale the short names of months and of weekdays: lists say hundreds of days, and reading patterns costs more than writing.
static SHORT: LazyLock<Vec<(Vec<String>, Vec<String>)>> = LazyLock::new(|| {
    // A Monday, the first of January too.
    let day = |n: u32| NaiveDate::from_ymd_opt(2001, 1, 1 + n);
    let month = |n: u32| NaiveDate::from_ymd_opt(2001, 1 + n, 1);
    let named = |date: Option<NaiveDate>, pattern, locale| {
        date.map(|date| date.format_localized(pattern, locale).to_string()).unwrap_or_default()
    };
    let of = |locale| {
        let months = (0..12).map(|n| named(month(n), "%b", locale)).collect();
        (months, (0..7).map(|n| named(day(n), "%a", locale)).collect())
    };
    LOCALES.iter().map(|l| of(l.5)).collect()
});

/// One of the supported locales; an unknown tag reads as `en-GB`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Locale(usize);

impl Locale {
    pub fn from_tag(tag: &str) -> Self {
        Self(LOCALES.iter().position(|l| l.0 == tag).unwrap_or(0))
    }

    pub fn is_supported(tag: &str) -> bool {
        LOCALES.iter().any(|l| l.0 == tag)
    }

    /// Tag and name of every locale, for a select.
    pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
        LOCALES.iter().map(|l| (l.0, l.1))
    }

    pub fn tag(&self) -> &'static str {
        LOCALES[self.0].0
    }

    /// The ISO 3166 country of the tag: how phone numbers without a country code are read and shown.
    pub fn region(&self) -> &'static str {
        self.tag().rsplit('-').next().unwrap_or("GB")
    }

    /// What stands before the decimals of a number.
    pub fn mark(&self) -> DecimalMark {
        if LOCALES[self.0].3 == "," { DecimalMark::Comma } else { DecimalMark::Point }
    }

    pub fn integer(&self, n: i64) -> String {
        self.decimal(Decimal::from(n), 0)
    }

    /// A number with exactly `digits` decimals, rounded half away from zero.
    pub fn decimal(&self, n: Decimal, digits: u32) -> String {
        let (_, _, group, point, ..) = LOCALES[self.0];
        let rounded = n.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
        let text = format!("{:.prec$}", rounded.abs(), prec = digits as usize);
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let mut out = String::new();
        if rounded.is_sign_negative() && !rounded.is_zero() {
            out.push('−');
        }
        for (i, c) in whole.chars().enumerate() {
            if i > 0 && (whole.len() - i).is_multiple_of(3) {
                out.push_str(group);
            }
            out.push(c);
        }
        if !fraction.is_empty() {
            out.push_str(point);
            out.push_str(fraction);
        }
        out
    }

    /// Money in full: `€86,000.00` or, where the locale puts the sign last, `86.000,00 €`.
    pub fn money(&self, money: Money) -> String {
        self.signed(self.decimal(money.amount, money.currency.digits()), money.currency)
    }

    /// Money in short, for cards: `€12.4k`, `€2.86M`, `€950`; `12,4k €` where the sign goes last. Rounded half away from zero.
    pub fn short(&self, money: Money) -> String {
        let (scaled, suffix, digits) = match money.amount.abs().to_f64().unwrap_or(0.0) {
            a if a >= 999_950_000_000.0 => (money.amount / Decimal::from(1_000_000_000_000_i64), "T", 2),
            a if a >= 999_950_000.0 => (money.amount / Decimal::from(1_000_000_000), "B", 2),
            a if a >= 999_950.0 => (money.amount / Decimal::from(1_000_000), "M", 2),
            a if a >= 1_000.0 => (money.amount / Decimal::from(1_000), "k", 1),
            _ => (money.amount, "", 0),
        };
        self.signed(format!("{}{suffix}", self.decimal(scaled, digits)), money.currency)
    }

    fn signed(&self, number: String, currency: Currency) -> String {
        let symbol = currency.symbol();
        if matches!(self.tag(), "en-GB" | "en-US" | "nl-NL" | "pt-BR") {
            format!("{symbol}{number}")
        } else {
            format!("{number}\u{a0}{}", symbol.trim_end())
        }
    }

    /// `28 Nov`, with the year when it is not `today`'s.
    pub fn day(&self, date: NaiveDate, today: NaiveDate) -> String {
        let (day, month, year) = (date.day(), &SHORT[self.0].0[date.month0() as usize], date.year());
        match (self.tag() == "en-US", year == today.year()) {
            (true, true) => format!("{month} {day}"),
            (true, false) => format!("{month} {day}, {year}"),
            (false, true) => format!("{day} {month}"),
            (false, false) => format!("{day} {month} {year}"),
        }
    }

    /// Long and short names of the months, each with its number.
    pub fn month_names(&self) -> Vec<(String, u32)> {
        let first = |month| NaiveDate::from_ymd_opt(2000, month, 1);
        let days = (1..=12).filter_map(|month| Some((month, first(month)?)));
        let names = |(month, day): (u32, NaiveDate)| {
            ["%B", "%b"].map(|pattern| (day.format_localized(pattern, LOCALES[self.0].5).to_string(), month))
        };
        days.flat_map(names).collect()
    }

    /// `Saturday`.
    pub fn weekday(&self, date: NaiveDate) -> String {
        date.format_localized("%A", LOCALES[self.0].5).to_string()
    }

    /// `Sat`.
    pub fn weekday_short(&self, date: NaiveDate) -> String {
        date.format_localized("%a", LOCALES[self.0].5).to_string()
    }

    /// `14:30`, or `2:30 PM`.
    pub fn time(&self, time: chrono::NaiveTime) -> String {
        let pattern = if self.tag() == "en-US" { "%-I:%M %p" } else { "%H:%M" };
        time.format(pattern).to_string()
    }

    /// `Monday 30 Nov`.
    pub fn weekday_and_day(&self, date: NaiveDate, today: NaiveDate) -> String {
        format!("{} {}", self.weekday(date), self.day(date, today))
    }

    /// `November 2026`.
    pub fn month(&self, date: NaiveDate) -> String {
        date.format_localized("%B %Y", LOCALES[self.0].5).to_string()
    }

    /// `Nov`, for heads of columns.
    pub fn month_short(&self, date: NaiveDate) -> String {
        SHORT[self.0].0[date.month0() as usize].clone()
    }

    /// Numeric, for forms and exact titles: `28/11/2026`.
    pub fn date(&self, date: NaiveDate) -> String {
        let (day, month, year) = (date.day(), date.month(), date.year());
        match LOCALES[self.0].4 {
            "%d/%m/%Y" if (0..10_000).contains(&year) => format!("{day:02}/{month:02}/{year:04}"),
            pattern => date.format(pattern).to_string(),
        }
    }

    /// As people say it: `Today 14:30`, `Yesterday 09:12`, `Tue 3 Mar`, `3 Mar 2025`; of what is ahead, with its time: `Tue 3 Mar 08:30`.
    pub fn moment(&self, at: DateTime<Utc>, zone: Tz, now: DateTime<Utc>) -> String {
        let local = at.with_timezone(&zone);
        let today = now.with_timezone(&zone).date_naive();
        let date = local.date_naive();
        let time = self.time(local.time());
        let days = (today - date).num_days();
        let day = match days {
            0 => return format!("Today {time}"),
            1 => return format!("Yesterday {time}"),
            -1 => return format!("Tomorrow {time}"),
            d if d.abs() < 180 => {
                let weekday = &SHORT[self.0].1[date.weekday().num_days_from_monday() as usize];
                format!("{weekday} {}", self.day(date, today))
            }
            _ => self.day(date, today),
        };
        if days < 0 { format!("{day} {time}") } else { day }
    }

    /// The same with the time of day, however far away: for what somebody entered to the minute.
    pub fn moment_to_the_minute(&self, at: DateTime<Utc>, zone: Tz, now: DateTime<Utc>) -> String {
        let (said, time) = (self.moment(at, zone, now), self.time(at.with_timezone(&zone).time()));
        if said.ends_with(&time) { said } else { format!("{said} {time}") }
    }

    /// The exact moment, for hover: `20/11/2026 14:30:05 CET`.
    pub fn exact(&self, at: DateTime<Utc>, zone: Tz) -> String {
        let local = at.with_timezone(&zone);
        let (hour, minute, second) = (local.hour(), local.minute(), local.second());
        format!("{} {hour:02}:{minute:02}:{second:02} {}", self.date(local.date_naive()), local.offset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Currency;

    #[test]
    fn numbers_and_money() -> Result<(), Box<dyn std::error::Error>> {
        let n: Decimal = "1234567.891".parse()?;
        assert_eq!(Locale::from_tag("en-GB").decimal(n, 2), "1,234,567.89");
        assert_eq!(Locale::from_tag("de-DE").money(Money::new(n, Currency::EUR)), "1.234.567,89\u{a0}€");
        assert_eq!(Locale::from_tag("en-US").money(Money::new(n, "JPY".parse()?)), "¥1,234,568");
        Ok(())
    }

    #[test]
    fn short_is_short() -> Result<(), Box<dyn std::error::Error>> {
        let gb = |n: i64| Locale::from_tag("en-GB").short(Money::new(Decimal::from(n), Currency::EUR));
        assert_eq!(gb(12_400), "€12.4k");
        assert_eq!(gb(2_860_000), "€2.86M");
        assert_eq!(gb(950), "€950");
        assert_eq!(gb(999_999), "€1.00M");
        assert_eq!(gb(999_999_999_999), "€1.00T");
        let german = |n: i64| Locale::from_tag("de-DE").short(Money::new(Decimal::from(n), Currency::EUR));
        assert_eq!((german(12_400), german(950)), ("12,4k\u{a0}€".to_owned(), "950\u{a0}€".to_owned()));
        Ok(())
    }

    #[test]
    fn days_as_people_say_them() -> Result<(), Box<dyn std::error::Error>> {
        let now: DateTime<Utc> = "2026-11-20T23:30:00Z".parse()?;
        let gb = Locale::from_tag("en-GB");
        // In Amsterdam it is already the 21st.
        assert_eq!(gb.moment("2026-11-20T22:30:00Z".parse()?, chrono_tz::Europe::Amsterdam, now), "Yesterday 23:30");
        assert_eq!(gb.moment("2026-11-20T22:30:00Z".parse()?, chrono_tz::UTC, now), "Today 22:30");
        assert_eq!(gb.moment("2026-11-03T09:00:00Z".parse()?, chrono_tz::UTC, now), "Tue 3 Nov");
        assert_eq!(gb.moment("2026-12-01T08:30:00Z".parse()?, chrono_tz::UTC, now), "Tue 1 Dec 08:30");
        assert_eq!(gb.moment("2025-03-03T09:00:00Z".parse()?, chrono_tz::UTC, now), "3 Mar 2025");
        assert_eq!(gb.moment_to_the_minute("2025-03-03T09:05:00Z".parse()?, chrono_tz::UTC, now), "3 Mar 2025 09:05");
        assert_eq!(gb.moment_to_the_minute("2026-11-20T09:05:00Z".parse()?, chrono_tz::UTC, now), "Today 09:05");
        assert_eq!(gb.exact("2026-07-01T09:05:07Z".parse()?, chrono_tz::Europe::Amsterdam), "01/07/2026 11:05:07 CEST");
        assert_eq!(
            Locale::from_tag("de-DE").exact("2026-01-09T09:05:07Z".parse()?, chrono_tz::UTC),
            "09.01.2026 09:05:07 UTC"
        );
        assert_eq!(Locale::from_tag("nl-NL").moment("2026-05-25T09:00:00Z".parse()?, chrono_tz::UTC, now), "ma 25 mei");
        Ok(())
    }
}
