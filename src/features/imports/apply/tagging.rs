//! The tags that every record created or changed gets. Undo takes them from the changed ones again.

use super::{NEW, Plan, run_sql};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
};
use diesel::{prelude::*, sql_query, sql_types};
use uuid::Uuid;

/// Follows the update and the insert. New records' events name their tags already.
pub(super) fn add(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    if plan.tags.is_empty() {
        return Ok(());
    }
    let key = plan.record.key();
    let tags: Vec<Uuid> = plan.tags.iter().map(|(id, _)| *id).collect();
    let new = format!(
        "INSERT INTO record_tags (record_type, record_id, tag_id) SELECT '{key}', s.new_id, t FROM import_stage s, unnest($1) t \
         WHERE {NEW}"
    );
    sql_query(new).bind::<sql_types::Array<sql_types::Uuid>, _>(&tags).execute(tx.conn())?;
    run_sql(tx, "CREATE TEMPORARY TABLE import_tagged (id uuid NOT NULL, tags uuid[] NOT NULL) ON COMMIT DROP")?;
    let changed = format!(
        "WITH added AS (INSERT INTO record_tags (record_type, record_id, tag_id) \
           SELECT '{key}', x.id, t FROM import_changed x, unnest($1) t ON CONFLICT DO NOTHING RETURNING record_id, tag_id) \
         INSERT INTO import_tagged SELECT record_id, array_agg(tag_id) FROM added GROUP BY record_id"
    );
    sql_query(changed).bind::<sql_types::Array<sql_types::Uuid>, _>(&tags).execute(tx.conn())?;
    tell(tx, plan)
}

/// What undo needs to know, and the history.
fn tell(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let key = plan.record.key();
    let keep = format!(
        "UPDATE import_changes c SET before = c.before || jsonb_build_object('tags', to_jsonb(t.tags)) FROM import_tagged t \
         WHERE c.import_id = $1 AND c.record_type = '{key}' AND c.record_id = t.id"
    );
    sql_query(keep).bind::<sql_types::Uuid, _>(plan.import).execute(tx.conn())?;
    let names = |which: &str| {
        format!(
            "(SELECT coalesce(jsonb_agg(g.name ORDER BY g.name_key), '[]') FROM record_tags p JOIN tags g ON g.org_id = p.org_id \
               AND g.id = p.tag_id AND g.deleted_at IS NULL WHERE p.org_id = app.org() AND p.record_type = '{key}' \
               AND p.record_id = t.id{which})"
        )
    };
    let events = format!(
        "INSERT INTO events (actor_id, kind, record_type, record_id, changes, data) \
         SELECT $2, '{key}.tagged', '{key}', t.id, jsonb_build_object('tags', jsonb_build_array({}, {})), \
           jsonb_build_object('import_id', $1) FROM import_tagged t",
        names(" AND p.tag_id <> ALL (t.tags)"),
        names("")
    );
    let by = tx.by();
    sql_query(events)
        .bind::<sql_types::Uuid, _>(plan.import)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .execute(tx.conn())?;
    Ok(())
}
