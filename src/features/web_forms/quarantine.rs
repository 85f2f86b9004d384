//! `/leads/quarantine`: what came in through web forms and looks like spam, to be let in or thrown away. Like leads that nobody has,
//! it is seen by those who see everybody's.

use super::{
    commands, intake,
    queries::{self, Submission},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::fields::Catalogue,
    kernel::{RecordType, SubmissionId},
    web::{
        Actor, Allow, Form, Page, Shell,
        flash::Flash,
        permission::leads::{Create, Edit, View},
        reply,
    },
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use chrono::{DateTime, Utc};

const PAGE: i64 = 50;

#[derive(Template)]
#[template(path = "web_forms/quarantine.html")]
struct Quarantine {
    shell: Shell,
    lines: Vec<Line>,
    next: Option<String>,
    may_admit: bool,
    may_discard: bool,
}

struct Line {
    id: SubmissionId,
    form: String,
    when: String,
    page: String,
    suspicions: String,
    /// Label and text.
    answers: Vec<(String, String)>,
}

/// `GET /leads/quarantine`
pub(super) async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let before = place(query.get("before"));
    let actor = page.actor.clone();
    let (lines, next) = db.org(&page, move |tx| load(tx, &actor, before)).await?;
    let may_admit = page.actor.may(<Create as crate::web::permission::Permission>::KEY);
    let may_discard = page.actor.may(<Edit as crate::web::permission::Permission>::KEY);
    reply::page(&page.req, &Quarantine { shell: page.shell("leads"), lines, next, may_admit, may_discard })
}

fn place(text: &str) -> Option<(DateTime<Utc>, SubmissionId)> {
    let (at, id) = text.split_once('_')?;
    Some((DateTime::from_timestamp_micros(at.parse().ok()?)?, id.parse().ok()?))
}

fn load(
    tx: &mut OrgTx,
    actor: &Actor,
    before: Option<(DateTime<Utc>, SubmissionId)>,
) -> AppResult<(Vec<Line>, Option<String>)> {
    if actor.visible_owners().is_some() {
        return Ok((vec![], None));
    }
    let mut found = queries::quarantined(tx, before, PAGE)?;
    let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let more = found.len() > page;
    found.truncate(page);
    let last = found.last().filter(|_| more);
    let next = last.map(|s| format!("/leads/quarantine?before={}_{}", s.received_at.timestamp_micros(), s.id));
    let catalogue = Catalogue::load(tx, actor, RecordType::Lead)?;
    let forms = queries::choices(tx)?;
    let line = |s: Submission| Line {
        form: forms.iter().find(|(id, _)| *id == s.form_id).map(|(_, name)| name.clone()).unwrap_or_default(),
        when: actor.moment(s.received_at),
        page: s.page.clone().unwrap_or_default(),
        suspicions: s.suspicions.iter().flatten().cloned().collect::<Vec<_>>().join("; "),
        answers: answers(&catalogue, &s),
        id: s.id,
    };
    Ok((found.into_iter().map(line).collect(), next))
}

/// In the order of the catalogue; what this person may not see is left out.
fn answers(catalogue: &Catalogue, sent: &Submission) -> Vec<(String, String)> {
    let text =
        |key: &str| sent.answers.get(key).and_then(|v| v.as_str()).map(|t| t.chars().take(300).collect::<String>());
    catalogue.entries.iter().filter_map(|entry| Some((entry.label.clone(), text(&entry.key)?))).collect()
}

fn sees_all(actor: &Actor) -> AppResult<()> {
    if actor.visible_owners().is_none() { Ok(()) } else { Err(AppError::NotFound) }
}

/// `POST /leads/quarantine/{id}/admission`
pub(super) async fn admit(
    page: Page,
    by: Allow<Create>,
    id: Path<SubmissionId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    sees_all(&by)?;
    let id = *id;
    let lead = db.org(&by, move |tx| intake::admit(tx, id)).await?;
    let flash = Flash::success("Let in: it is a lead now");
    Ok(reply::redirect(&page.req, &format!("/leads/{lead}"), Some(flash)))
}

/// `POST /leads/quarantine/{id}/deletion`
pub(super) async fn delete(
    page: Page,
    by: Allow<Edit>,
    id: Path<SubmissionId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    sees_all(&by)?;
    let (id, who) = (*id, by.clone());
    db.org(&by, move |tx| commands::discard(tx, &who, id)).await?;
    Ok(reply::redirect(&page.req, "/leads/quarantine", Some(Flash::success("Thrown away"))))
}
