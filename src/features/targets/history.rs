//! `/targets/history`: who set which target when, read from the events; and the latest change of each taken back.

use super::{Circle, Goal, Measure, Period, Unit, circles, commands, view::Names};
use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::{accounts::members, activities, pipeline},
    kernel::EventId,
    schema::events,
    web::{
        Actor, Allow, Page, Shell,
        flash::Flash,
        permission::{deals::View, targets::Administer},
        reply,
    },
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use rust_decimal::Decimal;
use serde_json::Value;
use std::collections::HashSet;
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
    /// Where the change is taken back; empty where it is not the latest of its target, or not the reader's to change.
    undo: String,
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

type Row = (EventId, DateTime<Utc>, Option<Uuid>, Value, Value);

/// Only of those whose targets the reader sees.
fn load(tx: &mut OrgTx, actor: &Actor) -> AppResult<Vec<Entry>> {
    let seen: Vec<(String, bool)> =
        circles(tx, actor)?.iter().map(|circle| (circle.whose.to_string(), circle.editable)).collect();
    let rows: Vec<Row> = events::table
        .filter(events::kind.eq("target.set"))
        .order((events::at.desc(), events::id.desc()))
        .limit(MOST)
        .select((events::id, events::at, events::actor_id, events::changes, events::data))
        .load(tx.conn())?;
    let people = members::directory(tx)?;
    let names = Names::load(tx)?;
    let known = |data: &Value| seen.iter().find(|(whose, _)| data["whose"].as_str() == Some(whose));
    let mine = rows.into_iter().filter(|(.., data)| known(data).is_some());
    let mut told = HashSet::new();
    let entry = |(id, at, by, changes, data): Row| {
        let goal = goal(&data);
        let value = |n| number(&changes, n).map_or_else(|| "none".to_owned(), |value| goal.measure.told(actor, value));
        let latest = told.insert(KEY.map(|part| data[part].to_string()));
        let undo = latest && known(&data).is_some_and(|(_, editable)| *editable);
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
            undo: if undo { format!("/targets/history/{id}/undo") } else { String::new() },
        }
    };
    Ok(mine.map(entry).collect())
}

/// What tells a target from all others, in its events.
const KEY: [&str; 6] = ["whose", "measure", "unit", "starts_on", "pipeline_id", "activity_type_id"];

/// Before a change (0) and after it (1).
fn number(changes: &Value, n: usize) -> Option<Decimal> {
    changes["value"][n].as_str()?.parse().ok()
}

/// `POST /targets/history/{event}/undo`
pub async fn undo(page: Page, by: Allow<Administer>, event: Path<EventId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let id = *event;
    db.org(&page, move |tx| set_back(tx, &by, id)).await?;
    Ok(reply::redirect(&page.req, "/targets/history", Some(Flash::success("Change taken back"))))
}

fn set_back(tx: &mut OrgTx, by: &Allow<Administer>, id: EventId) -> AppResult<()> {
    let (changes, data): (Value, Value) = events::table
        .filter(events::kind.eq("target.set"))
        .filter(events::id.eq(id))
        .select((events::changes, events::data))
        .first(tx.conn())?;
    let circle: Option<Circle> =
        circles(tx, by)?.into_iter().find(|circle| data["whose"].as_str() == Some(&circle.whose.to_string()));
    let circle = circle.ok_or(AppError::NotFound)?;
    let (goal, gone) = (goal(&data), || AppError::Conflict("What this target was for is not there any more.".into()));
    let (pipelines, types) = (pipeline::pipelines(tx)?, activities::types(tx)?);
    let there = goal.pipeline.is_none_or(|id| pipelines.iter().any(|p| p.id == id))
        && goal.activity_type.is_none_or(|id| types.iter().any(|t| t.id == id));
    // Of a fiscal year that began in another month there are other quarters.
    let period = span(by, &data).filter(|period| data["starts_on"].as_str() == Some(&period.span.from.to_string()));
    let period = period.filter(|_| there).ok_or_else(gone)?;
    commands::set_back(tx, by, (&circle, goal, period), (number(&changes, 0), number(&changes, 1)))
}

fn goal(data: &Value) -> Goal {
    let id = |key: &str| data[key].as_str().and_then(|id| id.parse::<Uuid>().ok());
    let measure = data["measure"].as_str().and_then(Measure::parse).unwrap_or(Measure::Amount);
    Goal::narrowed(measure, id("pipeline_id").map(Into::into), id("activity_type_id").map(Into::into))
}

fn span(actor: &Actor, data: &Value) -> Option<Period> {
    let unit = Unit::parse(data["unit"].as_str()?)?;
    let day: NaiveDate = data["starts_on"].as_str()?.parse().ok()?;
    Some(Period::around(unit, day, actor.org.fiscal_year_start))
}

fn period(actor: &Actor, data: &Value) -> Option<String> {
    Some(span(actor, data)?.label(actor.locale, actor.org.fiscal_year_start))
}
