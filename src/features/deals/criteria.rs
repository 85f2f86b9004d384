//! The checklist on a deal's page: what its stage wants done before it goes on, ticked by whom and when; and what was ticked before.

use super::{commands::announce, model::Deal, queries};
use crate::{
    db::{Db, OrgTx, Tx, kept},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::pipeline::{self, Stage},
    kernel::{CriterionId, DealId, RecordType},
    schema::deal_criteria,
    web::{Actor, Allow, Form, Page, permission::deals::Edit, reply},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};
use serde_json::json;
use uuid::Uuid;

/// The lists of the stages up to the one the deal is in; a list is shown as long as it has lines.
pub struct Checklist {
    pub stages: Vec<List>,
}

pub struct List {
    pub stage: String,
    /// The one it is in.
    pub current: bool,
    pub lines: Vec<Line>,
}

impl List {
    pub fn done(&self) -> usize {
        self.lines.iter().filter(|line| line.done.is_some()).count()
    }
}

pub struct Line {
    pub id: String,
    pub label: String,
    pub required: bool,
    /// "Priya Raman, Mon 14:30".
    pub done: Option<String>,
}

#[derive(QueryableByName)]
struct Tick {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    who: Option<String>,
    #[diesel(sql_type = t::Timestamptz)]
    at: DateTime<Utc>,
}

/// `stages`: those of its pipeline, in order.
pub(super) fn of(tx: &mut OrgTx, actor: &Actor, deal: &Deal, stages: &[Stage]) -> AppResult<Checklist> {
    let criteria = pipeline::criteria(tx)?;
    let at = stages.iter().position(|s| s.id == deal.stage_id).unwrap_or(0);
    let reached = &stages[..stages.len().min(at + 1)];
    if !criteria.iter().any(|c| reached.iter().any(|s| s.id == c.stage_id)) {
        return Ok(Checklist { stages: vec![] });
    }
    let sql = "SELECT d.criterion_id AS id, m.name AS who, d.done_at AS at FROM deal_criteria d
               LEFT JOIN members m ON m.org_id = d.org_id AND m.id = d.done_by WHERE d.deal_id = $1";
    let ticks: Vec<Tick> = kept(diesel::sql_query(sql).bind::<t::Uuid, _>(deal.id.0)).load(tx.conn())?;
    let done = |id: CriterionId| {
        let tick = ticks.iter().find(|tick| tick.id == id.0)?;
        Some(format!("{}, {}", tick.who.as_deref().unwrap_or("Someone"), actor.moment(tick.at)))
    };
    let list = |stage: &Stage| List {
        stage: stage.name.clone(),
        current: stage.id == deal.stage_id,
        lines: criteria
            .iter()
            .filter(|c| c.stage_id == stage.id)
            .map(|c| Line { id: c.id.to_string(), label: c.label.clone(), required: c.required, done: done(c.id) })
            .collect(),
    };
    Ok(Checklist { stages: reached.iter().rev().map(list).filter(|list| !list.lines.is_empty()).collect() })
}

/// `POST /deals/{id}/criteria/{criterion}`: `done` is `true`, or empty to take the tick away.
pub async fn tick(
    page: Page,
    by: Allow<Edit>,
    path: Path<(DealId, CriterionId)>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (deal, criterion) = path.into_inner();
    let done = form.get("done") == "true";
    db.org(&page, move |tx| {
        let deal = queries::lock(tx, &by, deal)?;
        set(tx, &by, &deal, criterion, done)
    })
    .await?;
    Ok(reply::redirect(&page.req, &format!("/deals/{deal}#checklist"), None))
}

/// The caller holds the deal. Doing so twice changes nothing.
pub(super) fn set(tx: &mut OrgTx, by: &Actor, deal: &Deal, id: CriterionId, done: bool) -> AppResult<()> {
    let label = pipeline::criteria(tx)?.into_iter().find(|c| c.id == id).ok_or(AppError::NotFound)?.label;
    let mine =
        deal_criteria::table.filter(deal_criteria::deal_id.eq(deal.id)).filter(deal_criteria::criterion_id.eq(id));
    let changed = if done {
        diesel::insert_into(deal_criteria::table)
            .values((
                deal_criteria::deal_id.eq(deal.id),
                deal_criteria::criterion_id.eq(id),
                deal_criteria::done_by.eq(Some(Uuid::from(by.id))),
            ))
            .on_conflict_do_nothing()
            .execute(tx.conn())?
    } else {
        diesel::delete(mine).execute(tx.conn())?
    };
    if changed == 0 {
        return Ok(());
    }
    let told = Some(json!({ "id": id, "name": label }));
    let mut changes = Changes::new();
    if done {
        changes.track("checklist", &None, &told)
    } else {
        changes.track("checklist", &told, &None)
    };
    events::record_quietly(tx, Event::new("deal.updated", RecordType::Deal, deal.id).changes(changes))?;
    announce(tx, deal.id, &[], None)
}
