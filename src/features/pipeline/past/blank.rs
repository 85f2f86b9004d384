//! What a past day or a comparison says when there is nothing to show: why, and what to do about it.

use super::asked::{Asked, Scope, today};
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    kernel::PipelineId,
    web::Actor,
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{prelude::*, sql_types as t};

pub(super) struct Blank {
    pub title: &'static str,
    pub text: String,
    pub href: String,
    pub label: &'static str,
}

#[derive(QueryableByName)]
struct First {
    #[diesel(sql_type = t::Timestamptz)]
    at: DateTime<Utc>,
}

/// Along the index of beginnings, so it ends at the first that the reader may see.
const FIRST: &str = "SELECT valid_from AS at FROM deal_states
WHERE pipeline_id = $1 AND valid_from > '-infinity' AND ($2 IS NULL OR owner_now = ANY ($2)) ORDER BY valid_from LIMIT 1";

/// Of a page whose latest day is `until`, on which nothing stood.
pub(super) fn of(
    tx: &mut OrgTx,
    actor: &Actor,
    id: PipelineId,
    (asked, scope): (&Asked, &Scope),
    until: NaiveDate,
) -> AppResult<Blank> {
    let query = diesel::sql_query(FIRST)
        .bind::<t::Uuid, _>(id.0)
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(scope.visible.clone());
    let first: Option<First> = kept(query).load(tx.conn())?.pop();
    let board = format!("/pipeline/{id}");
    let Some(first) = first else {
        return Ok(Blank {
            title: "No past yet",
            text: "Once deals stand in this pipeline, you see here how it was on any day, and what changed since."
                .into(),
            href: board,
            label: "To the board",
        });
    };
    let day = first.at.with_timezone(&actor.org.zone).date_naive();
    Ok(if day > until {
        Blank {
            title: "Nothing stood here yet",
            text: format!("The first deal came into this pipeline on {}.", actor.locale.day(day, today(actor))),
            href: format!("{board}/history?{}", asked.query(&[("on", day)])),
            label: "Look at that day",
        }
    } else if asked.owner.is_some() || asked.team.is_some() {
        Blank {
            title: "Nothing of theirs was open",
            text: "No deal of the owner or team chosen above stood in this pipeline then.".into(),
            href: format!("{board}/history?on={until}"),
            label: "Look at everybody’s",
        }
    } else {
        Blank {
            title: "Nothing was open",
            text: "No open deal stood in this pipeline then. Choose another day above.".into(),
            href: board,
            label: "To the board",
        }
    })
}
