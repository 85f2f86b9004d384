//! The deal's pages: the form, new and edited, and the record.

use super::{beginnings, links};

use super::{
    SPEC, actions,
    chance::{self, Chance},
    closing,
    contacts::{self, ContactRow, INFLUENCES, ROLES, STANCES},
    criteria::{self, Checklist},
    fields::PRIORITIES,
    forms, lines,
    markers::{self, Marker},
    model::{Deal, DealStatus},
    rivals::{self, Rivals},
    stages::{self, Step},
    told,
    values::Values,
};
use crate::kernel::DealTemplateId;
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        currencies,
        fields::{self, Catalogue, InputSection},
        leads::{self, Origin},
        notifications,
        pipeline::{self, Pipeline, Stage, StageGroup},
        quality,
        records::{
            Head, Saved,
            history::{self, Conflict},
            inline::{Cell, CellSection, owner_choices},
            timeline::Timeline,
        },
        tags, views,
    },
    kernel::{DealId, Money, RecordType, calendar},
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, csrf,
        flash::Flash,
        permission::deals::{Create, Edit, View},
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use chrono::Utc;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rust_decimal::Decimal;

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

/// What a new deal is begun from, and the templates to choose from.
#[derive(Default)]
struct Beginning {
    kept: Vec<(&'static str, String)>,
    templates: Vec<TemplateChoice>,
}

struct TemplateChoice {
    href: String,
    label: String,
    current: bool,
}

impl Beginning {
    fn of(form: &Form, templates: &[(DealTemplateId, String)]) -> Self {
        let said = |key: &'static str| Some((key, form.get(key).to_owned())).filter(|(_, value)| !value.is_empty());
        let kept: Vec<(&'static str, String)> = beginnings::KEPT.iter().filter_map(|key| said(key)).collect();
        let from: String = ["contact_id", "mail_id", "company_id", "company"]
            .into_iter()
            .filter_map(said)
            .map(|(key, value)| format!("&{key}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC)))
            .collect();
        let choice = |(id, name): &(DealTemplateId, String)| TemplateChoice {
            href: format!("/deals/new?template={id}{from}"),
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

    /// The stage a new deal starts in when nobody says: the first of the first pipeline.
    fn first_stage(&self) -> String {
        let first = self.pipelines.first().and_then(|p| self.stages.iter().find(|s| s.pipeline_id == p.id));
        first.map(|s| s.id.to_string()).unwrap_or_default()
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
    let mut form = Form::decode(page.req.query_string().as_bytes())?;
    let actor = page.actor.clone();
    let (mut form, choices) = db
        .org(&page, move |tx| {
            fields::prefill(tx, &actor, RecordType::Deal, &mut form)?;
            beginnings::prefill(tx, &actor, &mut form)?;
            Ok((form, Choices::load(tx, &actor)?))
        })
        .await?;
    // Chosen now, so that the form sent twice makes one deal.
    form.set("id", DealId::new().to_string());
    if form.get("currency").parse::<crate::kernel::Currency>().is_err() {
        form.set("currency", page.org.currency.clone());
    }
    form.set("owner_id", page.id.to_string());
    if form.get("stage_id").is_empty() {
        form.set("stage_id", choices.first_stage());
    }
    reply::page(&page.req, &form_page(&page, None, form, FormErrors::default(), &choices, None))
}

/// `POST /deals/new`: the form of the page, and the board's quick add.
pub async fn create(page: Page, by: Allow<Create>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    if reply::is_partial(&page.req) {
        return actions::quick_add(&page, by, form, db).await;
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

#[derive(Template)]
#[template(path = "deals/show.html")]
struct ShowPage {
    shell: Shell,
    head: Head,
    deal: Deal,
    pipeline: Pipeline,
    company: Option<(String, String)>,
    owner: Option<Person>,
    steps: Vec<Step>,
    amount: Cell,
    shrunk: Option<Marker>,
    close: Cell,
    slipped: Option<Marker>,
    step: Cell,
    step_on: Cell,
    /// What is wrong with the next step.
    step_stale: Option<&'static str>,
    values: Values,
    checklist: Checklist,
    /// That an open deal is to close on a day off.
    day_off: Option<String>,
    weighted: String,
    chance: Chance,
    in_stage: String,
    limit: Option<i16>,
    closed: Option<String>,
    lost_reasons: Vec<SelectOption>,
    lines: lines::Panel,
    won_reasons: Vec<SelectOption>,
    lost_to: Vec<SelectOption>,
    /// It was won by the reader a moment ago, and they like to be told so.
    celebrate: bool,
    contacts: Vec<ContactRow>,
    rivals: Rivals,
    followers: Vec<Person>,
    /// The contact being added, when it was refused.
    adding: FormView,
    cells: Vec<Cell>,
    origins: Vec<Origin>,
    tags: tags::Chips,
    quality: quality::Panel,
    custom: Vec<CellSection>,
    timeline: Timeline,
    links: links::Panel,
}

impl ShowPage {
    fn roles(&self) -> &'static [(&'static str, &'static str)] {
        ROLES
    }

    fn is_chosen(one: &str, other: &str) -> bool {
        one == other
    }

    fn influences(&self) -> &'static [(&'static str, &'static str)] {
        INFLUENCES
    }

    fn stances(&self) -> &'static [(&'static str, &'static str)] {
        STANCES
    }

    fn has_decision_maker(&self) -> bool {
        self.contacts.iter().any(|contact| contact.role == "decision_maker")
    }
}

/// `GET /deals/{id}`
pub async fn show(page: Page, id: Path<DealId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let (actor, shell, csrf) = (page.actor.clone(), page.shell("deals"), csrf::token(&page.req));
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let id = *id;
    let shown = db.org(&page, move |tx| load(tx, &actor, id, shell, &query, csrf)).await?;
    views::recent::visit(&page, &db, RecordType::Deal, id.into());
    reply::page(&page.req, &shown)
}

/// The deal's page with a contact that was refused, as it was typed.
pub async fn show_refused(page: &Page, db: &Db, id: DealId, adding: FormView) -> AppResult<HttpResponse> {
    let (actor, shell, csrf) = (page.actor.clone(), page.shell("deals"), csrf::token(&page.req));
    let mut shown = db.org(page, move |tx| load(tx, &actor, id, shell, &Form::default(), csrf)).await?;
    shown.adding = adding;
    reply::page_with(&page.req, StatusCode::UNPROCESSABLE_ENTITY, &shown)
}

/// The deal's page with a line that was refused, as it was typed.
pub(super) async fn show_lines(page: &Page, db: &Db, id: DealId, state: lines::State) -> AppResult<HttpResponse> {
    let (actor, shell, csrf) = (page.actor.clone(), page.shell("deals"), csrf::token(&page.req));
    let shown = db
        .org(page, move |tx| {
            let mut shown = load(tx, &actor, id, shell, &Form::default(), csrf.clone())?;
            shown.lines = lines::Panel::load(tx, &actor, &shown.deal, state, csrf)?;
            Ok(shown)
        })
        .await?;
    reply::page_with(&page.req, StatusCode::UNPROCESSABLE_ENTITY, &shown)
}

fn load(tx: &mut OrgTx, actor: &Actor, id: DealId, shell: Shell, query: &Form, csrf: String) -> AppResult<ShowPage> {
    let deal = super::queries::find(tx, actor, id)?;
    let company = super::queries::company_name(tx, deal.company_id)?;
    let form = forms::filled(tx, actor, &deal, company.as_deref())?;
    let people = members::directory(tx)?;
    let all_stages = pipeline::stages(tx)?;
    let stages: Vec<Stage> = all_stages.iter().filter(|s| s.pipeline_id == deal.pipeline_id).cloned().collect();
    let told = told::of(tx, &deal)?;
    let changed = told::of_stages(tx, &deal, &told)?;
    let stage = stages.iter().find(|s| s.id == deal.stage_id).cloned().ok_or(AppError::NotFound)?;
    let cells = |keys: &[&str]| Cell::of(SPEC.record, id.into(), keys, &form, actor, &people);
    let cell = |key: &'static str| cells(&[key]).pop().ok_or(AppError::NotFound);
    let pipeline = pipeline::pipelines(tx)?.into_iter().find(|p| p.id == deal.pipeline_id).ok_or(AppError::NotFound)?;
    let chance = chance::of(actor, &deal, &told, &stage, &pipeline);
    let weighted = deal
        .amount
        .map(|a| Money::from_columns(a * Decimal::from(chance.percent) / Decimal::ONE_HUNDRED, &deal.currency));
    let days = (Utc::now() - deal.stage_entered_at).num_days();
    let rivals = rivals::of(tx, actor, &deal)?;
    let followers = notifications::followers(tx, id.into(), deal.owner_id)?;
    let custom = CellSection::load(tx, RecordType::Deal, id.into(), &form, actor, &people)?;
    Ok(ShowPage {
        shell,
        custom,
        head: Head::load(tx, actor, RecordType::Deal, id.into(), deal.owner_id, deal.archived_at.is_some())?,
        pipeline,
        company: deal.company_id.zip(company).map(|(id, name)| (id.to_string(), name)),
        owner: people.iter().find(|p| Some(p.id) == deal.owner_id).cloned(),
        steps: stages::steps(&told, &deal, &stages),
        amount: cell("amount")?,
        shrunk: markers::shrunk(deal.shrunk_percent),
        close: cell("expected_close_on")?,
        slipped: markers::slipped(deal.slips, deal.slipped_days),
        step: cell("next_step")?,
        step_on: cell("next_step_on")?,
        step_stale: markers::stale(
            actor,
            deal.next_step.as_deref().filter(|_| deal.is_open()),
            deal.next_step_on,
            deal.next_step_set_at.unwrap_or(deal.created_at),
        ),
        checklist: criteria::of(tx, actor, &deal, &stages)?,
        values: Values::of(actor, &deal, &told, &all_stages, &changed),
        day_off: deal
            .expected_close_on
            .filter(|_| matches!(deal.status, DealStatus::Open))
            .and_then(|day| actor.org.working_days.warning(day, actor.locale)),
        weighted: weighted.map_or_else(|| "–".into(), |m| actor.locale.money(m)),
        chance,
        in_stage: stages::days(days),
        limit: stage.rotting_days,
        lines: {
            let state = lines::State { editing: query.get("line").parse().ok(), typed: None };
            lines::Panel::load(tx, actor, &deal, state, csrf.clone())?
        },
        closed: closing::words(actor, &deal, &people, &rivals),
        lost_reasons: closing::lost_reasons(tx, &deal)?,
        won_reasons: closing::won_reasons(tx, &deal)?,
        lost_to: closing::lost_to(tx, &deal)?,
        celebrate: closing::celebrates(tx, actor, &deal)?,
        contacts: contacts::of(tx, actor, id)?,
        rivals,
        followers: followers.iter().filter_map(|id| people.iter().find(|p| p.id == *id && p.active).cloned()).collect(),
        adding: FormView::default(),
        cells: cells(&[
            "name",
            "company_id",
            "owner_id",
            "priority",
            "probability",
            "forecast_override",
            "currency",
            "mrr",
            "arr",
            "term_months",
            "one_off",
            "source",
            "description",
            "created_at",
        ]),
        origins: leads::origins(tx, actor, RecordType::Deal, id.into())?,
        quality: quality::Panel::load(tx, actor, RecordType::Deal, id.into())?,
        tags: tags::Chips::load(tx, actor, RecordType::Deal, id.into(), csrf.clone())?,
        links: links::Panel::load(tx, actor, id)?,
        timeline: Timeline::load(tx, actor, RecordType::Deal, id.into(), query, csrf)?,
        deal,
    })
}
