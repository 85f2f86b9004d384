//! What is told at the end of larger work: to whoever set it going that it is over, and to whoever got something by it how much.

use super::{
    kind::Kind,
    tell::{Notice, To, tell},
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{MemberId, OperationId, RecordType},
};
use diesel::{prelude::*, sql_types as t};
use uuid::Uuid;

/// Work that somebody set going has come to an end: "Import contacts.csv", "is done: 120 added".
pub struct Finished<'a> {
    /// Names the work and how it ended: told once of that.
    pub key: String,
    pub what: &'a str,
    pub how: &'a str,
    /// Its page.
    pub at: String,
}

pub fn finished(tx: &mut OrgTx, who: Option<MemberId>, work: &Finished) -> AppResult<()> {
    let notice = Notice::new(Kind::Finished)
        .once(format!("finished:{}", work.key))
        .at(&work.at)
        .param("what", &work.what)
        .param("how", &work.how);
    tell(tx, &notice, To::people(who)).map(drop)
}

/// Many records are somebody's now, said in one notice: "12 deals".
pub fn given(tx: &mut OrgTx, to: MemberId, many: &str, at: &str) -> AppResult<()> {
    tell(tx, &Notice::new(Kind::Assigned).at(at).param("many", &many), To::people([to])).map(drop)
}

/// The new owners of what an operation changed.
pub fn given_by(tx: &mut OrgTx, op: OperationId, record: RecordType) -> AppResult<()> {
    #[derive(QueryableByName)]
    struct Owner {
        #[diesel(sql_type = t::Uuid)]
        owner: Uuid,
        #[diesel(sql_type = t::BigInt)]
        records: i64,
    }
    let sql = format!(
        "SELECT r.owner_id AS owner, count(*) AS records FROM operation_changes c JOIN {} r ON r.id = c.record_id \
         WHERE c.operation_id = $1 AND c.record_type = $2 AND c.before ? 'owner_id' AND r.owner_id IS NOT NULL \
           AND r.owner_id::text IS DISTINCT FROM c.before->>'owner_id' GROUP BY 1",
        record.noun()
    );
    let owners: Vec<Owner> =
        diesel::sql_query(sql).bind::<t::Uuid, _>(op).bind::<t::Text, _>(record.key()).load(tx.conn())?;
    for Owner { owner, records } in owners {
        let noun = if records == 1 { record.label() } else { record.plural() }.to_lowercase();
        given(tx, MemberId(owner), &format!("{records} {noun}"), &format!("/{}", record.noun()))?;
    }
    Ok(())
}
