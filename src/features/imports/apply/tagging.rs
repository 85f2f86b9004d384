//! Tags: those that every record created or changed gets, and those that rows have. The latter are matched without regard to case and
//! made where there are none; a record that is there is changed by a tag it lacks. Undo takes tags from the changed ones again.
//!
//! `import_words` holds the file's tags, `import_row_tags` those of each row (rows of one record together), `import_more_tags` the rows
//! whose record is there and lacks some.

use super::{super::options::OnMatch, NEW, Plan, run_sql};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::tags,
};
use diesel::{prelude::*, sql_query, sql_types};
use uuid::Uuid;

/// New tags told by their names.
const TOLD: usize = 10;

const REFUSE: &str = "UPDATE import_stage s SET key = NULL, ref_key = NULL, problem = jsonb_build_object('Tags', \
       'has one that is not there yet, and your role does not let you make tags') \
     WHERE s.problem IS NULL AND EXISTS (SELECT FROM unnest(s.tags) w WHERE NOT EXISTS ( \
       SELECT FROM tags g WHERE g.org_id = app.org() AND g.name_key = app.fold(w) COLLATE \"C\" AND g.deleted_at IS NULL))";

const WORDS: &str = "CREATE TEMPORARY TABLE import_words ON COMMIT DROP AS \
     SELECT app.fold(w) COLLATE \"C\" AS key, min(w) AS name, NULL::uuid AS id FROM import_stage s, unnest(s.tags) w \
     WHERE s.problem IS NULL GROUP BY 1";

const KNOWN: &str = "UPDATE import_words k SET id = g.id, name = g.name FROM tags g \
     WHERE g.org_id = app.org() AND g.name_key = k.key AND g.deleted_at IS NULL";

const ROWS: &str = "CREATE TEMPORARY TABLE import_row_tags ON COMMIT DROP AS \
     SELECT coalesce(f.leader, s.line) AS line, array_agg(DISTINCT k.id) AS tags, array_agg(DISTINCT k.name) AS names \
     FROM import_stage s LEFT JOIN import_followers f ON f.line = s.line CROSS JOIN LATERAL unnest(s.tags) w \
     JOIN import_words k ON k.key = app.fold(w) COLLATE \"C\" WHERE s.problem IS NULL GROUP BY 1";

/// Precedes matching.
pub(super) fn refuse(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    if plan.has_tags && !plan.context.may_create_tags { run_sql(tx, REFUSE) } else { Ok(()) }
}

/// Follows matching and all that refuses rows. Returns the tags that had to be made, in words.
pub(super) fn lay_out(tx: &mut OrgTx, plan: &Plan) -> AppResult<Vec<String>> {
    if !plan.has_tags {
        return Ok(Vec::new());
    }
    run_sql(tx, WORDS)?;
    run_sql(tx, KNOWN)?;
    let new = make(tx, plan)?;
    let key = plan.record.key();
    let more = format!(
        "CREATE TEMPORARY TABLE import_more_tags ON COMMIT DROP AS \
         SELECT y.line, y.tags, y.names, ARRAY(SELECT g.name FROM record_tags p JOIN tags g ON g.org_id = p.org_id AND g.id = p.tag_id \
           AND g.deleted_at IS NULL WHERE p.org_id = app.org() AND p.record_type = '{key}' AND p.record_id = m.id ORDER BY g.name_key) AS had \
         FROM import_row_tags y JOIN import_match m ON m.line = y.line"
    );
    let enough = match plan.on_match {
        OnMatch::FillBlanks => "had <> '{}'",
        _ => "names <@ had",
    };
    for sql in [
        ROWS,
        "CREATE INDEX ON import_row_tags (line)",
        "ANALYZE import_row_tags",
        &more,
        &format!("DELETE FROM import_more_tags WHERE {enough}"),
        "CREATE INDEX ON import_more_tags (line)",
        "ANALYZE import_more_tags",
    ] {
        run_sql(tx, sql)?;
    }
    Ok(new)
}

/// A trial gives them ids that nobody has.
fn make(tx: &mut OrgTx, plan: &Plan) -> AppResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Word {
        #[diesel(sql_type = sql_types::Text)]
        key: String,
        #[diesel(sql_type = sql_types::Text)]
        name: String,
    }
    let new: Vec<Word> =
        sql_query("SELECT key, name FROM import_words WHERE id IS NULL ORDER BY key").load(tx.conn())?;
    for word in &new {
        let id = if plan.trial { Uuid::now_v7() } else { tags::make(tx, &word.name)?.id.0 };
        sql_query("UPDATE import_words SET id = $1 WHERE key = $2")
            .bind::<sql_types::Uuid, _>(id)
            .bind::<sql_types::Text, _>(&word.key)
            .execute(tx.conn())?;
    }
    let names: Vec<&str> = new.iter().take(TOLD).map(|word| word.name.as_str()).collect();
    Ok(match new.len() {
        0 => Vec::new(),
        1 => vec![format!("the tag {}", names.join(""))],
        n if n > TOLD => vec![format!("{n} tags ({} …)", names.join(", "))],
        n => vec![format!("{n} tags ({})", names.join(", "))],
    })
}

/// The part that tags have in what changes on the record of row `s`, with its `||`.
pub(super) fn change(plan: &Plan) -> &'static str {
    if !plan.has_tags {
        return "";
    }
    " || coalesce((SELECT jsonb_build_object('tags', jsonb_build_array(to_jsonb(t.had), \
         to_jsonb(t.had || ARRAY(SELECT n FROM unnest(t.names) n WHERE n <> ALL (t.had) ORDER BY app.fold(n))))) \
       FROM import_more_tags t WHERE t.line = s.line), '{}')"
}

/// Whether the record of row `s` lacks one, with its `OR`.
pub(super) fn differs(plan: &Plan) -> &'static str {
    if plan.has_tags { " OR EXISTS (SELECT FROM import_more_tags t WHERE t.line = s.line)" } else { "" }
}

/// What a new record is tagged with, with its `||`; `others` is SQL of a list of further names.
pub(super) fn told(plan: &Plan, others: &str) -> String {
    if !plan.has_tags {
        return String::new();
    }
    format!(
        " || coalesce((SELECT jsonb_build_object('tags', jsonb_build_array(NULL, (SELECT jsonb_agg(n ORDER BY app.fold(n)) \
           FROM (SELECT unnest(y.names) UNION SELECT jsonb_array_elements_text({others}::jsonb)) u(n)))) \
         FROM import_row_tags y WHERE y.line = s.line), '{{}}')"
    )
}

/// Follows the update and the insert, whose events name the rows' own tags already; those of new records name all.
pub(super) fn add(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    if plan.tags.is_empty() && !plan.has_tags {
        return Ok(());
    }
    run_sql(
        tx,
        "CREATE TEMPORARY TABLE import_tagged (id uuid NOT NULL, tags uuid[] NOT NULL, told boolean NOT NULL) ON COMMIT DROP",
    )?;
    if plan.has_tags {
        add_own(tx, plan)?;
    }
    if !plan.tags.is_empty() {
        add_to_all(tx, plan)?;
    }
    tell(tx, plan)
}

const INTO: &str = "INSERT INTO record_tags (record_type, record_id, tag_id)";

fn add_own(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let key = plan.record.key();
    run_sql(
        tx,
        &format!(
            "{INTO} SELECT '{key}', s.new_id, t FROM import_row_tags y JOIN import_stage s ON s.line = y.line, unnest(y.tags) t WHERE {NEW}"
        ),
    )?;
    run_sql(
        tx,
        &format!(
            "WITH added AS ({INTO} SELECT '{key}', x.id, t FROM import_changed x JOIN import_more_tags y ON y.line = x.line, unnest(y.tags) t \
               ON CONFLICT DO NOTHING RETURNING record_id, tag_id) \
             INSERT INTO import_tagged SELECT record_id, array_agg(tag_id), true FROM added GROUP BY record_id"
        ),
    )
}

fn add_to_all(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let key = plan.record.key();
    let tags: Vec<Uuid> = plan.tags.iter().map(|(id, _)| *id).collect();
    let new = format!(
        "{INTO} SELECT '{key}', s.new_id, t FROM import_stage s, unnest($1) t WHERE {NEW} ON CONFLICT DO NOTHING"
    );
    sql_query(new).bind::<sql_types::Array<sql_types::Uuid>, _>(&tags).execute(tx.conn())?;
    let changed = format!(
        "WITH added AS ({INTO} SELECT '{key}', x.id, t FROM import_changed x, unnest($1) t \
           ON CONFLICT DO NOTHING RETURNING record_id, tag_id) \
         INSERT INTO import_tagged SELECT record_id, array_agg(tag_id), false FROM added GROUP BY record_id"
    );
    sql_query(changed).bind::<sql_types::Array<sql_types::Uuid>, _>(&tags).execute(tx.conn())?;
    Ok(())
}

/// What undo needs to know, and the history.
fn tell(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let key = plan.record.key();
    let keep = format!(
        "UPDATE import_changes c SET before = c.before || jsonb_build_object('tags', t.tags) \
         FROM (SELECT x.id, jsonb_agg(g) AS tags FROM import_tagged x, unnest(x.tags) g GROUP BY x.id) t \
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
           jsonb_build_object('import_id', $1) FROM import_tagged t WHERE NOT t.told",
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
