//! Changes to the organisation's settings, each an `organisation.updated` event with what was before.

use super::{
    queries::{self, Current},
    values::Settings,
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    events::{self, Changes, Event},
    schema::organisations,
    web::{Allow, permission::organisation::Administer},
};
use diesel::prelude::*;

/// How a save ended.
#[derive(Debug)]
pub enum Saved {
    Done,
    /// Someone saved since the form was opened; nothing was changed.
    Stale(Box<Current>),
}

/// Replaces the settings if they are still those of `version`.
pub fn update(tx: &mut OrgTx, _: &Allow<Administer>, version: i32, new: &Settings) -> AppResult<Saved> {
    let before = queries::current_for_update(tx)?;
    if before.version != version {
        return Ok(if before.settings == *new { Saved::Done } else { Saved::Stale(Box::new(before)) });
    }
    let changes = changes(&before.settings, new);
    if changes.is_empty() {
        return Ok(Saved::Done);
    }
    diesel::update(organisations::table.find(tx.org_id().0))
        .set((
            organisations::name.eq(&new.name),
            organisations::currency.eq(&new.currency),
            organisations::locale.eq(&new.locale),
            organisations::time_zone.eq(&new.time_zone),
            organisations::fiscal_year_start.eq(new.fiscal_year_start),
            organisations::working_days.eq(&new.working_days),
            (organisations::work_from.eq(new.work_from), organisations::work_to.eq(new.work_to)),
            organisations::version.eq(version + 1),
        ))
        .execute(tx.conn())?;
    record(tx, version + 1, changes)?;
    Ok(Saved::Done)
}

fn changes(before: &Settings, after: &Settings) -> Changes {
    let mut changes = Changes::new();
    changes
        .track("name", &before.name, &after.name)
        .track("currency", &before.currency, &after.currency)
        .track("locale", &before.locale, &after.locale)
        .track("time_zone", &before.time_zone, &after.time_zone)
        .track("fiscal_year_start", &before.fiscal_year_start, &after.fiscal_year_start)
        .track("working_days", &before.working_days, &after.working_days)
        .track("work_from", &before.work_from, &after.work_from)
        .track("work_to", &before.work_to, &after.work_to);
    changes
}

pub(super) fn record(tx: &mut OrgTx, version: i32, changes: Changes) -> AppResult<()> {
    let id = tx.org_id().0;
    events::record(tx, Event::of("organisation.updated", "organisation", id).version(version).changes(changes))
}
