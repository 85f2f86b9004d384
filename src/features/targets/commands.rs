//! Setting a target, which is an event.

use super::{Circle, Goal, Period, model::Target};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    kernel::TargetId,
    schema::targets,
    web::{
        Allow,
        permission::{Permission, targets::Administer},
    },
};
use diesel::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;

/// Sets a target, or with `None` takes it away. Says whether that changed anything.
pub fn set(
    tx: &mut OrgTx,
    by: &Allow<Administer>,
    circle: &Circle,
    goal: Goal,
    period: Period,
    value: Option<Decimal>,
) -> AppResult<bool> {
    if !circle.editable {
        return Err(AppError::Forbidden(Administer::DENIED));
    }
    let found = find(tx, circle, goal, period)?;
    let before = found.as_ref().map(|(_, value)| value.normalize().to_string());
    let after = value.map(|value| value.normalize().to_string());
    if before == after {
        return Ok(false);
    }
    let id = found.as_ref().map_or_else(TargetId::new, |(id, _)| *id);
    match value {
        None => {
            diesel::delete(targets::table.filter(targets::id.eq(id))).execute(tx.conn())?;
        }
        Some(value) if found.is_some() => {
            diesel::update(targets::table.filter(targets::id.eq(id)))
                .set((
                    targets::value.eq(value),
                    targets::updated_by.eq(by.id.0),
                    targets::updated_at.eq(diesel::dsl::now),
                ))
                .execute(tx.conn())?;
        }
        Some(value) => insert(tx, by, id, circle, goal, period, value)?,
    }
    let mut changes = Changes::new();
    changes.track("value", &before, &after);
    let data = json!({
        "whose": circle.whose.to_string(), "name": circle.name, "measure": goal.measure.key(), "unit": period.unit.key(),
        "starts_on": period.span.from, "pipeline_id": goal.pipeline, "activity_type_id": goal.activity_type,
    });
    events::record(tx, Event::of("target.set", "target", id).changes(changes).data(data))?;
    Ok(true)
}

/// Takes a change back: what it made of the target, `after`, must still stand; it is `before` again.
pub fn set_back(
    tx: &mut OrgTx,
    by: &Allow<Administer>,
    (circle, goal, period): (&Circle, Goal, Period),
    (before, after): (Option<Decimal>, Option<Decimal>),
) -> AppResult<()> {
    let now = find(tx, circle, goal, period)?.map(|(_, value)| value);
    if now != after {
        return Err(AppError::Conflict("This target was changed since. Set it anew instead.".into()));
    }
    set(tx, by, circle, goal, period, before).map(drop)
}

fn insert(
    tx: &mut OrgTx,
    by: &Allow<Administer>,
    id: TargetId,
    circle: &Circle,
    goal: Goal,
    period: Period,
    value: Decimal,
) -> AppResult<()> {
    let (member, team) = circle.whose.columns();
    diesel::insert_into(targets::table)
        .values((
            (targets::id.eq(id), targets::member_id.eq(member), targets::team_id.eq(team)),
            (targets::pipeline_id.eq(goal.pipeline), targets::measure.eq(goal.measure.key())),
            (targets::activity_type_id.eq(goal.activity_type), targets::unit.eq(period.unit.key())),
            (targets::starts_on.eq(period.span.from), targets::value.eq(value), targets::updated_by.eq(by.id.0)),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// The row, held until the transaction ends.
fn find(tx: &mut OrgTx, circle: &Circle, goal: Goal, period: Period) -> AppResult<Option<(TargetId, Decimal)>> {
    let rows: Vec<(TargetId, Target)> = targets::table
        .filter(targets::starts_on.eq(period.span.from))
        .filter(targets::unit.eq(period.unit.key()))
        .filter(targets::measure.eq(goal.measure.key()))
        .select((targets::id, Target::as_select()))
        .for_update()
        .load(tx.conn())?;
    let mine = rows.into_iter().find(|(_, target)| target.whose() == circle.whose && target.goal() == goal);
    Ok(mine.map(|(id, target)| (id, target.value)))
}
