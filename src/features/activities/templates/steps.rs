//! `/settings/activity-steps/{id}`: a step of a template, changed and taken away.

use super::{
    commands, form,
    model::{self, ASSIGNEES, Step, Template as Kept},
    settings::AT,
};
use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        activities::{model::PRIORITIES, types::ActivityType},
        settings::{SettingsNav, lists::options, nav},
    },
    kernel::RoleId,
    schema::roles,
    web::{
        Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash, permission::activities::Administer,
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use diesel::prelude::*;
use uuid::Uuid;

/// What the form of a step offers.
pub(super) struct Offers {
    pub types: Vec<SelectOption>,
    pub priorities: Vec<SelectOption>,
    pub assignees: Vec<SelectOption>,
    pub roles: Vec<SelectOption>,
    pub counts: Vec<SelectOption>,
    /// Steps it can wait for.
    pub earlier: Vec<SelectOption>,
}

#[derive(Template)]
#[template(path = "activities/templates/step.html")]
struct StepPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    id: Uuid,
    template: Kept,
    subject: String,
    input: FormView,
    offers: Offers,
}

impl Offers {
    pub fn load(tx: &mut OrgTx, form: &Form, types: &[ActivityType], earlier: &[&Step]) -> AppResult<Self> {
        let all: Vec<(RoleId, String)> = roles::table
            .filter(roles::org_id.eq(tx.org_id().0))
            .order(roles::name)
            .select((roles::id, roles::name))
            .load(tx.conn())?;
        let is = |name: &str, id: &str| form.get(name) == id;
        let offered = types.iter().filter(|t| t.retired_at.is_none() || is("type_id", &t.id.to_string()));
        let waits: Vec<&str> = form.all("waits_for").collect();
        let or = |name: &str, default: &'static str| match form.get(name) {
            "" => default.to_owned(),
            chosen => chosen.to_owned(),
        };
        Ok(Self {
            types: offered
                .map(|t| SelectOption::new(t.id.to_string(), &t.name, is("type_id", &t.id.to_string())))
                .collect(),
            priorities: options(PRIORITIES, &or("priority", "normal")),
            assignees: options(ASSIGNEES, &or("assignee", "me")),
            roles: all
                .iter()
                .map(|(id, name)| SelectOption::new(id.to_string(), name, is("role_id", &id.to_string())))
                .collect(),
            counts: options(
                &[("working", "Working days"), ("calendar", "Days of the calendar")],
                &or("count", "working"),
            ),
            earlier: earlier
                .iter()
                .map(|step| {
                    let id = step.id.to_string();
                    SelectOption::new(&id, &step.fields.subject, waits.contains(&id.as_str()))
                })
                .collect(),
        })
    }
}

/// `GET /settings/activity-steps/{id}`
pub(in crate::features::activities) async fn step(
    page: Page,
    _: Allow<Administer>,
    id: Path<Uuid>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    one_step(&page, &db, StatusCode::OK, *id, None, FormErrors::default()).await
}

async fn one_step(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: Uuid,
    form: Option<Form>,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (shell, nav) = (page.shell("settings"), nav(&page.actor));
    let shown = db
        .org(page, move |tx| {
            let step = model::step(tx, id)?;
            let form = form.unwrap_or_else(|| form::to_form(&step));
            let (all, types) = (model::steps(tx, step.template_id)?, model::type_names(tx)?);
            let earlier: Vec<&Step> = all.iter().take_while(|other| other.id != id).collect();
            Ok(StepPage {
                shell,
                nav,
                section: "activity-templates",
                id,
                template: model::find(tx, step.template_id)?,
                subject: step.fields.subject.clone(),
                offers: Offers::load(tx, &form, &types, &earlier)?,
                input: form.view(errors),
            })
        })
        .await?;
    reply::page_with(&page.req, status, &shown)
}

/// `POST /settings/activity-steps/{id}`
pub(in crate::features::activities) async fn save_step(
    page: Page,
    by: Allow<Administer>,
    id: Path<Uuid>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let saved = db
        .org(&page, move |tx| {
            model::step(tx, id)?;
            commands::update_step(tx, &by, id, &form::parse(&posted)?)
        })
        .await;
    match saved {
        Ok(step) => {
            let to = format!("{AT}/{}", step.template_id);
            Ok(reply::redirect(&page.req, &to, Some(Flash::success("Step saved"))))
        }
        Err(AppError::Invalid(errors)) => {
            one_step(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, id, Some(form), errors).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /settings/activity-steps/{id}/deletion`
pub(in crate::features::activities) async fn delete_step(
    page: Page,
    by: Allow<Administer>,
    id: Path<Uuid>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let step = db.org(&page, move |tx| commands::delete_step(tx, &by, *id)).await?;
    let told = Flash::success(format!("{} taken away", step.fields.subject));
    Ok(reply::redirect(&page.req, &format!("{AT}/{}", step.template_id), Some(told)))
}
