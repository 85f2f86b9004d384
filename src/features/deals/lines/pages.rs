//! What is done to the lines of a deal. A request for a fragment is answered with the whole panel, any other with a redirect to the deal.

use super::{
    super::{model::AmountFrom, pages as deal_pages, queries},
    commands, forms,
    panel::{Panel, State},
    stale::{self, Gone},
    undo,
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::records::history::Conflict,
    kernel::{DealId, LineId},
    web::{
        Allow, Form, FormErrors, Page, csrf,
        flash::Flash,
        permission::deals::{Edit, View},
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
#[template(path = "deals/_lines_inner.html")]
struct Fragment {
    lines: Panel,
}

fn at(deal: DealId) -> String {
    format!("/deals/{deal}#deal-lines")
}

async fn panel(page: &Page, db: &Db, status: StatusCode, deal: DealId, state: State) -> AppResult<HttpResponse> {
    let (actor, csrf) = (page.actor.clone(), csrf::token(&page.req));
    let lines = db
        .org(page, move |tx| {
            let deal = queries::find(tx, &actor, deal)?;
            Panel::load(tx, &actor, &deal, state, csrf)
        })
        .await?;
    reply::fragment_with(status, &Fragment { lines })
}

/// The panel after a change, the deal's page, or either with what was refused. `undo` and the words of a message go along.
async fn answer(
    page: &Page,
    db: &Db,
    deal: DealId,
    done: AppResult<Option<(String, Option<String>)>>,
    editing: Option<LineId>,
    form: Form,
) -> AppResult<HttpResponse> {
    let partial = reply::is_partial(&page.req);
    match done {
        Ok(told) if partial => {
            let answer = panel(page, db, StatusCode::OK, deal, State::default()).await?;
            Ok(match told {
                Some((text, undo)) => reply::toast(answer, "success", &text, undo.as_deref()),
                None => answer,
            })
        }
        Ok(told) => {
            let flash = told.map(|(text, undo)| match undo {
                Some(undo) => Flash::success(text).undo(undo),
                None => Flash::success(text),
            });
            Ok(reply::redirect(&page.req, &at(deal), flash))
        }
        Err(AppError::Invalid(errors)) => refused(page, db, deal, editing, form, errors).await,
        Err(other) => Err(other),
    }
}

async fn refused(
    page: &Page,
    db: &Db,
    deal: DealId,
    editing: Option<LineId>,
    form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    // What is wrong with the deal itself (its rules) has no control here.
    let errors = if errors.get("amount_from").is_some() { errors } else { errors.placed(&form) };
    let state = State { editing, typed: Some((form, errors)), ..State::default() };
    again(page, db, StatusCode::UNPROCESSABLE_ENTITY, deal, state).await
}

/// The panel, or the deal's page, with what was typed.
async fn again(page: &Page, db: &Db, status: StatusCode, deal: DealId, state: State) -> AppResult<HttpResponse> {
    if reply::is_partial(&page.req) {
        return panel(page, db, status, deal, state).await;
    }
    deal_pages::show_lines(page, db, status, deal, state).await
}

/// `GET /deals/{id}/lines?line=`: the panel, one line of it as a form.
pub(in crate::features::deals) async fn show(page: Page, id: Path<DealId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let state = State { editing: query.get("line").parse().ok(), ..State::default() };
    panel(&page, &db, StatusCode::OK, *id, state).await
}

/// `POST /deals/{id}/lines`: `product` or free text, `quantity`, `unit_price`, `discount`, `tax_class_id`, `every`, `periods`
pub(in crate::features::deals) async fn add(
    page: Page,
    by: Allow<Edit>,
    id: Path<DealId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let done = db
        .org(&page, move |tx| {
            let deal = commands::hold(tx, &by, id)?;
            let said = forms::parse(tx, &by, &posted, commands::currency(&deal)?, None)?;
            let line = posted.get("id").parse().unwrap_or_else(|_| LineId::new());
            commands::add(tx, &by, &deal, line, &said)
        })
        .await;
    answer(&page, &db, id, done.map(|()| None), None, form).await
}

/// What came of saving a line.
enum Saving {
    Done,
    /// Somebody else changed it meanwhile.
    Stale(Conflict, Form),
    /// Somebody took it off.
    Gone(Gone),
}

/// `POST /deals/{id}/lines/{line}`: as for a new one, and `version`, of the form
pub(in crate::features::deals) async fn save(
    page: Page,
    by: Allow<Edit>,
    path: Path<(DealId, LineId)>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let ((id, line), posted) = (path.into_inner(), form.clone());
    let done = db
        .org(&page, move |tx| {
            let deal = commands::hold(tx, &by, id)?;
            let Some(before) = stale::find(tx, id, line)? else {
                return stale::gone(tx, &by, id, line)?.map(Saving::Gone).ok_or(AppError::NotFound);
            };
            let said = forms::parse(tx, &by, &posted, commands::currency(&deal)?, Some(&before))?;
            let seen = stale::overtaken(tx, &before, &posted)?;
            let saved = commands::update(tx, &by, &deal, before.clone(), &said, seen.is_some())?;
            match seen.filter(|_| !saved) {
                Some(seen) => {
                    let mut form = posted;
                    let conflict = stale::conflict(tx, &by, &before, seen, &mut form)?;
                    Ok(Saving::Stale(conflict, form))
                }
                None => Ok(Saving::Done),
            }
        })
        .await;
    match done {
        Ok(Saving::Stale(conflict, form)) => {
            let typed = Some((form, FormErrors::default()));
            let state = State { editing: Some(line), typed, conflict: Some(conflict) };
            again(&page, &db, StatusCode::CONFLICT, id, state).await
        }
        Ok(Saving::Gone(Gone { name, who })) => {
            let told = format!(
                "{name} was taken off meanwhile by {who}. What you typed is here: add it as a new line, or leave it."
            );
            let state = State { typed: Some((form, FormErrors::one("", told))), ..State::default() };
            again(&page, &db, StatusCode::CONFLICT, id, state).await
        }
        Ok(Saving::Done) => answer(&page, &db, id, Ok(None), Some(line), form).await,
        Err(error) => answer(&page, &db, id, Err(error), Some(line), form).await,
    }
}

/// `POST /deals/{id}/lines/{line}/removal`
pub(in crate::features::deals) async fn remove(
    page: Page,
    by: Allow<Edit>,
    path: Path<(DealId, LineId)>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, line) = path.into_inner();
    let done = db
        .org(&page, move |tx| {
            let deal = commands::hold(tx, &by, id)?;
            if stale::find(tx, id, line)?.is_none() {
                let Gone { name, who } = stale::gone(tx, &by, id, line)?.ok_or(AppError::NotFound)?;
                return Ok((format!("{name} was taken off already by {who}"), None));
            }
            let taken = commands::remove(tx, &by, &deal, line)?;
            Ok((format!("{} taken off", taken.name), Some(format!("/deals/{id}/lines/{line}/removal/undo"))))
        })
        .await;
    answer(&page, &db, id, done.map(Some), None, Form::default()).await
}

/// `POST /deals/{id}/lines/{line}/removal/undo`
pub(in crate::features::deals) async fn restore(
    page: Page,
    by: Allow<Edit>,
    path: Path<(DealId, LineId)>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, line) = path.into_inner();
    let done = db.org(&page, move |tx| undo::restore(tx, &by, id, line)).await;
    answer(&page, &db, id, done.map(|()| None), None, Form::default()).await
}

/// `POST /deals/{id}/lines/order`: `order`, ids with commas between
pub(in crate::features::deals) async fn order(
    page: Page,
    by: Allow<Edit>,
    id: Path<DealId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let order: Vec<LineId> = form.get("order").split(',').filter_map(|id| id.parse().ok()).collect();
    db.org(&page, move |tx| {
        let deal = commands::hold(tx, &by, id)?;
        commands::reorder(tx, &by, &deal, &order)
    })
    .await?;
    if reply::is_htmx(&page.req) {
        return Ok(HttpResponse::NoContent().finish());
    }
    Ok(reply::redirect(&page.req, &at(id), None))
}

/// `POST /deals/{id}/amount`: `from`, `lines` or `hand`
pub(in crate::features::deals) async fn amount(
    page: Page,
    by: Allow<Edit>,
    id: Path<DealId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, from) = (*id, AmountFrom::parse(form.get("from")));
    let done = db
        .org(&page, move |tx| {
            let deal = commands::hold(tx, &by, id)?;
            commands::follow(tx, &by, &deal, from)
        })
        .await;
    answer(&page, &db, id, done.map(|()| None), None, form).await
}
