//! The page between the bulk bar and what needs more words: which owner, which field and what to write into it.

use super::{actions::require_any, custom, request, values};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        competitors,
        fields::{self, Catalogue, Control, Entry, Kind, Origin},
        pipeline,
        records::{list::Selection, require_edit},
        segments, tags,
    },
    kernel::RecordType,
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
    /// The list's query, when all that match are meant.
    matching: Option<String>,
    back: String,
    request_key: String,
    action: &'static str,
    /// Names of the tags or segments there are.
    known: Vec<String>,
    /// Why deals may be lost.
    reasons: Vec<SelectOption>,
    /// Who may have won them.
    rivals: Vec<SelectOption>,
    fields: Vec<SelectOption>,
    /// The field chosen, when there is one.
    field: Option<Asked>,
    input: FormView,
}

/// The field to be written, and how its value is typed.
struct Asked {
    label: String,
    max: usize,
    control: Control,
    choices: Vec<SelectOption>,
    modes: Vec<SelectOption>,
    /// Of an amount that has a currency of its own.
    currencies: Vec<SelectOption>,
}

impl Asked {
    fn new(entry: &Entry, form: &Form, people: &[Person], (stages, currency): (&[SelectOption], &str)) -> Self {
        let mode = form.get("mode");
        let mut modes = Vec::new();
        let mut offer = |key: &str, label: &str| {
            modes.push(SelectOption::new(key, label, key == mode || mode.is_empty() && modes.is_empty()));
        };
        let several = entry.kind.is_list();
        let clearable = !entry.required && !matches!(entry.kind, Kind::Bool | Kind::Currency | Kind::Stage);
        if several {
            offer("add", "Add to what is there");
            offer("remove", "Remove");
        }
        if several || clearable {
            offer("set", if several { "Replace by" } else { "Set to" });
            offer("clear", "Clear");
        }
        let mut current = Form::default();
        current.set(&entry.key, form.get("value"));
        let choices = match entry.kind {
            Kind::Stage => stages.to_vec(),
            _ => fields::options(entry, &current, people),
        };
        let asked = form.get("currency");
        let mut currencies = vec![];
        if matches!(entry.origin, Origin::BuiltIn(_)) && entry.kind == Kind::Money && entry.currency.is_some() {
            currencies = vec![SelectOption::new("", "Each its own", asked.is_empty())];
            currencies.extend(fields::currencies(asked, ""));
        } else if entry.own_currency {
            currencies = fields::currencies(asked, currency);
        }
        Self { label: entry.label.clone(), max: entry.max, control: fields::control(entry), choices, modes, currencies }
    }
}

/// Every field that may be given to many records: those every organisation has, then its own.
fn offered(catalogue: &Catalogue) -> Vec<Entry> {
    let built_in = values::editable(catalogue.record).into_iter().map(|f| Entry::built_in(catalogue.record, f));
    let stage = RecordType::Deal.field("stage_id").filter(|_| catalogue.record == RecordType::Deal);
    let stage = stage.map(|field| Entry::built_in(RecordType::Deal, field));
    stage.into_iter().chain(built_in).chain(custom::editable(catalogue).cloned()).collect()
}

/// Every stage, under its pipeline's name when there are several.
fn stages(tx: &mut OrgTx, chosen: &str) -> AppResult<Vec<SelectOption>> {
    let (pipelines, stages) = (pipeline::pipelines(tx)?, pipeline::stages(tx)?);
    let mut options = Vec::new();
    for one in &pipelines {
        for stage in stages.iter().filter(|stage| stage.pipeline_id == one.id) {
            let label = if pipelines.len() == 1 { stage.name.clone() } else { format!("{}: {}", one.name, stage.name) };
            let id = stage.id.to_string();
            options.push(SelectOption::new(&id, label, id == chosen));
        }
    }
    Ok(options)
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
    let (action, verb) = match form.get("action") {
        "assign" => ("assign", "Assign"),
        "tag" => ("tag", "Tag"),
        "segment" => ("segment", "Put into a segment:"),
        "move" if record == RecordType::Deal => ("move", "Move"),
        "lost" if record == RecordType::Deal => ("lost", "Mark as lost:"),
        _ => ("edit", "Edit"),
    };
    match action {
        "assign" => form.set("field", "owner_id"),
        "move" => form.set("field", "stage_id"),
        _ => {}
    }
    let (actor, posted) = (page.actor.clone(), form.clone());
    let chosen = db
        .org(page, move |tx| {
            let selection = request::chosen(tx, &actor, record, &posted)?;
            let count = selection.count(tx, &actor)?;
            let known: Vec<String> = match action {
                "tag" => tags::all(tx)?.into_iter().map(|tag| tag.name).collect(),
                "segment" => segments::statics(tx, record)?.into_iter().map(|segment| segment.name).collect(),
                _ => Vec::new(),
            };
            let offered = offered(&Catalogue::load(tx, &actor, record)?);
            let stages = match posted.get("field") {
                "stage_id" => stages(tx, posted.get("value"))?,
                _ => vec![],
            };
            let mut reasons = if action == "lost" { pipeline::board::lost_reasons(tx)? } else { vec![] };
            for reason in &mut reasons {
                reason.selected = reason.value == posted.get("lost_reason");
            }
            let rivals = match action {
                "lost" => competitors::choices(&competitors::all(tx)?, posted.get("lost_to")),
                _ => vec![],
            };
            Ok((members::directory(tx)?, (known, reasons, rivals), selection, count, (offered, stages)))
        })
        .await;
    let (people, (known, reasons, rivals), selection, count, (editable, stages)) = match chosen {
        Err(AppError::Invalid(errors)) if errors.get("ids").is_some() => {
            return Ok(request::nothing_chosen(page, &form));
        }
        other => other?,
    };
    let key = form.get("field").to_owned();
    let own = page.actor.org.currency.as_str();
    let many = if count.records == 1 { record.label() } else { record.plural() }.to_lowercase();
    let count = format!("{}{}", page.actor.locale.integer(count.records), if count.more { "+" } else { "" });
    let template = Choose {
        csrf: crate::web::csrf::token(&page.req),
        shell: page.shell(record.noun()),
        title: format!("{verb} {count} {many}"),
        record,
        ids: if let Selection::Ids(_, ids) = &selection { ids.clone() } else { vec![] },
        matching: matches!(selection, Selection::Matching(_)).then(|| form.get("matching").to_owned()),
        back: request::back_of(&form, record),
        request_key: form.get("request_key").to_owned(),
        action,
        known,
        reasons,
        rivals,
        field: editable.iter().find(|f| f.key == key).map(|field| Asked::new(field, &form, &people, (&stages, own))),
        fields: editable.iter().map(|f| SelectOption::new(&f.key, &f.label, f.key == key)).collect(),
        input: form.view(errors),
    };
    if reply::is_partial(&page.req) {
        return reply::fragment_with(status, &template.as_chooser());
    }
    reply::page_with(&page.req, status, &template)
}
