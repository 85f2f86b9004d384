//! When a deal is to close and where it counts in the forecast: moved from the forecast, the calendar or the timeline, by hand or by
//! keyboard. An edit like any other, answered with its undo.

use super::{
    commands::{self, must_be_on_board},
    model::{Deal, DealFields},
    queries,
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        pipeline::{
            self, CATEGORIES,
            forecast::periods::{Unit, day_in},
        },
        records::Saved,
    },
    kernel::{DealId, calendar},
    web::{Actor, Allow, Form, Page, flash::Flash, permission::deals::Edit, reply},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use chrono::NaiveDate;

const STAGE: &str = "stage";

/// What is asked for; `None`: left as it is.
struct Wanted {
    close: Option<Close>,
    /// A category, or `None` for the stage's.
    category: Option<Option<&'static str>>,
    /// The version it must still have: an undo undoes nothing else.
    seen: Option<i32>,
}

enum Close {
    On(Option<NaiveDate>),
    /// Some day of the period around this one.
    Within(Unit, NaiveDate),
}

/// `POST /deals/{id}/forecast`: `period` and `unit`, or `on`; `category`. An undo says the same in its address, and `seen`.
pub async fn save(page: Page, by: Allow<Edit>, id: Path<DealId>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let said = match page.req.query_string() {
        "" => form,
        query => Form::decode(query.as_bytes())?,
    };
    let wanted = Wanted::parse(&said)?;
    let undo = wanted.seen.is_some();
    let (before, after) = db.org(&page, move |tx| apply(tx, &by, *id, &wanted)).await?;
    let back = (before.version != after.version && !undo).then(|| undo_href(&before, &after));
    answer(&page, &after, &words(&page, &before, &after, undo), back)
}

impl Wanted {
    fn parse(form: &Form) -> AppResult<Self> {
        let mut p = form.parser();
        let unit = p.optional("unit", |text| Unit::parse(text).ok_or("is not one of the choices"));
        let day = |text: &str| match text {
            "none" => Ok(None),
            text => calendar::parse_date(text).map(Some),
        };
        let on = p.optional("on", day).map(Close::On);
        let period = p.optional("period", day).map(|day| match day {
            None => Close::On(None),
            Some(day) => Close::Within(unit.unwrap_or_default(), day),
        });
        let category = p.optional("category", |text| match text {
            STAGE => Ok(None),
            key => match CATEGORIES.iter().find(|(known, _)| *known == key) {
                Some((key, _)) => Ok(Some(*key)),
                None => Err("is not one of the choices"),
            },
        });
        let seen = p.integer("seen", 1, i32::MAX.into()).and_then(|n| i32::try_from(n).ok());
        p.finish()?;
        Ok(Self { close: on.or(period), category, seen })
    }
}

/// The deal as it was, and as it is.
fn apply(tx: &mut OrgTx, by: &Allow<Edit>, id: DealId, wanted: &Wanted) -> AppResult<(Deal, Deal)> {
    let deal = queries::find(tx, by, id)?;
    must_be_on_board(&deal)?;
    if wanted.seen.is_some_and(|seen| seen != deal.version) {
        return Err(AppError::Conflict("Someone changed this deal since. Nothing was undone.".into()));
    }
    let mut fields = DealFields::from(&deal);
    let (fiscal_start, days) = (by.org.fiscal_year_start, by.org.working_days);
    match wanted.close {
        None => {}
        Some(Close::On(day)) => fields.expected_close_on = day,
        Some(Close::Within(unit, at)) => {
            let period = unit.around(at, fiscal_start);
            fields.expected_close_on = Some(day_in(unit, period, deal.expected_close_on, fiscal_start, days));
        }
    }
    if let Some(category) = wanted.category {
        let of_stage = pipeline::stage(tx, deal.stage_id)?.forecast_category;
        // What its stage says anyway is not said again, unless an undo brings back that it was.
        fields.forecast_override = category.filter(|key| *key != of_stage || wanted.seen.is_some()).map(str::to_owned);
    }
    match commands::update(tx, by, id, deal.version, fields)? {
        Saved::Done(_) => Ok((deal, commands::reread(tx, id)?)),
        Saved::Stale => {
            Err(AppError::Conflict("Someone changed this deal at the same moment. Look again, then try again.".into()))
        }
    }
}

fn undo_href(before: &Deal, after: &Deal) -> String {
    let on = before.expected_close_on.map_or_else(|| "none".to_owned(), |day| day.to_string());
    let category = before.forecast_override.as_deref().unwrap_or(STAGE);
    format!("/deals/{}/forecast?on={on}&category={category}&seen={}", after.id, after.version)
}

/// What changed, and when nobody will be at work to close it.
fn words(actor: &Actor, before: &Deal, after: &Deal, undo: bool) -> String {
    let name: String = after.name.chars().take(60).collect();
    if undo {
        return format!("{name} is back where it was");
    }
    let mut told = Vec::new();
    if before.expected_close_on != after.expected_close_on {
        told.push(match after.expected_close_on {
            Some(day) => format!("{name} is to close on {}", actor.locale.day(day, actor.today())),
            None => format!("{name} has no expected close"),
        });
    }
    if before.forecast_override != after.forecast_override {
        let key = after.forecast_override.as_deref();
        let label = CATEGORIES.iter().find(|(known, _)| Some(*known) == key).map(|(_, label)| label.to_lowercase());
        told.push(match label {
            Some(label) => format!("{name} counts as {label}"),
            None => format!("{name} counts as its stage says"),
        });
    }
    if told.is_empty() {
        return format!("{name} stays as it is");
    }
    let warning = after.expected_close_on.filter(|_| before.expected_close_on != after.expected_close_on);
    match warning.and_then(|day| actor.org.working_days.warning(day, actor.locale)) {
        Some(warning) => format!("{}. {warning}", told.join(", ")),
        None => told.join(", "),
    }
}

fn answer(page: &Page, deal: &Deal, told: &str, undo: Option<String>) -> AppResult<HttpResponse> {
    if reply::is_partial(&page.req) {
        let response = HttpResponse::NoContent().finish();
        return Ok(reply::toast(response, "success", told, undo.as_deref()));
    }
    let flash = match undo {
        Some(undo) => Flash::success(told).undo(undo),
        None => Flash::success(told),
    };
    Ok(reply::redirect(&page.req, &format!("/deals/{}", deal.id), Some(flash)))
}
