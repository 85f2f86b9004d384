//! The one parser of every kind of field, from text as people and files write it, and back to text.
//!
//! Canonical form of a custom value, as records keep it under the field's key; an empty field has no key:
//! text, e-mail, phone (E.164), URL, choice (its key), member and record (the id): string · integer: number · decimal: string, so
//! that no reader makes a float of it · money: `{"amount": "12.50", "currency": "EUR"}` · date: `2026-11-20` · date-time: UTC,
//! `2026-11-20T09:30:00Z` · yes/no: boolean · several choices: array of keys, in the field's order.

use super::{Entry, Kind};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::accounts::members,
    kernel::{Currency, RecordType, calendar, countries, money, numbers::DecimalMark, people, text},
    web::Actor,
};
use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeZone, Utc};
use chrono_tz::Tz;
use diesel::{prelude::*, sql_types};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::HashMap;
use uuid::Uuid;

/// Decimal places that decimals are kept with.
pub const PLACES: u32 = 10;
const LONGEST_URL: usize = 2_000;

/// How the writer writes, and whom and what they may name.
#[derive(Clone, Debug)]
pub struct ParseContext {
    /// ISO 3166: for phone numbers without a country code.
    pub region: String,
    pub zone: Tz,
    /// `3/4/2026` is in March.
    pub month_first: bool,
    pub mark: DecimalMark,
    /// Of money that names none.
    pub currency: String,
    /// Members by id, by e-mail in lower case and by folded name; `None` where two share it.
    pub people: HashMap<String, Option<Uuid>>,
    /// Records that links may name, by folded name; `None` where two share it. See [`name_records`].
    pub records: HashMap<(RecordType, String), Option<Uuid>>,
}

impl ParseContext {
    pub fn load(tx: &mut OrgTx, actor: &Actor) -> AppResult<Self> {
        let mut context = Self::of(actor);
        for person in members::directory(tx)?.into_iter().filter(|p| p.active) {
            let id = person.id.0;
            let name = context.people.entry(text::fold(&person.name)).or_insert(Some(id));
            *name = name.filter(|n| *n == id);
            context.people.insert(person.email.to_lowercase(), Some(id));
            context.people.insert(id.to_string(), Some(id));
        }
        Ok(context)
    }

    /// Without people: for kinds that name none.
    pub fn of(actor: &Actor) -> Self {
        Self {
            region: actor.home().to_owned(),
            zone: actor.zone,
            month_first: actor.locale.tag() == "en-US",
            mark: actor.locale.mark(),
            currency: actor.org.currency.clone(),
            people: HashMap::new(),
            records: HashMap::new(),
        }
    }
}

/// The canonical value of a text; null when it is empty. The message follows the field's label.
pub fn parse(entry: &Entry, text: &str, context: &ParseContext) -> Result<Value, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Value::Null);
    }
    if text.contains('\0') {
        return Err("holds a character that cannot be kept (NUL)".into());
    }
    match &entry.kind {
        Kind::Text => plain_text(&text.replace(['\n', '\r', '\t'], " "), entry.max),
        Kind::LongText => plain_text(&text.replace("\r\n", "\n"), entry.max),
        Kind::Email => Ok(json!(people::parse_email(text)?)),
        Kind::Phone => Ok(json!(people::parse_phone(text, Some(&context.region))?)),
        Kind::Url => url(text),
        Kind::Domain => {
            text::domain(text).map(Value::from).ok_or_else(|| "must be a web domain, such as example.com".into())
        }
        Kind::Country => Ok(json!(countries::parse(text)?)),
        Kind::Integer => integer(text, context.mark),
        Kind::Decimal => Ok(json!(money::parse_decimal(text, PLACES, context.mark)?.to_string())),
        Kind::Percent => Ok(json!(money::parse_decimal(text.trim_end_matches('%'), 2, context.mark)?.to_string())),
        Kind::Money => amount(text, context),
        Kind::Currency => Ok(json!(text.parse::<Currency>()?.code())),
        Kind::Date => date(text, context.month_first).map(|d| json!(d.to_string())),
        Kind::DateTime => moment(text, context).map(|at| json!(at.to_rfc3339_opts(SecondsFormat::Secs, true))),
        Kind::Bool => yes_or_no(text),
        Kind::Choice(_) => choice(&entry.kind, text).map(Value::from),
        Kind::Choices(_) => choices(&entry.kind, text),
        Kind::Emails => each(text, |part| Ok(people::parse_email(part)?)),
        Kind::Phones => each(text, |part| Ok(people::parse_phone(part, Some(&context.region))?)),
        Kind::Member => member(text, context),
        Kind::Record(record) => link(text, *record, context),
        Kind::Formula(_) => Err("is computed, and cannot be set".into()),
        Kind::Pipeline | Kind::Stage | Kind::Tags => plain_text(text, entry.max),
    }
}

fn plain_text(text: &str, max: usize) -> Result<Value, String> {
    if text.chars().count() > max {
        return Err(format!("is too long: at most {} characters", text::grouped(max)));
    }
    Ok(json!(text))
}

fn url(text: &str) -> Result<Value, String> {
    const TOLD: &str = "must be a web address, such as https://example.com";
    if text.len() > LONGEST_URL || text.chars().any(char::is_whitespace) {
        return Err(TOLD.into());
    }
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let parsed = url::Url::parse(&whole).map_err(|_| TOLD)?;
    let known = matches!(parsed.scheme(), "http" | "https") && parsed.host_str().is_some_and(|h| h.contains('.'));
    if known { Ok(json!(parsed.as_str())) } else { Err(TOLD.into()) }
}

fn integer(text: &str, mark: DecimalMark) -> Result<Value, String> {
    let number = money::parse_decimal(text, 0, mark)?;
    i64::try_from(number).map(Value::from).map_err(|_| "is too large".into())
}

/// `1,234.50`, in the given currency unless the text names one: `EUR 12`, `12 EUR`.
fn amount(text: &str, context: &ParseContext) -> Result<Value, String> {
    let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
    let (number, currency) = match letters.len() {
        3 => (text.replace(&letters, ""), letters.parse::<Currency>()?.code().to_owned()),
        _ => (text.to_owned(), context.currency.clone()),
    };
    let written = number;
    let number = money::parse_decimal(&written, 4, context.mark).map_err(|told| match told.as_str() {
        "must be a number, such as 1234.5" => "must be an amount, such as 1234.50".to_owned(),
        _ => told,
    })?;
    money::without_doubt(&written, number, context.mark)?;
    Ok(json!({ "amount": number.to_string(), "currency": currency }))
}

/// ISO 8601, or day, month and year in the writer's order with `.`, `/` or `-` between.
fn date(text: &str, month_first: bool) -> Result<NaiveDate, String> {
    if let Ok(day) = calendar::parse_date(text) {
        return Ok(day);
    }
    let ways: &[&str] = if month_first { &["%m/%d/%Y", "%m-%d-%Y"] } else { &["%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y"] };
    let read = ways.iter().find_map(|way| NaiveDate::parse_from_str(text, way).ok());
    let day = read.ok_or("must be a date, such as 2026-11-28")?;
    Ok(calendar::parse_date(&day.to_string())?)
}

/// RFC 3339, or a time of the writer's own clock. A time that the clock skips in spring is the one an hour later.
fn moment(text: &str, context: &ParseContext) -> Result<DateTime<Utc>, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        calendar::parse_date(&at.date_naive().to_string())?;
        return Ok(at.to_utc());
    }
    let (day, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let ways = ["%H:%M", "%H:%M:%S", "%H:%M:%S%.f", "%I:%M %p"];
    let time = ways.iter().find_map(|way| NaiveTime::parse_from_str(time.trim(), way).ok());
    let time = time.ok_or("must be a date and time, such as 2026-11-28 14:30")?;
    Ok(instant(date(day, context.month_first)?.and_time(time), context.zone))
}

fn instant(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.to_utc(),
        LocalResult::None => (zone.from_utc_datetime(&local)).to_utc(),
    }
}

fn yes_or_no(cell: &str) -> Result<Value, String> {
    match text::fold(cell).as_str() {
        "true" | "t" | "yes" | "y" | "1" | "x" | "on" | "ja" | "oui" | "si" => Ok(json!(true)),
        "false" | "f" | "no" | "n" | "0" | "off" | "nein" | "nee" | "non" => Ok(json!(false)),
        _ => Err("must be yes or no".into()),
    }
}

/// By key or by label.
fn choice(kind: &Kind, cell: &str) -> Result<String, String> {
    let folded = text::fold(cell);
    let all = kind.choices();
    let found = all.iter().find(|c| c.key == cell).or_else(|| all.iter().find(|c| text::fold(&c.label) == folded));
    found.map(|c| c.key.clone()).ok_or_else(|| {
        let cell: String = cell.chars().take(60).collect();
        format!("“{cell}” is not one of the choices")
    })
}

/// One on each line, or between semicolons, commas or bars; in the field's order.
fn choices(kind: &Kind, text: &str) -> Result<Value, String> {
    let mut keys: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        // A label may hold a comma.
        if let Ok(key) = choice(kind, line) {
            keys.push(key);
            continue;
        }
        for part in line.split([';', ',', '|']).map(str::trim).filter(|part| !part.is_empty()) {
            keys.push(choice(kind, part)?);
        }
    }
    let kept: Vec<&str> =
        kind.choices().iter().map(|c| c.key.as_str()).filter(|k| keys.iter().any(|x| x == k)).collect();
    Ok(json!(kept))
}

fn each(text: &str, parse: impl Fn(&str) -> Result<String, String>) -> Result<Value, String> {
    let mut items: Vec<String> = Vec::new();
    for part in text.split(['\n', ';', ',']).map(str::trim).filter(|part| !part.is_empty()) {
        let item = parse(part)?;
        if !items.contains(&item) {
            items.push(item);
        }
    }
    if items.len() > 20 { Err("holds more than 20 values".into()) } else { Ok(json!(items)) }
}

fn member(cell: &str, context: &ParseContext) -> Result<Value, String> {
    let found = context.people.get(&cell.to_lowercase()).or_else(|| context.people.get(&text::fold(cell)));
    match found {
        Some(Some(id)) => Ok(json!(id)),
        Some(None) => Err("is a name that several people have: use the e-mail address".into()),
        None => Err("is not an active member".into()),
    }
}

fn link(cell: &str, record: RecordType, context: &ParseContext) -> Result<Value, String> {
    if let Ok(id) = cell.parse::<Uuid>() {
        return Ok(json!(id));
    }
    let noun = record.label().to_lowercase();
    match context.records.get(&(record, text::fold(cell))) {
        Some(Some(id)) => Ok(json!(id)),
        Some(None) => Err(format!("is the name of more than one {noun}")),
        None => Err(format!("is no {noun} that you can see")),
    }
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    name_key: String,
}

/// Adds the records of these names that the actor sees to what links may name.
pub fn name_records(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    names: &[String],
    context: &mut ParseContext,
) -> AppResult<()> {
    let folded: Vec<String> = names.iter().map(|name| text::fold(name)).filter(|name| !name.is_empty()).collect();
    if folded.is_empty() || !actor.may(&format!("{}.view", record.noun())) {
        return Ok(());
    }
    let sql = format!(
        "SELECT id, name_key FROM {} WHERE name_key = ANY ($1) AND archived_at IS NULL AND deleted_at IS NULL \
         AND ($2 IS NULL OR owner_id = ANY ($2)) ORDER BY id LIMIT {}",
        record.noun(),
        folded.len() * 2
    );
    let rows: Vec<Named> = diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Text>, _>(folded)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(actor.visible_owners())
        .load(tx.conn())?;
    for row in rows {
        let known = context.records.entry((record, row.name_key)).or_insert(Some(row.id));
        *known = known.filter(|id| *id == row.id);
    }
    Ok(())
}

/// A text that was parsed, to be kept and parsed again: a number is written so that a reader with another mark reads the same.
pub fn canonical(entry: &Entry, text: &str, value: &Value) -> String {
    let Some(number) = number(value).filter(|_| entry.kind.is_number()) else { return text.to_owned() };
    let named = value.get("currency").and_then(Value::as_str).filter(|_| text.contains(char::is_alphabetic));
    let number = money::typed(number);
    named.map_or_else(|| number.clone(), |currency| format!("{number} {currency}"))
}

/// The number in a value of a numeric kind.
pub fn number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(n) => n.to_string().parse().ok(),
        Value::String(text) => text.parse().ok(),
        Value::Object(money) => money.get("amount").and_then(number),
        _ => None,
    }
}
