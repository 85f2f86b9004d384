//! `/targets/history`: who set which target when, read from the events.

use super::{Goal, Measure, Period, Unit, circles, view::Names};
use crate::{
    db::{Db, OrgTx, Tx},
    error::AppResult,
    features::accounts::members,
    schema::events,
    web::{Actor, Page, Shell, permission::deals::View, reply},
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

/// Events looked at, the latest first.
const MOST: i64 = 500;

struct Entry {
    when: String,
    exact: String,
    who: String,
    name: String,
    what: String,
    period: String,
    before: String,
    after: String,
}

#[derive(Template)]
#[template(path = "targets/history.html")]
struct History {
    shell: Shell,
    entries: Vec<Entry>,
}

pub async fn show(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let actor = page.actor.clone();
    let entries = db.org_read(&page, move |tx| load(tx, &actor)).await?;
    reply::page(&page.req, &History { shell: page.shell("targets"), entries })
}

type Row = (DateTime<Utc>, Option<Uuid>, Value, Value);

/// Only of those whose targets the reader sees.
fn load(tx: &mut OrgTx, actor: &Actor) -> AppResult<Vec<Entry>> {
    let seen: Vec<String> = circles(tx, actor)?.iter().map(|circle| circle.whose.to_string()).collect();
    let rows: Vec<Row> = events::table
        .filter(events::kind.eq("target.set"))
        .order((events::at.desc(), events::id.desc()))
        .limit(MOST)
        .select((events::at, events::actor_id, events::changes, events::data))
        .load(tx.conn())?;
    let people = members::directory(tx)?;
    let names = Names::load(tx)?;
    let mine =
        rows.into_iter().filter(|(.., data)| data["whose"].as_str().is_some_and(|w| seen.iter().any(|s| s == w)));
    let entry = |(at, by, changes, data): Row| {
        let goal = goal(&data);
        let value = |n: usize| match changes["value"][n].as_str().and_then(|text| text.parse().ok()) {
            Some(value) => goal.measure.told(actor, value),
            None => "none".to_owned(),
        };
        let person = people.iter().find(|person| Some(person.id.0) == by);
        Entry {
            when: actor.moment(at),
            exact: actor.exact(at),
            who: person.map_or_else(|| "Pipewright".into(), |person| person.name.clone()),
            name: data["name"].as_str().unwrap_or_default().to_owned(),
            what: names.of(&goal),
            period: period(actor, &data).unwrap_or_default(),
            before: value(0),
            after: value(1),
        }
    };
    Ok(mine.map(entry).collect())
}

fn goal(data: &Value) -> Goal {
    let id = |key: &str| data[key].as_str().and_then(|id| id.parse::<Uuid>().ok());
    let measure = data["measure"].as_str().and_then(Measure::parse).unwrap_or(Measure::Amount);
    Goal::narrowed(measure, id("pipeline_id").map(Into::into), id("activity_type_id").map(Into::into))
}

fn period(actor: &Actor, data: &Value) -> Option<String> {
    let unit = Unit::parse(data["unit"].as_str()?)?;
    let day: NaiveDate = data["starts_on"].as_str()?.parse().ok()?;
    let start = actor.org.fiscal_year_start;
    Some(Period::around(unit, day, start).label(actor.locale, start))
}
