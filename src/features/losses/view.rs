//! The figures in words: rows with their share, their change, and the list of their deals.

use super::queries::{Count, Group};
use crate::{
    features::{
        accounts::members::Person,
        competitors::Competitor,
        home::Amounts,
        pipeline::{Pipeline, Stage},
        records::filter::{Filter, Op},
    },
    kernel::{PipelineId, calendar::Span},
    web::Actor,
};
use chrono::NaiveDate;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// Deals that have something in common.
pub struct Row {
    pub label: String,
    pub href: String,
    pub deals: i64,
    /// Percent of all that were lost.
    pub share: i64,
    pub amount: String,
    /// "+3", "−2", "±0" against the span before; empty where that is not told.
    pub change: String,
    /// More than before.
    pub worse: bool,
}

/// The same deals told by one thing.
pub struct Table {
    pub id: &'static str,
    pub title: &'static str,
    pub head: &'static str,
    pub rows: Vec<Row>,
    /// Has a column of changes.
    pub compared: bool,
}

pub struct Report {
    pub deals: i64,
    pub amount: String,
    /// "Of 40 deals that were decided, 45 % were lost."
    pub rate: Option<i64>,
    pub decided: i64,
    /// Lost in the time before, and the change; `None`: there is no time before.
    pub before: Option<(i64, String)>,
    pub worse: bool,
    pub href: String,
    pub tables: Vec<Table>,
    pub chart: String,
}

/// What the words are made of.
pub struct Names<'a> {
    pub people: &'a [Person],
    pub stages: &'a [Stage],
    pub pipelines: &'a [Pipeline],
    pub rivals: &'a [Competitor],
}

/// Where the deals behind a figure are listed.
pub struct Drill {
    /// `None`: all time.
    pub span: Option<Span>,
    pub owners: Option<Vec<Uuid>>,
    pub pipeline: Option<PipelineId>,
}

impl Drill {
    fn href(&self, more: Option<Filter>) -> String {
        self.within(self.span, more)
    }

    fn within(&self, span: Option<Span>, more: Option<Filter>) -> String {
        let between = |span: Span| {
            let last = span.to.pred_opt().unwrap_or(span.to);
            Filter::rule("closed_at", Op::Between, &[&span.from.to_string(), &last.to_string()])
        };
        let mut rules: Vec<Filter> = span.map(between).into_iter().collect();
        if let Some(owners) = &self.owners {
            let ids = owners.iter().map(Uuid::to_string).collect();
            rules.push(Filter::Rule { key: "owner_id".into(), op: Op::AnyOf, values: ids });
        }
        rules.extend(more);
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("status", "lost");
        if let Some(pipeline) = self.pipeline {
            query.append_pair("pipeline", &pipeline.to_string());
        }
        let filter = Filter::All(rules).json();
        if !filter.is_empty() {
            query.append_pair("filter", &filter);
        }
        format!("/deals?{}", query.finish())
    }
}

/// A figure before it is words.
#[derive(Default)]
struct Sum {
    deals: i64,
    amounts: Amounts,
}

/// `before`: the same of the time before, to compare with.
pub fn report(
    actor: &Actor,
    groups: Vec<Group>,
    before: Option<&[Count]>,
    won: i64,
    drill: &Drill,
    names: &Names,
) -> Report {
    let mut sums: HashMap<(String, String), Sum> = HashMap::new();
    for group in groups {
        let key = match group.by.as_str() {
            "reason" => group.reason.unwrap_or_default(),
            "rival" => id(group.rival),
            "stage" => id(group.stage),
            "owner" => id(group.owner),
            "month" => group.month.map(|m| m.to_string()).unwrap_or_default(),
            _ => String::new(),
        };
        let sum = sums.entry((group.by, key)).or_default();
        sum.deals += group.deals;
        sum.amounts.add(&group.currency, group.amount);
    }
    let all = sums.remove(&("all".to_owned(), String::new())).unwrap_or_default();
    let total = all.deals;
    let mut of = |by: &str| -> Vec<(String, Sum)> {
        let keys: Vec<_> = sums.keys().filter(|(b, _)| b == by).cloned().collect();
        let mut rows: Vec<_> = keys.into_iter().filter_map(|key| Some((key.1.clone(), sums.remove(&key)?))).collect();
        rows.sort_by(|a, b| b.1.deals.cmp(&a.1.deals).then_with(|| a.0.cmp(&b.0)));
        rows
    };
    let row = |label: String, href: String, sum: &Sum| Row {
        label,
        href,
        deals: sum.deals,
        share: percent(sum.deals, total),
        amount: sum.amounts.short(actor),
        change: String::new(),
        worse: false,
    };
    let one = |key: &str, value: &str| {
        let rule =
            if value.is_empty() { Filter::rule(key, Op::Empty, &[]) } else { Filter::rule(key, Op::Is, &[value]) };
        drill.href(Some(rule))
    };
    let counted: BTreeMap<&str, i64> =
        before.into_iter().flatten().map(|c| (c.reason.as_deref().unwrap_or_default(), c.deals)).collect();
    let mut reasons: Vec<Row> = vec![];
    let lost = of("reason");
    // What nothing was lost for any more is told too: the changes come to that of the whole.
    let no_more = counted.keys().filter(|key| lost.iter().all(|(known, _)| known != *key));
    let no_more: Vec<(String, Sum)> = no_more.map(|key| ((*key).to_owned(), Sum::default())).collect();
    for (key, sum) in lost.into_iter().chain(no_more) {
        let label = if key.is_empty() { "No reason given".to_owned() } else { key.clone() };
        let was = counted.get(key.as_str()).copied().unwrap_or_default();
        reasons.push(Row {
            change: signed(actor, sum.deals - was),
            worse: sum.deals > was,
            ..row(label, one("lost_reason", &key), &sum)
        });
    }
    let rivals = of("rival").into_iter().map(|(key, sum)| {
        let name = names.rivals.iter().find(|c| c.id.to_string() == key).map(|c| c.name.clone());
        // Without any competitor there is no such field to filter by.
        let href = if names.rivals.is_empty() { drill.href(None) } else { one("lost_to", &key) };
        row(name.unwrap_or_else(|| "Nobody named".to_owned()), href, &sum)
    });
    let rivals: Vec<Row> = rivals.collect();
    let mut stages: Vec<(usize, Row)> = of("stage")
        .into_iter()
        .map(|(key, sum)| {
            let at = names.stages.iter().position(|s| s.id.to_string() == key);
            let label =
                at.map_or_else(|| "A stage that is gone".to_owned(), |at| stage_label(&names.stages[at], names));
            (at.unwrap_or(usize::MAX), row(label, one("stage_id", &key), &sum))
        })
        .collect();
    stages.sort_by_key(|(at, _)| *at);
    let owners: Vec<Row> = of("owner")
        .into_iter()
        .map(|(key, sum)| {
            let name = names.people.iter().find(|p| p.id.to_string() == key).map(|p| p.name.clone());
            row(name.unwrap_or_else(|| "No owner".to_owned()), one("owner_id", &key), &sum)
        })
        .collect();
    let mut months = of("month");
    months.sort_by(|a, b| a.0.cmp(&b.0));
    let chart = chart(actor, &months);
    let months: Vec<Row> = months
        .into_iter()
        .filter_map(|(key, sum)| {
            let first: NaiveDate = key.parse().ok()?;
            let month = crate::kernel::calendar::month(first);
            let part = |span: Span| Span { from: month.from.max(span.from), to: month.to.min(span.to) };
            Some(row(actor.locale.month(first), drill.within(Some(drill.span.map_or(month, part)), None), &sum))
        })
        .collect();
    let earlier = before.map(|counts| counts.iter().map(|c| c.deals).sum::<i64>());
    let compared = earlier.is_some();
    let table = |id, title, head, rows| Table { id, title, head, rows, compared: compared && id == "reasons" };
    Report {
        deals: total,
        amount: all.amounts.full(actor),
        rate: (total + won > 0).then(|| percent(total, total + won)),
        decided: total + won,
        before: earlier.map(|earlier| (earlier, signed(actor, total - earlier))),
        worse: earlier.is_some_and(|earlier| total > earlier),
        href: drill.href(None),
        chart,
        tables: vec![
            table("reasons", "By reason", "Reason", reasons),
            table("competitors", "By competitor", "Lost to", rivals),
            table(
                "stages",
                "By the stage they were lost from",
                "Stage",
                stages.into_iter().map(|(_, row)| row).collect(),
            ),
            table("owners", "By owner", "Owner", owners),
            table("months", "By month", "Month", months),
        ],
    }
}

fn stage_label(stage: &Stage, names: &Names) -> String {
    if names.pipelines.len() < 2 {
        return stage.name.clone();
    }
    let pipeline = names.pipelines.iter().find(|p| p.id == stage.pipeline_id).map_or("", |p| &p.name);
    format!("{pipeline} / {}", stage.name)
}

fn id(id: Option<Uuid>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

fn percent(part: i64, whole: i64) -> i64 {
    if whole == 0 { 0 } else { (200 * part + whole) / (2 * whole) }
}

fn signed(actor: &Actor, n: i64) -> String {
    match n {
        0 => "±0".to_owned(),
        n if n > 0 => format!("+{}", actor.locale.integer(n)),
        n => actor.locale.integer(n),
    }
}

/// Lost deals by month.
fn chart(actor: &Actor, months: &[(String, Sum)]) -> String {
    if months.len() < 2 {
        return String::new();
    }
    let labels: Vec<String> =
        months.iter().filter_map(|(key, _)| Some(actor.locale.month(key.parse().ok()?))).collect();
    let data: Vec<i64> = months.iter().map(|(_, sum)| sum.deals).collect();
    json!({ "type": "bar", "labels": labels, "series": [{ "name": "Lost deals", "data": data, "color": "orange" }] })
        .to_string()
        .replace('<', "\\u003c")
}
