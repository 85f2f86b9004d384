//! `/pipeline/{id}/changes`: what led from one day's pipeline to another's, as a waterfall and a table, and the deals of each step.

use super::{
    asked::{self, Asked, Day, Scope},
    blank::{self, Blank},
    compare::{self, Between, Part, STEPS, Step, Sum},
    pages::Tools,
    totals::{self, Total},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::pipeline::queries,
    kernel::{Money, PipelineId},
    web::{Actor, Form, Page, Shell, permission::deals::View, reply},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use chrono::{Days, NaiveDate};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde_json::json;

/// Deals of a step on one page.
const SHOWN: i64 = 50;

struct Line {
    step: &'static Step,
    deals: String,
    none: bool,
    size: String,
    /// With its sign; a dash when it changes nothing.
    delta: String,
    tone: &'static str,
    href: String,
    chosen: bool,
}

struct Row {
    href: String,
    number: String,
    name: String,
    company: String,
    owner: String,
    from: String,
    to: String,
    size: String,
}

/// Where the deals of a step are listed.
struct Listing {
    step: &'static Step,
    rows: Vec<Row>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "pipeline/past/changes.html")]
struct Changes {
    shell: Shell,
    pipeline: String,
    pipeline_id: PipelineId,
    from: Day,
    to: Day,
    from_day: String,
    to_day: String,
    tools: Tools,
    currency: String,
    currencies: Vec<(String, String)>,
    first: (String, String),
    second: (String, String),
    change: String,
    lines: Vec<Line>,
    chart: String,
    /// Nothing stood there on either day, nor came and went between them.
    blank: Option<Blank>,
    listing: Option<Listing>,
    spans: Vec<(&'static str, String)>,
}

pub async fn show(page: Page, id: Path<PipelineId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let today = asked::today(&page);
    let to_field = asked::day(&page, &query, "to", today);
    let from_field = asked::day(&page, &query, "from", to_field.day - Days::new(28));
    let (from, to) = (from_field.day, to_field.day);
    // Two days the wrong way round are still those two days; one day is compared with the day before it.
    let (from, to) = (from.min(to), from.max(to));
    let from = if from == to { to - Days::new(1) } else { from };
    let asked = Asked::parse(&query)?;
    let step = match query.get("step") {
        "" => None,
        key => {
            let known = STEPS.iter().find(|step| step.key == key);
            Some(known.ok_or_else(|| AppError::field("step", "is not one of the choices"))?)
        }
    };
    let skip = query.get("skip").parse::<i64>().unwrap_or(0).clamp(0, 1_000_000);
    let (actor, shell) = (page.actor.clone(), page.shell("pipeline"));
    let wanted = Wanted { id: *id, from, to, asked, step, skip };
    let mut template = db.org_read(&page, move |tx| load(tx, &actor, shell, wanted)).await?;
    let status = asked::status(&[&from_field, &to_field]);
    // What cannot be read stays where it was typed, beside what is wrong with it.
    for (field, shown) in [(from_field, &mut template.from), (to_field, &mut template.to)] {
        if !field.error.is_empty() {
            *shown = field;
        }
    }
    reply::page_with(&page.req, status, &template)
}

struct Wanted {
    id: PipelineId,
    from: NaiveDate,
    to: NaiveDate,
    asked: Asked,
    step: Option<&'static Step>,
    skip: i64,
}

impl Wanted {
    fn href(&self, more: &[(&str, &str)]) -> String {
        let mut href =
            format!("/pipeline/{}/changes?{}", self.id, self.asked.query(&[("from", self.from), ("to", self.to)]));
        for (key, value) in more {
            href.push_str(&format!("&{key}={value}"));
        }
        href
    }
}

fn load(tx: &mut OrgTx, actor: &Actor, shell: Shell, wanted: Wanted) -> AppResult<Changes> {
    let pipeline = queries::pipeline(tx, wanted.id)?;
    let scope = Scope::resolve(tx, actor, &wanted.asked)?;
    let moments = (asked::end_of(actor, wanted.from), asked::end_of(actor, wanted.to));
    let (first, second) =
        (totals::at(tx, wanted.id, moments.0, &scope)?, totals::at(tx, wanted.id, moments.1, &scope)?);
    let currency = chosen_currency(actor, &wanted.asked, first.iter().chain(second.iter()));
    let between = Between { pipeline: wanted.id, from: moments.0, to: moments.1, currency: currency.clone() };
    let sums = compare::sums(tx, &between, &scope)?;
    let listing = match wanted.step {
        None => None,
        Some(step) => {
            let parts = compare::parts(tx, &between, &scope, step.key, (wanted.skip, SHOWN + 1))?;
            let more = i64::try_from(parts.len()).unwrap_or(0) > SHOWN;
            let shown = usize::try_from(SHOWN).unwrap_or(usize::MAX);
            let skip = (wanted.skip + SHOWN).to_string();
            let next = more.then(|| wanted.href(&[("step", step.key), ("skip", &skip)]) + "#deals");
            Some(Listing {
                step,
                rows: parts.iter().take(shown).cloned().map(|part| row(actor, part, &currency)).collect(),
                next,
            })
        }
    };
    let nothing = first.is_empty() && second.is_empty() && sums.is_empty();
    let blank = match nothing {
        true => Some(blank::of(tx, actor, wanted.id, (&wanted.asked, &scope), wanted.to)?),
        false => None,
    };
    let (owners, teams) = asked::choices(tx, &wanted.asked)?;
    let today = asked::today(actor);
    let (before, after) = (sum_of(&first, &currency), sum_of(&second, &currency));
    let money = |amount| actor.locale.money(Money::from_columns(amount, &currency));
    let told = |(deals, amount): (i64, Decimal)| (actor.locale.integer(deals), money(amount));
    let lines: Vec<Line> = STEPS.iter().filter_map(|step| line(actor, &wanted, step, &sums, &currency)).collect();
    let mut others: Vec<String> = first.iter().chain(second.iter()).map(|total| total.currency.clone()).collect();
    others.push(currency.clone());
    others.sort();
    others.dedup();
    let currencies = others.into_iter().map(|code| {
        let asked = Asked { currency: code.parse().ok(), ..wanted.asked.clone() };
        let query = asked.query(&[("from", wanted.from), ("to", wanted.to)]);
        (code, format!("/pipeline/{}/changes?{query}", wanted.id))
    });
    Ok(Changes {
        shell,
        pipeline: pipeline.name,
        pipeline_id: wanted.id,
        from: Day::of(wanted.from),
        to: Day::of(wanted.to),
        from_day: actor.locale.day(wanted.from, today),
        to_day: if wanted.to == today { "Today".into() } else { actor.locale.day(wanted.to, today) },
        tools: Tools { owners, teams, today },
        currencies: currencies.collect(),
        first: told(before),
        second: told(after),
        change: signed(actor, after.1 - before.1, &currency),
        chart: chart(&wanted, &sums, before.1, after.1, &currency, actor),
        lines,
        blank,
        listing,
        spans: spans(&wanted, today),
        currency,
    })
}

/// The one asked for, else the organisation's own, unless everything is in another.
fn chosen_currency<'a>(actor: &Actor, asked: &Asked, totals: impl Iterator<Item = &'a Total> + Clone) -> String {
    if let Some(currency) = asked.currency {
        return currency.code().to_owned();
    }
    let own = &actor.org.currency;
    let present = totals.clone().any(|total| total.currency == *own);
    let other = totals.map(|total| total.currency.clone()).next();
    if present { own.clone() } else { other.unwrap_or_else(|| own.clone()) }
}

fn sum_of(totals: &[Total], currency: &str) -> (i64, Decimal) {
    let mine = || totals.iter().filter(|total| total.currency == currency);
    (mine().map(|total| total.deals).sum(), mine().map(|total| total.amount).sum())
}

fn signed(actor: &Actor, amount: Decimal, currency: &str) -> String {
    let sign = if amount.is_sign_negative() && !amount.is_zero() { "−" } else { "+" };
    if amount.is_zero() {
        return "–".into();
    }
    format!("{sign}{}", actor.locale.money(Money::from_columns(amount.abs(), currency)))
}

fn line(actor: &Actor, wanted: &Wanted, step: &'static Step, sums: &[Sum], currency: &str) -> Option<Line> {
    let sum = sums.iter().find(|sum| sum.step == step.key);
    if sum.is_none() && !step.usual {
        return None;
    }
    let (deals, delta, size) = sum.map_or((0, Decimal::ZERO, Decimal::ZERO), |s| (s.deals, s.delta, s.size));
    let href = wanted.href(&[("step", step.key)]) + "#deals";
    Some(Line {
        step,
        deals: actor.locale.integer(deals),
        none: deals == 0,
        size: actor.locale.money(Money::from_columns(size.abs(), currency)),
        delta: signed(actor, delta, currency),
        tone: match () {
            () if step.key == "won" => "is-good",
            () if delta.is_zero() => "muted",
            () if delta.is_sign_negative() => "is-bad",
            () => "is-good",
        },
        href,
        chosen: wanted.step == Some(step),
    })
}

fn row(actor: &Actor, part: Part, currency: &str) -> Row {
    Row {
        href: if part.deleted { String::new() } else { format!("/deals/{}", part.id) },
        number: format!("D-{}", part.number),
        name: part.name,
        company: part.company.unwrap_or_default(),
        owner: part.owner.unwrap_or_else(|| "No owner".into()),
        from: part.from_stage.unwrap_or_else(|| "–".into()),
        to: part.to_stage.unwrap_or_else(|| "–".into()),
        size: if part.size.is_sign_negative() {
            signed(actor, part.size, currency)
        } else {
            actor.locale.money(Money::from_columns(part.size, currency))
        },
    }
}

/// Common spans, to jump to.
fn spans(wanted: &Wanted, today: NaiveDate) -> Vec<(&'static str, String)> {
    [("Since yesterday", 1), ("Since a week ago", 7), ("Since 4 weeks ago", 28), ("Since 13 weeks ago", 91)]
        .into_iter()
        .map(|(label, days)| {
            let query = wanted.asked.query(&[("from", today - Days::new(days)), ("to", today)]);
            (label, format!("/pipeline/{}/changes?{query}", wanted.id))
        })
        .collect()
}

/// The waterfall: bars that stand on one another, each on what was reached before it.
fn chart(wanted: &Wanted, sums: &[Sum], before: Decimal, after: Decimal, currency: &str, actor: &Actor) -> String {
    let number = |amount: Decimal| amount.to_f64().unwrap_or_default();
    let today = asked::today(actor);
    let mut labels = vec![actor.locale.day(wanted.from, today)];
    let (mut base, mut whole, mut up, mut down) = (vec![0.0], vec![number(before)], vec![0.0], vec![0.0]);
    let mut links = vec![format!("/pipeline/{}/history?{}", wanted.id, wanted.asked.query(&[("on", wanted.from)]))];
    let mut reached = before;
    for step in STEPS {
        let delta = sums.iter().find(|sum| sum.step == step.key).map_or(Decimal::ZERO, |sum| sum.delta);
        if delta.is_zero() {
            continue;
        }
        labels.push(step.label.to_owned());
        base.push(number(reached.min(reached + delta)));
        whole.push(0.0);
        up.push(number(delta.max(Decimal::ZERO)));
        down.push(number((-delta).max(Decimal::ZERO)));
        links.push(wanted.href(&[("step", step.key)]) + "#deals");
        reached += delta;
    }
    labels.push(if wanted.to == today { "Today".into() } else { actor.locale.day(wanted.to, today) });
    base.push(0.0);
    whole.push(number(after));
    up.push(0.0);
    down.push(0.0);
    links.push(format!("/pipeline/{}/history?{}", wanted.id, wanted.asked.query(&[("on", wanted.to)])));
    json!({
        "type": "bar",
        "stack": true,
        "labels": labels,
        "links": links,
        "unit": Money::from_columns(Decimal::ZERO, currency).currency.symbol(),
        "series": [
            { "name": "", "data": base, "color": "none" },
            { "name": "Pipeline", "data": whole, "color": "indigo" },
            { "name": "More", "data": up, "color": "green" },
            { "name": "Less", "data": down, "color": "red" },
        ],
    })
    .to_string()
    .replace('<', "\\u003c")
}
