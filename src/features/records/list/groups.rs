//! A list in groups: one for each value of a field, with how many records and how much money, each with pages of its own.
//!
//! Subtotals look at every record that matches, so grouping is for lists of at most a hundred thousand.

use super::{ListQuery, find::Scope, sql::Sql};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::{
        currencies::Rates,
        fields::{Catalogue, Entry, Kind},
        records::filter::{Filter, Names, Op},
    },
    kernel::{Money, countries},
    web::Actor,
};
use chrono::{Days, Months, NaiveDate};
use diesel::{prelude::*, sql_types};
use rust_decimal::Decimal;
use std::{collections::BTreeMap, sync::Arc};

/// Records whose groups are counted.
const MOST_RECORDS: i64 = 100_000;
/// Groups on one page; what has more makes a poor heading.
const MOST_GROUPS: usize = 200;

/// A group as the template shows it.
#[derive(Clone, Debug)]
pub struct Group {
    /// `group-3`
    pub id: String,
    pub label: String,
    /// A colour of the palette, where the value has one.
    pub color: String,
    pub count: String,
    pub sums: Vec<String>,
    /// The same list, only of this group.
    pub href: String,
    /// Its rows, as a fragment.
    pub rows_href: String,
}

/// Groups in order, or why there are none.
#[derive(Clone, Debug)]
pub enum Groups {
    /// And what is said of amounts in other currencies.
    Some(Vec<Group>, Option<String>),
    TooMany(&'static str),
}

/// Whether a field's values make groups.
pub fn is_groupable(entry: &Entry) -> bool {
    let value = entry.kind.value();
    let shaped = matches!(
        value,
        Kind::Choice(_)
            | Kind::Member
            | Kind::Country
            | Kind::Currency
            | Kind::Bool
            | Kind::Record(_)
            | Kind::Pipeline
            | Kind::Stage
            | Kind::Date
            | Kind::Text
    );
    entry.groupable && entry.filterable && shaped
}

#[derive(Clone, QueryableByName)]
struct Subtotal {
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    key: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    currency: Option<String>,
    #[diesel(sql_type = sql_types::BigInt)]
    records: i64,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Numeric>)]
    amount: Option<Decimal>,
}

#[derive(Default)]
struct Sums {
    records: i64,
    amounts: BTreeMap<String, Decimal>,
}

/// The groups of the list, each on the first page of its own list.
pub(super) fn load(
    tx: &mut OrgTx,
    actor: &Actor,
    query: &ListQuery,
    key: &str,
    names: &mut Names,
) -> AppResult<Groups> {
    let catalogue = query.catalogue()?;
    let entry = catalogue.get(key).ok_or_else(super::damaged)?;
    let rows = subtotals(tx, actor, query, entry)?;
    if rows.iter().map(|r| r.records).sum::<i64>() > MOST_RECORDS {
        return Ok(Groups::TooMany(
            "More than 100,000 records match. Narrow the list with a filter to see it in groups.",
        ));
    }
    let rates = Rates::today(tx, actor)?;
    let note =
        rates.note(rows.iter().filter(|row| row.amount.is_some()).filter_map(|row| row.currency.as_deref()), actor);
    let mut sums: BTreeMap<Option<String>, Sums> = BTreeMap::new();
    for row in rows {
        let of = sums.entry(row.key).or_default();
        of.records += row.records;
        if let Some(amount) = row.amount.filter(|a| !a.is_zero()) {
            let code = row.currency.unwrap_or_else(|| actor.org.currency.clone());
            let (currency, amount) = rates.own(&code, amount);
            *of.amounts.entry(currency.to_owned()).or_default() += amount;
        }
    }
    if sums.len() > MOST_GROUPS {
        return Ok(Groups::TooMany("There are more than 200 different values: too many to make groups of."));
    }
    if let Kind::Record(target) = entry.kind.value() {
        let ids: Vec<uuid::Uuid> = sums.keys().flatten().filter_map(|k| k.parse().ok()).collect();
        names.add(super::names(tx, *target, &ids, None)?);
    }
    Ok(Groups::Some(present(actor, query, entry, sums, names), note))
}

/// Costs what matches, so it is counted once until something happens in the organisation.
fn subtotals(tx: &mut OrgTx, actor: &Actor, query: &ListQuery, entry: &Entry) -> AppResult<Vec<Subtotal>> {
    let value = match entry.kind.value() {
        Kind::Date => format!("to_char({}, 'YYYY-MM')", entry.expr),
        Kind::Bool => format!("coalesce({}, false)::text", entry.expr),
        _ => format!("nullif(({})::text, '')", entry.expr),
    };
    let money = summed(query.catalogue()?);
    let amount = money.map_or("NULL::numeric", |m| m.expr.as_str());
    let currency = money.and_then(|m| m.currency.as_deref()).unwrap_or("NULL::text");
    let mut sql = Sql::new(format!(
        "SELECT key, currency, count(*) AS records, sum(amount) AS amount FROM (SELECT {value} AS key, {currency} AS currency, {amount} AS amount"
    ));
    Scope::of(tx, actor, query)?.add_to(&mut sql);
    sql.text(format!(" LIMIT {}) x GROUP BY 1, 2", MOST_RECORDS + 1));
    // What a rule says of “me”, and what somebody may see, hang on the person.
    let of = format!("{} {:?} {} {}", actor.id, actor.visible_owners(), entry.key, query.href(&[]));
    Ok(Arc::unwrap_or_clone(tx.lately(of, |tx| Ok(sql.query().load(tx.conn())?))?))
}

/// The money that groups add up: the type's first of its own.
fn summed(catalogue: &Catalogue) -> Option<&Entry> {
    catalogue.entries.iter().find(|entry| matches!(entry.kind, Kind::Money))
}

fn present(
    actor: &Actor,
    query: &ListQuery,
    entry: &Entry,
    sums: BTreeMap<Option<String>, Sums>,
    names: &Names,
) -> Vec<Group> {
    let mut groups: Vec<(usize, Group)> = Vec::new();
    for (n, (key, sum)) in sums.into_iter().enumerate() {
        let (label, color) = key.as_deref().map_or_else(
            || (format!("No {}", entry.label.to_lowercase()), String::new()),
            |key| heading(entry, key, names, actor),
        );
        let narrowed = query.filter.clone().and(only(entry, key.as_deref()));
        let json = narrowed.json();
        let sums = sum.amounts.iter().map(|(code, amount)| actor.locale.short(Money::from_columns(*amount, code)));
        let group = Group {
            id: format!("group-{n}"),
            label,
            color,
            count: actor.locale.integer(sum.records),
            sums: sums.collect(),
            href: query.href(&[("group", ""), ("filter", &json)]),
            rows_href: query.href(&[("group", ""), ("filter", &json), ("part", &format!("group-{n}"))]),
        };
        groups.push((place(entry, key.as_deref(), names), group));
    }
    groups.sort_by(|(a, one), (b, other)| (a, one.label.to_lowercase()).cmp(&(b, other.label.to_lowercase())));
    groups.into_iter().map(|(_, group)| group).collect()
}

/// The rule that holds for the group's records alone.
fn only(entry: &Entry, key: Option<&str>) -> Filter {
    let field = entry.key.as_str();
    match (key, entry.kind.value()) {
        (None, _) => Filter::rule(field, Op::Empty, &[]),
        (Some(month), Kind::Date) => {
            let first = NaiveDate::parse_from_str(&format!("{month}-01"), "%Y-%m-%d").unwrap_or_default();
            let last = first + Months::new(1) - Days::new(1);
            Filter::rule(field, Op::Between, &[&first.to_string(), &last.to_string()])
        }
        (Some(value), _) => Filter::rule(field, Op::Is, &[value]),
    }
}

fn heading(entry: &Entry, key: &str, names: &Names, actor: &Actor) -> (String, String) {
    match entry.kind.value() {
        Kind::Stage => {
            let stage = names.stages.iter().find(|s| s.id.to_string() == key);
            stage.map_or_else(Default::default, |s| (s.name.clone(), s.color.clone()))
        }
        Kind::Choice(choices) => match choices.iter().find(|c| c.key == key) {
            Some(choice) => (choice.label.clone(), choice.color.clone()),
            None => (key.to_owned(), String::new()),
        },
        Kind::Country => (countries::name(key), String::new()),
        Kind::Bool => {
            (if key == "true" { entry.label.clone() } else { format!("Not: {}", entry.label) }, String::new())
        }
        Kind::Date => {
            let first = NaiveDate::parse_from_str(&format!("{key}-01"), "%Y-%m-%d").unwrap_or_default();
            (actor.locale.month(first), String::new())
        }
        kind => (names.id(kind, key).unwrap_or_else(|| key.to_owned()), String::new()),
    }
}

/// Choices and stages in their own order, months by the calendar, what is empty last, all else by name.
fn place(entry: &Entry, key: Option<&str>, names: &Names) -> usize {
    let Some(key) = key else { return usize::MAX };
    match entry.kind.value() {
        Kind::Stage => {
            let order = names.pipelines.iter().flat_map(|p| names.stages.iter().filter(|s| s.pipeline_id == p.id));
            order.into_iter().position(|s| s.id.to_string() == key).unwrap_or(usize::MAX - 1)
        }
        Kind::Choice(choices) => choices.iter().position(|c| c.key == key).unwrap_or(usize::MAX - 1),
        Kind::Date => key.replace('-', "").parse().unwrap_or(0),
        _ => 0,
    }
}
