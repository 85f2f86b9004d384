//! New rows that look like records which are there already, though no rule of the import took them for the same: told by the trial, for
//! the importer to think of the rules again. What is exactly the same counts here; what is merely similar is found afterwards, by the
//! search for duplicates.

use super::{super::options::MatchBy, NEW, Plan, matching, number, run_sql};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::records::name_sql,
    kernel::RecordType,
};
use diesel::{prelude::*, sql_query, sql_types};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const SAMPLES: usize = 12;

/// A row and the record it looks like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, QueryableByName)]
pub struct Alike {
    #[diesel(sql_type = sql_types::BigInt)]
    pub line: i64,
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    /// In words: "same e-mail".
    #[diesel(sql_type = sql_types::Text)]
    pub why: String,
}

/// How many rows look like a record that the importer sees, and some of them.
pub(super) fn look(tx: &mut OrgTx, plan: &Plan) -> AppResult<(i64, Vec<Alike>)> {
    let signs = signs(plan);
    if signs.is_empty() {
        return Ok((0, Vec::new()));
    }
    run_sql(tx, &rows(plan))?;
    run_sql(tx, "ANALYZE import_new")?;
    let found = signs.iter().map(|(join, why)| {
        format!(
            "SELECT n.line, c.id, '{why}' AS why FROM import_new n JOIN {join} WHERE c.archived_at IS NULL AND c.deleted_at IS NULL \
             AND ($1 IS NULL OR c.owner_id = ANY ($1))"
        )
    });
    let sql = format!(
        "CREATE TEMPORARY TABLE import_alike ON COMMIT DROP AS \
         SELECT DISTINCT ON (line) line, id, why FROM ({}) t ORDER BY line, id",
        found.collect::<Vec<_>>().join(" UNION ALL ")
    );
    sql_query(sql)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(plan.context.visible.as_ref())
        .execute(tx.conn())?;
    let some = sql_query(format!(
        "SELECT a.line, a.id, r.name, a.why FROM (SELECT * FROM import_alike ORDER BY line LIMIT {SAMPLES}) a \
         JOIN (SELECT id AS record, {} AS name FROM {}) r ON r.record = a.id ORDER BY a.line",
        name_sql(plan.record),
        plan.record.noun()
    ))
    .load(tx.conn())?;
    Ok((number(tx, "SELECT count(*) AS n FROM import_alike")?, some))
}

/// The new rows, as they are compared.
fn rows(plan: &Plan) -> String {
    let company = match plan.record {
        RecordType::Contact if plan.has_company => "r.id::text".to_owned(),
        RecordType::Lead => format!("app.fold({})", plan.staged("company_name")),
        _ => "NULL::text".to_owned(),
    };
    format!(
        "CREATE TEMPORARY TABLE import_new ON COMMIT DROP AS SELECT s.line, {} AS email, {} AS phone, {} AS domain, \
         app.fold({}) COLLATE \"C\" AS name, {company} AS company, lower({}) AS city FROM import_stage s{} WHERE {NEW}",
        plan.staged("email"),
        plan.staged("phone"),
        plan.staged("domain"),
        matching::name(plan),
        plan.staged("city"),
        plan.refs_join()
    )
}

/// What rows and records (`n`, `c`) may have in common, but for what a rule has looked at already; and what it is called.
fn signs(plan: &Plan) -> Vec<(String, &'static str)> {
    let table = plan.record.noun();
    let asked = |by: MatchBy| plan.rules.contains(&by);
    let mut signs = Vec::new();
    let mut sign = |so: bool, join: &str, why: &'static str| {
        if so {
            signs.push((join.replace("{table}", table), why));
        }
    };
    const OTHERS: &str = "(SELECT x.id, x.owner_id, x.archived_at, x.deleted_at, o.value FROM {table} x, unnest(x.{list}) AS o (value) \
         WHERE x.{list} <> '{}') c ON c.value = n.";
    match plan.record {
        RecordType::Company => {
            sign(!asked(MatchBy::Domain), "{table} c ON c.domain = n.domain", "same domain");
            sign(true, "{table} c ON c.phone = n.phone", "same phone");
            sign(!asked(MatchBy::Name), "{table} c ON c.name_key = n.name", "same name");
        }
        RecordType::Contact | RecordType::Lead => {
            sign(!asked(MatchBy::Email), "{table} c ON c.email = n.email", "same e-mail");
            sign(!asked(MatchBy::Email), &(OTHERS.replace("{list}", "other_emails") + "email"), "same e-mail");
            sign(true, "{table} c ON c.phone = n.phone", "same phone");
            sign(true, &(OTHERS.replace("{list}", "other_phones") + "phone"), "same phone");
            let company =
                if plan.record == RecordType::Lead { "app.fold(c.company_name)" } else { "c.company_id::text" };
            sign(
                true,
                &format!("{{table}} c ON c.name_key = n.name AND (({company} = n.company) OR lower(c.city) = n.city)"),
                "same name",
            );
        }
        RecordType::Deal => {}
    }
    signs
}
