//! What is typed into an automation's forms, as terms and actions.

use super::model::{Action, Automation, EVENTS, Terms, To};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        accounts::members,
        activities,
        fields::{self, Catalogue, Entry, Kind, ParseContext},
        pipeline, tags,
    },
    kernel::{ActivityTemplateId, MemberId, RecordType, StageId, TeamId, money},
    schema::teams,
    web::{Actor, Form, FormErrors},
};
use chrono::{Days, NaiveDate};
use diesel::prelude::*;

/// What an action can be: key, label, icon.
pub(super) const ACTIONS: &[(&str, &str, &str)] = &[
    ("plan", "Plan activities", "calendar-plus"),
    ("assign", "Give it an owner", "user-check"),
    ("notify", "Tell somebody", "bell"),
    ("set", "Set a field", "pencil"),
    ("tag", "Add tags", "tags"),
    ("move", "Send to a stage", "arrow-right"),
];

pub(super) fn terms(form: &Form) -> Result<Terms, FormErrors> {
    let mut p = form.parser();
    let name = p.required("name", 100);
    let event = p.choice("event", EVENTS).unwrap_or("entered");
    let stage_id: Option<StageId> = p.id("stage_id");
    let days = p.integer("after_days", 1, 365).and_then(|n| i32::try_from(n).ok());
    if stage_id.is_none() && matches!(event, "entered" | "left" | "stayed") && form.get("stage_id").is_empty() {
        p.error("stage_id", "is required for this");
    }
    if event == "stayed" && days.is_none() && form.get("after_days").is_empty() {
        p.error("after_days", "is required: after how many days");
    }
    p.finish()?;
    Ok(Terms { name, event, stage_id, after_days: days.filter(|_| event == "stayed") })
}

pub(super) fn to_form(one: &Automation) -> Form {
    let pairs = [
        ("version", one.version.to_string()),
        ("name", one.name.clone()),
        ("event", one.event.clone()),
        ("stage_id", one.stage_id.map(|id| id.to_string()).unwrap_or_default()),
        ("after_days", one.after_days.map(|n| n.to_string()).unwrap_or_default()),
    ];
    Form::new(pairs.map(|(name, value)| (name.to_owned(), value)))
}

/// Reads `do` and what belongs to it; whatever it names must be there.
pub(super) fn action(tx: &mut OrgTx, actor: &Actor, form: &Form) -> AppResult<Action> {
    match form.get("do") {
        "plan" => plan(tx, form),
        "assign" => Ok(Action::Assign { to: assignee(tx, form)? }),
        "notify" => notify(tx, form),
        "set" => set(tx, actor, form),
        "tag" => {
            let names = tags::parse(form.get("tags"));
            if names.is_empty() {
                return Err(AppError::field("tags", "are needed"));
            }
            let found = tags::resolve(tx, actor, &names, "tags")?;
            Ok(Action::Tag { tags: found.into_iter().map(|tag| tag.id).collect() })
        }
        "move" => {
            let unknown = || AppError::field("to_stage", "is not one of the stages");
            let stage: StageId = form.get("to_stage").parse().map_err(|_| unknown())?;
            match pipeline::stage(tx, stage) {
                Ok(stage) => Ok(Action::Move { stage: stage.id }),
                Err(AppError::NotFound) => Err(unknown()),
                Err(other) => Err(other),
            }
        }
        _ => Err(AppError::field("do", "is not one of the choices")),
    }
}

fn plan(tx: &mut OrgTx, form: &Form) -> AppResult<Action> {
    let unknown = || AppError::field("template", "is not one of the templates");
    let template: ActivityTemplateId = form.get("template").parse().map_err(|_| unknown())?;
    if activities::usable_templates(tx)?.iter().any(|(id, _)| *id == template) {
        Ok(Action::Plan { template })
    } else {
        Err(unknown())
    }
}

fn assignee(tx: &mut OrgTx, form: &Form) -> AppResult<To> {
    let unknown =
        || AppError::field("to", if form.get("to").is_empty() { "is required" } else { "is not one of the choices" });
    match form.get("to").split_once(':') {
        Some(("member", id)) => {
            let member: MemberId = id.parse().map_err(|_| unknown())?;
            members::check_owner(tx, Some(member), "to")?;
            Ok(To::Member(member))
        }
        Some(("team", id)) => {
            let team: TeamId = id.parse().map_err(|_| unknown())?;
            if is_team(tx, team)? { Ok(To::Team(team)) } else { Err(unknown()) }
        }
        None if form.get("to") == "rules" => Ok(To::Rules),
        _ => Err(unknown()),
    }
}

fn is_team(tx: &mut OrgTx, team: TeamId) -> AppResult<bool> {
    let found = teams::table.filter(teams::id.eq(team));
    Ok(diesel::select(diesel::dsl::exists(found)).get_result(tx.conn())?)
}

fn notify(tx: &mut OrgTx, form: &Form) -> AppResult<Action> {
    let mut p = form.parser();
    let (owner, followers) = (p.checkbox("owner"), p.checkbox("followers"));
    let (member, team): (Option<MemberId>, Option<TeamId>) = (p.id("member"), p.id("team"));
    let message = p.text("message", 200).unwrap_or_default();
    if !owner && !followers && member.is_none() && team.is_none() {
        p.error("owner", "or somebody else is needed: choose whom to tell");
    }
    p.finish()?;
    members::check_owner(tx, member, "member")?;
    if let Some(team) = team
        && !is_team(tx, team)?
    {
        return Err(AppError::field("team", "is not one of the teams"));
    }
    Ok(Action::Notify { owner, followers, member, team, message })
}

/// The fields of a deal that an automation may set: those one may edit on its page.
pub(super) fn settable(tx: &mut OrgTx, actor: &Actor) -> AppResult<Vec<Entry>> {
    let all = Catalogue::load(tx, actor, RecordType::Deal)?.entries;
    Ok(all.into_iter().filter(|entry| entry.editable && entry.key != "owner_id").collect())
}

fn set(tx: &mut OrgTx, actor: &Actor, form: &Form) -> AppResult<Action> {
    let entry = settable(tx, actor)?.into_iter().find(|entry| entry.key == form.get("field"));
    let entry = entry.ok_or_else(|| AppError::field("field", "is not one of the choices"))?;
    let mut value = if entry.kind.is_list() {
        form.all("value").collect::<Vec<_>>().join("\n")
    } else {
        form.get("value").to_owned()
    };
    let refers = form.get("value_id").to_owned();
    if value.is_empty() && refers.is_empty() && entry.required {
        return Err(AppError::field("value", "is required: this field cannot be cleared"));
    }
    let context = ParseContext::load(tx, actor)?;
    match entry.kind {
        Kind::Record(_) => {}
        Kind::Date if in_days(&value, actor.today()).is_some() => {}
        _ => {
            // A sign beside the currency is looked at now: what is kept has none.
            if entry.kind == Kind::Money && !entry.is_custom() && !value.is_empty() {
                let currency = form.get("currency").parse().ok();
                money::parse_amount_in(&value, context.mark, currency)
                    .map_err(|told| AppError::field("value", told))?;
            }
            let read = fields::parse(&entry, &value, &context).map_err(|told| AppError::field("value", told))?;
            value = fields::canonical(&entry, &value, &read);
        }
    }
    Ok(Action::Set { field: entry.key, value, refers, currency: form.get("currency").to_owned() })
}

/// `+14`: so many days from a day.
pub(super) fn in_days(text: &str, from: NaiveDate) -> Option<NaiveDate> {
    let days: u64 = text.trim().strip_prefix('+')?.trim().parse().ok().filter(|days| *days <= 3_650)?;
    from.checked_add_days(Days::new(days))
}
