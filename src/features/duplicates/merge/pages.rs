//! `/{noun}/{id}/merge`: choose the other record, then look at both side by side and say what stays; the undo.

use super::{
    super::queue,
    columns::{Column, column, related},
    commands::{self, Order, Outcome},
    reversal::{self, Undone},
    short,
    sides::{Side, Sides, Which, pick_name, shown, united},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        records::{Spec, display::Shown, require_delete, require_edit, submit, visible},
    },
    kernel::{MergeId, RecordType},
    search::{self, Hit},
    web::{Actor, Form, FormErrors, Page, Shell, flash::Flash, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use uuid::Uuid;

/// Records offered for a name that was typed without a script.
const OFFERED: i32 = 10;

#[derive(Template)]
#[template(path = "duplicates/choose.html")]
struct Choose {
    shell: Shell,
    record: RecordType,
    base: String,
    name: String,
    typed: String,
    error: String,
    hits: Vec<Hit>,
}

/// A field that the two disagree on.
struct Row {
    name: String,
    label: String,
    a: Shown,
    b: Shown,
    from_b: bool,
    error: String,
}

#[derive(Template)]
#[template(path = "duplicates/merge.html")]
struct Compare {
    shell: Shell,
    record: RecordType,
    base: String,
    a: Column,
    b: Column,
    rows: Vec<Row>,
    /// Addresses and numbers of both.
    united: Vec<(String, Vec<String>)>,
    same: Vec<(String, Shown)>,
    errors: String,
    stale: bool,
    /// The question of the queue that this answers.
    pair: Option<queue::Line>,
}

/// `GET /{noun}/{id}/merge?with=&pair=`
pub(in super::super) async fn show(
    spec: &'static Spec,
    page: Page,
    id: Path<Uuid>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    require(&page.actor, spec.record)?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let with = [query.get("with_id"), query.get("with")].into_iter().find_map(|text| text.parse::<Uuid>().ok());
    match with {
        Some(with) if with != *id => {
            let mut asked = Form::default();
            asked.set("pair", query.get("pair"));
            compare(spec, &page, &db, (*id, with), asked, Told::Nothing).await
        }
        _ => choose(spec, &page, &db, *id, query.get("with"), with.is_some()).await,
    }
}

fn require(actor: &Actor, record: RecordType) -> AppResult<()> {
    require_edit(actor, record)?;
    require_delete(actor, record)
}

async fn choose(spec: &Spec, page: &Page, db: &Db, id: Uuid, typed: &str, itself: bool) -> AppResult<HttpResponse> {
    let (actor, record) = (page.actor.clone(), spec.record);
    let typed: String = typed.chars().take(200).collect();
    let asked = if itself { String::new() } else { typed.clone() };
    let (standing, hits) = db
        .org(page, move |tx| {
            let standing = visible(tx, &actor, record, id)?;
            Ok((standing, others(tx, &actor, record, id, &asked)?))
        })
        .await?;
    let error = match (itself, typed.is_empty(), hits.is_empty()) {
        (true, ..) => format!("That is this {} itself.", record.label().to_lowercase()),
        (_, false, true) => format!("No other {} of yours matches.", record.label().to_lowercase()),
        _ => String::new(),
    };
    let typed = if itself { String::new() } else { typed };
    let status = if error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let base = format!("/{}/{id}", record.noun());
    let shell = page.shell(record.noun());
    reply::page_with(&page.req, status, &Choose { shell, record, base, name: standing.name, typed, error, hits })
}

fn others(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid, q: &str) -> AppResult<Vec<Hit>> {
    let mut hits = search::find(tx, actor, q, &[record], OFFERED + 1)?;
    hits.retain(|hit| hit.id != id);
    Ok(hits)
}

#[derive(Template)]
#[template(path = "records/_options.html")]
struct Options {
    options: Vec<(String, String, String)>,
    adding: Option<String>,
}

/// `GET /{noun}/{id}/merge/options?q=`: what the combobox offers.
pub(in super::super) async fn options(
    spec: &'static Spec,
    page: Page,
    id: Path<Uuid>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    require(&page.actor, spec.record)?;
    let q: String = Form::decode(page.req.query_string().as_bytes())?.get("q").chars().take(200).collect();
    let (actor, record) = (page.actor.clone(), spec.record);
    let hits = db
        .org(&page, move |tx| {
            visible(tx, &actor, record, *id)?;
            others(tx, &actor, record, *id, &q)
        })
        .await?;
    let options = hits.into_iter().map(|hit| (hit.id.to_string(), hit.title, hit.subtitle)).collect();
    reply::fragment(&Options { options, adding: None })
}

/// Why the page is shown again.
enum Told {
    Nothing,
    Stale,
    Errors(FormErrors),
}

async fn compare(
    spec: &'static Spec,
    page: &Page,
    db: &Db,
    (a, b): (Uuid, Uuid),
    picks: Form,
    told: Told,
) -> AppResult<HttpResponse> {
    let (actor, shell) = (page.actor.clone(), page.shell(spec.record.noun()));
    let (status, stale, errors) = match told {
        Told::Nothing => (StatusCode::OK, false, FormErrors::default()),
        Told::Stale => (StatusCode::CONFLICT, true, FormErrors::default()),
        Told::Errors(errors) => (StatusCode::UNPROCESSABLE_ENTITY, false, errors),
    };
    let whole = db
        .org(page, move |tx| {
            let sides = Sides::load(tx, &actor, spec, a, b)?;
            let people = members::directory(tx)?;
            let has = (related(tx, &actor, spec.record, a)?, related(tx, &actor, spec.record, b)?);
            let pair = asked_pair(tx, &actor, (a, b), &picks)?;
            Ok(Compare { pair, ..Compare::new(&sides, &actor, &people, &picks, has, &errors, stale, shell) })
        })
        .await?;
    reply::page_with(&page.req, status, &whole)
}

/// The pair in whose turn this is, if it is one of these two.
fn asked_pair(tx: &mut OrgTx, actor: &Actor, (a, b): (Uuid, Uuid), form: &Form) -> AppResult<Option<queue::Line>> {
    let Ok(id) = form.get("pair").parse() else { return Ok(None) };
    match queue::find(tx, actor, id) {
        Ok((_, line)) => Ok(Some(line).filter(|line| [a, b].contains(&line.a.id) && [a, b].contains(&line.b.id))),
        Err(AppError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Compare {
    #[allow(clippy::too_many_arguments)]
    fn new(
        sides: &Sides,
        actor: &Actor,
        people: &[Person],
        picks: &Form,
        has: (Vec<String>, Vec<String>),
        errors: &FormErrors,
        stale: bool,
        shell: Shell,
    ) -> Self {
        let survivor = Which::parse(picks.get("survivor")).unwrap_or_else(|| sides.fuller());
        let value = |entry, side: &Side| shown(entry, &side.form, actor, people);
        let (mut rows, mut same, mut all) = (vec![], vec![], vec![]);
        for entry in &sides.entries {
            if united(entry) {
                let values = sides.all(entry);
                if values.len() > 1 {
                    all.push((entry.label.clone(), values));
                }
            } else if sides.differs(entry) {
                rows.push(Row {
                    name: pick_name(&entry.key),
                    label: entry.label.clone(),
                    a: value(entry, &sides.a),
                    b: value(entry, &sides.b),
                    from_b: sides.chosen(entry, picks) == Which::B,
                    error: errors.get(&entry.key).unwrap_or_default().to_owned(),
                });
            } else if !sides.a.form.get(&entry.key).is_empty() {
                same.push((entry.label.clone(), value(entry, &sides.a)));
            }
        }
        let record = sides.record;
        Self {
            base: format!("/{}/{}", record.noun(), sides.a.id),
            a: column(actor, record, &sides.a, "a", has.0, survivor == Which::A),
            b: column(actor, record, &sides.b, "b", has.1, survivor == Which::B),
            rows,
            united: all,
            same,
            errors: errors.summary(),
            stale,
            record,
            shell,
            pair: None,
        }
    }
}

/// `POST /{noun}/{id}/merge`
pub(in super::super) async fn create(
    spec: &'static Spec,
    page: Page,
    id: Path<Uuid>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    require(&page.actor, spec.record)?;
    let order = order(*id, &form)?;
    let (a, b) = (order.a, order.b);
    let (actor, asked) = (page.actor.clone(), form.clone());
    let merged = db
        .org(&page, move |tx| {
            let pair = asked_pair(tx, &actor, (a, b), &asked)?;
            let outcome = commands::merge(tx, &actor, spec, &order)?;
            let next = pair.map(|pair| queue::after(tx, &actor, spec.record, pair.cursor())).transpose()?;
            Ok((outcome, next))
        })
        .await;
    match merged {
        Ok((Outcome::Done { merge, survivor, name, merged }, next)) => {
            let told = format!("{} merged into {}", short(&merged), short(&name));
            let flash = Flash::success(told).undo(format!("/merges/{merge}/undo"));
            match next {
                Some(next) => Ok(reply::redirect(&page.req, &next, Some(flash))),
                None => answer(spec, &page, &db, survivor, flash).await,
            }
        }
        Ok((Outcome::Already { survivor }, _)) => {
            answer(spec, &page, &db, survivor, Flash::info("These two are merged already")).await
        }
        Ok((Outcome::Stale, _)) => compare(spec, &page, &db, (a, b), form, Told::Stale).await,
        Err(AppError::Invalid(errors)) if a != b => compare(spec, &page, &db, (a, b), form, Told::Errors(errors)).await,
        Err(error) => Err(error),
    }
}

fn order(id: Uuid, form: &Form) -> AppResult<Order> {
    let unclear = |what| AppError::Rejected(StatusCode::BAD_REQUEST, what);
    // Nobody's record, and so not found.
    let with = form.get("with").parse().unwrap_or(Uuid::nil());
    let survivor = match form.get("survivor") {
        "" => Which::A,
        text => Which::parse(text).ok_or_else(|| unclear("It is not clear which of the two is to stay."))?,
    };
    Ok(Order { a: id, b: with, survivor, picks: form.clone() })
}

/// The survivor's page, or the list when its new owner is beyond the reader's reach.
async fn answer(spec: &Spec, page: &Page, db: &Db, survivor: Uuid, flash: Flash) -> AppResult<HttpResponse> {
    if submit::still_seen(spec, page, survivor, db).await? {
        return Ok(reply::redirect(&page.req, &format!("/{}/{survivor}", spec.record.noun()), Some(flash)));
    }
    Ok(reply::redirect(&page.req, &format!("/{}", spec.record.noun()), Some(flash)))
}

/// `POST /merges/{id}/undo`
pub(in super::super) async fn undo(page: Page, id: Path<MergeId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let undone = db.org(&page, move |tx| reversal::undo(tx, &actor, id)).await?;
    let to = format!("/{}/{}", undone.record.noun(), undone.survivor);
    Ok(reply::redirect(&page.req, &to, Some(told(&undone))))
}

fn told(undone: &Undone) -> Flash {
    let name = short(&undone.name);
    if undone.already {
        return Flash::info(format!("{name} is a record of its own already"));
    }
    let mut text = format!("{name} is a record of its own again.");
    if !undone.kept.is_empty() {
        text.push_str(&format!(" Changed since the merge, and so kept: {}.", undone.kept.join(", ")));
    }
    if undone.stayed > 0 {
        text.push_str(&format!(" {} related records were moved on since and stay where they are.", undone.stayed));
    }
    if let Some(file) = &undone.undone_import {
        text.push_str(&format!(
            " The import of {} was undone meanwhile and could not reach it: delete it if it should go too.",
            short(file)
        ));
    }
    Flash::success(text)
}
