//! The value of a call from the values it is given. Types were checked when the expression was read; an empty value is let through
//! where the operation has no meaning for it.

use super::{TEXT, Value, functions::Op};
use chrono::{Datelike, Days, NaiveDate};
use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use std::cmp::Ordering;

/// Half away from zero, as invoices round.
pub const ROUNDING: RoundingStrategy = RoundingStrategy::MidpointAwayFromZero;

pub(super) fn apply(op: Op, parts: Vec<Value>, today: NaiveDate) -> Result<Value, String> {
    match (op, parts.as_slice()) {
        (Op::And, [a, b]) => Ok(Value::Bool(truth(a) && truth(b))),
        (Op::Or, [a, b]) => Ok(Value::Bool(truth(a) || truth(b))),
        (Op::Not, [a]) => Ok(Value::Bool(!truth(a))),
        (Op::Equal, [a, b]) => Ok(Value::Bool(a == b)),
        (Op::NotEqual, [a, b]) => Ok(Value::Bool(a != b)),
        (Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual, [a, b]) => Ok(Value::Bool(ordered(op, a, b))),
        (Op::Empty, [a]) => Ok(Value::Bool(is_empty(a))),
        (Op::Coalesce, all) => Ok(all.iter().find(|v| !is_empty(v)).cloned().unwrap_or(Value::Null)),
        (Op::In, [a, list]) | (Op::Contains, [list @ Value::List(_), a]) => Ok(Value::Bool(among(a, list))),
        (Op::Today, _) => Ok(Value::Date(today)),
        (Op::Min | Op::Max, all) => Ok(extreme(op, all)),
        (Op::Add, [Value::Text(a), Value::Text(b)]) => join(a, b),
        (Op::Add, [Value::Text(a), Value::Null] | [Value::Null, Value::Text(a)]) => Ok(Value::Text(a.clone())),
        (Op::Contains | Op::StartsWith | Op::EndsWith, [Value::Text(a), Value::Text(b)]) => Ok(Value::Bool(match op {
            Op::Contains => a.contains(b.as_str()),
            Op::StartsWith => a.starts_with(b.as_str()),
            _ => a.ends_with(b.as_str()),
        })),
        (Op::Contains | Op::StartsWith | Op::EndsWith, _) => Ok(Value::Bool(false)),
        (Op::Size, [a]) => Ok(Value::Number(size(a).into())),
        (_, all) if all.contains(&Value::Null) => Ok(Value::Null),
        (_, [Value::Number(a), Value::Number(b)]) => arithmetic(op, *a, *b),
        (_, [Value::Number(a)]) => Ok(single(op, *a)),
        (_, [Value::Text(a)]) => Ok(text(op, a)),
        (_, [Value::Date(day), Value::Number(n)]) => shift(op, *day, *n),
        (Op::Subtract, [Value::Date(a), Value::Date(b)]) => Ok(Value::Number((*a - *b).num_days().into())),
        (Op::DaysBetween, [a, b]) => Ok(days_between(a, b)),
        (Op::Text, [a]) => Ok(Value::Text(spell(a))),
        (_, [a]) => Ok(of_day(op, a)),
        _ => Ok(Value::Null),
    }
}

fn truth(value: &Value) -> bool {
    *value == Value::Bool(true)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.trim().is_empty(),
        Value::List(all) => all.is_empty(),
        _ => false,
    }
}

fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn ordered(op: Op, a: &Value, b: &Value) -> bool {
    order(a, b).is_some_and(|order| match op {
        Op::Less => order.is_lt(),
        Op::LessEqual => order.is_le(),
        Op::Greater => order.is_gt(),
        _ => order.is_ge(),
    })
}

fn among(value: &Value, list: &Value) -> bool {
    matches!((value, list), (Value::Text(text), Value::List(all)) if all.contains(text))
}

/// The least or greatest of those that are there.
fn extreme(op: Op, all: &[Value]) -> Value {
    let wanted = if op == Op::Min { Ordering::Less } else { Ordering::Greater };
    let there = all.iter().filter(|v| **v != Value::Null);
    there.fold(Value::Null, |best, v| match order(v, &best) {
        Some(found) if found != wanted => best,
        _ => v.clone(),
    })
}

fn join(a: &str, b: &str) -> Result<Value, String> {
    if a.chars().count() + b.chars().count() > TEXT {
        return Err(format!("makes a text of more than {TEXT} characters"));
    }
    Ok(Value::Text(format!("{a}{b}")))
}

fn size(value: &Value) -> u64 {
    match value {
        Value::Text(text) => text.chars().count() as u64,
        Value::List(all) => all.len() as u64,
        _ => 0,
    }
}

fn arithmetic(op: Op, a: Decimal, b: Decimal) -> Result<Value, String> {
    let result = match op {
        Op::Add => a.checked_add(b),
        Op::Subtract => a.checked_sub(b),
        Op::Multiply => a.checked_mul(b),
        Op::Divide | Op::Modulo if b.is_zero() => return Ok(Value::Null),
        Op::Divide => a.checked_div(b),
        Op::Modulo => a.checked_rem(b),
        Op::Round => {
            let places = b.to_u32().filter(|n| *n <= 10).ok_or("rounds to 0 to 10 places only")?;
            Some(a.round_dp_with_strategy(places, ROUNDING))
        }
        _ => return Ok(Value::Null),
    };
    result.map(Value::Number).ok_or_else(|| "makes a number that is out of range".into())
}

fn single(op: Op, a: Decimal) -> Value {
    match op {
        Op::Negate => Value::Number(-a),
        Op::Floor => Value::Number(a.floor()),
        Op::Ceil => Value::Number(a.ceil()),
        Op::Abs => Value::Number(a.abs()),
        Op::Round => Value::Number(a.round_dp_with_strategy(0, ROUNDING)),
        Op::Text => Value::Text(a.normalize().to_string()),
        _ => Value::Null,
    }
}

fn text(op: Op, a: &str) -> Value {
    match op {
        Op::Lower => Value::Text(a.to_lowercase()),
        Op::Upper => Value::Text(a.to_uppercase()),
        Op::Trim => Value::Text(a.trim().to_owned()),
        Op::Text => Value::Text(a.to_owned()),
        Op::Number => crate::kernel::money::parse_decimal(a, 10, crate::kernel::numbers::DecimalMark::Point)
            .map_or(Value::Null, Value::Number),
        _ => Value::Null,
    }
}

fn shift(op: Op, day: NaiveDate, n: Decimal) -> Result<Value, String> {
    let days = n.trunc().to_i64().ok_or("makes a date that is out of range")?;
    let days = if op == Op::Subtract { days.checked_neg().unwrap_or(i64::MAX) } else { days };
    let moved = match u64::try_from(days) {
        Ok(later) => day.checked_add_days(Days::new(later)),
        Err(_) => day.checked_sub_days(Days::new(days.unsigned_abs())),
    };
    let kept = moved.filter(|d| (1..=9999).contains(&d.year()));
    kept.map(Value::Date).ok_or_else(|| "makes a date that is out of range".into())
}

/// Whole days from the first to the second; of times, full days of 24 hours.
fn days_between(a: &Value, b: &Value) -> Value {
    let moment = |v: &Value| match v {
        Value::Date(day) => day.and_hms_opt(0, 0, 0).map(|t| t.and_utc()),
        Value::Time(at) => Some(*at),
        _ => None,
    };
    match (moment(a), moment(b)) {
        (Some(a), Some(b)) => Value::Number((b - a).num_days().into()),
        _ => Value::Null,
    }
}

fn spell(value: &Value) -> String {
    match value {
        Value::Bool(yes) => (if *yes { "yes" } else { "no" }).to_owned(),
        Value::Date(day) => day.to_string(),
        Value::Time(at) => at.to_rfc3339(),
        _ => String::new(),
    }
}

fn of_day(op: Op, value: &Value) -> Value {
    let day = match value {
        Value::Date(day) => *day,
        Value::Time(at) => at.date_naive(),
        _ => return Value::Null,
    };
    match op {
        Op::Date => Value::Date(day),
        Op::Year => Value::Number(day.year().into()),
        Op::Month => Value::Number(day.month().into()),
        Op::Day => Value::Number(day.day().into()),
        _ => Value::Null,
    }
}
