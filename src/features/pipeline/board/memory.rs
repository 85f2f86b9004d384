//! What the board remembers for each person: the pipeline they last looked at, and of each its filters and its look.

use super::{filters::Filters, look::Look};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{MemberId, PipelineId, numbers::DecimalMark},
    schema::preferences,
    web::Form,
};
use diesel::{prelude::*, upsert::excluded};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const KEY: &str = "board";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    pub last: Option<PipelineId>,
    #[serde(default)]
    filters: BTreeMap<PipelineId, BTreeMap<String, String>>,
    #[serde(default)]
    looks: BTreeMap<PipelineId, Look>,
}

impl Memory {
    /// What is kept in a form no longer understood reads as nothing.
    pub fn load(tx: &mut OrgTx, member: MemberId) -> AppResult<Self> {
        let value: Option<serde_json::Value> = preferences::table
            .filter(preferences::member_id.eq(member))
            .filter(preferences::key.eq(KEY))
            .select(preferences::value)
            .first(tx.conn())
            .optional()?;
        Ok(value.and_then(|v| serde_json::from_value(v).ok()).unwrap_or_default())
    }

    /// The filters last used on that pipeline; empty when they do not parse any more.
    pub fn filters(&self, pipeline: PipelineId) -> Filters {
        let kept = self.filters.get(&pipeline).cloned().unwrap_or_default();
        Filters::parse(&Form::new(kept), DecimalMark::Point).unwrap_or_default()
    }

    /// The look the person chose for that pipeline's board.
    pub fn look(&self, pipeline: PipelineId) -> Option<&Look> {
        self.looks.get(&pipeline)
    }

    pub fn set_look(&mut self, pipeline: PipelineId, look: Option<Look>) {
        match look {
            Some(look) => drop(self.looks.insert(pipeline, look)),
            None => drop(self.looks.remove(&pipeline)),
        }
    }

    pub fn remember(&mut self, pipeline: PipelineId, filters: &Filters) {
        self.last = Some(pipeline);
        if filters.is_empty() {
            self.filters.remove(&pipeline);
        } else {
            let pairs = filters.pairs().into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
            self.filters.insert(pipeline, pairs);
        }
    }

    pub fn save(&self, tx: &mut OrgTx, member: MemberId) -> AppResult<()> {
        let value = serde_json::to_value(self).map_err(anyhow::Error::from)?;
        diesel::insert_into(preferences::table)
            .values((preferences::member_id.eq(member), preferences::key.eq(KEY), preferences::value.eq(value)))
            .on_conflict((preferences::org_id, preferences::member_id, preferences::key))
            .do_update()
            .set(preferences::value.eq(excluded(preferences::value)))
            .execute(tx.conn())?;
        Ok(())
    }
}
