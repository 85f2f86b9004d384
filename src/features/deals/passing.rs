//! Where a stage asks for something: the form with what is missing, as a dialog on the board and as a page. What is filled in and ticked is
//! saved and the deal moved in one transaction; refused, everything comes back as it was typed.

use super::{
    SPEC, actions, closure, commands, criteria, forms,
    model::{Deal, DealStatus},
    moves, pages,
    passage::{self, Missing, Passing},
    positions::Place,
    queries,
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members,
        fields::{self, Catalogue, Entry, Input},
        pipeline::{self, Criterion, board},
        records::{Saved, display::Described},
    },
    kernel::{CriterionId, DealId, RecordType, StageId},
    web::{
        Actor, Allow, Form, FormErrors, Page, Shell, csrf,
        permission::{Permission, deals::Edit, organisation::Override},
        reply,
    },
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

/// Where the deal is to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum To {
    Stage(StageId, Place),
    /// To any pipeline, on top.
    Pipeline(StageId),
    Won,
}

impl To {
    fn parse(form: &Form) -> AppResult<Self> {
        if form.get("outcome") == "won" {
            return Ok(To::Won);
        }
        let (stage, place) = actions::parse_place(form)?;
        Ok(if form.get("way") == "pipeline" { To::Pipeline(stage) } else { To::Stage(stage, place) })
    }

    /// As hidden fields say it.
    fn fields(self) -> Vec<(&'static str, String)> {
        let id = |id: Option<DealId>| id.map(|id| id.to_string()).unwrap_or_default();
        match self {
            To::Won => vec![("outcome", "won".to_owned())],
            To::Pipeline(stage) => vec![("stage_id", stage.to_string()), ("way", "pipeline".to_owned())],
            To::Stage(stage, place) => {
                vec![("stage_id", stage.to_string()), ("after_id", id(place.after)), ("before_id", id(place.before))]
            }
        }
    }
}

/// What is missing, as a form.
pub(super) struct Ask {
    deal: DealId,
    name: String,
    to: String,
    hidden: Vec<(&'static str, String)>,
    inputs: Vec<Input>,
    /// Fields that this person may not fill in.
    beyond: Vec<String>,
    criteria: Vec<(Criterion, bool)>,
    /// That not all of them are ticked, once somebody tried.
    unticked: String,
    may_override: bool,
    problem: String,
    csrf: String,
}

#[derive(Template)]
#[template(path = "deals/_passing.html")]
struct AskPart {
    ask: Ask,
}

#[derive(Template)]
#[template(path = "deals/passing.html")]
struct AskPage {
    shell: Shell,
    ask: Ask,
}

/// `GET /deals/{id}/passage?stage_id=…`, or `outcome=won`
pub async fn show(page: Page, _by: Allow<Edit>, id: Path<DealId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    if !query.has("stage_id") && !query.has("outcome") {
        // No goal: there is nothing to ask for.
        let (actor, id) = (page.actor.clone(), *id);
        db.org(&page, move |tx| queries::find(tx, &actor, id)).await?;
        return Ok(reply::redirect(&page.req, &format!("/deals/{id}"), None));
    }
    let to = To::parse(&query)?;
    let (actor, deal) = (page.actor.clone(), *id);
    let open = db
        .org(&page, move |tx| {
            let deal = queries::find(tx, &actor, deal)?;
            commands::must_be_on_board(&deal)
        })
        .await;
    if let Err(error) = open {
        return told(&page, &db, *id, error).await;
    }
    answer(&page, &db, *id, to, (Form::default(), FormErrors::default()), StatusCode::OK).await
}

/// `POST /deals/{id}/passage`: what was missing, filled in; and the move.
pub async fn save(page: Page, by: Allow<Edit>, id: Path<DealId>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let (to, posted, id) = (To::parse(&form)?, form.clone(), *id);
    let (tab, filters) = (actions::tab(&page.req), board::filters_of_page(&page.req));
    let done = db
        .org(&page, move |tx| {
            let from = queries::find(tx, &by, id)?.stage_id;
            let deal = fill_and_go(tx, &by, id, to, &posted, tab)?;
            let cards: &[DealId] = if deal.is_open() { &[id] } else { &[] };
            let reply = board::reply(tx, &by, cards, &actions::both(from, deal.stage_id), &filters)?;
            Ok((deal, reply))
        })
        .await;
    match done {
        Ok((deal, reply)) if deal.is_open() => actions::answer(&page, reply, &deal, None),
        Ok((deal, reply)) => actions::answer_closed(&page, reply, &deal),
        Err(AppError::Invalid(errors)) => {
            answer(&page, &db, id, to, (form, errors), StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(other) => told(&page, &db, id, other).await,
    }
}

/// The form for a move that was refused, if it is the stage that asks; else the refusal.
pub(super) async fn refused(page: &Page, db: &Db, id: DealId, to: To, error: AppError) -> AppResult<HttpResponse> {
    if !passage::asked(&error) || wants_json(&page.req) {
        return told(page, db, id, error).await;
    }
    answer(page, db, id, to, (Form::default(), FormErrors::default()), StatusCode::UNPROCESSABLE_ENTITY).await
}

/// What cannot be done to the deal as it is by now, said above its page: somebody pressed a button of a page that stood open meanwhile.
pub(super) async fn told(page: &Page, db: &Db, id: DealId, error: AppError) -> AppResult<HttpResponse> {
    match error {
        AppError::Conflict(why) if !reply::is_partial(&page.req) && !wants_json(&page.req) => {
            pages::show_told(page, db, id, format!("Nothing was changed. {why}")).await
        }
        other => Err(other),
    }
}

pub(super) fn wants_json(req: &HttpRequest) -> bool {
    req.headers().get("Accept").is_some_and(|v| v.to_str().is_ok_and(|v| v.contains("json")))
}

async fn answer(
    page: &Page,
    db: &Db,
    id: DealId,
    to: To,
    (form, errors): (Form, FormErrors),
    status: StatusCode,
) -> AppResult<HttpResponse> {
    let (actor, csrf) = (page.actor.clone(), csrf::token(&page.req));
    let ask = db.org(page, move |tx| ask(tx, &actor, id, to, &form, errors, csrf)).await?;
    if reply::is_partial(&page.req) {
        return reply::fragment_with(status, &AskPart { ask });
    }
    reply::page_with(&page.req, status, &AskPage { shell: page.shell("pipeline"), ask })
}

fn ask(
    tx: &mut OrgTx,
    actor: &Actor,
    id: DealId,
    to: To,
    form: &Form,
    errors: FormErrors,
    csrf: String,
) -> AppResult<Ask> {
    let deal = queries::find(tx, actor, id)?;
    let (missing, name) = missing(tx, &deal, to)?;
    let catalogue = Catalogue::load(tx, actor, RecordType::Deal)?;
    let people = members::directory(tx)?;
    let mut current = forms::load(tx, actor, id.into())?;
    for entry in &missing.fields {
        bring(entry, form, &mut current);
    }
    let own = |entry: &Entry| catalogue.get(&entry.key).is_some_and(|own| own.editable);
    let ticked: Vec<&str> = form.all("done").collect();
    let inputs = missing.fields.iter().filter(|entry| own(entry));
    let mut problem = errors.get("").unwrap_or_default().to_owned();
    // What is wrong with something that is not on this form.
    if problem.is_empty() && missing.is_empty() {
        problem = errors.summary();
    }
    Ok(Ask {
        deal: id,
        name: deal.name.clone(),
        to: name,
        hidden: to.fields(),
        inputs: inputs.map(|entry| Input::of(entry, actor, &current, &errors, &people).needed()).collect(),
        beyond: missing.fields.iter().filter(|entry| !own(entry)).map(|entry| entry.label.clone()).collect(),
        criteria: missing
            .criteria
            .into_iter()
            .map(|c| {
                let done = ticked.iter().any(|id| *id == c.id.to_string());
                (c, done)
            })
            .collect(),
        unticked: errors.get("criteria").unwrap_or_default().to_owned(),
        may_override: actor.may(Override::KEY),
        problem,
        csrf,
    })
}

/// What stands in the way, and what the goal is called.
fn missing(tx: &mut OrgTx, deal: &Deal, to: To) -> AppResult<(Missing, String)> {
    match to {
        To::Won => Ok((passage::to_win(tx, deal)?, "Won".to_owned())),
        To::Stage(stage, _) | To::Pipeline(stage) => {
            let stage = pipeline::stage(tx, stage)?;
            Ok((passage::of(tx, deal, &stage)?, stage.name))
        }
    }
}

/// Copies what was typed for a field into the deal's form.
fn bring(entry: &Entry, posted: &Form, into: &mut Form) {
    let (id, name) = entry.reference();
    for key in [entry.key.clone(), id, name, fields::currency_name(&entry.key)] {
        if posted.has(&key) {
            let values: Vec<&str> = posted.all(&key).collect();
            into.set(&key, values.join("\n"));
        }
    }
}

/// Stage before deal, as every command takes them.
fn fill_and_go(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    id: DealId,
    to: To,
    form: &Form,
    tab: Option<String>,
) -> AppResult<Deal> {
    if let To::Stage(stage, _) | To::Pipeline(stage) = to {
        pipeline::lock_stage(tx, stage)?.ok_or_else(|| AppError::field("", "That stage is not there any more."))?;
    }
    let deal = queries::lock(tx, by, id)?;
    // Won twice is won.
    if !(to == To::Won && matches!(deal.status, DealStatus::Won { .. })) {
        commands::must_be_on_board(&deal)?;
    }
    let (missing, _) = missing(tx, &deal, to)?;
    let mut whole = forms::load(tx, by, id.into())?;
    missing.fields.iter().for_each(|entry| bring(entry, form, &mut whole));
    if let Saved::Stale = (SPEC.save)(tx, by, id.into(), &whole)? {
        return Err(AppError::Conflict("Someone else changed this deal at the same moment. Try again.".into()));
    }
    for ticked in form.all("done").filter_map(|id| id.parse::<CriterionId>().ok()) {
        if missing.criteria.iter().any(|c| c.id == ticked) {
            criteria::set(tx, by, &deal, ticked, true)?;
        }
    }
    let passing = if form.get("over") == "true" { Passing::Overriding } else { Passing::Asked };
    match to {
        To::Stage(stage, place) => Ok(moves::move_to_passing(tx, by, id, stage, place, passing, tab)?.deal),
        To::Pipeline(stage) => Ok(moves::move_pipeline_passing(tx, by, id, stage, passing, tab)?.deal),
        To::Won => closure::win_passing(tx, by, id, passing, tab),
    }
}
