//! Which rows are records that exist already, and which rows of the file are the same record.
//!
//! Importing a file twice must change nothing the second time, so what a row matches in the database follows the same preferences
//! by which rows of one file are told apart: a row without an id of its own prefers a record without one.

use super::{Plan, number, run_sql};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
};
use diesel::{prelude::*, sql_query, sql_types};

/// Starts `import_match` with the records that carry a row's external id, deleted ones too (they are restored).
pub(super) fn by_external_id(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let ext = plan.staged("external_id");
    run_sql(
        tx,
        &format!(
            "CREATE TEMPORARY TABLE import_match ON COMMIT DROP AS SELECT s.line, c.id FROM import_stage s \
             JOIN {} c ON c.org_id = app.org() AND c.external_id = {ext} WHERE s.problem IS NULL",
            plan.record.noun()
        ),
    )?;
    run_sql(tx, "ANALYZE import_match")
}

/// Adds what `pairs` (a query of line, id, ext, preference) finds for rows not matched yet: a row takes its most preferred and
/// oldest record; of rows with an external id of their own only the first may claim a record.
pub(super) fn more(tx: &mut OrgTx, pairs: &str) -> AppResult<()> {
    run_sql(
        tx,
        &format!(
            "INSERT INTO import_match SELECT line, id FROM ( \
               SELECT line, id, ext, row_number() OVER (PARTITION BY id, ext IS NOT NULL ORDER BY line) AS claim FROM ( \
                 SELECT DISTINCT ON (p.line) p.line, p.id, p.ext FROM ({pairs}) p \
                 WHERE NOT EXISTS (SELECT FROM import_match m WHERE m.line = p.line) \
                   AND (p.ext IS NULL OR NOT EXISTS (SELECT FROM import_match m WHERE m.id = p.id)) \
                 ORDER BY p.line, p.preference, p.id) q) c \
             WHERE ext IS NULL OR claim = 1"
        ),
    )?;
    run_sql(tx, "ANALYZE import_match")
}

/// Records of people whose records the importer may not see are not theirs to change.
pub(super) fn refuse_hidden(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let Some(visible) = &plan.context.visible else { return Ok(()) };
    let sql = format!(
        "WITH hidden AS (DELETE FROM import_match m USING {} c WHERE c.org_id = app.org() AND c.id = m.id \
           AND (c.owner_id IS NULL OR c.owner_id <> ALL ($1)) RETURNING m.line) \
         UPDATE import_stage s SET key = NULL, ref_key = NULL, \
           problem = jsonb_build_object('Row', 'is a record that exists already and is not yours to change') \
         FROM hidden h WHERE h.line = s.line",
        plan.record.noun()
    );
    sql_query(sql).bind::<sql_types::Array<sql_types::Uuid>, _>(visible).execute(tx.conn())?;
    Ok(())
}

/// Rows that are one record: by what they matched, else by their key. The first leads; what later rows say is put into it, the
/// last word counting.
pub(super) fn merge_duplicates(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let slots: Vec<String> = (0..plan.slots.len()).map(|n| format!("v{n}")).chain(["ref_key".to_owned()]).collect();
    let differs: Vec<String> =
        slots.iter().map(|v| format!("(s.{v} IS NOT NULL AND s.{v} IS DISTINCT FROM l.{v})")).collect();
    run_sql(
        tx,
        &format!(
            "CREATE TEMPORARY TABLE import_followers ON COMMIT DROP AS \
             WITH g AS MATERIALIZED ( \
               SELECT s.line, coalesce(m.id::text, CASE WHEN s.key LIKE 'n:%' THEN app.fold(s.key) ELSE s.key END) COLLATE \"C\" AS grp \
               FROM import_stage s LEFT JOIN import_match m ON m.line = s.line WHERE s.problem IS NULL AND s.key IS NOT NULL), \
             twice AS (SELECT grp, min(line) AS leader FROM g GROUP BY grp HAVING count(*) > 1) \
             SELECT g.line, t.leader, ({}) AS differs FROM twice t JOIN g ON g.grp = t.grp AND g.line <> t.leader \
             JOIN import_stage s ON s.line = g.line JOIN import_stage l ON l.line = t.leader",
            differs.join(" OR ")
        ),
    )?;
    run_sql(tx, "ANALYZE import_followers")?;
    if number(tx, "SELECT count(*) AS n FROM import_followers")? == 0 {
        return Ok(());
    }
    let last: Vec<String> = slots
        .iter()
        .map(|v| format!("(array_agg(s.{v} ORDER BY s.line DESC) FILTER (WHERE s.{v} IS NOT NULL))[1] AS {v}"))
        .collect();
    let set: Vec<String> = slots.iter().map(|v| format!("{v} = x.{v}")).collect();
    const GROUPS: &str = "(SELECT leader, line FROM import_followers UNION SELECT leader, leader FROM import_followers) f \
         JOIN import_stage s ON s.line = f.line";
    run_sql(
        tx,
        &format!(
            "UPDATE import_stage t SET changes = j.changes, {} FROM (SELECT f.leader, {} FROM {GROUPS} GROUP BY f.leader) x \
             JOIN (SELECT f.leader, jsonb_object_agg(e.key, e.value ORDER BY f.line) AS changes \
                   FROM {GROUPS}, jsonb_each(s.changes) e GROUP BY f.leader) j ON j.leader = x.leader \
             WHERE t.line = x.leader",
            set.join(", "),
            last.join(", ")
        ),
    )
}
