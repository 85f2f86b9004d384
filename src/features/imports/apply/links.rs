//! The companies that rows name: found by their id in the other system, then by domain, then by name, made when nobody has them and
//! there is something to call them. Two with different ids are two. Table `import_refs` holds key → id, name.

use super::{super::options::Related, Plan, run_sql, writing};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::RecordType,
};
use diesel::{prelude::*, sql_query, sql_types};

/// Every company named, once; `id` is filled in below.
const NAMED: &str = "CREATE TEMPORARY TABLE import_refs ON COMMIT DROP AS \
     SELECT ref_key AS key, min(ref_name) AS name, min(ref_domain) AS domain, min(ref_ext) AS ext, app.fold(min(ref_name)) COLLATE \"C\" AS folded, \
       NULL::uuid AS id, min(ref_id)::uuid AS new_id, min(line) AS line \
     FROM import_stage WHERE problem IS NULL AND ref_key IS NOT NULL GROUP BY ref_key";

const BY_ID: &str = "UPDATE import_refs r SET id = c.id FROM companies c \
     WHERE c.org_id = app.org() AND c.external_id = r.ext AND c.deleted_at IS NULL";

const BY_DOMAIN: &str = "UPDATE import_refs r SET id = f.id FROM ( \
       SELECT DISTINCT ON (r.key) r.key, c.id FROM import_refs r \
       JOIN companies c ON c.org_id = app.org() AND c.domain = r.domain AND c.deleted_at IS NULL \
         AND (r.ext IS NULL OR c.external_id IS NULL) WHERE r.id IS NULL \
       ORDER BY r.key, c.archived_at IS NOT NULL, c.id) f \
     WHERE f.key = r.key";

const BY_NAME: &str = "UPDATE import_refs r SET id = f.id FROM ( \
       SELECT DISTINCT ON (r.key) r.key, c.id FROM import_refs r \
       JOIN companies c ON c.org_id = app.org() AND c.name_key = r.folded AND c.deleted_at IS NULL \
         AND (r.domain IS NULL OR c.domain IS NULL OR r.folded = r.domain) AND (r.ext IS NULL OR c.external_id IS NULL) \
       WHERE r.id IS NULL ORDER BY r.key, c.archived_at IS NOT NULL, c.id) f \
     WHERE f.key = r.key";

/// A parent may be a company of the same file that is yet to be made.
const BY_STAGE: &str = "UPDATE import_refs r SET id = f.new_id FROM ( \
       SELECT DISTINCT ON (v.folded) v.folded, v.new_id, v.ext \
       FROM (SELECT app.fold({name}) COLLATE \"C\" AS folded, {id} AS ext, s.new_id, s.line FROM import_stage s WHERE s.problem IS NULL) v \
       ORDER BY v.folded, v.line) f \
     WHERE r.id IS NULL AND r.folded = f.folded AND (r.ext IS NULL OR f.ext IS NULL)";

const BY_STAGED_ID: &str = "UPDATE import_refs r SET id = f.new_id FROM ( \
       SELECT DISTINCT ON (v.ext) v.ext, v.new_id \
       FROM (SELECT {id} AS ext, s.new_id, s.line FROM import_stage s WHERE s.problem IS NULL) v \
       WHERE v.ext IS NOT NULL ORDER BY v.ext, v.line) f \
     WHERE r.id IS NULL AND r.ext = f.ext";

/// The same name with and without a domain, or an id, is one company.
const SAME_NAME: &str = "UPDATE import_refs r SET id = f.new_id FROM ( \
       SELECT DISTINCT ON (folded) folded, key, new_id FROM import_refs WHERE id IS NULL AND folded IS NOT NULL \
       ORDER BY folded, ext IS NULL, domain IS NULL, line) f \
     WHERE r.id IS NULL AND r.folded = f.folded AND (r.key = f.key OR r.domain IS NULL AND r.ext IS NULL)";

const NEW_COMPANIES: &str = "INSERT INTO companies (id, name, domain, external_id, owner_id, created_by) \
     SELECT r.new_id, coalesce(r.name, r.domain), r.domain, \
       CASE WHEN NOT EXISTS (SELECT FROM companies k WHERE k.org_id = app.org() AND k.external_id = r.ext) THEN r.ext END, $1, $2 FROM import_refs r WHERE r.id = r.new_id";

const NEW_EVENTS: &str = "INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data) \
     SELECT $1, 'company.created', 'company', r.new_id, 1, \
       jsonb_strip_nulls(jsonb_build_object('name', jsonb_build_array(NULL, coalesce(r.name, r.domain)), \
         'domain', CASE WHEN r.domain IS NOT NULL THEN jsonb_build_array(NULL, r.domain) END)), \
       jsonb_build_object('import_id', $2) \
     FROM import_refs r WHERE r.id = r.new_id";

const REFUSE: &str = "UPDATE import_stage s SET key = NULL, ref_key = NULL, problem = jsonb_build_object('Company', \
       'is not a company here, and your role does not let you add companies') \
     FROM import_refs r WHERE r.key = s.ref_key AND r.id IS NULL";

/// Rows whose company nobody has go without; they are the same record as others by name alone.
const UNLINK: &str = "UPDATE import_stage s SET ref_key = NULL, \
       key = CASE WHEN s.key LIKE 'n:%' THEN split_part(s.key, E'\\x1f', 1) || E'\\x1f' ELSE s.key END \
     FROM import_refs r WHERE r.key = s.ref_key AND r.id IS NULL";

const REAL_NAMES: &str = "UPDATE import_refs r SET name = c.name FROM companies c \
     WHERE c.org_id = app.org() AND c.id = r.id AND c.name IS DISTINCT FROM r.name";

pub(super) fn resolve(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let in_file = |sql: &str| sql.replace("{name}", &plan.staged("name")).replace("{id}", &plan.staged("external_id"));
    for sql in [NAMED, "ANALYZE import_refs", BY_ID] {
        run_sql(tx, sql)?;
    }
    if plan.record == RecordType::Company {
        run_sql(tx, &in_file(BY_STAGED_ID))?;
    }
    for sql in [BY_DOMAIN, BY_NAME] {
        run_sql(tx, sql)?;
    }
    if plan.record == RecordType::Company {
        run_sql(tx, &in_file(BY_STAGE))?;
    }
    // An id that nobody has is nothing to call a company by.
    run_sql(tx, &format!("{UNLINK} AND coalesce(r.name, r.domain) IS NULL"))?;
    match plan.related {
        Related::LinkOnly => run_sql(tx, UNLINK)?,
        Related::Create if plan.context.may_create_companies => {
            run_sql(tx, SAME_NAME)?;
            run_sql(tx, "UPDATE import_refs SET id = new_id WHERE id IS NULL AND coalesce(name, domain) IS NOT NULL")?;
            create(tx, plan)?;
        }
        Related::Create => run_sql(tx, REFUSE)?,
    }
    run_sql(tx, REAL_NAMES)?;
    run_sql(tx, "ANALYZE import_refs")
}

fn create(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    if plan.trial {
        return Ok(());
    }
    let (by, owner) = (tx.by(), plan.context.default_owner.as_ref().map(|o| o.id));
    sql_query(NEW_COMPANIES)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(owner)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .execute(tx.conn())?;
    sql_query(NEW_EVENTS)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Uuid, _>(plan.import)
        .execute(tx.conn())?;
    // Those that nothing in the file itself brings: a parent among its rows is a row's record.
    writing::keep_created(tx, plan, RecordType::Company, ("new_id", "-1 - line / 100"), "import_refs WHERE id = new_id")
}
