//! That the same file, imported again, finds each of its rows in the record that it went into now. Rules that are weak, and a file that
//! itself changes what they look at, may find another one the second time; such rows are kept in mind by all they say
//! (`import_fingerprints`), which comes before every rule.

use super::{
    super::options::{MatchBy, OnMatch},
    Plan, matching, number, run_sql, unclear,
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
};
use diesel::{RunQueryDsl, sql_query};

/// A row kept in mind frees what it claimed for others: so often at most.
const ROUNDS: usize = 6;

/// Precedes the merging of rows, which overwrites the first of each.
pub(super) fn keep_leaders(tx: &mut OrgTx) -> AppResult<()> {
    run_sql(
        tx,
        "CREATE TEMPORARY TABLE import_leaders ON COMMIT DROP AS SELECT * FROM import_stage s \
         WHERE s.line IN (SELECT leader FROM import_followers)",
    )
}

/// Comes last: afterwards the stage is as it was read, and `import_match` what a second import would find.
pub(super) fn settle(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let settled = plan.trial || plan.on_match == OnMatch::Create;
    if settled || (!unclear::has_refused(tx)? && is_certain(tx, plan)?) {
        return Ok(());
    }
    run_sql(
        tx,
        "CREATE TEMPORARY TABLE import_outcome ON COMMIT DROP AS SELECT s.line, coalesce(m.id, l.new_id) AS id FROM import_stage s \
         LEFT JOIN import_followers f ON f.line = s.line JOIN import_stage l ON l.line = coalesce(f.leader, s.line) \
         LEFT JOIN import_match m ON m.line = l.line WHERE s.problem IS NULL AND s.key IS NOT NULL",
    )?;
    if number(tx, "SELECT count(*) AS n FROM import_followers")? > 0 {
        let set: String = (0..plan.slots.len()).map(|n| format!(", v{n} = x.v{n}")).collect();
        run_sql(
            tx,
            &format!(
                "UPDATE import_stage s SET ref_key = x.ref_key, custom = x.custom{set} FROM import_leaders x WHERE x.line = s.line"
            ),
        )?;
    }
    unclear::lift(tx)?;
    for _ in 0..ROUNDS {
        run_sql(tx, "DROP TABLE IF EXISTS import_match, import_known, import_unclear")?;
        matching::find(tx, plan)?;
        let strays = format!(
            "INSERT INTO import_fingerprints (record_type, fingerprint, record_id) \
             SELECT DISTINCT ON (2) '{}', {}, o.id FROM import_outcome o JOIN import_stage s ON s.line = o.line \
             LEFT JOIN import_match m ON m.line = o.line WHERE m.id IS DISTINCT FROM o.id \
             ON CONFLICT (org_id, record_type, fingerprint) DO UPDATE SET record_id = excluded.record_id",
            plan.record.key(),
            matching::alias(plan)
        );
        if sql_query(strays).execute(tx.conn())? + unclear::remember(tx, plan)? == 0 {
            break;
        }
    }
    unclear::put_back(tx)
}

/// Every row is known by its own id, address or domain, which the first rule looks at: nothing can be found otherwise.
fn is_certain(tx: &mut OrgTx, plan: &Plan) -> AppResult<bool> {
    let has = |by: &&MatchBy| **by == MatchBy::Name || plan.slots.iter().any(|slot| slot.key == by.key());
    let prefix = match plan.rules.iter().find(has) {
        Some(MatchBy::Record) => "r:",
        Some(MatchBy::ExternalId) => "x:",
        Some(MatchBy::Email) => "e:",
        Some(MatchBy::Domain) => "d:",
        _ => return Ok(false),
    };
    let others = format!(
        "SELECT count(*) AS n FROM (SELECT FROM import_stage WHERE problem IS NULL AND key IS NOT NULL AND left(key, 2) <> '{prefix}' LIMIT 1) o"
    );
    Ok(number(tx, &others)? == 0)
}
