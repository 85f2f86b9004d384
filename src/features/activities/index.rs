//! `/activities` and `/tasks`: planned and done, mine, my team's and everybody's, by page; tasks also as a board of their states.

use super::{
    columns::{self, Column},
    lines::Line,
    model::Class,
    plan,
    queries::{self, Asked, cursor},
    templates, types,
    when::SNOOZES,
    wish::{PAGE, WHENS, Wish},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        records::{
            self,
            list::{Way, is_too_long},
        },
    },
    web::{
        Actor, Form, Page, SelectOption, Shell, csrf,
        permission::{
            Permission,
            activities::{Create, Delete, Edit, View},
        },
        reply,
    },
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use std::time::Instant;

/// Counted no further.
const COUNTED: i64 = 1_000;
const TOO_LONG: &str = "This search takes too long. Narrow the list further, by person, type or time for example.";

/// A choice of the list's own filters.
struct Tab {
    href: String,
    label: &'static str,
    current: bool,
}

/// A record that the list is narrowed to, and the list without that.
struct Narrowed {
    name: String,
    without: String,
}

#[derive(Template)]
#[template(path = "activities/index.html")]
struct Index {
    shell: Shell,
    class: Class,
    subtitle: String,
    /// What the subjects hold.
    q: String,
    /// Why nothing is listed although there may be something.
    trouble: &'static str,
    who: Vec<Tab>,
    whens: Vec<Tab>,
    people: Vec<SelectOption>,
    types: Vec<SelectOption>,
    /// What the form of types and people carries on.
    kept: Vec<(&'static str, String)>,
    lines: Vec<Line>,
    shown: String,
    total: String,
    next: Option<String>,
    narrowed: bool,
    about: Option<Narrowed>,
    /// Whether every occurrence is shown, and the list's address the other way; `None` where it makes no difference.
    every: Option<(bool, String)>,
    /// The list without its series.
    series: Option<String>,
    /// The list with what they take part in, too.
    given: Option<String>,
    may_create: bool,
    /// To plan from.
    templates: Vec<templates::Choice>,
    may_edit: bool,
    may_delete: bool,
    owners: Vec<SelectOption>,
    snoozes: &'static [(&'static str, &'static str)],
    csrf: String,
    /// Tasks by state, when asked for.
    board: Option<Vec<Column>>,
    /// There are none in any.
    bare: bool,
    list_href: String,
    board_href: String,
}

#[derive(Template)]
#[template(path = "activities/_more.html")]
struct More {
    lines: Vec<Line>,
    shown: String,
    total: String,
    next: Option<String>,
    noun: &'static str,
    may_edit: bool,
    csrf: String,
}

/// `GET /activities`
pub(super) async fn activities(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    index(page, db, Class::Activity).await
}

/// `GET /tasks`
pub(super) async fn tasks(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    index(page, db, Class::Task).await
}

async fn index(page: Page, db: Data<Db>, class: Class) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let wish = Wish::read(&Form::decode(page.req.query_string().as_bytes())?)?;
    let (actor, shell, csrf) = (page.actor.clone(), page.shell(class.noun()), csrf::token(&page.req));
    let part = reply::is_partial(&page.req) && wish.after.is_some();
    let list = async |way: Option<Way>| {
        let (wish, actor, shell, csrf) = (wish.clone(), actor.clone(), shell.clone(), csrf.clone());
        db.org(&page, move |tx| load(tx, &actor, class, &wish, way, shell, csrf)).await
    };
    let too_long = |error: &AppError| !wish.q.is_empty() && is_too_long(error);
    let mut whole = list(Some(Way::Walk)).await;
    if whole.as_ref().is_err_and(too_long) {
        whole = list(Some(Way::Scan)).await;
    }
    let whole = match whole {
        Err(error) if too_long(&error) && part => {
            return Err(AppError::Rejected(StatusCode::UNPROCESSABLE_ENTITY, TOO_LONG));
        }
        Err(error) if too_long(&error) => list(None).await?,
        other => other?,
    };
    if part {
        let Index { lines, shown, total, next, may_edit, csrf, .. } = whole;
        let noun = class.noun();
        return reply::fragment(&More { lines, shown, total, next, noun, may_edit, csrf });
    }
    let status = if whole.trouble.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    reply::page_with(&page.req, status, &whole)
}

/// `way`: how subjects that hold the words are looked for; `None` once that took too long.
fn load(
    tx: &mut OrgTx,
    actor: &Actor,
    class: Class,
    wish: &Wish,
    way: Option<Way>,
    shell: Shell,
    csrf: String,
) -> AppResult<Index> {
    let asked = wish.asked(actor, class)?;
    let (bounded, began) = (way.filter(|_| !asked.words.is_empty()), Instant::now());
    if let Some(way) = bounded {
        way.begin(tx)?;
    }
    // The page has so long, not each of its statements.
    let go_on = |tx: &mut OrgTx| bounded.map_or(Ok(()), |way| way.go_on(tx, began));
    let about = about(tx, actor, class, wish)?;
    let view = if wish.board { "board" } else { "" };
    let board = if wish.board && class == Class::Task && way.is_some() {
        Some(columns::load(tx, actor, &asked, wish, go_on)?)
    } else {
        None
    };
    go_on(tx)?;
    let mut rows = if board.is_some() || way.is_none() { vec![] } else { queries::list(tx, actor, &asked)? };
    let more = i64::try_from(rows.len()).unwrap_or(0) > PAGE;
    rows.truncate(usize::try_from(PAGE).unwrap_or(0));
    let shown = wish.before + i64::try_from(rows.len()).unwrap_or(0);
    let next = rows.last().filter(|_| more).map(|last| wish.next(class, shown, &cursor(asked.when, last)));
    go_on(tx)?;
    let count = |tx: &mut OrgTx| queries::count(tx, actor, &Asked { after: None, ..asked.clone() }, COUNTED + 1);
    let counted = match (way, bounded) {
        (None, _) => None,
        // Nothing on the board but its heading needs the number.
        (_, Some(_)) if board.is_some() => match tx.attempt(count) {
            Err(error) if is_too_long(&error) => None,
            counted => Some(counted?),
        },
        _ => Some(count(tx)?),
    };
    if let Some(way) = bounded {
        way.end(tx)?;
        // What goes around the list is not searched, and has its own time.
        way.go_on(tx, Instant::now())?;
    }
    let total = match counted.unwrap_or(0) {
        n if n > COUNTED => format!("{}+", actor.locale.integer(COUNTED)),
        n => actor.locale.integer(n),
    };
    let directory = members::directory(tx)?;
    let kinds = types::all(tx)?.into_iter().filter(|kind| kind.class() == class);
    let noun = if counted == Some(1) { class.label() } else { class.plural() }.to_lowercase();
    Ok(Index {
        class,
        subtitle: if counted.is_some() { format!("{total} {noun}") } else { String::new() },
        q: wish.q.clone(),
        trouble: if way.is_some() { "" } else { TOO_LONG },
        who: who(actor, class, wish),
        whens: whens(class, wish),
        people: people(actor, &directory, wish),
        types: kinds.map(|k| SelectOption::new(k.id.to_string(), &k.name, Some(k.id) == wish.kind)).collect(),
        kept: kept(wish),
        lines: Line::all(actor, rows),
        shown: actor.locale.integer(shown),
        narrowed: !wish.q.is_empty()
            || wish.who != "mine"
            || wish.when != "open"
            || wish.kind.is_some()
            || wish.series.is_some()
            || about.is_some(),
        about,
        every: wish.folds().then(|| (wish.every, wish.href(class, ("every", if wish.every { "" } else { "1" })))),
        series: wish
            .series
            .is_some()
            .then(|| Wish { series: None, every: false, ..wish.clone() }.href(class, ("view", ""))),
        given: wish.given.then(|| Wish { given: false, ..wish.clone() }.href(class, ("view", view))),
        may_create: actor.may(Create::KEY),
        templates: if actor.may(Create::KEY) { templates::choices(tx)? } else { vec![] },
        may_edit: actor.may(Edit::KEY),
        may_delete: actor.may(Delete::KEY),
        owners: plan::owners(actor, &directory, ""),
        snoozes: SNOOZES,
        list_href: wish.href(class, ("view", "")),
        board_href: wish.href(class, ("view", "board")),
        total,
        next,
        shell,
        csrf,
        bare: board.iter().flatten().all(|column| column.lines.is_empty()),
        board,
    })
}

/// The record that the list is narrowed to.
fn about(tx: &mut OrgTx, actor: &Actor, class: Class, wish: &Wish) -> AppResult<Option<Narrowed>> {
    let Some((record, id)) = wish.about else { return Ok(None) };
    let name = records::visible(tx, actor, record, id)?.name;
    let without = Wish { about: None, ..wish.clone() }.href(class, ("view", if wish.board { "board" } else { "" }));
    Ok(Some(Narrowed { name, without }))
}

fn who(actor: &Actor, class: Class, wish: &Wish) -> Vec<Tab> {
    let all: &[(&str, &'static str)] = match actor.visible_owners() {
        Some(owners) if owners.len() <= 1 => &[("mine", "Mine")],
        _ => &[("mine", "Mine"), ("team", "My team"), ("all", "Everyone")],
    };
    let tab = |(key, label): &(&str, &'static str)| Tab {
        href: wish.href(class, ("who", key)),
        label,
        current: wish.who == *key,
    };
    all.iter().map(tab).collect()
}

fn whens(class: Class, wish: &Wish) -> Vec<Tab> {
    let fits = |(key, _): &&(&str, &str)| class == Class::Task || *key != "undated";
    let tab = |(key, label): &(&'static str, &'static str)| Tab {
        href: wish.href(class, ("when", key)),
        label,
        current: wish.when == *key,
    };
    WHENS.iter().filter(fits).map(tab).collect()
}

fn people(actor: &Actor, directory: &[Person], wish: &Wish) -> Vec<SelectOption> {
    let seen = directory.iter().filter(|p| p.active && actor.sees(Some(p.id.0)));
    seen.map(|p| SelectOption::new(p.id.to_string(), &p.name, p.id.to_string() == wish.who)).collect()
}

fn kept(wish: &Wish) -> Vec<(&'static str, String)> {
    let mut kept = vec![("when", wish.when.to_owned())];
    if wish.board {
        kept.push(("view", "board".to_owned()));
    }
    if wish.given {
        kept.push(("given", "1".to_owned()));
    }
    if wish.every && wish.series.is_none() {
        kept.push(("every", "1".to_owned()));
    }
    kept.extend(wish.series.map(|id| ("series", id.to_string())));
    kept.extend(wish.about.map(|(record, id)| (record.key(), id.to_string())));
    kept
}
