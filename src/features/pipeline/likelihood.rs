//! How likely a stage makes a deal, from the organisation's own past.
//!
//! Of the deals of a pipeline that were decided in the last [`MONTHS`] months, those that came as far as a stage or further count for it:
//! a closed deal keeps the stage it was closed in, and a won one came all the way. The share of wins is shrunk toward the stage's default
//! as if [`WEIGHT`] more deals had ended by it: `(wins + k·default) / (n + k)`, the mean of a beta-binomial posterior. Few deals move it
//! little; many outweigh the default. What comes of it is the stage's probability, so everything that reads that stays exact.

use super::{
    commands::tell,
    model::{Pipeline, Stage},
    queries,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{Changes, Event},
    features::{fields, records::Saved},
    jobs::{JobContext, JobOutcome, Registry},
    kernel::{PipelineId, RecordType, StageId},
    schema::{pipelines, stages},
    web::{Allow, permission::organisation::ManagePipelines},
};
use chrono::Utc;
use diesel::{prelude::*, sql_types as t};
use serde_json::{Value, json};

/// As many deals as the default is worth: `k`.
pub const WEIGHT: i64 = 20;
/// How long the past is.
pub const MONTHS: i32 = 24;
const JOB: &str = "pipeline.likelihood";

/// A round is due for every organisation with a pipeline that learns from its past, once a day. One of the sweeps.
pub const SWEEP: &str = "
WITH due AS (
  INSERT INTO jobs (org_id, kind, key)
  SELECT DISTINCT p.org_id, 'pipeline.likelihood', 'pipeline.likelihood' FROM pipelines p
  WHERE p.probability_from = 'history' AND NOT EXISTS (SELECT 1 FROM stages s WHERE s.org_id = p.org_id AND s.pipeline_id = p.id
    AND s.measured_at > now() - interval '1 day')
    AND EXISTS (SELECT 1 FROM stages s WHERE s.org_id = p.org_id AND s.pipeline_id = p.id)
  ON CONFLICT DO NOTHING RETURNING 1)
SELECT pg_notify('pipewright_jobs', '') FROM due LIMIT 1";

/// The shrunk share of wins, in whole percent.
pub fn shrunk(wins: i64, settled: i64, default: i16) -> i16 {
    let (above, below) = (100 * wins + WEIGHT * i64::from(default), settled + WEIGHT);
    i16::try_from(((2 * above + below) / (2 * below)).clamp(0, 100)).unwrap_or(default)
}

/// The formula with its numbers: "(34 won + 20 × 40 %) ÷ (120 decided + 20) = 30 %".
pub fn formula(stage: &Stage) -> Option<String> {
    let (wins, settled) = (stage.wins?, stage.settled?);
    let default = stage.default_probability();
    Some(format!(
        "({wins} won + {WEIGHT} × {default} %) ÷ ({settled} decided + {WEIGHT}) = {} %",
        shrunk(wins.into(), settled.into(), default)
    ))
}

pub fn register_jobs(registry: &mut Registry) {
    registry.register(JOB, run);
}

fn run(ctx: &JobContext, _: &Value) -> anyhow::Result<JobOutcome> {
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    let all = ctx.db.org_now(&org, queries::pipelines)?;
    for pipeline in all.into_iter().filter(Pipeline::learns) {
        ctx.db.org_now(&org, |tx| measure(tx, pipeline.id))?;
    }
    Ok(JobOutcome::Done)
}

/// Chooses where the probabilities of a pipeline come from, if it still has the version `seen`; learning begins at once, and asked for
/// again it is measured anew.
pub fn choose(tx: &mut OrgTx, _: &Allow<ManagePipelines>, id: PipelineId, seen: i32, learns: bool) -> AppResult<Saved> {
    let before = queries::lock_pipeline(tx, id)?;
    if before.version != seen {
        return Ok(Saved::Stale);
    }
    let mut version = before.version;
    if before.learns() != learns {
        let from = if learns { "history" } else { "stage" };
        version += 1;
        diesel::update(pipelines::table.filter(pipelines::id.eq(id)))
            .set((pipelines::probability_from.eq(from), pipelines::version.eq(version)))
            .execute(tx.conn())?;
        let mut changes = Changes::new();
        changes.track("probability_from", &before.probability_from.as_str(), &from);
        tell(tx, Event::of("pipeline.updated", "pipeline", id).version(version).changes(changes))?;
    }
    if learns {
        measure(tx, id)?;
    } else {
        for stage in queries::stages_of(tx, id)? {
            let default = stage.default_probability();
            put(tx, &stage, default, json!({}))?;
        }
    }
    Ok(Saved::Done(version))
}

#[derive(QueryableByName)]
struct Came {
    #[diesel(sql_type = t::Uuid)]
    stage: StageId,
    #[diesel(sql_type = t::BigInt)]
    won: i64,
    #[diesel(sql_type = t::BigInt)]
    lost: i64,
}

/// Counts the pipeline's past and sets its stages' probabilities by it. The pipeline must be one that learns.
pub fn measure(tx: &mut OrgTx, pipeline: PipelineId) -> AppResult<()> {
    tx.without_time_limit()?;
    let came: Vec<Came> = diesel::sql_query(format!(
        "SELECT stage_id AS stage, count(*) FILTER (WHERE status = 'won') AS won, count(*) FILTER (WHERE status = 'lost') AS lost
         FROM deals WHERE pipeline_id = $1 AND status <> 'open' AND deleted_at IS NULL AND closed_at > now() - interval '{MONTHS} months'
         GROUP BY 1"
    ))
    .bind::<t::Uuid, _>(pipeline.0)
    .load(tx.conn())?;
    let all = queries::stages_of(tx, pipeline)?;
    let wins: i64 = came.iter().map(|c| c.won).sum();
    for (at, stage) in all.iter().enumerate() {
        let lost: i64 = came.iter().filter(|c| all[at..].iter().any(|s| s.id == c.stage)).map(|c| c.lost).sum();
        let small = |n: i64| i32::try_from(n).unwrap_or(i32::MAX);
        diesel::update(stages::table.filter(stages::id.eq(stage.id)))
            .set((
                (stages::wins.eq(Some(small(wins))), stages::settled.eq(Some(small(wins + lost)))),
                stages::measured_at.eq(Some(Utc::now())),
            ))
            .execute(tx.conn())?;
        let to = shrunk(wins, wins + lost, stage.default_probability());
        put(tx, stage, to, json!({ "from_history": { "wins": wins, "decided": wins + lost } }))?;
    }
    Ok(())
}

/// Sets the probability in use. The default stays beside it, and the version as it is: nobody's open form becomes stale.
fn put(tx: &mut OrgTx, stage: &Stage, to: i16, data: Value) -> AppResult<()> {
    if stage.probability == to {
        return Ok(());
    }
    diesel::update(stages::table.filter(stages::id.eq(stage.id)))
        .set((stages::probability.eq(to), stages::default_probability.eq(Some(stage.default_probability()))))
        .execute(tx.conn())?;
    fields::compute_using(tx, RecordType::Deal, "weighted_amount")?;
    let mut changes = Changes::new();
    changes.track("probability", &stage.probability, &to);
    tell(tx, Event::of("stage.updated", "stage", stage.id).changes(changes).data(data))
}

/// After a default was changed: the probability in use follows where the pipeline learns.
pub(super) fn follow(tx: &mut OrgTx, id: StageId) -> AppResult<()> {
    let stage = queries::stages(tx)?.into_iter().find(|s| s.id == id).ok_or(AppError::NotFound)?;
    match (stage.wins, stage.settled) {
        (Some(wins), Some(settled)) => {
            put(tx, &stage, shrunk(wins.into(), settled.into(), stage.default_probability()), json!({}))
        }
        _ => measure(tx, stage.pipeline_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_deals_move_it_little_and_many_outweigh_the_default() {
        assert_eq!(shrunk(0, 0, 40), 40);
        assert_eq!(shrunk(1, 1, 40), 43);
        assert_eq!(shrunk(34, 120, 40), 30);
        assert_eq!(shrunk(9_000, 10_000, 10), 90);
        assert_eq!((shrunk(0, 5, 0), shrunk(5, 5, 100)), (0, 100));
    }
}
