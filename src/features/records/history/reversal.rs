//! Undoing one change: each field it set holds again what it held before, as if its owner had typed that into the form, so that every
//! rule of the form holds for the past too. A field that somebody set since is left alone, and told.
//!
//! A deal's stage goes back by a move and its end by reopening, since those have verbs of their own. The undo is itself a change in the
//! history, and can be undone like any other.

use super::{
    super::{
        Saved, Spec,
        display::{self, Described},
        lifecycle::{self, Step},
        require_edit, visible,
    },
    rows::{self, Latest, Row},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        deals::{self, Loss, lines},
        fields::{self, Catalogue, Entry, Kind},
        tags,
    },
    kernel::{CompetitorId, DealId, RecordType, StageId, TagId},
    web::{Actor, Allow, Form},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use serde_json::{Value, json};
use std::collections::HashMap;
use uuid::Uuid;

/// What became of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// `left`: labels of fields that cannot be set back.
    Done { left: Vec<String> },
    /// Nothing was written.
    Changed(Meanwhile),
}

/// What was set since, and by whom.
#[derive(Clone, Debug)]
pub(super) struct Meanwhile {
    pub fields: Vec<Since>,
    /// Labels of the change's other fields: those can still be undone.
    pub others: Vec<String>,
}

/// A field that was set since.
#[derive(Clone, Debug)]
pub(super) struct Since {
    pub label: String,
    pub now: String,
    pub by: String,
    pub at: String,
    pub exact: String,
}

/// How a field is set back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Form,
    Move,
    Closure,
    Tags,
    /// A line of a deal.
    Line,
}

/// `None`: it cannot be, because the program alone sets it, or because it goes along with another.
fn way(catalogue: &Catalogue, key: &str) -> Option<Way> {
    match (catalogue.record, key) {
        (_, "tags") => Some(Way::Tags),
        (RecordType::Deal, "stage_id") => Some(Way::Move),
        (RecordType::Deal, "status") => Some(Way::Closure),
        (RecordType::Deal, key) if key.starts_with(lines::HISTORY_KEY) => Some(Way::Line),
        _ => catalogue.get(key).filter(|entry| entry.editable).map(|_| Way::Form),
    }
}

/// Goes where the stage or the status goes.
fn follows(record: RecordType, key: &str) -> bool {
    record == RecordType::Deal && matches!(key, "pipeline_id" | "lost_reason" | "lost_note" | "lost_to" | "closed_at")
}

/// What changed; but for the amounts that followed from lines, which follow again when the lines go back.
fn pairs(changes: &Value) -> impl Iterator<Item = (&str, &Value, &Value)> {
    const FIGURES: [&str; 6] = ["amount", "amount_from", "mrr", "arr", "term_months", "one_off"];
    let all = move || changes.as_object().into_iter().flatten();
    let by_lines = all().any(|(key, _)| key.starts_with(lines::HISTORY_KEY));
    let own = all().filter(move |(key, _)| !by_lines || !FIGURES.contains(&key.as_str()));
    own.map(|(key, pair)| (key.as_str(), &pair[0], &pair[1]))
}

/// Whether the page offers to undo an event of the record itself.
pub(super) fn offered(row: &Row, catalogue: &Catalogue, latest: &HashMap<String, Latest>) -> bool {
    match row.kind.split_once('.').map(|(_, verb)| verb) {
        Some("archived" | "restored") => true,
        Some("created" | "anonymised" | "deleted" | "undeleted" | "converted" | "merged" | "merge_undone") => false,
        _ if row.changes.get("contact").is_some() => false,
        _ => pairs(&row.changes)
            .any(|(key, before, after)| way(catalogue, key).is_some() && before != after && stands(latest, key, after)),
    }
}

/// Nobody set it to anything else since.
fn stands(latest: &HashMap<String, Latest>, key: &str, after: &Value) -> bool {
    latest.get(key).is_none_or(|last| last.value == *after)
}

/// Undoes the event. `rest`: what was set since is left alone, the others go back all the same.
pub(super) fn undo(
    tx: &mut OrgTx,
    actor: &Actor,
    spec: &'static Spec,
    id: Uuid,
    event: Uuid,
    rest: bool,
) -> AppResult<Outcome> {
    let record = spec.record;
    require_edit(actor, record)?;
    let standing = visible(tx, actor, record, id)?;
    let row = rows::event(tx, record, id, event)?;
    let catalogue = Catalogue::load(tx, actor, record)?;
    let latest = rows::latest(tx, record, id)?;
    match row.kind.split_once('.').map(|(_, verb)| verb) {
        Some("archived") => return step(tx, actor, spec, id, &row, (standing.archived, Step::Restore)),
        Some("restored") => return step(tx, actor, spec, id, &row, (!standing.archived, Step::Archive)),
        _ => {}
    }
    if !offered(&row, &catalogue, &HashMap::new()) {
        return Err(AppError::Conflict("This change cannot be undone on its own.".into()));
    }
    let since = since(actor, &catalogue, &row, &latest);
    let free: Vec<&str> = pairs(&row.changes)
        .filter(|(key, before, after)| way(&catalogue, key).is_some() && before != after && stands(&latest, key, after))
        .map(|(key, ..)| key)
        .collect();
    if free.is_empty() && since.is_empty() {
        return Err(AppError::Conflict("It is undone already.".into()));
    }
    if free.is_empty() || !since.is_empty() && !rest {
        let others = free.iter().map(|key| display::label(catalogue.known(key), key)).collect();
        return Ok(Outcome::Changed(Meanwhile { fields: since, others }));
    }
    tx.because(json!({ "undo": true, "undo_of": row.id }));
    set_back(tx, actor, spec, id, &row, &catalogue, &free)?;
    Ok(Outcome::Done { left: left(&row, &catalogue) })
}

fn step(
    tx: &mut OrgTx,
    actor: &Actor,
    spec: &'static Spec,
    id: Uuid,
    row: &Row,
    (stands, back): (bool, Step),
) -> AppResult<Outcome> {
    if !stands {
        return Err(AppError::Conflict("It is undone already.".into()));
    }
    tx.because(json!({ "undo": true, "undo_of": row.id }));
    lifecycle::take(tx, actor, spec, id, back)?;
    Ok(Outcome::Done { left: vec![] })
}

/// The fields of the change that somebody set to something else since.
fn since(actor: &Actor, catalogue: &Catalogue, row: &Row, latest: &HashMap<String, Latest>) -> Vec<Since> {
    let currency = row.data.get("currency").and_then(Value::as_str);
    pairs(&row.changes)
        .filter(|(key, _, after)| way(catalogue, key).is_some() && !stands(latest, key, after))
        .filter_map(|(key, ..)| {
            let (field, last) = (catalogue.known(key), latest.get(key)?);
            Some(Since {
                label: display::label(field, key),
                now: display::json(field, &last.value, actor, currency),
                by: last.by.clone().unwrap_or_else(|| "Pipewright".to_owned()),
                at: actor.moment(last.at),
                exact: actor.exact(last.at),
            })
        })
        .collect()
}

/// Labels of fields that the change set and that no undo sets back.
fn left(row: &Row, catalogue: &Catalogue) -> Vec<String> {
    pairs(&row.changes)
        .filter(|(key, ..)| way(catalogue, key).is_none() && !follows(catalogue.record, key))
        // Hidden from this reader, or computed again by itself.
        .filter_map(|(key, ..)| catalogue.get(key).filter(|entry| !matches!(entry.kind, Kind::Formula(_))))
        .map(|entry| entry.label.clone())
        .collect()
}

/// Stage before deal, as every command takes them: moves and closures come before the form.
fn set_back(
    tx: &mut OrgTx,
    actor: &Actor,
    spec: &'static Spec,
    id: Uuid,
    row: &Row,
    catalogue: &Catalogue,
    keys: &[&str],
) -> AppResult<()> {
    let all: Vec<_> = pairs(&row.changes).filter(|(key, ..)| keys.contains(key)).collect();
    for (key, before, after) in &all {
        match way(catalogue, key) {
            Some(Way::Closure) => closure(tx, actor, id, row, before, after)?,
            Some(Way::Move) => move_back(tx, actor, id, before)?,
            Some(Way::Tags) => tags_back(tx, spec.record, id, before, after)?,
            Some(Way::Line) => lines::set_back(tx, &Allow::check(actor)?, DealId(id), before, after)?,
            Some(Way::Form) | None => {}
        }
    }
    let typed: Vec<_> = all.into_iter().filter(|(key, ..)| way(catalogue, key) == Some(Way::Form)).collect();
    if typed.is_empty() {
        return Ok(());
    }
    let mut form = (spec.load)(tx, actor, id)?;
    for (key, before, _) in typed {
        let Some(entry) = catalogue.get(key) else { continue };
        type_in(tx, actor, &mut form, entry, before)?;
    }
    match (spec.save)(tx, actor, id, &form)? {
        Saved::Done(_) => Ok(()),
        Saved::Stale => Err(AppError::Conflict("Someone changed this record at the same moment. Look again.".into())),
    }
}

/// Puts the value that history kept into the form; what it refers to must still be there, and goes by the name it has now.
fn type_in(tx: &mut OrgTx, actor: &Actor, form: &mut Form, entry: &Entry, value: &Value) -> AppResult<()> {
    super::type_in(form, entry, value, actor.zone);
    if let (Kind::Record(record), Some(linked)) = (&entry.kind, fields::id(value)) {
        match visible(tx, actor, *record, linked) {
            Ok(standing) => form.set(&entry.reference().1, standing.name),
            Err(AppError::NotFound | AppError::Forbidden(_)) => {
                let was = value.get("name").and_then(Value::as_str).unwrap_or_default();
                let told = format!("{} was {was}, which is not there any more, or not yours to see.", entry.label);
                return Err(AppError::Conflict(told));
            }
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

fn move_back(tx: &mut OrgTx, actor: &Actor, id: Uuid, before: &Value) -> AppResult<()> {
    let stage: Option<StageId> = fields::id(before).map(StageId);
    let Some(stage) = stage else { return Err(AppError::Conflict("It was in no stage before.".into())) };
    match deals::move_pipeline(tx, &Allow::check(actor)?, DealId(id), stage, None) {
        Ok(_) => Ok(()),
        Err(AppError::Invalid(_)) => Err(AppError::Conflict("The stage it was in is not there any more.".into())),
        Err(other) => Err(other),
    }
}

#[derive(QueryableByName)]
struct Closing {
    #[diesel(sql_type = sql_types::Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    actor_id: Option<Uuid>,
    #[diesel(sql_type = sql_types::Jsonb)]
    changes: Value,
}

/// A closed deal is reopened; a reopened one is closed as it was, on the day it was.
fn closure(tx: &mut OrgTx, actor: &Actor, id: Uuid, row: &Row, before: &Value, after: &Value) -> AppResult<()> {
    let by = Allow::check(actor)?;
    if after != "open" {
        return deals::reopen(tx, &by, DealId(id), None).map(drop);
    }
    let closing: Closing = diesel::sql_query(
        "SELECT at, actor_id, changes FROM events WHERE record_id = $1 AND record_type = 'deal' AND version < $2 \
           AND kind IN ('deal.won', 'deal.lost') ORDER BY version DESC LIMIT 1",
    )
    .bind::<sql_types::Uuid, _>(id)
    .bind::<sql_types::Integer, _>(row.version.unwrap_or(0))
    .get_result(tx.conn())
    .optional()?
    .ok_or_else(|| AppError::Conflict("How it was closed is not known any more.".into()))?;
    let was = |key: &str| closing.changes.get(key).and_then(|pair| pair[1].as_str()).map(str::to_owned);
    if before == "won" {
        deals::win(tx, &by, DealId(id), None)?;
    } else {
        let to = closing.changes.get("lost_to").and_then(|pair| fields::id(&pair[1])).map(CompetitorId);
        let loss = Loss { reason: was("lost_reason").unwrap_or_default(), note: was("lost_note"), to };
        deals::lose(tx, &by, DealId(id), loss, None)?;
    }
    diesel::sql_query("UPDATE deals SET closed_at = $2, closed_by = coalesce($3, closed_by) WHERE id = $1")
        .bind::<sql_types::Uuid, _>(id)
        .bind::<sql_types::Timestamptz, _>(closing.at)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(closing.actor_id)
        .execute(tx.conn())?;
    Ok(())
}

#[derive(QueryableByName)]
struct Tag {
    #[diesel(sql_type = sql_types::Uuid)]
    id: TagId,
    #[diesel(sql_type = sql_types::Text)]
    name: String,
}

/// History keeps tags by name: those that are still there come back.
fn tags_back(tx: &mut OrgTx, record: RecordType, id: Uuid, before: &Value, after: &Value) -> AppResult<()> {
    let names = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (before, after) = (names(before), names(after));
    let all: Vec<String> = before.iter().chain(&after).cloned().collect();
    let known: Vec<Tag> = diesel::sql_query("SELECT id, name FROM tags WHERE deleted_at IS NULL AND name = ANY ($1)")
        .bind::<sql_types::Array<sql_types::Text>, _>(all)
        .load(tx.conn())?;
    let (mut add, mut remove) = (tags::Pairs::default(), tags::Pairs::default());
    for tag in known {
        match (before.contains(&tag.name), after.contains(&tag.name)) {
            (true, false) => add.push(id, tag.id),
            (false, true) => remove.push(id, tag.id),
            _ => {}
        }
    }
    tags::change(tx, record, &add, &remove, None, false).map(drop)
}
