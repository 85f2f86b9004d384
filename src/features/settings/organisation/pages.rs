//! `/settings/organisation`.

use super::{
    commands::{self, Saved},
    queries::{self, Current},
    values::{self, Settings},
};
use crate::{
    db::Db,
    error::AppResult,
    features::settings::{SettingsNav, nav},
    web::{
        Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash,
        permission::organisation::Administer, reply,
    },
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;

#[derive(Template)]
#[template(path = "settings/organisation.html")]
struct OrganisationPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    /// What the command line calls it.
    slug: String,
    input: FormView,
    currencies: Vec<SelectOption>,
    locales: Vec<SelectOption>,
    zones: Vec<SelectOption>,
    months: Vec<SelectOption>,
    days: Vec<SelectOption>,
    conflict: Option<Conflict>,
}

/// What someone else saved while this form was open.
struct Conflict {
    who: String,
    when: String,
    /// Label, theirs, yours.
    differences: Vec<(&'static str, String, String)>,
}

pub async fn show(page: Page, by: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    let current = db.org(&by, queries::current).await?;
    let form = current.settings.to_form(current.version);
    answer(&page, StatusCode::OK, form.view(FormErrors::default()), None)
}

/// The page once more, with what is wrong with an upload.
pub(super) async fn with_errors(
    page: &Page,
    by: &Allow<Administer>,
    db: &Db,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let current = db.org(by, queries::current).await?;
    let form = current.settings.to_form(current.version);
    answer(page, StatusCode::UNPROCESSABLE_ENTITY, form.view(errors), None)
}

pub async fn save(page: Page, by: Allow<Administer>, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    let new = match Settings::parse(&form) {
        Ok(new) => new,
        Err(errors) => return answer(&page, StatusCode::UNPROCESSABLE_ENTITY, form.view(errors), None),
    };
    let version = form.get("version").parse().unwrap_or(0);
    let wanted = new.clone();
    let saved = db
        .org(&by.clone(), move |tx| {
            let saved = commands::update(tx, &by, version, &wanted)?;
            Ok((saved, queries::last_change(tx)?))
        })
        .await?;
    match saved {
        (Saved::Done, _) => {
            Ok(reply::redirect(&page.req, "/settings/organisation", Some(Flash::success("Organisation saved"))))
        }
        (Saved::Stale(current), change) => stale(&page, form, &new, &current, change),
    }
}

/// The form again with the user's own values, beside what was saved meanwhile; sending it once more is then a choice.
fn stale(
    page: &Page,
    mut form: Form,
    mine: &Settings,
    current: &Current,
    change: Option<(String, chrono::DateTime<chrono::Utc>)>,
) -> AppResult<HttpResponse> {
    let (who, when) = match change {
        Some((who, at)) => (who, page.within(at)),
        None => ("Someone".into(), "meanwhile".into()),
    };
    form.set("version", current.version.to_string());
    let conflict = Conflict { who, when, differences: current.settings.differences(mine) };
    answer(page, StatusCode::CONFLICT, form.view(FormErrors::default()), Some(conflict))
}

fn answer(page: &Page, status: StatusCode, input: FormView, conflict: Option<Conflict>) -> AppResult<HttpResponse> {
    let template = OrganisationPage {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "organisation",
        slug: page.org.slug.clone(),
        currencies: values::currencies(input.value("currency")),
        locales: values::locales(input.value("locale")),
        zones: values::zones(input.value("time_zone")),
        months: values::months(input.value("fiscal_year_start")),
        days: values::days(&input.all("working_days")),
        input,
        conflict,
    };
    reply::page_with(&page.req, status, &template)
}
