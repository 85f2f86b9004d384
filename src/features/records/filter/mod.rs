//! Filters: rules over the fields of a record and of its related records, in groups of and/or.
//!
//! A [`Filter`] is data: it travels in addresses, saved views and jobs as JSON, and means nothing by itself. [`compile()`] checks it
//! against what one reader may see and makes a condition of it, in which every word of the user's is a bind. Negations include what
//! is empty: "city is not Ghent" finds those without a city.

pub mod builder;
mod compile;
mod dates;
mod lookup;
mod op;
mod relations;
mod rules;
mod schema;
mod words;

pub use compile::{Problem, compile, without_what_is_gone};
pub use dates::{PERIODS, period};
pub use lookup::{Lookup, candidates, lookups};
pub use op::Op;
pub use relations::{Relation, relations};
pub use schema::Schema;
pub use words::Names;

use crate::{error::AppError, error::AppResult};
use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};

/// Groups within groups, the outermost one counted.
pub const DEEPEST: usize = 4;
pub const MOST_RULES: usize = 50;
/// Values of one rule: as many as there are countries.
const MOST_VALUES: usize = 260;
const LONGEST_VALUE: usize = 200;
/// Of the JSON, in bytes.
const LONGEST: usize = 16_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Filter {
    /// Every one holds; with none, so does the whole.
    All(Vec<Filter>),
    /// At least one holds; with none, the whole does too.
    Any(Vec<Filter>),
    Rule {
        key: String,
        op: Op,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        values: Vec<String>,
    },
    /// There is (or is not) a related record that the reader sees and that the inner filter holds for.
    Related { relation: String, has: bool, filter: Box<Filter> },
}

impl Default for Filter {
    fn default() -> Self {
        Filter::All(Vec::new())
    }
}

impl Filter {
    pub fn rule(key: &str, op: Op, values: &[&str]) -> Self {
        Filter::Rule { key: key.to_owned(), op, values: values.iter().map(|v| (*v).to_owned()).collect() }
    }

    /// From its JSON; too long, too deep or too many rules is refused.
    pub fn parse(json: &str) -> AppResult<Self> {
        if json.is_empty() {
            return Ok(Self::default());
        }
        if json.len() > LONGEST {
            return Err(refused("This filter is too long."));
        }
        let filter: Filter =
            serde_json::from_str(json).map_err(|_| refused("The filter in this address is damaged."))?;
        filter.check()?;
        Ok(match filter {
            group @ (Filter::All(_) | Filter::Any(_)) => group,
            single => Filter::All(vec![single]),
        })
    }

    /// Its JSON; empty when there is no rule.
    pub fn json(&self) -> String {
        if self.is_empty() { String::new() } else { serde_json::to_string(self).unwrap_or_default() }
    }

    /// The bounds that every filter keeps, wherever it comes from.
    pub fn check(&self) -> AppResult<()> {
        if self.depth() > DEEPEST {
            return Err(refused("A filter may have groups within groups, at most four deep."));
        }
        if self.rules() > MOST_RULES {
            return Err(refused("A filter may have at most fifty rules."));
        }
        if self.is_wordy() {
            return Err(refused("A value of this filter is too long, or there are too many of them."));
        }
        Ok(())
    }

    /// Whether it narrows nothing.
    pub fn is_empty(&self) -> bool {
        match self {
            Filter::All(parts) | Filter::Any(parts) => parts.iter().all(Filter::is_empty),
            Filter::Rule { .. } | Filter::Related { .. } => false,
        }
    }

    /// This and the other, without a group more than is needed.
    pub fn and(self, other: Filter) -> Self {
        match (self, other) {
            (a, b) if b.is_empty() => a,
            (a, b) if a.is_empty() => b,
            (Filter::All(mut a), Filter::All(b)) => {
                a.extend(b);
                Filter::All(a)
            }
            (Filter::All(mut a), b) => {
                a.push(b);
                Filter::All(a)
            }
            (a, b) => Filter::All(vec![a, b]),
        }
    }

    /// The parts of the outermost group.
    pub fn parts(&self) -> &[Filter] {
        match self {
            Filter::All(parts) | Filter::Any(parts) => parts,
            _ => std::slice::from_ref(self),
        }
    }

    /// Without the outermost group's part of that number.
    pub fn without(&self, part: usize) -> Self {
        let mut copy = self.clone();
        if let Filter::All(parts) | Filter::Any(parts) = &mut copy
            && part < parts.len()
        {
            parts.remove(part);
        }
        copy
    }

    /// Whether a rule asks about that field.
    pub fn names(&self, field: &str) -> bool {
        match self {
            Filter::All(parts) | Filter::Any(parts) => parts.iter().any(|part| part.names(field)),
            Filter::Rule { key, .. } => key == field,
            Filter::Related { filter, .. } => filter.names(field),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Filter::All(parts) | Filter::Any(parts) => 1 + parts.iter().map(Filter::depth).max().unwrap_or(0),
            Filter::Rule { .. } => 0,
            Filter::Related { filter, .. } => filter.depth(),
        }
    }

    fn rules(&self) -> usize {
        match self {
            Filter::All(parts) | Filter::Any(parts) => parts.iter().map(Filter::rules).sum(),
            Filter::Rule { .. } => 1,
            Filter::Related { filter, .. } => 1 + filter.rules(),
        }
    }

    fn is_wordy(&self) -> bool {
        match self {
            Filter::All(parts) | Filter::Any(parts) => parts.iter().any(Filter::is_wordy),
            Filter::Rule { key, values, .. } => {
                key.len() > LONGEST_VALUE
                    || values.len() > MOST_VALUES
                    || values.iter().any(|v| v.chars().count() > LONGEST_VALUE || v.contains('\0'))
            }
            Filter::Related { relation, filter, .. } => relation.len() > LONGEST_VALUE || filter.is_wordy(),
        }
    }
}

fn refused(why: &'static str) -> AppError {
    AppError::Rejected(StatusCode::BAD_REQUEST, why)
}
