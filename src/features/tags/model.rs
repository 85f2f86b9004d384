//! A tag.

use crate::{features::pipeline::COLORS, kernel::TagId, schema::tags};
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
    /// Where its records are found.
    pub fn href(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::from("/search?"));
        query.append_pair("q", &self.name).finish()
    }
}

/// The colour a new tag gets when nobody chose one: always the same for the same name.
pub fn color_of(name_key: &str) -> &'static str {
    let sum = name_key.bytes().fold(0usize, |sum, b| sum.wrapping_mul(31).wrapping_add(usize::from(b)));
    COLORS[sum % COLORS.len()].0
}
