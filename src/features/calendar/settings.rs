//! `/settings/calendar`: a member's own working hours, and the feed that other programs subscribe to.

use super::hours;
use crate::{
    config::Config,
    db::{Db, OrgTx, Tx},
    error::AppResult,
    events::{self, Event},
    features::{
        accounts::{random_token, token_hash},
        activities::parse_time,
        settings::{self, SettingsNav},
    },
    kernel::MemberId,
    schema::{calendar_members, organisations},
    web::{Actor, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash, reply},
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use chrono::{DateTime, NaiveTime, Timelike, Utc};
use diesel::prelude::*;

/// Minutes before a start, and words for them.
const ALARMS: &[(&str, &str)] = &[
    ("", "No alarm"),
    ("0", "At the start"),
    ("5", "5 minutes before"),
    ("10", "10 minutes before"),
    ("15", "15 minutes before"),
    ("30", "30 minutes before"),
    ("60", "An hour before"),
    ("1440", "A day before"),
];

#[derive(Template)]
#[template(path = "calendar/settings.html")]
struct SettingsPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    input: FormView,
    /// `09:00 – 17:00`
    usual: String,
    alarms: Vec<SelectOption>,
    /// Since when there is a feed.
    since: Option<String>,
    /// Shown once, when it was made: the address, and the same for programs that open it.
    address: Option<(String, String)>,
}

#[derive(Queryable, Selectable, Clone, Debug, Default)]
#[diesel(table_name = calendar_members)]
struct Own {
    work_from: Option<i16>,
    work_to: Option<i16>,
    feed_made_at: Option<DateTime<Utc>>,
    feed_tasks: bool,
    feed_alarm: Option<i16>,
}

struct Wish {
    hours: Option<(i16, i16)>,
    tasks: bool,
    alarm: Option<i16>,
}

/// `GET /settings/calendar`
pub(super) async fn show(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    answer(&page, &db, StatusCode::OK, None, None).await
}

/// `POST /settings/calendar`: `work_from`, `work_to` (both empty: the organisation's), `feed_tasks`, `feed_alarm`
pub(super) async fn save(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let wish = match parse(&form) {
        Ok(wish) => wish,
        Err(errors) => {
            return answer(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, Some(form.view(errors)), None).await;
        }
    };
    let member = page.id;
    db.org(&page, move |tx| keep(tx, member, &wish)).await?;
    Ok(reply::redirect(&page.req, "/settings/calendar", Some(Flash::success("Calendar saved"))))
}

/// `POST /settings/calendar/feed`: a new address; the old one ends
pub(super) async fn make_feed(page: Page, db: Data<Db>, config: Data<Config>) -> AppResult<HttpResponse> {
    let token = random_token();
    let (member, hash) = (page.id, token_hash(&token));
    db.org(&page, move |tx| set_feed(tx, member, Some(hash))).await?;
    let path = format!("/calendar/feed/{token}.ics");
    let url = config.public_url.join(&path).map_err(anyhow::Error::from)?;
    let other = url.as_str().replacen(url.scheme(), "webcal", 1);
    answer(&page, &db, StatusCode::OK, None, Some((url.to_string(), other))).await
}

/// `POST /settings/calendar/feed/removal`
pub(super) async fn end_feed(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let member = page.id;
    db.org(&page, move |tx| set_feed(tx, member, None)).await?;
    let told = "The address no longer works. Programs that subscribed to it show nothing new.";
    Ok(reply::redirect(&page.req, "/settings/calendar", Some(Flash::success(told))))
}

fn parse(form: &Form) -> Result<Wish, FormErrors> {
    let mut p = form.parser();
    let minutes = |time: NaiveTime| i16::try_from(time.hour() * 60 + time.minute()).unwrap_or(0);
    let from = p.optional("work_from", parse_time).map(minutes);
    // Midnight at the end of a day is its end.
    let to = p.optional("work_to", parse_time).map(minutes).map(|n| if n == 0 { 1_440 } else { n });
    match (from, to) {
        (Some(from), Some(to)) if from >= to => p.error("work_to", "must be later than the beginning"),
        (Some(_), None) if form.get("work_to").is_empty() => p.error("work_to", "is needed with a beginning"),
        (None, Some(_)) if form.get("work_from").is_empty() => p.error("work_from", "is needed with an end"),
        _ => {}
    }
    let alarm = p.choice("feed_alarm", ALARMS).and_then(|key| key.parse().ok());
    let tasks = p.checkbox("feed_tasks");
    p.finish()?;
    Ok(Wish { hours: from.zip(to), tasks, alarm })
}

fn keep(tx: &mut OrgTx, member: MemberId, wish: &Wish) -> AppResult<()> {
    let values = (
        calendar_members::work_from.eq(wish.hours.map(|h| h.0)),
        calendar_members::work_to.eq(wish.hours.map(|h| h.1)),
        calendar_members::feed_tasks.eq(wish.tasks),
        calendar_members::feed_alarm.eq(wish.alarm),
    );
    diesel::insert_into(calendar_members::table)
        .values((calendar_members::member_id.eq(member), values))
        .on_conflict((calendar_members::org_id, calendar_members::member_id))
        .do_update()
        .set(values)
        .execute(tx.conn())?;
    Ok(())
}

fn set_feed(tx: &mut OrgTx, member: MemberId, hash: Option<String>) -> AppResult<()> {
    let kind = if hash.is_some() { "calendar_feed.made" } else { "calendar_feed.ended" };
    let values =
        (calendar_members::feed_made_at.eq(hash.is_some().then(Utc::now)), calendar_members::feed_hash.eq(hash));
    diesel::insert_into(calendar_members::table)
        .values((calendar_members::member_id.eq(member), values.clone()))
        .on_conflict((calendar_members::org_id, calendar_members::member_id))
        .do_update()
        .set(values)
        .execute(tx.conn())?;
    events::record(tx, Event::of(kind, "member", member))
}

fn load(tx: &mut OrgTx, member: MemberId) -> AppResult<(Own, (i16, i16))> {
    let own = calendar_members::table
        .filter(calendar_members::member_id.eq(member))
        .select(Own::as_select())
        .first(tx.conn())
        .optional()?;
    let usual = organisations::table
        .find(tx.org_id().0)
        .select((organisations::work_from, organisations::work_to))
        .first(tx.conn())?;
    Ok((own.unwrap_or(Own { feed_tasks: true, ..Own::default() }), usual))
}

fn to_form(own: &Own) -> Form {
    let time = |minutes: Option<i16>| minutes.map(|n| hours::clock(n % 1_440)).unwrap_or_default();
    Form::new(
        [
            ("work_from", time(own.work_from)),
            ("work_to", time(own.work_to)),
            ("feed_tasks", if own.feed_tasks { "true" } else { "" }.to_owned()),
            ("feed_alarm", own.feed_alarm.map(|n| n.to_string()).unwrap_or_default()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}

async fn answer(
    page: &Page,
    db: &Db,
    status: StatusCode,
    refused: Option<FormView>,
    address: Option<(String, String)>,
) -> AppResult<HttpResponse> {
    let member = page.id;
    let (own, (from, to)) = db.org(page, move |tx| load(tx, member)).await?;
    let input = refused.unwrap_or_else(|| to_form(&own).view(FormErrors::default()));
    let actor: &Actor = page;
    let alarm = |(key, label): &(&str, &str)| SelectOption::new(*key, *label, *key == input.value("feed_alarm"));
    let shown = SettingsPage {
        shell: page.shell("settings"),
        nav: settings::nav(actor),
        section: "calendar",
        usual: format!("{} – {}", hours::clock(from), hours::clock(to)),
        alarms: ALARMS.iter().map(alarm).collect(),
        since: own.feed_made_at.map(|at| actor.within(at)),
        input,
        address,
    };
    reply::page_with(&page.req, status, &shown)
}
