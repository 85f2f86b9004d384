//! `/activity-templates/selection`: a set planned with each of the records that are ticked in a list, or of all that match.

use super::{apply, model};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        activities::{forms, returning::Back},
        records::list::Selection,
    },
    kernel::{ActivityTemplateId, RecordType, calendar},
    web::{
        Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash, permission::activities::Create,
        reply,
    },
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use uuid::Uuid;

/// Most records at a time.
const MOST: i64 = 200;

#[derive(Template)]
#[template(path = "activities/templates/selection.html")]
struct Question {
    shell: Shell,
    title: String,
    /// The selection, carried on.
    fields: Vec<(String, String)>,
    templates: Vec<SelectOption>,
    input: FormView,
    cancel: String,
}

/// What the question needs, or how many were planned.
enum Answer {
    Ask { count: usize, templates: Vec<SelectOption> },
    Planned(usize, ActivityTemplateId),
}

/// `POST`: the selection; and, once they are chosen, `template` and `on`
pub(in crate::features::activities) async fn plan(
    page: Page,
    by: Allow<Create>,
    mut form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let record = RecordType::parse(form.get("record_type")).ok_or(AppError::NotFound)?;
    let back = Back::of(&page, &form).unwrap_or_else(|| format!("/{}", record.noun()));
    let run = form.get("request_key").parse().unwrap_or_else(|_| Uuid::now_v7());
    let chosen = form.get("template").parse::<ActivityTemplateId>().ok();
    let (posted, asker) = (form.clone(), by.clone());
    let answer = db
        .org(&page, move |tx| match chosen {
            Some(id) => Ok(Answer::Planned(apply_to(tx, &by, record, id, run, &posted)?, id)),
            None => ask(tx, &by, record, &posted),
        })
        .await;
    let (status, errors) = match answer {
        Ok(Answer::Planned(count, id)) => {
            let undo = format!("/activity-templates/{id}/application/undo?run={run}");
            let told = if count == 1 { "1 planned".to_owned() } else { format!("{count} planned") };
            return Ok(reply::redirect(&page.req, &back, Some(Flash::success(told).undo(undo))));
        }
        Ok(answer) => (StatusCode::OK, Ok(answer)),
        Err(AppError::Invalid(errors)) => (StatusCode::UNPROCESSABLE_ENTITY, Err(errors)),
        Err(other) => return Err(other),
    };
    let (answer, errors) = match errors {
        Ok(answer) => (answer, FormErrors::default()),
        Err(errors) => {
            let posted = form.clone();
            (db.org(&page, move |tx| ask(tx, &asker, record, &posted)).await?, errors)
        }
    };
    let Answer::Ask { count, templates } = answer else { return Err(AppError::NotFound) };
    if form.get("on").is_empty() {
        form.set("on", page.today().to_string());
    }
    let noun = if count == 1 { record.label() } else { record.plural() }.to_lowercase();
    let many = if count > usize::try_from(MOST).unwrap_or(0) { format!("more than {MOST}") } else { count.to_string() };
    let kept = form.pairs().filter(|(name, _)| !matches!(*name, "csrf_token" | "template" | "on" | "action"));
    let question = Question {
        shell: page.shell(record.noun()),
        title: format!("Plan a set with {many} {noun}"),
        fields: kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        templates,
        input: form.clone().view(errors),
        cancel: back,
    };
    reply::page_with(&page.req, status, &question)
}

fn ask(tx: &mut OrgTx, by: &Allow<Create>, record: RecordType, form: &Form) -> AppResult<Answer> {
    let count = Selection::parse(tx, by, record, form)?.next(tx, by, None, MOST + 1)?.len();
    let sets = model::all(tx)?.into_iter().filter(|template| template.is_set() && template.retired_at.is_none());
    let chosen = form.get("template");
    let option = |set: model::Template| SelectOption::new(set.id.to_string(), &set.name, set.id.to_string() == chosen);
    Ok(Answer::Ask { count, templates: sets.map(option).collect() })
}

fn apply_to(
    tx: &mut OrgTx,
    by: &Allow<Create>,
    record: RecordType,
    id: ActivityTemplateId,
    run: Uuid,
    form: &Form,
) -> AppResult<usize> {
    let mut p = form.parser();
    let from = p.optional("on", calendar::parse_date);
    p.finish()?;
    let ids = Selection::parse(tx, by, record, form)?.next(tx, by, None, MOST + 1)?;
    if i64::try_from(ids.len()).unwrap_or(i64::MAX) > MOST {
        return Err(AppError::field("", format!("At most {MOST} at a time: tick fewer, or filter the list.")));
    }
    let with: Vec<apply::Links> =
        ids.iter().map(|id| forms::LINKED.map(|kind| (kind, Some(*id).filter(|_| kind == record)))).collect();
    apply::apply(tx, by, id, run, from.unwrap_or_else(|| by.today()), &with)
}
