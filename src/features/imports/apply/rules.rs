//! The organisation's validation rules, asked of every row before anything is written: of a new record all of them, of one that is
//! there those that read what the row changes. A row that breaks one is refused with the rule's message.

use super::{super::options::OnMatch, NEW, Plan, deals, run_sql, targets::Target};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::quality::RowRules,
    kernel::RecordType,
};
use diesel::{prelude::*, sql_query, sql_types};
use serde_json::{Value, json};

/// Rows read at a time.
const BATCH: usize = 2_000;
/// Pairs that one call of a function takes.
const PAIRS: usize = 40;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::BigInt)]
    line: i64,
    #[diesel(sql_type = sql_types::Bool)]
    is_new: bool,
    #[diesel(sql_type = sql_types::Array<sql_types::Text>)]
    changed: Vec<String>,
    #[diesel(sql_type = sql_types::Jsonb)]
    fields: Value,
}

/// Follows matching; `targets` are what the rows write.
pub(super) fn refuse(tx: &mut OrgTx, plan: &Plan, targets: &[Target], rules: &RowRules) -> AppResult<()> {
    let mut parts = vec![of_new(plan, targets)];
    if plan.on_match != OnMatch::Skip {
        parts.push(of_known(plan, targets));
    }
    run_sql(
        tx,
        &format!(
            "DECLARE import_rules NO SCROLL CURSOR FOR SELECT t.line, t.is_new, t.changed, {} AS fields \
             FROM ({}) t CROSS JOIN LATERAL jsonb_populate_record(NULL::{}, t.image) r",
            rules.columns(),
            parts.join(" UNION ALL "),
            plan.record.noun()
        ),
    )?;
    loop {
        let rows: Vec<Row> = sql_query(format!("FETCH {BATCH} FROM import_rules")).load(tx.conn())?;
        if rows.is_empty() {
            return run_sql(tx, "CLOSE import_rules");
        }
        let broken = rows.iter().filter_map(|row| {
            let problems = rules.problems(&row.fields, (!row.is_new).then_some(row.changed.as_slice()));
            (!problems.is_empty()).then(|| (row.line, json!(problems)))
        });
        mark(tx, broken.unzip())?;
    }
}

/// Rows that say more of a refused one are refused with it.
fn mark(tx: &mut OrgTx, (lines, problems): (Vec<i64>, Vec<Value>)) -> AppResult<()> {
    if lines.is_empty() {
        return Ok(());
    }
    sql_query(
        "WITH broken AS (SELECT * FROM unnest($1, $2) b(line, problem)), \
         all_of AS (SELECT line, problem FROM broken UNION ALL SELECT f.line, b.problem FROM broken b JOIN import_followers f ON f.leader = b.line) \
         UPDATE import_stage s SET problem = a.problem FROM all_of a WHERE a.line = s.line",
    )
    .bind::<sql_types::Array<sql_types::BigInt>, _>(&lines)
    .bind::<sql_types::Array<sql_types::Jsonb>, _>(&problems)
    .execute(tx.conn())?;
    sql_query("DELETE FROM import_followers WHERE leader = ANY ($1)")
        .bind::<sql_types::Array<sql_types::BigInt>, _>(&lines)
        .execute(tx.conn())?;
    Ok(())
}

/// The new records as they would be.
fn of_new(plan: &Plan, targets: &[Target]) -> String {
    let mut pairs: Vec<String> = targets.iter().map(|t| pair(t.column, &t.inserted())).collect();
    if plan.record == RecordType::Deal {
        pairs.extend(deals::new_standing(plan).iter().map(|(column, value)| pair(column, value)));
    }
    format!(
        "SELECT s.line, true AS is_new, '{{}}'::text[] AS changed, {} || {} AS image FROM import_stage s{} WHERE {NEW}",
        defaults(plan),
        object(&pairs),
        joins(plan)
    )
}

/// The known records as they would be, and what of them the row changes.
fn of_known(plan: &Plan, targets: &[Target]) -> String {
    let mut pairs: Vec<String> = targets.iter().map(|t| pair(t.column, &t.merged())).collect();
    let plain = targets.iter().filter(|t| t.own_keys().is_none());
    let mut changed: Vec<String> = plain.map(|t| format!("CASE WHEN {} THEN '{}' END", t.differs(), t.key)).collect();
    let own = targets.iter().find_map(Target::own_keys).unwrap_or("'{}'::text[]");
    if plan.record == RecordType::Deal && plan.on_match != OnMatch::FillBlanks {
        for (column, value, differs) in deals::known_standing(plan) {
            pairs.push(pair(column, &value));
            changed.push(format!("CASE WHEN {differs} THEN '{column}' END"));
        }
    }
    changed.push("NULL::text".to_owned());
    format!(
        "SELECT s.line, false AS is_new, array_remove(ARRAY[{}], NULL) || {own} AS changed, to_jsonb(c) || {} AS image \
         FROM import_match m JOIN import_stage s ON s.line = m.line JOIN {} c ON c.org_id = app.org() AND c.id = m.id{} \
         WHERE s.problem IS NULL AND NOT m.seen AND NOT EXISTS (SELECT FROM import_followers f WHERE f.line = s.line)",
        changed.join(", "),
        object(&pairs),
        plan.record.noun(),
        joins(plan)
    )
}

fn joins(plan: &Plan) -> String {
    if plan.record == RecordType::Deal { deals::joins(plan) } else { plan.refs_join().to_owned() }
}

/// What the table gives a new record of which the row says nothing.
fn defaults(plan: &Plan) -> String {
    let own = match plan.record {
        RecordType::Company => json!({}),
        RecordType::Contact => json!({ "lifecycle": "lead" }),
        RecordType::Lead => json!({ "status": "new" }),
        RecordType::Deal => json!({ "status": "open" }),
    };
    let people = match plan.record {
        RecordType::Contact | RecordType::Lead => json!({
            "first_name": "", "last_name": "", "do_not_contact": false, "other_emails": [], "other_phones": []
        }),
        _ => json!({}),
    };
    format!(
        "'{own}'::jsonb || '{people}'::jsonb || jsonb_build_object('id', s.new_id, 'org_id', app.org(), 'created_at', now(), 'updated_at', now())"
    )
}

fn pair(column: &str, value: &str) -> String {
    format!("'{column}', {value}")
}

fn object(pairs: &[String]) -> String {
    if pairs.is_empty() {
        return "'{}'::jsonb".to_owned();
    }
    let some = |pairs: &[String]| format!("jsonb_build_object({})", pairs.join(", "));
    pairs.chunks(PAIRS).map(some).collect::<Vec<_>>().join(" || ")
}
