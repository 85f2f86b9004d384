//! Rows that carry a record's own id, as our exports write it: the record itself in the organisation that the file came from; elsewhere
//! what an earlier import of the file made of it. It comes before every rule, and no weaker rule joins two rows that it tells apart.

use super::{super::aliases::RECORD_ID, Plan, run_sql};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
};
use diesel::{prelude::*, sql_query, sql_types};

/// What a card of ours has before the id (RFC 4122).
pub(super) const CARD: &str = "urn:uuid:";

/// Precedes every rule. Records in the bin are restored, as those found by the id of another system are.
pub(super) fn find(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let (key, table) = (plan.record.key(), plan.record.noun());
    if has(plan, "external_id") {
        let ext = plan.staged("external_id");
        let card =
            format!("CASE WHEN {ext} LIKE '{CARD}%' THEN app.as_uuid(lower(substr({ext}, {})))  END", CARD.len() + 1);
        of_this_organisation(tx, plan, &card)?;
    }
    if !has(plan, "record_id") {
        return Ok(());
    }
    let id = format!("app.as_uuid({})", plan.staged("record_id"));
    refuse_merged(tx, plan, &id)?;
    of_this_organisation(tx, plan, &id)?;
    run_sql(
        tx,
        &format!(
            "INSERT INTO import_match SELECT s.line, c.id FROM import_stage s \
             JOIN import_fingerprints f ON f.org_id = app.org() AND f.record_type = '{key}' AND f.fingerprint = {id} \
             JOIN {table} c ON c.org_id = app.org() AND c.id = f.record_id AND c.deleted_at IS NULL \
             WHERE s.problem IS NULL AND NOT EXISTS (SELECT FROM import_match m WHERE m.line = s.line)"
        ),
    )?;
    run_sql(tx, "ANALYZE import_match")
}

/// Keeps in mind which record an id of another organisation became here.
pub(super) fn remember(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    if !has(plan, "record_id") {
        return Ok(());
    }
    let (key, id) = (plan.record.key(), format!("app.as_uuid({})", plan.staged("record_id")));
    run_sql(
        tx,
        &format!(
            "INSERT INTO import_fingerprints (record_type, fingerprint, record_id) \
             SELECT DISTINCT ON (2) '{key}', {id}, coalesce(m.id, l.new_id) FROM import_stage s \
             LEFT JOIN import_followers f ON f.line = s.line JOIN import_stage l ON l.line = coalesce(f.leader, s.line) \
             LEFT JOIN import_match m ON m.line = l.line \
             WHERE s.problem IS NULL AND {id} IS DISTINCT FROM coalesce(m.id, l.new_id) AND {id} IS NOT NULL \
             ON CONFLICT (org_id, record_type, fingerprint) DO UPDATE SET record_id = excluded.record_id"
        ),
    )
}

fn has(plan: &Plan, slot: &str) -> bool {
    plan.slots.iter().any(|s| s.key == slot)
}

fn of_this_organisation(tx: &mut OrgTx, plan: &Plan, id: &str) -> AppResult<()> {
    run_sql(
        tx,
        &format!(
            "INSERT INTO import_match SELECT s.line, c.id FROM import_stage s JOIN {} c ON c.org_id = app.org() AND c.id = {id} \
             WHERE s.problem IS NULL AND (c.deleted_at IS NULL OR NOT EXISTS ({})) \
               AND NOT EXISTS (SELECT FROM import_match m WHERE m.line = s.line)",
            plan.record.noun(),
            merge(plan)
        ),
    )
}

/// Its values are in another record now, which has a row of its own: neither may be written over the other.
fn refuse_merged(tx: &mut OrgTx, plan: &Plan, id: &str) -> AppResult<()> {
    let sql = format!(
        "UPDATE import_stage s SET key = NULL, ref_key = NULL, \
           problem = jsonb_build_object($1, 'was merged into another record since the file was written') \
         FROM {} c WHERE c.org_id = app.org() AND c.id = {id} AND s.problem IS NULL AND c.deleted_at IS NOT NULL AND EXISTS ({})",
        plan.record.noun(),
        merge(plan)
    );
    sql_query(sql).bind::<sql_types::Text, _>(RECORD_ID).execute(tx.conn())?;
    Ok(())
}

/// The merge that took record `c` away.
fn merge(plan: &Plan) -> String {
    format!(
        "SELECT FROM merges g WHERE g.org_id = app.org() AND g.merged_id = c.id AND g.record_type = '{}' AND g.undone_at IS NULL",
        plan.record.key()
    )
}
