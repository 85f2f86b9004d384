//! Taking a whole import back, in one transaction: what it changed gets its old values again, what it created goes to the bin. A record
//! that somebody changed or worked with since stays as it is, and so does one that is gone already; the import's page says which and why.
//!
//! Records are told unchanged by their version: the import left one, and every change since has added to it. What leaves the version as
//! it was is what [`touched`] knows.

use super::{
    apply::{Counts, own},
    engine,
    progress::Progress,
    queries,
    stage::Stopped,
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::{
        competitors, pipeline, products,
        records::touched::{self, Since},
    },
    kernel::{ImportId, RecordType},
    schema::imports,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_query, sql_types};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Said of a record that went into another one.
pub(super) const MERGED: &str = "went into another record by a merge";

/// What became of the records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Undone {
    pub restored: i64,
    pub removed: i64,
    pub left: i64,
    /// Why, each with its count.
    pub reasons: BTreeMap<String, i64>,
    /// Pipelines and stages that the import made and that are gone again, in words.
    pub places: Vec<String>,
    /// Products and competitors, likewise.
    #[serde(alias = "products")]
    pub unused: Vec<String>,
    /// What of these is still there, in words, with the reason.
    pub kept: Vec<String>,
}

pub fn run(tx: &mut OrgTx, import: ImportId, record: RecordType, progress: &Progress) -> Result<(), Stopped> {
    tx.without_time_limit()?;
    progress.begin(tx)?;
    progress.enter("restoring");
    sql_query("SET LOCAL lock_timeout = '60s'").execute(tx.conn())?;
    sql_query("SELECT pg_advisory_xact_lock(hashtextextended('pipewright imports ' || app.org(), 0))")
        .execute(tx.conn())?;
    let made = queries::made(tx, import)?;
    // Whoever locks a stage and deals locks the stage first.
    pipeline::hold(tx, &made.stages)?;
    lay_out(tx, import)?;
    let at = moment(tx, import)?;
    let mut undone = Undone::default();
    for kind in RecordType::ALL {
        undone.restored += restore(tx, import, kind, at)?;
    }
    progress.enter("removing");
    // Whether something hangs on a record is known when the rest is gone: deals first, companies last.
    for kind in [RecordType::Deal, RecordType::Lead, RecordType::Contact, RecordType::Company] {
        undone.removed += remove(tx, import, kind, at)?;
    }
    progress.enter("finishing");
    undone.places = pipeline::take_back(tx, &made.pipelines, &made.stages)?;
    let sold = products::take_back(tx, &made.products)?;
    let met = competitors::take_back(tx, &made.competitors)?;
    undone.unused = [sold.gone, met.0].concat();
    undone.kept = [sold.left, met.1].concat();
    undone.kept.extend(pipeline::left(tx, &made.pipelines, &made.stages)?);
    note_left(tx, import, &mut undone)?;
    finish(tx, import, &undone)?;
    engine::announce(
        tx,
        import,
        record,
        Counts { updated: undone.restored, created: undone.removed, ..Counts::default() },
    )?;
    progress.leave();
    Ok(())
}

fn number(tx: &mut OrgTx, sql: &str, import: ImportId) -> AppResult<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::BigInt)]
        n: i64,
    }
    let by = tx.by();
    Ok(sql_query(sql)
        .bind::<sql_types::Uuid, _>(import)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .get_result::<Row>(tx.conn())?
        .n)
}

/// What the import did, with a place for why it stays.
fn lay_out(tx: &mut OrgTx, import: ImportId) -> AppResult<()> {
    for sql in [
        "CREATE TEMPORARY TABLE undo_created ON COMMIT DROP AS SELECT record_type, unnest(ids) AS id, NULL::text AS reason \
         FROM import_created WHERE import_id = $1",
        "CREATE TEMPORARY TABLE undo_updated ON COMMIT DROP AS SELECT record_type, record_id AS id, before, version_after, \
         NULL::text AS reason FROM import_changes WHERE import_id = $1",
    ] {
        sql_query(sql).bind::<sql_types::Uuid, _>(import).execute(tx.conn())?;
    }
    for sql in [
        "CREATE INDEX ON undo_created (id)",
        "CREATE INDEX ON undo_updated (id)",
        "ANALYZE undo_created",
        "ANALYZE undo_updated",
    ] {
        sql_query(sql).execute(tx.conn())?;
    }
    Ok(())
}

/// Gives a reason to stay to the records of `list` that meet the condition, which reads them as `c` and their line as `x`.
fn keep(tx: &mut OrgTx, list: &str, record: RecordType, reason: &str, condition: &str) -> AppResult<usize> {
    let sql = format!(
        "UPDATE {list} x SET reason = $1 FROM {} c WHERE x.reason IS NULL AND x.record_type = '{}' \
           AND c.org_id = app.org() AND c.id = x.id AND ({condition})",
        record.noun(),
        record.key()
    );
    Ok(sql_query(sql).bind::<sql_types::Text, _>(reason).execute(tx.conn())?)
}

/// The moment of the import's transaction, which everything that it wrote bears: its first event does.
fn moment(tx: &mut OrgTx, import: ImportId) -> AppResult<DateTime<Utc>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Timestamptz)]
        at: DateTime<Utc>,
    }
    let sql = "SELECT coalesce((SELECT min(e.at) FROM events e WHERE e.org_id = app.org() AND e.data->>'import_id' = $1::text \
           AND e.record_id IN ((SELECT id FROM undo_created LIMIT 1), (SELECT id FROM undo_updated LIMIT 1))), \
         i.finished_at, i.created_at) AS at FROM imports i WHERE i.id = $1";
    Ok(sql_query(sql).bind::<sql_types::Uuid, _>(import).get_result::<Row>(tx.conn())?.at)
}

/// Who is no longer there stays so, and is told of like any other.
fn keep_gone(tx: &mut OrgTx, list: &str, record: RecordType) -> AppResult<()> {
    let (table, key) = (record.noun(), record.key());
    let merged = format!(
        "UPDATE {list} x SET reason = '{MERGED}' FROM merges g WHERE x.record_type = '{key}' AND g.org_id = app.org() \
           AND g.record_type = '{key}' AND g.merged_id = x.id AND g.undone_at IS NULL \
           AND EXISTS (SELECT FROM {table} c WHERE c.org_id = app.org() AND c.id = x.id AND c.deleted_at IS NOT NULL)"
    );
    let gone = format!(
        "UPDATE {list} x SET reason = CASE WHEN EXISTS (SELECT FROM {table} c WHERE c.org_id = app.org() AND c.id = x.id) \
             THEN 'was in the bin already' ELSE 'was deleted for good' END \
         WHERE x.reason IS NULL AND x.record_type = '{key}' \
           AND NOT EXISTS (SELECT FROM {table} c WHERE c.org_id = app.org() AND c.id = x.id AND c.deleted_at IS NULL)"
    );
    for sql in [merged, gone] {
        sql_query(sql).execute(tx.conn())?;
    }
    Ok(())
}

/// Whoever was worked with since. `was_there` says what hangs there, `h`, from before; `which` of whom, `x`, that is asked.
fn keep_touched(
    tx: &mut OrgTx,
    list: &str,
    record: RecordType,
    at: DateTime<Utc>,
    (was_there, which): (&str, &str),
) -> AppResult<()> {
    for sign in touched::signs(record, Since { made: "$2", came_along: was_there, made_too: was_there }) {
        let sql = format!(
            "UPDATE {list} x SET reason = $1 WHERE x.reason IS NULL AND x.record_type = '{}' AND {which} \
               AND $2 IS NOT NULL AND x.id IN ({})",
            record.key(),
            sign.ids
        );
        sql_query(sql)
            .bind::<sql_types::Text, _>(sign.said)
            .bind::<sql_types::Timestamptz, _>(at)
            .execute(tx.conn())?;
    }
    Ok(())
}

fn restore(tx: &mut OrgTx, import: ImportId, record: RecordType, at: DateTime<Utc>) -> AppResult<i64> {
    let columns = columns(tx, record)?;
    keep_gone(tx, "undo_updated", record)?;
    keep(tx, "undo_updated", record, "was changed since", &changed_since(record, "x.version_after"))?;
    let taken = format!(
        "EXISTS (SELECT FROM {} o WHERE o.org_id = app.org() AND o.external_id = x.before->>'external_id' AND o.id <> x.id)",
        record.noun()
    );
    keep(tx, "undo_updated", record, "its id in the other system belongs to another record now", &taken)?;
    let held = format!(
        "EXISTS (SELECT FROM custom_fields f JOIN custom_values_unique u ON u.org_id = f.org_id AND u.field_id = f.id \
           AND u.value = app.unique_value(x.before->'custom'->>f.key) \
         WHERE f.org_id = app.org() AND f.record_type = '{}' AND f.is_unique AND u.record_id <> x.id)",
        record.key()
    );
    keep(tx, "undo_updated", record, "a value that only one record may have is another's now", &held)?;
    // What the import took out of the bin goes back there.
    let binned = "x.before->>'deleted_at' IS NOT NULL";
    keep_touched(tx, "undo_updated", record, at, ("h.created_at <= $2", binned))?;
    if record == RecordType::Deal {
        let gone = "x.before ? 'stage_id' AND NOT EXISTS (SELECT FROM stages t WHERE t.org_id = app.org() \
             AND t.id = (x.before->>'stage_id')::uuid AND t.pipeline_id = (x.before->>'pipeline_id')::uuid)";
        keep(tx, "undo_updated", record, "the stage it stood in is no more", gone)?;
    }
    unlink(tx, record)?;
    let restored = write_back(tx, import, record, &columns)?;
    let ids = format!("SELECT id FROM undo_updated WHERE reason IS NULL AND record_type = '{}'", record.key());
    if restored > 0 {
        own::compute(tx, record, &ids)?;
    }
    Ok(restored)
}

/// Whether anything was written since that version, but for what later imports wrote and their undo took back.
fn changed_since(record: RecordType, version: &str) -> String {
    format!(
        "c.version <> {version} AND c.version - {version} <> (SELECT count(DISTINCT e.version) FROM events e \
           JOIN imports i ON i.org_id = e.org_id AND i.id = app.as_uuid(e.data->>'import_id') AND i.status = 'undone' \
         WHERE e.org_id = app.org() AND e.record_type = '{}' AND e.record_id = c.id AND e.version > {version} \
           AND NOT EXISTS (SELECT FROM import_left l WHERE l.org_id = app.org() AND l.import_id = i.id AND l.record_id = c.id))",
        record.key()
    )
}

/// The tags that the import added to what is restored, and the people and competitors beside deals. A part that somebody changed since stays.
fn unlink(tx: &mut OrgTx, record: RecordType) -> AppResult<()> {
    for sql in BESIDE {
        sql_query(*sql).execute(tx.conn())?;
    }
    let sql = "DELETE FROM record_tags p USING undo_updated x, jsonb_array_elements_text(x.before->'tags') t \
         WHERE x.reason IS NULL AND x.record_type = $1 AND p.record_type = $1 AND p.record_id = x.id AND p.tag_id = t::uuid";
    sql_query(sql).bind::<sql_types::Text, _>(record.key()).execute(tx.conn())?;
    Ok(())
}

const BESIDE: &[&str] = &[
    "DELETE FROM deal_contacts d USING undo_updated x, jsonb_array_elements_text(x.before->'linked') c \
     WHERE x.reason IS NULL AND x.record_type = 'deal' AND d.deal_id = x.id AND d.contact_id = c::uuid",
    "UPDATE deal_contacts d SET role = p->>'role', influence = p->>'influence', stance = p->>'stance' \
     FROM undo_updated x, jsonb_array_elements(x.before->'parts') p \
     WHERE x.reason IS NULL AND x.record_type = 'deal' AND d.deal_id = x.id AND d.contact_id = (p->>'id')::uuid \
       AND jsonb_build_array(d.role, d.influence, d.stance) = p->'given'",
    "DELETE FROM deal_competitors d USING undo_updated x, jsonb_array_elements_text(x.before->'met') c \
     WHERE x.reason IS NULL AND x.record_type = 'deal' AND d.deal_id = x.id AND d.competitor_id = c::uuid",
];

/// The columns that the import wrote, as its before-images name them.
fn columns(tx: &mut OrgTx, record: RecordType) -> AppResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Text)]
        name: String,
    }
    let rows: Vec<Row> = sql_query(
        "SELECT DISTINCT k AS name FROM undo_updated, jsonb_object_keys(before) k WHERE record_type = $1 ORDER BY k",
    )
    .bind::<sql_types::Text, _>(record.key())
    .load(tx.conn())?;
    let plain = |name: &String| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    // Tags, people and competitors are no columns: see `unlink`.
    let columns = rows.into_iter().map(|r| r.name);
    Ok(columns.filter(|name| plain(name) && !["tags", "linked", "parts", "met"].contains(&name.as_str())).collect())
}

/// What is put back in a column; `c` is the record now, `p` as it was.
fn value(record: RecordType, column: &str) -> String {
    match column {
        "company_id" | "parent_id" | "lost_to" => {
            let table = if column == "lost_to" { "competitors" } else { "companies" };
            format!("(SELECT k.id FROM {table} k WHERE k.org_id = c.org_id AND k.id = p.{column})")
        }
        // Somebody may have put another card where this one stood.
        "position" if record == RecordType::Deal => "CASE WHEN EXISTS (SELECT FROM deals d WHERE d.org_id = c.org_id \
               AND d.stage_id = p.stage_id AND d.position = p.position AND d.id <> c.id \
               AND d.status = 'open' AND d.archived_at IS NULL AND d.deleted_at IS NULL) \
             THEN p.position || right(replace(c.id::text, '-', ''), 12) || '1' ELSE p.position END"
            .into(),
        _ => format!("p.{column}"),
    }
}

fn write_back(tx: &mut OrgTx, import: ImportId, record: RecordType, columns: &[String]) -> AppResult<i64> {
    let set: String = columns.iter().map(|column| format!(", {column} = {}", value(record, column))).collect();
    let (table, key) = (record.noun(), record.key());
    let sql = format!(
        "WITH restored AS (UPDATE {table} u SET version = u.version + 1, updated_at = now(){set} \
             FROM undo_updated x JOIN {table} c ON c.org_id = app.org() AND c.id = x.id, \
             LATERAL jsonb_populate_record(c, x.before) p \
             WHERE x.reason IS NULL AND x.record_type = '{key}' AND u.org_id = app.org() AND u.id = x.id \
             RETURNING u.id, u.version, u.deleted_at, x.version_after), \
           told AS (INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data) \
             SELECT $2, CASE WHEN r.deleted_at IS NULL THEN '{key}.updated' ELSE '{key}.deleted' END, '{key}', r.id, r.version, \
               coalesce((SELECT jsonb_object_agg(f.key, jsonb_build_array(f.value->1, f.value->0)) \
                 FROM events e, jsonb_each(e.changes) f \
                 WHERE e.record_type = '{key}' AND e.record_id = r.id AND e.version = r.version_after), '{{}}'), \
               jsonb_build_object('import_id', $1, 'undo', true) FROM restored r RETURNING 1) \
         SELECT count(*) AS n FROM told"
    );
    number(tx, &sql, import)
}

fn remove(tx: &mut OrgTx, import: ImportId, record: RecordType, at: DateTime<Utc>) -> AppResult<i64> {
    let (table, key) = (record.noun(), record.key());
    keep_gone(tx, "undo_created", record)?;
    keep(tx, "undo_created", record, "was changed since", &changed_since(record, "1"))?;
    // Nothing hangs on a new record but what was hung there since.
    keep_touched(tx, "undo_created", record, at, ("false", "true"))?;
    if record == RecordType::Company {
        let subsidiary = "EXISTS (SELECT FROM companies h WHERE h.org_id = app.org() AND h.parent_id = c.id AND h.deleted_at IS NULL \
             AND NOT EXISTS (SELECT FROM undo_created y WHERE y.id = h.id AND y.reason IS NULL))";
        while keep(tx, "undo_created", record, "has subsidiaries", subsidiary)? > 0 {}
    }
    let sql = format!(
        "WITH removed AS (UPDATE {table} u SET deleted_at = now(), version = u.version + 1, updated_at = now() FROM undo_created x \
             WHERE x.reason IS NULL AND x.record_type = '{key}' AND u.org_id = app.org() AND u.id = x.id RETURNING u.id, u.version), \
           forgotten AS (DELETE FROM import_fingerprints f USING removed r WHERE f.record_type = '{key}' AND f.record_id = r.id), \
           told AS (INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data) \
             SELECT $2, '{key}.deleted', '{key}', r.id, r.version, '{{}}', jsonb_build_object('import_id', $1, 'undo', true) \
             FROM removed r RETURNING 1) \
         SELECT count(*) AS n FROM told"
    );
    number(tx, &sql, import)
}

fn note_left(tx: &mut OrgTx, import: ImportId, undone: &mut Undone) -> AppResult<()> {
    let sql = "WITH stays AS (SELECT record_type, id, reason FROM undo_created WHERE reason IS NOT NULL \
           UNION ALL SELECT record_type, id, reason FROM undo_updated WHERE reason IS NOT NULL) \
         INSERT INTO import_left (import_id, record_type, record_id, reason) SELECT $1, record_type, id, reason FROM stays \
         ON CONFLICT DO NOTHING";
    sql_query(sql).bind::<sql_types::Uuid, _>(import).execute(tx.conn())?;
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Text)]
        reason: String,
        #[diesel(sql_type = sql_types::BigInt)]
        n: i64,
    }
    let rows: Vec<Row> =
        sql_query("SELECT reason, count(*) AS n FROM import_left WHERE import_id = $1 GROUP BY reason")
            .bind::<sql_types::Uuid, _>(import)
            .load(tx.conn())?;
    undone.left = rows.iter().map(|r| r.n).sum();
    undone.reasons = rows.into_iter().map(|r| (r.reason, r.n)).collect();
    Ok(())
}

fn finish(tx: &mut OrgTx, import: ImportId, undone: &Undone) -> AppResult<()> {
    diesel::update(imports::table.filter(imports::id.eq(import)))
        .set((
            imports::status.eq("undone"),
            imports::undone.eq(serde_json::to_value(undone).map_err(anyhow::Error::from)?),
            imports::undone_at.eq(Utc::now()),
        ))
        .execute(tx.conn())?;
    Ok(())
}
