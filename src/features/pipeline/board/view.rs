//! What the board's templates show: cards, column heads, filters, in this person's words and numbers.

use super::{
    cards::{CardRow, PAGE, Total},
    filters::{CLOSE, Filters, Owner},
    next::NextStep,
};
use crate::{
    features::{
        accounts::members::Person,
        deals::markers::{self, Marker},
        pipeline::{Pipeline, Stage},
        tags::Tag,
    },
    kernel::{Money, StageId, text},
    web::{Actor, SelectOption, shell::avatar_url},
};
use chrono::{NaiveDate, Utc};
use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use std::collections::HashMap;

/// One deal as a card; `templates/pipeline/_card.html` needs this and nothing else.
pub struct Card {
    pub id: String,
    pub number: String,
    pub version: i32,
    pub name: String,
    pub stage_id: String,
    pub position: String,
    pub company: Option<String>,
    /// Short; `amount_full` is for hover.
    pub amount: String,
    pub amount_full: String,
    pub close: Option<Close>,
    pub owner: Option<Face>,
    /// 0: within the stage's limit; 1 to 3: past it, the warmer the longer.
    pub rot: u8,
    pub rot_label: Option<String>,
    /// Colour and name.
    pub tags: Vec<(String, String)>,
    /// What is next; `None` to those who see no activities.
    pub next: Option<NextStep>,
    /// That it slipped, shrank, or is stale.
    pub markers: Vec<Marker>,
    /// The next step in its owner's words.
    pub step: Option<String>,
}

pub struct Close {
    pub label: String,
    pub iso: String,
    pub overdue: bool,
}

pub struct Face {
    pub name: String,
    pub initials: String,
    pub class: String,
    pub avatar_url: Option<String>,
}

/// The inside of a column's head.
pub struct Head {
    pub stage_id: String,
    pub name: String,
    pub color: String,
    pub count: String,
    pub total: String,
    pub weighted: String,
    pub probability: i16,
    /// Percent of the total that the weighted total is: the bar under it.
    pub share: i64,
}

pub struct Column {
    pub stage_id: String,
    pub name: String,
    pub color: String,
    pub head: Head,
    pub cards: Vec<Card>,
    pub next: Option<String>,
}

pub struct Summary {
    pub open_count: String,
    pub total: String,
    pub weighted: String,
    /// At which rates other currencies are in it.
    pub note: String,
}

pub struct Chip {
    pub icon: &'static str,
    pub label: String,
    pub remove_href: String,
}

/// The filter form and the chips of what is chosen.
pub struct FilterView {
    pub chips: Vec<Chip>,
    pub q: String,
    pub owner_options: Vec<SelectOption>,
    pub team_options: Vec<SelectOption>,
    pub close: Vec<SelectOption>,
    pub amount_min: String,
    pub amount_max: String,
    pub tag_options: Vec<SelectOption>,
}

pub struct PipelineLink {
    pub id: String,
    pub name: String,
    pub current: bool,
}

/// A pipeline's stages, to move a deal to.
pub struct MoveTarget {
    pub pipeline: String,
    pub stages: Vec<StageLink>,
}

pub struct StageLink {
    pub id: String,
    pub name: String,
}

pub struct Board {
    pub pipeline: PipelineLink,
    pub pipelines: Vec<PipelineLink>,
    pub summary: Summary,
    pub filters: FilterView,
    pub columns: Vec<Column>,
    pub can_edit: bool,
    pub can_add: bool,
    pub lost_reasons: Vec<SelectOption>,
    pub move_targets: Vec<MoveTarget>,
}

pub fn card(actor: &Actor, row: CardRow) -> Card {
    let today = actor.today();
    let (rot, rot_label) = rot(&row);
    let next = NextStep::of(actor, &row);
    let money = row.amount.map(|amount| Money::from_columns(amount, &row.currency));
    let stale = markers::stale(actor, row.next_step.as_deref(), row.next_step_on, row.next_step_set_at);
    let stale = stale.map(|why| Marker {
        icon: "hourglass",
        label: "Next step".to_owned(),
        title: format!("Next step: {}", why.to_lowercase()),
    });
    let slipped = markers::slipped(row.slips, row.slipped_days);
    Card {
        markers: [slipped, markers::shrunk(row.shrunk_percent), stale].into_iter().flatten().collect(),
        step: row.next_step,
        id: row.id.to_string(),
        number: format!("D-{}", row.number),
        version: row.version,
        name: row.name,
        stage_id: row.stage_id.to_string(),
        position: row.position,
        company: row.company,
        amount: money.map_or_else(|| "No amount".into(), |m| m.short()),
        amount_full: money.map_or_else(|| "No amount yet".into(), |m| actor.locale.money(m)),
        close: row.expected_close_on.map(|day| close(actor, day, today)),
        owner: face(row.owner_id.map(|id| id.to_string()), row.owner, row.avatar_tag),
        rot,
        rot_label,
        next,
        tags: row.tags.iter().filter_map(|t| t.split_once(':')).map(|(c, n)| (c.to_owned(), n.to_owned())).collect(),
    }
}

fn close(actor: &Actor, day: NaiveDate, today: NaiveDate) -> Close {
    Close { label: actor.locale.day(day, today), iso: day.to_string(), overdue: day < today }
}

fn face(id: Option<String>, name: Option<String>, tag: Option<String>) -> Option<Face> {
    let (id, name) = (id?, name?);
    Some(Face {
        initials: text::initials(&name),
        class: text::avatar_class(&id),
        avatar_url: avatar_url(&id, tag.as_deref()),
        name,
    })
}

/// Past the stage's limit a card warms: at the limit, at one and a half times, at twice.
fn rot(row: &CardRow) -> (u8, Option<String>) {
    let Some(limit) = row.rotting_days.map(i64::from) else { return (0, None) };
    let days = (Utc::now() - row.stage_entered_at).num_days();
    let rot = match days {
        d if d >= 2 * limit => 3,
        d if 2 * d >= 3 * limit => 2,
        d if d >= limit => 1,
        _ => return (0, None),
    };
    let unit = if days == 1 { "day" } else { "days" };
    (rot, Some(format!("{days} {unit} in stage")))
}

pub fn head(actor: &Actor, stage: &Stage, totals: &[Total]) -> Head {
    let count: i64 = totals.iter().map(|t| t.deals).sum();
    Head {
        stage_id: stage.id.to_string(),
        name: stage.name.clone(),
        color: stage.color.clone(),
        count: actor.locale.integer(count),
        total: sum_text(actor, totals.iter().map(|t| (t.currency.as_str(), t.amount))),
        weighted: sum_text(actor, totals.iter().map(|t| (t.currency.as_str(), t.weighted))),
        probability: stage.probability,
        share: share(stage, totals),
    }
}

/// One currency: its weighted share. Several do not add up, and nothing has no share: then the stage's own chance.
fn share(stage: &Stage, totals: &[Total]) -> i64 {
    let of_one = match totals {
        [one] if one.amount > Decimal::ZERO => (one.weighted * Decimal::from(100) / one.amount)
            .round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero)
            .to_i64(),
        _ => None,
    };
    of_one.unwrap_or(stage.probability.into()).clamp(0, 100)
}

pub fn summary(actor: &Actor, totals: &HashMap<StageId, Vec<Total>>, note: Option<String>) -> Summary {
    let all = || totals.values().flatten();
    let count: i64 = all().map(|t| t.deals).sum();
    Summary {
        open_count: actor.locale.integer(count),
        total: sum_text(actor, all().map(|t| (t.currency.as_str(), t.amount))),
        weighted: sum_text(actor, all().map(|t| (t.currency.as_str(), t.weighted))),
        note: note.unwrap_or_default(),
    }
}

/// Sums per currency, short, the organisation's own first, then by code: `€1.20M + $300.0k`. Never added across currencies.
fn sum_text<'a>(actor: &Actor, amounts: impl Iterator<Item = (&'a str, Decimal)>) -> String {
    const SHOWN: usize = 3;
    let mut sums: Vec<(&str, Decimal)> = vec![];
    for (currency, amount) in amounts {
        match sums.iter_mut().find(|(c, _)| *c == currency) {
            Some((_, sum)) => *sum += amount,
            None => sums.push((currency, amount)),
        }
    }
    sums.sort_by_key(|(currency, _)| (*currency != actor.org.currency, currency.to_string()));
    if sums.len() > 1 {
        sums.retain(|(_, sum)| !sum.is_zero());
    }
    if sums.is_empty() {
        return Money::from_columns(Decimal::ZERO, &actor.org.currency).short();
    }
    let mut words: Vec<String> = sums.iter().take(SHOWN).map(|(c, sum)| Money::from_columns(*sum, c).short()).collect();
    if sums.len() > SHOWN {
        words.push(format!("{} more", sums.len() - SHOWN));
    }
    words.join(" + ")
}

/// A page of cards of a column and the address of the next one, from one row more than a page.
pub fn page(actor: &Actor, path: &str, query: &str, mut rows: Vec<CardRow>) -> (Vec<Card>, Option<String>) {
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().filter(|_| more).map(|last| {
        let tail = if query.is_empty() { String::new() } else { format!("&{query}") };
        format!("{path}?after={}{tail}", last.position)
    });
    (rows.into_iter().map(|row| card(actor, row)).collect(), next)
}

pub fn columns(
    actor: &Actor,
    stages: &[Stage],
    rows: Vec<CardRow>,
    totals: &HashMap<StageId, Vec<Total>>,
    filters: &Filters,
) -> Vec<Column> {
    let mut by_stage: HashMap<String, Vec<CardRow>> = HashMap::new();
    for row in rows {
        by_stage.entry(row.stage_id.to_string()).or_default().push(row);
    }
    let query = filters.query_without("");
    let column = |stage: &Stage| {
        let stage_id = stage.id.to_string();
        let path = format!("/pipeline/{}/stages/{stage_id}/cards", stage.pipeline_id);
        let (cards, next) = page(actor, &path, &query, by_stage.remove(&stage_id).unwrap_or_default());
        let head = head(actor, stage, totals.get(&stage.id).map_or(&[], Vec::as_slice));
        Column { stage_id, name: stage.name.clone(), color: stage.color.clone(), head, cards, next }
    };
    stages.iter().map(column).collect()
}

/// The filters' form and chips. `people` and `teams` are those the person may choose from.
pub fn filters(
    actor: &Actor,
    path: &str,
    filters: &Filters,
    people: &[Person],
    teams: &[(String, String)],
    tags: &[Tag],
) -> FilterView {
    let chosen: HashMap<&str, String> = filters.pairs().into_iter().collect();
    let value = |key: &str| chosen.get(key).cloned().unwrap_or_default();
    let owner = value("owner");
    let mut owners = vec![
        SelectOption::new("", "Anyone", owner.is_empty()),
        SelectOption::new("me", "Me", owner == "me"),
        SelectOption::new("unassigned", "Nobody yet", owner == "unassigned"),
    ];
    let visible = |p: &&Person| actor.sees(Some(p.id.0)) && (p.active || owner == p.id.to_string());
    owners.extend(people.iter().filter(visible).map(|p| {
        let id = p.id.to_string();
        SelectOption::new(id.clone(), p.name.clone(), id == owner)
    }));
    let team = value("team");
    let mut team_options = vec![SelectOption::new("", "Any team", team.is_empty())];
    team_options.extend(teams.iter().map(|(id, name)| SelectOption::new(id, name, *id == team)));
    let mut close = vec![SelectOption::new("", "Any time", filters.close.is_none())];
    close.extend(CLOSE.iter().map(|(key, label)| SelectOption::new(*key, *label, filters.close == Some(*key))));
    FilterView {
        chips: chips(path, filters, people, teams, tags),
        q: value("q"),
        owner_options: owners,
        team_options,
        close,
        amount_min: value("amount_min"),
        amount_max: value("amount_max"),
        tag_options: tag_options(tags, &value("tag")),
    }
}

fn tag_options(tags: &[Tag], chosen: &str) -> Vec<SelectOption> {
    let mut options = vec![SelectOption::new("", "Any tag", chosen.is_empty())];
    options.extend(tags.iter().map(|tag| {
        let id = tag.id.to_string();
        SelectOption::new(id.clone(), tag.name.clone(), id == chosen)
    }));
    options
}

fn chips(path: &str, filters: &Filters, people: &[Person], teams: &[(String, String)], tags: &[Tag]) -> Vec<Chip> {
    let label = |key: &str, value: &str| match (key, filters.owner) {
        ("owner", Some(Owner::Me)) => ("user", "Mine".to_owned()),
        ("owner", Some(Owner::Unassigned)) => ("user", "Without an owner".to_owned()),
        ("owner", Some(Owner::Member(id))) => {
            ("user", people.iter().find(|p| p.id == id).map_or_else(|| "Someone".into(), |p| p.name.clone()))
        }
        ("team", _) => {
            let name = teams.iter().find(|(id, _)| id == value).map_or("a team", |(_, name)| name);
            ("users", format!("Everyone in {name}"))
        }
        ("tag", _) => {
            let name = tags.iter().find(|tag| tag.id.to_string() == value).map_or("a tag", |tag| tag.name.as_str());
            ("tag", name.to_owned())
        }
        ("close", _) => ("calendar", close_label(value)),
        ("amount_min", _) => ("currency-euro", format!("From {value}")),
        ("amount_max", _) => ("currency-euro", format!("Up to {value}")),
        _ => ("search", format!("“{value}”")),
    };
    filters
        .pairs()
        .iter()
        .map(|(key, value)| {
            let (icon, label) = label(key, value);
            let rest = filters.query_without(key);
            let rest = if rest.is_empty() { "reset=1".to_owned() } else { rest };
            Chip { icon, label, remove_href: format!("{path}?{rest}") }
        })
        .collect()
}

fn close_label(key: &str) -> String {
    match key {
        "overdue" => "Close overdue".into(),
        "none" => "Without a close date".into(),
        _ => {
            let label = CLOSE.iter().find(|(k, _)| *k == key).map_or("", |(_, label)| label);
            format!("Closes {}", label.to_lowercase())
        }
    }
}

pub fn links(pipelines: &[Pipeline], current: &Pipeline) -> Vec<PipelineLink> {
    let link = |p: &Pipeline| PipelineLink { id: p.id.to_string(), name: p.name.clone(), current: p.id == current.id };
    pipelines.iter().map(link).collect()
}

/// Stages of the other pipelines.
pub fn move_targets(pipelines: &[Pipeline], stages: &[Stage], current: &Pipeline) -> Vec<MoveTarget> {
    let stages_of = |p: &Pipeline| -> Vec<StageLink> {
        let of = stages.iter().filter(|s| s.pipeline_id == p.id);
        of.map(|s| StageLink { id: s.id.to_string(), name: s.name.clone() }).collect()
    };
    pipelines
        .iter()
        .filter(|p| p.id != current.id)
        .map(|p| MoveTarget { pipeline: p.name.clone(), stages: stages_of(p) })
        .filter(|target| !target.stages.is_empty())
        .collect()
}
