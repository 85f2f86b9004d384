//! `/activity-templates/{id}/application`: what a set would plan, with which record and from which day; and planning it.

use super::{apply, model};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::activities::{forms, returning::Back},
    kernel::{ActivityTemplateId, calendar},
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, Shell,
        flash::Flash,
        permission::activities::{Create, Delete},
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use uuid::Uuid;

#[derive(Template)]
#[template(path = "activities/templates/apply.html")]
struct Show {
    shell: Shell,
    template: model::Template,
    steps: Vec<Line>,
    input: FormView,
    cancel: String,
}

/// A step as it would be planned.
struct Line {
    subject: String,
    icon: String,
    color: String,
    type_name: String,
    when: String,
    note: String,
}

/// `GET /activity-templates/{id}/application`: what it is to be about (`deal_id`, …), `back`
pub(in crate::features::activities) async fn show(
    page: Page,
    by: Allow<Create>,
    id: Path<ActivityTemplateId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let mut form = Form::decode(page.req.query_string().as_bytes())?;
    form.set("run", Uuid::now_v7().to_string());
    if !form.has("on") {
        form.set("on", by.today().to_string());
    }
    let back = Back::of(&page, &form).filter(|path| !path.contains("/activity-templates/"));
    form.set("back", back.unwrap_or_else(|| "/tasks".into()));
    view(&page, &db, StatusCode::OK, *id, form, FormErrors::default()).await
}

async fn view(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: ActivityTemplateId,
    form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (actor, shell) = (page.actor.clone(), page.shell("tasks"));
    let shown = db.org(page, move |tx| load(tx, &actor, id, form, errors, shell)).await?;
    reply::page_with(&page.req, status, &shown)
}

fn load(
    tx: &mut OrgTx,
    actor: &Actor,
    id: ActivityTemplateId,
    mut form: Form,
    errors: FormErrors,
    shell: Shell,
) -> AppResult<Show> {
    let template = model::find(tx, id)?;
    if !template.is_set() || template.retired_at.is_some() {
        return Err(AppError::NotFound);
    }
    if errors.is_empty() {
        forms::name_links(tx, actor, &mut form)?;
    }
    let from = calendar::parse_date(form.get("on")).unwrap_or_else(|_| actor.today());
    let types = model::type_names(tx)?;
    let steps = model::steps(tx, id)?;
    let named = |id: Uuid| steps.iter().find(|step| step.id == id).map(|step| step.fields.subject.clone());
    let line = |step: &model::Step| {
        let kind = step.kind(&types);
        let items = match step.items().count() {
            0 => None,
            1 => Some("1 item to tick off".to_owned()),
            n => Some(format!("{n} items to tick off")),
        };
        let waits: Vec<String> = step.waits_for().filter_map(named).collect();
        let waits = (!waits.is_empty()).then(|| format!("waits for {}", waits.join(", ")));
        Line {
            subject: step.fields.subject.clone(),
            icon: kind.map(|kind| kind.icon.clone()).unwrap_or_else(|| "checkbox".into()),
            color: kind.map(|kind| kind.color.clone()).unwrap_or_else(|| "slate".into()),
            type_name: kind.map(|kind| kind.name.clone()).unwrap_or_default(),
            when: actor.locale.weekday_and_day(step.day(from, actor.org.working_days), from),
            note: items.into_iter().chain(waits).collect::<Vec<_>>().join(" · "),
        }
    };
    let lines = steps.iter().map(line).collect();
    Ok(Show {
        shell,
        steps: lines,
        cancel: Back::asked(&form).unwrap_or_else(|| "/tasks".into()),
        input: form.view(errors),
        template,
    })
}

/// `POST /activity-templates/{id}/application`: `on`, what it is about, `run`
pub(in crate::features::activities) async fn apply(
    page: Page,
    by: Allow<Create>,
    id: Path<ActivityTemplateId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let run: Uuid = form.get("run").parse().unwrap_or_else(|_| Uuid::now_v7());
    let posted = form.clone();
    let planned = db
        .org(&page, move |tx| {
            let mut p = posted.parser();
            let from = p.optional("on", calendar::parse_date);
            p.finish()?;
            let links = forms::links(tx, &by, &posted)?;
            apply::apply(tx, &by, id, run, from.unwrap_or_else(|| by.today()), &[links])
        })
        .await;
    match planned {
        Ok(count) => {
            let told = if count == 1 { "1 planned".to_owned() } else { format!("{count} planned") };
            let undo = format!("/activity-templates/{id}/application/undo?run={run}");
            let to = Back::asked(&form).unwrap_or_else(|| "/tasks".into());
            Ok(reply::redirect(&page.req, &to, Some(Flash::success(told).undo(undo))))
        }
        Err(AppError::Invalid(errors)) => view(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, id, form, errors).await,
        Err(other) => Err(other),
    }
}

/// `POST /activity-templates/{id}/application/undo`: `run` in the address
pub(in crate::features::activities) async fn undo(
    page: Page,
    by: Allow<Delete>,
    id: Path<ActivityTemplateId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let run: Uuid = query.get("run").parse().map_err(|_| AppError::NotFound)?;
    let gone = db
        .org(&page, move |tx| {
            model::find(tx, id)?;
            apply::take_back(tx, &by, run)
        })
        .await?;
    let to = Back::of(&page, &form).unwrap_or_else(|| "/tasks".into());
    Ok(reply::redirect(&page.req, &to, Some(Flash::success(format!("{gone} taken back")))))
}
