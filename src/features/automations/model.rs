//! An automation as it is kept: when it acts, and what it does.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::pipeline::Stage,
    kernel::{ActivityTemplateId, AutomationId, MemberId, PipelineId, StageId, TagId, TeamId},
    schema::automations,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// What sets an automation off.
pub const EVENTS: &[(&str, &str)] = &[
    ("entered", "A deal comes into the stage"),
    ("left", "A deal leaves the stage"),
    ("stayed", "A deal has been in the stage for some days"),
    ("created", "A deal is added"),
    ("won", "A deal is won"),
    ("lost", "A deal is lost"),
    ("reopened", "A deal is reopened"),
];

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = automations)]
pub struct Automation {
    pub id: AutomationId,
    pub pipeline_id: PipelineId,
    pub stage_id: Option<StageId>,
    pub name: String,
    pub event: String,
    pub after_days: Option<i32>,
    pub(super) actions: Value,
    /// `None`: turned off.
    pub active_since: Option<DateTime<Utc>>,
    /// With whose rights it acts.
    pub saved_by: Option<MemberId>,
    pub version: i32,
}

/// What its form decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    pub name: String,
    pub event: &'static str,
    pub stage_id: Option<StageId>,
    pub after_days: Option<i32>,
}

/// One thing an automation does, by its place in the list and an id of its own.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Step {
    pub id: Uuid,
    #[serde(flatten)]
    pub action: Action,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// Activities or tasks of a template.
    Plan {
        template: ActivityTemplateId,
    },
    Assign {
        to: To,
    },
    Notify {
        owner: bool,
        followers: bool,
        member: Option<MemberId>,
        team: Option<TeamId>,
        message: String,
    },
    /// `value` as it is typed into the field; `refers`: the id of what it refers to. Empty clears.
    Set {
        field: String,
        value: String,
        refers: String,
        currency: String,
    },
    Tag {
        tags: Vec<TagId>,
    },
    Move {
        stage: StageId,
    },
}

/// Who becomes the owner.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum To {
    Member(MemberId),
    /// Its members in turn.
    Team(TeamId),
    /// Whom the rules of assignment say.
    Rules,
}

impl Automation {
    pub fn steps(&self) -> Vec<Step> {
        // Written by ourselves; what a later version wrote is left out.
        let all = self.actions.as_array().cloned().unwrap_or_default();
        all.into_iter().filter_map(|step| serde_json::from_value(step).ok()).collect()
    }

    pub fn is_on(&self) -> bool {
        self.active_since.is_some()
    }

    /// `When a deal comes into Proposal`.
    pub fn when(&self, stages: &[Stage]) -> String {
        let stage = self.stage_id.and_then(|id| stages.iter().find(|stage| stage.id == id));
        let at = stage.map(|stage| format!(" in {}", stage.name)).unwrap_or_default();
        let name = stage.map(|stage| stage.name.as_str()).unwrap_or_default();
        match (self.event.as_str(), self.after_days) {
            ("entered", _) => format!("When a deal comes into {name}"),
            ("left", _) => format!("When a deal leaves {name}"),
            ("stayed", Some(1)) => format!("When a deal has been in {name} for 1 day"),
            ("stayed", days) => format!("When a deal has been in {name} for {} days", days.unwrap_or(0)),
            ("created", _) => format!("When a deal is added{at}"),
            (verb, _) => format!("When a deal is {verb}{at}"),
        }
    }
}

pub fn find(tx: &mut OrgTx, id: AutomationId) -> AppResult<Automation> {
    Ok(automations::table.filter(automations::id.eq(id)).select(Automation::as_select()).first(tx.conn())?)
}

/// The automations of one pipeline, in order.
pub fn of_pipeline(tx: &mut OrgTx, pipeline: PipelineId) -> AppResult<Vec<Automation>> {
    Ok(automations::table
        .filter(automations::pipeline_id.eq(pipeline))
        .order((automations::position, automations::id))
        .select(Automation::as_select())
        .load(tx.conn())?)
}

/// Everybody with whose rights one acts.
pub fn keepers(tx: &mut OrgTx) -> AppResult<Vec<MemberId>> {
    let all: Vec<Option<MemberId>> = automations::table.select(automations::saved_by).distinct().load(tx.conn())?;
    Ok(all.into_iter().flatten().collect())
}
