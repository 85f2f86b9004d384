//! Pipelines and their stages, as every feature that shows a deal knows them.

use crate::{
    kernel::{PipelineId, StageId},
    web::SelectOption,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;

/// Stage colours: keys of the palette in `static/css/tokens.css`, each with its name.
pub const COLORS: &[(&str, &str)] = &[
    ("slate", "Slate"),
    ("blue", "Blue"),
    ("cyan", "Cyan"),
    ("teal", "Teal"),
    ("green", "Green"),
    ("lime", "Lime"),
    ("yellow", "Yellow"),
    ("orange", "Orange"),
    ("red", "Red"),
    ("pink", "Pink"),
    ("violet", "Violet"),
    ("indigo", "Indigo"),
];

/// Keys and labels of the forecast's categories, the surest first. What is omitted counts in no forecast.
pub const CATEGORIES: &[(&str, &str)] =
    &[("committed", "Committed"), ("best_case", "Best case"), ("pipeline", "Pipeline"), ("omitted", "Omitted")];

/// The category of a stage about which nobody said: by its probability.
pub fn category_of(probability: i16) -> &'static str {
    match probability {
        75.. => "committed",
        50.. => "best_case",
        _ => "pipeline",
    }
}

/// A way of selling: an ordered row of stages.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = crate::schema::pipelines)]
pub struct Pipeline {
    pub id: PipelineId,
    pub name: String,
    pub position: i32,
    pub version: i32,
    /// How its board looks to whoever chose no look of their own.
    pub board_look: Option<serde_json::Value>,
    /// `stage` or `history`.
    pub probability_from: String,
}

impl Pipeline {
    /// Whether its stages' probabilities come from the organisation's own past.
    pub fn learns(&self) -> bool {
        self.probability_from == "history"
    }
}

/// A step of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = crate::schema::stages)]
pub struct Stage {
    pub id: StageId,
    pub pipeline_id: PipelineId,
    pub name: String,
    pub color: String,
    /// Percent; what a deal's amount is weighted by unless the deal says otherwise.
    pub probability: i16,
    /// Days after which a deal counts as rotting here; `None`: never.
    pub rotting_days: Option<i16>,
    pub position: i32,
    pub version: i32,
    /// A key of [`CATEGORIES`]: where its deals count in the forecast unless they say otherwise.
    pub forecast_category: String,
    /// Cards its column should hold at most; `None`: any number.
    pub card_limit: Option<i16>,
    /// Keys of the fields a deal needs before it enters.
    #[diesel(column_name = required_fields)]
    pub(super) required_fields: Vec<Option<String>>,
    pub(super) default_probability: Option<i16>,
    /// Of the deals that came this far and were decided, how many were won; `None`: never counted.
    pub wins: Option<i32>,
    pub settled: Option<i32>,
    pub measured_at: Option<DateTime<Utc>>,
}

impl Stage {
    /// What the organisation says of it; the one in use is `probability`.
    pub fn default_probability(&self) -> i16 {
        self.default_probability.unwrap_or(self.probability)
    }

    pub fn required_fields(&self) -> impl Iterator<Item = &str> {
        self.required_fields.iter().flatten().map(String::as_str)
    }
}

/// A pipeline's stages as a select's choices, under its name.
pub struct StageGroup {
    pub label: String,
    pub options: Vec<SelectOption>,
}

impl StageGroup {
    /// One for each pipeline; the stage with that id is the selected one.
    pub fn all(pipelines: &[Pipeline], stages: &[Stage], chosen: &str) -> Vec<Self> {
        let options = |p: &Pipeline| {
            let of = stages.iter().filter(|s| s.pipeline_id == p.id);
            of.map(|s| SelectOption::new(s.id.to_string(), &s.name, s.id.to_string() == chosen)).collect()
        };
        pipelines.iter().map(|p| Self { label: p.name.clone(), options: options(p) }).collect()
    }
}
