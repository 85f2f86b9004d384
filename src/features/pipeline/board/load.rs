//! Puts a board together: stages, first cards, totals, filters, memory.

use super::{
    cards::{self, LANE, PAGE, Total},
    filters::{Filters, Owners, Scope},
    look::Look,
    memory::Memory,
    order::Order,
    view::{self, Board, Card, Dress, Head, LaneView, Summary},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        competitors,
        currencies::Rates,
        deals,
        operations::Bar,
        pipeline::{
            Pipeline, Stage,
            frame::{Asked, Frame},
            lanes::{self, By, Lane},
            queries,
        },
        targets::{self, Whose},
        views::Kind,
    },
    kernel::{DealId, PipelineId, RecordType, StageId},
    schema::teams,
    web::{
        Actor, Form, SelectOption,
        permission::{
            Permission,
            deals::{Create, Edit, Import},
        },
    },
};
use actix_web::HttpRequest;
use askama::Template;
use diesel::prelude::*;
use std::collections::HashMap;
use uuid::Uuid;

/// What a visit to a board ends in.
pub enum Loaded {
    Board(Box<Board>),
    /// The address that says the remembered filters: what a tab shows is always in its address.
    Elsewhere(String),
}

/// The answer to a move, a closure, a quick add or a live update: authoritative cards, then the heads whose totals moved.
#[derive(Template)]
#[template(path = "pipeline/_reply.html")]
pub struct BoardReply {
    pub cards: Vec<Card>,
    pub heads: Vec<Head>,
    /// The line under the title.
    pub summary: Option<Summary>,
    /// How far the target is, where that may have changed.
    pub aim: Option<(String, targets::Row)>,
}

pub fn last_used(tx: &mut OrgTx, actor: &Actor) -> AppResult<PipelineId> {
    let last = Memory::load(tx, actor.id)?.last;
    let pipelines = queries::pipelines(tx)?;
    let found = pipelines.iter().find(|p| Some(p.id) == last).or(pipelines.first());
    found.map(|p| p.id).ok_or(AppError::NotFound)
}

pub fn board(tx: &mut OrgTx, actor: &Actor, id: PipelineId, query: &Form, visit: bool) -> AppResult<Loaded> {
    let pipelines = queries::pipelines(tx)?;
    let pipeline = pipelines.iter().find(|p| p.id == id).ok_or(AppError::NotFound)?;
    let mut memory = Memory::load(tx, actor.id)?;
    let before = memory.clone();
    let explicit = Filters::are_in(query) || query.get("reset") == "1" || query.has("view");
    let kept = memory.filters(id);
    if !explicit && visit && !kept.is_empty() && Scope::resolve(tx, actor, &kept).is_ok() {
        return Ok(Loaded::Elsewhere(format!("/pipeline/{id}?{}", kept.query_without(""))));
    }
    let (asked, scope) = Asked::open(tx, actor, Kind::Board, id, query)?;
    // A saved view is found under its name; what the board falls back on is what was typed there.
    if (explicit || visit) && asked.view.is_none() && !asked.refused.has_errors() {
        memory.remember(id, &asked.filters);
    }
    if memory != before {
        memory.save(tx, actor.id)?;
    }
    let look = look(memory.look(id), pipeline, &asked);
    put_together(tx, actor, pipeline, &asked, (&scope, look, query.get("lanes")))
        .map(|board| Loaded::Board(Box::new(board)))
}

/// A view has its own look; which columns are folded is each person's.
fn look(own: Option<&Look>, pipeline: &Pipeline, asked: &Asked) -> Look {
    let mut look = Look::of(own, pipeline, asked.view.as_ref());
    if let Some(own) = own {
        look.folded.clone_from(&own.folded);
    }
    look
}

/// What an address asks for, and the look it is shown in: for the fragments of a board.
pub fn dressed(tx: &mut OrgTx, actor: &Actor, id: PipelineId, query: &Form) -> AppResult<(Asked, Look)> {
    let pipelines = queries::pipelines(tx)?;
    let pipeline = pipelines.iter().find(|p| p.id == id).ok_or(AppError::NotFound)?;
    let asked = Asked::read(tx, actor, Kind::Board, id, query)?;
    let memory = Memory::load(tx, actor.id)?;
    let look = look(memory.look(id), pipeline, &asked);
    Ok((asked, look))
}

/// The look that a view of this board keeps: the person's own, as it is now, else the pipeline's.
pub fn look_to_keep(tx: &mut OrgTx, actor: &Actor, id: PipelineId) -> AppResult<serde_json::Value> {
    let pipelines = queries::pipelines(tx)?;
    let pipeline = pipelines.iter().find(|p| p.id == id).ok_or(AppError::NotFound)?;
    Look::of(Memory::load(tx, actor.id)?.look(id), pipeline, None).folding(vec![]).to_value()
}

fn put_together(
    tx: &mut OrgTx,
    actor: &Actor,
    pipeline: &Pipeline,
    asked: &Asked,
    (scope, look, after): (&Scope, Look, &str),
) -> AppResult<Board> {
    let all_stages = queries::stages(tx)?;
    let mut stages: Vec<Stage> = all_stages.iter().filter(|s| s.pipeline_id == pipeline.id).cloned().collect();
    let (totals, note) = totals(tx, actor, pipeline.id, scope)?;
    let mut summary = view::summary(actor, &totals, note);
    summary.aim = aim(tx, actor, pipeline.id, scope)?;
    let every: Vec<_> = stages.iter().map(|s| (s.id.to_string(), s.name.clone(), s.color.clone())).collect();
    if look.hide_empty {
        stages.retain(|stage| totals.contains_key(&stage.id));
    }
    let (lanes, more_lanes) = match look.lanes() {
        Some(by) => rows(tx, actor, (asked, by, &look), (&stages, &all_stages), (scope, after))?,
        None => (vec![], None),
    };
    let rows = if lanes.is_empty() { cards::first_cards(tx, pipeline.id, scope, &look, None)? } else { vec![] };
    let dress = Dress::load(tx, actor, look, &rows)?;
    Ok(Board {
        frame: Frame::load(tx, actor, asked)?,
        summary,
        left_out: every.len() - stages.len(),
        stages: every,
        lanes,
        rows: dress.look.lanes().map_or("", By::key),
        more_lanes,
        manual: dress.look.order() == Order::Manual,
        columns: view::columns(actor, &stages, rows, &totals, (&asked.fragments(), PAGE, &dress)),
        bulk: Bar::new(actor, RecordType::Deal, false, &asked.href(&[]), String::new()),
        can_edit: actor.may(Edit::KEY),
        can_add: actor.may(Create::KEY),
        can_import: actor.may(Import::KEY),
        lost_reasons: lost_reasons(tx)?,
        lost_to: competitors::choices(&competitors::all(tx)?, ""),
        celebrates: deals::closing::likes_it(tx, actor)?,
        move_targets: view::move_targets(&queries::pipelines(tx)?, &all_stages, pipeline),
    })
}

/// A page of rows, each with the first cards of its columns.
fn rows(
    tx: &mut OrgTx,
    actor: &Actor,
    (asked, by, look): (&Asked, By, &Look),
    (stages, all): (&[Stage], &[Stage]),
    (scope, after): (&Scope, &str),
) -> AppResult<(Vec<LaneView>, Option<String>)> {
    // Of priorities all are shown: cards may be put there.
    let most = if by == By::Priority { lanes::PAGE } else { lanes::BOARD };
    let lanes = lanes::page(tx, (asked.pipeline, by), all, scope, (after, most))?;
    let mut views = Vec::new();
    for lane in lanes.all {
        let rows = cards::first_cards(tx, asked.pipeline, scope, look, Some(&lane))?;
        if rows.is_empty() && by != By::Priority {
            continue;
        }
        let dress = Dress::load(tx, actor, look.clone().folding(vec![]), &rows)?;
        let query = asked.fragments_with(&[("lane", &lane.key)]);
        let columns = view::columns(actor, stages, rows, &HashMap::new(), (&query, LANE, &dress));
        views.push(LaneView { key: lane.key, label: lane.label, face: lane.face, columns });
    }
    Ok((views, lanes.next.map(|next| asked.href(&[("lanes", &next)]))))
}

/// The row an address names, of a board that has several.
pub fn lane(tx: &mut OrgTx, asked: &Asked, look: &Look, scope: &Scope, query: &Form) -> AppResult<Option<Lane>> {
    match (look.lanes(), query.get("lane")) {
        (Some(by), key) if !key.is_empty() => {
            let stages = queries::stages(tx)?;
            lanes::one(tx, (asked.pipeline, by), &stages, scope, key).map(Some)
        }
        _ => Ok(None),
    }
}

/// By stage, in each currency that stands by itself.
pub type Totals = HashMap<StageId, Vec<Total>>;

/// Count and sums per stage: in the organisation's currency where today's rates can tell, and what the page says of them.
pub fn totals(
    tx: &mut OrgTx,
    actor: &Actor,
    pipeline: PipelineId,
    scope: &Scope,
) -> AppResult<(Totals, Option<String>)> {
    let mut totals = cards::totals(tx, pipeline, scope)?;
    let rates = Rates::today(tx, actor)?;
    let note = rates.note(totals.values().flatten().map(|total| total.currency.as_str()), actor);
    if note.is_some() {
        totals.values_mut().for_each(|of| *of = in_own(&rates, of));
    }
    Ok((totals, note))
}

/// The line under the title of every way of looking at a pipeline.
pub fn summary(tx: &mut OrgTx, actor: &Actor, pipeline: PipelineId, scope: &Scope) -> AppResult<Summary> {
    let (totals, note) = totals(tx, actor, pipeline, scope)?;
    Ok(Summary { aim: aim(tx, actor, pipeline, scope)?, ..view::summary(actor, &totals, note) })
}

/// How far this month's target is: everybody's, or that of the team or the one person whose deals are shown.
fn aim(
    tx: &mut OrgTx,
    actor: &Actor,
    pipeline: PipelineId,
    scope: &Scope,
) -> AppResult<Option<(String, targets::Row)>> {
    let whose = match (scope.team, &scope.owners) {
        (Some(team), _) => Whose::Team(team),
        (None, Owners::Everyone) => Whose::Everyone,
        (None, Owners::One(id)) => Whose::Member((*id).into()),
        (None, Owners::Some(owners)) if owners.len() == 1 => Whose::Member(owners[0].into()),
        (None, Owners::Some(_) | Owners::Nobody) => return Ok(None),
    };
    targets::headline(tx, actor, whose, pipeline)
}

fn in_own(rates: &Rates, totals: &[Total]) -> Vec<Total> {
    let mut folded: Vec<Total> = Vec::new();
    for total in totals {
        let (currency, amount) = rates.own(&total.currency, total.amount);
        let weighted = rates.own(&total.currency, total.weighted).1;
        match folded.iter_mut().find(|t| t.currency == currency) {
            Some(sum) => {
                sum.deals += total.deals;
                sum.amount += amount;
                sum.weighted += weighted;
            }
            None => folded.push(Total { currency: currency.to_owned(), amount, weighted, ..total.clone() }),
        }
    }
    folded
}

/// The organisation's reasons and, last, "Other".
pub fn lost_reasons(tx: &mut OrgTx) -> AppResult<Vec<SelectOption>> {
    let mut reasons = queries::lost_reasons(tx)?;
    reasons.retain(|r| r != deals::OTHER);
    reasons.push(deals::OTHER.to_owned());
    Ok(reasons.into_iter().map(|r| SelectOption::new(r.clone(), r, false)).collect())
}

/// Ids and names of the teams.
pub fn team_names(tx: &mut OrgTx) -> AppResult<Vec<(String, String)>> {
    let rows: Vec<(Uuid, String)> = teams::table.select((teams::id, teams::name)).order(teams::name).load(tx.conn())?;
    Ok(rows.into_iter().map(|(id, name)| (id.to_string(), name)).collect())
}

/// The stage, if it belongs to that pipeline.
pub fn stage_of(tx: &mut OrgTx, pipeline: PipelineId, stage: StageId) -> AppResult<Stage> {
    let stage = queries::stage(tx, stage)?;
    if stage.pipeline_id == pipeline { Ok(stage) } else { Err(AppError::NotFound) }
}

/// Live update of a board: these cards within its filters, and every head.
pub fn changed(
    tx: &mut OrgTx,
    actor: &Actor,
    pipeline: PipelineId,
    ids: &[DealId],
    query: &Form,
) -> AppResult<BoardReply> {
    let (asked, look) = dressed(tx, actor, pipeline, query)?;
    let scope = asked.scope(tx, actor)?;
    let mut rows = cards::cards(tx, ids, &scope, look.order())?;
    let stages = queries::stages_of(tx, pipeline)?;
    rows.retain(|row| stages.iter().any(|s| s.id.0 == row.stage_id));
    let (totals, note) = totals(tx, actor, pipeline, &scope)?;
    let dress = Dress::load(tx, actor, look, &rows)?;
    Ok(BoardReply {
        cards: rows.into_iter().map(|row| view::card(actor, row, &dress)).collect(),
        heads: stages
            .iter()
            .map(|stage| view::head(actor, stage, totals.get(&stage.id).map_or(&[], Vec::as_slice)))
            .collect(),
        summary: Some(view::summary(actor, &totals, note)),
        aim: aim(tx, actor, pipeline, &scope)?,
    })
}

/// The answer to a person's own action: the card whatever the filters say (they look at it), and the heads of the columns
/// touched, counted under the filters of the board they act on. The first stage is one of that board's.
pub fn reply(tx: &mut OrgTx, actor: &Actor, ids: &[DealId], stages: &[StageId], query: &Form) -> AppResult<BoardReply> {
    let board = stages.first().map(|id| queries::stage(tx, *id)).transpose()?.map(|stage| stage.pipeline_id);
    let at = board.and_then(|id| dressed(tx, actor, id, query).ok());
    let (scope, look) = match at {
        Some((asked, look)) => (asked.scope(tx, actor).unwrap_or_else(|_| Scope::all(actor)), look),
        None => (Scope::all(actor), Look::default()),
    };
    let rows = cards::cards(tx, ids, &Scope::all(actor), look.order())?;
    let (mut heads, mut summary) = (vec![], None);
    for id in stages {
        let stage = queries::stage(tx, *id)?;
        let (totals, note) = totals(tx, actor, stage.pipeline_id, &scope)?;
        heads.push(view::head(actor, &stage, totals.get(id).map_or(&[], Vec::as_slice)));
        summary = summary.or_else(|| Some(view::summary(actor, &totals, note)));
    }
    // Of a card that left the board, not of one that moved on it.
    let aim = match board.filter(|_| ids.is_empty()) {
        Some(board) => aim(tx, actor, board, &scope)?,
        None => None,
    };
    let dress = Dress::load(tx, actor, look, &rows)?;
    Ok(BoardReply { cards: rows.into_iter().map(|row| view::card(actor, row, &dress)).collect(), heads, summary, aim })
}

/// What the board that a request was made from asks for, by the address htmx and our modules send along.
pub fn filters_of_page(req: &HttpRequest) -> Form {
    let address = req.headers().get("HX-Current-URL").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let query = url::Url::parse(address).ok().and_then(|url| url.query().map(str::to_owned)).unwrap_or_default();
    Form::decode(query.as_bytes()).unwrap_or_default()
}
