//! `/reports/sales`.

use super::{
    asked::{Asked, When},
    figures::{self, Closed, Scope},
    sales::{self, Product, Score, Step},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members,
        currencies::ended::{self, Ended},
        pipeline, settings,
        targets::{self, Period, Unit, Whose},
    },
    kernel::PipelineId,
    web::{
        Actor, Form, Page, SelectOption, Shell,
        permission::{Permission, deals::View, products},
        reply,
    },
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Bars of a chart; the table has them all.
const CHARTED: usize = 15;

struct Agent {
    name: String,
    score: Score,
    won_href: String,
    lost_href: String,
}

struct Month {
    name: String,
    score: Score,
}

struct StepRow {
    step: Step,
    href: String,
}

#[derive(Template)]
#[template(path = "reports/sales.html")]
struct Sales {
    shell: Shell,
    actor: Actor,
    label: String,
    choices: Vec<(String, &'static str, bool)>,
    previous: Option<String>,
    next: Option<String>,
    when: &'static str,
    on: String,
    pipelines: Vec<SelectOption>,
    owners: Vec<SelectOption>,
    teams: Vec<SelectOption>,
    all: Score,
    all_won: String,
    all_lost: String,
    funnel_of: String,
    funnel: Vec<StepRow>,
    began: String,
    agents: Vec<Agent>,
    in_teams: Vec<Agent>,
    months: Vec<Month>,
    products: Vec<Product>,
    may_see_products: bool,
    agent_chart: String,
    month_chart: String,
    product_chart: String,
    currency: String,
    one_owner: bool,
    rates: Vec<SelectOption>,
    /// At which rates the amounts are.
    note: Option<String>,
}

impl Sales {
    fn amounts(&self, amounts: &BTreeMap<String, Decimal>) -> String {
        sales::told(&self.actor, amounts)
    }

    fn quantity(&self, product: &Product) -> String {
        self.actor.locale.decimal(product.quantity, product.quantity.normalize().scale().min(2))
    }

    fn number(&self, n: &i64) -> String {
        self.actor.locale.integer(*n)
    }
}

pub async fn show(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let asked = Asked::parse(&page, &query)?;
    let (actor, shell) = (page.actor.clone(), page.shell("reports"));
    let template = db.org_read(&page, move |tx| load(tx, &actor, shell, &asked)).await?;
    reply::page(&page.req, &template)
}

fn load(tx: &mut OrgTx, actor: &Actor, shell: Shell, asked: &Asked) -> AppResult<Sales> {
    let pipelines = pipeline::pipelines(tx)?;
    if asked.pipeline.is_some_and(|id| pipelines.iter().all(|p| p.id != id)) {
        return Err(AppError::field("pipeline", "is not one of the choices"));
    }
    let scope = Scope { span: asked.span(actor), pipeline: asked.pipeline, owners: asked.owners(tx, actor)? };
    let won =
        Ended { pipeline: scope.pipeline, owners: scope.owners.clone(), ..Ended::within(actor, "won", scope.span) };
    let closed = figures::closed(tx, &scope)?;
    let told = closed.iter().filter(|row| row.won && !row.amount.is_zero()).map(|row| row.currency.as_str());
    let note = ended::note(tx, actor, asked.rates, &won, told)?;
    let closed = figures::in_own(tx, actor, asked.rates, &won, closed)?;
    // Stages are those of one pipeline: of several, the first is told.
    let funnelled = asked.pipeline.or(pipelines.first().map(|p| p.id));
    let (steps, began) = funnel(tx, actor, asked, &scope, funnelled)?;
    let may_see_products = actor.may(products::View::KEY);
    let sold = if may_see_products { figures::sold(tx, actor, asked.rates, &won)? } else { Vec::new() };
    let products = sales::products(sold, &actor.org.currency);
    let agents = agents(tx, actor, asked, &closed)?;
    let in_teams = teams(tx, actor, asked, &closed)?;
    let months: Vec<Month> = sales::by_month(&closed)
        .into_iter()
        .map(|(month, score)| Month { name: actor.locale.month(month), score })
        .collect();
    let every = |status| {
        asked.deals(
            actor,
            status,
            "closed_at",
            scope.owners.as_ref().map(|o| o.iter().copied().map(Some).collect::<Vec<_>>()).as_deref(),
        )
    };
    Ok(Sales {
        label: asked.label(actor),
        choices: times(actor, asked),
        previous: shifted(asked, Period::previous),
        next: shifted(asked, Period::next),
        when: asked.key(),
        on: if let When::In(period) = asked.when { period.span.from.to_string() } else { String::new() },
        owners: members::directory(tx)?
            .into_iter()
            .filter(|person| actor.sees(Some(person.id.0)))
            .map(|person| SelectOption::new(person.id.to_string(), person.name, asked.owner == Some(person.id)))
            .collect(),
        teams: settings::team_choices(tx)?
            .into_iter()
            .map(|(id, name)| SelectOption::new(id.to_string(), name, asked.team == Some(id)))
            .collect(),
        all: Score::of(closed.iter()),
        all_won: every("won"),
        all_lost: every("lost"),
        funnel_of: pipelines.iter().find(|p| Some(p.id) == funnelled).map(|p| p.name.clone()).unwrap_or_default(),
        began: actor.locale.integer(began),
        agent_chart: agent_chart(&agents),
        month_chart: month_chart(actor, &months),
        product_chart: product_chart(actor, &products),
        pipelines: pipelines
            .into_iter()
            .map(|p| SelectOption::new(p.id.to_string(), p.name, asked.pipeline == Some(p.id)))
            .collect(),
        funnel: steps,
        agents,
        in_teams,
        months,
        products,
        may_see_products,
        currency: actor.org.currency.clone(),
        one_owner: asked.owner.is_some(),
        rates: asked.rates.options(actor),
        note,
        actor: actor.clone(),
        shell,
    })
}

/// The steps of a pipeline, and how many deals began.
fn funnel(
    tx: &mut OrgTx,
    actor: &Actor,
    asked: &Asked,
    scope: &Scope,
    pipeline: Option<PipelineId>,
) -> AppResult<(Vec<StepRow>, i64)> {
    let Some(id) = pipeline else { return Ok((Vec::new(), 0)) };
    let stages = pipeline::stages_of(tx, id)?;
    let begun = figures::begun(tx, scope, id)?;
    let all = begun.iter().map(|row| row.deals).sum();
    let within = Asked { pipeline: Some(id), ..asked.clone() };
    let owners: Option<Vec<Option<Uuid>>> = scope.owners.as_ref().map(|o| o.iter().copied().map(Some).collect());
    let row = |step: Step| {
        let href = match step.stage {
            Some(stage) => within.deals(actor, "open", "created_at", owners.as_deref()) + &format!("&furthest={stage}"),
            None => within.deals(actor, "won", "created_at", owners.as_deref()),
        };
        StepRow { href, step }
    };
    Ok((sales::funnel(&stages, &begun).into_iter().map(row).collect(), all))
}

/// Everyone who won or lost something, who won the most first.
fn agents(tx: &mut OrgTx, actor: &Actor, asked: &Asked, closed: &[Closed]) -> AppResult<Vec<Agent>> {
    let people = members::directory(tx)?;
    let mut owners: Vec<Option<Uuid>> = closed.iter().map(|row| row.owner_id).collect();
    owners.sort_unstable();
    owners.dedup();
    let agent = |owner: Option<Uuid>| {
        let person = people.iter().find(|person| Some(person.id.0) == owner);
        Agent {
            name: person.map_or_else(|| "No owner".to_owned(), |person| person.name.clone()),
            score: Score::of(closed.iter().filter(|row| row.owner_id == owner)),
            won_href: asked.deals(actor, "won", "closed_at", Some(&[owner])),
            lost_href: asked.deals(actor, "lost", "closed_at", Some(&[owner])),
        }
    };
    let mut agents: Vec<Agent> = owners.into_iter().map(agent).collect();
    sort(actor, &mut agents);
    Ok(agents)
}

/// The teams whose people the reader sees, as they are made up today.
fn teams(tx: &mut OrgTx, actor: &Actor, asked: &Asked, closed: &[Closed]) -> AppResult<Vec<Agent>> {
    let circles = targets::circles(tx, actor)?;
    let teams = circles.into_iter().filter(|circle| matches!(circle.whose, Whose::Team(_)));
    let mut rows: Vec<Agent> = teams
        .map(|team| {
            let people: Vec<Option<Uuid>> = team.owners.iter().flatten().copied().map(Some).collect();
            Agent {
                score: Score::of(closed.iter().filter(|row| team.counts(row.owner_id))),
                won_href: asked.deals(actor, "won", "closed_at", Some(&people)),
                lost_href: asked.deals(actor, "lost", "closed_at", Some(&people)),
                name: team.name,
            }
        })
        .filter(|team| team.score.won + team.score.lost > 0)
        .collect();
    sort(actor, &mut rows);
    Ok(rows)
}

fn sort(actor: &Actor, agents: &mut [Agent]) {
    agents.sort_by(|a, b| {
        let most = b.score.main(actor).total_cmp(&a.score.main(actor));
        most.then(b.score.won.cmp(&a.score.won)).then_with(|| a.name.cmp(&b.name))
    });
}

fn times(actor: &Actor, asked: &Asked) -> Vec<(String, &'static str, bool)> {
    let units = Unit::ALL.iter().map(|unit| (When::In(Period::now(*unit, actor)), unit.label()));
    let all = units.chain([(When::LastYear, "12 months"), (When::Ever, "All time")]);
    all.map(|(when, label)| {
        let current = match (when, asked.when) {
            (When::In(a), When::In(b)) => a.unit == b.unit,
            (a, b) => a == b,
        };
        (asked.href(when), label, current)
    })
    .collect()
}

fn shifted(asked: &Asked, way: fn(Period) -> Period) -> Option<String> {
    match asked.when {
        When::In(period) => Some(asked.href(When::In(way(period)))),
        _ => None,
    }
}

fn chart(labels: &[&String], links: Option<Vec<&String>>, name: &str, data: &[f64], color: &str, unit: &str) -> String {
    let mut chart = json!({
        "type": "bar", "labels": labels, "unit": unit,
        "series": [{ "name": name, "data": data, "color": color }],
    });
    if let Some(links) = links {
        chart["links"] = Value::from_iter(links.into_iter().cloned());
    }
    chart.to_string().replace('<', "\\u003c")
}

fn agent_chart(agents: &[Agent]) -> String {
    let shown = &agents[..agents.len().min(CHARTED)];
    let rate = |agent: &Agent| agent.score.rate().and_then(|rate| rate.round_dp(1).to_f64()).unwrap_or_default();
    let (labels, links): (Vec<&String>, Vec<&String>) =
        shown.iter().map(|agent| (&agent.name, &agent.won_href)).unzip();
    chart(&labels, Some(links), "Win rate, %", &shown.iter().map(rate).collect::<Vec<_>>(), "teal", "")
}

fn month_chart(actor: &Actor, months: &[Month]) -> String {
    let labels: Vec<&String> = months.iter().map(|month| &month.name).collect();
    let data: Vec<f64> = months.iter().map(|month| month.score.main(actor)).collect();
    chart(&labels, None, "Won", &data, "green", &symbol(actor))
}

fn product_chart(actor: &Actor, products: &[Product]) -> String {
    let shown = &products[..products.len().min(CHARTED)];
    let labels: Vec<&String> = shown.iter().map(|product| &product.name).collect();
    let amount = |p: &Product| p.amounts.get(&actor.org.currency).and_then(Decimal::to_f64).unwrap_or_default();
    chart(&labels, None, "Revenue", &shown.iter().map(amount).collect::<Vec<_>>(), "indigo", &symbol(actor))
}

fn symbol(actor: &Actor) -> String {
    crate::kernel::Money::from_columns(Decimal::ZERO, &actor.org.currency).currency.symbol()
}
