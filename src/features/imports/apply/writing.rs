//! The statements that change and create records, and their events.

use super::{super::options::OnMatch, NEW, Plan, number, run_sql, tagging, targets::Target};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::{assignment, quality},
    kernel::RecordType,
};
use diesel::{prelude::*, sql_query, sql_types};
use serde_json::{Value, json};

/// What changed, in temporary table `import_changed`, then on the records, then as events.
pub(super) fn update(tx: &mut OrgTx, plan: &Plan, targets: &[Target]) -> AppResult<i64> {
    let changes = targets.iter().map(Target::change).collect::<Vec<_>>().join(" || ");
    let differs = targets.iter().map(Target::differs).collect::<Vec<_>>().join(" OR ");
    find_changes(tx, plan, plan.refs_join(), &changes, &differs)?;
    let set = targets.iter().map(|t| format!("{} = {}", t.column, t.merged())).collect::<Vec<_>>().join(", ");
    let kind = format!("CASE WHEN x.restored THEN '{0}.restored' ELSE '{0}.updated' END", plan.record.key());
    let columns: Vec<&str> = targets.iter().map(|t| t.column).collect();
    write_changes(tx, plan, &set, plan.refs_join(), &kind, &columns)
}

/// Fills `import_changed` (line, id, changes, restored) with the matched records that the file says something new of.
pub(super) fn find_changes(tx: &mut OrgTx, plan: &Plan, joins: &str, changes: &str, differs: &str) -> AppResult<()> {
    let table = plan.record.noun();
    let wanted = if plan.on_match == OnMatch::Skip { "false" } else { "NOT m.seen" };
    let (tagged, lacks) = (tagging::change(plan), tagging::differs(plan));
    run_sql(
        tx,
        &format!(
            "CREATE TEMPORARY TABLE import_changed ON COMMIT DROP AS \
             SELECT s.line, c.id, {changes}{tagged} AS changes, c.deleted_at IS NOT NULL AS restored \
             FROM import_match m JOIN import_stage s ON s.line = m.line \
             JOIN {table} c ON c.org_id = app.org() AND c.id = m.id{joins} \
             WHERE s.problem IS NULL AND {wanted} AND NOT EXISTS (SELECT FROM import_followers f WHERE f.line = s.line) \
               AND (c.deleted_at IS NOT NULL OR {differs}{lacks})"
        ),
    )?;
    run_sql(tx, "ANALYZE import_changed")
}

/// `set` may read the record as `c`, its stage row as `s`, its change as `x`, and what `joins` brings; `columns` are those it sets.
/// Returns how many changed.
pub(super) fn write_changes(
    tx: &mut OrgTx,
    plan: &Plan,
    set: &str,
    joins: &str,
    kind: &str,
    columns: &[&str],
) -> AppResult<i64> {
    if plan.trial {
        return number(tx, "SELECT count(*) AS n FROM import_changed");
    }
    keep_before(tx, plan, columns)?;
    let (table, key) = (plan.record.noun(), plan.record.key());
    let sql = format!(
        "WITH changed AS (UPDATE {table} u SET deleted_at = NULL, version = u.version + 1, updated_at = now(), {set} \
           FROM import_changed x JOIN import_stage s ON s.line = x.line \
           JOIN {table} c ON c.org_id = app.org() AND c.id = x.id{joins} \
           WHERE u.org_id = app.org() AND u.id = x.id RETURNING u.id, u.version, x.line) \
         INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data) \
         SELECT $2, {kind}, '{key}', h.id, h.version, x.changes, jsonb_build_object('import_id', $1) \
         FROM changed h JOIN import_changed x ON x.line = h.line"
    );
    let by = tx.by();
    let changed = sql_query(sql)
        .bind::<sql_types::Uuid, _>(plan.import)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .execute(tx.conn())?;
    Ok(i64::try_from(changed).unwrap_or(i64::MAX))
}

/// What the columns held, for undo.
fn keep_before(tx: &mut OrgTx, plan: &Plan, columns: &[&str]) -> AppResult<()> {
    let (table, key) = (plan.record.noun(), plan.record.key());
    let pairs: Vec<String> = columns.iter().map(|column| format!("'{column}', c.{column}")).collect();
    let sql = format!(
        "INSERT INTO import_changes (import_id, record_type, record_id, before, version_after) \
         SELECT $1, '{key}', c.id, jsonb_build_object('deleted_at', c.deleted_at, {}), c.version + 1 \
         FROM import_changed x JOIN {table} c ON c.org_id = app.org() AND c.id = x.id",
        pairs.join(", ")
    );
    sql_query(sql).bind::<sql_types::Uuid, _>(plan.import).execute(tx.conn())?;
    Ok(())
}

/// Writes down which records are new, for undo and for whoever wants to see them. Chunks of records that rows merely name are
/// negative.
pub(super) fn keep_created(
    tx: &mut OrgTx,
    plan: &Plan,
    record: RecordType,
    (id, chunk): (&str, &str),
    from: &str,
) -> AppResult<()> {
    let sql = format!(
        "INSERT INTO import_created (import_id, record_type, chunk, ids) \
         SELECT $1, '{}', {chunk}, array_agg({id} ORDER BY line) FROM {from} GROUP BY {chunk}",
        record.key()
    );
    sql_query(sql).bind::<sql_types::Uuid, _>(plan.import).execute(tx.conn())?;
    Ok(())
}

/// How many rows become records.
pub(super) fn count_new(tx: &mut OrgTx) -> AppResult<i64> {
    number(tx, &format!("SELECT count(*) AS n FROM import_stage s WHERE {NEW}"))
}

pub(super) fn insert(tx: &mut OrgTx, plan: &Plan, targets: &[Target]) -> AppResult<i64> {
    if plan.trial {
        return count_new(tx);
    }
    let (columns, values) = columns(tx, plan, targets)?;
    let sql = format!(
        "INSERT INTO {} (id, created_by, {columns}) SELECT s.new_id, $1, {values} FROM import_stage s{} WHERE {NEW}",
        plan.record.noun(),
        plan.refs_join()
    );
    let by = tx.by();
    let created = sql_query(sql).bind::<sql_types::Nullable<sql_types::Uuid>, _>(by).execute(tx.conn())?;
    created_events(tx, plan, plan.refs_join(), "")?;
    keep_created(tx, plan, plan.record, ("s.new_id", "s.line / 100"), &format!("import_stage s WHERE {NEW}"))?;
    if plan.record != RecordType::Contact {
        let new = format!("SELECT s.new_id AS id, s.line AS place FROM import_stage s WHERE {NEW}");
        assignment::share_out(tx, plan.record, &new, &json!({ "import_id": plan.import }))?;
    }
    Ok(i64::try_from(created).unwrap_or(i64::MAX))
}

/// The columns of new records, and their values: what the file says, and how complete that is.
pub(super) fn columns(tx: &mut OrgTx, plan: &Plan, targets: &[Target]) -> AppResult<(String, String)> {
    let mut columns: Vec<&str> = targets.iter().map(|t| t.column).collect();
    let mut values: Vec<String> = targets.iter().map(Target::inserted).collect();
    let said = |key: &str| targets.iter().find(|t| t.key == key).map(Target::inserted);
    if let Some(score) = quality::of_new(tx, plan.record, said)? {
        columns.push("completeness");
        values.push(score);
    }
    Ok((columns.join(", "), values.join(", ")))
}

/// `more`: further parts of the changes, as jsonb, each with its `||`.
pub(super) fn created_events(tx: &mut OrgTx, plan: &Plan, joins: &str, more: &str) -> AppResult<()> {
    let key = plan.record.key();
    let company = if plan.has_company {
        let column = plan.company_column();
        format!(
            " || CASE WHEN r.id IS NULL THEN '{{}}'::jsonb ELSE jsonb_build_object('{column}', \
             jsonb_build_array(NULL, jsonb_build_object('id', r.id, 'name', r.name))) END"
        )
    } else {
        String::new()
    };
    let tags = tagging::told(plan, "coalesce($3 #> '{tags,1}', '[]')");
    let sql = format!(
        "INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data) \
         SELECT $2, '{key}.created', '{key}', s.new_id, 1, $3 || s.changes{company}{tags}{more}, jsonb_build_object('import_id', $1) \
         FROM import_stage s{joins} WHERE {NEW}"
    );
    let by = tx.by();
    sql_query(sql)
        .bind::<sql_types::Uuid, _>(plan.import)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Jsonb, _>(defaults(plan))
        .execute(tx.conn())?;
    Ok(())
}

/// What new records have though their rows do not say so.
fn defaults(plan: &Plan) -> Value {
    let mut defaults = serde_json::Map::new();
    if let Some(owner) = &plan.context.default_owner {
        defaults.insert("owner_id".into(), json!([null, { "id": owner.id, "name": owner.name }]));
    }
    if plan.record == RecordType::Deal {
        defaults.insert("currency".into(), json!([null, plan.context.currency]));
    }
    defaults.extend(plan.own.told.iter().map(|(key, value)| (key.clone(), json!([null, value]))));
    if !plan.tags.is_empty() {
        let names: Vec<&str> = plan.tags.iter().map(|(_, name)| name.as_str()).collect();
        defaults.insert("tags".into(), json!([null, names]));
    }
    Value::Object(defaults)
}
