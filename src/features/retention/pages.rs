//! Settings → Retention: what goes by itself and when; each rule with what it would take, before it takes anything.

use super::rules::{self, Keeping, NewRule, Rule};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members,
        settings::{SettingsNav, nav},
    },
    kernel::OperationId,
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash,
        permission::organisation::Administer, reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use uuid::Uuid;

/// A rule on the page.
struct Line {
    id: Uuid,
    words: String,
    anonymises: bool,
    active: bool,
    /// In whose name it acts; empty while it does not.
    by: String,
    /// When it acted last.
    ran: String,
    operation: Option<OperationId>,
}

#[derive(Template)]
#[template(path = "retention/index.html")]
struct Index {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    lines: Vec<Line>,
    choices: Vec<SelectOption>,
    actions: Vec<SelectOption>,
    input: FormView,
}

#[derive(Template)]
#[template(path = "retention/rule.html")]
struct Preview {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    line: Line,
    /// "1,204 leads".
    count: String,
    none: bool,
    list: String,
    bin_days: i16,
}

const SECTION: &str = "retention";
const HOME: &str = "/settings/retention";

/// `GET /settings/retention`
pub(super) async fn index(page: Page, _: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    answer(&page, &db, StatusCode::OK, Form::default(), FormErrors::default()).await
}

async fn answer(
    page: &Page,
    db: &Db,
    status: StatusCode,
    mut form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let (lines, kept) = db
        .org(page, move |tx| {
            let all = rules::all(tx)?;
            let lines = all.into_iter().map(|rule| line(tx, &actor, &rule)).collect::<AppResult<Vec<_>>>()?;
            Ok((lines, rules::keeping(tx)?))
        })
        .await?;
    if !form.has("bin_days") {
        form.set("bin_days", kept.bin_days.to_string());
        form.set("import_days", kept.import_days.map(|n| n.to_string()).unwrap_or_default());
    }
    let chosen = form.get("what").to_owned();
    let choice = |(key, record, condition): (String, _, _)| {
        let selected = key == chosen;
        SelectOption::new(key, rules::subject(record, condition), selected)
    };
    let choices = rules::choices().into_iter().map(choice).collect();
    let action = form.get("action").to_owned();
    let actions = rules::ACTIONS.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == action)).collect();
    let (shell, nav) = (page.shell("settings"), nav(&page.actor));
    let template = Index { shell, nav, section: SECTION, lines, choices, actions, input: form.view(errors) };
    reply::page_with(&page.req, status, &template)
}

fn line(tx: &mut OrgTx, actor: &Actor, rule: &Rule) -> AppResult<Line> {
    let by = match rule.activated_by.filter(|_| rule.active) {
        Some(by) => members::directory(tx)?.into_iter().find(|p| p.id == by).map(|p| p.name).unwrap_or_default(),
        None => String::new(),
    };
    Ok(Line {
        id: rule.id,
        words: rule.words(),
        anonymises: rule.anonymises(),
        active: rule.active,
        by,
        ran: rule.ran_at.map(|at| actor.moment(at)).unwrap_or_default(),
        operation: rule.operation_id,
    })
}

/// `POST /settings/retention`
pub(super) async fn keep(page: Page, by: Allow<Administer>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    match Keeping::parse(&form) {
        Ok(new) => {
            db.org(&page, move |tx| rules::keep(tx, &by, new)).await?;
            Ok(reply::redirect(&page.req, HOME, Some(Flash::success("Saved"))))
        }
        Err(AppError::Invalid(errors)) => answer(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await,
        Err(other) => Err(other),
    }
}

/// `POST /settings/retention/rules`: written down, and what it would take is shown.
pub(super) async fn create(page: Page, by: Allow<Administer>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let made = match NewRule::parse(&form) {
        Ok(new) => db.org(&page, move |tx| rules::create(tx, &by, &new)).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(id) => Ok(reply::redirect(&page.req, &format!("{HOME}/{id}"), None)),
        Err(AppError::Invalid(errors)) => answer(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await,
        Err(other) => Err(other),
    }
}

/// `GET /settings/retention/{id}`
pub(super) async fn show(page: Page, _: Allow<Administer>, id: Path<Uuid>, db: Data<Db>) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let (shell, nav) = (page.shell("settings"), nav(&page.actor));
    let template = db
        .org(&page, move |tx| {
            let rule = rules::find(tx, *id)?;
            let record = rule.record()?;
            let total = rule.selection(tx, &actor)?.total(tx, &actor)?;
            let noun = if total == 1 { record.label() } else { record.plural() }.to_lowercase();
            Ok(Preview {
                shell,
                nav,
                section: SECTION,
                line: line(tx, &actor, &rule)?,
                count: format!("{} {noun}", actor.locale.integer(total)),
                none: total == 0,
                list: format!("/{}?{}", record.noun(), rule.query()?),
                bin_days: rules::keeping(tx)?.bin_days,
            })
        })
        .await?;
    reply::page(&page.req, &template)
}

/// `POST /settings/retention/{id}/activation`
pub(super) async fn activate(
    page: Page,
    by: Allow<Administer>,
    id: Path<Uuid>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    db.org(&page, move |tx| rules::activate(tx, &by, id, true)).await?;
    let flash = Flash::success("At work from now on, once a day").undo(format!("{HOME}/{id}/activation/undo"));
    Ok(reply::redirect(&page.req, HOME, Some(flash)))
}

/// `POST /settings/retention/{id}/activation/undo`
pub(super) async fn pause(page: Page, by: Allow<Administer>, id: Path<Uuid>, db: Data<Db>) -> AppResult<HttpResponse> {
    db.org(&page, move |tx| rules::activate(tx, &by, *id, false)).await?;
    Ok(reply::redirect(&page.req, HOME, Some(Flash::success("Paused: it does nothing until it is switched on"))))
}

/// `POST /settings/retention/{id}/deletion`
pub(super) async fn delete(page: Page, by: Allow<Administer>, id: Path<Uuid>, db: Data<Db>) -> AppResult<HttpResponse> {
    db.org(&page, move |tx| rules::delete(tx, &by, *id)).await?;
    Ok(reply::redirect(&page.req, HOME, Some(Flash::success("Rule deleted"))))
}
