//! The page between the bulk bar and what needs more words: which owner, which field and what to write into it.

use super::{actions::require_any, request, values};
use crate::{
    db::Db,
    error::AppResult,
    features::{
        accounts::members::{self, Person},
        records::{
            inline::{self, Control},
            require_edit,
        },
        tags::{self, Tag},
    },
    kernel::{Field, FieldKind, RecordType},
    web::{Form, FormErrors, FormView, Page, SelectOption, Shell, reply},
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use uuid::Uuid;

#[derive(Template)]
#[template(path = "operations/choose.html", blocks = ["chooser"])]
struct Choose {
    shell: Shell,
    csrf: String,
    title: String,
    record: RecordType,
    ids: Vec<Uuid>,
    back: String,
    request_key: String,
    action: &'static str,
    /// Tags to choose from.
    known: Vec<Tag>,
    fields: Vec<SelectOption>,
    /// The field chosen, when there is one.
    field: Option<Asked>,
    input: FormView,
}

/// The field to be written, and how its value is typed.
struct Asked {
    label: &'static str,
    max: usize,
    control: Control,
    choices: Vec<SelectOption>,
    modes: Vec<SelectOption>,
}

impl Asked {
    fn new(field: &'static Field, form: &Form, people: &[Person]) -> Self {
        let mode = form.get("mode");
        let mut modes = Vec::new();
        let mut offer = |key: &str, label: &str| {
            modes.push(SelectOption::new(key, label, key == mode || mode.is_empty() && modes.is_empty()));
        };
        let several = matches!(field.kind, FieldKind::Emails | FieldKind::Phones);
        let clearable = !field.required && !matches!(field.kind, FieldKind::Bool | FieldKind::Currency);
        if several {
            offer("add", "Add to what is there");
            offer("remove", "Remove");
        }
        if several || clearable {
            offer("set", if several { "Replace by" } else { "Set to" });
            offer("clear", "Clear");
        }
        let choices = inline::choices(field, form.get("value"), people);
        Self { label: field.label, max: field.max, control: inline::control(field.kind), choices, modes }
    }
}

/// `POST /operations/new`: the selection, carried on, and what is still to be said. Posted, because a selection is long.
pub(super) async fn choose(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    require_any(&page.actor)?;
    self::page(&page, &db, StatusCode::OK, form, FormErrors::default()).await
}

/// The page, or only the form when htmx asks for it because another field was chosen.
pub(super) async fn page(
    page: &Page,
    db: &Db,
    status: StatusCode,
    mut form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let record = request::record(&form)?;
    require_edit(&page.actor, record)?;
    let ids = request::ids(&form)?;
    let (action, verb) = match form.get("action") {
        "assign" => ("assign", "Assign"),
        "tag" => ("tag", "Tag"),
        _ => ("edit", "Edit"),
    };
    if action == "assign" {
        form.set("field", "owner_id");
    }
    let (people, known) = db.org(page, |tx| Ok((members::directory(tx)?, tags::all(tx)?))).await?;
    let key = form.get("field").to_owned();
    let editable = values::editable(record);
    let many = if ids.len() == 1 { record.label() } else { record.plural() }.to_lowercase();
    let count = page.actor.locale.integer(i64::try_from(ids.len()).unwrap_or(i64::MAX));
    let template = Choose {
        csrf: crate::web::csrf::token(&page.req),
        shell: page.shell(record.noun()),
        title: format!("{verb} {count} {many}"),
        record,
        ids,
        back: request::back_of(&form, record),
        request_key: form.get("request_key").to_owned(),
        action,
        known,
        field: editable.iter().find(|f| f.key == key).map(|field| Asked::new(field, &form, &people)),
        fields: editable.iter().map(|f| SelectOption::new(f.key, f.label, f.key == key)).collect(),
        input: form.view(errors),
    };
    if reply::is_partial(&page.req) {
        return reply::fragment_with(status, &template.as_chooser());
    }
    reply::page_with(&page.req, status, &template)
}
