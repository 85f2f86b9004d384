//! An action on a batch of records, in one transaction: locked, sorted into those to change and those to leave, then rows, events and
//! before-images by one statement, and their search documents.
//!
//! What the actor may not see counts as not found; the reader learns no more of it than of what does not exist.

use super::{
    actions::Action,
    model::{Done, Tally},
    values::Setting,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{assignment, competitors, deals, pipeline, quality, retention, segments, tags},
    kernel::{OperationId, RecordType},
    search,
    web::Actor,
};
use diesel::{prelude::*, sql_types};
use serde_json::{Value, json};
use uuid::Uuid;

/// Records that are not there, or not for this person's eyes.
const HIDDEN: &str = "not found";

/// Of a lead: what came of it is what changes from now on.
const CONVERTED: &str = "EXISTS (SELECT 1 FROM lead_conversions k WHERE k.org_id = r.org_id AND k.lead_id = r.id)";

/// How an action reads in SQL: over the record `r` and the record `n` made from `image`.
struct Statement {
    /// `column = expression` over `r` and `n`.
    sets: Vec<(String, String)>,
    /// Conditions under which a record is left as it is, with the reason.
    already: (String, &'static str),
    refused: Vec<(String, &'static str)>,
    /// jsonb: the event's changes.
    changes: String,
    event: &'static str,
    done: Done,
    image: Value,
    /// The new value as events show it; the bind `$6` of the changes.
    shown: Value,
}

impl Statement {
    fn of(record: RecordType, action: &Action) -> AppResult<Self> {
        let step = |column: &str, value: &str, already: (&str, &'static str), event, done| Self {
            sets: vec![(column.to_owned(), value.to_owned())],
            already: (already.0.to_owned(), already.1),
            refused: vec![],
            changes: "'{}'::jsonb".to_owned(),
            event,
            done,
            image: json!({}),
            shown: Value::Null,
        };
        Ok(match action {
            Action::Archive => {
                let already = ("r.archived_at IS NOT NULL", "already archived");
                step("archived_at", "now()", already, "archived", Done::Archived)
            }
            Action::Restore => step(
                "archived_at",
                "NULL::timestamptz",
                ("r.archived_at IS NULL", "not archived"),
                "restored",
                Done::Restored,
            ),
            Action::Delete => {
                let already = ("r.deleted_at IS NOT NULL", "already deleted");
                step("deleted_at", "now()", already, "deleted", Done::Deleted)
            }
            Action::Move { stage, .. } => {
                let there = format!("r.stage_id = '{stage}'");
                let mut sorting = step("updated_at", "now()", (&there, "there already"), "moved", Done::Updated);
                sorting.refused = vec![
                    ("r.status <> 'open'".to_owned(), "closed: reopen them first"),
                    ("r.archived_at IS NOT NULL".to_owned(), "archived: restore them first"),
                ];
                sorting
            }
            Action::Close { won, .. } => {
                let (so, told) =
                    if *won { ("r.status = 'won'", "won already") } else { ("r.status = 'lost'", "lost already") };
                let mut sorting = step("updated_at", "now()", (so, told), "closed", Done::Updated);
                sorting.refused = vec![
                    ("r.status <> 'open'".to_owned(), "closed: reopen them first"),
                    ("r.archived_at IS NOT NULL".to_owned(), "archived: restore them first"),
                ];
                sorting
            }
            // Only to sort by: these are written by their own features.
            Action::Tag { .. }
            | Action::Segment { .. }
            | Action::Normalise { .. }
            | Action::Share { .. }
            | Action::Anonymise => step("updated_at", "now()", ("false", ""), "tagged", Done::Updated),
            Action::Edit(edit) => {
                let setting = Setting::of(record, edit)?;
                let after = match edit.mode {
                    super::values::Mode::Set | super::values::Mode::Clear => "$6::jsonb".to_owned(),
                    _ => setting.after.clone(),
                };
                let mut changes = format!(
                    "jsonb_build_object('{}', jsonb_build_array({}, {after}))",
                    edit.key.replace('\'', ""),
                    setting.before
                );
                let mut sets = vec![(setting.column.clone(), setting.new.clone())];
                if edit.currency.is_some() {
                    changes.push_str(
                        " || CASE WHEN r.currency = n.currency THEN '{}'::jsonb \
                         ELSE jsonb_build_object('currency', jsonb_build_array(r.currency, n.currency)) END",
                    );
                    sets.push(("currency".to_owned(), "n.currency".to_owned()));
                }
                Self {
                    image: setting.image(edit),
                    changes,
                    already: (format!("NOT ({})", setting.differs), "already so"),
                    refused: setting.refused,
                    sets,
                    event: "updated",
                    done: Done::Updated,
                    shown: edit.shown.clone(),
                }
            }
        })
    }
}

#[derive(QueryableByName)]
struct Sorted {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Integer)]
    verdict: i32,
}

/// Does the action to these records. Returns the counts and the ids of the records that changed.
pub(super) fn batch(
    tx: &mut OrgTx,
    actor: &Actor,
    op: OperationId,
    record: RecordType,
    action: &Action,
    ids: &[Uuid],
) -> AppResult<(Tally, Vec<Uuid>)> {
    if let Action::Normalise { parts } = action {
        return quality::normalise(tx, actor, op, record, parts, ids);
    }
    if let Action::Share { everyone } = action {
        return assignment::reassign(tx, actor, op, record, ids, *everyone);
    }
    if *action == Action::Anonymise {
        return retention::anonymise(tx, actor, op, record, ids);
    }
    let mut statement = Statement::of(record, action)?;
    if record == RecordType::Lead && matches!(action, Action::Edit(_) | Action::Restore) {
        statement.refused.insert(0, (CONVERTED.to_owned(), "converted"));
    }
    if record == RecordType::Deal && *action == Action::Restore {
        // Stage before deal, as every command takes them.
        deals::make_room(tx, ids)?;
    }
    let stage = match action {
        Action::Move { stage, .. } => Some(pipeline::lock_stage(tx, *stage)?.ok_or_else(|| gone("stage"))?),
        _ => None,
    };
    if let Action::Close { to: Some(to), .. } = action
        && !competitors::hold(tx, *to)?
    {
        return Err(gone("competitor"));
    }
    let (mut tally, mut change) = sort(tx, actor, record, &statement, ids)?;
    if let Some(stage) = stage {
        if !change.is_empty() {
            let held = deals::held_back(tx, &change, &stage)?;
            leave(&mut change, &mut tally, held);
        }
        if !change.is_empty() {
            let keys = ["stage_id", "pipeline_id", "stage_entered_at"];
            obeying(tx, record, (&mut change, &mut tally), &keys, |tx, ids| deals::send(tx, op, ids, &stage))?;
            search::reindex(tx, record, &change)?;
            tally.changed += i64::try_from(change.len()).unwrap_or(i64::MAX);
        }
        return Ok((tally, change));
    }
    if let Action::Close { won, reason, note, to } = action {
        if *won && !change.is_empty() {
            let held = deals::held_from_winning(tx, &change)?;
            leave(&mut change, &mut tally, held);
        }
        if !change.is_empty() {
            let how = if *won {
                deals::Ending::Won
            } else {
                deals::Ending::Lost { reason: reason.as_deref(), note: note.as_deref(), to: *to }
            };
            obeying(tx, record, (&mut change, &mut tally), &deals::CLOSING, |tx, ids| {
                deals::close_many(tx, op, ids, how)
            })?;
            search::reindex(tx, record, &change)?;
            tally.changed += i64::try_from(change.len()).unwrap_or(i64::MAX);
        }
        return Ok((tally, change));
    }
    if let Action::Tag { add, remove, .. } = action {
        let (add, remove) = (tags::each(&change, add), tags::each(&change, remove));
        let changed = tags::change(tx, record, &add, &remove, Some(op), true)?;
        tally.changed += i64::try_from(changed.len()).unwrap_or(i64::MAX);
        tally.skip("already so", i64::try_from(change.len() - changed.len()).unwrap_or(0));
        return Ok((tally, changed));
    }
    if let Action::Segment { segment, into, .. } = action {
        let members = segments::Members { segment: *segment, record, ids: &change, into: *into };
        let changed = segments::change(tx, &members, Some(op), true)?;
        tally.changed += i64::try_from(changed.len()).unwrap_or(i64::MAX);
        tally.skip("already so", i64::try_from(change.len() - changed.len()).unwrap_or(0));
        return Ok((tally, changed));
    }
    if !change.is_empty() {
        let write = |tx: &mut OrgTx, ids: &[Uuid]| write(tx, op, record, &statement, ids);
        if let Action::Edit(edit) = action {
            obeying(tx, record, (&mut change, &mut tally), &[edit.key.as_str()], write)?;
        } else {
            write(tx, &change)?;
            quality::measure(tx, record, &change)?;
        }
        search::reindex(tx, record, &change)?;
        tally.changed += i64::try_from(change.len()).unwrap_or(i64::MAX);
    }
    Ok((tally, change))
}

/// These stay as they are, each named with the reason.
fn leave(change: &mut Vec<Uuid>, tally: &mut Tally, held: Vec<deals::Held>) {
    for deals::Held { id, name, why } in held {
        change.retain(|other| *other != id);
        tally.hold(&why, name);
    }
}

/// What was to be given to the records went meanwhile.
fn gone(what: &str) -> AppError {
    AppError::Conflict(format!("The {what} is not there any more."))
}

/// Locks the records, in the order in which every bulk write does, and tells those to change from those to leave.
fn sort(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    statement: &Statement,
    ids: &[Uuid],
) -> AppResult<(Tally, Vec<Uuid>)> {
    let table = record.noun();
    let mut verdicts = format!(
        "CASE WHEN r.deleted_at IS NOT NULL OR NOT ($2 IS NULL OR coalesce(r.owner_id = ANY ($2), false)) THEN 1 WHEN {} THEN 2",
        statement.already.0
    );
    for (n, (condition, _)) in statement.refused.iter().enumerate() {
        verdicts.push_str(&format!(" WHEN {condition} THEN {}", n + 3));
    }
    let sql = format!(
        "SELECT r.id, {verdicts} ELSE 0 END AS verdict FROM {table} r, jsonb_populate_record(NULL::{table}, $3) n \
         WHERE r.id = ANY ($1) ORDER BY r.id FOR NO KEY UPDATE OF r"
    );
    let rows: Vec<Sorted> = diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(actor.visible_owners())
        .bind::<sql_types::Jsonb, _>(&statement.image)
        .load(tx.conn())?;
    let mut tally = Tally::default();
    tally.skip(HIDDEN, i64::try_from(ids.len().saturating_sub(rows.len())).unwrap_or(0));
    for row in &rows {
        match row.verdict {
            0 => {}
            1 => tally.skip(HIDDEN, 1),
            2 => tally.skip(statement.already.1, 1),
            n => {
                let at = usize::try_from(n - 3).unwrap_or(0);
                tally.fail(statement.refused.get(at).map_or("refused", |(_, why)| why), 1);
            }
        }
    }
    Ok((tally, rows.into_iter().filter(|row| row.verdict == 0).map(|row| row.id).collect()))
}

/// Writes those records that obey the rules afterwards; the others are left as they are, and counted with the reason. `keys`: the
/// fields that are written.
fn obeying(
    tx: &mut OrgTx,
    record: RecordType,
    (ids, tally): (&mut Vec<Uuid>, &mut Tally),
    keys: &[&str],
    write: impl Fn(&mut OrgTx, &[Uuid]) -> AppResult<()>,
) -> AppResult<()> {
    let mut refused = Vec::new();
    let tried = tx.attempt(|tx| {
        write(tx, ids)?;
        refused = quality::refused(tx, record, ids, keys)?;
        if refused.is_empty() { Ok(()) } else { Err(AppError::NotFound) }
    });
    match tried {
        Err(AppError::NotFound) if !refused.is_empty() => {}
        other => return other,
    }
    for (id, why) in refused {
        // Of a record that breaks several rules the first is told.
        if ids.contains(&id) {
            ids.retain(|kept| *kept != id);
            tally.fail(&why, 1);
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    write(tx, ids)?;
    quality::measure(tx, record, ids)
}

fn write(tx: &mut OrgTx, op: OperationId, record: RecordType, statement: &Statement, ids: &[Uuid]) -> AppResult<()> {
    let (table, key) = (record.noun(), record.key());
    let new: Vec<String> = statement.sets.iter().map(|(column, value)| format!("{value} AS new_{column}")).collect();
    let kept: Vec<String> = statement.sets.iter().map(|(column, _)| format!("'{column}', r.{column}")).collect();
    let set: Vec<String> = statement.sets.iter().map(|(column, _)| format!("{column} = t.new_{column}")).collect();
    let sql = format!(
        "WITH t AS MATERIALIZED ( \
           SELECT r.id, r.version + 1 AS version, jsonb_build_object({}) AS kept, {} AS changes, {} \
           FROM {table} r, jsonb_populate_record(NULL::{table}, $4) n WHERE r.id = ANY ($1) AND $6::jsonb IS NOT NULL \
         ), remembered AS ( \
           INSERT INTO operation_changes (operation_id, record_type, record_id, action, before, version_after) \
           SELECT $2, '{key}', t.id, $5, t.kept, t.version FROM t \
         ), noted AS ( \
           INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data) \
           SELECT $3, '{key}.{}', '{key}', t.id, t.version, t.changes, jsonb_build_object('operation_id', $2) FROM t \
         ) \
         UPDATE {table} u SET {}, version = t.version, updated_at = now() FROM t WHERE u.org_id = app.org() AND u.id = t.id",
        kept.join(", "),
        statement.changes,
        new.join(", "),
        statement.event,
        set.join(", "),
    );
    let by = tx.by();
    diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Uuid, _>(op)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Jsonb, _>(&statement.image)
        .bind::<sql_types::Text, _>(statement.done.key())
        .bind::<sql_types::Jsonb, _>(&statement.shown)
        .execute(tx.conn())?;
    Ok(())
}
