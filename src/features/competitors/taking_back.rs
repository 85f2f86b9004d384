//! Taking back the competitors that an import put on the list, as far as no deal names them and nobody changed them since.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    events::{self, Changes, Event},
    kernel::CompetitorId,
    schema::competitors,
};
use diesel::{prelude::*, sql_query, sql_types};

/// What a deal that may still come to somebody's eyes is: one in the bin may come back, but for those that this very undo sent there
/// (`undo_created` is the import's).
const COUNTS: &str = "(d.deleted_at IS NULL OR NOT EXISTS (SELECT FROM undo_created u WHERE u.record_type = 'deal' AND u.id = d.id \
     AND u.reason IS NULL))";

fn met() -> String {
    format!(
        "SELECT c.id FROM competitors c WHERE c.id = ANY ($1) AND (EXISTS (SELECT FROM deal_competitors x \
           JOIN deals d ON d.org_id = x.org_id AND d.id = x.deal_id WHERE x.org_id = c.org_id AND x.competitor_id = c.id AND {COUNTS}) \
         OR EXISTS (SELECT FROM deals d WHERE d.org_id = c.org_id AND d.lost_to = c.id AND {COUNTS}))"
    )
}

#[derive(QueryableByName)]
struct Met {
    #[diesel(sql_type = sql_types::Uuid)]
    id: CompetitorId,
}

/// Part of an import's undo: follows the removal of the deals that go. Returns what is gone and what is left, in words, the latter with the reason.
pub fn take_back(tx: &mut OrgTx, made: &[CompetitorId]) -> AppResult<(Vec<String>, Vec<String>)> {
    let (mut gone, mut left, mut go) = (Vec::new(), Vec::new(), Vec::new());
    if made.is_empty() {
        return Ok((gone, left));
    }
    // Whoever names one of them on a deal waits, or is seen below.
    let there: Vec<(CompetitorId, String, i32)> = competitors::table
        .filter(competitors::id.eq_any(made))
        .select((competitors::id, competitors::name, competitors::version))
        .order(competitors::id)
        .for_update()
        .load(tx.conn())?;
    let met: Vec<Met> = sql_query(met()).bind::<sql_types::Array<sql_types::Uuid>, _>(made).load(tx.conn())?;
    for (id, name, version) in there {
        if met.iter().any(|met| met.id == id) {
            left.push(format!("competitor {name}, which is on deals"));
        } else if version > 1 {
            left.push(format!("competitor {name}, which was changed since"));
        } else {
            gone.push(format!("competitor {name}"));
            go.push((id, name));
        }
    }
    let ids: Vec<CompetitorId> = go.iter().map(|(id, _)| *id).collect();
    diesel::delete(competitors::table.filter(competitors::id.eq_any(&ids))).execute(tx.conn())?;
    for (id, name) in go {
        let mut changes = Changes::new();
        changes.track("name", &Some(name), &None);
        events::record_quietly(tx, Event::of("competitor.deleted", "competitor", id).changes(changes))?;
    }
    Ok((gone, left))
}
