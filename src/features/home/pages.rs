//! `GET /`: one read-only transaction, then words and bars.

use super::{
    figures::{self, Listed, Months, Scope, StageTotal, Won},
    slips::{self, Context, Mention, Slip, Stuck},
    view::{self, Amounts, ListRow, PersonRow, PipelineRows},
};
use crate::{
    db::{Db, OrgTx, Tx},
    error::AppResult,
    features::{
        accounts::members::{self, Person},
        activities::Day,
        currencies::Rates,
        targets,
    },
    kernel::calendar::{self, Span},
    schema::deals,
    web::{
        Actor, Page,
        permission::{
            Permission, activities,
            deals::{Create, Edit, View},
            organisation::SeeTeam,
        },
        reply,
        shell::Shell,
    },
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use chrono::{Days, Months as Step, NaiveDate, Utc};
use diesel::prelude::*;

#[derive(Template)]
#[template(path = "home/index.html")]
struct Home {
    shell: Shell,
    greeting: String,
    may_see_deals: bool,
    /// No deal was ever made: say what to do.
    fresh: bool,
    /// The day alone: there are no deals yet, and something is in it, or none are the reader's to see.
    day_alone: bool,
    may_import: bool,
    may_invite: bool,
    team: bool,
    may_complete: bool,
    /// What is before the person, when their role sees activities.
    day: Option<Day>,
    mentions: Vec<Mention>,
    slips: Vec<Slip>,
    stuck: Vec<Stuck>,
    contexts: Vec<Context>,
    /// The time they are for, in words, and how far the reader and their teams are.
    aims: (String, Vec<targets::Row>),
    tiles: Vec<Tile>,
    /// At which rates amounts in other currencies are told.
    rates: String,
    pipelines: Vec<PipelineRows>,
    closing: Vec<ListRow>,
    stale: Vec<ListRow>,
    people: Vec<PersonRow>,
    chart: String,
    currency: String,
    /// `&owner=…` where only one's own deals are counted.
    owner: String,
    actor: Actor,
}

impl Home {
    /// Who comes to a meeting, and what was written last about its deal.
    fn context(&self, id: &uuid::Uuid) -> Option<&Context> {
        self.contexts.iter().find(|context| context.id == *id)
    }
}

struct Tile {
    label: &'static str,
    value: String,
    others: String,
    note: String,
    href: String,
}

/// What the database knows.
#[derive(Default)]
struct Known {
    any: bool,
    stages: Vec<StageTotal>,
    /// Of amounts in other currencies.
    note: Option<String>,
    won: Vec<Won>,
    closing: Vec<Listed>,
    stale: Vec<Listed>,
    people: Vec<Person>,
    day: Option<Day>,
    mentions: Vec<Mention>,
    slips: Vec<Slip>,
    stuck: Vec<Stuck>,
    contexts: Vec<Context>,
    aims: (String, Vec<targets::Row>),
}

pub async fn home(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let known = db.org_read(&page, move |tx| load(tx, &actor)).await?;
    reply::page(&page.req, &present(&page, known))
}

fn load(tx: &mut OrgTx, actor: &Actor) -> AppResult<Known> {
    let team = actor.may(SeeTeam::KEY);
    let scope: Scope = if sees_all(actor) { actor.visible_owners() } else { Some(vec![actor.id.0]) };
    let day = if actor.may(activities::View::KEY) { Some(Day::load(tx, actor, &scope, team)?) } else { None };
    let meetings: Vec<_> = day.iter().flat_map(|day| &day.meetings).map(|meeting| meeting.line.id).collect();
    let known = Known {
        mentions: slips::mentions(tx, actor)?,
        contexts: slips::contexts(tx, actor, &meetings)?,
        day,
        ..Known::default()
    };
    if actor.may(View::KEY) { with_deals(tx, actor, &scope, team, known) } else { Ok(known) }
}

fn with_deals(tx: &mut OrgTx, actor: &Actor, scope: &Scope, team: bool, known: Known) -> AppResult<Known> {
    let month = calendar::month(actor.today());
    let stages = figures::by_stage(tx, scope)?;
    let (stages, note) = converted(tx, actor, stages)?;
    let any = stages.iter().any(|stage| stage.deals > 0)
        || diesel::select(diesel::dsl::exists(deals::table.filter(deals::deleted_at.is_null())))
            .get_result(tx.conn())?;
    let (closing, stale) = figures::lists(tx, scope, month.from, month.to)?;
    Ok(Known {
        aims: targets::of_reader(tx, actor)?,
        slips: if team { slips::slips(tx, actor, scope)? } else { Vec::new() },
        stuck: if team { slips::stuck(tx, scope)? } else { Vec::new() },
        any,
        stages,
        won: figures::won(tx, actor, scope, months(actor, month))?,
        note,
        closing,
        stale,
        people: if team { members::directory(tx)? } else { Vec::new() },
        ..known
    })
}

/// What lies open, in the organisation's currency where today's rates can tell, and what the page says of them.
fn converted(
    tx: &mut OrgTx,
    actor: &Actor,
    mut stages: Vec<StageTotal>,
) -> AppResult<(Vec<StageTotal>, Option<String>)> {
    let rates = Rates::today(tx, actor)?;
    let note = rates.note(stages.iter().filter_map(|total| total.currency.as_deref()), actor);
    for total in &mut stages {
        if let Some(code) = total.currency.take() {
            let (currency, amount) = rates.own(&code, total.amount);
            (total.weighted, total.amount) = (rates.own(&code, total.weighted).1, amount);
            total.currency = Some(currency.to_owned());
        }
    }
    Ok((stages, note))
}

/// Who sells sees their own; who sees the team's figures, or only reads and so owns nothing, all that they may see.
fn sees_all(actor: &Actor) -> bool {
    actor.may(SeeTeam::KEY) || !(actor.may(Create::KEY) || actor.may(Edit::KEY))
}

/// Months begin at midnight where the reader is. "To this day" includes today's day of the month, as far as the last month had one.
fn months(actor: &Actor, month: Span) -> Months {
    let last = month.from - Step::new(1);
    let days = Days::new((actor.today() - month.from).num_days().unsigned_abs() + 1);
    let to_date = (last + days).min(month.from);
    let start = |from: NaiveDate, to: NaiveDate| calendar::instants(Span { from, to }, actor.zone);
    let (last_start, last_to_date) = start(last, to_date);
    let (this, next) = start(month.from, month.to);
    Months { last: last_start, last_to_date, this, next }
}

fn present(page: &Page, known: Known) -> Home {
    let actor = &page.actor;
    let (team, today) = (actor.may(SeeTeam::KEY), actor.today());
    let owner = if sees_all(actor) { String::new() } else { format!("&owner={}", actor.id) };
    let people = if team { view::people(&known.won, &known.people, &actor.org.currency) } else { Vec::new() };
    Home {
        shell: page.shell("home"),
        greeting: greeting(actor),
        may_see_deals: actor.may(View::KEY),
        fresh: !known.any,
        day_alone: !known.any && known.day.as_ref().is_some_and(|day| !actor.may(View::KEY) || !day.is_empty()),
        may_import: actor.may("deals.import"),
        may_invite: actor.may("organisation.administer"),
        tiles: tiles(actor, &known, &owner),
        rates: rates_note(&known),
        may_complete: actor.may(activities::Edit::KEY),
        day: known.day,
        mentions: known.mentions,
        slips: known.slips,
        stuck: known.stuck,
        contexts: known.contexts,
        aims: known.aims,
        pipelines: view::pipelines(&known.stages, actor, &owner),
        chart: view::chart(&people, &actor.org.currency),
        people,
        closing: view::list(known.closing, actor, sees_all(actor), |row| view::closing_words(row, actor, today)),
        stale: view::list(known.stale, actor, sees_all(actor), |row| view::stale_words(row, actor)),
        currency: actor.org.currency.clone(),
        team,
        owner,
        actor: actor.clone(),
    }
}

/// At which rates other currencies are in the figures: open deals at today's, won ones at those of the day they were won.
fn rates_note(known: &Known) -> String {
    let won = known.won.iter().any(|won| won.converted).then_some("What was won: at the rate of its day.");
    known.note.as_deref().into_iter().chain(won).collect::<Vec<_>>().join(" ")
}

fn greeting(actor: &Actor) -> String {
    use chrono::Timelike;
    let words = match Utc::now().with_timezone(&actor.zone).hour() {
        5..12 => "Good morning",
        12..18 => "Good afternoon",
        _ => "Good evening",
    };
    format!("{words}, {}", actor.name.split_whitespace().next().unwrap_or(&actor.name))
}

fn tiles(actor: &Actor, known: &Known, owner: &str) -> Vec<Tile> {
    let (mut open, mut weighted, mut deals) = (Amounts::default(), Amounts::default(), 0);
    for total in &known.stages {
        if let Some(currency) = &total.currency {
            open.add(currency, total.amount);
            weighted.add(currency, total.weighted);
            deals += total.deals;
        }
    }
    let (mut this, mut to_date, mut last) = (Amounts::default(), Amounts::default(), Amounts::default());
    let (mut won, mut won_last) = (0, 0);
    for figure in &known.won {
        if figure.is_this_month() {
            this.add(&figure.currency, figure.amount);
            won += figure.deals;
            continue;
        }
        last.add(&figure.currency, figure.amount);
        won_last += figure.deals;
        if figure.is_to_date() {
            to_date.add(&figure.currency, figure.amount);
        }
    }
    let tile = |label, amounts: &Amounts, note: String, href: String| Tile {
        label,
        value: amounts.main(actor),
        others: amounts.others(actor),
        note,
        href,
    };
    let count = |n: i64| if n == 1 { "1 deal".to_owned() } else { format!("{} deals", actor.locale.integer(n)) };
    vec![
        tile("Open pipeline", &open, count(deals), format!("/deals?status=open{owner}")),
        tile("Weighted", &weighted, "by probability".into(), format!("/deals?status=open{owner}")),
        tile(
            "Won this month",
            &this,
            format!("{}; {} by this day last month", count(won), to_date.main(actor)),
            format!("/deals?status=won&closed=this_month{owner}"),
        ),
        tile("Won last month", &last, count(won_last), format!("/deals?status=won&closed=last_month{owner}")),
    ]
}
