//! `GET /search?q=`: results grouped by type; for the palette, its listbox.

use crate::{
    db::{Db, OrgTx},
    error::AppResult,
    features::{
        deals::{self, Offer},
        views,
    },
    kernel::{DealTemplateId, RecordType},
    search::{self, Hit},
    web::{
        Actor, Page,
        permission::{Permission, deals::Create},
        reply,
        shell::Shell,
    },
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
    begin: &'a [Offer],
}

#[derive(Template)]
#[template(path = "search/_options.html")]
struct Options<'a> {
    q: &'a str,
    groups: &'a [Group],
    href: String,
    /// Deals that can be begun: title, note, address.
    begin: &'a [Offer],
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
    let (hits, begin) = db
        .org_read(&page, move |tx| {
            Ok((search::find(tx, &actor, &asked, &RecordType::ALL, limit)?, beginnings(tx, &actor, &asked)?))
        })
        .await?;
    if !reply::is_partial(&page.req) {
        views::recent::searched(&page, &db, &q);
    }
    let groups = group(hits, limit);
    let shown: String = q.chars().take(200).collect();
    let href =
        format!("/search?q={}", percent_encoding::utf8_percent_encode(&shown, percent_encoding::NON_ALPHANUMERIC));
    let whole = Index { shell: page.shell("search"), q: &shown, groups: &groups, scope: scope(&page), begin: &begin };
    reply::either(&page.req, StatusCode::OK, &whole, &Options { q: &shown, groups: &groups, href, begin: &begin })
}

/// The deal that the words say (`deal Acme 12k EUR next month`), and templates of that name.
fn beginnings(tx: &mut OrgTx, actor: &Actor, q: &str) -> AppResult<Vec<Offer>> {
    if !actor.may(Create::KEY) {
        return Ok(vec![]);
    }
    let mut begin: Vec<Offer> = deals::offer(tx, actor, q)?.into_iter().collect();
    if q.chars().count() >= 3 {
        let offer = |(id, name): (DealTemplateId, String)| Offer {
            title: format!("New deal: {name}"),
            note: "from a template".into(),
            href: format!("/deals/new?template={id}"),
        };
        begin.extend(deals::templates_named(tx, q)?.into_iter().map(offer));
    }
    Ok(begin)
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
