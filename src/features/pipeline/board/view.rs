//! What the board's templates show: cards and column heads, in this person's words and numbers.

use super::{
    cards::{CardRow, Total},
    look::Look,
    next::NextStep,
};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        accounts::members,
        deals::{
            PRIORITIES,
            markers::{self, Marker},
        },
        fields::Catalogue,
        operations::Bar,
        pipeline::{Pipeline, Stage, frame::Frame, lanes::By},
        records::list,
        targets,
    },
    kernel::{Money, RecordType, StageId, text},
    web::{Actor, SelectOption, shell::avatar_url},
};
use chrono::{NaiveDate, Utc};
use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use std::collections::HashMap;
use uuid::Uuid;

/// One deal as a card; `templates/pipeline/_card.html` needs this and nothing else.
pub struct Card {
    pub id: String,
    pub number: String,
    pub version: i32,
    pub name: String,
    pub stage_id: String,
    pub position: String,
    /// The row it stands in, where there are several.
    pub lane: String,
    pub company: Option<String>,
    /// Short, empty when the look has none; `amount_full` is for hover.
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
    /// Key and label.
    pub priority: Option<(&'static str, &'static str)>,
    /// Further fields, each with its label.
    pub more: Vec<(String, String)>,
    /// That it slipped, shrank, or is stale.
    pub markers: Vec<Marker>,
    /// The next step in its owner's words.
    pub step: Option<String>,
}

/// How cards are dressed: the board's look, and the values of the further fields it shows.
pub struct Dress {
    pub look: Look,
    more: HashMap<Uuid, Vec<(String, String)>>,
}

impl Dress {
    pub fn load(tx: &mut OrgTx, actor: &Actor, look: Look, rows: &[CardRow]) -> AppResult<Self> {
        let further = look.further();
        if further.is_empty() || rows.is_empty() {
            return Ok(Self { look, more: HashMap::new() });
        }
        let catalogue = Catalogue::shared(tx, actor, RecordType::Deal)?;
        let keys: Vec<&str> = further.into_iter().filter(|key| catalogue.get(key).is_some()).collect();
        let labels: Vec<String> = keys.iter().filter_map(|k| Some(catalogue.get(k)?.label.clone())).collect();
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let people = members::directory(tx)?;
        let texts = list::texts(tx, actor, &catalogue, &keys, &ids, &people)?;
        let told = texts.into_iter().map(|(id, texts)| {
            let filled = labels.iter().cloned().zip(texts).filter(|(_, text)| !text.is_empty());
            (id, filled.collect())
        });
        let more = told.collect();
        Ok(Self { look, more })
    }
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
    /// Cards it should hold at most.
    pub limit: Option<i16>,
    pub over: bool,
    /// Percent of the total that the weighted total is: the bar under it.
    pub share: i64,
}

pub struct Column {
    pub stage_id: String,
    pub name: String,
    pub head: Head,
    pub cards: Vec<Card>,
    pub next: Option<String>,
    /// Shown as its head alone.
    pub folded: bool,
}

pub struct Summary {
    pub open_count: String,
    pub total: String,
    pub weighted: String,
    /// At which rates other currencies are in it.
    pub note: String,
    /// This month, and how far its target is, where there is one.
    pub aim: Option<(String, targets::Row)>,
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

/// A row of the board.
pub struct LaneView {
    pub key: String,
    pub label: String,
    pub face: Option<(String, String, Option<String>)>,
    pub columns: Vec<Column>,
}

pub struct Board {
    pub frame: Frame,
    pub summary: Summary,
    /// With several rows only their heads are shown.
    pub columns: Vec<Column>,
    pub lanes: Vec<LaneView>,
    /// What the rows are; empty where there is one.
    pub rows: &'static str,
    /// The next page of rows.
    pub more_lanes: Option<String>,
    /// Id, name and colour of every stage, shown or not.
    pub stages: Vec<(String, String, String)>,
    /// Columns left out because nothing stands in them.
    pub left_out: usize,
    /// By hand: cards may be put in order.
    pub manual: bool,
    /// What can be done to several cards at once.
    pub bulk: Option<Bar>,
    pub can_edit: bool,
    pub can_add: bool,
    pub can_import: bool,
    pub lost_reasons: Vec<SelectOption>,
    pub lost_to: Vec<SelectOption>,
    /// A win is celebrated.
    pub celebrates: bool,
    pub move_targets: Vec<MoveTarget>,
}

pub fn card(actor: &Actor, row: CardRow, dress: &Dress) -> Card {
    let today = actor.today();
    let look = &dress.look;
    let (rot, rot_label) = rot(&row);
    let next = NextStep::of(actor, &row).filter(|_| look.shows("next_activity_on"));
    let priority = PRIORITIES.iter().find(|(key, _)| row.priority.as_deref() == Some(*key));
    let position = look.order().place(&row);
    let none = || "none".to_owned();
    let lane = match look.lanes() {
        None | Some(By::Stage) => String::new(),
        Some(By::Owner) => row.owner_id.map_or_else(none, |id| id.to_string()),
        Some(By::Company) => row.company_id.map_or_else(none, |id| id.to_string()),
        Some(By::Priority) => row.priority.clone().unwrap_or_else(none),
    };
    let more = dress.more.get(&row.id).cloned().unwrap_or_default();
    let money = row.amount.map(|amount| Money::from_columns(amount, &row.currency));
    let stale = markers::stale(actor, row.next_step.as_deref(), row.next_step_on, row.next_step_set_at);
    let stale = stale.map(|why| Marker {
        icon: "hourglass",
        label: "Next step".to_owned(),
        title: format!("Next step: {}", why.to_lowercase()),
    });
    let slipped = markers::slipped(row.slips, row.slipped_days);
    Card {
        markers: [slipped, markers::shrunk(row.shrunk_percent, row.amount), stale].into_iter().flatten().collect(),
        step: row.next_step,
        id: row.id.to_string(),
        number: format!("D-{}", row.number),
        version: row.version,
        name: row.name,
        stage_id: row.stage_id.to_string(),
        position,
        lane,
        company: row.company.filter(|_| look.shows("company_id")),
        amount: match look.shows("amount") {
            true => money.map_or_else(|| "No amount".into(), |m| actor.locale.short(m)),
            false => String::new(),
        },
        amount_full: money.map_or_else(|| "No amount yet".into(), |m| actor.locale.money(m)),
        close: row.expected_close_on.filter(|_| look.shows("expected_close_on")).map(|day| close(actor, day, today)),
        priority: priority.copied().filter(|(key, _)| look.shows("priority") || matches!(*key, "high" | "urgent")),
        more,
        owner: face(
            row.owner_id.filter(|_| look.shows("owner_id")).map(|id| id.to_string()),
            row.owner,
            row.avatar_tag,
        ),
        rot,
        rot_label,
        next,
        tags: row
            .tags
            .iter()
            .filter(|_| look.shows("tags"))
            .filter_map(|t| t.split_once(':'))
            .map(|(c, n)| (c.to_owned(), n.to_owned()))
            .collect(),
    }
}

pub fn close(actor: &Actor, day: NaiveDate, today: NaiveDate) -> Close {
    Close { label: actor.locale.day(day, today), iso: day.to_string(), overdue: day < today }
}

pub fn face(id: Option<String>, name: Option<String>, tag: Option<String>) -> Option<Face> {
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
        limit: stage.card_limit,
        over: stage.card_limit.is_some_and(|limit| count > i64::from(limit)),
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
        aim: None,
    }
}

/// Sums per currency, short, the organisation's own first, then by code: `€1.20M + $300.0k`. Never added across currencies.
pub fn sum_text<'a>(actor: &Actor, amounts: impl Iterator<Item = (&'a str, Decimal)>) -> String {
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
        return actor.locale.short(Money::from_columns(Decimal::ZERO, &actor.org.currency));
    }
    let mut words: Vec<String> =
        sums.iter().take(SHOWN).map(|(c, sum)| actor.locale.short(Money::from_columns(*sum, c))).collect();
    if sums.len() > SHOWN {
        words.push(format!("{} more", sums.len() - SHOWN));
    }
    words.join(" + ")
}

/// A page of cards of a column and the address of the next one, from one row more than a page.
pub fn page(
    actor: &Actor,
    path: &str,
    query: &str,
    (mut rows, most): (Vec<CardRow>, usize),
    dress: &Dress,
) -> (Vec<Card>, Option<String>) {
    let more = rows.len() > most;
    rows.truncate(most);
    let next = rows.last().filter(|_| more).map(|last| {
        let mut after = url::form_urlencoded::Serializer::new(String::new());
        after.append_pair("after", &dress.look.order().cursor(last));
        let tail = if query.is_empty() { String::new() } else { format!("&{query}") };
        format!("{path}?{}{tail}", after.finish())
    });
    (rows.into_iter().map(|row| card(actor, row, dress)).collect(), next)
}

pub fn columns(
    actor: &Actor,
    stages: &[Stage],
    rows: Vec<CardRow>,
    totals: &HashMap<StageId, Vec<Total>>,
    (query, most, dress): (&str, usize, &Dress),
) -> Vec<Column> {
    let mut by_stage: HashMap<String, Vec<CardRow>> = HashMap::new();
    for row in rows {
        by_stage.entry(row.stage_id.to_string()).or_default().push(row);
    }
    let column = |stage: &Stage| {
        let stage_id = stage.id.to_string();
        let path = format!("/pipeline/{}/stages/{stage_id}/cards", stage.pipeline_id);
        let (cards, next) = page(actor, &path, query, (by_stage.remove(&stage_id).unwrap_or_default(), most), dress);
        let head = head(actor, stage, totals.get(&stage.id).map_or(&[], Vec::as_slice));
        let folded = dress.look.folded.contains(&stage.id);
        Column { stage_id, name: stage.name.clone(), head, cards, next, folded }
    };
    stages.iter().map(column).collect()
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
