//! An activity as it is kept, and as it is asked for. A task is an activity of the other class: what they share they share.

use super::when::Slot;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    events::Changes,
    features::records,
    kernel::{
        ActivityId, ActivitySeriesId, ActivityTypeId, CompanyId, ContactId, DealId, LeadId, MemberId, RecordType,
    },
    schema::{activities, activity_types, members},
    web::Actor,
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

/// What happens at a time, or what is to be done by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Class {
    #[default]
    Activity,
    Task,
}

impl Class {
    pub const ALL: [Class; 2] = [Class::Activity, Class::Task];

    pub fn key(self) -> &'static str {
        match self {
            Class::Activity => "activity",
            Class::Task => "task",
        }
    }

    /// The list's address: `activities`, `tasks`.
    pub fn noun(self) -> &'static str {
        match self {
            Class::Activity => "activities",
            Class::Task => "tasks",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Class::Activity => "Activity",
            Class::Task => "Task",
        }
    }

    pub fn plural(self) -> &'static str {
        match self {
            Class::Activity => "Activities",
            Class::Task => "Tasks",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.key() == text)
    }
}

pub const PRIORITIES: &[(&str, &str)] = &[("high", "High"), ("normal", "Normal"), ("low", "Low")];
/// Where something stands that is not closed.
pub const OPEN: &[(&str, &str)] = &[("open", "To do"), ("in_progress", "In progress"), ("waiting", "Waiting")];

/// What a status is called.
pub fn status_label(status: &str) -> &'static str {
    match status {
        "done" => "Done",
        "cancelled" => "Cancelled",
        other => OPEN.iter().find(|(key, _)| *key == other).map_or("To do", |(_, label)| label),
    }
}

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = activities)]
pub struct Activity {
    pub id: ActivityId,
    #[diesel(embed)]
    pub fields: NewActivity,
    pub class: String,
    pub status: String,
    pub closed_at: Option<DateTime<Utc>>,
    pub closed_by: Option<MemberId>,
    pub outcome: Option<String>,
    pub version: i32,
    pub created_by: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    pub deleted_at: Option<DateTime<Utc>>,
    pub series_id: Option<ActivitySeriesId>,
    /// The day of the rule that it stands for, in its series' zone.
    pub occurs_on: Option<NaiveDate>,
    /// `next`, `later`, or `own`: changed on its own.
    pub occurrence: Option<String>,
}

impl Activity {
    pub fn class(&self) -> Class {
        Class::parse(&self.class).unwrap_or_default()
    }

    pub fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// Its series, and the day that it stands for.
    pub fn occurrence(&self) -> Option<(ActivitySeriesId, NaiveDate)> {
        self.series_id.zip(self.occurs_on)
    }
}

/// Everything a form decides about an activity. `None` clears.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone, Debug, PartialEq)]
#[diesel(table_name = activities, treat_none_as_null = true)]
pub struct NewActivity {
    pub type_id: ActivityTypeId,
    pub subject: String,
    /// Who is to do it.
    pub owner_id: Option<MemberId>,
    /// With a time of day; otherwise `due_on`, or neither.
    pub start_at: Option<DateTime<Utc>>,
    pub due_on: Option<NaiveDate>,
    pub minutes: Option<i32>,
    /// `high`, `normal` or `low`.
    pub priority: String,
    pub location: Option<String>,
    pub video_url: Option<String>,
    /// Sanitised HTML.
    pub description: Option<String>,
    pub deal_id: Option<DealId>,
    pub contact_id: Option<ContactId>,
    pub company_id: Option<CompanyId>,
    pub lead_id: Option<LeadId>,
}

impl NewActivity {
    /// When it is.
    pub fn slot(&self) -> Slot {
        Slot { start_at: self.start_at, due_on: self.due_on }
    }

    /// What it is about.
    pub fn links(&self) -> [(RecordType, Option<Uuid>); 4] {
        [
            (RecordType::Deal, self.deal_id.map(Uuid::from)),
            (RecordType::Contact, self.contact_id.map(Uuid::from)),
            (RecordType::Company, self.company_id.map(Uuid::from)),
            (RecordType::Lead, self.lead_id.map(Uuid::from)),
        ]
    }

    pub fn link(&mut self, record: RecordType, id: Option<Uuid>) {
        match record {
            RecordType::Deal => self.deal_id = id.map(DealId),
            RecordType::Contact => self.contact_id = id.map(ContactId),
            RecordType::Company => self.company_id = id.map(CompanyId),
            RecordType::Lead => self.lead_id = id.map(LeadId),
        }
    }

    /// What differs, as history keeps it. Without `before`: everything that is said.
    pub(super) fn changes(tx: &mut OrgTx, actor: &Actor, before: Option<&Self>, after: &Self) -> AppResult<Changes> {
        let mut changes = Changes::new();
        macro_rules! track {
            ($($field:ident),+) => {$(
                match before {
                    Some(before) => changes.track(stringify!($field), &before.$field, &after.$field),
                    None => changes.set(stringify!($field), &after.$field),
                };
            )+};
        }
        track!(subject, start_at, due_on, minutes, priority, location, video_url, description);
        if before.map(|b| b.type_id) != Some(after.type_id) {
            let pair = (type_ref(tx, before.map(|b| b.type_id))?, type_ref(tx, Some(after.type_id))?);
            changes.track("type_id", &pair.0, &pair.1);
        }
        let owner = before.and_then(|b| b.owner_id);
        if owner != after.owner_id {
            let pair = (member_ref(tx, owner)?, member_ref(tx, after.owner_id)?);
            changes.track("owner_id", &pair.0, &pair.1);
        }
        let old = before.map(Self::links);
        for (i, (record, id)) in after.links().into_iter().enumerate() {
            let was = old.and_then(|links| links[i].1);
            if was != id {
                let pair = (record_ref(tx, actor, record, was)?, record_ref(tx, actor, record, id)?);
                changes.track(&format!("{}_id", record.key()), &pair.0, &pair.1);
            }
        }
        Ok(changes)
    }
}

/// What one form changed, to change it elsewhere too: only what differs, and nothing of when it is. `Some(None)` clears.
#[derive(AsChangeset, Clone, Debug, Default, PartialEq)]
#[diesel(table_name = activities)]
pub(super) struct Difference {
    type_id: Option<ActivityTypeId>,
    class: Option<String>,
    subject: Option<String>,
    owner_id: Option<Option<MemberId>>,
    minutes: Option<Option<i32>>,
    priority: Option<String>,
    location: Option<Option<String>>,
    video_url: Option<Option<String>>,
    description: Option<Option<String>>,
    deal_id: Option<Option<DealId>>,
    contact_id: Option<Option<ContactId>>,
    company_id: Option<Option<CompanyId>>,
    lead_id: Option<Option<LeadId>>,
}

impl Difference {
    pub fn between(before: &NewActivity, after: &NewActivity, class: String) -> Option<Self> {
        macro_rules! differing {
            ($($field:ident),+) => {
                Self { class: None, $($field: (before.$field != after.$field).then(|| after.$field.clone())),+ }
            };
        }
        let mut found = differing!(
            type_id,
            subject,
            owner_id,
            minutes,
            priority,
            location,
            video_url,
            description,
            deal_id,
            contact_id,
            company_id,
            lead_id
        );
        found.class = found.type_id.map(|_| class);
        (found != Self::default()).then_some(found)
    }
}

fn type_ref(tx: &mut OrgTx, id: Option<ActivityTypeId>) -> AppResult<Value> {
    let Some(id) = id else { return Ok(Value::Null) };
    let name: Option<String> = activity_types::table
        .filter(activity_types::id.eq(id))
        .select(activity_types::name)
        .first(tx.conn())
        .optional()?;
    Ok(json!({ "id": id, "name": name }))
}

pub(super) fn member_ref(tx: &mut OrgTx, id: Option<MemberId>) -> AppResult<Value> {
    let Some(id) = id else { return Ok(Value::Null) };
    let name: Option<String> =
        members::table.filter(members::id.eq(id)).select(members::name).first(tx.conn()).optional()?;
    Ok(json!({ "id": id, "name": name }))
}

fn record_ref(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Option<Uuid>) -> AppResult<Value> {
    let Some(id) = id else { return Ok(Value::Null) };
    // What was linked before may be out of the actor's sight by now.
    let name = records::standing(tx, actor, record, id, false).ok().map(|now| now.name);
    Ok(json!({ "id": id, "name": name }))
}
