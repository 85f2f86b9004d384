//! The deal's page: the record.

use super::{
    SPEC,
    chance::{self, Chance},
    closing,
    contacts::{self, ContactRow, INFLUENCES, ROLES, STANCES},
    criteria::{self, Checklist},
    forms, lines, links,
    markers::{self, Marker},
    model::{Deal, DealStatus},
    rivals::{self, Rivals},
    stages::{self, Step},
    told,
    values::Values,
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        leads::{self, Origin},
        notifications,
        pipeline::{self, Pipeline, Stage},
        quality,
        records::{
            Head,
            inline::{Cell, CellSection},
            timeline::Timeline,
        },
        tags, views,
    },
    kernel::{CompetitorId, DealId, Money, RecordType},
    web::{Actor, Form, FormView, Page, SelectOption, Shell, csrf, flash::Flash, permission::deals::View, reply},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
    web::{Data, Path},
};
use askama::Template;
use chrono::Utc;
use rust_decimal::Decimal;

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
    /// How it ended, or why, when that was refused.
    ending: FormView,
    /// It was won by the reader a moment ago, and they like to be told so.
    celebrate: bool,
    contacts: Vec<ContactRow>,
    rivals: Rivals,
    followers: Vec<Person>,
    /// The contact being added, when it was refused.
    adding: FormView,
    /// The competitor being named or spoken of, when it was refused.
    rivaling: FormView,
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

    /// Whether what was refused was said of this competitor, which is named already.
    fn is_refused(&self, rival: &CompetitorId) -> bool {
        self.rivaling.has_errors() && self.rivaling.value("competitor_id") == rival.to_string()
    }

    /// Whether what was refused was to name another one.
    fn is_refused_naming(&self) -> bool {
        self.rivaling.has_errors() && !self.rivals.rows.iter().any(|rival| self.is_refused(&rival.id))
    }

    /// As it was typed and refused, else as it is kept.
    fn ending_note(&self, name: &str) -> String {
        match name {
            _ if self.ending.has_errors() => self.ending.value(name).to_owned(),
            "won_note" => self.deal.won_note.clone().unwrap_or_default(),
            _ => self.deal.lost_note().to_owned(),
        }
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

/// The deal's page as it is now, with why what was asked of it could not be done.
pub(super) async fn show_told(page: &Page, db: &Db, id: DealId, why: String) -> AppResult<HttpResponse> {
    let (actor, mut shell, csrf) = (page.actor.clone(), page.shell("deals"), csrf::token(&page.req));
    shell.flash = Some(Flash::danger(&why));
    let shown = db.org(page, move |tx| load(tx, &actor, id, shell, &Form::default(), csrf)).await?;
    let told = in_place(&page.req, reply::page_with(&page.req, StatusCode::CONFLICT, &shown)?);
    // The toasts are outside of that part.
    Ok(if reply::is_htmx(&page.req) { reply::toast(told, "danger", &why, None) } else { told })
}

/// Where htmx asked for a part of the page, it takes all of what the page is about.
fn in_place(req: &HttpRequest, mut response: HttpResponse) -> HttpResponse {
    if reply::is_htmx(req) {
        for (name, value) in [("hx-retarget", "#main"), ("hx-reselect", "#main > *"), ("hx-reswap", "innerHTML")] {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
    }
    response
}

/// The deal's page with a contact that was refused, as it was typed.
pub async fn show_refused(page: &Page, db: &Db, id: DealId, adding: FormView) -> AppResult<HttpResponse> {
    let (actor, shell, csrf) = (page.actor.clone(), page.shell("deals"), csrf::token(&page.req));
    let mut shown = db.org(page, move |tx| load(tx, &actor, id, shell, &Form::default(), csrf)).await?;
    shown.adding = adding;
    reply::page_with(&page.req, StatusCode::UNPROCESSABLE_ENTITY, &shown)
}

/// The deal's page with how it ended, or why, refused as it was typed.
pub(super) async fn show_ending(page: &Page, db: &Db, id: DealId, said: FormView) -> AppResult<HttpResponse> {
    let (actor, shell, csrf) = (page.actor.clone(), page.shell("deals"), csrf::token(&page.req));
    let mut shown = db.org(page, move |tx| load(tx, &actor, id, shell, &Form::default(), csrf)).await?;
    for (name, choices) in [
        ("lost_reason", &mut shown.lost_reasons),
        ("lost_to", &mut shown.lost_to),
        ("won_reason", &mut shown.won_reasons),
    ] {
        choices.iter_mut().for_each(|choice| choice.selected = choice.value == said.value(name));
    }
    shown.ending = said;
    let closed = !shown.deal.on_board();
    let again = reply::page_with(&page.req, StatusCode::UNPROCESSABLE_ENTITY, &shown)?;
    // The dialog that asked is not on the page of a closed deal.
    Ok(if closed { in_place(&page.req, again) } else { again })
}

/// The deal's page with what was said of a competitor and refused, as it was typed.
pub(super) async fn show_rival(
    page: &Page,
    db: &Db,
    id: DealId,
    said: FormView,
    status: StatusCode,
) -> AppResult<HttpResponse> {
    let (actor, shell, csrf) = (page.actor.clone(), page.shell("deals"), csrf::token(&page.req));
    let mut shown = db.org(page, move |tx| load(tx, &actor, id, shell, &Form::default(), csrf)).await?;
    for choice in &mut shown.rivals.choices {
        choice.selected = choice.value == said.value("competitor_id");
    }
    shown.rivaling = said;
    reply::page_with(&page.req, status, &shown)
}

/// The deal's page with a line that was refused, as it was typed.
pub(super) async fn show_lines(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: DealId,
    state: lines::State,
) -> AppResult<HttpResponse> {
    let (actor, shell, csrf) = (page.actor.clone(), page.shell("deals"), csrf::token(&page.req));
    let shown = db
        .org(page, move |tx| {
            let mut shown = load(tx, &actor, id, shell, &Form::default(), csrf.clone())?;
            shown.lines = lines::Panel::load(tx, &actor, &shown.deal, state, csrf)?;
            Ok(shown)
        })
        .await?;
    reply::page_with(&page.req, status, &shown)
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
        shrunk: markers::shrunk(deal.shrunk_percent, deal.amount),
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
            let state = lines::State { editing: query.get("line").parse().ok(), ..lines::State::default() };
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
        ending: FormView::default(),
        adding: FormView::default(),
        rivaling: FormView::default(),
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
