//! `/assignment/reassignment`: the records that are ticked, or all that match, shared out anew by the rules: first how many each would
//! get; then an operation with progress, cancel and undo.

use super::{model::COVERED, share_out};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::{
        accounts::members,
        operations::{self, Action, Request},
        records::{self, list::Selection},
    },
    kernel::RecordType,
    web::{Form, Page, Shell, permission::organisation::SeeTeam, reply},
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use uuid::Uuid;

/// What somebody would get.
struct Line {
    name: String,
    count: String,
}

#[derive(Template)]
#[template(path = "assignment/reassign.html")]
struct Question {
    shell: Shell,
    title: String,
    fields: Vec<(String, String)>,
    lines: Vec<Line>,
    kept: String,
    left: String,
    more: bool,
    everyone: bool,
    nothing: bool,
    back: String,
}

fn record_of(form: &Form) -> AppResult<RecordType> {
    RecordType::parse(form.get("record_type")).filter(|record| COVERED.contains(record)).ok_or(AppError::NotFound)
}

/// `GET`: `record_type`, all of them; the way here from a rule that changed
pub(super) async fn all(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let mut form = Form::decode(page.req.query_string().as_bytes())?;
    if form.get("record_type").is_empty() {
        form.set("record_type", "deal");
    }
    form.set("scope", "matching");
    if !form.has("matching") {
        form.set("matching", "view=all");
    }
    ask(&page, &db, form).await
}

/// `POST`: the selection; with `go`, it is done
pub(super) async fn share(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    if form.get("go").is_empty() {
        return ask(&page, &db, form).await;
    }
    page.require::<SeeTeam>()?;
    let record = record_of(&form)?;
    records::require_edit(&page.actor, record)?;
    let (actor, back) = (page.actor.clone(), back(&form, record));
    let everyone = !form.get("everyone").is_empty();
    let operation = db
        .org(&page, move |tx| {
            let selection = Selection::parse(tx, &actor, record, &form)?;
            let key: Option<Uuid> = form.get("request_key").parse().ok();
            let request = Request { record, action: Action::Share { everyone }, selection, back, key };
            operations::start(tx, &actor, &request)
        })
        .await?;
    Ok(reply::redirect(&page.req, &format!("/operations/{}", operation.id), None))
}

async fn ask(page: &Page, db: &Db, form: Form) -> AppResult<HttpResponse> {
    page.require::<SeeTeam>()?;
    let record = record_of(&form)?;
    records::require_edit(&page.actor, record)?;
    let (actor, posted, everyone) = (page.actor.clone(), form.clone(), !form.get("everyone").is_empty());
    let (found, people, total) = db
        .org(page, move |tx| {
            let selection = Selection::parse(tx, &actor, record, &posted)?;
            let total = selection.count(tx, &actor)?;
            Ok((share_out::preview(tx, &actor, &selection, everyone)?, members::directory(tx)?, total))
        })
        .await?;
    let number = |n: usize| page.locale.integer(i64::try_from(n).unwrap_or(i64::MAX));
    let name = |id: Uuid| people.iter().find(|p| p.id.0 == id).map(|p| p.name.clone()).unwrap_or_default();
    let noun = if total.records == 1 { record.label() } else { record.plural() }.to_lowercase();
    let kept = form.pairs().filter(|(name, _)| !matches!(*name, "csrf_token" | "everyone" | "go" | "action"));
    let mut fields: Vec<(String, String)> = kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if !form.has("request_key") {
        fields.push(("request_key".into(), Uuid::now_v7().to_string()));
    }
    let question = Question {
        shell: page.shell(record.noun()),
        title: format!("Share out {}{} {noun}", page.locale.integer(total.records), if total.more { "+" } else { "" }),
        fields,
        nothing: found.owners.is_empty(),
        lines: found.owners.iter().map(|(id, n)| Line { name: name(*id), count: number(*n) }).collect(),
        kept: number(found.kept),
        left: number(found.left),
        more: found.more,
        everyone,
        back: back(&form, record),
    };
    reply::page(&page.req, &question)
}

/// A path of ours to come back to.
fn back(form: &Form, record: RecordType) -> String {
    let back = form.get("back");
    let ours =
        back.starts_with('/') && !back.starts_with("//") && !back.contains(['\\', '\n', '\r']) && back.len() < 4_000;
    if ours { back.to_owned() } else { format!("/{}", record.noun()) }
}
