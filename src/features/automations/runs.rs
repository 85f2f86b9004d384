//! `/settings/automations/{id}/runs`: what an automation did, to which deal, and what went wrong; trying again.

use super::{
    model::{self, Automation},
    reader,
};
use crate::{
    db::{
        Db, OrgTx, Reason, Tx,
        paging::{self, PAGE},
    },
    error::{AppError, AppResult},
    events::{self, Event},
    features::{
        deals, pipeline,
        settings::{SettingsNav, nav},
    },
    kernel::{AutomationId, AutomationRunId, DealId},
    schema::automation_runs as runs,
    web::{Actor, Allow, Form, Page, Shell, flash::Flash, permission::organisation::ManagePipelines, reply},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::json;

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = runs)]
pub(super) struct Run {
    id: AutomationRunId,
    automation_id: AutomationId,
    deal_id: DealId,
    status: String,
    outcome: Vec<Option<String>>,
    error: Option<String>,
    at: DateTime<Utc>,
}

/// A run in the log.
pub(super) struct Line {
    pub id: AutomationRunId,
    /// The deal, and where it is; no address when it is not the reader's to see.
    pub deal: String,
    pub href: String,
    pub status: &'static str,
    pub tone: &'static str,
    pub outcome: Vec<String>,
    pub error: String,
    pub when: String,
    pub exact: String,
    pub may_retry: bool,
}

impl Line {
    fn new(tx: &mut OrgTx, actor: &Actor, run: Run) -> AppResult<Self> {
        let deal = match deals::find(tx, actor, run.deal_id) {
            Ok(deal) => Some(deal),
            Err(AppError::NotFound) => None,
            Err(other) => return Err(other),
        };
        let (status, tone) = match run.status.as_str() {
            "done" => ("Done", "good"),
            "failed" => ("Failed", "bad"),
            "stopped" => ("Stopped", "warn"),
            _ => ("Taken back", "none"),
        };
        Ok(Self {
            id: run.id,
            href: deal.as_ref().map(|deal| format!("/deals/{}", deal.id)).unwrap_or_default(),
            deal: deal.map_or_else(|| "A deal you do not see".into(), |d| format!("{} {}", d.reference(), d.name)),
            status,
            tone,
            outcome: run.outcome.into_iter().flatten().collect(),
            error: run.error.unwrap_or_default(),
            when: actor.moment(run.at),
            exact: actor.exact(run.at),
            may_retry: matches!(run.status.as_str(), "failed" | "stopped"),
        })
    }
}

#[derive(Template)]
#[template(path = "automations/runs.html")]
struct RunsPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    one: Automation,
    when: String,
    lines: Vec<Line>,
    next: Option<String>,
}

/// `GET /settings/automations/{id}/runs`
pub(super) async fn index(
    page: Page,
    _: Allow<ManagePipelines>,
    id: Path<AutomationId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let (id, actor, shell, nav) = (*id, page.actor.clone(), page.shell("settings"), nav(&page));
    let shown = db
        .org(&page, move |tx| {
            let one = model::find(tx, id)?;
            let rows = of(tx, id, query.get("after"))?;
            let stages = pipeline::stages(tx)?;
            let lines = rows.rows.into_iter().map(|run| Line::new(tx, &actor, run)).collect::<AppResult<_>>()?;
            Ok(RunsPage { shell, nav, section: "pipelines", when: one.when(&stages), one, lines, next: rows.next })
        })
        .await?;
    reply::page(&page.req, &shown)
}

/// A page of the log, the latest first.
fn of(tx: &mut OrgTx, id: AutomationId, after: &str) -> AppResult<paging::Page<Run>> {
    let mut rows = runs::table
        .filter(runs::automation_id.eq(id))
        .order((runs::at.desc(), runs::id.desc()))
        .select(Run::as_select())
        .limit(PAGE + 1)
        .into_boxed();
    if !after.is_empty() {
        let (at, id): (DateTime<Utc>, AutomationRunId) = paging::decode(after)?;
        rows = rows.filter(runs::at.lt(at).or(runs::at.eq(at).and(runs::id.lt(id))));
    }
    Ok(paging::Page::new(rows.load(tx.conn())?, PAGE, |run| (run.at, run.id)))
}

/// `POST /settings/automation-runs/{id}/retry`
pub(super) async fn retry(
    page: Page,
    _: Allow<ManagePipelines>,
    id: Path<AutomationRunId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, org) = (*id, page.org_id);
    let keeper = db
        .org(&page, move |tx| {
            let run = find(tx, id)?;
            Ok(model::find(tx, run.automation_id)?.saved_by)
        })
        .await?;
    let keeper = match keeper {
        Some(keeper) => db.system(Reason::Jobs, move |tx| Actor::load(tx, keeper.into(), org)).await?,
        None => None,
    };
    let again = db.org(&org, move |tx| again(tx, keeper.as_ref(), id)).await?;
    let to = format!("/settings/automations/{}/runs", again.0);
    let flash = match again.1 {
        None => Flash::success("Done"),
        Some(why) => Flash::danger(format!("It failed again. {why}")),
    };
    Ok(reply::redirect(&page.req, &to, Some(flash)))
}

fn find(tx: &mut OrgTx, id: AutomationRunId) -> AppResult<Run> {
    Ok(runs::table.filter(runs::id.eq(id)).select(Run::as_select()).first(tx.conn())?)
}

/// Does what was not done, with the automation as it is now. Why it failed, if it did.
fn again(tx: &mut OrgTx, keeper: Option<&Actor>, id: AutomationRunId) -> AppResult<(AutomationId, Option<String>)> {
    let held = runs::table.filter(runs::id.eq(id)).select(Run::as_select());
    let run: Run = held.for_update().first(tx.conn())?;
    if !matches!(run.status.as_str(), "failed" | "stopped") {
        return Err(AppError::Conflict("It is done already.".into()));
    }
    let one = model::find(tx, run.automation_id)?;
    let row = runs::table.filter(runs::id.eq(id));
    let failed = match reader::attempt(tx, keeper, &one, run.deal_id, 0) {
        Ok(outcome) => {
            let (lines, plans) = outcome.kept();
            diesel::update(row)
                .set((
                    (runs::status.eq("done"), runs::error.eq(None::<String>)),
                    (runs::outcome.eq(lines), runs::plans.eq(plans)),
                ))
                .execute(tx.conn())?;
            None
        }
        Err(AppError::Internal(error)) => return Err(AppError::Internal(error)),
        Err(error) => {
            let why = reader::in_words(&error);
            diesel::update(row).set((runs::status.eq("failed"), runs::error.eq(&why))).execute(tx.conn())?;
            Some(why)
        }
    };
    tx.because(json!({}));
    events::record(tx, Event::of("automation.retried", "automation", one.id).data(json!({ "run": id })))?;
    Ok((one.id, failed))
}
