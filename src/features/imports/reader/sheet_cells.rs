//! A cell of a sheet as text that reads the same everywhere: ISO dates, numbers with a point, `true`, `false`.

use crate::features::imports::cells::{EPOCH, MICROS_OF_A_DAY};
use calamine::{DataRef, ExcelDateTime, Style};
use chrono::{NaiveTime, TimeDelta};

/// What the number in a cell is shown as.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Look {
    #[default]
    Plain,
    Percent,
    /// A moment that says to be in UTC, as our own exports have it.
    Utc,
}

/// The text of a cell; the error it holds otherwise.
pub fn text(value: &DataRef<'_>, look: Look) -> Result<String, String> {
    let percent = look == Look::Percent;
    Ok(match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) if percent => format!("{}%", number.saturating_mul(100)),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) if percent => format!("{}%", self::number(number * 100.0)),
        DataRef::Float(number) => self::number(*number),
        DataRef::Bool(yes) => yes.to_string(),
        DataRef::DateTime(at) if look == Look::Utc => in_utc(at),
        DataRef::DateTime(at) => moment(at),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => return Err(error.to_string()),
    })
}

/// As many digits as Excel shows (15), without an exponent. Exactly three decimals get a zero more: `1.234` alone might be read as
/// thousands elsewhere.
fn number(number: f64) -> String {
    let shown: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    let text = shown.to_string();
    match text.split_once('.') {
        Some((_, decimals)) if decimals.len() == 3 => format!("{text}0"),
        _ => text,
    }
}

fn moment(at: &ExcelDateTime) -> String {
    if at.is_duration() {
        let seconds = (at.as_f64() * 86_400.0).round() as i64;
        return format!("{}:{:02}:{:02}", seconds / 3600, seconds % 3600 / 60, seconds % 60);
    }
    let Some(moment) = at.as_datetime() else { return number(at.as_f64()) };
    // Rounded to whole seconds: half a day less a little is noon.
    let moment = moment + chrono::Duration::milliseconds(500);
    match at.as_f64() {
        days if days < 1.0 => moment.format("%H:%M:%S").to_string(),
        _ if moment.time() < chrono::NaiveTime::MIN + chrono::Duration::seconds(1) => {
            moment.format("%Y-%m-%d").to_string()
        }
        _ => moment.format("%Y-%m-%dT%H:%M:%S").to_string(),
    }
}

/// To the microsecond, as it was written.
fn in_utc(at: &ExcelDateTime) -> String {
    let (days, part) = (at.as_f64().floor(), at.as_f64().rem_euclid(1.0));
    let since = TimeDelta::try_days(days as i64).unwrap_or_default();
    let time = TimeDelta::microseconds((part * MICROS_OF_A_DAY).round() as i64);
    let moment = EPOCH.and_time(NaiveTime::MIN).checked_add_signed(since + time);
    moment.map_or_else(|| number(at.as_f64()), |moment| moment.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
}

/// What numbers of that style are shown as.
pub fn look(style: &Style) -> Look {
    let Some(format) = &style.number_format else { return Look::Plain };
    match &format.format_code {
        code if code.contains('%') => Look::Percent,
        code if code.contains("UTC") => Look::Utc,
        _ => Look::Plain,
    }
}

/// `C5`.
pub fn name(row: u32, column: u32) -> String {
    let (mut letters, mut rest) = (String::new(), column + 1);
    while rest > 0 {
        let letter = char::from(b'A' + u8::try_from((rest - 1) % 26).unwrap_or(0));
        letters.insert(0, letter);
        rest = (rest - 1) / 26;
    }
    format!("{letters}{}", row + 1)
}
