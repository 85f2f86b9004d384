//! The form of a deal, new and edited.

use super::{actions, beginnings, fields::PRIORITIES, forms};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        currencies,
        fields::{self, Catalogue, InputSection},
        pipeline::{self, Pipeline, Stage, StageGroup},
        records::{
            Saved,
            history::{self, Conflict},
            inline::owner_choices,
        },
    },
    kernel::{DealId, DealTemplateId, RecordType, calendar},
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, SelectOption, Shell,
        flash::Flash,
        permission::deals::{Create, Edit},
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

#[derive(Template)]
#[template(path = "deals/form.html")]
struct FormPage {
    shell: Shell,
    /// The deal being edited; `None` for a new one.
    deal: Option<DealId>,
    action: String,
    cancel: String,
    input: FormView,
    stages: Vec<StageGroup>,
    owners: Vec<SelectOption>,
    currencies: Vec<SelectOption>,
    priorities: Vec<SelectOption>,
    categories: Vec<SelectOption>,
    conflict: Option<Conflict>,
    /// The organisation's own fields.
    custom: Vec<InputSection>,
    beginning: Beginning,
}

impl FormPage {
    fn name_hint(&self) -> String {
        let waits = self.deal.is_none() && self.input.value("name").contains(beginnings::COMPANY);
        if waits { format!("{} becomes the company’s name.", beginnings::COMPANY) } else { String::new() }
    }
}

/// What a new deal is begun from, and the templates to choose from.
#[derive(Default)]
struct Beginning {
    kept: Vec<(&'static str, String)>,
    templates: Vec<TemplateChoice>,
}

struct TemplateChoice {
    id: String,
    label: String,
    current: bool,
}

impl Beginning {
    fn of(form: &Form, templates: &[(DealTemplateId, String)]) -> Self {
        let said = |key: &'static str| Some((key, form.get(key).to_owned())).filter(|(_, value)| !value.is_empty());
        let kept: Vec<(&'static str, String)> = beginnings::KEPT.iter().filter_map(|key| said(key)).collect();
        let choice = |(id, name): &(DealTemplateId, String)| TemplateChoice {
            id: id.to_string(),
            label: name.clone(),
            current: form.get("template") == id.to_string(),
        };
        Self { kept, templates: templates.iter().map(choice).collect() }
    }
}

/// What both forms offer to choose from.
struct Choices {
    templates: Vec<(DealTemplateId, String)>,
    pipelines: Vec<Pipeline>,
    stages: Vec<Stage>,
    people: Vec<Person>,
    catalogue: Catalogue,
    currencies: Vec<String>,
}

impl Choices {
    fn load(tx: &mut OrgTx, actor: &Actor) -> AppResult<Self> {
        let pipelines = pipeline::pipelines(tx)?;
        Ok(Self {
            templates: super::templates::choices(tx)?,
            pipelines,
            stages: pipeline::stages(tx)?,
            people: members::directory(tx)?,
            catalogue: Catalogue::load(tx, actor, RecordType::Deal)?,
            currencies: currencies::codes(tx, actor)?,
        })
    }
}

fn form_page(
    page: &Page,
    deal: Option<DealId>,
    form: Form,
    errors: FormErrors,
    choices: &Choices,
    conflict: Option<Conflict>,
) -> FormPage {
    let at = deal.map(|id| format!("/deals/{id}"));
    let currency = form.get("currency").to_owned();
    let mut owners = vec![SelectOption::new("", "Nobody yet", form.get("owner_id").is_empty())];
    let visible: Vec<Person> = choices.people.iter().filter(|p| page.sees(Some(p.id.0))).cloned().collect();
    owners.extend(owner_choices(&visible, form.get("owner_id")));
    FormPage {
        beginning: if deal.is_none() { Beginning::of(&form, &choices.templates) } else { Beginning::default() },
        shell: page.shell("deals"),
        action: at.clone().unwrap_or_else(|| "/deals/new".into()),
        cancel: at.unwrap_or_else(|| "/pipeline".into()),
        stages: StageGroup::all(&choices.pipelines, &choices.stages, form.get("stage_id")),
        owners,
        currencies: currencies::options(&choices.currencies, &currency),
        priorities: choices_of(PRIORITIES, form.get("priority")),
        categories: choices_of(pipeline::CATEGORIES, form.get("forecast_override")),
        deal,
        custom: InputSection::of(&choices.catalogue, page, &form, &errors, &choices.people),
        input: form.view(errors),
        conflict,
    }
}

fn choices_of(choices: &[(&str, &str)], chosen: &str) -> Vec<SelectOption> {
    choices.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == chosen)).collect()
}

/// `GET /deals/new`
pub async fn new(page: Page, _by: Allow<Create>, db: Data<Db>) -> AppResult<HttpResponse> {
    let form = Form::decode(page.req.query_string().as_bytes())?;
    let actor = page.actor.clone();
    let (mut form, choices) = db
        .org(&page, move |tx| {
            let choices = Choices::load(tx, &actor)?;
            Ok((begun(tx, &actor, form)?, choices))
        })
        .await?;
    form.set("owner_id", page.id.to_string());
    reply::page(&page.req, &form_page(&page, None, form, FormErrors::default(), &choices, None))
}

/// The form of a new deal with whatever it does not say itself filled in.
fn begun(tx: &mut OrgTx, actor: &Actor, mut form: Form) -> AppResult<Form> {
    fields::prefill(tx, actor, RecordType::Deal, &mut form)?;
    beginnings::prefill(tx, actor, &mut form)?;
    // Chosen now, so that the form sent twice makes one deal.
    if form.get("id").is_empty() {
        form.set("id", DealId::new().to_string());
    }
    if form.get("currency").parse::<crate::kernel::Currency>().is_err() {
        form.set("currency", actor.org.currency.clone());
    }
    if !form.has("owner_id") {
        form.set("owner_id", actor.id.to_string());
    }
    if form.get("stage_id").is_empty() {
        let first = pipeline::first_stage(tx)?;
        form.set("stage_id", first.map(|id| id.to_string()).unwrap_or_default());
    }
    Ok(form)
}

/// A template is chosen on a form that is being filled in: what was typed stays, whatever else was there makes way.
async fn begin(page: &Page, posted: Form, db: &Db) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let (form, choices) = db
        .org(page, move |tx| {
            let choices = Choices::load(tx, &actor)?;
            let from = beginnings::KEPT.iter().map(|key| ((*key).to_owned(), posted.get(key).to_owned()));
            let base = match begun(tx, &actor, Form::new(from)) {
                // What it was begun from is gone since: all of it counts as typed.
                Err(AppError::NotFound) => Form::default(),
                other => other?,
            };
            let mut typed = beginnings::typed(&posted, &base);
            typed.set("template", posted.get("begin"));
            Ok((begun(tx, &actor, typed)?, choices))
        })
        .await?;
    reply::page(&page.req, &form_page(page, None, form, FormErrors::default(), &choices, None))
}

/// `POST /deals`, and `POST /deals/new`: the form of the page, or with `begin` a template chosen on it; and the board's quick add.
pub async fn create(page: Page, by: Allow<Create>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    if reply::is_partial(&page.req) {
        return actions::quick_add(&page, by, form, db).await;
    }
    if form.has("begin") {
        return begin(&page, form, &db).await;
    }
    let posted = form.clone();
    match db.org(&page, move |tx| actions::create(tx, &by, &form)).await {
        Ok(deal) => {
            let done = message(&page, &format!("{} added", deal.reference()), &posted);
            let seen = page.sees(deal.owner_id.map(Into::into));
            let to = if seen { format!("/deals/{}", deal.id) } else { format!("/pipeline/{}", deal.pipeline_id) };
            Ok(reply::redirect(&page.req, &to, Some(done)))
        }
        Err(AppError::Invalid(errors)) => {
            let actor = page.actor.clone();
            let choices = db.org(&page, move |tx| Choices::load(tx, &actor)).await?;
            let errors = errors.placed(&posted);
            let again = form_page(&page, None, posted, errors, &choices, None);
            reply::page_with(&page.req, StatusCode::UNPROCESSABLE_ENTITY, &again)
        }
        Err(other) => Err(other),
    }
}

/// The message after a save, which also tells when nobody will be at work to close the deal.
fn message(page: &Page, text: &str, form: &Form) -> Flash {
    let close = calendar::parse_date(form.get("expected_close_on")).ok();
    match close.and_then(|day| page.org.working_days.warning(day, page.locale)) {
        Some(warning) => Flash::info(format!("{text}. {warning}")),
        None => Flash::success(text),
    }
}

/// `GET /deals/{id}/edit`
pub async fn edit(page: Page, _by: Allow<Edit>, id: Path<DealId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let (form, choices) =
        db.org(&page, move |tx| Ok((forms::load(tx, &actor, id.into())?, Choices::load(tx, &actor)?))).await?;
    reply::page(&page.req, &form_page(&page, Some(id), form, FormErrors::default(), &choices, None))
}

/// `POST /deals/{id}`
pub async fn save(page: Page, _by: Allow<Edit>, id: Path<DealId>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id, posted) = (page.actor.clone(), *id, form.clone());
    let saved = db.org(&page, move |tx| forms::save(tx, &actor, id.into(), &posted)).await;
    let (actor, mut form) = (page.actor.clone(), form);
    let (status, errors, conflict) = match saved {
        Ok(Saved::Done(_)) => {
            let done = message(&page, "Deal saved", &form);
            return Ok(reply::redirect(&page.req, &format!("/deals/{id}"), Some(done)));
        }
        Ok(Saved::Stale) => {
            let told = db
                .org(&page, move |tx| {
                    let told = history::conflict(tx, &actor, RecordType::Deal, id.into(), &mut form)?;
                    Ok((told, form))
                })
                .await?;
            form = told.1;
            (StatusCode::CONFLICT, FormErrors::default(), Some(told.0))
        }
        Err(AppError::Invalid(errors)) => (StatusCode::UNPROCESSABLE_ENTITY, errors.placed(&form), None),
        Err(other) => return Err(other),
    };
    let actor = page.actor.clone();
    let choices = db.org(&page, move |tx| Choices::load(tx, &actor)).await?;
    reply::page_with(&page.req, status, &form_page(&page, Some(id), form, errors, &choices, conflict))
}
