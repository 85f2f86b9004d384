//! `/activities` and `/tasks`: planned and done, mine, my team's and everybody's, by page; tasks also as a board of their states.

use super::{
    columns::{self, Column},
    lines::Line,
    model::Class,
    plan,
    queries::{self, Asked, When, cursor},
    templates, types,
    when::SNOOZES,
};
use crate::{
    db::{Db, OrgTx, paging},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        records,
    },
    kernel::{ActivitySeriesId, ActivityTypeId, RecordType, calendar},
    web::{
        Actor, Form, Page, SelectOption, Shell, csrf,
        permission::{
            Permission,
            activities::{Create, Delete, Edit, View},
        },
        reply,
    },
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use uuid::Uuid;

const PAGE: i64 = 50;
/// Counted no further.
const COUNTED: i64 = 1_000;

const WHENS: &[(&str, &str)] = &[
    ("open", "Open"),
    ("overdue", "Overdue"),
    ("today", "Today"),
    ("week", "This week"),
    ("undated", "No date"),
    ("done", "Done"),
];

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

/// What the address asks for, read and checked.
#[derive(Clone)]
pub(super) struct Wish {
    who: String,
    when: &'static str,
    kind: Option<ActivityTypeId>,
    /// Only what was given to them: what Home counts.
    given: bool,
    /// Every occurrence of what repeats, not the next one alone.
    every: bool,
    series: Option<ActivitySeriesId>,
    about: Option<(RecordType, Uuid)>,
    board: bool,
    /// Rows on the pages before.
    before: i64,
    after: Option<String>,
}

impl Wish {
    fn read(query: &Form) -> AppResult<Self> {
        let damaged = paging::damaged;
        let when = match query.get("when") {
            "" => "open",
            key => WHENS.iter().find(|(known, _)| *known == key).map(|(known, _)| *known).ok_or_else(damaged)?,
        };
        let kind = match query.get("type") {
            "" => None,
            id => Some(id.parse().map_err(|_| damaged())?),
        };
        let who = match query.get("who") {
            "" => "mine".to_owned(),
            who @ ("mine" | "team" | "all") => who.to_owned(),
            id => id.parse::<Uuid>().map_err(|_| damaged())?.to_string(),
        };
        let series = match query.get("series") {
            "" => None,
            id => Some(id.parse().map_err(|_| damaged())?),
        };
        let mut about = None;
        for record in [RecordType::Deal, RecordType::Contact, RecordType::Company, RecordType::Lead] {
            match query.get(record.key()) {
                "" => {}
                id => about = Some((record, id.parse().map_err(|_| damaged())?)),
            }
        }
        let every = query.get("every") == "1" || series.is_some();
        let before = query.get("shown").parse().unwrap_or(0).clamp(0, 1_000_000);
        let after = Some(query.get("after")).filter(|after| !after.is_empty()).map(str::to_owned);
        let given = query.get("given") == "1";
        Ok(Self { who, when, kind, given, every, series, about, board: query.get("view") == "board", before, after })
    }

    /// Whose; within what the actor may see.
    fn owners(&self, actor: &Actor) -> AppResult<Option<Vec<Uuid>>> {
        match self.who.as_str() {
            "mine" => Ok(Some(vec![actor.id.0])),
            "team" => Ok(Some(actor.team().iter().copied().filter(|id| actor.sees(Some(*id))).collect())),
            "all" => Ok(actor.visible_owners()),
            id => {
                let id = id.parse().map_err(|_| paging::damaged())?;
                if actor.sees(Some(id)) { Ok(Some(vec![id])) } else { Err(AppError::NotFound) }
            }
        }
    }

    fn asked(&self, actor: &Actor, class: Class) -> AppResult<Asked> {
        let week = calendar::week(actor.today());
        let when = match self.when {
            "overdue" => When::Overdue,
            "today" => When::Today,
            "week" => When::Days(week.from, week.to),
            "undated" => When::Undated,
            "done" => When::Closed,
            _ => When::Open,
        };
        let after = self.after.as_deref().map(paging::decode).transpose()?;
        Ok(Asked {
            class,
            owners: self.owners(actor)?,
            given: self.given,
            when,
            type_id: self.kind,
            status: None,
            fold: self.folds() && !self.every,
            series: self.series,
            about: self.about,
            after,
            limit: PAGE,
        })
    }

    /// Whether the list would be flooded by what repeats; days show what is on them.
    fn folds(&self) -> bool {
        matches!(self.when, "open" | "overdue") || self.given
    }

    /// The list's address with one thing otherwise.
    fn href(&self, class: Class, change: (&str, &str)) -> String {
        let mut pairs = vec![("who", self.who.clone()), ("when", self.when.to_owned())];
        pairs.extend(self.kind.map(|id| ("type", id.to_string())));
        pairs.extend(self.series.map(|id| ("series", id.to_string())));
        pairs.extend(self.about.map(|(record, id)| (record.key(), id.to_string())));
        if self.given {
            pairs.push(("given", "1".to_owned()));
        }
        if self.every && self.series.is_none() {
            pairs.push(("every", "1".to_owned()));
        }
        if self.board {
            pairs.push(("view", "board".to_owned()));
        }
        pairs.retain(|(name, _)| *name != change.0);
        pairs.push((change.0, change.1.to_owned()));
        let defaults = [("who", "mine"), ("when", "open"), ("view", "")];
        let told =
            pairs.iter().filter(|(name, value)| !defaults.contains(&(name, value.as_str())) && !value.is_empty());
        let told: Vec<String> = told.map(|(name, value)| format!("{name}={value}")).collect();
        if told.is_empty() { format!("/{}", class.noun()) } else { format!("/{}?{}", class.noun(), told.join("&")) }
    }

    /// The list that holds what a column of the board begins.
    pub fn listed(&self, when: &str) -> String {
        Wish { board: false, ..self.clone() }.href(Class::Task, ("when", when))
    }

    fn next(&self, class: Class, shown: i64, cursor: &str) -> String {
        let href = self.href(class, ("view", ""));
        let join = if href.contains('?') { '&' } else { '?' };
        format!("{href}{join}shown={shown}&after={cursor}")
    }
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
    let whole = db.org(&page, move |tx| load(tx, &actor, class, &wish, shell, csrf)).await?;
    if part {
        let Index { lines, shown, total, next, may_edit, csrf, .. } = whole;
        let noun = class.noun();
        return reply::fragment(&More { lines, shown, total, next, noun, may_edit, csrf });
    }
    reply::page(&page.req, &whole)
}

fn load(tx: &mut OrgTx, actor: &Actor, class: Class, wish: &Wish, shell: Shell, csrf: String) -> AppResult<Index> {
    let asked = wish.asked(actor, class)?;
    let about = about(tx, actor, class, wish)?;
    let view = if wish.board { "board" } else { "" };
    let board = if wish.board && class == Class::Task { Some(columns::load(tx, actor, &asked, wish)?) } else { None };
    let mut rows = if board.is_some() { vec![] } else { queries::list(tx, actor, &asked)? };
    let more = i64::try_from(rows.len()).unwrap_or(0) > PAGE;
    rows.truncate(usize::try_from(PAGE).unwrap_or(0));
    let shown = wish.before + i64::try_from(rows.len()).unwrap_or(0);
    let next = rows.last().filter(|_| more).map(|last| wish.next(class, shown, &cursor(asked.when, last)));
    let counted = queries::count(tx, actor, &Asked { after: None, ..asked.clone() }, COUNTED + 1)?;
    let total = match counted {
        n if n > COUNTED => format!("{}+", actor.locale.integer(COUNTED)),
        n => actor.locale.integer(n),
    };
    let directory = members::directory(tx)?;
    let kinds = types::all(tx)?.into_iter().filter(|kind| kind.class() == class);
    let noun = if counted == 1 { class.label() } else { class.plural() }.to_lowercase();
    Ok(Index {
        class,
        subtitle: format!("{total} {noun}"),
        who: who(actor, class, wish),
        whens: whens(class, wish),
        people: people(actor, &directory, wish),
        types: kinds.map(|k| SelectOption::new(k.id.to_string(), &k.name, Some(k.id) == wish.kind)).collect(),
        kept: kept(wish),
        lines: Line::all(actor, rows),
        shown: actor.locale.integer(shown),
        narrowed: wish.who != "mine"
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
    kept.extend(wish.series.map(|id| ("series", id.to_string())));
    kept.extend(wish.about.map(|(record, id)| (record.key(), id.to_string())));
    kept
}
