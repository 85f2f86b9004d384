//! Following a record, or muting it. Owners follow without saying so; who mutes is told only of what is addressed to them.

use super::tell::About;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::MemberId,
    schema::follows,
};
use diesel::prelude::*;

/// Where a member stands to a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Nothing said: an owner follows, others do not.
    Unsaid,
    Following,
    Muted,
}

/// Someone took part (wrote a comment, was mentioned): from now on they follow, unless they said otherwise.
pub fn follow(tx: &mut OrgTx, about: About, member: MemberId) -> AppResult<()> {
    diesel::insert_into(follows::table)
        .values((
            follows::member_id.eq(member),
            follows::record_type.eq(about.key()),
            follows::record_id.eq(about.id()),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn())?;
    Ok(())
}
