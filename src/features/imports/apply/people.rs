//! The people that rows of deals name: those beside the deal already, else found by any of their e-mail addresses, else by name, made when
//! nobody has them, and put beside the deal in the part that the row says. Table `import_people` holds line → deal, contact.

use super::{
    super::options::{OnMatch, Related},
    Plan, run_sql, writing,
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::deals::people_text,
    kernel::RecordType,
};
use diesel::{prelude::*, sql_query, sql_types};
use uuid::Uuid;

/// Follows the insert of the deals. Tells `import_beside` of the deals that changed by it.
pub(super) fn link(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    if !plan.slots.iter().any(|s| matches!(s.key, "contact_email" | "contact_name" | "contacts")) {
        return Ok(());
    }
    lay_out(tx, plan)?;
    resolve(tx, plan)?;
    if plan.related == Related::Create && plan.context.may_create_contacts {
        create(tx, plan)?;
    }
    find_links(tx, plan)?;
    if !plan.trial {
        write(tx, plan)?;
    }
    run_sql(tx, "INSERT INTO import_beside SELECT deal_id FROM import_linked")
}

/// Everybody whom rows name, in the order of the file.
fn lay_out(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let (email, name, people) = (plan.staged("contact_email"), plan.staged("contact_name"), plan.staged("contacts"));
    let company = if plan.has_company { "r.id" } else { "NULL::uuid" };
    run_sql(
        tx,
        &format!(
            "CREATE TEMPORARY TABLE import_people ON COMMIT DROP AS \
             SELECT row_number() OVER (ORDER BY s.line, o.place) AS n, s.line, coalesce(m.id, l.new_id) AS deal_id, \
               o.p->>'email' AS email, o.p->>'name' AS name, app.fold(o.p->>'name') COLLATE \"C\" AS folded, {company} AS company_id, \
               o.p->>'role' AS role, o.p->>'influence' AS influence, o.p->>'stance' AS stance, \
               NULL::uuid AS contact_id, NULL::uuid AS new_id \
             FROM {}{} CROSS JOIN LATERAL jsonb_array_elements( \
               CASE WHEN coalesce({email}, {name}) IS NULL THEN '[]' ELSE jsonb_build_array(jsonb_build_object('email', {email}, 'name', {name})) END \
               || coalesce({people}, '[]')::jsonb) WITH ORDINALITY o (p, place) \
             WHERE s.problem IS NULL AND {}",
            DEALS,
            plan.refs_join(),
            wanted(plan)
        ),
    )?;
    run_sql(tx, "ANALYZE import_people")
}

/// Rows `s` with the row that leads them and the record they match.
pub(super) const DEALS: &str = "import_stage s LEFT JOIN import_followers f ON f.line = s.line \
     JOIN import_stage l ON l.line = coalesce(f.leader, s.line) LEFT JOIN import_match m ON m.line = l.line";

/// Whether anything beside the deal of a row is written.
pub(super) fn wanted(plan: &Plan) -> &'static str {
    match plan.on_match {
        OnMatch::Skip => "m.id IS NULL",
        _ => "NOT coalesce(m.seen, false)",
    }
}

/// Those beside the deal already, as an export of it names them: of several alike the first is the first. Then by address and name.
const EXACTLY: &str = "UPDATE import_people p SET contact_id = f.id FROM ( \
       SELECT q.n, c.id FROM (SELECT *, coalesce(folded, app.fold(email)) AS said, \
           row_number() OVER (PARTITION BY line, folded, email ORDER BY n) AS nth FROM import_people) q \
       JOIN (SELECT d.deal_id, x.id, x.name_key, x.email, row_number() OVER (PARTITION BY d.deal_id, x.name_key, x.email ORDER BY x.id) AS nth \
         FROM deal_contacts d JOIN contacts x ON x.org_id = d.org_id AND x.id = d.contact_id \
         WHERE d.org_id = app.org() AND d.deal_id IN (SELECT deal_id FROM import_people) AND x.deleted_at IS NULL) c \
         ON c.deal_id = q.deal_id AND c.name_key = q.said AND c.email IS NOT DISTINCT FROM q.email AND c.nth = q.nth) f \
     WHERE f.n = p.n";
/// Whose address the importer does not know is exported by name alone.
const BESIDE: &str = "UPDATE import_people p SET contact_id = f.id FROM ( \
       SELECT DISTINCT ON (q.n) q.n, c.id FROM import_people q JOIN deal_contacts d ON d.org_id = app.org() AND d.deal_id = q.deal_id \
       JOIN contacts c ON c.org_id = d.org_id AND c.id = d.contact_id AND c.deleted_at IS NULL \
       WHERE q.contact_id IS NULL AND q.email IS NULL AND c.name_key = q.folded ORDER BY q.n, c.id) f \
     WHERE f.n = p.n";
const ADDRESSES: &str = "(SELECT x.id, x.email AS address, x.name_key, x.owner_id, x.archived_at FROM contacts x \
       WHERE x.org_id = app.org() AND x.deleted_at IS NULL AND x.email IS NOT NULL \
     UNION ALL SELECT x.id, o.address, x.name_key, x.owner_id, x.archived_at FROM contacts x, unnest(x.other_emails) AS o(address) \
       WHERE x.org_id = app.org() AND x.deleted_at IS NULL AND x.other_emails <> '{}')";

fn resolve(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    run_sql(tx, EXACTLY)?;
    run_sql(tx, BESIDE)?;
    // NULL: everybody's.
    let visible: &Option<Vec<Uuid>> = &plan.context.visible;
    let by_email = format!(
        "UPDATE import_people p SET contact_id = f.id FROM ( \
           SELECT DISTINCT ON (q.n) q.n, c.id FROM {ADDRESSES} c JOIN import_people q ON q.email = c.address AND q.contact_id IS NULL \
           WHERE c.address IN (SELECT email FROM import_people) AND ($1 IS NULL OR c.owner_id = ANY ($1)) \
           ORDER BY q.n, c.name_key IS DISTINCT FROM q.folded, c.archived_at IS NOT NULL, c.id) f \
         WHERE f.n = p.n"
    );
    let by_name = "UPDATE import_people p SET contact_id = f.id FROM ( \
           SELECT DISTINCT ON (q.n) q.n, c.id FROM import_people q \
           JOIN contacts c ON c.org_id = app.org() AND c.name_key = q.folded AND c.deleted_at IS NULL \
             AND (c.company_id IS NOT DISTINCT FROM q.company_id OR c.company_id IS NULL OR q.company_id IS NULL) \
           WHERE q.contact_id IS NULL AND q.email IS NULL AND q.folded <> '' AND ($1 IS NULL OR c.owner_id = ANY ($1)) \
           ORDER BY q.n, c.company_id IS DISTINCT FROM q.company_id, c.archived_at IS NOT NULL, c.id) f \
         WHERE f.n = p.n";
    for sql in [by_email.as_str(), by_name] {
        type Ids = sql_types::Nullable<sql_types::Array<sql_types::Uuid>>;
        sql_query(sql).bind::<Ids, _>(visible.clone()).execute(tx.conn())?;
    }
    Ok(())
}

/// Fills `import_linked` with who is new beside a deal, and whose part is another one. Of what rows say of one person the fullest counts, then
/// the last.
fn find_links(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let parts = plan.on_match == OnMatch::Update;
    run_sql(
        tx,
        &format!(
            "CREATE TEMPORARY TABLE import_linked ON COMMIT DROP AS \
             SELECT p.deal_id, p.contact_id, d.contact_id IS NOT NULL AS there, coalesce(p.role, d.role, 'other') AS role, \
               coalesce(p.influence, d.influence) AS influence, coalesce(p.stance, d.stance) AS stance, \
               d.role AS was_role, d.influence AS was_influence, d.stance AS was_stance \
             FROM (SELECT DISTINCT ON (deal_id, contact_id) * FROM import_people WHERE contact_id IS NOT NULL \
               ORDER BY deal_id, contact_id, num_nulls(role, influence, stance), n DESC) p \
             LEFT JOIN deal_contacts d ON d.org_id = app.org() AND d.deal_id = p.deal_id AND d.contact_id = p.contact_id \
             WHERE d.contact_id IS NULL OR ({parts} AND (coalesce(p.role, d.role), coalesce(p.influence, d.influence), \
               coalesce(p.stance, d.stance)) IS DISTINCT FROM (d.role, d.influence, d.stance))"
        ),
    )
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
        "INSERT INTO deal_contacts (deal_id, contact_id, role, influence, stance) SELECT deal_id, contact_id, role, influence, stance \
         FROM import_linked ON CONFLICT (org_id, deal_id, contact_id) \
         DO UPDATE SET role = excluded.role, influence = excluded.influence, stance = excluded.stance",
    )?;
    let told = |role: &str, influence: &str, stance: &str| {
        let words = people_text::words(role, influence, stance);
        format!("jsonb_build_object('id', c.id, 'name', n.name || coalesce(' (' || nullif({words}, '') || ')', ''))")
    };
    let sql = format!(
        "INSERT INTO events (actor_id, kind, record_type, record_id, changes, data) \
         SELECT $1, 'deal.updated', 'deal', l.deal_id, jsonb_build_object('contact', jsonb_build_array(CASE WHEN l.there THEN {} END, {})), \
           jsonb_build_object('import_id', $2) \
         FROM import_linked l JOIN contacts c ON c.org_id = app.org() AND c.id = l.contact_id, \
         LATERAL (SELECT coalesce(nullif(btrim(c.first_name || ' ' || c.last_name), ''), c.email) AS name) n \
         WHERE EXISTS (SELECT FROM import_match m WHERE m.id = l.deal_id)",
        told("l.was_role", "l.was_influence", "l.was_stance"),
        told("l.role", "l.influence", "l.stance")
    );
    let by = tx.by();
    sql_query(sql)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Uuid, _>(plan.import)
        .execute(tx.conn())?;
    // Undo takes them out again, of deals that were there before, and gives those who changed their part the old one.
    keep(
        tx,
        plan,
        "jsonb_strip_nulls(jsonb_build_object('linked', jsonb_agg(l.contact_id) FILTER (WHERE NOT l.there), \
           'parts', jsonb_agg(jsonb_build_object('id', l.contact_id, 'role', l.was_role, 'influence', l.was_influence, 'stance', l.was_stance, \
             'given', jsonb_build_array(l.role, l.influence, l.stance))) FILTER (WHERE l.there)))",
        "import_linked",
    )
}

/// What undo must know of deals that were there before; `before` is SQL of a group of `links` (`l`, with a `deal_id`).
pub(super) fn keep(tx: &mut OrgTx, plan: &Plan, before: &str, links: &str) -> AppResult<()> {
    let sql = format!(
        "INSERT INTO import_changes (import_id, record_type, record_id, before, version_after) \
         SELECT $1, 'deal', d.id, {before}, d.version FROM {links} l JOIN deals d ON d.org_id = app.org() AND d.id = l.deal_id \
         WHERE EXISTS (SELECT FROM import_match m WHERE m.id = d.id) GROUP BY d.id, d.version \
         ON CONFLICT (org_id, import_id, record_type, record_id) DO UPDATE SET before = import_changes.before || excluded.before"
    );
    sql_query(sql).bind::<sql_types::Uuid, _>(plan.import).execute(tx.conn())?;
    Ok(())
}
