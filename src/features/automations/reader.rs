//! Reading the inbox: each event out of it in the transaction of what it sets off.
//!
//! At least once: a job that dies leaves the row and its lease to another. Exactly once: the row goes, the run is written and the
//! actions are done by one commit. Events of one deal are read in their order, whoever reads.

use super::{
    actions::{self, Outcome},
    model::{self, Automation},
};
use crate::{
    db::{Db, OrgTx, Reason, Tx},
    error::{AppError, AppResult},
    features::{activities, deals, pipeline},
    jobs::{JobContext, JobOutcome},
    kernel::{AutomationId, AutomationRunId, DealId, MemberId, OrgId, PipelineId, StageId},
    schema::{automation_inbox as inbox, automation_runs as runs, automations, deals as deal_rows},
    web::Actor,
};
use anyhow::anyhow;
use diesel::{prelude::*, sql_types};
use serde_json::{Value, json};
use std::collections::HashMap;
use uuid::Uuid;

pub(super) const JOB: &str = "automations.run";
/// Automations that may stand between an event and a person. One more would be a circle, most likely.
pub const MOST_DEPTH: i32 = 5;
/// From this try on, what fails on our side is written into the log instead of being tried again.
const LAST_TRY: i32 = 5;
/// Events after which everybody's rights are looked up again.
const FRESH: usize = 50;

/// For the sweeps: deals that have been in a stage for as long as an automation waits. Who came to it more than three days ago was
/// missed because nobody worked then, and is left alone.
pub const SWEEP: &str = "
WITH due AS (
  SELECT a.org_id, a.id AS automation_id, d.id AS deal_id, d.stage_id,
    md5(d.id::text || ' ' || extract(epoch FROM d.stage_entered_at)::text)::uuid AS event_id
  FROM automations a JOIN deals d ON d.org_id = a.org_id AND d.stage_id = a.stage_id
  WHERE a.event = 'stayed' AND a.active_since IS NOT NULL AND d.status = 'open' AND d.archived_at IS NULL AND d.deleted_at IS NULL
    AND d.stage_entered_at <= now() - a.after_days * interval '1 day'
    AND d.stage_entered_at > greatest(a.active_since, now() - interval '3 days') - a.after_days * interval '1 day'
    AND NOT EXISTS (SELECT FROM automation_inbox i WHERE i.org_id = a.org_id AND i.automation_id = a.id AND i.deal_id = d.id)
    AND NOT EXISTS (SELECT FROM automation_runs r WHERE r.org_id = a.org_id AND r.automation_id = a.id
      AND r.event_id = md5(d.id::text || ' ' || extract(epoch FROM d.stage_entered_at)::text)::uuid)
  LIMIT 1000
), heard AS (
  INSERT INTO automation_inbox (org_id, event_id, deal_id, event, to_stage, automation_id)
  SELECT org_id, event_id, deal_id, 'stayed', stage_id, automation_id FROM due RETURNING org_id
)
INSERT INTO jobs (org_id, kind) SELECT DISTINCT org_id, 'automations.run' FROM heard";

/// For the sweeps: events that no job is to read. Whoever took a job over passes by what the other still holds, and ends the job; when
/// the other dies after that, what it held is left here.
pub const SWEEP_LEFT: &str = "
INSERT INTO jobs (org_id, kind)
SELECT o.id, 'automations.run' FROM organisations o
WHERE EXISTS (SELECT FROM automation_inbox i WHERE i.org_id = o.id)
  AND NOT EXISTS (SELECT FROM jobs j WHERE j.org_id = o.id AND j.kind = 'automations.run')";

/// An event that was not read yet.
#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = inbox)]
pub(super) struct Heard {
    pub event_id: Uuid,
    pub deal_id: DealId,
    pub event: String,
    pub from_stage: Option<StageId>,
    pub to_stage: Option<StageId>,
    pub automation_id: Option<AutomationId>,
    pub depth: i32,
    pub undo: bool,
}

/// Those with whose rights automations act, as their role lets them now. Who left is not among them.
pub(super) struct Keepers(HashMap<MemberId, Option<Actor>>);

impl Keepers {
    pub fn load(db: &Db, org: OrgId) -> AppResult<Self> {
        let members = db.org_now(&org, model::keepers)?;
        db.system_now(Reason::Jobs, |tx| {
            let actors = members.into_iter().map(|id| Ok((id, Actor::load(tx, id.into(), org)?)));
            actors.collect::<AppResult<_>>().map(Self)
        })
    }

    /// `None`: not looked up yet.
    fn of(&self, one: &Automation) -> Option<Option<&Actor>> {
        match one.saved_by {
            None => Some(None),
            Some(id) => self.0.get(&id).map(Option::as_ref),
        }
    }
}

enum Next {
    Read(Uuid),
    /// Somebody saved an automation meanwhile whose rights are not known here.
    Stranger,
    Nothing,
}

pub(super) fn run_job(ctx: &JobContext, _: &Value) -> anyhow::Result<JobOutcome> {
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    let mut keepers = Keepers::load(&ctx.db, org)?;
    let (mut after, mut read, mut failed) = (Uuid::nil(), 0, None);
    loop {
        let mut at = None;
        match ctx.db.org_now(&org, |tx| next(tx, &keepers, after, &mut at)) {
            Ok(Next::Nothing) => break,
            Ok(Next::Read(id)) => after = id,
            Ok(Next::Stranger) => keepers = Keepers::load(&ctx.db, org)?,
            Err(error) => {
                let Some(id) = at else { return Err(error.into()) };
                after = id;
                if ctx.attempt >= LAST_TRY {
                    ctx.db.org_now(&org, |tx| give_up(tx, id))?;
                }
                failed = Some(error);
            }
        }
        read += 1;
        if read % FRESH == 0 {
            keepers = Keepers::load(&ctx.db, org)?;
        }
    }
    match failed {
        Some(error) if ctx.attempt < LAST_TRY => Err(anyhow!("{error}")),
        _ => Ok(JobOutcome::Done),
    }
}

/// The first that nobody else reads, and that no earlier one of its deal stands before.
const NEXT: &str = "
SELECT i.id FROM automation_inbox i WHERE i.id > $1
  AND NOT EXISTS (SELECT FROM automation_inbox e WHERE e.deal_id = i.deal_id AND e.id < i.id)
ORDER BY i.id LIMIT 1 FOR UPDATE OF i SKIP LOCKED";

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

/// Reads one; `at` says which, when that fails.
fn next(tx: &mut OrgTx, keepers: &Keepers, after: Uuid, at: &mut Option<Uuid>) -> AppResult<Next> {
    let found: Option<Id> =
        diesel::sql_query(NEXT).bind::<sql_types::Uuid, _>(after).get_result(tx.conn()).optional()?;
    let Some(Id { id }) = found else { return Ok(Next::Nothing) };
    *at = Some(id);
    let heard: Heard = inbox::table.filter(inbox::id.eq(id)).select(Heard::as_select()).first(tx.conn())?;
    let set_off = set_off(tx, &heard)?;
    if set_off.iter().any(|one| keepers.of(one).is_none()) {
        return Ok(Next::Stranger);
    }
    take_back(tx, &heard)?;
    for one in &set_off {
        run(tx, keepers, &heard, one)?;
    }
    diesel::delete(inbox::table.filter(inbox::id.eq(id))).execute(tx.conn())?;
    Ok(Next::Read(id))
}

/// The automations that are on and wait for this, in order. None for a deal that is gone, or when somebody took something back.
fn set_off(tx: &mut OrgTx, heard: &Heard) -> AppResult<Vec<Automation>> {
    let there: Option<(PipelineId, StageId)> = deal_rows::table
        .filter(deal_rows::id.eq(heard.deal_id))
        .filter(deal_rows::deleted_at.is_null())
        .select((deal_rows::pipeline_id, deal_rows::stage_id))
        .first(tx.conn())
        .optional()?;
    let Some((pipeline, now_in)) = there.filter(|_| !heard.undo) else { return Ok(vec![]) };
    let on = automations::table.filter(automations::active_since.is_not_null());
    let order = (automations::position, automations::id);
    let all: Vec<Automation> = on.order(order).select(Automation::as_select()).load(tx.conn())?;
    // Where it came to, by the event: it may have gone on since.
    let to = heard.to_stage.unwrap_or(now_in);
    let pipeline = match heard.to_stage {
        Some(stage) if stage != now_in => pipeline::stage(tx, stage).map_or(pipeline, |stage| stage.pipeline_id),
        _ => pipeline,
    };
    let waits = |one: &Automation| match (one.event.as_str(), heard.event.as_str()) {
        ("entered", "moved" | "created") => one.stage_id == Some(to),
        ("left", "moved") => one.stage_id.is_some() && one.stage_id == heard.from_stage,
        // It has left the stage meanwhile: it did not stay.
        ("stayed", "stayed") => heard.automation_id == Some(one.id) && now_in == to,
        (waits, is) => waits == is && one.pipeline_id == pipeline && one.stage_id.is_none_or(|stage| stage == to),
    };
    Ok(all.into_iter().filter(waits).collect())
}

/// One automation, once for this event.
fn run(tx: &mut OrgTx, keepers: &Keepers, heard: &Heard, one: &Automation) -> AppResult<()> {
    let known = runs::table.filter(runs::automation_id.eq(one.id)).filter(runs::event_id.eq(heard.event_id));
    if diesel::select(diesel::dsl::exists(known)).get_result(tx.conn())? {
        return Ok(());
    }
    if heard.depth >= MOST_DEPTH {
        let why =
            format!("Automations set each other off {MOST_DEPTH} times in a row. It was not run, so that this ends.");
        return write(tx, heard, one, "stopped", Outcome::default(), Some(why));
    }
    let done = attempt(tx, keepers.of(one).flatten(), one, heard.deal_id, heard.depth);
    match done {
        Ok(outcome) => write(tx, heard, one, "done", outcome, None),
        Err(error) if is_passing(&error) => Err(error),
        Err(error) => write(tx, heard, one, "failed", Outcome::default(), Some(in_words(&error))),
    }
}

/// Every action or none. What happens says which automation it was, and how far from a person.
pub(super) fn attempt(
    tx: &mut OrgTx,
    keeper: Option<&Actor>,
    one: &Automation,
    deal: DealId,
    depth: i32,
) -> AppResult<Outcome> {
    let gone = "Whoever saved this automation last is no longer a member. Save it again to lend it your rights.";
    let by = keeper.ok_or_else(|| AppError::Conflict(gone.into()))?;
    tx.because(json!({ "automation": { "id": one.id, "name": one.name }, "automation_depth": depth + 1 }));
    tx.attempt(|tx| actions::perform(tx, by, one, deal))
}

/// Ours, or two at the same moment: another try may do it.
fn is_passing(error: &AppError) -> bool {
    match error {
        AppError::Internal(_) => true,
        AppError::Conflict(why) => why.ends_with("Try again."),
        _ => false,
    }
}

pub(super) fn in_words(error: &AppError) -> String {
    match error {
        AppError::NotFound => {
            "The deal, or something it needs, is not to be seen by whoever saved this automation last.".to_owned()
        }
        other => other.message(),
    }
}

fn write(
    tx: &mut OrgTx,
    heard: &Heard,
    one: &Automation,
    status: &str,
    outcome: Outcome,
    error: Option<String>,
) -> AppResult<()> {
    let (lines, plans) = outcome.kept();
    diesel::insert_into(runs::table)
        .values((
            (runs::id.eq(AutomationRunId::new()), runs::automation_id.eq(one.id), runs::deal_id.eq(heard.deal_id)),
            (runs::event_id.eq(heard.event_id), runs::event.eq(&heard.event), runs::from_stage.eq(heard.from_stage)),
            (runs::to_stage.eq(heard.to_stage), runs::depth.eq(heard.depth), runs::status.eq(status)),
            (runs::outcome.eq(lines), runs::plans.eq(plans), runs::error.eq(error)),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn())?;
    Ok(())
}

/// After the last try: the log says that it failed, and the deal's later events go on.
fn give_up(tx: &mut OrgTx, id: Uuid) -> AppResult<()> {
    let row = inbox::table.filter(inbox::id.eq(id)).select(Heard::as_select());
    let Some(heard) = row.for_update().first::<Heard>(tx.conn()).optional()? else { return Ok(()) };
    for one in set_off(tx, &heard)? {
        let why = "Something went wrong on our side, several times.".to_owned();
        write(tx, &heard, &one, "failed", Outcome::default(), Some(why))?;
    }
    diesel::delete(inbox::table.filter(inbox::id.eq(id))).execute(tx.conn())?;
    Ok(())
}

/// A deal that is back where its last move came from, or open again: what its move or its end planned and nobody touched goes.
fn take_back(tx: &mut OrgTx, heard: &Heard) -> AppResult<()> {
    let before = runs::table
        .filter(runs::deal_id.eq(heard.deal_id))
        .filter(runs::status.eq("done"))
        .order((runs::at.desc(), runs::id.desc()))
        .into_boxed();
    let before = match (heard.event.as_str(), heard.from_stage, heard.to_stage) {
        ("moved", Some(from), Some(to)) => before
            .filter(runs::event.eq("moved"))
            .filter(runs::from_stage.eq(Some(to)))
            .filter(runs::to_stage.eq(Some(from))),
        ("reopened", ..) => before.filter(runs::event.eq_any(["won", "lost"])),
        _ => return Ok(()),
    };
    let last: Option<Uuid> = before.select(runs::event_id).first(tx.conn()).optional()?;
    let Some(event) = last else { return Ok(()) };
    let of_event = runs::table
        .filter(runs::deal_id.eq(heard.deal_id))
        .filter(runs::event_id.eq(event))
        .filter(runs::status.eq("done"));
    let rows: Vec<(AutomationRunId, AutomationId, Vec<Option<Uuid>>)> =
        of_event.select((runs::id, runs::automation_id, runs::plans)).load(tx.conn())?;
    for (run, automation, plans) in rows {
        let plans: Vec<Uuid> = plans.into_iter().flatten().collect();
        let one = model::find(tx, automation)?;
        tx.because(json!({ "automation": { "id": one.id, "name": one.name } }));
        let count = activities::take_back_untouched(tx, &plans)?;
        let line = match count {
            0 => continue,
            1 => "Taken back: 1 that nobody had touched".to_owned(),
            n => format!("Taken back: {n} that nobody had touched"),
        };
        diesel::sql_query("UPDATE automation_runs SET status = 'taken_back', outcome = outcome || $2 WHERE id = $1")
            .bind::<sql_types::Uuid, _>(run)
            .bind::<sql_types::Text, _>(line)
            .execute(tx.conn())?;
    }
    Ok(())
}

/// What it would do to that deal as things are, found out by doing it and taking it back.
pub(super) fn trial(tx: &mut OrgTx, keeper: Option<&Actor>, one: &Automation, deal: DealId) -> AppResult<Outcome> {
    let mut found = None;
    let tried = tx.attempt(|tx| {
        found = Some(attempt(tx, keeper, one, deal, 0)?);
        Err::<(), _>(AppError::NotFound)
    });
    match (found, tried) {
        (Some(outcome), _) => Ok(outcome),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Ok(Outcome::default()),
    }
}

/// The deal of that number, if it is this person's to see.
pub(super) fn deal_of_number(tx: &mut OrgTx, actor: &Actor, text: &str) -> AppResult<Option<deals::Deal>> {
    let digits = text.trim().trim_start_matches(['D', 'd']).trim_start_matches('-');
    let Ok(number) = digits.parse::<i64>() else { return Ok(None) };
    let id: Option<DealId> =
        deal_rows::table.filter(deal_rows::number.eq(number)).select(deal_rows::id).first(tx.conn()).optional()?;
    match id.map(|id| deals::find(tx, actor, id)).transpose() {
        Err(AppError::NotFound) => Ok(None),
        other => other,
    }
}
