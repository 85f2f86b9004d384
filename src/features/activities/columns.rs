//! The board of tasks: a column for each state.

use super::{
    lines::Line,
    model::OPEN,
    queries::{self, Asked, When},
    wish::Wish,
};
use crate::{db::OrgTx, error::AppResult, web::Actor};

/// Cards of a state.
const CARDS: i64 = 25;

/// A state of the board.
pub(super) struct Column {
    pub key: &'static str,
    pub label: &'static str,
    pub lines: Vec<Line>,
    pub more: Option<String>,
    /// Where its tasks can go.
    pub others: Vec<(&'static str, &'static str)>,
}

/// Each state's first tasks, and what was done last. `before` goes before each statement: it leaves the time that the page has.
pub(super) fn load(
    tx: &mut OrgTx,
    actor: &Actor,
    asked: &Asked,
    wish: &Wish,
    before: impl Fn(&mut OrgTx) -> AppResult<()>,
) -> AppResult<Vec<Column>> {
    let mut columns = Vec::new();
    let states: Vec<_> = OPEN.iter().copied().chain([("done", "Done")]).collect();
    for (key, label) in states.clone() {
        let closed = key == "done";
        let of_state = Asked {
            fold: !closed,
            when: if closed { When::Closed } else { When::Open },
            status: Some(key),
            limit: CARDS,
            after: None,
            ..asked.clone()
        };
        before(tx)?;
        let mut rows = queries::list(tx, actor, &of_state)?;
        let more = i64::try_from(rows.len()).unwrap_or(0) > CARDS;
        rows.truncate(usize::try_from(CARDS).unwrap_or(0));
        let when = if closed { "done" } else { "open" };
        let rest = wish.listed(when);
        let others = states.iter().copied().filter(|(other, _)| *other != key).collect();
        columns.push(Column { key, label, lines: Line::all(actor, rows), more: more.then_some(rest), others });
    }
    Ok(columns)
}
