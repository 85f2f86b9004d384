//! What the cards of a column are ordered by. Each order has an index over the open deals of a stage, in which empty values have a place
//! at the end (by CASE: coalesce reaches no index under row-level security); a card's `data-position` says its place in that order as a text that sorts byte by byte, in the browser too.

use super::cards::CardRow;
use crate::{
    error::{AppError, AppResult},
    features::records::list::sql::{Fragment, Literal},
};
use chrono::{DateTime, NaiveDate};
use uuid::Uuid;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// As people put them.
    #[default]
    Manual,
    Amount,
    Close,
    Entered,
    Next,
    Priority,
}

impl Order {
    pub const ALL: [Order; 6] =
        [Order::Manual, Order::Amount, Order::Close, Order::Entered, Order::Next, Order::Priority];

    pub fn key(self) -> &'static str {
        match self {
            Order::Manual => "manual",
            Order::Amount => "amount",
            Order::Close => "close",
            Order::Entered => "entered",
            Order::Next => "next",
            Order::Priority => "priority",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Order::Manual => "By hand",
            Order::Amount => "Amount, largest first",
            Order::Close => "Expected close, earliest first",
            Order::Entered => "In stage, longest first",
            Order::Next => "Next activity, earliest first",
            Order::Priority => "Priority, most urgent first",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.key() == text)
    }

    fn descending(self) -> bool {
        matches!(self, Order::Amount | Order::Priority)
    }

    /// The expression of the order's index, over deals aliased so.
    pub(super) fn expr(self, alias: &str) -> String {
        match self {
            Order::Manual => format!("{alias}.position"),
            Order::Amount => {
                format!("(CASE WHEN {alias}.amount_key IS NULL THEN -1::bigint ELSE {alias}.amount_key END)")
            }
            Order::Close => format!(
                "(CASE WHEN {alias}.expected_close_on IS NULL THEN 'infinity'::date ELSE {alias}.expected_close_on END)"
            ),
            Order::Entered => format!("{alias}.stage_entered_at"),
            Order::Next => format!(
                "(CASE WHEN {alias}.next_activity_at IS NULL THEN 'infinity'::timestamptz ELSE {alias}.next_activity_at END)"
            ),
            Order::Priority => format!("{alias}.priority_key"),
        }
    }

    /// What follows ORDER BY.
    pub(super) fn by(self, alias: &str) -> String {
        match (self, self.descending()) {
            (Order::Manual, _) => format!("{alias}.position"),
            (_, true) => format!("{} DESC, {alias}.id DESC", self.expr(alias)),
            (_, false) => format!("{}, {alias}.id", self.expr(alias)),
        }
    }

    /// Where the next page begins: after this card.
    pub(super) fn cursor(self, row: &CardRow) -> String {
        match self {
            Order::Manual => row.position.clone(),
            _ => format!("{}~{}", row.sort_key, row.id),
        }
    }

    /// ` AND …`: what comes after a cursor. A cursor is not trusted.
    pub(super) fn after(self, cursor: &str) -> AppResult<Fragment> {
        if self == Order::Manual {
            return Ok(Fragment::text(" AND r.position > ").bind(Literal::Text(cursor.to_owned())));
        }
        let damaged = || AppError::field("after", "is not a place in this column");
        let (key, id) = cursor.split_once('~').ok_or_else(damaged)?;
        let id: Uuid = id.parse().map_err(|_| damaged())?;
        let kind = match self {
            Order::Close => key == "infinity" || key.parse::<NaiveDate>().is_ok(),
            Order::Entered | Order::Next => {
                key == "infinity" || DateTime::parse_from_str(key, "%Y-%m-%d %H:%M:%S%.f%#z").is_ok()
            }
            Order::Priority => key.parse::<i16>().is_ok(),
            _ => key.parse::<i64>().is_ok(),
        };
        if !kind {
            return Err(damaged());
        }
        let cast = match self {
            Order::Close => "date",
            Order::Entered | Order::Next => "timestamptz",
            Order::Priority => "smallint",
            _ => "bigint",
        };
        let beyond = if self.descending() { "<" } else { ">" };
        Ok(Fragment::text(format!(" AND ({}, r.id) {beyond} (", self.expr("r")))
            .bind(Literal::Text(key.to_owned()))
            .push(format!("::{cast}, "))
            .bind(Literal::Uuid(id))
            .push(")"))
    }

    /// The card's place, as a text.
    pub(super) fn place(self, row: &CardRow) -> String {
        let id = row.id.simple().to_string();
        match self {
            Order::Manual => row.position.clone(),
            Order::Amount | Order::Priority => {
                let key = row.sort_key.parse::<i64>().unwrap_or(-1);
                let turned: String = id.chars().map(turn).collect();
                format!("{:019}~{turned}", i64::MAX - key.max(0) - i64::from(key >= 0))
            }
            _ => format!("{}~{id}", row.sort_key),
        }
    }
}

/// The hexadecimal digit as far from f as this one is from 0: turns the order of ids around.
fn turn(digit: char) -> char {
    digit.to_digit(16).and_then(|n| char::from_digit(15 - n, 16)).unwrap_or(digit)
}
