//! `/reports`: what there is.

use crate::{
    error::AppResult,
    web::{Page, Shell, permission::deals::View, reply},
};
use actix_web::HttpResponse;
use askama::Template;

struct Report {
    href: &'static str,
    icon: &'static str,
    name: &'static str,
    words: &'static str,
}

const REPORTS: &[Report] = &[
    Report {
        href: "/reports/sales",
        icon: "chart-bar",
        name: "Sales figures",
        words: "Conversion by stage, win rates, how long selling takes, revenue by month and by product.",
    },
    Report {
        href: "/reports/losses",
        icon: "thumb-down",
        name: "Loss analysis",
        words: "Why, to whom, from which stage and by whom deals are lost, and whether that grows.",
    },
    Report {
        href: "/targets",
        icon: "flag-2",
        name: "Targets",
        words: "What people and teams are to reach, and how far they are.",
    },
    Report {
        href: "/pipeline",
        icon: "history",
        name: "The pipeline of past days",
        words: "Open a pipeline and choose Past days: the board as it stood, and what changed since.",
    },
];

#[derive(Template)]
#[template(path = "reports/index.html")]
struct Index {
    shell: Shell,
    reports: &'static [Report],
}

pub async fn show(page: Page) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    reply::page(&page.req, &Index { shell: page.shell("reports"), reports: REPORTS })
}
