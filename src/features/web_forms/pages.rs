//! `/settings/web-forms`: what forms there are, a new one, one to change and to put into a site.

use super::{
    commands, forms,
    model::{WebField, WebForm},
    offered::{self, CONSENT},
    public::TRAP,
    queries::{self, Counted},
};
use crate::{
    config::Config,
    db::Db,
    error::{AppError, AppResult},
    features::{
        fields::{Control, Entry, Input},
        settings::{SettingsNav, nav},
    },
    kernel::WebFormId,
    web::{Allow, Form, FormErrors, FormView, Page, Shell, flash::Flash, permission::organisation::Administer, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

#[derive(Template)]
#[template(path = "web_forms/index.html")]
struct Index {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    forms: Vec<Made>,
    /// How many wait in quarantine, as far as 100.
    waiting: usize,
}

struct Made {
    form: Counted,
    leads: String,
    latest: String,
}

/// `GET /settings/web-forms`
pub(super) async fn index(page: Page, by: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    let (forms, waiting) = db.org(&by, |tx| Ok((queries::counted(tx)?, queries::waiting(tx)?))).await?;
    let made = |form: Counted| Made {
        leads: page.actor.locale.integer(form.received),
        latest: form.latest.map(|at| page.actor.moment(at)).unwrap_or_default(),
        form,
    };
    let forms = forms.into_iter().map(made).collect();
    let (shell, nav) = (page.shell("settings"), nav(&page));
    reply::page(&page.req, &Index { shell, nav, section: "web-forms", forms, waiting })
}

#[derive(Template)]
#[template(path = "web_forms/form.html")]
struct FormPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    title: String,
    id: Option<WebFormId>,
    input: FormView,
    lines: Vec<Line>,
    /// Of one that is there: its address, and what goes into a page.
    embed: Option<Embed>,
}

/// A field that may stand on the form.
struct Line {
    key: String,
    field_label: String,
    own: bool,
    shown: bool,
    required: bool,
    label: String,
    order: String,
}

struct Embed {
    address: String,
    frame: String,
    html: String,
    may_be_framed: bool,
}

/// The form as plain HTML for somebody's own page.
#[derive(Template)]
#[template(path = "web_forms/_snippet.html")]
struct Snippet {
    address: String,
    inputs: Vec<Input>,
    consent_text: String,
    button: String,
}

/// `GET /settings/web-forms/new`
pub(super) async fn new(page: Page, by: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    answer(&page, &by, &db, None, StatusCode::OK, forms::proposal(), FormErrors::default()).await
}

/// `POST /settings/web-forms`
pub(super) async fn create(page: Page, by: Allow<Administer>, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    let (who, posted) = (by.clone(), form.clone());
    let made = db
        .org(&by, move |tx| {
            let new = forms::parse(&posted, &offered::all(tx)?)?;
            commands::create(tx, &who, &new)
        })
        .await;
    match made {
        Ok(id) => {
            let flash = Flash::success("Form made. Copy it into your site from here.");
            Ok(reply::redirect(&page.req, &format!("/settings/web-forms/{id}"), Some(flash)))
        }
        Err(AppError::Invalid(errors)) => {
            answer(&page, &by, &db, None, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await
        }
        Err(other) => Err(other),
    }
}

/// `GET /settings/web-forms/{id}`
pub(super) async fn show(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<WebFormId>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let form = db.org(&by, move |tx| queries::find(tx, id)).await?;
    answer(&page, &by, &db, Some(id), StatusCode::OK, forms::to_form(&form), FormErrors::default()).await
}

/// `POST /settings/web-forms/{id}`
pub(super) async fn update(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<WebFormId>,
    mut form: Form,
) -> AppResult<HttpResponse> {
    let (id, who, posted) = (*id, by.clone(), form.clone());
    let saved = db
        .org(&by, move |tx| {
            queries::find(tx, id)?;
            let new = forms::parse(&posted, &offered::all(tx)?)?;
            commands::update(tx, &who, id, posted.get("version").parse().unwrap_or(0), &new)
        })
        .await;
    match saved {
        Ok(Ok(())) => {
            let to = format!("/settings/web-forms/{id}");
            Ok(reply::redirect(&page.req, &to, Some(Flash::success("Form saved"))))
        }
        Ok(Err(now)) => {
            form.set("version", now.version.to_string());
            let errors = FormErrors::one(
                "",
                "Someone else changed this form while you were here. Below is yours: saving again replaces what they saved.",
            );
            answer(&page, &by, &db, Some(id), StatusCode::CONFLICT, form, errors).await
        }
        Err(AppError::Invalid(errors)) => {
            answer(&page, &by, &db, Some(id), StatusCode::UNPROCESSABLE_ENTITY, form, errors).await
        }
        Err(other) => Err(other),
    }
}

async fn answer(
    page: &Page,
    by: &Allow<Administer>,
    db: &Db,
    id: Option<WebFormId>,
    status: StatusCode,
    form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (offered, made) = db
        .org(by, move |tx| {
            let made = match id {
                Some(id) => {
                    let form = queries::find(tx, id)?;
                    let standing = offered::standing(tx, &form.made)?;
                    Some((form, standing))
                }
                None => None,
            };
            Ok((offered::all(tx)?, made))
        })
        .await?;
    let config =
        page.req.app_data::<Data<Config>>().ok_or_else(|| anyhow::anyhow!("no settings in the application"))?;
    let embed = made.as_ref().map(|(form, standing)| Embed::new(config, form, standing)).transpose()?;
    let whole = FormPage {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "web-forms",
        title: made.map_or_else(|| "New web form".to_owned(), |(form, _)| form.made.name),
        id,
        lines: lines(&offered, &form),
        input: form.view(errors),
        embed,
    };
    reply::page_with(&page.req, status, &whole)
}

/// What stands on the form first, in its order.
fn lines(offered: &[Entry], form: &Form) -> Vec<Line> {
    let shown: Vec<&str> = form.all("show").collect();
    let required: Vec<&str> = form.all("required").collect();
    let line = |entry: &Entry| Line {
        key: entry.key.clone(),
        field_label: entry.label.clone(),
        own: entry.is_custom(),
        shown: shown.contains(&entry.key.as_str()),
        required: required.contains(&entry.key.as_str()),
        label: form.get(&format!("label_{}", entry.key)).to_owned(),
        order: form.get(&format!("order_{}", entry.key)).to_owned(),
    };
    let mut lines: Vec<Line> = offered.iter().map(line).collect();
    lines.sort_by_key(|line| (!line.shown, line.order.parse::<i64>().unwrap_or(500)));
    lines
}

impl Embed {
    fn new(config: &Config, form: &WebForm, standing: &[(WebField, Entry)]) -> AppResult<Self> {
        let address = format!("{}/f/{}", config.public_url.as_str().trim_end_matches('/'), form.token);
        let nothing = Form::default();
        let inputs = standing.iter().map(|(f, entry)| offered::input(f, entry, &nothing, &FormErrors::default()));
        let snippet = Snippet {
            address: address.clone(),
            inputs: inputs.collect(),
            consent_text: form.made.consent_text.clone(),
            button: form.made.button.clone(),
        };
        let name = form.made.name.replace('&', "&amp;").replace('"', "&quot;");
        Ok(Self {
            frame: format!(
                "<iframe src=\"{address}\" title=\"{name}\" width=\"100%\" height=\"720\" loading=\"lazy\" style=\"border:0\"></iframe>"
            ),
            html: snippet.render().map_err(|e| AppError::Internal(e.into()))?,
            may_be_framed: !form.made.origins().is_empty(),
            address,
        })
    }
}
