//! Deals: each in a stage, numbered and placed at the foot of its column.

use super::{
    super::options::OnMatch,
    NEW, Plan, number, places, products, run_sql,
    targets::{Target, change},
    writing,
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
};
use diesel::{prelude::*, sql_query, sql_types};

/// The stage a matched deal goes to: where the row names none, it stays where it is.
const STAGE: &str = "CASE WHEN p.named THEN p.stage_id ELSE c.stage_id END";
const MOVED: &str = "(p.named AND p.stage_id <> c.stage_id)";
const OLD_STAGE: &str = "(SELECT jsonb_build_object('id', b.id, 'name', b.name) FROM stages b WHERE b.org_id = c.org_id AND b.id = c.stage_id)";
const NEW_STAGE: &str = "jsonb_build_object('id', p.stage_id, 'name', p.stage_name)";
const KIND: &str = "CASE WHEN x.restored THEN 'deal.restored' WHEN x.changes #>> '{status,1}' = 'won' THEN 'deal.won' \
     WHEN x.changes #>> '{status,1}' = 'lost' THEN 'deal.lost' WHEN x.changes ? 'status' THEN 'deal.reopened' \
     WHEN x.changes ? 'stage_id' THEN 'deal.moved' ELSE 'deal.updated' END";
/// Unique in the column: the rank of its foot, then the line.
const RANK: &str = "f.base || lpad(s.line::text, 12, '0') || '1'";

pub(super) fn joins(plan: &Plan) -> String {
    format!("{} JOIN import_places p ON p.place = {}", plan.refs_join(), plan.staged("place"))
}

/// Where a new deal would stand: column and value.
pub(super) fn new_standing(plan: &Plan) -> Vec<(&'static str, String)> {
    let status = format!("coalesce({}, 'open')", plan.staged("status"));
    let closed = plan.staged("closed_at");
    let closed = format!("CASE WHEN {status} <> 'open' THEN coalesce({closed}::timestamptz, now()) END");
    let (pipeline, stage) = ("p.pipeline_id".to_owned(), "p.stage_id".to_owned());
    vec![("status", status), ("closed_at", closed), ("pipeline_id", pipeline), ("stage_id", stage)]
}

/// Where a known deal would stand: column, value, and whether that is another one.
pub(super) fn known_standing(plan: &Plan) -> Vec<(&'static str, String, String)> {
    let status = format!("coalesce({}, c.status)", plan.staged("status"));
    let other = format!("({status} <> c.status)");
    vec![("status", status, other), ("stage_id", STAGE.to_owned(), MOVED.to_owned())]
}

pub(super) fn update(tx: &mut OrgTx, plan: &Plan, targets: &[Target]) -> AppResult<i64> {
    if plan.on_match == OnMatch::FillBlanks {
        // Every deal has a standing: there is nothing to fill in.
        return writing::update(tx, plan, targets);
    }
    let status = format!("coalesce({}, c.status)", plan.staged("status"));
    // The moment of closing: the file's, else the one known, else now.
    let closed = plan.staged("closed_at");
    let closed = format!("CASE WHEN {status} <> 'open' THEN coalesce({closed}::timestamptz, c.closed_at, now()) END");
    let closing = format!("({closed} IS DISTINCT FROM c.closed_at)");
    let other_status = format!("({status} <> c.status)");
    let changes: Vec<String> = targets
        .iter()
        .map(Target::change)
        .chain([
            change(&other_status, "status", "c.status", &status),
            change(&closing, "closed_at", "c.closed_at", &closed),
            change(MOVED, "stage_id", OLD_STAGE, NEW_STAGE),
        ])
        .collect();
    let differs: Vec<String> =
        targets.iter().map(Target::differs).chain([other_status, closing, MOVED.to_owned()]).collect();
    writing::find_changes(tx, plan, &joins(plan), &changes.join(" || "), &differs.join(" OR "))?;
    let set: Vec<String> = targets
        .iter()
        .map(|t| format!("{} = {}", t.column, t.merged()))
        .chain([
            format!("status = {status}, closed_at = {closed}, stage_id = {STAGE}"),
            "pipeline_id = CASE WHEN p.named THEN p.pipeline_id ELSE c.pipeline_id END".to_owned(),
            format!("stage_entered_at = CASE WHEN {MOVED} THEN now() ELSE c.stage_entered_at END"),
            // A card that comes into a column, or back to the board, goes to the foot.
            format!(
                "position = CASE WHEN {MOVED} OR c.deleted_at IS NOT NULL OR (c.status <> 'open' AND {status} = 'open') \
                 THEN {RANK} ELSE c.position END"
            ),
        ])
        .collect();
    places::find_feet(tx, plan)?;
    let joins = format!("{} JOIN import_feet f ON f.stage_id = {STAGE}", joins(plan));
    const STANDING: [&str; 6] = ["status", "closed_at", "stage_id", "pipeline_id", "stage_entered_at", "position"];
    let columns: Vec<&str> = targets.iter().map(|t| t.column).chain(STANDING).collect();
    writing::write_changes(tx, plan, &set.join(", "), &joins, KIND, &columns)
}

pub(super) fn insert(tx: &mut OrgTx, plan: &Plan, targets: &[Target]) -> AppResult<i64> {
    let new = writing::count_new(tx)?;
    if new == 0 || plan.trial {
        return Ok(new);
    }
    if plan.on_match == OnMatch::FillBlanks {
        places::find_feet(tx, plan)?;
    }
    let first = (plan.numbers)(new)?;
    let status = format!("coalesce({}, 'open')", plan.staged("status"));
    let began = format!("coalesce({}::timestamptz, now())", plan.staged("created_at"));
    let closed = plan.staged("closed_at");
    let (columns, values) = writing::columns(tx, plan, targets)?;
    let joins = joins(plan);
    let currency = targets.iter().find(|t| t.column == "currency").map_or("''".to_owned(), Target::inserted);
    let (sells, follows) = products::standing(plan, &currency);
    let sql = format!(
        "INSERT INTO deals (id, number, created_by, pipeline_id, stage_id, position, status, closed_at, created_at, stage_entered_at, \
           amount_from, {columns}) \
         SELECT s.new_id, {first} + row_number() OVER (ORDER BY s.line), $1, p.pipeline_id, p.stage_id, {RANK}, {status}, \
           CASE WHEN {status} <> 'open' THEN coalesce({closed}::timestamptz, now()) END, {began}, {began}, \
           {follows}, {values} \
         FROM import_stage s{joins}{sells} JOIN import_feet f ON f.stage_id = p.stage_id WHERE {NEW}"
    );
    let by = tx.by();
    let created = sql_query(sql).bind::<sql_types::Nullable<sql_types::Uuid>, _>(by).execute(tx.conn())?;
    products::add(tx, plan)?;
    writing::created_events(
        tx,
        plan,
        &joins,
        &format!(" || jsonb_build_object('stage_id', jsonb_build_array(NULL, {NEW_STAGE}))"),
    )?;
    writing::keep_created(tx, plan, plan.record, ("s.new_id", "s.line / 100"), &format!("import_stage s WHERE {NEW}"))?;
    // A column gives the rank of its foot once; new cards stand below those that were moved there.
    run_sql(tx, "DROP TABLE import_feet")?;
    Ok(i64::try_from(created).unwrap_or(i64::MAX))
}

/// Takes that many human numbers; returns the one before the first. In a transaction of its own: until the import's ends, nobody else
/// could make a deal. An import that comes to nothing leaves a gap.
pub fn take_numbers(tx: &mut OrgTx, count: i64) -> AppResult<i64> {
    number(
        tx,
        &format!(
            "INSERT INTO counters (key, value) VALUES ('deal', 1000 + {count}) \
             ON CONFLICT (org_id, key) DO UPDATE SET value = counters.value + {count} RETURNING counters.value - {count} AS n"
        ),
    )
}
