//! Two records become one: chosen side by side, field by field; what hangs on either hangs on the survivor.

mod book;
mod columns;
mod commands;
mod links;
mod pages;
mod parents;
mod relations;
mod reversal;
mod sides;

pub use book::{Merged, page_or_survivor, refuse_return, to_survivor};
pub(super) use pages::{create, options, show, undo};

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::RecordType,
};
use diesel::{prelude::*, sql_types};
use serde_json::Value;
use uuid::Uuid;

#[derive(QueryableByName)]
struct Image {
    #[diesel(sql_type = sql_types::Jsonb)]
    row: Value,
}

/// The whole row as it is now.
fn image(tx: &mut OrgTx, record: RecordType, id: Uuid) -> AppResult<Value> {
    let sql = format!("SELECT to_jsonb(r) AS row FROM {} r WHERE r.id = $1", record.noun());
    let image: Image = diesel::sql_query(sql).bind::<sql_types::Uuid, _>(id).get_result(tx.conn())?;
    Ok(image.row)
}

/// The name a record's row had.
fn name_in(row: &Value) -> String {
    let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().trim();
    let person = format!("{} {}", text("first_name"), text("last_name"));
    let names = [text("name"), person.trim(), text("company_name"), text("email")];
    names.into_iter().find(|name| !name.is_empty()).unwrap_or_default().to_owned()
}

/// A name that fits a toast.
fn short(name: &str) -> String {
    if name.chars().count() <= 50 {
        name.to_owned()
    } else {
        format!("{}…", name.chars().take(49).collect::<String>())
    }
}
