//! What a trial found beside the counts: which fields would change, examples of changed and new records, what else would be made. The
//! statements before it are those of the import itself, so that the two cannot disagree.

use super::{
    NEW, Plan,
    alike::{self, Alike},
    number, tagging,
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
};
use diesel::{prelude::*, sql_query, sql_types};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

const SAMPLES: usize = 12;

/// What would come of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trial {
    /// Field → how many existing records it would change on.
    pub fields: Vec<(String, i64)>,
    pub changed: Vec<Changed>,
    pub new: Vec<New>,
    /// Companies that would be made because rows name them.
    pub companies: i64,
    /// Rows whose company is nobody's and is not to be made.
    pub unlinked: i64,
    /// Pipelines, stages and tags that would be made, in words.
    pub made: Vec<String>,
    /// New rows that look like a record which is there already, and some of them.
    pub alike_rows: i64,
    pub alike: Vec<Alike>,
}

/// A record that would change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    pub line: i64,
    pub id: Uuid,
    /// Field → [before, after], as events have it.
    pub changes: Value,
}

/// A record that would be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct New {
    pub line: i64,
    pub changes: Value,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::BigInt)]
    line: i64,
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Jsonb)]
    changes: Value,
}

#[derive(QueryableByName)]
struct FieldCount {
    #[diesel(sql_type = sql_types::Text)]
    field: String,
    #[diesel(sql_type = sql_types::BigInt)]
    n: i64,
}

/// Follows the update and the insert that wrote nothing.
pub(super) fn look(tx: &mut OrgTx, plan: &Plan, made: Vec<String>) -> AppResult<Trial> {
    let fields: Vec<FieldCount> = sql_query(
        "SELECT k AS field, count(*) AS n FROM import_changed, jsonb_object_keys(changes) k GROUP BY k ORDER BY n DESC, k",
    )
    .load(tx.conn())?;
    let changed: Vec<Row> =
        sql_query(format!("SELECT line, id, changes FROM import_changed ORDER BY line LIMIT {SAMPLES}"))
            .load(tx.conn())?;
    let company = if plan.has_company {
        format!(
            " || CASE WHEN r.id IS NULL THEN '{{}}'::jsonb ELSE jsonb_build_object('{}', \
             jsonb_build_array(NULL, jsonb_build_object('id', r.id, 'name', r.name))) END",
            plan.company_column()
        )
    } else {
        String::new()
    };
    let tags = tagging::told(plan, "'[]'");
    let new: Vec<Row> = sql_query(format!(
        "SELECT s.line, s.new_id AS id, s.changes{company}{tags} AS changes FROM import_stage s{} WHERE {NEW} ORDER BY s.line LIMIT {SAMPLES}",
        plan.refs_join()
    ))
    .load(tx.conn())?;
    let (alike_rows, alike) = alike::look(tx, plan)?;
    Ok(Trial {
        fields: fields.into_iter().map(|f| (f.field, f.n)).collect(),
        changed: changed.into_iter().map(|r| Changed { line: r.line, id: r.id, changes: r.changes }).collect(),
        new: new.into_iter().map(|r| New { line: r.line, changes: r.changes }).collect(),
        companies: companies(tx, plan)?,
        unlinked: unlinked(tx, plan)?,
        made,
        alike_rows,
        alike,
    })
}

fn companies(tx: &mut OrgTx, plan: &Plan) -> AppResult<i64> {
    if !plan.has_company {
        return Ok(0);
    }
    number(tx, "SELECT count(*) AS n FROM import_refs WHERE id = new_id")
}

fn unlinked(tx: &mut OrgTx, plan: &Plan) -> AppResult<i64> {
    if !plan.has_company {
        return Ok(0);
    }
    let sql = "SELECT count(*) AS n FROM import_stage s WHERE s.problem IS NULL AND s.ref_key IS NULL AND s.ref_id IS NOT NULL";
    number(tx, sql)
}
