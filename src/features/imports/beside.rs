//! What a deal's row says of whom it is made with and against: people with their parts, competitors, the one it was lost to. They travel
//! through the stage as JSON.

use super::{
    mapping::{Column, Role},
    rows::{RowReader, Staged},
    values::Value,
};
use crate::features::{competitors, deals::people_text};
use serde_json::json;

impl RowReader<'_> {
    pub(super) fn beside(&self, column: &Column, cell: &str, staged: &mut Staged) {
        let read = match column.role {
            Role::People => people_text::read(cell).map(|people| (json!(people), json!(cell))),
            Role::Rivals => competitors::read(cell).map(|names| (json!(names), json!(names))),
            _ => competitors::one(cell).map(|name| (json!([name]), json!(name))),
        };
        match read {
            Ok((value, told)) => self.put(staged, column.field.key, Value { sql: value.to_string(), json: told }),
            Err(problem) => staged.problems.push((column.field.label.to_owned(), problem)),
        }
    }

    /// `status`: the row's.
    pub(super) fn lost(&self, status: &str, staged: &mut Staged) {
        if status != "lost" && self.value(staged, "lost_to").is_some() {
            staged.problems.push(("Lost to".into(), "is for lost deals: the row must say that it is one".into()));
        }
    }
}
