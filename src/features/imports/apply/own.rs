//! The organisation's own fields: names of linked records looked up for the whole file at once, values that only one record may have and
//! values that every record must have, what the shared column becomes, formulas.

use super::{super::options::OnMatch, NEW, Plan, run_sql};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::{
        fields::{self, Entry, Kind, Origin},
        records,
    },
    kernel::RecordType,
};
use diesel::{prelude::*, sql_query, sql_types};
use serde_json::{Map, Value};
use uuid::Uuid;

const BATCH: i64 = 2_000;

/// What the engine knows of own fields beside the stage.
#[derive(Default)]
pub struct OwnFields {
    /// That the file fills.
    pub mapped: Vec<Entry>,
    /// That the importer has to fill on new records.
    pub required: Vec<Entry>,
    /// Of new records, for fields that the file does not have.
    pub defaults: Map<String, Value>,
    /// The same as history tells it: links with their names.
    pub told: Map<String, Value>,
}

impl OwnFields {
    /// Whether rows may yet be refused for them after they were read.
    pub fn refusing(&self) -> bool {
        !self.required.is_empty() || self.mapped.iter().any(|e| e.unique || matches!(e.kind, Kind::Record(_)))
    }
}

/// The shared column as SQL; see `Target`.
pub(super) struct Own {
    pub merged: String,
    pub differs: String,
    pub change: String,
    pub keys: String,
    pub inserted: String,
}

/// `None` when nothing is to be written there.
pub(super) fn target(plan: &Plan) -> Option<Own> {
    let product = plan.record == RecordType::Deal;
    if plan.own.mapped.is_empty() && plan.own.defaults.is_empty() && !product {
        return None;
    }
    let fill = plan.on_match == OnMatch::FillBlanks;
    let merged = if fill { "coalesce(s.custom, '{}') || c.custom" } else { "c.custom || coalesce(s.custom, '{}')" };
    let differs = format!("(s.custom IS NOT NULL AND {merged} IS DISTINCT FROM c.custom)");
    let new = if fill { "NOT c.custom ? k.key" } else { "c.custom->k.key IS DISTINCT FROM k.value" };
    let change = format!(
        "CASE WHEN {differs} THEN (SELECT coalesce(jsonb_object_agg(k.key, jsonb_build_array({}, s.changes #> ARRAY[k.key, '1'])), '{{}}') \
           FROM jsonb_each(s.custom) k WHERE {new}) ELSE '{{}}'::jsonb END",
        before(plan)
    );
    let defaults = Value::Object(plan.own.defaults.clone()).to_string().replace('\'', "''");
    let inserted = format!("'{defaults}'::jsonb || coalesce(s.custom, '{{}}')");
    let keys = format!("ARRAY(SELECT k.key FROM jsonb_each(s.custom) k WHERE {new})");
    Some(Own { merged: merged.to_owned(), differs, change, keys, inserted })
}

/// What a record held, as history tells it: links with their names.
fn before(plan: &Plan) -> String {
    let named = plan.own.mapped.iter().filter_map(|entry| {
        let (table, name) = match entry.kind {
            Kind::Member => ("members", "name"),
            Kind::Record(record) => (record.noun(), records::name_sql(record)),
            _ => return None,
        };
        Some(format!(
            " WHEN '{}' THEN (SELECT jsonb_build_object('id', b.id, 'name', b.name) FROM (SELECT id, {name} AS name FROM {table} \
               WHERE org_id = app.org()) b WHERE b.id = app.as_uuid(c.custom->>k.key))",
            entry.key
        ))
    });
    let cases: String = named.collect();
    if cases.is_empty() { "c.custom->k.key".to_owned() } else { format!("CASE k.key{cases} ELSE c.custom->k.key END") }
}

/// Puts the records that cells name in place of their names. Precedes matching.
pub(super) fn link(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    for entry in &plan.own.mapped {
        if let Kind::Record(target) = entry.kind {
            link_one(tx, plan, entry, target)?;
        }
    }
    Ok(())
}

fn link_one(tx: &mut OrgTx, plan: &Plan, entry: &Entry, target: RecordType) -> AppResult<()> {
    let (key, table, name) = (&entry.key, target.noun(), records::name_sql(target));
    let visible = if plan.context.may_view.contains(&target) { "($1 IS NULL OR owner_id = ANY ($1))" } else { "false" };
    let sql = format!(
        "CREATE TEMPORARY TABLE import_links ON COMMIT DROP AS \
         WITH named AS (SELECT DISTINCT custom->'{key}'->>'name' AS name FROM import_stage WHERE problem IS NULL AND custom ? '{key}'), \
         known AS (SELECT id, {name} AS label, name_key, archived_at FROM {table} \
           WHERE org_id = app.org() AND deleted_at IS NULL AND {visible}), \
         found AS (SELECT n.name, k.id, k.label FROM named n JOIN known k ON k.name_key = app.fold(n.name) COLLATE \"C\" AND k.archived_at IS NULL \
           UNION SELECT n.name, k.id, k.label FROM named n JOIN known k ON k.id = app.as_uuid(n.name)) \
         SELECT n.name, count(f.id) AS found, min(f.id::text) AS id, min(f.label) AS label \
         FROM named n LEFT JOIN found f ON f.name = n.name GROUP BY n.name"
    );
    type Ids = sql_types::Nullable<sql_types::Array<sql_types::Uuid>>;
    sql_query(sql).bind::<Ids, _>(plan.context.visible.clone()).execute(tx.conn())?;
    run_sql(tx, "ANALYZE import_links")?;
    run_sql(
        tx,
        &format!(
            "UPDATE import_stage s SET custom = s.custom || jsonb_build_object('{key}', l.id), \
               changes = s.changes || jsonb_build_object('{key}', jsonb_build_array(NULL, jsonb_build_object('id', l.id, 'name', l.label))) \
             FROM import_links l WHERE l.found = 1 AND s.problem IS NULL AND l.name = s.custom->'{key}'->>'name'"
        ),
    )?;
    let noun = target.label().to_lowercase();
    let refuse = format!(
        "UPDATE import_stage s SET key = NULL, ref_key = NULL, problem = jsonb_build_object($1, \
           CASE WHEN l.found = 0 THEN 'is no {noun} that you can see' ELSE 'is the name of more than one {noun}' END) \
         FROM import_links l WHERE l.found <> 1 AND s.problem IS NULL AND l.name = s.custom->'{key}'->>'name'"
    );
    sql_query(refuse).bind::<sql_types::Text, _>(&entry.label).execute(tx.conn())?;
    run_sql(tx, "DROP TABLE import_links")
}

/// Refuses rows that would give a record what another one has, or leave out what a new record must have. Follows the merging of rows:
/// a row that is refused takes those along that are the same record.
pub(super) fn refuse(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let unique: Vec<&Entry> = plan.own.mapped.iter().filter(|entry| entry.unique).collect();
    if unique.is_empty() && plan.own.required.is_empty() {
        return Ok(());
    }
    run_sql(
        tx,
        "CREATE TEMPORARY TABLE import_refused (line bigint NOT NULL, label text NOT NULL, what text NOT NULL) ON COMMIT DROP",
    )?;
    for entry in unique {
        refuse_taken(tx, plan, entry)?;
    }
    for entry in &plan.own.required {
        let sql = format!(
            "INSERT INTO import_refused SELECT s.line, $1, 'is required' FROM import_stage s \
             WHERE {NEW} AND NOT coalesce(s.custom ? '{}', false)",
            entry.key
        );
        sql_query(sql).bind::<sql_types::Text, _>(&entry.label).execute(tx.conn())?;
    }
    for sql in [
        "UPDATE import_stage s SET key = NULL, ref_key = NULL, problem = x.problem FROM ( \
           SELECT t.line, jsonb_object_agg(r.label, r.what) AS problem FROM import_refused r \
           JOIN (SELECT line AS leader, line FROM import_refused UNION SELECT leader, line FROM import_followers) t ON t.leader = r.line \
           GROUP BY t.line) x WHERE x.line = s.line",
        "DELETE FROM import_match m USING import_stage s WHERE s.line = m.line AND s.problem IS NOT NULL",
        "DELETE FROM import_followers f USING import_stage s WHERE s.line = f.line AND s.problem IS NOT NULL",
        "DROP TABLE import_refused",
    ] {
        run_sql(tx, sql)?;
    }
    Ok(())
}

fn refuse_taken(tx: &mut OrgTx, plan: &Plan, entry: &Entry) -> AppResult<()> {
    let Origin::Custom(field) = entry.origin else { return Ok(()) };
    // A record that keeps what it has takes nothing.
    let written = match plan.on_match {
        OnMatch::Skip => "m.id IS NULL".to_owned(),
        OnMatch::FillBlanks => format!(
            "(m.id IS NULL OR NOT EXISTS (SELECT FROM {} c WHERE c.org_id = app.org() AND c.id = m.id AND c.custom ? '{}'))",
            plan.record.noun(),
            entry.key
        ),
        _ => "NOT coalesce(m.seen, false)".to_owned(),
    };
    let sql = format!(
        "INSERT INTO import_refused \
         WITH v AS MATERIALIZED (SELECT s.line, m.id, app.unique_value(s.custom->>'{0}') AS value FROM import_stage s \
           LEFT JOIN import_match m ON m.line = s.line \
           WHERE s.problem IS NULL AND s.custom ? '{0}' AND {written} AND NOT EXISTS (SELECT FROM import_followers f WHERE f.line = s.line)) \
         SELECT v.line, $1, 'is already that of another ' || $2 FROM v JOIN custom_values_unique u ON u.org_id = app.org() \
           AND u.field_id = $3 AND u.value = v.value AND u.record_id IS DISTINCT FROM v.id \
         UNION SELECT w.line, $1, 'is in an earlier row, of another ' || $2 FROM ( \
           SELECT line, row_number() OVER (PARTITION BY value ORDER BY line) AS n FROM v WHERE value IS NOT NULL) w WHERE w.n > 1",
        entry.key
    );
    sql_query(sql)
        .bind::<sql_types::Text, _>(&entry.label)
        .bind::<sql_types::Text, _>(plan.record.label().to_lowercase())
        .bind::<sql_types::Uuid, _>(field.0)
        .execute(tx.conn())?;
    Ok(())
}

/// Formulas of what the import wrote.
pub(super) fn formulas(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let written =
        format!("SELECT s.new_id AS id FROM import_stage s WHERE {NEW} UNION ALL SELECT id FROM import_changed");
    compute(tx, plan.record, &written)
}

/// Computes the formulas of the records that a query of `id` gives.
pub fn compute(tx: &mut OrgTx, record: RecordType, ids: &str) -> AppResult<()> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Uuid)]
        id: Uuid,
    }
    if !fields::all(tx, record)?.iter().any(|field| field.kind == "formula" && field.retired_at.is_none()) {
        return Ok(());
    }
    run_sql(
        tx,
        &format!(
            "CREATE TEMPORARY TABLE import_written ON COMMIT DROP AS SELECT DISTINCT id FROM ({ids}) w ORDER BY id"
        ),
    )?;
    run_sql(tx, "CREATE INDEX ON import_written (id)")?;
    run_sql(tx, "ANALYZE import_written")?;
    let mut after = Uuid::nil();
    loop {
        let sql = format!("SELECT id FROM import_written WHERE id > $1 ORDER BY id LIMIT {BATCH}");
        let rows: Vec<Row> = sql_query(sql).bind::<sql_types::Uuid, _>(after).load(tx.conn())?;
        let ids: Vec<Uuid> = rows.into_iter().map(|row| row.id).collect();
        let Some(last) = ids.last() else { return run_sql(tx, "DROP TABLE import_written") };
        after = *last;
        fields::compute(tx, record, &ids)?;
    }
}
