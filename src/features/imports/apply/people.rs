//! The people that rows of deals name: found by any of their e-mail addresses, else by name, made when nobody has them, and put beside
//! the deal. Table `import_people` holds line → deal, contact.

use super::{
    super::options::{OnMatch, Related},
    Plan, number, run_sql, writing,
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::RecordType,
};
use diesel::{prelude::*, sql_query, sql_types};
use uuid::Uuid;

/// Follows the insert of the deals. Returns how many existing deals changed by it alone.
pub(super) fn link(tx: &mut OrgTx, plan: &Plan) -> AppResult<i64> {
    if !plan.slots.iter().any(|s| matches!(s.key, "contact_email" | "contact_name")) {
        return Ok(0);
    }
    lay_out(tx, plan)?;
    resolve(tx, plan)?;
    if plan.related == Related::Create && plan.context.may_create_contacts {
        create(tx, plan)?;
    }
    run_sql(
        tx,
        "CREATE TEMPORARY TABLE import_linked ON COMMIT DROP AS SELECT DISTINCT p.deal_id, p.contact_id FROM import_people p \
         WHERE p.contact_id IS NOT NULL AND NOT EXISTS (SELECT FROM deal_contacts d WHERE d.org_id = app.org() \
           AND d.deal_id = p.deal_id AND d.contact_id = p.contact_id)",
    )?;
    if !plan.trial {
        write(tx, plan)?;
    }
    number(
        tx,
        "SELECT count(DISTINCT l.deal_id) AS n FROM import_linked l JOIN import_match m ON m.id = l.deal_id \
         WHERE NOT EXISTS (SELECT FROM import_changed x WHERE x.id = l.deal_id)",
    )
}

fn lay_out(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let (email, name) = (plan.staged("contact_email"), plan.staged("contact_name"));
    let company = if plan.has_company { "r.id" } else { "NULL::uuid" };
    let wanted = match plan.on_match {
        OnMatch::Skip => "m.id IS NULL",
        _ => "NOT coalesce(m.seen, false)",
    };
    run_sql(
        tx,
        &format!(
            "CREATE TEMPORARY TABLE import_people ON COMMIT DROP AS \
             SELECT s.line, coalesce(m.id, l.new_id) AS deal_id, {email} AS email, {name} AS name, \
               app.fold({name}) COLLATE \"C\" AS folded, {company} AS company_id, NULL::uuid AS contact_id, NULL::uuid AS new_id \
             FROM import_stage s LEFT JOIN import_followers f ON f.line = s.line \
             JOIN import_stage l ON l.line = coalesce(f.leader, s.line) \
             LEFT JOIN import_match m ON m.line = l.line{} \
             WHERE s.problem IS NULL AND coalesce({email}, {name}) IS NOT NULL AND {wanted}",
            plan.refs_join()
        ),
    )?;
    run_sql(tx, "ANALYZE import_people")
}

fn resolve(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    // NULL: everybody's.
    let visible: &Option<Vec<Uuid>> = &plan.context.visible;
    let all = "(SELECT x.id, x.email AS address, x.owner_id, x.archived_at FROM contacts x \
           WHERE x.org_id = app.org() AND x.deleted_at IS NULL AND x.email IS NOT NULL \
         UNION ALL SELECT x.id, o.address, x.owner_id, x.archived_at FROM contacts x, unnest(x.other_emails) AS o(address) \
           WHERE x.org_id = app.org() AND x.deleted_at IS NULL AND x.other_emails <> '{}')";
    let by_email = format!(
        "UPDATE import_people p SET contact_id = f.id FROM ( \
           SELECT DISTINCT ON (c.address) c.address, c.id FROM {all} c \
           WHERE c.address IN (SELECT email FROM import_people) AND ($1 IS NULL OR c.owner_id = ANY ($1)) \
           ORDER BY c.address, c.archived_at IS NOT NULL, c.id) f \
         WHERE f.address = p.email"
    );
    let by_name = "UPDATE import_people p SET contact_id = f.id FROM ( \
           SELECT DISTINCT ON (q.line) q.line, c.id FROM import_people q \
           JOIN contacts c ON c.org_id = app.org() AND c.name_key = q.folded AND c.deleted_at IS NULL \
             AND (c.company_id IS NOT DISTINCT FROM q.company_id OR c.company_id IS NULL OR q.company_id IS NULL) \
           WHERE q.email IS NULL AND q.folded <> '' AND ($1 IS NULL OR c.owner_id = ANY ($1)) \
           ORDER BY q.line, c.company_id IS DISTINCT FROM q.company_id, c.archived_at IS NOT NULL, c.id) f \
         WHERE f.line = p.line";
    for sql in [by_email.as_str(), by_name] {
        type Ids = sql_types::Nullable<sql_types::Array<sql_types::Uuid>>;
        sql_query(sql).bind::<Ids, _>(visible.clone()).execute(tx.conn())?;
    }
    Ok(())
}

/// Who is nobody's yet: once for each address, or each name at a company.
const NEW: &str = "UPDATE import_people p SET new_id = g.id, contact_id = g.id FROM ( \
       SELECT email, CASE WHEN email IS NULL THEN folded END AS folded, CASE WHEN email IS NULL THEN company_id END AS company_id, \
         app.uuid7() AS id \
       FROM import_people WHERE contact_id IS NULL GROUP BY 1, 2, 3) g \
     WHERE p.contact_id IS NULL AND p.email IS NOT DISTINCT FROM g.email \
       AND (p.email IS NOT NULL OR (p.folded = g.folded AND p.company_id IS NOT DISTINCT FROM g.company_id))";

/// The last word of a name is the family name.
const PEOPLE: &str = "SELECT DISTINCT ON (new_id) new_id, line, email, company_id, \
       left(btrim(coalesce(regexp_replace(name, '\\S+\\s*$', ''), '')), 100) AS first_name, \
       left(coalesce(substring(name from '(\\S+)\\s*$'), ''), 100) AS last_name \
     FROM import_people WHERE new_id IS NOT NULL ORDER BY new_id, name IS NULL, line";

fn create(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    run_sql(tx, NEW)?;
    if plan.trial {
        return Ok(());
    }
    let (by, owner) = (tx.by(), plan.context.default_owner.as_ref().map(|o| o.id));
    let sql = format!(
        "WITH p AS ({PEOPLE}), made AS (INSERT INTO contacts (id, first_name, last_name, email, company_id, owner_id, created_by) \
           SELECT new_id, first_name, last_name, email, company_id, $1, $2 FROM p) \
         INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data) \
         SELECT $2, 'contact.created', 'contact', new_id, 1, jsonb_strip_nulls(jsonb_build_object( \
             'first_name', CASE WHEN first_name <> '' THEN jsonb_build_array(NULL, first_name) END, \
             'last_name', CASE WHEN last_name <> '' THEN jsonb_build_array(NULL, last_name) END, \
             'email', CASE WHEN email IS NOT NULL THEN jsonb_build_array(NULL, email) END)), jsonb_build_object('import_id', $3) FROM p"
    );
    sql_query(sql)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(owner)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Uuid, _>(plan.import)
        .execute(tx.conn())?;
    let from = format!("({PEOPLE}) p");
    writing::keep_created(tx, plan, RecordType::Contact, ("new_id", "-1 - line / 100"), &from)
}

fn write(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    run_sql(
        tx,
        "INSERT INTO deal_contacts (deal_id, contact_id) SELECT deal_id, contact_id FROM import_linked ON CONFLICT DO NOTHING",
    )?;
    let sql = "INSERT INTO events (actor_id, kind, record_type, record_id, changes, data) \
         SELECT $1, 'deal.updated', 'deal', l.deal_id, jsonb_build_object('contact', jsonb_build_array(NULL, \
           jsonb_build_object('id', c.id, 'name', coalesce(nullif(btrim(c.first_name || ' ' || c.last_name), ''), c.email)))), \
           jsonb_build_object('import_id', $2) \
         FROM import_linked l JOIN contacts c ON c.org_id = app.org() AND c.id = l.contact_id \
         JOIN import_match m ON m.id = l.deal_id";
    let by = tx.by();
    sql_query(sql)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Uuid, _>(plan.import)
        .execute(tx.conn())?;
    // Undo takes them out again, of deals that were there before.
    let keep = "INSERT INTO import_changes (import_id, record_type, record_id, before, version_after) \
         SELECT $1, 'deal', d.id, jsonb_build_object('linked', jsonb_agg(l.contact_id)), d.version \
         FROM import_linked l JOIN deals d ON d.org_id = app.org() AND d.id = l.deal_id \
         WHERE EXISTS (SELECT FROM import_match m WHERE m.id = d.id) GROUP BY d.id, d.version \
         ON CONFLICT (org_id, import_id, record_type, record_id) DO UPDATE SET before = import_changes.before || excluded.before";
    sql_query(keep).bind::<sql_types::Uuid, _>(plan.import).execute(tx.conn())?;
    Ok(())
}
