//! A tag.

use crate::{
    features::{
        pipeline::COLORS,
        records::filter::{Filter, Op},
    },
    kernel::{RecordType, TagId},
    schema::tags,
};
use diesel::prelude::*;

/// Longest name, in characters.
pub const LONGEST: usize = 50;

#[derive(Queryable, Selectable, Clone, Debug, PartialEq, Eq)]
#[diesel(table_name = tags)]
pub struct Tag {
    pub id: TagId,
    pub name: String,
    /// A key of `pipeline::COLORS`.
    pub color: String,
}

impl Tag {
    /// The list of the records of that type that have it.
    pub fn href(&self, record: &RecordType) -> String {
        let filter = Filter::All(vec![Filter::rule("tags", Op::AnyOf, &[&self.id.to_string()])]);
        let mut query = url::form_urlencoded::Serializer::new(format!("/{}?", record.noun()));
        query.append_pair("filter", &filter.json()).finish()
    }
}

/// The colour a new tag gets when nobody chose one: always the same for the same name.
pub fn color_of(name_key: &str) -> &'static str {
    let sum = name_key.bytes().fold(0usize, |sum, b| sum.wrapping_mul(31).wrapping_add(usize::from(b)));
    COLORS[sum % COLORS.len()].0
}
