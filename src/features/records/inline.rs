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
    features::accounts::members::{self, Person},
    kernel::{Field, FieldKind, RecordType, countries},
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
    pub key: &'static str,
    pub label: &'static str,
    pub shown: Shown,
    pub edit_url: Option<String>,
    pub version: String,
}

impl Cell {
    pub fn new(
        record: RecordType,
        id: Uuid,
        field: &'static Field,
        form: &Form,
        actor: &Actor,
        people: &[Person],
    ) -> Self {
        let may = field.inline && require_edit(actor, record).is_ok();
        Self {
            id: format!("{record}-{}", field.key.replace('_', "-")),
            key: field.key,
            label: field.label,
            shown: display::shown(field, form, actor, people),
            edit_url: may.then(|| format!("/{}/{id}/fields/{}", record.noun(), field.key)),
            version: form.get("version").to_owned(),
        }
    }

    /// The cells of these fields, in this order.
    pub fn of(record: RecordType, id: Uuid, keys: &[&str], form: &Form, actor: &Actor, people: &[Person]) -> Vec<Self> {
        let fields = keys.iter().filter_map(|key| record.field(key));
        fields.map(|field| Self::new(record, id, field, form, actor, people)).collect()
    }
}

/// The value as `_value.html` shows it, everywhere it stands.
#[derive(Template)]
#[template(path = "records/_value.html")]
struct ValueFragment {
    cell: Cell,
}

/// How the field is typed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Control {
    Input { kind: &'static str, mode: &'static str },
    Area,
    Select,
    Combobox { options: &'static str },
}

#[derive(Template)]
#[template(path = "records/_inline.html")]
struct EditFragment {
    action: String,
    csrf: String,
    name: &'static str,
    label: &'static str,
    max: usize,
    input: FormView,
    control: Control,
    choices: Vec<SelectOption>,
    conflict: String,
}

/// `GET /{noun}/{id}/fields/{key}`
pub async fn edit(
    spec: &Spec,
    page: Page,
    path: web::Path<(Uuid, String)>,
    db: web::Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, field) = locate(spec, &page, path.into_inner())?;
    let (actor, load) = (page.actor.clone(), spec.load);
    let (draft, people) = db
        .org(&page, move |tx| {
            let form = load(tx, &actor, id)?;
            Ok((Draft::of(form), members::directory(tx)?))
        })
        .await?;
    reply::fragment(&EditFragment::new(&page, spec.record, id, field, draft, &people))
}

/// `GET /{noun}/{id}/fields/{key}/value`
pub async fn value(
    spec: &Spec,
    page: Page,
    path: web::Path<(Uuid, String)>,
    db: web::Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, key) = path.into_inner();
    let field = spec.record.field(&key).ok_or(AppError::NotFound)?;
    let (actor, load, record) = (page.actor.clone(), spec.load, spec.record);
    let cell = db.org(&page, move |tx| cell(tx, &actor, record, id, field, load)).await?;
    reply::fragment(&ValueFragment { cell })
}

type Load = fn(&mut OrgTx, &Actor, Uuid) -> AppResult<Form>;

fn cell(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    id: Uuid,
    field: &'static Field,
    load: Load,
) -> AppResult<Cell> {
    let form = load(tx, actor, id)?;
    let people = if field.kind == FieldKind::Member { members::directory(tx)? } else { vec![] };
    Ok(Cell::new(record, id, field, &form, actor, &people))
}

/// `POST /{noun}/{id}/fields/{key}`
pub async fn save(
    spec: &'static Spec,
    page: Page,
    path: web::Path<(Uuid, String)>,
    posted: Form,
    db: web::Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, field) = locate(spec, &page, path.into_inner())?;
    let (actor, load) = (page.actor.clone(), spec.load);
    let form = db
        .org(&page, move |tx| {
            let mut form = load(tx, &actor, id)?;
            replace(&mut form, field, &posted);
            Ok(form)
        })
        .await?;
    match submit::submit(spec, &page, id, form, &db).await? {
        Submitted::Saved if submit::still_seen(spec, &page, id, &db).await? => {
            value(spec, page, web::Path::from((id, field.key.to_owned())), db).await
        }
        Submitted::Saved => Ok(submit::handed_over(spec, &page)),
        Submitted::Again(status, draft) => {
            let people = db.org(&page, members::directory).await?;
            reply::fragment_with(status, &EditFragment::new(&page, spec.record, id, field, *draft, &people))
        }
    }
}

/// Puts the posted value into the record's own form, and the version the editor saw.
fn replace(form: &mut Form, field: &Field, posted: &Form) {
    form.set("version", posted.get("version"));
    match field.kind {
        FieldKind::Emails | FieldKind::Phones => form.set(field.key, display::many(posted, field.key).join("\n")),
        FieldKind::Company | FieldKind::Contact => {
            let name = display::name_key(field.key);
            form.set(field.key, posted.get(field.key));
            form.set(name, posted.get(name));
        }
        _ => form.set(field.key, posted.get(field.key)),
    }
}

fn locate(spec: &Spec, page: &Page, (id, key): (Uuid, String)) -> AppResult<(Uuid, &'static Field)> {
    require_edit(&page.actor, spec.record)?;
    let field = spec.record.field(&key).filter(|f| f.inline).ok_or(AppError::NotFound)?;
    Ok((id, field))
}

impl EditFragment {
    fn new(page: &Page, record: RecordType, id: Uuid, field: &'static Field, draft: Draft, people: &[Person]) -> Self {
        let choices = choices(field, draft.form.get(field.key), people);
        Self {
            action: format!("/{}/{id}/fields/{}", record.noun(), field.key),
            csrf: csrf::token(&page.req),
            name: field.key,
            label: field.label,
            max: field.max,
            control: control(field.kind),
            input: draft.form.view(at_field(field, draft.errors)),
            choices,
            conflict: draft.conflict.map(|told| in_words(&told)).unwrap_or_default(),
        }
    }

    /// The field's text; a repeated one has a line for each.
    fn value(&self) -> String {
        self.input.all(self.name).join("\n")
    }

    fn reference_name(&self) -> &str {
        display::name_key(self.name)
    }
}

/// Everything the form refuses is said at the one field there is.
fn at_field(field: &Field, errors: FormErrors) -> FormErrors {
    if errors.is_empty() {
        return errors;
    }
    FormErrors::one(field.key, errors.get(field.key).map_or_else(|| errors.summary(), str::to_owned))
}

fn in_words(told: &Conflict) -> String {
    let changes: Vec<String> = told.lines.iter().map(|s| format!("{} to “{}”", s.line.label, s.line.after)).collect();
    let what = if changes.is_empty() { "this record".to_owned() } else { changes.join(", ") };
    format!("{} meanwhile changed {what}. Enter saves yours all the same; Escape keeps theirs.", told.who)
}

/// How a field of that kind is typed in.
pub fn control(kind: FieldKind) -> Control {
    let input = |kind, mode| Control::Input { kind, mode };
    match kind {
        FieldKind::LongText | FieldKind::Emails | FieldKind::Phones => Control::Area,
        FieldKind::Choice(_) | FieldKind::Member | FieldKind::Country | FieldKind::Bool => Control::Select,
        FieldKind::Currency | FieldKind::Pipeline | FieldKind::Stage => Control::Select,
        FieldKind::Company => Control::Combobox { options: "/companies/options" },
        FieldKind::Contact => Control::Combobox { options: "/contacts/options" },
        FieldKind::Email => input("text", "email"),
        FieldKind::Phone => input("tel", "tel"),
        FieldKind::Domain => input("text", "url"),
        FieldKind::Integer => input("text", "numeric"),
        FieldKind::Percent | FieldKind::Money => input("text", "decimal"),
        FieldKind::Date => input("date", ""),
        FieldKind::Text | FieldKind::DateTime => input("text", ""),
    }
}

/// What a select for that field offers.
pub fn choices(field: &Field, current: &str, people: &[Person]) -> Vec<SelectOption> {
    let mut choices = if field.required { vec![] } else { vec![SelectOption::new("", "None", current.is_empty())] };
    match field.kind {
        FieldKind::Choice(all) => {
            choices.extend(all.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == current)));
        }
        FieldKind::Member => choices.extend(owner_choices(people, current)),
        FieldKind::Country => {
            choices.extend(
                countries::all().into_iter().map(|(code, name)| SelectOption::new(code, name, code == current)),
            );
        }
        FieldKind::Currency => choices.extend(
            crate::kernel::Currency::all()
                .into_iter()
                .map(|(code, name)| SelectOption::new(&code, format!("{code} {name}"), code == current)),
        ),
        FieldKind::Bool => {
            let yes = current == "true";
            choices = vec![SelectOption::new("", "No", !yes), SelectOption::new("true", "Yes", yes)];
        }
        _ => choices.clear(),
    }
    choices
}

/// Active members, and the present owner even when they have left.
pub fn owner_choices(people: &[Person], current: &str) -> Vec<SelectOption> {
    let shown = people.iter().filter(|p| p.active || p.id.to_string() == current);
    shown.map(|p| SelectOption::new(p.id.to_string(), &p.name, p.id.to_string() == current)).collect()
}
