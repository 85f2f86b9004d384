//! The page of a record's history: who changed which field when, from what to what, and by what means; by field and by person; each
//! change with Undo.

use super::{
    super::{Spec, display, require_edit, timeline::Line, timeline::words, visible},
    reversal::{self, Meanwhile, Outcome},
    rows::{self, Latest, Narrowed, Row},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    events,
    features::fields::Catalogue,
    kernel::RecordType,
    web::{
        Actor, Form, Page, SelectOption, Shell,
        flash::Flash,
        permission::{Permission, organisation},
        reply,
    },
};
use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// One event, ready to be shown.
struct Change {
    id: Uuid,
    icon: &'static str,
    title: String,
    lines: Vec<Line>,
    who: String,
    when: String,
    exact: String,
    iso: String,
    /// What did it, when it was not the record's form: "Import clients.csv".
    means: String,
    /// Where that is to be looked at.
    href: String,
    /// What takes it back: a path to post to.
    undo: String,
}

#[derive(Template)]
#[template(path = "records/history.html", blocks = ["more"])]
struct History {
    shell: Shell,
    record: RecordType,
    base: String,
    name: String,
    changes: Vec<Change>,
    fields: Vec<SelectOption>,
    people: Vec<SelectOption>,
    narrowed: bool,
    more: Option<String>,
    refused: Option<Refused>,
}

/// An undo that something stands in the way of.
struct Refused {
    action: String,
    since: Meanwhile,
}

/// `GET /{noun}/{id}/history`
pub async fn index(spec: &Spec, page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let (actor, record, shell, more) =
        (page.actor.clone(), spec.record, page.shell(spec.record.noun()), query.has("after"));
    let whole = db.org(&page, move |tx| History::load(tx, &actor, record, *id, &query, shell)).await?;
    if more && reply::is_partial(&page.req) {
        return reply::fragment(&whole.as_more());
    }
    reply::page(&page.req, &whole)
}

/// `POST /{noun}/{id}/history/{event}/undo`; `rest`: what was set since is left alone.
pub async fn undo(
    spec: &'static Spec,
    page: Page,
    ids: web::Path<(Uuid, Uuid)>,
    form: Form,
    db: web::Data<Db>,
) -> AppResult<HttpResponse> {
    require_edit(&page.actor, spec.record)?;
    let (id, event) = *ids;
    let (actor, rest) = (page.actor.clone(), form.get("rest") == "1");
    let outcome = db.org(&page, move |tx| reversal::undo(tx, &actor, spec, id, event, rest)).await;
    let back = format!("/{}/{id}/history", spec.record.noun());
    let flash = match outcome {
        Ok(Outcome::Done { left }) if left.is_empty() => Flash::success("Change undone"),
        Ok(Outcome::Done { left }) => Flash::success(format!("Change undone, but for {}", left.join(", "))),
        Ok(Outcome::Changed(since)) => return refused(spec, &page, &db, (id, event), since).await,
        Err(AppError::Invalid(errors)) => Flash::danger(format!("Not undone: {}", errors.summary())),
        Err(AppError::Conflict(told)) => Flash::danger(format!("Not undone. {told}")),
        Err(other) => return Err(other),
    };
    Ok(reply::redirect(&page.req, &back, Some(flash)))
}

/// The page again, with what was set since, by whom, and the choice to undo the rest.
async fn refused(
    spec: &Spec,
    page: &Page,
    db: &Db,
    (id, event): (Uuid, Uuid),
    since: Meanwhile,
) -> AppResult<HttpResponse> {
    let (actor, record, shell) = (page.actor.clone(), spec.record, page.shell(spec.record.noun()));
    let mut whole = db.org(page, move |tx| History::load(tx, &actor, record, id, &Form::default(), shell)).await?;
    whole.refused = Some(Refused { action: format!("{}/history/{event}/undo", whole.base), since });
    reply::page_with(&page.req, StatusCode::CONFLICT, &whole)
}

impl History {
    fn load(
        tx: &mut OrgTx,
        actor: &Actor,
        record: RecordType,
        id: Uuid,
        query: &Form,
        shell: Shell,
    ) -> AppResult<Self> {
        let standing = visible(tx, actor, record, id)?;
        let catalogue = Catalogue::load(tx, actor, record)?;
        let latest = rows::latest(tx, record, id)?;
        let asked = Narrowed {
            // A field hidden from the reader is none of those to ask for.
            field: Some(query.get("field")).filter(|key| shown(&catalogue, key)).map(str::to_owned),
            by: query.get("by").parse().ok(),
            after: Some(query.get("after")).filter(|after| !after.is_empty()).map(str::to_owned),
        };
        let mut page = rows::page(tx, record, id, &asked)?;
        page.rows.retain(|row| words::tells(&row.changes, &catalogue));
        let may_edit = require_edit(actor, record).is_ok();
        let base = format!("/{}/{id}", record.noun());
        let change = |row| Change::new(row, actor, &catalogue, (&base, id, may_edit), &latest);
        let changes: Vec<Change> = page.rows.into_iter().map(change).collect();
        let people = rows::authors(tx, record, id)?;
        Ok(Self {
            fields: fields(&catalogue, &latest, asked.field.as_deref()),
            people: people.iter().map(|p| SelectOption::new(p.id, &p.name, asked.by == Some(p.id))).collect(),
            narrowed: asked.field.is_some() || asked.by.is_some(),
            more: page.next.map(|next| address(&base, &asked, &next)),
            shell,
            record,
            name: standing.name,
            changes,
            base,
            refused: None,
        })
    }
}

/// Fields of the reader's own catalogue, and what the program notes beside them ("Lost note").
fn shown(catalogue: &Catalogue, key: &str) -> bool {
    !key.is_empty() && (catalogue.known(key).is_some() || !key.starts_with("c_"))
}

/// Those that were ever set, in the order of forms.
fn fields(catalogue: &Catalogue, latest: &HashMap<String, Latest>, chosen: Option<&str>) -> Vec<SelectOption> {
    let known = catalogue.entries.iter().chain(&catalogue.retired);
    known
        .filter(|entry| latest.contains_key(&entry.key) || chosen == Some(entry.key.as_str()))
        .map(|entry| SelectOption::new(&entry.key, &entry.label, chosen == Some(entry.key.as_str())))
        .collect()
}

fn address(base: &str, asked: &Narrowed, after: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Some(field) = &asked.field {
        query.append_pair("field", field);
    }
    if let Some(by) = asked.by {
        query.append_pair("by", &by.to_string());
    }
    format!("{base}/history?{}", query.append_pair("after", after).finish())
}

impl Change {
    fn new(
        row: Row,
        actor: &Actor,
        catalogue: &Catalogue,
        (base, record, may_edit): (&str, Uuid, bool),
        latest: &HashMap<String, Latest>,
    ) -> Self {
        let currency = row.data.get("currency").and_then(Value::as_str);
        let mut lines = words::lines(&row.changes, catalogue, actor, currency);
        lines.extend(words::passed_over(&row.data));
        let words = words::of(&row.kind, &row.changes, &row.data, catalogue, actor);
        let own = row.record_id == record;
        let undo = match row.data.get("merge_id").and_then(Value::as_str) {
            _ if !own || !may_edit => String::new(),
            Some(_) => String::new(),
            None if reversal::offered(&row, catalogue, latest) => format!("{base}/history/{}/undo", row.id),
            None => String::new(),
        };
        let (means, href) = means(&row, actor, own);
        Self {
            id: row.id,
            icon: words.icon,
            title: title(&row, words, &lines),
            lines,
            who: events::doer(row.actor_name, &row.data),
            when: actor.moment(row.at),
            exact: actor.exact(row.at),
            iso: row.at.to_rfc3339(),
            means,
            href,
            undo,
        }
    }
}

/// What happened; the fields stand below it.
fn title(row: &Row, words: words::Words, lines: &[Line]) -> String {
    let undo = row.data.get("undo").and_then(Value::as_bool) == Some(true);
    let verb = row.kind.split_once('.').map_or(row.kind.as_str(), |(_, verb)| verb);
    match verb {
        "updated" | "moved" | "tagged" if undo && row.data.get("title").is_none() => "Change undone".to_owned(),
        "updated" if words.lines.is_empty() && !lines.is_empty() => "Changed".to_owned(),
        "moved" if !lines.is_empty() => "Moved".to_owned(),
        "tagged" => "Tags changed".to_owned(),
        _ if lines.is_empty() || !words.title.is_empty() => words.title,
        _ => display::words(verb),
    }
}

/// By what it was done, and where to look at that.
fn means(row: &Row, actor: &Actor, own: bool) -> (String, String) {
    let id = |key: &str| row.data.get(key).and_then(Value::as_str).unwrap_or_default();
    if let Some(file) = &row.import {
        return (format!("Import of {file}"), format!("/imports/{}", id("import_id")));
    }
    if let Some(title) = &row.operation {
        // Whose operations a reader may open: their own; an administrator, all.
        let theirs = row.operation_by == Some(actor.id.0) || actor.may(organisation::Administer::KEY);
        let href = if theirs { format!("/operations/{}", id("operation_id")) } else { String::new() };
        return (format!("Bulk change: {title}"), href);
    }
    let merged = row.by_merge || row.data.get("merge_id").is_some();
    match row.data.get("undo").and_then(Value::as_bool) {
        _ if !own => ("Before it was merged into this record".to_owned(), String::new()),
        Some(true) => ("Undo".to_owned(), String::new()),
        _ if merged => ("Merge".to_owned(), String::new()),
        _ => (String::new(), String::new()),
    }
}
