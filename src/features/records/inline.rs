//! Editing one field in place. The record becomes its form, the one field is replaced, and the form is saved as a whole form is:
//! one rule on every write path.

use super::{
    Spec,
    display::{self, Shown},
    history::Conflict,
    require_edit,
    submit::{self, Draft, Submitted},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        fields::{self, Catalogue, Control, Entry, Kind},
    },
    kernel::RecordType,
    web::{Actor, Form, FormErrors, FormView, Page, SelectOption, csrf, reply},
};
use actix_web::{HttpResponse, web};
use askama::Template;
use uuid::Uuid;

/// A field on the record page: its label, its value, and where to edit it when the reader may.
#[derive(Clone, Debug)]
pub struct Cell {
    /// `company-industry`: the element's id.
    pub id: String,
    pub key: String,
    pub label: String,
    pub shown: Shown,
    pub edit_url: Option<String>,
    pub version: String,
}

impl Cell {
    pub fn new(record: RecordType, id: Uuid, field: &Entry, form: &Form, actor: &Actor, people: &[Person]) -> Self {
        let may = field.editable && require_edit(actor, record).is_ok();
        Self {
            id: format!("{record}-{}", field.key.replace('_', "-")),
            key: field.key.clone(),
            label: field.label.clone(),
            shown: display::shown(field, form, actor, people),
            edit_url: may.then(|| format!("/{}/{id}/fields/{}", record.noun(), field.key)),
            version: form.get("version").to_owned(),
        }
    }

    /// The cells of these built-in fields, in this order.
    pub fn of(record: RecordType, id: Uuid, keys: &[&str], form: &Form, actor: &Actor, people: &[Person]) -> Vec<Self> {
        let fields = keys.iter().filter_map(|key| record.field(key));
        fields.map(|field| Self::new(record, id, &Entry::built_in(record, field), form, actor, people)).collect()
    }
}

/// The organisation's own fields under one heading, on a record's page.
#[derive(Clone, Debug)]
pub struct CellSection {
    pub title: String,
    pub cells: Vec<Cell>,
}

impl CellSection {
    /// The custom fields that the reader may see, by section.
    pub fn load(
        tx: &mut OrgTx,
        record: RecordType,
        id: Uuid,
        form: &Form,
        actor: &Actor,
        people: &[Person],
    ) -> AppResult<Vec<Self>> {
        let catalogue = Catalogue::shared(tx, actor, record)?;
        let sections = fields::sections(&catalogue).into_iter().map(|(title, entries)| Self {
            title: title.to_owned(),
            cells: entries.into_iter().map(|entry| Cell::new(record, id, entry, form, actor, people)).collect(),
        });
        Ok(sections.collect())
    }
}

/// The value as `_value.html` shows it, everywhere it stands.
#[derive(Template)]
#[template(path = "records/_value.html")]
struct ValueFragment {
    cell: Cell,
}

#[derive(Template)]
#[template(path = "records/_inline.html")]
struct EditFragment {
    action: String,
    csrf: String,
    name: String,
    label: String,
    max: usize,
    /// Of a reference: where its id travels, and where its name does.
    reference: (String, String),
    input: FormView,
    control: Control,
    choices: Vec<SelectOption>,
    /// Beside an amount that has a currency of its own.
    currencies: Vec<SelectOption>,
    conflict: String,
}

/// `GET /{noun}/{id}/fields/{key}`
pub async fn edit(
    spec: &Spec,
    page: Page,
    path: web::Path<(Uuid, String)>,
    db: web::Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, key) = path.into_inner();
    require_edit(&page.actor, spec.record)?;
    let (actor, load, record) = (page.actor.clone(), spec.load, spec.record);
    let (field, draft, people) = db
        .org(&page, move |tx| {
            let field = editable(tx, &actor, record, &key)?;
            let form = load(tx, &actor, id)?;
            Ok((field, Draft::of(form), members::directory(tx)?))
        })
        .await?;
    reply::fragment(&EditFragment::new(&page, spec.record, id, &field, draft, &people))
}

/// `GET /{noun}/{id}/fields/{key}/value`
pub async fn value(
    spec: &Spec,
    page: Page,
    path: web::Path<(Uuid, String)>,
    db: web::Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, key) = path.into_inner();
    let (actor, load, record) = (page.actor.clone(), spec.load, spec.record);
    let cell = db
        .org(&page, move |tx| {
            let field = located(tx, &actor, record, &key)?;
            let form = load(tx, &actor, id)?;
            let people = if field.kind == Kind::Member { members::directory(tx)? } else { vec![] };
            Ok(Cell::new(record, id, &field, &form, &actor, &people))
        })
        .await?;
    reply::fragment(&ValueFragment { cell })
}

/// `POST /{noun}/{id}/fields/{key}`
pub async fn save(
    spec: &'static Spec,
    page: Page,
    path: web::Path<(Uuid, String)>,
    posted: Form,
    db: web::Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, key) = path.into_inner();
    require_edit(&page.actor, spec.record)?;
    let (actor, load, record) = (page.actor.clone(), spec.load, spec.record);
    let (field, form) = db
        .org(&page, move |tx| {
            let field = editable(tx, &actor, record, &key)?;
            let mut form = load(tx, &actor, id)?;
            replace(&mut form, &field, &posted);
            Ok((field, form))
        })
        .await?;
    match submit::submit(spec, &page, id, form, &db).await? {
        Submitted::Saved if submit::still_seen(spec, &page, id, &db).await? => {
            value(spec, page, web::Path::from((id, field.key)), db).await
        }
        Submitted::Saved => Ok(submit::handed_over(spec, &page)),
        Submitted::Again(status, draft) => {
            let people = db.org(&page, members::directory).await?;
            reply::fragment_with(status, &EditFragment::new(&page, spec.record, id, &field, *draft, &people))
        }
    }
}

/// Puts the posted value into the record's own form, and the version the editor saw.
fn replace(form: &mut Form, field: &Entry, posted: &Form) {
    form.set("version", posted.get("version"));
    match &field.kind {
        kind if kind.is_list() => form.set(&field.key, display::many(posted, &field.key).join("\n")),
        Kind::Record(_) => {
            let (id, name) = display::Described::reference(field);
            form.set(&id, posted.get(&id));
            form.set(&name, posted.get(&name));
        }
        _ => form.set(&field.key, posted.get(&field.key)),
    }
    if field.own_currency {
        let name = fields::currency_name(&field.key);
        form.set(&name, posted.get(&name));
    }
}

/// A field of that type that the actor may see, built in or custom.
fn located(tx: &mut OrgTx, actor: &Actor, record: RecordType, key: &str) -> AppResult<Entry> {
    match record.field(key) {
        Some(field) => Ok(Entry::built_in(record, field)),
        None => Catalogue::load(tx, actor, record)?.get(key).cloned().ok_or(AppError::NotFound),
    }
}

fn editable(tx: &mut OrgTx, actor: &Actor, record: RecordType, key: &str) -> AppResult<Entry> {
    Some(located(tx, actor, record, key)?).filter(|field| field.editable).ok_or(AppError::NotFound)
}

impl EditFragment {
    fn new(page: &Page, record: RecordType, id: Uuid, field: &Entry, draft: Draft, people: &[Person]) -> Self {
        let currency = draft.form.get(&fields::currency_name(&field.key)).to_owned();
        Self {
            action: format!("/{}/{id}/fields/{}", record.noun(), field.key),
            csrf: csrf::token(&page.req),
            name: field.key.clone(),
            label: field.label.clone(),
            max: field.max,
            reference: display::Described::reference(field),
            control: fields::control(field),
            choices: fields::options(field, &draft.form, people),
            currencies: if field.own_currency { fields::currencies(&currency, &page.org.currency) } else { vec![] },
            input: draft.form.view(at_field(field, draft.errors)),
            conflict: draft.conflict.map(|told| in_words(&told)).unwrap_or_default(),
        }
    }

    /// The field's text; a repeated one has a line for each.
    fn value(&self) -> String {
        self.input.all(&self.name).join("\n")
    }
}

/// Everything the form refuses is said at the one field there is.
fn at_field(field: &Entry, errors: FormErrors) -> FormErrors {
    if errors.is_empty() {
        return errors;
    }
    FormErrors::one(&field.key, errors.get(&field.key).map_or_else(|| errors.summary(), str::to_owned))
}

fn in_words(told: &Conflict) -> String {
    let changes: Vec<String> = told.theirs.iter().map(|line| format!("{} to “{}”", line.label, line.after)).collect();
    let what = if changes.is_empty() { "this record".to_owned() } else { changes.join(", ") };
    format!("{} meanwhile changed {what}. Enter saves yours all the same; Escape keeps theirs.", told.who)
}

/// Who may own records, and the present owner even when they may not any more.
pub fn owner_choices(people: &[Person], current: &str) -> Vec<SelectOption> {
    choices(people.iter().filter(|p| p.may_own || p.id.to_string() == current), current)
}

/// Active members, and whoever is chosen even when they have left.
pub fn member_choices(people: &[Person], current: &str) -> Vec<SelectOption> {
    choices(people.iter().filter(|p| p.active || p.id.to_string() == current), current)
}

fn choices<'a>(people: impl Iterator<Item = &'a Person>, current: &str) -> Vec<SelectOption> {
    people.map(|p| SelectOption::new(p.id.to_string(), &p.name, p.id.to_string() == current)).collect()
}
