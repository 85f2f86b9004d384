//! How many recipients a day: each member's, and all of them together. A day is the organisation's. What several workers send at the
//! same moment may pass a limit by as many as there are workers.

use super::settings::MailSettings;
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    kernel::calendar,
    web::Actor,
};
use chrono::{DateTime, Days, NaiveTime, Utc};
use diesel::{prelude::*, sql_types as t};

#[derive(QueryableByName, Clone, Copy, Debug)]
struct Sent {
    #[diesel(sql_type = t::BigInt)]
    mine: i64,
    #[diesel(sql_type = t::BigInt)]
    all: i64,
}

/// How many more recipients this person may write to today.
pub fn left(tx: &mut OrgTx, actor: &Actor, settings: &MailSettings) -> AppResult<i64> {
    let sql = "SELECT coalesce(sum(sent) FILTER (WHERE member_id = $1), 0) AS mine, coalesce(sum(sent), 0) AS \"all\"
               FROM mail_counts WHERE day = $2";
    let query = diesel::sql_query(sql).bind::<t::Uuid, _>(actor.id).bind::<t::Date, _>(calendar::today(actor.org.zone));
    let sent: Sent = kept(query).get_result(tx.conn())?;
    let mine = i64::from(settings.daily_member) - sent.mine;
    Ok(mine.min(i64::from(settings.daily_total) - sent.all).max(0))
}

/// One recipient more. Last in the transaction: other senders wait for it.
pub fn count(tx: &mut OrgTx, actor: &Actor) -> AppResult<()> {
    diesel::sql_query(
        "INSERT INTO mail_counts (day, member_id, sent) VALUES ($1, $2, 1)
         ON CONFLICT (org_id, day, member_id) DO UPDATE SET sent = mail_counts.sent + 1",
    )
    .bind::<t::Date, _>(calendar::today(actor.org.zone))
    .bind::<t::Uuid, _>(actor.id)
    .execute(tx.conn())?;
    Ok(())
}

/// When the next day begins.
pub fn tomorrow(actor: &Actor) -> DateTime<Utc> {
    let day = calendar::today(actor.org.zone) + Days::new(1);
    let midnight = day.and_time(NaiveTime::MIN).and_local_timezone(actor.org.zone).earliest();
    midnight.map_or_else(|| Utc::now() + chrono::Duration::days(1), |at| at.to_utc())
}

/// Counts of long ago go.
pub const SWEEP: &str = "DELETE FROM mail_counts WHERE day < current_date - 60";
