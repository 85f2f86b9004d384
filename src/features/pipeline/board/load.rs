//! Puts a board together: stages, first cards, totals, filters, memory.

use super::{
    cards::{self, Total},
    filters::{Filters, Scope},
    memory::Memory,
    view::{self, Board, Card, Head, Summary},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        accounts::members,
        currencies::Rates,
        deals,
        pipeline::{Pipeline, Stage, queries},
        tags,
    },
    kernel::{DealId, PipelineId, StageId},
    schema::teams,
    web::{
        Actor, Form, SelectOption,
        permission::{
            Permission,
            deals::{Create, Edit},
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
    let explicit = Filters::are_in(query) || query.get("reset") == "1";
    let filters = if explicit { Filters::parse(query)? } else { Filters::default() };
    let kept = memory.filters(id);
    if !explicit && visit && !kept.is_empty() && Scope::resolve(tx, actor, &kept).is_ok() {
        return Ok(Loaded::Elsewhere(format!("/pipeline/{id}?{}", kept.query_without(""))));
    }
    let scope = Scope::resolve(tx, actor, &filters)?;
    if explicit || visit {
        memory.remember(id, &filters);
    }
    if memory != before {
        memory.save(tx, actor.id)?;
    }
    put_together(tx, actor, &pipelines, pipeline, &filters, &scope).map(|board| Loaded::Board(Box::new(board)))
}

fn put_together(
    tx: &mut OrgTx,
    actor: &Actor,
    pipelines: &[Pipeline],
    pipeline: &Pipeline,
    filters: &Filters,
    scope: &Scope,
) -> AppResult<Board> {
    let all_stages = queries::stages(tx)?;
    let stages: Vec<Stage> = all_stages.iter().filter(|s| s.pipeline_id == pipeline.id).cloned().collect();
    let rows = cards::first_cards(tx, pipeline.id, scope)?;
    let (totals, note) = totals(tx, actor, pipeline.id, scope)?;
    let people = members::directory(tx)?;
    let teams = team_names(tx)?;
    let tags = tags::all(tx)?;
    let links = view::links(pipelines, pipeline);
    Ok(Board {
        pipeline: view::PipelineLink { id: pipeline.id.to_string(), name: pipeline.name.clone(), current: true },
        pipelines: links,
        summary: view::summary(actor, &totals, note),
        filters: view::filters(actor, &format!("/pipeline/{}", pipeline.id), filters, &people, &teams, &tags),
        columns: view::columns(actor, &stages, rows, &totals, filters),
        can_edit: actor.may(Edit::KEY),
        can_add: actor.may(Create::KEY),
        lost_reasons: lost_reasons(tx)?,
        move_targets: view::move_targets(pipelines, &all_stages, pipeline),
    })
}

/// Count and sums per stage: in the organisation's currency where today's rates can tell, and what the page says of them.
pub fn totals(
    tx: &mut OrgTx,
    actor: &Actor,
    pipeline: PipelineId,
    scope: &Scope,
) -> AppResult<(HashMap<StageId, Vec<Total>>, Option<String>)> {
    let mut totals = cards::totals(tx, pipeline, scope)?;
    let rates = Rates::today(tx, actor)?;
    let note = rates.note(totals.values().flatten().map(|total| total.currency.as_str()), actor);
    if note.is_some() {
        totals.values_mut().for_each(|of| *of = in_own(&rates, of));
    }
    Ok((totals, note))
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

fn team_names(tx: &mut OrgTx) -> AppResult<Vec<(String, String)>> {
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
    filters: &Filters,
) -> AppResult<BoardReply> {
    let scope = Scope::resolve(tx, actor, filters)?;
    let mut rows = cards::cards(tx, ids, &scope)?;
    let stages = queries::stages_of(tx, pipeline)?;
    rows.retain(|row| stages.iter().any(|s| s.id.0 == row.stage_id));
    let (totals, note) = totals(tx, actor, pipeline, &scope)?;
    Ok(BoardReply {
        cards: rows.into_iter().map(|row| view::card(actor, row)).collect(),
        heads: stages
            .iter()
            .map(|stage| view::head(actor, stage, totals.get(&stage.id).map_or(&[], Vec::as_slice)))
            .collect(),
        summary: Some(view::summary(actor, &totals, note)),
    })
}

/// The answer to a person's own action: the card whatever the filters say (they look at it), and the heads of the columns
/// touched, counted under the filters of the board they act on. The first stage is one of that board's.
pub fn reply(
    tx: &mut OrgTx,
    actor: &Actor,
    ids: &[DealId],
    stages: &[StageId],
    filters: &Filters,
) -> AppResult<BoardReply> {
    let rows = cards::cards(tx, ids, &Scope::all(actor))?;
    let scope = Scope::resolve(tx, actor, filters).unwrap_or_else(|_| Scope::all(actor));
    let (mut heads, mut summary) = (vec![], None);
    for id in stages {
        let stage = queries::stage(tx, *id)?;
        let (totals, note) = totals(tx, actor, stage.pipeline_id, &scope)?;
        heads.push(view::head(actor, &stage, totals.get(id).map_or(&[], Vec::as_slice)));
        summary = summary.or_else(|| Some(view::summary(actor, &totals, note)));
    }
    Ok(BoardReply { cards: rows.into_iter().map(|row| view::card(actor, row)).collect(), heads, summary })
}

/// The filters of the board a request was made from, by the address htmx and our modules send along.
pub fn filters_of_page(req: &HttpRequest) -> Filters {
    let address = req.headers().get("HX-Current-URL").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let query = url::Url::parse(address).ok().and_then(|url| url.query().map(str::to_owned)).unwrap_or_default();
    Form::decode(query.as_bytes()).ok().and_then(|form| Filters::parse(&form).ok()).unwrap_or_default()
}
