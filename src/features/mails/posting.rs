//! A compose form that was posted: saved, sent, scheduled, or given a template's words.

use super::{addresses, beginning, commands, compose, model::Status, queries, writing::Written};
use crate::{
    config::Config,
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        activities::{Slot, parse_time},
        records::Saved,
    },
    kernel::{MailTemplateId, MessageId, calendar},
    mailer::Post,
    web::{Actor, Allow, Form, FormErrors, Page, flash::Flash, permission::mails::Send, reply},
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use chrono::{DateTime, Utc};

/// `POST /mails`: the form, and `action`: `send`, `schedule` with `send_on` and `send_time`, `draft`, `template` with `template`
pub(super) async fn write(
    page: Page,
    by: Allow<Send>,
    form: Form,
    db: Data<Db>,
    config: Data<Config>,
    post: Data<Post>,
) -> AppResult<HttpResponse> {
    let Ok(id) = form.get("id").parse::<MessageId>() else { return Err(AppError::NotFound) };
    if form.get("action") == "template" {
        return with_template(&page, form, &db, &config, &post).await;
    }
    let (posted, host) = (form.clone(), host(&config));
    let done = db.org(&page, move |tx| perform(tx, &by, id, &posted, &host)).await;
    match done {
        Ok(Done::Draft) => {
            let to = back(&form).unwrap_or_else(|| "/mails?folder=drafts".to_owned());
            Ok(reply::redirect(&page.req, &to, Some(Flash::success("Draft saved"))))
        }
        Ok(Done::Sending(told)) => {
            let to = back(&form).unwrap_or_else(|| format!("/mails/{id}"));
            let flash = Flash::success(told).undo(format!("/mails/{id}/cancellation"));
            Ok(reply::redirect(&page.req, &to, Some(flash)))
        }
        Ok(Done::Already) => {
            let to = back(&form).unwrap_or_else(|| format!("/mails/{id}"));
            Ok(reply::redirect(&page.req, &to, Some(Flash::info("It was on its way already"))))
        }
        Ok(Done::Stale(version)) => {
            let mut form = form;
            form.set("version", version.to_string());
            compose::shown(&page, &db, &config, &post, StatusCode::CONFLICT, form, FormErrors::default()).await
        }
        Err(AppError::Invalid(errors)) => {
            compose::shown(&page, &db, &config, &post, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await
        }
        Err(other) => Err(other),
    }
}

/// Nothing is sent that nobody asked to be sent.
pub(super) const UNASKED: &str = "Say what is to be done with it: send it, or send it later. Nothing was sent.";

enum Done {
    Draft,
    Sending(String),
    /// The form was sent twice.
    Already,
    Stale(i32),
}

fn host(config: &Config) -> String {
    config.public_url.host_str().unwrap_or("localhost").to_owned()
}

/// A path of ours to go back to.
pub(super) fn back(form: &Form) -> Option<String> {
    let back = form.get("back");
    let ours = back.starts_with('/') && !back.starts_with("//") && back.len() <= 1_000;
    (ours && !back.contains(['\\', '\r', '\n', '\t'])).then(|| back.to_owned())
}

fn perform(tx: &mut OrgTx, by: &Allow<Send>, id: MessageId, form: &Form, host: &str) -> AppResult<Done> {
    let action = form.get("action");
    if !matches!(action, "draft" | "schedule" | "send") {
        return Err(AppError::field("", UNASKED));
    }
    match queries::lock_own(tx, by, id) {
        Ok(known) if known.status() != Status::Draft => return Ok(Done::Already),
        Ok(_) | Err(AppError::NotFound) => {}
        Err(other) => return Err(other),
    }
    let written = Written::parse(tx, by, form)?;
    let version = form.get("version").parse().unwrap_or(0);
    let Saved::Done(_) = commands::save(tx, by, id, version, &written, host)? else {
        return Ok(Done::Stale(queries::lock_own(tx, by, id)?.version));
    };
    let at = match action {
        "draft" => return Ok(Done::Draft),
        "schedule" => Some(moment(by, form)?),
        _ => None,
    };
    commands::send(tx, by, id, &written, at)?;
    let to = addresses::parse(&written.to).unwrap_or_default();
    let first =
        to.first().map(|r| if r.name.is_empty() { r.email.clone() } else { r.name.clone() }).unwrap_or_default();
    let whom = if to.len() > 1 { format!("{first} and {} more", to.len() - 1) } else { first };
    Ok(Done::Sending(match at {
        Some(at) => format!("To be sent to {whom} {}", by.within(at)),
        None => format!("Sending to {whom}"),
    }))
}

/// When it is to go out, as the writer's own clocks say.
pub(super) fn moment(actor: &Actor, form: &Form) -> AppResult<DateTime<Utc>> {
    let mut p = form.parser();
    let day = p.optional("send_on", calendar::parse_date);
    let time = p.optional("send_time", parse_time);
    if form.get("send_on").is_empty() {
        p.error("send_on", "is required");
    }
    if form.get("send_time").is_empty() {
        p.error("send_time", "is required");
    }
    let at = Slot::new(day, time, actor.zone).start_at;
    if let Some(at) = at {
        let now = Utc::now();
        if at <= now {
            p.error("send_on", "is over at that time: choose one ahead");
        } else if at > now + chrono::Duration::days(366) {
            p.error("send_on", "must be within a year");
        }
    }
    p.finish()?;
    at.ok_or_else(|| AppError::field("send_on", "is required"))
}

/// The form with a template's words in it, filled in for whom it is to.
async fn with_template(
    page: &Page,
    form: Form,
    db: &Db,
    config: &Data<Config>,
    post: &Data<Post>,
) -> AppResult<HttpResponse> {
    let Ok(template) = form.get("template").parse::<MailTemplateId>() else {
        let errors = FormErrors::one("template", "is required");
        return compose::shown(page, db, config, post, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await;
    };
    let (actor, mut filled) = (page.actor.clone(), form);
    let form = db
        .org(page, move |tx| {
            beginning::insert(tx, &actor, &mut filled, template)?;
            Ok(filled)
        })
        .await?;
    compose::shown(page, db, config, post, StatusCode::OK, form, FormErrors::default()).await
}

#[derive(Template)]
#[template(path = "mails/_draft_state.html")]
struct DraftState {
    version: i32,
    told: String,
}

/// `POST /mails/draft`: the form, saved behind the writer's back; answers with its version.
pub(super) async fn autosave(
    page: Page,
    by: Allow<Send>,
    form: Form,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    let Ok(id) = form.get("id").parse::<MessageId>() else { return Err(AppError::NotFound) };
    let (version, host) = (form.get("version").parse().unwrap_or(0), host(&config));
    let saved = db
        .org(&page, move |tx| {
            let written = Written::parse(tx, &by, &form)?;
            commands::save(tx, &by, id, version, &written, &host)
        })
        .await?;
    match saved {
        Saved::Done(version) => {
            let told = format!("Draft saved {}", page.locale.time(Utc::now().with_timezone(&page.zone).time()));
            reply::fragment(&DraftState { version, told })
        }
        Saved::Stale => Err(AppError::Conflict("This draft was changed in another window. Reload to see it.".into())),
    }
}
