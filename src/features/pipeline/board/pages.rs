//! The board over HTTP: the page, further cards of a column, single cards and heads for live updates.

use super::{
    cards::{self, PAGE},
    load::{self, Loaded},
    view::{self, Board, Card, Dress, Head},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members,
        fields::{self, Catalogue, Input, InputSection},
    },
    kernel::{DealId, PipelineId, RecordType, StageId},
    web::{Actor, Form, FormErrors, Page, Shell, permission::deals::View, reply},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;

/// Cards a live update may ask for at once; a tab that missed more refreshes whole.
const MOST_CARDS: usize = 200;

#[derive(Template)]
#[template(path = "pipeline/board.html")]
struct BoardPage {
    shell: Shell,
    board: Board,
    /// What a new deal must say of the organisation's own fields.
    asked: Vec<Input>,
}

#[derive(Template)]
#[template(path = "pipeline/_cards.html")]
struct CardsPage {
    cards: Vec<Card>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "pipeline/_column_head.html")]
struct HeadPart {
    head: Head,
}

/// The pipeline the person last looked at, else the first.
pub async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let actor = page.actor.clone();
    let id = db.org(&page, move |tx| load::last_used(tx, &actor)).await?;
    Ok(reply::redirect(&page.req, &format!("/pipeline/{id}"), None))
}

pub async fn show(page: Page, id: Path<PipelineId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let (actor, query) = (page.actor.clone(), query(&page)?);
    // A tab that refreshes itself says what it shows; only a visit falls back on what is remembered.
    let visit = !reply::is_htmx(&page.req);
    let (loaded, asked) =
        db.org(&page, move |tx| Ok((load::board(tx, &actor, *id, &query, visit)?, asked(tx, &actor)?))).await?;
    match loaded {
        Loaded::Board(board) => {
            let status = board.frame.status();
            reply::page_with(&page.req, status, &BoardPage { shell: page.shell("pipeline"), board: *board, asked })
        }
        Loaded::Elsewhere(to) => Ok(reply::redirect(&page.req, &to, None)),
    }
}

/// The required fields of the organisation's own: quick add asks for them too.
fn asked(tx: &mut OrgTx, actor: &Actor) -> AppResult<Vec<Input>> {
    let catalogue = Catalogue::load(tx, actor, RecordType::Deal)?;
    if !catalogue.custom().any(|entry| entry.required && entry.editable) {
        return Ok(vec![]);
    }
    let (people, mut form) = (members::directory(tx)?, Form::default());
    fields::prefill(tx, actor, RecordType::Deal, &mut form)?;
    Ok(InputSection::required(InputSection::of(&catalogue, actor, &form, &FormErrors::default(), &people)))
}

/// The cards of a column below `after`.
pub async fn more(page: Page, path: Path<(PipelineId, StageId)>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let (actor, query) = (page.actor.clone(), query(&page)?);
    let (pipeline, stage) = path.into_inner();
    let (cards, next) = db
        .org(&page, move |tx| {
            load::stage_of(tx, pipeline, stage)?;
            let (asked, look) = load::dressed(tx, &actor, pipeline, &query)?;
            let scope = asked.scope(tx, &actor)?;
            let lane = load::lane(tx, &asked, &look, &scope, &query)?;
            let rows = cards::more_cards(tx, stage, query.get("after"), (&scope, lane.as_ref()), look.order())?;
            let path = format!("/pipeline/{pipeline}/stages/{stage}/cards");
            let dress = Dress::load(tx, &actor, look, &rows)?;
            let query = asked.fragments_with(&[("lane", query.get("lane"))]);
            Ok(view::page(&actor, &path, &query, (rows, PAGE), &dress))
        })
        .await?;
    reply::fragment(&CardsPage { cards, next })
}

/// The named cards as this person may see them, and the heads of their columns and of `stages`.
pub async fn some(page: Page, id: Path<PipelineId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let (actor, query) = (page.actor.clone(), query(&page)?);
    let ids = query.get("ids").split(',').filter(|id| !id.is_empty()).map(str::parse::<DealId>);
    let ids = ids.take(MOST_CARDS).collect::<Result<Vec<_>, _>>();
    let ids = ids.map_err(|_| AppError::field("ids", "holds something that is no id"))?;
    let reply = db.org(&page, move |tx| load::changed(tx, &actor, *id, &ids, &query)).await?;
    reply::fragment(&reply)
}

pub async fn head(page: Page, path: Path<(PipelineId, StageId)>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let (actor, query) = (page.actor.clone(), query(&page)?);
    let (pipeline, stage) = path.into_inner();
    let head = db
        .org(&page, move |tx| {
            let stage = load::stage_of(tx, pipeline, stage)?;
            let (asked, _) = load::dressed(tx, &actor, pipeline, &query)?;
            let scope = asked.scope(tx, &actor)?;
            let (totals, _) = load::totals(tx, &actor, pipeline, &scope)?;
            Ok(view::head(&actor, &stage, totals.get(&stage.id).map_or(&[], Vec::as_slice)))
        })
        .await?;
    reply::fragment(&HeadPart { head })
}

fn query(page: &Page) -> AppResult<Form> {
    Form::decode(page.req.query_string().as_bytes())
}
