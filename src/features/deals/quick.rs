//! A deal in one line, as it is typed into the palette: `deal Acme 12k EUR next month`. What is understood is shown in the form of a
//! new deal; nothing is made before that form is sent.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{Currency, Money, money, numbers::DecimalMark, text},
    schema::companies,
    web::Actor,
};
use chrono::{Datelike, Days, Months, NaiveDate};
use diesel::prelude::*;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rust_decimal::Decimal;
use uuid::Uuid;

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub struct Quick {
    pub name: String,
    pub amount: Option<Decimal>,
    pub currency: Option<Currency>,
    pub close: Option<NaiveDate>,
}

/// The palette's offer to make it.
#[derive(Clone, Debug)]
pub struct Offer {
    pub title: String,
    pub note: String,
    pub href: String,
}

const LONGEST: usize = 300;

/// `None` when the line does not begin with `deal`, or says no name.
pub fn parse(line: &str, today: NaiveDate, mark: DecimalMark) -> Option<Quick> {
    let line: String = line.chars().take(LONGEST).collect();
    let mut words: Vec<&str> = line.split_whitespace().collect();
    if words.is_empty() || text::fold(words.remove(0).trim_end_matches(':')) != "deal" {
        return None;
    }
    let close = take_date(&mut words, today);
    let (amount, currency) = take_amount(&mut words, mark);
    let name: String = words.join(" ").chars().take(200).collect();
    (!name.is_empty()).then_some(Quick { name, amount, currency, close })
}

/// The last run of words that is a day, with the `by` before it.
fn take_date(words: &mut Vec<&str>, today: NaiveDate) -> Option<NaiveDate> {
    for start in (0..words.len()).rev() {
        for length in (1..=3).rev() {
            let Some(run) = words.get(start..start + length) else { continue };
            let folded: Vec<String> = run.iter().map(|word| text::fold(word.trim_end_matches(','))).collect();
            let Some(day) = day(&folded.iter().map(String::as_str).collect::<Vec<_>>(), today) else { continue };
            let from = match start.checked_sub(1).and_then(|before| words.get(before)) {
                Some(word) if ["by", "on", "until", "closing"].contains(&text::fold(word).as_str()) => start - 1,
                _ => start,
            };
            // A name must be left.
            if from == 0 && start + length == words.len() {
                continue;
            }
            words.drain(from..start + length);
            return Some(day);
        }
    }
    None
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

fn day(words: &[&str], today: NaiveDate) -> Option<NaiveDate> {
    match words {
        ["today"] => Some(today),
        ["tomorrow"] => today.checked_add_days(Days::new(1)),
        ["next", "week"] => today.checked_add_days(Days::new(7)),
        ["this", "month"] | ["end", "of", "month"] => end_of_month(today),
        ["next", "month"] => end_of_month(today.checked_add_months(Months::new(1))?),
        ["this", "quarter"] | ["end", "of", "quarter"] => end_of_quarter(today),
        ["next", "quarter"] => end_of_quarter(today.checked_add_months(Months::new(3))?),
        ["this", "year"] | ["end", "of", "year"] => NaiveDate::from_ymd_opt(today.year(), 12, 31),
        ["next", "year"] => NaiveDate::from_ymd_opt(today.year() + 1, 12, 31),
        ["in", count, unit] => {
            let count: u32 = count.parse().ok().filter(|count| (1..=1_000).contains(count))?;
            match unit.trim_end_matches('s') {
                "day" => today.checked_add_days(Days::new(count.into())),
                "week" => today.checked_add_days(Days::new(u64::from(count) * 7)),
                "month" => today.checked_add_months(Months::new(count)),
                _ => None,
            }
        }
        ["in", month] => month_end(month, today),
        [one] => quarter(one, today).or_else(|| NaiveDate::parse_from_str(one, "%Y-%m-%d").ok().filter(sane)),
        _ => None,
    }
}

fn sane(day: &NaiveDate) -> bool {
    (1970..=2200).contains(&day.year())
}

/// The end of the month of that name that comes next, this one too.
fn month_end(name: &str, today: NaiveDate) -> Option<NaiveDate> {
    let month = u32::try_from(MONTHS.iter().position(|month| *month == name)?).ok()? + 1;
    let year = if month < today.month() { today.year() + 1 } else { today.year() };
    end_of_month(NaiveDate::from_ymd_opt(year, month, 1)?)
}

/// `q3`: the end of that quarter of the calendar year, this or the next one.
fn quarter(word: &str, today: NaiveDate) -> Option<NaiveDate> {
    let n: u32 = word.strip_prefix('q')?.parse().ok().filter(|n| (1..=4).contains(n))?;
    let year = if n * 3 < today.month() { today.year() + 1 } else { today.year() };
    end_of_month(NaiveDate::from_ymd_opt(year, n * 3, 1)?)
}

fn end_of_month(day: NaiveDate) -> Option<NaiveDate> {
    day.with_day(1)?.checked_add_months(Months::new(1))?.pred_opt()
}

fn end_of_quarter(day: NaiveDate) -> Option<NaiveDate> {
    end_of_month(NaiveDate::from_ymd_opt(day.year(), day.month0() / 3 * 3 + 3, 1)?)
}

const CODES_THAT_ARE_WORDS: [&str; 12] =
    ["all", "bob", "cop", "cup", "gel", "mad", "mop", "pen", "ron", "sos", "top", "try"];

/// The last word that is an amount, and the currency in it or beside it.
fn take_amount(words: &mut Vec<&str>, mark: DecimalMark) -> (Option<Decimal>, Option<Currency>) {
    for at in (0..words.len()).rev() {
        let Some((amount, sign)) = amount(words[at], mark) else { continue };
        let code = |n: Option<usize>| {
            let n = n?;
            let word = words.get(n)?;
            if let Some((_, code)) = SIGNS.iter().find(|(sign, _)| word.chars().eq([*sign])) {
                return code.parse().ok().map(|currency| (n, currency));
            }
            // Small letters are a code where one is expected, right after the amount, unless they are a word.
            let small = n > at && !CODES_THAT_ARE_WORDS.contains(word) && word.bytes().all(|b| b.is_ascii_lowercase());
            let code = word.len() == 3 && (small || word.bytes().all(|b| b.is_ascii_uppercase()));
            word.to_uppercase().parse::<Currency>().ok().filter(|_| code).map(|currency| (n, currency))
        };
        let beside = if sign.is_some() { None } else { code(Some(at + 1)).or_else(|| code(at.checked_sub(1))) };
        let taken = if beside.is_some() { 2 } else { 1 };
        if words.len() <= taken {
            return (None, None);
        }
        match beside {
            Some((other, currency)) => {
                words.remove(at.max(other));
                words.remove(at.min(other));
                return (Some(amount), Some(currency));
            }
            None => {
                words.remove(at);
                return (Some(amount), sign);
            }
        }
    }
    (None, None)
}

const SIGNS: [(char, &str); 4] = [('€', "EUR"), ('$', "USD"), ('£', "GBP"), ('¥', "JPY")];

/// `12k`, `1.5M`, `€12,500`, `12000`.
fn amount(word: &str, mark: DecimalMark) -> Option<(Decimal, Option<Currency>)> {
    let sign = SIGNS.iter().find(|(sign, _)| word.starts_with(*sign) || word.ends_with(*sign));
    let bare = word.trim_matches(|c: char| SIGNS.iter().any(|(sign, _)| *sign == c));
    let (digits, times) = match bare.char_indices().last()? {
        (at, 'k' | 'K') => (&bare[..at], 1_000),
        (at, 'm' | 'M') => (&bare[..at], 1_000_000),
        _ => (bare, 1),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit())
        || !digits.chars().all(|c| c.is_ascii_digit() || ",.'".contains(c))
    {
        return None;
    }
    // One digit alone is rather part of a name.
    if digits.len() < 2 && times == 1 && sign.is_none() {
        return None;
    }
    let amount = money::parse_amount(digits, mark).ok()?.checked_mul(Decimal::from(times))?;
    let amount = money::in_range(amount).ok()?;
    Some((amount, sign.and_then(|(_, code)| code.parse().ok())))
}

/// What the palette offers for a line; with the company of that name, when there is one to be seen.
pub fn offer(tx: &mut OrgTx, actor: &Actor, line: &str) -> AppResult<Option<Offer>> {
    let Some(quick) = parse(line, actor.today(), actor.locale.mark()) else { return Ok(None) };
    let mut named = companies::table
        .filter(companies::name_key.eq(text::fold(&quick.name)))
        .filter(companies::deleted_at.is_null())
        .filter(companies::archived_at.is_null())
        .select((companies::id, companies::name))
        .limit(2)
        .into_boxed();
    if let Some(owners) = actor.visible_owners() {
        named = named.filter(companies::owner_id.eq_any(owners));
    }
    let found: Vec<(Uuid, String)> = named.load(tx.conn())?;
    let company = if let [one] = &found[..] { Some(one) } else { None };
    let currency = quick.currency.map_or_else(|| actor.org.currency.clone(), |c| c.code().to_owned());
    let mut note = Vec::new();
    note.extend(company.map(|(_, name)| format!("with {name}")));
    note.extend(quick.amount.map(|amount| actor.locale.money(Money::from_columns(amount, &currency))));
    note.extend(quick.close.map(|day| format!("closes {}", actor.locale.day(day, actor.today()))));
    let mut pairs = vec![("name", quick.name.clone()), ("currency", currency)];
    pairs.extend(quick.amount.map(|amount| ("amount", money::typed(amount))));
    pairs.extend(quick.close.map(|day| ("expected_close_on", day.to_string())));
    if let Some((id, name)) = company {
        pairs.extend([("company_id", id.to_string()), ("company", name.clone())]);
    }
    let query: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))).collect();
    let title = format!("New deal: {}", quick.name);
    Ok(Some(Offer { title, note: note.join(" · "), href: format!("/deals/new?{}", query.join("&")) }))
}
