//! `/settings/jobs`.

use super::{
    commands,
    queries::{self, JobRow},
};
use crate::{
    db::Db,
    error::AppResult,
    features::settings::{SettingsNav, nav},
    kernel::JobId,
    web::{Actor, Allow, Page, Shell, csrf, flash::Flash, permission::organisation::Administer, reply},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};
use askama::Template;
use serde::Deserialize;

/// Status in the table, and the list's tab.
const STATUSES: [(&str, &str); 3] = [("dead", "Failed"), ("queued", "Waiting"), ("running", "Running")];

/// More rows, and the foot that leads to the next ones.
#[derive(Template)]
#[template(path = "settings/_jobs_more.html")]
struct MoreJobs {
    actor: Actor,
    csrf: String,
    status: &'static str,
    jobs: Vec<JobRow>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "settings/jobs.html")]
struct JobsPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    actor: Actor,
    csrf: String,
    status: &'static str,
    /// Status, label, count.
    tabs: Vec<(&'static str, &'static str, i64)>,
    jobs: Vec<JobRow>,
    next: Option<String>,
}

#[derive(Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    status: String,
    after: Option<String>,
}

pub async fn index(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    query: Query<ListQuery>,
) -> AppResult<HttpResponse> {
    let ListQuery { status, after } = query.into_inner();
    let asked = STATUSES.iter().map(|s| s.0).find(|s| *s == status);
    let (status, tabs, list) = db
        .org(&by, move |tx| {
            let counts = queries::counts(tx)?;
            let count = |key: &str| counts.iter().find(|(status, _)| status == key).map_or(0, |(_, n)| *n);
            let tabs: Vec<_> = STATUSES.iter().map(|(key, label)| (*key, *label, count(key))).collect();
            // What failed wants someone; otherwise what waits is the news.
            let status = asked.unwrap_or(if count("dead") > 0 { "dead" } else { "queued" });
            Ok((status, tabs, queries::list(tx, status, after.as_deref())?))
        })
        .await?;
    let next = list.next.map(|cursor| format!("/settings/jobs?status={status}&after={cursor}"));
    let (actor, jobs, csrf) = (page.actor.clone(), list.rows, csrf::token(&page.req));
    if reply::is_partial(&page.req) {
        return reply::fragment(&MoreJobs { actor, csrf, status, jobs, next });
    }
    let (shell, nav) = (page.shell("settings"), nav(&page));
    reply::page(&page.req, &JobsPage { shell, nav, section: "jobs", actor, csrf, status, tabs, jobs, next })
}

pub async fn retry(page: Page, by: Allow<Administer>, db: Data<Db>, id: Path<JobId>) -> AppResult<HttpResponse> {
    let (id, who) = (*id, by.clone());
    db.org(&by, move |tx| commands::retry(tx, &who, id)).await?;
    Ok(back(&page, "Queued once more"))
}

pub async fn discard(page: Page, by: Allow<Administer>, db: Data<Db>, id: Path<JobId>) -> AppResult<HttpResponse> {
    let (id, who) = (*id, by.clone());
    db.org(&by, move |tx| commands::discard(tx, &who, id)).await?;
    Ok(back(&page, "Job discarded"))
}

fn back(page: &Page, text: &str) -> HttpResponse {
    reply::redirect(&page.req, "/settings/jobs", Some(Flash::success(text)))
}
