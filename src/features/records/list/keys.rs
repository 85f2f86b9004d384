//! What lists sort by, and the columns that indexes have instead of the fields' own.
//!
//! Under row-level security only leakproof operators reach an index: comparisons of text, integers and times are, those of numerics
//! and functions of text are not. So names are compared by `name_key`, and kept amounts by a whole number in ten-thousandths. What
//! has no such column still sorts, at the price of looking at every record that matches: the list's time limit bounds it.

use crate::{
    db::paging,
    error::AppResult,
    features::{
        fields::{Entry, Kind},
        records::list::sql::Literal,
    },
    kernel::RecordType,
};
use chrono::{DateTime, NaiveDate};
use rust_decimal::{Decimal, prelude::ToPrimitive};

/// The largest amount whose key is exact; the migration's columns stop there too.
const MOST_MONEY: i64 = 900_000_000_000_000;

/// The folded column of a field, when it has one.
pub fn folded(_: RecordType, key: &str) -> Option<&'static str> {
    (key == "name").then_some("r.name_key")
}

/// The whole-number column of a kept amount, in ten-thousandths.
pub fn money(record: RecordType, key: &str) -> Option<&'static str> {
    match (record, key) {
        (RecordType::Deal, "amount") => Some("r.amount_key"),
        (RecordType::Company, "annual_revenue") => Some("r.annual_revenue_key"),
        _ => None,
    }
}

/// An amount as the key columns hold it.
pub fn money_key(amount: Decimal) -> Result<i64, String> {
    let key = amount.abs().le(&Decimal::from(MOST_MONEY)).then(|| amount * Decimal::from(10_000));
    key.and_then(|k| k.to_i64()).ok_or_else(|| "is too large".to_owned())
}

/// A column in the order of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    pub key: String,
    pub label: String,
    pub descending: bool,
    /// Over the table, aliased `r`.
    pub(super) sql: String,
    pub(super) nullable: bool,
    class: Class,
    indexed: bool,
    /// Times and numbers are first wanted largest first.
    pub(super) large_first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Text,
    Integer,
    Decimal,
    Date,
    Instant,
    Bool,
}

/// Fields whose order an index has, beside those the catalogue declares sortable.
const INDEXED: &[(RecordType, &str)] = &[
    (RecordType::Company, "name"),
    (RecordType::Company, "employees"),
    (RecordType::Company, "annual_revenue"),
    (RecordType::Company, "created_at"),
    (RecordType::Company, "updated_at"),
    (RecordType::Company, "completeness"),
    (RecordType::Contact, "completeness"),
    (RecordType::Lead, "completeness"),
    (RecordType::Deal, "completeness"),
    (RecordType::Contact, "name"),
    (RecordType::Contact, "created_at"),
    (RecordType::Contact, "updated_at"),
    (RecordType::Lead, "name"),
    (RecordType::Lead, "score"),
    (RecordType::Lead, "created_at"),
    (RecordType::Lead, "updated_at"),
    (RecordType::Deal, "name"),
    (RecordType::Deal, "number"),
    (RecordType::Deal, "amount"),
    (RecordType::Deal, "expected_close_on"),
    (RecordType::Deal, "closed_at"),
    (RecordType::Deal, "created_at"),
    (RecordType::Deal, "updated_at"),
];

/// Of the built-in fields, those that are never empty.
const NEVER_EMPTY: &[&str] = &["name", "number", "created_at", "updated_at", "stage_entered_at"];

/// Whether a list may be sorted by the field.
pub fn is_sortable(record: RecordType, entry: &Entry) -> bool {
    let ordered = !matches!(
        entry.kind.value(),
        Kind::Member | Kind::Record(_) | Kind::Pipeline | Kind::Stage | Kind::LongText | Kind::Formula(_)
    );
    ordered && !entry.kind.is_list() && (entry.sortable || INDEXED.contains(&(record, entry.key.as_str())))
}

impl Sort {
    /// `None`: lists are not sorted by that.
    pub fn by(record: RecordType, entry: &Entry, descending: bool) -> Option<Self> {
        if !is_sortable(record, entry) {
            return None;
        }
        let class = match entry.kind.value() {
            Kind::Integer => Class::Integer,
            Kind::Decimal | Kind::Percent | Kind::Money => Class::Decimal,
            Kind::Date => Class::Date,
            Kind::DateTime => Class::Instant,
            Kind::Bool => Class::Bool,
            _ => Class::Text,
        };
        let special = folded(record, &entry.key).map(|c| (c, Class::Text));
        let special = special.or_else(|| money(record, &entry.key).map(|c| (c, Class::Integer)));
        let (sql, class) = match special {
            Some((column, class)) => (column.to_owned(), class),
            None if class == Class::Text => (format!("lower(({})::text)", entry.expr), class),
            None => (entry.expr.clone(), class),
        };
        Some(Self {
            key: entry.key.clone(),
            label: entry.label.clone(),
            descending,
            sql,
            nullable: entry.is_custom() || !NEVER_EMPTY.contains(&entry.key.as_str()),
            class,
            indexed: INDEXED.contains(&(record, entry.key.as_str())),
            large_first: matches!(class, Class::Instant | Class::Integer | Class::Decimal) && entry.key != "number",
        })
    }

    pub(super) fn is_indexed(&self) -> bool {
        self.indexed
    }

    /// `-amount`
    pub fn param(&self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.key)
    }

    /// "smallest first" and so on, for menus.
    pub fn words(&self, descending: bool) -> &'static str {
        match (self.class, descending) {
            (Class::Text, false) => "A to Z",
            (Class::Text, true) => "Z to A",
            (Class::Integer | Class::Decimal, false) => "smallest first",
            (Class::Integer | Class::Decimal, true) => "largest first",
            (Class::Date | Class::Instant, false) => "earliest first",
            (Class::Date | Class::Instant, true) => "latest first",
            (Class::Bool, false) => "no first",
            (Class::Bool, true) => "yes first",
        }
    }

    pub(super) fn direction(&self) -> &'static str {
        if self.descending { "DESC" } else { "ASC" }
    }

    /// The key of a cursor as the column's own type; a cursor is not trusted.
    pub(super) fn literal(&self, text: &str) -> AppResult<Literal> {
        let read = match self.class {
            Class::Text => (!text.contains('\0')).then(|| Literal::Text(text.to_owned())),
            Class::Integer => text.parse().ok().map(Literal::Integer),
            Class::Decimal => text.parse().ok().map(Literal::Decimal),
            Class::Date => text.parse::<NaiveDate>().ok().map(Literal::Date),
            // As Postgres writes it: 2026-11-20 10:42:07.123456+00
            Class::Instant => {
                DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z").ok().map(|at| Literal::Instant(at.to_utc()))
            }
            Class::Bool => text.parse().ok().map(Literal::Bool),
        };
        read.ok_or_else(paging::damaged)
    }
}
