//! What is done to a deal from the board and from its page: moved, won, lost, reopened, sent to another pipeline.
//!
//! A request for a fragment is answered with the authoritative card and the column heads that changed; any other with a redirect to
//! where it came from.

use super::{
    beginnings, closing, closure, commands, forms,
    model::{Deal, DealStatus, NewDeal},
    moves, pages,
    passing::{self, To},
    positions::Place,
    rows,
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::pipeline::{
        self,
        board::{self, BoardReply},
    },
    kernel::{DealId, StageId},
    live,
    web::{
        Allow, Form, Page,
        flash::Flash,
        permission::deals::{Create, Edit},
        reply,
    },
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};

/// `POST /deals/{id}/position`: `stage_id`, `after_id`, `before_id`; on a board with rows `rows` and `row`, where it enters another one
pub async fn position(
    page: Page,
    by: Allow<Edit>,
    id: Path<DealId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let ((stage, place), row) = (parse_place(&form)?, rows::parse(&form)?);
    let (tab, filters, id) = (tab(&page.req), board::filters_of_page(&page.req), *id);
    let done = db
        .org(&page, move |tx| {
            if let Some(row) = row {
                rows::enter(tx, &by, id, stage, row)?;
            }
            let moved = moves::move_to(tx, &by, id, stage, place, tab)?;
            let reply = board::reply(tx, &by, &[id], &both(moved.from, moved.deal.stage_id), &filters)?;
            Ok((moved, reply))
        })
        .await;
    match done {
        Ok((moved, reply)) => answer(&page, reply, &moved.deal, None),
        Err(error) => passing::refused(&page, &db, id, To::Stage(stage, place), error).await,
    }
}

/// `POST /deals/{id}/pipeline`
pub async fn pipeline(
    page: Page,
    by: Allow<Edit>,
    id: Path<DealId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let mut p = form.parser();
    let stage = p.id::<StageId>("stage_id");
    p.finish()?;
    let stage = stage.ok_or_else(|| AppError::field("stage_id", "is required"))?;
    let (tab, filters, id) = (tab(&page.req), board::filters_of_page(&page.req), *id);
    let moved = db
        .org(&page, move |tx| {
            let moved = moves::move_pipeline(tx, &by, id, stage, tab)?;
            let reply = board::reply(tx, &by, &[], &[moved.from], &filters)?;
            Ok((moved.deal, reply))
        })
        .await;
    match moved {
        Ok((deal, reply)) => {
            let done = format!("{} moved", short(&deal.name));
            answer(&page, reply, &deal, Some((done, None)))
        }
        Err(error) => passing::refused(&page, &db, id, To::Pipeline(stage), error).await,
    }
}

/// `POST /deals/{id}/closure`
pub async fn close(page: Page, by: Allow<Edit>, id: Path<DealId>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let loss = match form.get("outcome") {
        "won" => None,
        "lost" => match forms::parse_loss(&form) {
            Ok(loss) => Some(loss),
            Err(errors) => return unexplained(&page, &db, *id, form, errors.into()).await,
        },
        _ => return Err(AppError::field("outcome", "is won or lost")),
    };
    let lost = loss.is_some();
    let (tab, filters, id) = (tab(&page.req), board::filters_of_page(&page.req), *id);
    let closed = db
        .org(&page, move |tx| {
            let deal = match loss {
                Some(loss) => {
                    closing::refuse_second(tx, &by, id, &loss)?;
                    closure::lose(tx, &by, id, loss, tab)?
                }
                None => closure::win(tx, &by, id, tab)?,
            };
            let reply = board::reply(tx, &by, &[], &[deal.stage_id], &filters)?;
            Ok((deal, reply))
        })
        .await;
    match closed {
        Ok((deal, reply)) => answer_closed(&page, reply, &deal),
        Err(error) if lost => unexplained(&page, &db, id, form, error).await,
        Err(error) => passing::refused(&page, &db, id, To::Won, error).await,
    }
}

/// The deal's page with the form of how it ended, as it was typed. Whoever asks for a part of a page shows the words in the form it has.
async fn unexplained(page: &Page, db: &Db, id: DealId, form: Form, error: AppError) -> AppResult<HttpResponse> {
    match error {
        AppError::Invalid(mut errors) if !reply::is_partial(&page.req) && !passing::wants_json(&page.req) => {
            // A rule of data quality may refuse at a field that is not on this form.
            if errors.iter().all(|(field, _)| !form.has(field)) {
                errors.add("", errors.summary());
            }
            pages::show_ending(page, db, id, form.view(errors)).await
        }
        other => passing::told(page, db, id, other).await,
    }
}

/// "Cold chain pilot: won", with Undo.
pub(super) fn answer_closed(page: &Page, reply: BoardReply, deal: &Deal) -> AppResult<HttpResponse> {
    let undo = format!("/deals/{}/closure/undo", deal.id);
    let done = format!("{}: {}", short(&deal.name), deal.status.key());
    answer(page, reply, deal, Some((done, Some(undo))))
}

/// `POST /deals/{id}/closure/reason`: why it was lost, or won, said afterwards.
pub async fn explain(
    page: Page,
    by: Allow<Edit>,
    id: Path<DealId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, said) = (*id, form.clone());
    let explained = db
        .org(&page, move |tx| match super::queries::find(tx, &by, id)?.status {
            DealStatus::Lost { .. } => closure::explain_loss(tx, &by, id, forms::parse_loss(&said)?),
            _ => closure::explain_win(tx, &by, id, forms::parse_win(&said)?),
        })
        .await;
    if let Err(error) = explained {
        return unexplained(&page, &db, id, form, error).await;
    }
    Ok(reply::redirect(&page.req, &format!("/deals/{id}"), Some(Flash::success("Saved why"))))
}

/// `POST /deals/{id}/closure/undo`, `DELETE /deals/{id}/closure`
pub async fn reopen(page: Page, by: Allow<Edit>, id: Path<DealId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let (tab, filters) = (tab(&page.req), board::filters_of_page(&page.req));
    let (deal, reply) = db
        .org(&page, move |tx| {
            let deal = closure::reopen(tx, &by, *id, tab)?;
            let reply = board::reply(tx, &by, &[deal.id], &[deal.stage_id], &filters)?;
            Ok((deal, reply))
        })
        .await?;
    let done = format!("{} is open again", short(&deal.name));
    answer(&page, reply, &deal, Some((done, None)))
}

/// The board's quick add: the same form as the page's, answered with a card.
pub async fn quick_add(page: &Page, by: Allow<Create>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let filters = board::filters_of_page(&page.req);
    let reply = db
        .org(page, move |tx| {
            let deal = create(tx, &by, &form)?;
            board::reply(tx, &by, &[deal.id], &[deal.stage_id], &filters)
        })
        .await?;
    reply::fragment_with(StatusCode::CREATED, &reply)
}

/// Reads the form of a new deal and makes it; where it names no stage, in the first one of the first pipeline.
pub(super) fn create(tx: &mut crate::db::OrgTx, by: &Allow<Create>, form: &Form) -> AppResult<Deal> {
    let form = &beginnings::named(form);
    let mut p = form.parser();
    let id = p.id::<DealId>("id");
    let mut stage_id = p.id::<StageId>("stage_id");
    if form.get("stage_id").is_empty() {
        stage_id = pipeline::first_stage(tx)?;
    }
    let chosen = p.finish();
    let fields = match (chosen, forms::parse(tx, by, form, None)) {
        (Ok(()), fields) => fields?,
        // Both halves' errors at once.
        (Err(mut errors), Err(AppError::Invalid(more))) => {
            more.iter().for_each(|(field, message)| errors.add(field, message));
            return Err(errors.into());
        }
        (Err(errors), _) => return Err(errors.into()),
    };
    let stage_id = stage_id.ok_or_else(|| AppError::field("stage_id", "is required"))?;
    // The form sent twice: what belongs to the deal came along the first time.
    if let Some(known) = id.and_then(|id| super::queries::find(tx, by, id).ok()) {
        return Ok(known);
    }
    let deal = commands::create(tx, by, NewDeal { id, stage_id, fields })?;
    beginnings::attach(tx, by, form, deal)
}

pub(super) fn parse_place(form: &Form) -> AppResult<(StageId, Place)> {
    let mut p = form.parser();
    let stage = p.id::<StageId>("stage_id");
    let place = Place { after: p.id("after_id"), before: p.id("before_id") };
    p.finish()?;
    let stage = stage.ok_or_else(|| AppError::field("stage_id", "is required"))?;
    Ok((stage, place))
}

/// Which tab asks, so that it can ignore its own echo. Anything odd is no tab.
pub(super) fn tab(req: &HttpRequest) -> Option<String> {
    let tab = req.headers().get(live::TAB_HEADER)?.to_str().ok()?;
    let plain = tab.len() <= 64 && tab.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain.then(|| tab.to_owned())
}

pub(super) fn both(from: StageId, to: StageId) -> Vec<StageId> {
    if from == to { vec![to] } else { vec![from, to] }
}

/// The fragment with a toast, or the way back: to the deal, when it was acted on from its page, else to the board.
pub(super) fn answer(
    page: &Page,
    reply: BoardReply,
    deal: &Deal,
    done: Option<(String, Option<String>)>,
) -> AppResult<HttpResponse> {
    if reply::is_partial(&page.req) {
        let response = reply::fragment(&reply)?;
        return Ok(match done {
            Some((text, undo)) => reply::toast(response, "success", &text, undo.as_deref()),
            None => response,
        });
    }
    let to = back(&page.req, deal);
    let flash = done.map(|(text, undo)| match undo {
        Some(undo) => Flash::success(text).undo(undo),
        None => Flash::success(text),
    });
    Ok(reply::redirect(&page.req, &to, flash))
}

fn back(req: &HttpRequest, deal: &Deal) -> String {
    let referer = req.headers().get("Referer").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let from_board = url::Url::parse(referer).is_ok_and(|url| url.path().starts_with("/pipeline"));
    if from_board { format!("/pipeline/{}", deal.pipeline_id) } else { format!("/deals/{}", deal.id) }
}

fn short(name: &str) -> String {
    let mut text: String = name.chars().take(60).collect();
    if text.len() < name.len() {
        text.push('…');
    }
    text
}
