//! The deal list's own filters: pipeline, stage, expected close, when a deal was closed, and when its next activity is. The board and the
//! home page link to them, so each figure there is one click from its deals; whatever narrows a board narrows the list, too.

use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        pipeline::{self, Stage, board},
        records::list::{Condition, Extra, damaged, keys::money_key},
        tags,
    },
    kernel::{PipelineId, RecordType, StageId, TagId, TeamId, calendar, calendar::Span, money, numbers::DecimalMark},
    web::{Actor, Form, SelectOption},
};
use chrono::{Days, Months, NaiveDate};

/// Keys and labels of the choices of the day of closing.
const CLOSED: &[(&str, &str)] =
    &[("this_month", "This month"), ("last_month", "Last month"), ("this_quarter", "This quarter")];

/// Keys and labels of when the next activity is.
const NEXT: &[(&str, &str)] =
    &[("none", "None planned"), ("overdue", "Overdue"), ("today", "Today"), ("later", "Later")];

/// What the address asks for. A pipeline that is not there, or a stage of another pipeline, is refused.
pub fn extras(tx: &mut OrgTx, actor: &Actor, query: &Form) -> AppResult<Vec<Extra>> {
    let stages = pipeline::stages(tx)?;
    let chosen = chosen_stage(&stages, query)?;
    let pipeline = in_pipeline(tx, chosen, query)?;
    let current =
        pipeline.condition.as_ref().and(pipeline.options.iter().find(|o| o.selected)).map(|o| o.value.clone());
    Ok(vec![
        pipeline,
        in_stage(&stages, chosen, current.as_deref()),
        furthest(tx, &stages, query.get("furthest"))?,
        expected(actor, query.get("close"))?,
        closed(actor, query.get("closed"))?,
        next_activity(actor, query.get("next"))?,
        of_team(tx, query.get("team"))?,
        with_tag(tx, query.get("tag"))?,
        amount("amount_min", "Amount from", query, |key| Condition::AtLeast(AMOUNT, key))?,
        amount("amount_max", "Amount up to", query, |key| Condition::AtMost(AMOUNT, key))?,
    ])
}

/// Like the tag below: in the builder one asks by owner.
fn of_team(tx: &mut OrgTx, chosen: &str) -> AppResult<Extra> {
    let mut extra = Extra { name: "team", label: "Team", icon: "users", options: vec![], condition: None };
    if !chosen.is_empty() {
        let id: TeamId = chosen.parse().map_err(|_| damaged())?;
        let people = board::people_of(tx, id).map_err(|_| damaged())?;
        let name = board::team_names(tx)?.into_iter().find(|(team, _)| team == chosen).map(|(_, name)| name);
        extra.options.push(SelectOption::new(chosen, name.unwrap_or_default(), true));
        extra.condition = Some(Condition::Among("owner_id", people));
    }
    Ok(extra)
}

fn with_tag(tx: &mut OrgTx, chosen: &str) -> AppResult<Extra> {
    let id: Option<TagId> = if chosen.is_empty() { None } else { Some(chosen.parse().map_err(|_| damaged())?) };
    let meant = id.map(|id| tags::meant(tx, id)).transpose().map_err(|_| damaged())?;
    let mut options: Vec<SelectOption> = Vec::new();
    // Tags are filtered by in the builder; this one came along from a board.
    if let Some(id) = meant {
        let name = tags::all(tx)?.into_iter().find(|tag| tag.id == id).map_or_else(|| "a tag".to_owned(), |t| t.name);
        options.push(SelectOption::new(chosen, name, true));
    }
    let condition = meant.map(|id| Condition::Tagged(RecordType::Deal, id.0));
    Ok(Extra { name: "tag", label: "Tag", icon: "tag", options, condition })
}

const AMOUNT: &str = "amount_key";

/// As a board's filter says it; not offered, since the builder has more to say of amounts.
fn amount(
    name: &'static str,
    label: &'static str,
    query: &Form,
    condition: impl FnOnce(i64) -> Condition,
) -> AppResult<Extra> {
    let said = query.get(name);
    let mut extra = Extra { name, label, icon: "currency-euro", options: vec![], condition: None };
    if !said.is_empty() {
        let amount = money::parse_amount(said, DecimalMark::Point).map_err(|_| damaged())?;
        extra.options.push(SelectOption::new(money::typed(amount), amount.to_string(), true));
        extra.condition = Some(condition(money_key(amount).map_err(|_| damaged())?));
    }
    Ok(extra)
}

fn chosen_stage<'a>(stages: &'a [Stage], query: &Form) -> AppResult<Option<&'a Stage>> {
    if query.get("stage").is_empty() {
        return Ok(None);
    }
    let id: StageId = query.get("stage").parse().map_err(|_| damaged())?;
    let stage = stages.iter().find(|s| s.id == id).ok_or_else(damaged)?;
    // Another pipeline chosen from the menu leaves the stage of the one before behind.
    let other = !query.get("pipeline").is_empty() && query.get("pipeline") != stage.pipeline_id.to_string();
    Ok((!other).then_some(stage))
}

fn in_pipeline(tx: &mut OrgTx, stage: Option<&Stage>, query: &Form) -> AppResult<Extra> {
    let id: Option<PipelineId> = match query.get("pipeline") {
        "" => stage.map(|s| s.pipeline_id),
        id => Some(id.parse().map_err(|_| damaged())?),
    };
    let all = pipeline::pipelines(tx)?;
    if id.is_some_and(|id| all.iter().all(|p| p.id != id)) {
        return Err(damaged());
    }
    let options = all.iter().map(|p| SelectOption::new(p.id.to_string(), &p.name, Some(p.id) == id)).collect();
    let condition = id.map(|id| Condition::Is("pipeline_id", id.0));
    Ok(Extra { name: "pipeline", label: "Pipeline", icon: "layout-kanban", options, condition })
}

/// Offered once the pipeline is known.
fn in_stage(stages: &[Stage], chosen: Option<&Stage>, pipeline: Option<&str>) -> Extra {
    let of = stages.iter().filter(|s| Some(s.pipeline_id.to_string().as_str()) == pipeline);
    let options =
        of.map(|s| SelectOption::new(s.id.to_string(), &s.name, chosen.is_some_and(|c| c.id == s.id))).collect();
    let condition = chosen.map(|stage| Condition::Is("stage_id", stage.id.0));
    Extra { name: "stage", label: "Stage", icon: "flag", options, condition }
}

/// How far it has come, as the sales figures count it; they link here.
fn furthest(tx: &mut OrgTx, stages: &[Stage], chosen: &str) -> AppResult<Extra> {
    let mut extra =
        Extra { name: "furthest", label: "Furthest so far", icon: "flag", options: vec![], condition: None };
    if !chosen.is_empty() {
        let id: StageId = chosen.parse().map_err(|_| damaged())?;
        let stage = stages.iter().find(|stage| stage.id == id).ok_or_else(damaged)?;
        extra.options.push(SelectOption::new(chosen, &stage.name, true));
        extra.condition = Some(Condition::Furthest(pipeline::counting_as(tx, stage)?));
    }
    Ok(extra)
}

fn expected(actor: &Actor, key: &str) -> AppResult<Extra> {
    use board::Closing;
    const COLUMN: &str = "expected_close_on";
    let options = options(board::CLOSE, key)?;
    let condition = match board::closing(Some(key), actor.today(), actor.org.fiscal_year_start) {
        Closing::Any => None,
        Closing::Before(day) => Some(Condition::Before(COLUMN, day)),
        Closing::Within(span) => Some(Condition::Days(COLUMN, span)),
        Closing::Undated => Some(Condition::Empty(COLUMN)),
    };
    Ok(Extra { name: "close", label: "Expected close", icon: "calendar", options, condition })
}

fn closed(actor: &Actor, key: &str) -> AppResult<Extra> {
    let options = options(CLOSED, key)?;
    let condition = closed_within(key, actor.today(), actor.org.fiscal_year_start).map(|span| {
        let (from, to) = calendar::instants(span, actor.zone);
        Condition::Instants("closed_at", from, to)
    });
    Ok(Extra { name: "closed", label: "Closed", icon: "calendar", options, condition })
}

fn next_activity(actor: &Actor, key: &str) -> AppResult<Extra> {
    const COLUMN: &str = "next_activity_at";
    let options = options(NEXT, key)?;
    let days = |from: NaiveDate, to: NaiveDate| {
        let (from, to) = calendar::instants(Span { from, to }, actor.zone);
        Some(Condition::Instants(COLUMN, from, to))
    };
    let today = actor.today();
    let (past, tomorrow, future) = (today - Months::new(1_200), today + Days::new(1), today + Months::new(12_000));
    let condition = match key {
        "none" => Some(Condition::Empty(COLUMN)),
        "overdue" => days(past, today),
        "today" => days(today, tomorrow),
        "later" => days(tomorrow, future),
        _ => None,
    };
    Ok(Extra { name: "next", label: "Next activity", icon: "calendar-event", options, condition })
}

fn closed_within(key: &str, today: NaiveDate, fiscal_start: u32) -> Option<Span> {
    let month = calendar::month(today);
    match key {
        "this_month" => Some(month),
        "last_month" => Some(Span { from: month.from - Months::new(1), to: month.from }),
        "this_quarter" => Some(calendar::quarter(today, fiscal_start)),
        _ => None,
    }
}

fn options(choices: &[(&str, &str)], chosen: &str) -> AppResult<Vec<SelectOption>> {
    if !chosen.is_empty() && choices.iter().all(|(key, _)| *key != chosen) {
        return Err(damaged());
    }
    Ok(choices.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == chosen)).collect())
}
