//! `/settings/automations/{id}`: when it acts, what it does, in order, and what it would do to a deal that one names.

use super::{
    actions, commands,
    forms::{self, ACTIONS},
    model::{self, Automation, Step},
    pages::Parts,
    reader,
};
use crate::{
    db::{Db, OrgTx, Reason},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        activities,
        fields::{self, Control, Entry},
        pipeline::{self, Pipeline, StageGroup},
        records::Saved,
        settings::{self, SettingsNav, nav},
        tags,
    },
    kernel::AutomationId,
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash,
        permission::organisation::ManagePipelines, reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use uuid::Uuid;

/// An action in the list.
struct Line {
    id: Uuid,
    icon: &'static str,
    words: String,
    /// What it names is there.
    known: bool,
}

#[derive(Template)]
#[template(path = "automations/show.html")]
struct Show {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    one: Automation,
    when: String,
    keeper: Option<String>,
    pipeline: Pipeline,
    steps: Vec<Line>,
    input: FormView,
    parts: Parts,
    adding: FormView,
    offers: Offers,
    trial: Option<Trial>,
}

/// What the form of a new action offers; what belongs to the chosen kind alone.
struct Offers {
    kind: String,
    kinds: Vec<Segment>,
    templates: Vec<SelectOption>,
    people: Vec<SelectOption>,
    teams: Vec<SelectOption>,
    members: Vec<SelectOption>,
    tags: Vec<String>,
    stages: Vec<StageGroup>,
    fields: Vec<SelectOption>,
    field: Option<Asked>,
}

/// A kind of action to choose.
struct Segment {
    href: String,
    label: &'static str,
    icon: &'static str,
    current: bool,
}

impl Segment {
    fn new(id: AutomationId, key: &str, label: &'static str, icon: &'static str, current: bool) -> Self {
        Self { href: format!("/settings/automations/{id}?do={key}#adder"), label, icon, current }
    }
}

/// The field to be set, and how its value is typed.
struct Asked {
    label: String,
    max: usize,
    date: bool,
    control: Control,
    choices: Vec<SelectOption>,
    currencies: Vec<SelectOption>,
}

/// What it would do.
struct Trial {
    number: String,
    name: String,
    href: String,
    lines: Vec<String>,
    error: String,
}

impl Asked {
    fn new(entry: &Entry, form: &Form, people: &[Person]) -> Self {
        let mut current = Form::default();
        current.set(&entry.key, form.get("value"));
        let has_currency = entry.own_currency || entry.kind == fields::Kind::Money && entry.currency.is_some();
        let mut currencies = vec![];
        if has_currency {
            currencies.push(SelectOption::new("", "As it is", form.get("currency").is_empty()));
            currencies.extend(fields::currencies(form.get("currency"), ""));
        }
        Self {
            label: entry.label.clone(),
            max: entry.max,
            date: entry.kind == fields::Kind::Date,
            control: match fields::control(entry) {
                // So that "+14" can be typed.
                Control::Input { kind: "date", .. } => Control::Input { kind: "text", mode: "" },
                control => control,
            },
            choices: fields::options(entry, &current, people),
            currencies,
        }
    }
}

impl Offers {
    fn load(tx: &mut OrgTx, actor: &Actor, id: AutomationId, form: &Form) -> AppResult<Self> {
        let kind = if form.get("do").is_empty() { "plan" } else { form.get("do") };
        let chosen = |name: &str, value: &str| form.get(name) == value;
        let option = |name: &str, value: String, label: &str| {
            let selected = chosen(name, &value);
            SelectOption::new(value, label, selected)
        };
        let people: Vec<Person> = members::directory(tx)?.into_iter().filter(|p| p.may_own).collect();
        let teams = settings::team_choices(tx)?;
        let mut to = vec![option("to", "rules".into(), "Whom the rules of assignment say")];
        to.extend(teams.iter().map(|(id, name)| option("to", format!("team:{id}"), &format!("{name}, in turn"))));
        to.extend(people.iter().map(|p| option("to", format!("member:{}", p.id), &p.name)));
        let entries = forms::settable(tx, actor)?;
        let field = entries.iter().find(|entry| entry.key == form.get("field"));
        let (pipelines, stages) = (pipeline::pipelines(tx)?, pipeline::stages(tx)?);
        Ok(Self {
            kinds: ACTIONS.iter().map(|(key, label, icon)| Segment::new(id, key, label, icon, *key == kind)).collect(),
            kind: kind.to_owned(),
            templates: activities::usable_templates(tx)?
                .iter()
                .map(|(id, name)| option("template", id.to_string(), name))
                .collect(),
            people: to,
            teams: teams.iter().map(|(id, name)| option("team", id.to_string(), name)).collect(),
            members: people.iter().map(|p| option("member", p.id.to_string(), &p.name)).collect(),
            tags: tags::all(tx)?.into_iter().map(|tag| tag.name).collect(),
            stages: StageGroup::all(&pipelines, &stages, form.get("to_stage")),
            fields: entries.iter().map(|e| option("field", e.key.clone(), &e.label)).collect(),
            field: field.map(|entry| Asked::new(entry, form, &people)),
        })
    }
}

/// What the page shows beside the automation: forms that were refused, and a trial.
#[derive(Default)]
struct Asking {
    form: Option<Form>,
    errors: FormErrors,
    adding: Form,
    refused: FormErrors,
    trial: Option<Trial>,
}

fn at(id: AutomationId) -> String {
    format!("/settings/automations/{id}")
}

/// `GET /settings/automations/{id}`: with `do` and `field`, the form of such an action; with `deal`, what it would do to that one
pub(super) async fn show(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<AutomationId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let adding = Form::decode(page.req.query_string().as_bytes())?;
    let trial =
        if adding.get("deal").is_empty() { None } else { Some(try_out(&page, &db, *id, adding.get("deal")).await?) };
    let asking = Asking { adding, trial, ..Asking::default() };
    one(&page, &by, &db, StatusCode::OK, *id, asking).await
}

async fn one(
    page: &Page,
    by: &Allow<ManagePipelines>,
    db: &Db,
    status: StatusCode,
    id: AutomationId,
    asking: Asking,
) -> AppResult<HttpResponse> {
    let (shell, nav, actor) = (page.shell("settings"), nav(page), page.actor.clone());
    let shown = db
        .org(by, move |tx| {
            let one = model::find(tx, id)?;
            let stages = pipeline::stages(tx)?;
            let form = asking.form.unwrap_or_else(|| forms::to_form(&one));
            let steps = actions::words(tx, &actor, &one)?;
            let steps = steps.into_iter().map(|(id, icon, words, known)| Line { id, icon, words, known });
            let people = members::directory(tx)?;
            let keeper = people.iter().find(|p| Some(p.id) == one.saved_by && p.active).map(|p| p.name.clone());
            Ok(Show {
                shell,
                nav,
                section: "pipelines",
                when: one.when(&stages),
                keeper,
                pipeline: pipeline::pipeline(tx, one.pipeline_id)?,
                steps: steps.collect(),
                parts: Parts::load(tx, one.pipeline_id, &form)?,
                input: form.view(asking.errors),
                offers: Offers::load(tx, &actor, id, &asking.adding)?,
                adding: asking.adding.view(asking.refused),
                trial: asking.trial,
                one,
            })
        })
        .await?;
    reply::page_with(&page.req, status, &shown)
}

/// Does it to that deal, and takes everything back.
async fn try_out(page: &Page, db: &Db, id: AutomationId, number: &str) -> AppResult<Trial> {
    let (org, actor, typed) = (page.org_id, page.actor.clone(), number.to_owned());
    let number = typed.clone();
    let (one, deal) =
        db.org(page, move |tx| Ok((model::find(tx, id)?, reader::deal_of_number(tx, &actor, &typed)?))).await?;
    let mut trial = Trial { number, name: String::new(), href: String::new(), lines: vec![], error: String::new() };
    let Some(deal) = deal else {
        trial.error = "There is no such deal, or you do not see it. Give its number, such as D-1042.".into();
        return Ok(trial);
    };
    let keeper = match one.saved_by {
        Some(keeper) => db.system(Reason::Jobs, move |tx| Actor::load(tx, keeper.into(), org)).await?,
        None => None,
    };
    (trial.name, trial.href) = (deal.name.clone(), format!("/deals/{}", deal.id));
    match db.org(&org, move |tx| reader::trial(tx, keeper.as_ref(), &one, deal.id)).await {
        Ok(outcome) => trial.lines = outcome.lines,
        Err(AppError::Internal(error)) => return Err(AppError::Internal(error)),
        Err(error) => trial.error = reader::in_words(&error),
    }
    Ok(trial)
}

/// `POST /settings/automations/{id}`: `name`, `event`, `stage_id`, `after_days`, `version`
pub(super) async fn update(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<AutomationId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted, who) = (*id, form.clone(), by.clone());
    let version = form.get("version").parse().unwrap_or(0);
    let saved = db
        .org(&by, move |tx| {
            model::find(tx, id)?;
            commands::update(tx, &who, id, version, &forms::terms(&posted)?)
        })
        .await;
    match saved {
        Ok(Saved::Done(_)) => Ok(reply::redirect(&page.req, &at(id), Some(Flash::success("Automation saved")))),
        Ok(Saved::Stale) => {
            let mut form = form;
            let now = db.org(&by, move |tx| model::find(tx, id)).await?;
            form.set("version", now.version.to_string());
            let told = "Somebody else saved it meanwhile. What you see above is theirs; saving again keeps yours.";
            let asking = Asking { form: Some(form), errors: FormErrors::one("", told), ..Asking::default() };
            one(&page, &by, &db, StatusCode::CONFLICT, id, asking).await
        }
        Err(AppError::Invalid(errors)) => {
            let asking = Asking { form: Some(form), errors, ..Asking::default() };
            one(&page, &by, &db, StatusCode::UNPROCESSABLE_ENTITY, id, asking).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /settings/automations/{id}/actions`: `do`, and what belongs to it
pub(super) async fn add_action(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<AutomationId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted, who) = (*id, form.clone(), by.clone());
    let added = db
        .org(&by, move |tx| {
            model::find(tx, id)?;
            let action = forms::action(tx, &who, &posted)?;
            commands::set_steps(tx, &who, id, |steps| steps.push(Step { id: Uuid::now_v7(), action }))
        })
        .await;
    match added {
        Ok(()) => Ok(reply::redirect(&page.req, &at(id), Some(Flash::success("Action added")))),
        Err(AppError::Invalid(refused)) => {
            let asking = Asking { adding: form, refused, ..Asking::default() };
            one(&page, &by, &db, StatusCode::UNPROCESSABLE_ENTITY, id, asking).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /settings/automations/{id}/actions/removal`: `step`
pub(super) async fn remove_action(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<AutomationId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, who) = (*id, by.clone());
    let step: Option<Uuid> = form.get("step").parse().ok();
    db.org(&by, move |tx| commands::set_steps(tx, &who, id, |steps| steps.retain(|one| Some(one.id) != step))).await?;
    Ok(reply::redirect(&page.req, &at(id), Some(Flash::success("Action taken away"))))
}

/// `POST /settings/automations/{id}/actions/place`: `step`, `to` (`up` or `down`)
pub(super) async fn shift_action(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<AutomationId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, who, up) = (*id, by.clone(), form.get("to") == "up");
    let step: Option<Uuid> = form.get("step").parse().ok();
    let shift = move |steps: &mut Vec<Step>| {
        let Some(at) = steps.iter().position(|one| Some(one.id) == step) else { return };
        let to = if up { at.saturating_sub(1) } else { (at + 1).min(steps.len() - 1) };
        steps.swap(at, to);
    };
    db.org(&by, move |tx| commands::set_steps(tx, &who, id, shift)).await?;
    Ok(reply::redirect(&page.req, &at(id), None))
}
