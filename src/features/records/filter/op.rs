//! What a rule asks of its field. Which questions there are follows from what the field holds.

use crate::features::fields::Kind;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    Is,
    IsNot,
    AnyOf,
    NoneOf,
    Contains,
    NotContains,
    Begins,
    Empty,
    NotEmpty,
    Lt,
    Le,
    Gt,
    Ge,
    Between,
    On,
    Before,
    After,
    /// A period by name: `this_quarter`.
    Period,
    /// Today and the N days before it.
    LastDays,
    /// Today and the N days after it.
    NextDays,
    /// Before those of `LastDays`.
    DaysAgo,
}

use Op::*;

const TEXT: &[Op] = &[Contains, NotContains, Is, IsNot, Begins, Empty, NotEmpty];
const LONG: &[Op] = &[Contains, NotContains, Empty, NotEmpty];
const NUMBER: &[Op] = &[Is, IsNot, Gt, Ge, Lt, Le, Between, Empty, NotEmpty];
const DAY: &[Op] = &[Period, LastDays, NextDays, DaysAgo, On, Before, After, Between, Empty, NotEmpty];
const CHOICE: &[Op] = &[Is, IsNot, AnyOf, NoneOf, Empty, NotEmpty];
const SEVERAL: &[Op] = &[AnyOf, NoneOf, Empty, NotEmpty];
const YES: &[Op] = &[Is];

impl Op {
    /// The questions for a field of that kind, the usual one first.
    pub fn of(kind: &Kind) -> &'static [Op] {
        match kind.value() {
            Kind::Text | Kind::Email | Kind::Phone | Kind::Url | Kind::Domain => TEXT,
            Kind::LongText | Kind::Emails | Kind::Phones => LONG,
            Kind::Integer | Kind::Decimal | Kind::Percent | Kind::Money => NUMBER,
            Kind::Date | Kind::DateTime => DAY,
            Kind::Choice(_) | Kind::Country | Kind::Currency => CHOICE,
            Kind::Member | Kind::Record(_) | Kind::Pipeline | Kind::Stage => CHOICE,
            Kind::Choices(_) | Kind::Tags => SEVERAL,
            Kind::Bool => YES,
            Kind::Formula(_) => &[],
        }
    }

    pub fn key(self) -> &'static str {
        match self {
            Is => "is",
            IsNot => "is_not",
            AnyOf => "any_of",
            NoneOf => "none_of",
            Contains => "contains",
            NotContains => "not_contains",
            Begins => "begins",
            Empty => "empty",
            NotEmpty => "not_empty",
            Lt => "lt",
            Le => "le",
            Gt => "gt",
            Ge => "ge",
            Between => "between",
            On => "on",
            Before => "before",
            After => "after",
            Period => "period",
            LastDays => "last_days",
            NextDays => "next_days",
            DaysAgo => "days_ago",
        }
    }

    pub fn parse(key: &str) -> Option<Self> {
        [TEXT, NUMBER, DAY, CHOICE].into_iter().flatten().copied().find(|op| op.key() == key)
    }

    /// As the builder offers it.
    pub fn label(self) -> &'static str {
        match self {
            Is => "is",
            IsNot => "is not",
            AnyOf => "is any of",
            NoneOf => "is none of",
            Contains => "contains",
            NotContains => "does not contain",
            Begins => "begins with",
            Empty => "is empty",
            NotEmpty => "is not empty",
            Lt => "is less than",
            Le => "is at most",
            Gt => "is more than",
            Ge => "is at least",
            Between => "is between",
            On => "is on",
            Before => "is before",
            After => "is after",
            Period => "is in",
            LastDays => "is in the last … days",
            NextDays => "is in the next … days",
            DaysAgo => "is more than … days ago",
        }
    }

    /// As a chip says it: short where a sign will do.
    pub fn sign(self) -> &'static str {
        match self {
            Lt => "<",
            Le => "≤",
            Gt => ">",
            Ge => "≥",
            Between => "between",
            AnyOf => "is",
            other => other.label(),
        }
    }

    /// How many values it takes; several: any number from one.
    pub fn values(self) -> Arity {
        match self {
            Empty | NotEmpty => Arity::None,
            Between => Arity::Two,
            AnyOf | NoneOf => Arity::Several,
            _ => Arity::One,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    None,
    One,
    Two,
    Several,
}
