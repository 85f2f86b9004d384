//! The settings as they are, and who changed them last.

use super::values::Settings;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    schema::organisations,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};

/// The settings with the version a save must name.
#[derive(Clone, Debug)]
pub struct Current {
    pub settings: Settings,
    pub version: i32,
}

type Row = (String, String, String, String, i16, Vec<Option<i16>>, (i16, i16), i32);

pub fn current(tx: &mut OrgTx) -> AppResult<Current> {
    read(tx, false)
}

/// Like [`current`], holding the row until the transaction ends.
pub fn current_for_update(tx: &mut OrgTx) -> AppResult<Current> {
    read(tx, true)
}

fn read(tx: &mut OrgTx, lock: bool) -> AppResult<Current> {
    let query = organisations::table.find(tx.org_id().0).select((
        organisations::name,
        organisations::currency,
        organisations::locale,
        organisations::time_zone,
        organisations::fiscal_year_start,
        organisations::working_days,
        (organisations::work_from, organisations::work_to),
        organisations::version,
    ));
    let row: Row = if lock { query.for_no_key_update().first(tx.conn())? } else { query.first(tx.conn())? };
    let (name, currency, locale, time_zone, fiscal_year_start, days, (work_from, work_to), version) = row;
    let working_days = days.into_iter().flatten().collect();
    let settings = Settings { name, currency, locale, time_zone, fiscal_year_start, working_days, work_from, work_to };
    Ok(Current { settings, version })
}

/// Who changed the settings last, and when.
pub fn last_change(tx: &mut OrgTx) -> AppResult<Option<(String, DateTime<Utc>)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Text)]
        name: String,
        #[diesel(sql_type = sql_types::Timestamptz)]
        at: DateTime<Utc>,
    }
    const SQL: &str = "
        SELECT coalesce(m.name, 'Pipewright') AS name, e.at
        FROM events e LEFT JOIN members m ON m.org_id = e.org_id AND m.id = e.actor_id
        WHERE e.org_id = app.org() AND e.record_id = app.org() AND e.record_type = 'organisation'
        ORDER BY e.at DESC LIMIT 1";
    let found = diesel::sql_query(SQL).get_result::<Row>(tx.conn()).optional()?;
    Ok(found.map(|row| (row.name, row.at)))
}
