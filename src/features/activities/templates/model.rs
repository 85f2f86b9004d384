//! A template and its steps, as they are kept.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::activities::types::{self, ActivityType},
    kernel::{ActivityTemplateId, ActivityTypeId, RoleId, calendar::WorkingDays},
    schema::{activity_template_steps as steps, activity_templates as templates},
};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

pub const KINDS: &[(&str, &str)] = &[("chain", "One after the other"), ("set", "All at once")];
pub const FOLLOWS: &[(&str, &str)] = &[("plan", "Planned by itself"), ("offer", "Offered to whoever did it")];
pub const ASSIGNEES: &[(&str, &str)] = &[
    ("me", "Whoever uses the template"),
    ("owner", "The owner of the record"),
    ("role", "Someone of a role"),
    ("nobody", "Nobody yet"),
];
/// Most steps of a template, and most templates.
pub const MOST_STEPS: usize = 30;
pub const MOST: i64 = 200;

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = templates)]
pub struct Template {
    pub id: ActivityTemplateId,
    pub name: String,
    pub kind: String,
    pub follow: String,
    pub retired_at: Option<DateTime<Utc>>,
}

impl Template {
    pub fn is_set(&self) -> bool {
        self.kind == "set"
    }

    pub fn kind_label(&self) -> &'static str {
        KINDS.iter().find(|(key, _)| *key == self.kind).map_or("", |(_, label)| label)
    }
}

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = steps)]
pub struct Step {
    pub id: Uuid,
    pub template_id: ActivityTemplateId,
    pub position: i32,
    #[diesel(embed)]
    pub fields: StepFields,
}

/// So many working days after that day; after a day off, the first is the next one that is worked.
fn worked(days: u64, from: NaiveDate, working: WorkingDays) -> NaiveDate {
    let start = if days == 0 { working.next(from) } else { from };
    (0..days).fold(start, |day, _| working.next(day + Days::new(1)))
}

/// What the form of a step decides.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone, Debug, PartialEq)]
#[diesel(table_name = steps, treat_none_as_null = true)]
pub struct StepFields {
    pub type_id: ActivityTypeId,
    pub subject: String,
    pub days: i32,
    pub working: bool,
    pub at_time: Option<NaiveTime>,
    pub minutes: Option<i32>,
    pub priority: String,
    pub location: Option<String>,
    pub description: Option<String>,
    pub assignee: String,
    pub role_id: Option<RoleId>,
    pub checklist: Vec<Option<String>>,
    pub waits_for: Vec<Option<Uuid>>,
}

impl Step {
    /// The day it is for, counted from another.
    pub fn day(&self, from: NaiveDate, working: WorkingDays) -> NaiveDate {
        let days = u64::try_from(self.fields.days).unwrap_or(0);
        if !self.fields.working {
            return from + Days::new(days);
        }
        worked(days, from, working)
    }

    /// `2 working days after`.
    pub fn when(&self) -> String {
        match (self.fields.days, self.fields.working) {
            (0, _) => "The same day".into(),
            (1, true) => "1 working day after".into(),
            (n, true) => format!("{n} working days after"),
            (1, false) => "1 day after".into(),
            (n, false) => format!("{n} days after"),
        }
    }

    pub fn items(&self) -> impl Iterator<Item = &str> {
        self.fields.checklist.iter().flatten().map(String::as_str)
    }

    pub fn waits_for(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.fields.waits_for.iter().flatten().copied()
    }

    /// Its type, as lists show it.
    pub fn kind<'a>(&self, types: &'a [ActivityType]) -> Option<&'a ActivityType> {
        types.iter().find(|kind| kind.id == self.fields.type_id)
    }
}

pub fn find(tx: &mut OrgTx, id: ActivityTemplateId) -> AppResult<Template> {
    Ok(templates::table.filter(templates::id.eq(id)).select(Template::as_select()).first(tx.conn())?)
}

pub fn all(tx: &mut OrgTx) -> AppResult<Vec<Template>> {
    Ok(templates::table
        .order((templates::retired_at.is_not_null(), templates::name_key))
        .select(Template::as_select())
        .load(tx.conn())?)
}

pub fn steps(tx: &mut OrgTx, id: ActivityTemplateId) -> AppResult<Vec<Step>> {
    Ok(steps::table
        .filter(steps::template_id.eq(id))
        .order((steps::position, steps::id))
        .select(Step::as_select())
        .load(tx.conn())?)
}

pub fn step(tx: &mut OrgTx, id: Uuid) -> AppResult<Step> {
    Ok(steps::table.filter(steps::id.eq(id)).select(Step::as_select()).first(tx.conn())?)
}

/// The step after that one.
pub fn after(tx: &mut OrgTx, step: &Step) -> AppResult<Option<Step>> {
    let all = steps(tx, step.template_id)?;
    let at = all.iter().position(|other| other.id == step.id);
    Ok(at.and_then(|at| all.into_iter().nth(at + 1)))
}

/// A template to choose, and where it is used.
#[derive(Clone, Debug)]
pub struct Choice {
    pub name: String,
    /// Without what it is to be about.
    pub href: String,
    pub icon: &'static str,
}

impl Choice {
    /// Its address with the record it is to be about: `about` is `deal_id=…`, or empty.
    pub fn about(&self, about: &str) -> String {
        let join = if self.href.contains('?') { '&' } else { '?' };
        if about.is_empty() { self.href.clone() } else { format!("{}{join}{about}", self.href) }
    }
}

/// Those that can be used: current, with a step, of types that are current.
pub fn choices(tx: &mut OrgTx) -> AppResult<Vec<Choice>> {
    let found: Vec<Template> = templates::table
        .filter(templates::retired_at.is_null())
        .filter(diesel::dsl::exists(
            steps::table.filter(steps::org_id.eq(templates::org_id)).filter(steps::template_id.eq(templates::id)),
        ))
        .order(templates::name_key)
        .select(Template::as_select())
        .load(tx.conn())?;
    let choice = |template: Template| Choice {
        href: if template.is_set() {
            format!("/activity-templates/{}/application", template.id)
        } else {
            format!("/activities/new?template={}", template.id)
        },
        icon: if template.is_set() { "list-check" } else { "template" },
        name: template.name,
    };
    Ok(found.into_iter().map(choice).collect())
}

pub(super) fn type_names(tx: &mut OrgTx) -> AppResult<Vec<ActivityType>> {
    types::all(tx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn working_days_are_counted_from_days_off_too() {
        let week = WorkingDays::from_numbers(&[1, 2, 3, 4, 5]);
        let after = |from: &str, days| worked(days, from.parse().unwrap_or_default(), week).to_string();
        // Friday, Saturday and Sunday.
        for from in ["2026-11-27", "2026-11-28", "2026-11-29"] {
            assert_eq!(
                [after(from, 1), after(from, 2), after(from, 5)],
                ["2026-11-30", "2026-12-01", "2026-12-04"],
                "{from}"
            );
        }
        assert_eq!([after("2026-11-27", 0), after("2026-11-29", 0)], ["2026-11-27", "2026-11-30"]);
    }
}
