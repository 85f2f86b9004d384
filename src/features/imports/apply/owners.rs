//! Whom a file gives records to is told how many, once.

use super::{NEW, Plan, targets::Target};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::notifications,
    kernel::{MemberId, RecordType},
};
use diesel::{prelude::*, sql_query, sql_types};
use uuid::Uuid;

#[derive(QueryableByName)]
struct Owner {
    #[diesel(sql_type = sql_types::Uuid)]
    owner: Uuid,
    #[diesel(sql_type = sql_types::BigInt)]
    records: i64,
}

/// Only where a row can name an owner, somebody was chosen for all, or rules give one: otherwise all is the importer's, who knows.
pub(super) fn tell(tx: &mut OrgTx, plan: &Plan, targets: &[Target]) -> AppResult<()> {
    let by = tx.by().map(Uuid::from);
    let others = plan.context.default_owner.as_ref().is_some_and(|owner| Some(owner.id) != by);
    let named = others || plan.slots.iter().any(|slot| slot.column == "owner_id");
    let new = match targets.iter().find(|target| target.column == "owner_id") {
        _ if plan.record == RecordType::Lead => format!(
            "SELECT l.owner_id AS owner FROM import_stage s JOIN leads l ON l.org_id = app.org() AND l.id = s.new_id WHERE {NEW}"
        ),
        Some(target) if named => format!("SELECT {} AS owner FROM import_stage s WHERE {NEW}", target.inserted()),
        _ => return Ok(()),
    };
    let sql = format!(
        "SELECT owner, count(*) AS records FROM ({new} \
           UNION ALL SELECT (x.changes #>> '{{owner_id,1,id}}')::uuid FROM import_changed x WHERE x.changes ? 'owner_id') g \
         WHERE owner IS NOT NULL GROUP BY 1"
    );
    let owners: Vec<Owner> = sql_query(sql).load(tx.conn())?;
    for Owner { owner, records } in owners {
        let noun = if records == 1 { plan.record.label() } else { plan.record.plural() }.to_lowercase();
        notifications::given(tx, MemberId(owner), &format!("{records} {noun}"), &format!("/{}", plan.record.noun()))?;
    }
    Ok(())
}
