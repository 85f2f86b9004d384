//! Rows that a rule finds in several records alike. None is taken at random: such a row is refused, with how many there are and what to
//! add. Rows that carry an id of ours, which another organisation gave, become records of their own instead.
//!
//! `import_unclear` holds what the rules met, `import_unsure` the rows refused for it: with the rows of the same key, so that none of them
//! makes the record that the others are then found in. A file imported twice changes nothing, so a row that the import itself has made
//! clear is kept in mind as unclear (a fingerprint of no record): who knows better says so in the file.

use super::{
    super::{
        aliases::RECORD_ID,
        options::{MatchBy, OnMatch},
    },
    Plan, matching, number, run_sql,
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::RecordType,
};
use diesel::{RunQueryDsl, sql_query};

/// The record of a row that is kept in mind as unclear.
const NONE: &str = "'00000000-0000-0000-0000-000000000000'::uuid";

/// Rows to refuse: those met and in no record by any rule, and those of the same key.
const UNCLEAR: &str = "SELECT s.line, s.key, s.ref_key, w.n, w.rule FROM import_stage s \
     JOIN (SELECT k.key, max(u.n) AS n, min(u.rule) AS rule FROM import_unclear u JOIN import_stage k ON k.line = u.line \
       WHERE NOT EXISTS (SELECT FROM import_match m WHERE m.line = u.line) GROUP BY k.key) w ON w.key = s.key \
     WHERE s.problem IS NULL";

/// Whether rows may be refused for it: then their text must be kept until that is known.
pub fn may_be(tx: &mut OrgTx, record: RecordType, rules: &[MatchBy], on_match: OnMatch) -> AppResult<bool> {
    if !on_match.writes() || !rules.iter().any(|rule| rule.is_weak()) {
        return Ok(false);
    }
    let some = format!("SELECT count(*) AS n FROM (SELECT FROM {} WHERE deleted_at IS NULL LIMIT 2) r", record.noun());
    Ok(number(tx, &some)? > 1)
}

/// Precedes the rules.
pub(super) fn begin(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    run_sql(
        tx,
        "CREATE TEMPORARY TABLE import_unclear (line bigint NOT NULL, n bigint NOT NULL, rule text NOT NULL) ON COMMIT DROP",
    )?;
    if !plan.on_match.writes() || !matching::has_aliases(tx, plan)? {
        return Ok(());
    }
    run_sql(
        tx,
        &format!(
            "INSERT INTO import_unclear SELECT s.line, 0, '' FROM import_stage s \
             JOIN import_fingerprints f ON f.org_id = app.org() AND f.record_type = '{}' AND f.record_id = {NONE} AND f.fingerprint = {} \
             WHERE s.problem IS NULL AND NOT EXISTS (SELECT FROM import_match m WHERE m.line = s.line)",
            plan.record.key(),
            matching::alias(plan)
        ),
    )
}

/// Follows the rules.
pub(super) fn refuse(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    run_sql(
        tx,
        "CREATE TEMPORARY TABLE import_unsure (line bigint NOT NULL, key text, ref_key text, problem jsonb NOT NULL) ON COMMIT DROP",
    )?;
    if number(tx, "SELECT count(*) AS n FROM import_unclear")? == 0 {
        return Ok(());
    }
    let called: String = plan.rules.iter().map(|rule| called(plan, *rule)).collect();
    // How many there are is nobody's to know who does not see them.
    let several = if plan.context.visible.is_some() { "'several'" } else { "u.n::text" };
    let fill = format!(
        "INSERT INTO import_unsure SELECT u.line, u.key, u.ref_key, CASE u.rule{called} \
           ELSE jsonb_build_object('Row', 'matched several {noun} when it was imported first{what}') END FROM ({UNCLEAR}) u",
        noun = plan.record.noun(),
        what = TO_ADD.replace("{id}", RECORD_ID)
    );
    run_sql(tx, &fill.replace("{several}", several))?;
    put_back(tx)
}

const TO_ADD: &str = ": add a column with its {id}, or with its id in the other system, to say which one is meant";

fn called(plan: &Plan, rule: MatchBy) -> String {
    let both = rule == MatchBy::Name && plan.record != RecordType::Company;
    let verb = if both { "are those" } else { "is that" };
    format!(
        " WHEN '{}' THEN jsonb_build_object('{}', '{verb} of ' || {{several}} || ' {} here{}')",
        rule.key(),
        rule.label(plan.record).split(',').next().unwrap_or_default(),
        plan.record.noun(),
        TO_ADD.replace("{id}", RECORD_ID)
    )
}

pub(super) fn has_refused(tx: &mut OrgTx) -> AppResult<bool> {
    Ok(number(tx, "SELECT count(*) AS n FROM import_unsure")? > 0)
}

/// The refused rows as they were read, for a second look at all.
pub(super) fn lift(tx: &mut OrgTx) -> AppResult<()> {
    run_sql(
        tx,
        "UPDATE import_stage s SET key = r.key, ref_key = r.ref_key, problem = NULL FROM import_unsure r WHERE r.line = s.line",
    )
}

pub(super) fn put_back(tx: &mut OrgTx) -> AppResult<()> {
    run_sql(
        tx,
        "UPDATE import_stage s SET key = NULL, ref_key = NULL, problem = r.problem FROM import_unsure r WHERE r.line = s.line",
    )
}

/// Keeps in mind the refused rows that would not be refused now. Returns how many.
pub(super) fn remember(tx: &mut OrgTx, plan: &Plan) -> AppResult<usize> {
    let sql = format!(
        "INSERT INTO import_fingerprints (record_type, fingerprint, record_id) \
         SELECT DISTINCT '{}', {}, {NONE} FROM import_unsure r JOIN import_stage s ON s.line = r.line \
         WHERE NOT EXISTS (SELECT FROM ({UNCLEAR}) u WHERE u.line = r.line) \
         ON CONFLICT (org_id, record_type, fingerprint) DO UPDATE SET record_id = excluded.record_id",
        plan.record.key(),
        matching::alias(plan)
    );
    Ok(sql_query(sql).execute(tx.conn())?)
}
