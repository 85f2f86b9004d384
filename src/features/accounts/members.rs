//! The people of an organisation, as other features need them: to own records, to be chosen, to be shown by a face.

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::{MemberId, RecordType, text},
    schema::{members, roles},
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
    /// May be given records: see [`check_owner`].
    pub may_own: bool,
}

type Row = (Uuid, String, String, Option<String>, Option<chrono::DateTime<chrono::Utc>>, bool);

impl Person {
    fn from_row((id, name, email, tag, deactivated, owns): Row) -> Self {
        Self {
            id: MemberId(id),
            initials: text::initials(&name),
            class: text::avatar_class(&id.to_string()),
            avatar_url: avatar_url(&id.to_string(), tag.as_deref()),
            name,
            email,
            active: deactivated.is_none(),
            may_own: deactivated.is_none() && owns,
        }
    }
}

/// Everyone, the deactivated too (they still own records), by name.
pub fn directory(tx: &mut OrgTx) -> AppResult<Vec<Person>> {
    tx.known("directory", everyone).map(Arc::unwrap_or_clone)
}

fn everyone(tx: &mut OrgTx) -> AppResult<Vec<Person>> {
    let rows = members::table
        .inner_join(roles::table.on(roles::org_id.eq(members::org_id).and(roles::id.eq(members::role_id))))
        .select((
            members::id,
            members::name,
            members::email,
            members::avatar_tag,
            members::deactivated_at,
            roles::permissions.overlaps_with(owning()),
        ))
        .order((members::name, members::id))
        .load::<Row>(tx.conn())?;
    Ok(rows.into_iter().map(Person::from_row).collect())
}

/// What a role must have one of for its members to own records: who may change none could do nothing with theirs.
fn owning() -> Vec<Option<String>> {
    let keys =
        RecordType::ALL.iter().flat_map(|record| ["create", "edit"].map(|verb| format!("{}.{verb}", record.noun())));
    keys.map(Some).collect()
}

/// Checks that somebody newly chosen is an active member; the error belongs to `field`.
pub fn check_active(tx: &mut OrgTx, member: Option<MemberId>, field: &str) -> AppResult<()> {
    let Some(member) = member else { return Ok(()) };
    match standing(tx, member)? {
        Some((true, _)) => Ok(()),
        _ => Err(AppError::field(field, "is not an active member")),
    }
}

/// Checks that a record's new owner is an active member whose role changes records; the error belongs to `field`.
pub fn check_owner(tx: &mut OrgTx, owner: Option<MemberId>, field: &str) -> AppResult<()> {
    let Some(owner) = owner else { return Ok(()) };
    match standing(tx, owner)? {
        Some((true, true)) => Ok(()),
        Some((true, false)) => Err(AppError::field(field, NO_OWNER)),
        _ => Err(AppError::field(field, "is not an active member")),
    }
}

/// Of somebody whose role changes no records.
pub const NO_OWNER: &str = "cannot be somebody whose role may not edit records";

/// Whether a member is active, and whether their role may own records.
fn standing(tx: &mut OrgTx, member: MemberId) -> AppResult<Option<(bool, bool)>> {
    Ok(members::table
        .inner_join(roles::table.on(roles::org_id.eq(members::org_id).and(roles::id.eq(members::role_id))))
        .filter(members::id.eq(member))
        .select((members::deactivated_at.is_null(), roles::permissions.overlaps_with(owning())))
        .first(tx.conn())
        .optional()?)
}
