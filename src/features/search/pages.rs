//! `GET /search?q=`: results grouped by type; for the palette, its listbox.

use crate::{
    db::Db,
    error::AppResult,
    features::views,
    kernel::RecordType,
    search::{self, Hit},
    web::{Page, reply, shell::Shell},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Query},
};
use askama::Template;
use serde::Deserialize;

/// Of each type: few where one picks while typing, more on the page.
const IN_PALETTE: i32 = 5;
const ON_PAGE: i32 = 25;

#[derive(Deserialize)]
pub struct Question {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "search/index.html")]
struct Index<'a> {
    shell: Shell,
    q: &'a str,
    groups: &'a [Group],
    /// Words to search by, for types this role sees.
    scope: String,
}

#[derive(Template)]
#[template(path = "search/_options.html")]
struct Options<'a> {
    q: &'a str,
    groups: &'a [Group],
    href: String,
}

/// The hits of one type.
struct Group {
    record_type: RecordType,
    hits: Vec<Hit>,
    /// As many as were asked for: there may be more.
    full: bool,
}

pub async fn results(page: Page, db: Data<Db>, question: Query<Question>) -> AppResult<HttpResponse> {
    let q = question.into_inner().q.trim().to_owned();
    let limit = if reply::is_partial(&page.req) { IN_PALETTE } else { ON_PAGE };
    let (actor, asked) = (page.actor.clone(), q.clone());
    let hits = db.org_read(&page, move |tx| search::find(tx, &actor, &asked, &RecordType::ALL, limit)).await?;
    if !reply::is_partial(&page.req) {
        views::recent::searched(&page, &db, &q);
    }
    let groups = group(hits, limit);
    let shown: String = q.chars().take(200).collect();
    let href =
        format!("/search?q={}", percent_encoding::utf8_percent_encode(&shown, percent_encoding::NON_ALPHANUMERIC));
    let whole = Index { shell: page.shell("search"), q: &shown, groups: &groups, scope: scope(&page) };
    reply::either(&page.req, StatusCode::OK, &whole, &Options { q: &shown, groups: &groups, href })
}

/// By type, the type of the best hit first; within a type as ranked.
fn group(hits: Vec<Hit>, limit: i32) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for hit in hits {
        match groups.iter_mut().find(|g| g.record_type == hit.record_type) {
            Some(group) => group.hits.push(hit),
            None => groups.push(Group { record_type: hit.record_type, hits: vec![hit], full: false }),
        }
    }
    for group in &mut groups {
        group.full = i32::try_from(group.hits.len()).is_ok_and(|n| n >= limit);
    }
    groups
}

fn scope(page: &Page) -> String {
    let nouns: Vec<&str> =
        RecordType::ALL.into_iter().filter(|t| search::may_view(&page.actor, *t)).map(|t| t.noun()).collect();
    match nouns.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => nouns.concat(),
    }
}
