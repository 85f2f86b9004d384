//! Filters that one record type's list has beside the shared ones, such as a deal's pipeline: what is offered, and the condition when
//! one is chosen.

use crate::{
    kernel::{RecordType, calendar::Span},
    web::SelectOption,
};
use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

/// A filter as the list offers it.
#[derive(Clone, Debug)]
pub struct Extra {
    /// The parameter in the address.
    pub name: &'static str,
    pub label: &'static str,
    pub icon: &'static str,
    /// The chosen one is the selected one.
    pub options: Vec<SelectOption>,
    pub condition: Option<Condition>,
}

/// What the records must satisfy; the columns are trusted text.
#[derive(Clone, Debug)]
pub enum Condition {
    Is(&'static str, Uuid),
    /// One of these.
    Among(&'static str, Vec<Uuid>),
    /// A whole-number key no smaller, no larger.
    AtLeast(&'static str, i64),
    AtMost(&'static str, i64),
    /// It has the tag.
    Tagged(RecordType, Uuid),
    /// A deal that has come to one of these stages, and no further.
    Furthest(Vec<Uuid>),
    /// A day before that one.
    Before(&'static str, NaiveDate),
    Days(&'static str, Span),
    /// From the first instant until before the second.
    Instants(&'static str, DateTime<Utc>, DateTime<Utc>),
    Empty(&'static str),
}

impl Extra {
    /// The chosen option, when there is one.
    pub fn selected(&self) -> Option<&SelectOption> {
        self.condition.as_ref().and_then(|_| self.options.iter().find(|option| option.selected))
    }
}
