//! The people of an organisation, as other features need them: to own records, to be chosen, to be shown by a face.

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::{MemberId, text},
    schema::members,
    web::shell::avatar_url,
};
use diesel::prelude::*;
use std::sync::Arc;
use uuid::Uuid;

/// A member as a face: name, initials, colour, picture.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: MemberId,
    pub name: String,
    pub email: String,
    pub initials: String,
    pub class: String,
    pub avatar_url: Option<String>,
    pub active: bool,
}

type Row = (Uuid, String, String, Option<String>, Option<chrono::DateTime<chrono::Utc>>);

impl Person {
    fn from_row((id, name, email, tag, deactivated): Row) -> Self {
        Self {
            id: MemberId(id),
            initials: text::initials(&name),
            class: text::avatar_class(&id.to_string()),
            avatar_url: avatar_url(&id.to_string(), tag.as_deref()),
            name,
            email,
            active: deactivated.is_none(),
        }
    }
}

/// Everyone, the deactivated too (they still own records), by name.
pub fn directory(tx: &mut OrgTx) -> AppResult<Vec<Person>> {
    tx.known("directory", everyone).map(Arc::unwrap_or_clone)
}

fn everyone(tx: &mut OrgTx) -> AppResult<Vec<Person>> {
    let rows = members::table
        .select((members::id, members::name, members::email, members::avatar_tag, members::deactivated_at))
        .order((members::name, members::id))
        .load::<Row>(tx.conn())?;
    Ok(rows.into_iter().map(Person::from_row).collect())
}

/// Checks that a new owner is an active member; the error belongs to `field`.
pub fn check_owner(tx: &mut OrgTx, owner: Option<MemberId>, field: &str) -> AppResult<()> {
    let Some(owner) = owner else { return Ok(()) };
    let active: bool = diesel::select(diesel::dsl::exists(
        members::table.filter(members::id.eq(owner)).filter(members::deactivated_at.is_null()),
    ))
    .get_result(tx.conn())?;
    if active { Ok(()) } else { Err(AppError::field(field, "is not an active member")) }
}
