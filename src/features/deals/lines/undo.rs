//! Lines in history: an event keeps a changed line under a key of its own, as it was and as it became, so that each can be set back by
//! itself.

use super::{
    super::model::{AmountFrom, Deal},
    commands,
    model::{self, Line},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::Changes,
    kernel::{DealId, LineId, Money},
    web::{Actor, Allow, permission::deals::Edit},
};
use diesel::{prelude::*, sql_types};
use serde_json::{Value, json};

/// What a line's key begins with; its id follows.
pub const KEY: &str = "line:";

/// Notes a line that changed, in words and as a whole.
pub(super) fn track(changes: &mut Changes, by: &Actor, currency: &str, before: Option<&Line>, after: Option<&Line>) {
    let Some(line) = after.or(before) else { return };
    let kept = |line: Option<&Line>| -> Value {
        line.map_or(Value::Null, |line| json!({ "id": line.id, "name": words(by, currency, line), "line": line }))
    };
    changes.track(&format!("{KEY}{}", line.id), &kept(before), &kept(after));
}

/// "2 × GTX Pro, €9,642.00".
pub(super) fn words(by: &Actor, currency: &str, line: &Line) -> String {
    let quantity = by.locale.decimal(line.quantity, line.quantity.normalize().scale());
    let net = by.locale.money(Money::from_columns(line.net(), currency));
    format!("{quantity} × {}, {net}", line.name)
}

/// What the timeline calls a change of one line.
pub(super) fn title(by: &Actor, currency: &str, before: Option<&Line>, after: Option<&Line>) -> String {
    match (before, after) {
        (None, Some(line)) => format!("Added {}", words(by, currency, line)),
        (Some(line), None) => format!("Took off {}", words(by, currency, line)),
        (_, line) => format!("Changed {}", line.map(|line| line.name.as_str()).unwrap_or_default()),
    }
}

/// The line holds again what it held before: taken off, put back, or as it was.
pub fn set_back(tx: &mut OrgTx, by: &Allow<Edit>, deal: DealId, before: &Value, after: &Value) -> AppResult<()> {
    let deal = commands::hold(tx, by, deal)?;
    let line = |value: &Value| -> AppResult<Option<Line>> {
        match value {
            Value::Null => Ok(None),
            value => serde_json::from_value(value["line"].clone()).map(Some).map_err(|_| cannot()),
        }
    };
    match (line(before)?, line(after)?) {
        (Some(was), Some(_)) => {
            let now = model::find(tx, deal.id, was.id)?;
            let was = Line { position: now.position, ..was };
            commands::write(tx, &was)?;
            commands::settle(tx, by, &deal, deal.amount_from, &[(Some(now), Some(was))])
        }
        (Some(was), None) => put_back(tx, by, &deal, was),
        (None, Some(now)) => commands::remove(tx, by, &deal, now.id).map(drop),
        (None, None) => Ok(()),
    }
}

fn cannot() -> AppError {
    AppError::Conflict("How this line was is not known any more.".into())
}

fn put_back(tx: &mut OrgTx, by: &Allow<Edit>, deal: &Deal, was: Line) -> AppResult<()> {
    let there = model::of(tx, deal.id)?;
    if there.iter().any(|line| line.id == was.id) {
        return Ok(());
    }
    commands::insert(tx, &was)?;
    let from = if there.is_empty() && deal.amount.is_none() { AmountFrom::Lines } else { deal.amount_from };
    commands::settle(tx, by, deal, from, &[(None, Some(was))])
}

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = sql_types::Jsonb)]
    pair: Value,
}

/// Puts a line back that was taken off last.
pub(super) fn restore(tx: &mut OrgTx, by: &Allow<Edit>, deal: DealId, id: LineId) -> AppResult<()> {
    let deal = commands::hold(tx, by, deal)?;
    let taken: Taken = diesel::sql_query(
        "SELECT changes->$2 AS pair FROM events WHERE record_id = $1 AND record_type = 'deal' AND jsonb_exists(changes, $2) \
         ORDER BY at DESC, version DESC LIMIT 1",
    )
    .bind::<sql_types::Uuid, _>(deal.id.0)
    .bind::<sql_types::Text, _>(format!("{KEY}{id}"))
    .get_result(tx.conn())?;
    match (&taken.pair[0], &taken.pair[1]) {
        (before, Value::Null) if !before.is_null() => {
            tx.because(json!({ "undo": true }));
            let was: Line = serde_json::from_value(before["line"].clone()).map_err(|_| cannot())?;
            put_back(tx, by, &deal, was)
        }
        _ => Err(AppError::Conflict("The line is there already.".into())),
    }
}
