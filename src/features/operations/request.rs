//! Asking for an operation, cancelling it, taking it back: the forms behind the bulk bar, the progress page and the Undo of a toast.

use super::{
    actions::{Action, require_any},
    chooser,
    model::{NAMED, Operation, Status},
    run::{self, Request},
    undo as undoing, values,
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{deals, pipeline, records::list::Selection, segments, tags},
    kernel::{OperationId, RecordType, StageId},
    web::{Actor, Form, Page, flash::Flash, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// `POST /operations`: `record_type`, `action`, `ids` …
pub(super) async fn create(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    require_any(&page.actor)?;
    let (actor, posted) = (page.actor.clone(), form.clone());
    let begun = db
        .org(&page, move |tx| {
            let request = read(tx, &actor, &posted)?;
            run::start(tx, &actor, &request)
        })
        .await;
    match begun {
        Ok(operation) => Ok(answer(&page, &operation)),
        Err(AppError::Invalid(errors)) if errors.get("ids").is_some() => Ok(nothing_chosen(&page, &form)),
        Err(AppError::Invalid(errors)) => {
            chooser::page(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /operations/{id}/cancellation`
pub(super) async fn cancel(page: Page, id: Path<OperationId>, db: Data<Db>) -> AppResult<HttpResponse> {
    require_any(&page.actor)?;
    let (actor, id) = (page.actor.clone(), *id);
    let was_open = db
        .org(&page, move |tx| {
            super::pages::find(tx, &actor, id)?;
            run::cancel(tx, id)
        })
        .await?;
    let flash = if was_open { Flash::info("It stops in a moment") } else { Flash::info("It had ended already") };
    Ok(reply::redirect(&page.req, &format!("/operations/{id}"), Some(flash)))
}

/// `POST /operations/{id}/undo`
pub(super) async fn undo(page: Page, id: Path<OperationId>, db: Data<Db>) -> AppResult<HttpResponse> {
    require_any(&page.actor)?;
    let (actor, id) = (page.actor.clone(), *id);
    let operation = db
        .org(&page, move |tx| {
            let operation = super::pages::find(tx, &actor, id)?;
            if undoing::may_undo(&actor, &operation) { run::take_back(tx, &actor, id) } else { Err(AppError::NotFound) }
        })
        .await?;
    if operation.status() != Status::Undone || operation.left_alone > 0 {
        return Ok(reply::redirect(&page.req, &format!("/operations/{id}"), None));
    }
    let flash =
        Flash::success(format!("Undone: {}", counted(&page.actor, &operation, operation.restored, "as before")));
    Ok(reply::redirect(&page.req, &back(&operation), Some(flash)))
}

/// What the form asks for.
fn read(tx: &mut OrgTx, actor: &Actor, form: &Form) -> AppResult<Request> {
    let record = record(form)?;
    let action = match form.get("action") {
        "archive" => Action::Archive,
        "restore" => Action::Restore,
        "delete" => Action::Delete,
        "tag" => tagging(tx, actor, record, form)?,
        "segment" => enlisting(tx, actor, record, form)?,
        "move" if record == RecordType::Deal => moving(tx, actor, form)?,
        "won" | "lost" if record == RecordType::Deal => closing(tx, actor, form)?,
        "edit" if record == RecordType::Deal && form.get("field") == "stage_id" => moving(tx, actor, form)?,
        "edit" | "assign" => {
            crate::features::records::require_edit(actor, record)?;
            let mut form = form.clone();
            if form.get("action") == "assign" {
                form.set("field", "owner_id");
            }
            Action::Edit(values::parse(tx, actor, record, &form)?)
        }
        _ => return Err(AppError::Rejected(StatusCode::BAD_REQUEST, "It is not clear what is to be done.")),
    };
    let selection = chosen(tx, actor, record, form)?;
    let key = key(form, &action, &selection);
    Ok(Request { record, action, selection, back: back_of(form, record), key })
}

/// `value` holds the names; `mode` says whether they are added or removed.
fn tagging(tx: &mut OrgTx, actor: &Actor, record: RecordType, form: &Form) -> AppResult<Action> {
    crate::features::records::require_edit(actor, record)?;
    let wanted = tags::parse(form.get("value"));
    if wanted.is_empty() {
        return Err(AppError::field("value", "are needed"));
    }
    let found = match form.get("mode") {
        "remove" => tags::known(tx, &wanted, "value")?,
        _ => tags::resolve(tx, actor, &wanted, "value")?,
    };
    let names = found.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>().join(", ");
    let ids = found.iter().map(|tag| tag.id).collect();
    Ok(match form.get("mode") {
        "remove" => Action::Tag { add: vec![], remove: ids, names },
        _ => Action::Tag { add: ids, remove: vec![], names },
    })
}

/// `value` is the stage to send deals to.
fn moving(tx: &mut OrgTx, actor: &Actor, form: &Form) -> AppResult<Action> {
    crate::features::records::require_edit(actor, RecordType::Deal)?;
    let unknown = || AppError::field("value", "is not one of the stages");
    let stage: StageId = form.get("value").parse().map_err(|_| unknown())?;
    match pipeline::stage(tx, stage) {
        Ok(stage) => Ok(Action::Move { stage: stage.id, name: stage.name }),
        Err(AppError::NotFound) => Err(unknown()),
        Err(other) => Err(other),
    }
}

/// Won, or lost with the reason.
fn closing(tx: &mut OrgTx, actor: &Actor, form: &Form) -> AppResult<Action> {
    crate::features::records::require_edit(actor, RecordType::Deal)?;
    if form.get("action") == "won" {
        return Ok(Action::Close { won: true, reason: None, note: None, to: None });
    }
    let loss = deals::parse_loss(form)?;
    deals::check_loss(tx, &loss, None)?;
    Ok(Action::Close { won: false, reason: Some(loss.reason), note: loss.note, to: loss.to })
}

/// `value` names a static segment, a new one when records are put in; `mode` says whether they are put in or taken out.
fn enlisting(tx: &mut OrgTx, actor: &Actor, record: RecordType, form: &Form) -> AppResult<Action> {
    crate::features::records::require_edit(actor, record)?;
    let name = form.get("value");
    let into = form.get("mode") != "remove";
    let found = match into {
        true => segments::create_static(tx, actor, record, name).map_err(at_value)?,
        false => segments::by_name(tx, record, name)?
            .filter(|segment| !segment.is_dynamic())
            .ok_or_else(|| AppError::field("value", "is not a segment that records are put into by hand"))?,
    };
    Ok(Action::Segment { segment: found.id, name: found.name, into })
}

/// What is wrong with the name is wrong with the one value there is.
fn at_value(error: AppError) -> AppError {
    match error {
        AppError::Invalid(errors) => AppError::field("value", errors.get("name").unwrap_or("is not a name")),
        other => other,
    }
}

pub(super) fn record(form: &Form) -> AppResult<RecordType> {
    let bad = AppError::Rejected(StatusCode::BAD_REQUEST, "It is not clear which kind of record is meant.");
    RecordType::parse(form.get("record_type")).ok_or(bad)
}

/// The records that are ticked, or all that match.
pub(super) fn chosen(tx: &mut OrgTx, actor: &Actor, record: RecordType, form: &Form) -> AppResult<Selection> {
    if form.get("scope") != "matching" && form.all("ids").next().is_none() {
        return Err(AppError::field("ids", "are needed"));
    }
    Selection::parse(tx, actor, record, form)
}

/// The form's own key, bound to what it asks for: the same form with another button is another operation.
fn key(form: &Form, action: &Action, selection: &Selection) -> Option<Uuid> {
    let key: Uuid = form.get("request_key").parse().ok()?;
    let mut digest = Sha256::new().chain_update(key.as_bytes());
    digest.update(serde_json::to_vec(action).unwrap_or_default());
    digest.update(serde_json::to_vec(&selection.keep()).unwrap_or_default());
    Uuid::from_slice(&digest.finalize()[..16]).ok()
}

/// A path of ours to come back to: the list as it was.
pub(super) fn back_of(form: &Form, record: RecordType) -> String {
    let back = form.get("back");
    let ours =
        back.starts_with('/') && !back.starts_with("//") && !back.contains(['\\', '\n', '\r']) && back.len() < 4_000;
    if ours { back.to_owned() } else { format!("/{}", record.noun()) }
}

fn back(operation: &Operation) -> String {
    let noun = operation.record().map_or("", RecordType::noun);
    operation.params["back"].as_str().map_or_else(|| format!("/{noun}"), str::to_owned)
}

pub(super) fn nothing_chosen(page: &Page, form: &Form) -> HttpResponse {
    let path = RecordType::parse(form.get("record_type")).map_or_else(|| "/".to_owned(), |r| back_of(form, r));
    reply::redirect(&page.req, &path, Some(Flash::danger("Select some records first")))
}

/// Back to the list with what was done and Undo, or to the progress of what takes longer.
fn answer(page: &Page, operation: &Operation) -> HttpResponse {
    if operation.status() != Status::Done {
        return reply::redirect(&page.req, &format!("/operations/{}", operation.id), None);
    }
    let told = told(&page.actor, operation);
    let flash = match operation.changed {
        0 => Flash::info(told),
        _ => Flash::success(told).undo(format!("/operations/{}/undo", operation.id)),
    };
    reply::redirect(&page.req, &back(operation), Some(flash))
}

/// "3 contacts archived, 1 already archived".
pub(super) fn told(actor: &Actor, operation: &Operation) -> String {
    let action: Option<Action> = serde_json::from_value(operation.params["action"].clone()).ok();
    let verb = action.as_ref().map_or("changed", Action::participle);
    let mut parts = vec![counted(actor, operation, operation.changed, verb)];
    parts.extend(reasons(actor, operation).into_iter().map(|(why, count)| format!("{count} {why}")));
    if operation.changed == 0 {
        parts[0] = "Nothing changed".to_owned();
    }
    parts.join(", ")
}

fn counted(actor: &Actor, operation: &Operation, count: i64, verb: &str) -> String {
    let record = operation.record();
    let noun = match (record, count) {
        (Some(record), 1) => record.label().to_lowercase(),
        (Some(record), _) => record.plural().to_lowercase(),
        (None, _) => "records".to_owned(),
    };
    format!("{} {noun} {verb}", actor.locale.integer(count))
}

/// Why records were skipped or failed, each with how many.
pub(super) fn reasons(actor: &Actor, operation: &Operation) -> Vec<(String, String)> {
    let all = operation.reasons.as_object().cloned().unwrap_or_default();
    let told = |(why, n): (String, serde_json::Value)| {
        let count = n.as_i64().unwrap_or(0);
        let names = operation.params["named"][&why].as_array().map(Vec::as_slice).unwrap_or_default();
        let names: Vec<String> = names.iter().filter_map(|name| name.as_str()).take(NAMED).map(short).collect();
        let more = count - i64::try_from(names.len()).unwrap_or(count);
        let named = match (names.is_empty(), more) {
            (true, _) => why,
            (false, ..=0) => format!("{why} ({})", names.join(", ")),
            (false, more) => format!("{why} ({} and {} more)", names.join(", "), actor.locale.integer(more)),
        };
        (named, actor.locale.integer(count))
    };
    all.into_iter().map(told).collect()
}

/// Ten of them fit a message.
fn short(name: &str) -> String {
    let short: String = name.chars().take(34).collect();
    if short.len() < name.len() { format!("{short}…") } else { short }
}
