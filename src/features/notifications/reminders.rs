//! Reminders of what is planned, and word of tasks that are overdue.
//!
//! A sweep makes them, in SQL (`app.remind`): it holds the clock of each organisation that no other worker holds, makes the notices and
//! the orders for their mail that came due since the clock's time, and sets it, all in one transaction. So a killed worker leaves
//! everything to the next, and the notices' own key (`reminder:…`) sees to it that nobody is told twice.

use super::quiet::Settings;
use crate::{
    db::{Db, OrgTx, Tx},
    error::AppResult,
    features::activities::{self, Activity},
    kernel::{ActivityId, ActivitySeriesId},
    schema::{activities as rows, activity_reminders},
    web::{Actor, Form, Page, SelectOption, flash::Flash, permission::activities::View, reply},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use diesel::prelude::*;

/// For the sweeps.
pub const SWEEP: &str = "SELECT app.remind()";

/// Minutes before the start; of what has only a day, whole days before eight in the morning. `app.remind` looks at just these.
const LEADS: &[(i32, &str)] = &[
    (0, "When it starts"),
    (5, "5 minutes before"),
    (10, "10 minutes before"),
    (15, "15 minutes before"),
    (30, "30 minutes before"),
    (60, "An hour before"),
    (120, "Two hours before"),
    (1440, "A day before"),
    (2880, "Two days before"),
    (10080, "A week before"),
];
const NONE: &str = "none";
const USUAL: &str = "usual";

/// `15`, or `none`; the outer `None` is no choice at all.
pub(super) fn parse_lead(text: &str) -> Option<Option<i32>> {
    if text == NONE {
        return Some(None);
    }
    let minutes: i32 = text.parse().ok()?;
    LEADS.iter().any(|(known, _)| *known == minutes).then_some(Some(minutes))
}

pub(super) fn lead_key(minutes: Option<i32>) -> String {
    minutes.map_or_else(|| NONE.to_owned(), |minutes| minutes.to_string())
}

pub(super) fn leads(chosen: &str) -> Vec<SelectOption> {
    let of_time = LEADS.iter().map(|(minutes, label)| (minutes.to_string(), *label));
    of_time
        .chain([(NONE.to_owned(), "No reminder")])
        .map(|(key, label)| SelectOption::new(key.clone(), label, key == chosen))
        .collect()
}

fn label(minutes: Option<i32>) -> &'static str {
    let known = LEADS.iter().find(|(known, _)| Some(*known) == minutes);
    known.map_or("No reminder", |(_, label)| label)
}

/// The reader's choice on an activity's page; nothing when it is not theirs, closed or at no time.
pub fn choices(tx: &mut OrgTx, actor: &Actor, activity: &Activity) -> AppResult<Vec<SelectOption>> {
    let timed = activity.fields.start_at.is_some() || activity.fields.due_on.is_some();
    if !activity.is_open() || !timed || !activities::concerns(tx, actor, activity)? {
        return Ok(vec![]);
    }
    let own: Option<Option<i32>> = activity_reminders::table
        .filter(activity_reminders::activity_id.eq(activity.id))
        .filter(activity_reminders::member_id.eq(actor.id))
        .select(activity_reminders::minutes)
        .first(tx.conn())
        .optional()?;
    let usual = label(Settings::load(tx, actor)?.lead_minutes).to_lowercase();
    let mut options = vec![SelectOption::new(USUAL, format!("As usual: {usual}"), own.is_none())];
    options.extend(leads(&own.map(lead_key).unwrap_or_default()));
    Ok(options)
}

/// The choice on the form of something new, of which the reader's usual one is the first.
pub fn offered(tx: &mut OrgTx, actor: &Actor) -> AppResult<Vec<(String, String)>> {
    let usual = label(Settings::load(tx, actor)?.lead_minutes).to_lowercase();
    let mut all = vec![(USUAL.to_owned(), format!("As usual: {usual}"))];
    all.extend(leads("").into_iter().map(|option| (option.value, option.label)));
    Ok(all)
}

/// What a form says in that field; nothing said is the usual.
fn read(form: &Form, field: &str) -> AppResult<Option<Option<i32>>> {
    let mut p = form.parser();
    let lead = p.optional(field, |text| match text {
        USUAL => Ok(None),
        other => parse_lead(other).map(Some).ok_or("is not one of the choices"),
    });
    p.finish()?;
    Ok(lead.flatten())
}

/// The choice (`reminder`) of whoever plans something new; what is made of it as a series has it too.
pub fn choose_new(tx: &mut OrgTx, actor: &Actor, id: ActivityId, form: &Form) -> AppResult<()> {
    match read(form, "reminder")? {
        Some(minutes) => choose(tx, actor, id, Some(minutes)),
        None => Ok(()),
    }
}

/// `POST /activities/{id}/reminder`: `lead` (minutes, `none` or `usual`), for oneself; `scope` `series`: of all that are open.
pub(super) async fn save(page: Page, id: Path<ActivityId>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let lead = read(&form, "lead")?;
    let whole = form.get("scope") == "series";
    let (actor, id) = (page.actor.clone(), *id);
    db.org(&page, move |tx| {
        let series = activities::find(tx, &actor, id)?.series_id.filter(|_| whole);
        let ids = match series {
            Some(series) => open_ones(tx, series)?,
            None => vec![id],
        };
        ids.into_iter().try_for_each(|id| choose(tx, &actor, id, lead))
    })
    .await?;
    Ok(reply::redirect(&page.req, &format!("/activities/{id}"), Some(Flash::success("Reminder saved"))))
}

/// The occurrences of a series that are still to come: a year's at most.
fn open_ones(tx: &mut OrgTx, series: ActivitySeriesId) -> AppResult<Vec<ActivityId>> {
    Ok(rows::table
        .filter(rows::series_id.eq(series))
        .filter(rows::closed_at.is_null())
        .filter(rows::deleted_at.is_null())
        .select(rows::id)
        .load(tx.conn())?)
}

fn choose(tx: &mut OrgTx, actor: &Actor, id: ActivityId, lead: Option<Option<i32>>) -> AppResult<()> {
    let Some(minutes) = lead else {
        diesel::delete(
            activity_reminders::table
                .filter(activity_reminders::activity_id.eq(id))
                .filter(activity_reminders::member_id.eq(actor.id)),
        )
        .execute(tx.conn())?;
        return Ok(());
    };
    diesel::insert_into(activity_reminders::table)
        .values((
            activity_reminders::activity_id.eq(id),
            activity_reminders::member_id.eq(actor.id),
            activity_reminders::minutes.eq(minutes),
        ))
        .on_conflict((activity_reminders::org_id, activity_reminders::activity_id, activity_reminders::member_id))
        .do_update()
        .set(activity_reminders::minutes.eq(minutes))
        .execute(tx.conn())?;
    Ok(())
}
