//! What expressions may call, and which types each call takes and gives.

use super::Type;
use cel::common::ast::operators;

/// An operator or function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Op {
    If,
    And,
    Or,
    Not,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Negate,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Empty,
    Coalesce,
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Lower,
    Upper,
    Trim,
    Text,
    Number,
    Round,
    Floor,
    Ceil,
    Abs,
    Min,
    Max,
    Today,
    Date,
    Year,
    Month,
    Day,
    DaysBetween,
}

/// Name in an expression, for the settings page's help.
const NAMES: &[(&str, Op)] = &[
    (operators::CONDITIONAL, Op::If),
    (operators::LOGICAL_AND, Op::And),
    (operators::LOGICAL_OR, Op::Or),
    (operators::LOGICAL_NOT, Op::Not),
    (operators::ADD, Op::Add),
    (operators::SUBSTRACT, Op::Subtract),
    (operators::MULTIPLY, Op::Multiply),
    (operators::DIVIDE, Op::Divide),
    (operators::MODULO, Op::Modulo),
    (operators::NEGATE, Op::Negate),
    (operators::EQUALS, Op::Equal),
    (operators::NOT_EQUALS, Op::NotEqual),
    (operators::LESS, Op::Less),
    (operators::LESS_EQUALS, Op::LessEqual),
    (operators::GREATER, Op::Greater),
    (operators::GREATER_EQUALS, Op::GreaterEqual),
    (operators::IN, Op::In),
    ("empty", Op::Empty),
    ("coalesce", Op::Coalesce),
    ("size", Op::Size),
    ("contains", Op::Contains),
    ("startsWith", Op::StartsWith),
    ("endsWith", Op::EndsWith),
    ("lower", Op::Lower),
    ("upper", Op::Upper),
    ("trim", Op::Trim),
    ("string", Op::Text),
    ("number", Op::Number),
    ("round", Op::Round),
    ("floor", Op::Floor),
    ("ceil", Op::Ceil),
    ("abs", Op::Abs),
    ("min", Op::Min),
    ("max", Op::Max),
    ("today", Op::Today),
    ("date", Op::Date),
    ("year", Op::Year),
    ("month", Op::Month),
    ("day", Op::Day),
    ("days", Op::DaysBetween),
];

impl Op {
    pub(super) fn find(name: &str) -> Option<Self> {
        NAMES.iter().find(|(n, _)| *n == name).map(|(_, op)| *op)
    }

    fn name(self) -> &'static str {
        let name = NAMES.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name);
        match name {
            operators::CONDITIONAL => "? :",
            operators::IN => "in",
            operators::NEGATE => "-",
            other => other.trim_matches('_'),
        }
    }

    /// The type of the call, or what is wrong with it.
    pub(super) fn result(self, types: &[Type]) -> Result<Type, String> {
        use Type::*;
        let is = |wanted: &[Type]| types.len() == wanted.len() && wanted.iter().zip(types).all(|(w, t)| w.takes(*t));
        let same = || match types {
            [a, b] => a.takes(*b) || b.takes(*a),
            _ => false,
        };
        let result = match self {
            Op::If => match types {
                [Bool | Null, yes, no] if yes.takes(*no) => Some(*yes),
                [Bool | Null, Null, no] => Some(*no),
                _ => None,
            },
            Op::And | Op::Or => is(&[Bool, Bool]).then_some(Bool),
            Op::Not => is(&[Bool]).then_some(Bool),
            Op::Add if is(&[Number, Number]) => Some(Number),
            Op::Add if is(&[Text, Text]) => Some(Text),
            Op::Add if is(&[Date, Number]) => Some(Date),
            Op::Subtract if is(&[Number, Number]) => Some(Number),
            Op::Subtract if types == [Date, Date] => Some(Number),
            Op::Subtract if is(&[Date, Number]) => Some(Date),
            Op::Multiply | Op::Divide | Op::Modulo => is(&[Number, Number]).then_some(Number),
            Op::Negate | Op::Floor | Op::Ceil | Op::Abs => is(&[Number]).then_some(Number),
            Op::Equal | Op::NotEqual => same().then_some(Bool),
            Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => {
                let ordered = |t: &Type| matches!(t, Text | Number | Date | Time | Null);
                (same() && types.iter().all(ordered)).then_some(Bool)
            }
            Op::In => is(&[Text, List]).then_some(Bool),
            Op::Empty => (types.len() == 1).then_some(Bool),
            Op::Coalesce => {
                let first = types.iter().find(|t| **t != Null).copied().unwrap_or(Null);
                (types.len() >= 2 && types.iter().all(|t| first.takes(*t))).then_some(first)
            }
            Op::Size => (is(&[Text]) || is(&[List])).then_some(Number),
            Op::Contains => (is(&[Text, Text]) || is(&[List, Text])).then_some(Bool),
            Op::StartsWith | Op::EndsWith => is(&[Text, Text]).then_some(Bool),
            Op::Lower | Op::Upper | Op::Trim => is(&[Text]).then_some(Text),
            Op::Text => matches!(types, [Text | Number | Bool | Date | Time | Null]).then_some(Text),
            Op::Number => is(&[Text]).then_some(Number),
            Op::Round => (is(&[Number]) || is(&[Number, Number])).then_some(Number),
            Op::Min | Op::Max => {
                let first = types.iter().find(|t| **t != Null).copied().unwrap_or(Null);
                (types.len() >= 2 && matches!(first, Number | Date) && types.iter().all(|t| first.takes(*t)))
                    .then_some(first)
            }
            Op::Today => types.is_empty().then_some(Date),
            Op::Date => (is(&[Time]) || is(&[Date])).then_some(Date),
            Op::Year | Op::Month | Op::Day => is(&[Date]).then_some(Number),
            Op::DaysBetween => {
                let day = |t: &Type| matches!(t, Date | Time | Null);
                (types.len() == 2 && types.iter().all(day)).then_some(Number)
            }
            Op::Add | Op::Subtract => None,
        };
        result.ok_or_else(|| self.refuse(types))
    }

    fn refuse(self, types: &[Type]) -> String {
        let given: Vec<&str> = types.iter().map(|t| t.name()).collect();
        let hint = match self {
            Op::Add if types.contains(&Type::Text) => "; string(…) makes a text of a number or a date",
            Op::Subtract if types.contains(&Type::Time) => "; days(from, to) counts the days between",
            _ => "",
        };
        match given.as_slice() {
            [] => format!("calls {} without anything", self.name()),
            given => format!("cannot use {} with {}{hint}", self.name(), given.join(" and ")),
        }
    }
}
