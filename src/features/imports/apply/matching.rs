//! Which rows are records that exist already, by the importer's rules one after the other, and which rows of the file are the same
//! record.
//!
//! Importing a file twice must change nothing the second time, whatever the rules, so what a row matches in the database follows the
//! same preferences by which rows of one file are told apart:
//! - a later rule never joins two that an earlier rule tells apart (both have an e-mail address, and not the same);
//! - a row without anything for an earlier rule prefers a record without it;
//! - of rows that have something for an earlier rule, only the first may claim a record, for it gives the record its own;
//! - rows of one key are one record, whatever later rules find for each;
//! - of several records that a rule finds alike, and none preferred, none is taken (see `unclear`).
//!
//! Where rows met in one record by what it held then and does not hold now (the file itself changed it), each is known again by all it
//! says. Rows that no rule has anything to go by are known by all they say (see `import_fingerprints`).

use super::{
    super::options::{MatchBy, OnMatch},
    Plan, by_record, number, run_sql, unclear,
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::RecordType,
};
use diesel::{prelude::*, sql_query, sql_types};

/// Fills `import_match` (line, id, seen). Rows that were seen before say nothing new.
pub(super) fn find(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    run_sql(
        tx,
        "CREATE TEMPORARY TABLE import_match (line bigint NOT NULL, id uuid NOT NULL, seen boolean NOT NULL DEFAULT false) ON COMMIT DROP",
    )?;
    if plan.on_match != OnMatch::Create {
        by_record::find(tx, plan)?;
        by_alias(tx, plan)?;
    }
    unclear::begin(tx, plan)?;
    for (n, by) in plan.rules.iter().enumerate() {
        let earlier = &plan.rules[..n];
        match by {
            MatchBy::Record => {}
            MatchBy::ExternalId => by_external_id(tx, plan)?,
            MatchBy::Email => {
                let first = format!("{} c ON c.email = s.email", plan.record.noun());
                more(tx, plan, *by, &pairs(plan, *by, earlier, &first))?;
                if matches!(plan.record, RecordType::Contact | RecordType::Lead) {
                    let others = OTHER_EMAILS.replace("{table}", plan.record.noun());
                    more(tx, plan, *by, &pairs(plan, *by, earlier, &others))?;
                }
            }
            _ => {
                let join = format!("{} c ON {}", plan.record.noun(), condition(plan, *by, earlier));
                more(tx, plan, *by, &pairs(plan, *by, earlier, &join))?;
            }
        }
    }
    if plan.rules.len() > 1 {
        settle_keys(tx)?;
    }
    seen(tx, plan)?;
    if plan.on_match == OnMatch::Create { refuse_taken_ids(tx, plan) } else { Ok(()) }
}

/// Array operators are not leakproof and so reach no index: the addresses are laid out and hashed instead.
const OTHER_EMAILS: &str = "(SELECT x.org_id, x.id, x.external_id, x.email, x.phone, x.deleted_at, x.archived_at, o.address \
     FROM {table} x, unnest(x.other_emails) AS o(address) WHERE x.other_emails <> '{}') c ON c.address = s.email";

fn condition(plan: &Plan, by: MatchBy, earlier: &[MatchBy]) -> String {
    match (by, plan.record) {
        (MatchBy::Name, RecordType::Company) => "c.name_key = s.name".into(),
        (MatchBy::Name, RecordType::Contact | RecordType::Lead) => {
            // A name is weak: it joins nobody who is known by an address.
            let strangers =
                if earlier.contains(&MatchBy::Email) { " AND s.email IS NULL AND c.email IS NULL" } else { "" };
            let company = match plan.record {
                RecordType::Lead => "app.fold(coalesce(c.company_name, '')) = s.company",
                _ => "c.company_id IS NOT DISTINCT FROM s.company",
            };
            format!("c.name_key = s.name AND {company}{strangers}")
        }
        (MatchBy::Name, RecordType::Deal) => {
            // Deals of one name are many: an id is never given to a deal that merely has the name.
            let plain = if earlier.contains(&MatchBy::ExternalId) { " AND s.external_id IS NULL" } else { "" };
            format!(
                "c.name_key = s.name AND c.company_id IS NOT DISTINCT FROM s.company AND s.record_id IS NULL{plain}"
            )
        }
        _ => format!("c.{0} = s.{0}", by.key()),
    }
}

/// A query of line, id, strong, own (the row carries an id of ours), preference for [`more`].
fn pairs(plan: &Plan, by: MatchBy, earlier: &[MatchBy], join: &str) -> String {
    let deals = plan.record == RecordType::Deal;
    let keyed: Vec<&str> =
        earlier.iter().filter(|e| !matches!(e, MatchBy::Name | MatchBy::Record)).map(|e| e.key()).collect();
    let mut staged: Vec<String> = keyed.iter().map(|key| format!("{} AS {key}", plan.staged(key))).collect();
    staged.push(format!("{} AS record_id", plan.staged("record_id")));
    staged.push(match by {
        MatchBy::Name => format!("app.fold({}) COLLATE \"C\" AS name", name(plan)),
        _ => format!("{} AS {}", plan.staged(by.key()), by.key()),
    });
    if by == MatchBy::Name && plan.record != RecordType::Company {
        staged.push(match plan.record {
            RecordType::Lead => format!("app.fold(coalesce({}, '')) AS company", plan.staged("company_name")),
            _ => format!("{} AS company", if plan.has_company { "r.id" } else { "NULL::uuid" }),
        });
    }
    let apart = keyed.iter().filter(|_| !deals).map(|key| format!(" AND (s.{key} IS NULL OR c.{key} IS NULL)"));
    let strong = keyed.iter().filter(|_| !deals).map(|key| format!("s.{key} IS NOT NULL"));
    let strong = strong.chain(["s.record_id IS NOT NULL".to_owned()]).collect::<Vec<_>>().join(" OR ");
    let preference = keyed.iter().map(|key| format!("(c.{key} IS NOT NULL)::int"));
    let preference = preference.chain(["(c.archived_at IS NOT NULL)::int".to_owned()]).collect::<Vec<_>>().join(", ");
    format!(
        "SELECT s.line, c.id, ({strong}) AS strong, s.record_id IS NOT NULL AS own, ARRAY[{preference}] AS preference FROM ( \
           SELECT s.line, {} FROM import_stage s{} WHERE s.problem IS NULL \
             AND NOT EXISTS (SELECT FROM import_match m WHERE m.line = s.line) \
             AND NOT EXISTS (SELECT FROM import_unclear u WHERE u.line = s.line)) s \
         JOIN {join} AND c.org_id = app.org() AND c.deleted_at IS NULL{}",
        staged.join(", "),
        if by == MatchBy::Name && plan.record != RecordType::Company { plan.refs_join() } else { "" },
        apart.collect::<String>()
    )
}

/// The staged name as lists sort by it.
pub(super) fn name(plan: &Plan) -> String {
    match plan.record {
        RecordType::Company | RecordType::Deal => plan.staged("name"),
        RecordType::Contact | RecordType::Lead => {
            let (first, last) = (plan.staged("first_name"), plan.staged("last_name"));
            // Leads without a person go by their company.
            let company = if plan.record == RecordType::Lead { plan.staged("company_name") } else { "NULL".into() };
            format!("coalesce(nullif(btrim(coalesce({first}, '') || ' ' || coalesce({last}, '')), ''), {company})")
        }
    }
}

/// The records that carry a row's external id, deleted ones too (they are restored).
fn by_external_id(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let ext = plan.staged("external_id");
    run_sql(
        tx,
        &format!(
            "INSERT INTO import_match SELECT s.line, c.id FROM import_stage s \
             JOIN {} c ON c.org_id = app.org() AND c.external_id = {ext} WHERE s.problem IS NULL \
               AND NOT EXISTS (SELECT FROM import_match m WHERE m.line = s.line)",
            plan.record.noun()
        ),
    )?;
    run_sql(tx, "ANALYZE import_match")
}

/// Adds what `pairs` finds for rows not matched yet: a row takes its most preferred record, of several alike the oldest where nothing is
/// written over it and else none; of strong rows only the first may claim a record.
fn more(tx: &mut OrgTx, plan: &Plan, by: MatchBy, pairs: &str) -> AppResult<()> {
    let taken = if plan.on_match.writes() { "n = 1" } else { "true" };
    run_sql(
        tx,
        &format!(
            "WITH q AS ( \
               SELECT DISTINCT ON (p.line) p.line, p.id, p.strong, p.own, \
                 dense_rank() OVER (PARTITION BY p.line, p.preference ORDER BY p.id DESC) AS n FROM ({pairs}) p \
               WHERE NOT p.strong OR NOT EXISTS (SELECT FROM import_match m WHERE m.id = p.id) \
               ORDER BY p.line, p.preference, p.id), \
             met AS (INSERT INTO import_unclear SELECT line, n, '{}' FROM q WHERE NOT ({taken}) AND NOT own) \
             INSERT INTO import_match SELECT line, id FROM ( \
               SELECT line, id, strong, row_number() OVER (PARTITION BY id, strong ORDER BY line) AS claim FROM q WHERE {taken}) c \
             WHERE NOT strong OR claim = 1",
            by.key()
        ),
    )?;
    run_sql(tx, "ANALYZE import_match")
}

/// All that a row of the stage says, before rows of one record are put together.
pub(super) fn alias(plan: &Plan) -> String {
    let values: String = (0..plan.slots.len()).map(|n| format!("s.v{n}, ")).collect();
    // Left out where there is none, so that older fingerprints hold.
    let custom = if plan.own.mapped.is_empty() { "" } else { " || coalesce(s.custom, '[]')" };
    format!("md5(jsonb_build_array({values}s.ref_key){custom}::text)::uuid")
}

/// Whether anything is kept in mind by all it says.
pub(super) fn has_aliases(tx: &mut OrgTx, plan: &Plan) -> AppResult<bool> {
    let any = format!(
        "SELECT count(*) AS n FROM (SELECT FROM import_fingerprints WHERE org_id = app.org() AND record_type = '{}' LIMIT 1) f",
        plan.record.key()
    );
    Ok(number(tx, &any)? > 0)
}

/// Rows that an earlier import put together with others by what the record was then, and no longer is.
fn by_alias(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    if !has_aliases(tx, plan)? {
        return Ok(());
    }
    let (key, table) = (plan.record.key(), plan.record.noun());
    run_sql(
        tx,
        &format!(
            "INSERT INTO import_match SELECT s.line, c.id FROM import_stage s \
             JOIN import_fingerprints f ON f.org_id = app.org() AND f.record_type = '{key}' AND f.fingerprint = {} \
             JOIN {table} c ON c.org_id = app.org() AND c.id = f.record_id AND c.deleted_at IS NULL WHERE s.problem IS NULL \
               AND NOT EXISTS (SELECT FROM import_match m WHERE m.line = s.line)",
            alias(plan)
        ),
    )
}

/// Keeps in mind which rows became one record though nothing in the file says so.
fn remember_aliases(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    const GROUPS: &str =
        "(SELECT leader, line FROM import_followers UNION SELECT leader, leader FROM import_followers)";
    run_sql(
        tx,
        &format!(
            "INSERT INTO import_fingerprints (record_type, fingerprint, record_id) \
             SELECT DISTINCT ON (2) '{}', {}, m.id FROM (SELECT g.leader FROM {GROUPS} g JOIN import_stage s ON s.line = g.line \
               GROUP BY g.leader HAVING count(DISTINCT s.key) > 1) k \
             JOIN {GROUPS} g ON g.leader = k.leader JOIN import_stage s ON s.line = g.line \
             JOIN import_match m ON m.line = g.line AND NOT m.seen \
             ON CONFLICT (org_id, record_type, fingerprint) DO UPDATE SET record_id = excluded.record_id",
            plan.record.key(),
            alias(plan)
        ),
    )
}

/// Rows of one key are one record: what the first of them matched is what they all match, by whichever rule.
fn settle_keys(tx: &mut OrgTx) -> AppResult<()> {
    for sql in [
        "CREATE TEMPORARY TABLE import_known ON COMMIT DROP AS \
         WITH twice AS (SELECT key FROM import_stage WHERE problem IS NULL AND key NOT LIKE 'n:%' AND key NOT LIKE 'f:%' \
           GROUP BY key HAVING count(*) > 1) \
         SELECT DISTINCT ON (s.key) s.key, m.id FROM twice t JOIN import_stage s ON s.key = t.key \
         JOIN import_match m ON m.line = s.line WHERE s.problem IS NULL ORDER BY s.key, s.line",
        "UPDATE import_match m SET id = k.id FROM import_known k JOIN import_stage s ON s.key = k.key \
         WHERE m.line = s.line AND s.problem IS NULL AND m.id <> k.id",
        "INSERT INTO import_match SELECT s.line, k.id FROM import_known k JOIN import_stage s ON s.key = k.key \
         WHERE s.problem IS NULL AND NOT EXISTS (SELECT FROM import_match m WHERE m.line = s.line)",
        "ANALYZE import_match",
    ] {
        run_sql(tx, sql)?;
    }
    Ok(())
}

/// Rows that an earlier import made a record of and that no rule knows again.
fn seen(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    run_sql(
        tx,
        &format!(
            "INSERT INTO import_match SELECT s.line, c.id, true FROM import_stage s \
             JOIN import_fingerprints f ON f.org_id = app.org() AND f.record_type = '{}' \
               AND f.fingerprint = CASE WHEN s.key LIKE 'f:%' THEN substr(s.key, 3)::uuid END \
             JOIN {} c ON c.org_id = app.org() AND c.id = f.record_id AND c.deleted_at IS NULL \
             WHERE s.problem IS NULL AND NOT EXISTS (SELECT FROM import_match m WHERE m.line = s.line)",
            plan.record.key(),
            plan.record.noun()
        ),
    )
}

/// Keeps in mind what new records were made of, where nothing else tells their rows from others.
pub(super) fn remember(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    by_record::remember(tx, plan)?;
    run_sql(
        tx,
        &format!(
            "INSERT INTO import_fingerprints (record_type, fingerprint, record_id) \
             SELECT '{}', substr(s.key, 3)::uuid, s.new_id FROM import_stage s WHERE s.key LIKE 'f:%' AND {} \
             ON CONFLICT (org_id, record_type, fingerprint) DO UPDATE SET record_id = excluded.record_id",
            plan.record.key(),
            super::NEW
        ),
    )
}

/// Nothing was compared, but two records cannot carry one id.
fn refuse_taken_ids(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    if !plan.slots.iter().any(|s| s.key == "external_id") {
        return Ok(());
    }
    let ext = plan.staged("external_id");
    run_sql(
        tx,
        &format!(
            "UPDATE import_stage s SET key = NULL, ref_key = NULL, \
               problem = jsonb_build_object('Id in the other system', 'is the id of another record') \
             FROM (SELECT s.line FROM import_stage s WHERE s.problem IS NULL \
                     AND NOT EXISTS (SELECT FROM import_match m WHERE m.line = s.line) \
                     AND (EXISTS (SELECT FROM {} c WHERE c.org_id = app.org() AND c.external_id = {ext}) \
                       OR EXISTS (SELECT FROM import_stage s2 WHERE s2.line < s.line AND {} = {ext} \
                            AND s2.key IS DISTINCT FROM s.key AND s2.problem IS NULL))) t \
             WHERE t.line = s.line",
            plan.record.noun(),
            ext.replace("s.v", "s2.v")
        ),
    )
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
    let own = "(s.custom IS NOT NULL AND s.custom IS DISTINCT FROM l.custom)".to_owned();
    let tags = "(s.tags IS NOT NULL AND s.tags IS DISTINCT FROM l.tags)".to_owned();
    let plain = slots.iter().map(|v| format!("(s.{v} IS NOT NULL AND s.{v} IS DISTINCT FROM l.{v})"));
    let differs: Vec<String> = plain.chain([own, tags]).collect();
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
    if !plan.trial {
        remember_aliases(tx, plan)?;
        super::again::keep_leaders(tx)?;
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
            "UPDATE import_stage t SET changes = j.changes, custom = coalesce(o.custom, t.custom), {} FROM (SELECT f.leader, {} FROM {GROUPS} GROUP BY f.leader) x \
             JOIN (SELECT f.leader, jsonb_object_agg(e.key, e.value ORDER BY f.line) AS changes \
                   FROM {GROUPS}, jsonb_each(s.changes) e GROUP BY f.leader) j ON j.leader = x.leader \
             LEFT JOIN (SELECT f.leader, jsonb_object_agg(e.key, e.value ORDER BY f.line) AS custom \
                   FROM {GROUPS}, jsonb_each(s.custom) e GROUP BY f.leader) o ON o.leader = x.leader \
             WHERE t.line = x.leader",
            set.join(", "),
            last.join(", ")
        ),
    )
}
