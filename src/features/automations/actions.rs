//! What an automation does to a deal: the commands that people call, one after the other, and what came of each in words.

use super::{
    forms,
    model::{Action, Automation, To},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        accounts::members,
        activities, assignment, deals,
        fields::{Catalogue, Entry, Kind},
        notifications::{self, Kind as Told, Notice, To as Readers},
        pipeline,
        records::{self, Saved, display},
        tags,
    },
    kernel::{ActivityTemplateId, DealId, MemberId, RecordType, StageId, TagId, TeamId},
    schema::team_members,
    web::{Actor, Allow},
};
use diesel::prelude::*;
use uuid::Uuid;

/// What was done, and the runs of templates by which it is found again.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub lines: Vec<String>,
    pub plans: Vec<Uuid>,
}

impl Outcome {
    /// As the two columns hold it.
    pub fn kept(self) -> (Vec<Option<String>>, Vec<Option<Uuid>>) {
        (self.lines.into_iter().map(Some).collect(), self.plans.into_iter().map(Some).collect())
    }
}

/// Does all of it, as `by`. The caller makes it all or nothing.
pub(super) fn perform(tx: &mut OrgTx, by: &Actor, one: &Automation, deal: DealId) -> AppResult<Outcome> {
    let mut outcome = Outcome::default();
    for step in one.steps() {
        let line = match step.action {
            Action::Plan { template } => plan(tx, by, template, deal, &mut outcome.plans)?,
            Action::Assign { to } => assign(tx, by, &to, deal, step.id)?,
            Action::Notify { owner, followers, member, team, message } => {
                let to = readers(tx, by, deal, (owner, followers, member, team))?;
                tell(tx, one, deal, to, &message)?
            }
            Action::Set { field, value, refers, currency } => set(tx, by, deal, &field, [&value, &refers, &currency])?,
            Action::Tag { tags } => tag(tx, by, deal, &tags)?,
            Action::Move { stage } => send(tx, by, deal, stage)?,
        };
        outcome.lines.push(line);
    }
    Ok(outcome)
}

fn plan(
    tx: &mut OrgTx,
    by: &Actor,
    template: ActivityTemplateId,
    deal: DealId,
    plans: &mut Vec<Uuid>,
) -> AppResult<String> {
    let by = Allow::check(by)?;
    let run = Uuid::now_v7();
    let planned = activities::plan_template(tx, &by, template, run, (RecordType::Deal, deal.0))?;
    plans.push(run);
    Ok(format!("Planned {}", planned.join("; ")))
}

fn assign(tx: &mut OrgTx, by: &Actor, to: &To, deal: DealId, step: Uuid) -> AppResult<String> {
    let owner = match to {
        To::Member(member) => *member,
        To::Team(team) => assignment::next_of_team(tx, &format!("automation:{step}"), *team)?
            .ok_or_else(|| AppError::Conflict("Nobody of the team is at work.".into()))?,
        To::Rules => {
            let found = deals::find(tx, by, deal)?;
            let arrival = assignment::deal(tx, found.company_id, found.source)?;
            let given = assignment::owner(tx, &arrival)?;
            assignment::remember(tx, RecordType::Deal, deal.0, given)?;
            given.ok_or_else(|| AppError::Conflict("No rule of assignment fits.".into()))?.owner
        }
    };
    let name = members::directory(tx)?.into_iter().find(|p| p.id == owner).map(|p| p.name).unwrap_or_default();
    let found = deals::find(tx, by, deal)?;
    if found.owner_id == Some(owner) {
        return Ok(format!("{name} has it already"));
    }
    let mut fields = deals::DealFields::from(&found);
    fields.owner_id = Some(owner);
    match deals::update(tx, &Allow::check(by)?, deal, found.version, fields)? {
        Saved::Done(_) => Ok(format!("Gave it to {name}")),
        Saved::Stale => Err(stale()),
    }
}

fn stale() -> AppError {
    AppError::Conflict("Someone else changed the deal at the same moment. Try again.".into())
}

fn readers(
    tx: &mut OrgTx,
    by: &Actor,
    deal: DealId,
    (owner, followers, member, team): (bool, bool, Option<MemberId>, Option<TeamId>),
) -> AppResult<(Readers, Vec<&'static str>)> {
    let found = deals::find(tx, by, deal)?;
    let (mut people, mut words) = (Vec::new(), Vec::new());
    if owner {
        people.extend(found.owner_id);
        words.push("the owner");
    }
    if let Some(member) = member {
        people.push(member);
        words.push("a colleague");
    }
    if let Some(team) = team {
        let all = team_members::table.filter(team_members::team_id.eq(team)).select(team_members::member_id);
        people.extend(all.load::<Uuid>(tx.conn())?.into_iter().map(MemberId));
        words.push("a team");
    }
    let readers = if followers { Readers::followers().and(people) } else { Readers::people(people) };
    if followers {
        words.push("whoever follows it");
    }
    Ok((readers, words))
}

fn tell(
    tx: &mut OrgTx,
    one: &Automation,
    deal: DealId,
    (to, words): (Readers, Vec<&'static str>),
    message: &str,
) -> AppResult<String> {
    let notice = Notice::new(Told::Automation)
        .about((RecordType::Deal, deal.0))
        .param("automation", &one.name)
        .param("message", &message);
    let told = notifications::tell(tx, &notice, to)?;
    let people = if told == 1 { "1 person".to_owned() } else { format!("{told} people") };
    Ok(format!("Told {} ({people})", words.join(", ")))
}

/// As the field edited in place: the deal's own form with the one value, saved as a whole form is.
fn set(tx: &mut OrgTx, by: &Actor, deal: DealId, key: &str, [value, id, currency]: [&str; 3]) -> AppResult<String> {
    let catalogue = Catalogue::load(tx, by, RecordType::Deal)?;
    let entry: &Entry = catalogue
        .get(key)
        .filter(|entry| entry.editable)
        .ok_or_else(|| AppError::Conflict("The field is not there any more, or not to be edited.".into()))?;
    let spec = &deals::SPEC;
    let mut form = (spec.load)(tx, by, deal.0)?;
    let before = display::shown(entry, &form, by, &members::directory(tx)?).words();
    let value = match entry.kind {
        Kind::Date => forms::in_days(value, by.today()).map_or_else(|| value.to_owned(), |day| day.to_string()),
        _ => value.to_owned(),
    };
    display::put(&mut form, entry, &value, id, currency);
    match (spec.save)(tx, by, deal.0, &form)? {
        Saved::Done(_) => {}
        Saved::Stale => return Err(stale()),
    }
    let form = (spec.load)(tx, by, deal.0)?;
    let after = display::shown(entry, &form, by, &members::directory(tx)?).words();
    Ok(match before == after {
        true => format!("{} is {after} already", entry.label),
        false => format!("{}: {before} → {after}", entry.label),
    })
}

fn tag(tx: &mut OrgTx, by: &Actor, deal: DealId, wanted: &[TagId]) -> AppResult<String> {
    records::require_edit(by, RecordType::Deal)?;
    deals::find(tx, by, deal)?;
    let found = tags::find_many(tx, wanted)?;
    let names = found.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>().join(", ");
    if found.is_empty() {
        return Err(AppError::Conflict("The tags are not there any more.".into()));
    }
    let ids: Vec<TagId> = found.iter().map(|tag| tag.id).collect();
    let add = tags::each(&[deal.0], &ids);
    let changed = tags::change(tx, RecordType::Deal, &add, &tags::Pairs::default(), None, false)?;
    Ok(if changed.is_empty() { format!("Has the tags already: {names}") } else { format!("Added the tags {names}") })
}

fn send(tx: &mut OrgTx, by: &Actor, deal: DealId, to: StageId) -> AppResult<String> {
    let gone = || AppError::Conflict("The stage is not there any more.".into());
    let stage = match pipeline::stage(tx, to) {
        Err(AppError::NotFound) => return Err(gone()),
        stage => stage?,
    };
    if deals::find(tx, by, deal)?.stage_id == to {
        return Ok(format!("It is in {} already", stage.name));
    }
    deals::move_pipeline(tx, &Allow::check(by)?, deal, to, None)?;
    Ok(format!("Moved it to {}", stage.name))
}

/// Each action in words, for the page of the automation; `false`: what it names is gone.
pub(super) fn words(
    tx: &mut OrgTx,
    by: &Actor,
    one: &Automation,
) -> AppResult<Vec<(Uuid, &'static str, String, bool)>> {
    let steps = one.steps();
    let people = members::directory(tx)?;
    let teams = crate::features::settings::team_choices(tx)?;
    let templates = activities::usable_templates(tx)?;
    let (stages, catalogue) = (pipeline::stages(tx)?, Catalogue::load(tx, by, RecordType::Deal)?);
    let person = |id: MemberId| people.iter().find(|p| p.id == id && p.active).map(|p| p.name.clone());
    let team = |id: TeamId| teams.iter().find(|(team, _)| *team == id).map(|(_, name)| name.clone());
    let mut lines = Vec::with_capacity(steps.len());
    for step in steps {
        let (icon, said) = match &step.action {
            Action::Plan { template } => {
                let found = templates.iter().find(|(id, _)| id == template);
                ("calendar-plus", found.map(|(_, name)| format!("Plan “{name}”")))
            }
            Action::Assign { to: To::Member(id) } => {
                ("user-check", person(*id).map(|name| format!("Give it to {name}")))
            }
            Action::Assign { to: To::Rules } => {
                ("user-check", Some("Give it to whom the rules of assignment say".to_owned()))
            }
            Action::Assign { to: To::Team(id) } => {
                ("user-check", team(*id).map(|name| format!("Give it to {name}, in turn")))
            }
            Action::Notify { owner, followers, member, team: of, message } => {
                let mut who: Vec<String> = Vec::new();
                who.extend(owner.then(|| "the owner".to_owned()));
                who.extend(followers.then(|| "whoever follows it".to_owned()));
                who.extend(member.and_then(person));
                who.extend(of.and_then(team));
                let what = if message.is_empty() { String::new() } else { format!(": “{message}”") };
                ("bell", (!who.is_empty()).then(|| format!("Tell {}{what}", who.join(", "))))
            }
            Action::Set { field, value, currency, .. } => {
                let entry = catalogue.get(field).filter(|entry| entry.editable);
                ("pencil", entry.map(|entry| set_words(entry, value, currency, &person)))
            }
            Action::Tag { tags: ids } => {
                let found = tags::find_many(tx, ids)?;
                let names = found.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>().join(", ");
                ("tags", (!found.is_empty()).then(|| format!("Add the tags {names}")))
            }
            Action::Move { stage } => {
                let found = stages.iter().find(|s| s.id == *stage);
                ("arrow-right", found.map(|stage| format!("Send it to {}", stage.name)))
            }
        };
        let known = said.is_some();
        lines.push((step.id, icon, said.unwrap_or_else(|| "What this names is not there any more".into()), known));
    }
    Ok(lines)
}

fn set_words(entry: &Entry, value: &str, currency: &str, person: &dyn Fn(MemberId) -> Option<String>) -> String {
    let choice = |key: &str| entry.kind.choices().iter().find(|c| c.key == key).map(|c| c.label.clone());
    let value = match &entry.kind {
        Kind::Member => value.parse().ok().and_then(person).unwrap_or_else(|| value.to_owned()),
        Kind::Date if value.starts_with('+') => format!("{} days later", value.trim_start_matches('+').trim()),
        _ => value.lines().map(|line| choice(line).unwrap_or_else(|| line.to_owned())).collect::<Vec<_>>().join(", "),
    };
    match (value.is_empty(), currency) {
        (true, _) => format!("Clear {}", entry.label),
        (false, "") => format!("Set {} to {value}", entry.label),
        (false, currency) => format!("Set {} to {value} {currency}", entry.label),
    }
}
