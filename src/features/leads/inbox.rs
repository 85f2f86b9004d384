//! `/leads/unassigned`: the leads that nobody has, the newest first, for somebody to take. Like every record without an owner, they
//! are seen by those who see everybody's.

use super::{
    commands::{self, Taken},
    queries,
};
use crate::{
    db::{Db, OrgTx},
    error::AppResult,
    features::accounts::members,
    kernel::LeadId,
    web::{
        Actor, Allow, Form, Page, Shell,
        flash::Flash,
        permission::{
            Permission,
            leads::{Edit, View},
        },
        reply,
    },
};
use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::{DateTime, Utc};
use uuid::Uuid;

const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "leads/unassigned.html")]
struct Unassigned {
    shell: Shell,
    lines: Vec<Line>,
    next: Option<String>,
    may_take: bool,
    /// Why nothing came of taking one.
    told: String,
}

struct Line {
    id: LeadId,
    name: String,
    company: String,
    source: String,
    campaign: String,
    consent: String,
    when: String,
    exact: String,
}

/// `GET /leads/unassigned`
pub(super) async fn index(page: Page, db: web::Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    shown(&page, &db, StatusCode::OK, String::new()).await
}

async fn shown(page: &Page, db: &Db, status: StatusCode, told: String) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let before = place(query.get("before"));
    let actor = page.actor.clone();
    let (lines, next) = db.org(page, move |tx| load(tx, &actor, before)).await?;
    let may_take = page.actor.may(Edit::KEY);
    let whole = Unassigned { shell: page.shell("leads"), lines, next, may_take, told };
    reply::page_with(&page.req, status, &whole)
}

fn place(text: &str) -> Option<(DateTime<Utc>, LeadId)> {
    let (at, id) = text.split_once('_')?;
    Some((DateTime::from_timestamp_micros(at.parse().ok()?)?, id.parse().ok()?))
}

fn load(
    tx: &mut OrgTx,
    actor: &Actor,
    before: Option<(DateTime<Utc>, LeadId)>,
) -> AppResult<(Vec<Line>, Option<String>)> {
    if actor.visible_owners().is_some() {
        return Ok((vec![], None));
    }
    let mut found = queries::unassigned(tx, before, PAGE + 1)?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let last = found.last().filter(|_| more);
    let next = last.map(|l| format!("/leads/unassigned?before={}_{}", l.created_at.timestamp_micros(), l.id));
    let ids: Vec<LeadId> = found.iter().map(|lead| lead.id).collect();
    let consents = queries::consents(tx, &ids)?;
    let line = |lead: super::Lead| Line {
        id: lead.id,
        name: lead.name(),
        consent: consents.get(&lead.id).map(|at| actor.moment(*at)).unwrap_or_default(),
        when: actor.moment(lead.created_at),
        exact: actor.exact(lead.created_at),
        company: lead.fields.company_name.unwrap_or_default(),
        source: lead.fields.source.unwrap_or_default(),
        campaign: lead.fields.campaign.unwrap_or_default(),
    };
    Ok((found.into_iter().map(line).collect(), next))
}

/// `POST /leads/{id}/ownership`
pub(super) async fn take(
    page: Page,
    by: Allow<Edit>,
    id: web::Path<Uuid>,
    db: web::Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, who) = (LeadId(*id), by.clone());
    let taken = db
        .org(&by, move |tx| {
            let taken = commands::take(tx, &who, id)?;
            let people = if matches!(taken, Taken::By(_)) { members::directory(tx)? } else { vec![] };
            Ok((taken, people))
        })
        .await?;
    match taken {
        (Taken::Theirs(name), _) => {
            let flash = Flash::success(format!("{name} is yours"));
            Ok(reply::redirect(&page.req, &format!("/leads/{id}"), Some(flash)))
        }
        (Taken::By(owner), people) => {
            let name = people.into_iter().find(|p| p.id == owner).map_or_else(|| "Somebody".to_owned(), |p| p.name);
            shown(&page, &db, StatusCode::CONFLICT, format!("{name} took this lead before you.")).await
        }
    }
}
