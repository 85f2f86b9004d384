//! `/mails/templates`: the list, one to write, what it looks like to a real contact.

use super::commands::{self, MailTemplate, NewTemplate};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members,
        mails::merge::{Known, Markup, Subject, Values, Vocabulary},
        records::{self, Saved},
    },
    kernel::{MailTemplateId, RecordType},
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, Shell,
        flash::Flash,
        permission::Permission,
        permission::mails::{Send, View},
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

struct Line {
    template: MailTemplate,
    by: String,
}

#[derive(Template)]
#[template(path = "mails/templates/index.html")]
struct Index {
    shell: Shell,
    lines: Vec<Line>,
    may_send: bool,
}

#[derive(Template)]
#[template(path = "mails/templates/form.html")]
struct FormPage {
    shell: Shell,
    title: String,
    action: String,
    input: FormView,
    fields: Vec<(&'static str, Vec<Known>)>,
    /// One that is there.
    id: Option<MailTemplateId>,
    may_change: bool,
    preview: Option<Preview>,
    conflict: bool,
}

/// What a contact would get.
struct Preview {
    name: String,
    subject: String,
    html: String,
}

/// `GET /mails/templates`
pub(in crate::features::mails) async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let actor = page.actor.clone();
    let lines = db
        .org(&page, move |tx| {
            let people = members::directory(tx)?;
            let name = |id| people.iter().find(|p| p.id == id).map(|p| p.name.clone()).unwrap_or_default();
            let line = |t: MailTemplate| Line { by: name(t.owner_id), template: t };
            Ok(commands::all(tx, &actor)?.into_iter().map(line).collect())
        })
        .await?;
    let may_send = page.may(Send::KEY);
    reply::page(&page.req, &Index { shell: page.shell("mails"), lines, may_send })
}

/// `GET /mails/templates/new`
pub(in crate::features::mails) async fn new(page: Page, _: Allow<Send>, db: Data<Db>) -> AppResult<HttpResponse> {
    let mut form = Form::default();
    form.set("id", MailTemplateId::new().to_string());
    shown(&page, &db, StatusCode::OK, None, form, FormErrors::default()).await
}

/// `GET /mails/templates/{id}`
pub(in crate::features::mails) async fn show(
    page: Page,
    id: Path<MailTemplateId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let (actor, id) = (page.actor.clone(), *id);
    let template = db.org(&page, move |tx| commands::find(tx, &actor, id)).await?;
    let form = Form::new(
        [
            ("name", template.name.clone()),
            ("subject", template.subject.clone()),
            ("body", template.body_html.clone()),
            ("shared", if template.shared { "true".to_owned() } else { String::new() }),
            ("version", template.version.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    shown(&page, &db, StatusCode::OK, Some(template), form, FormErrors::default()).await
}

/// `POST /mails/templates`: `id`, `name`, `subject`, `body`, `shared`
pub(in crate::features::mails) async fn create(
    page: Page,
    by: Allow<Send>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = form.get("id").parse().unwrap_or_else(|_| MailTemplateId::new());
    let posted = form.clone();
    let made = db
        .org(&page, move |tx| {
            let new = NewTemplate::parse(&Vocabulary::load(tx, &by)?, &posted)?;
            commands::create(tx, &by, id, &new)
        })
        .await;
    match made {
        Ok(()) => Ok(reply::redirect(&page.req, "/mails/templates", Some(Flash::success("Template saved")))),
        Err(AppError::Invalid(errors)) => shown(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, None, form, errors).await,
        Err(other) => Err(other),
    }
}

/// `POST /mails/templates/{id}`
pub(in crate::features::mails) async fn save(
    page: Page,
    by: Allow<Send>,
    id: Path<MailTemplateId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted, actor) = (*id, form.clone(), page.actor.clone());
    let before = db.org(&page, move |tx| commands::find(tx, &actor, id)).await?;
    let version = form.get("version").parse().unwrap_or(0);
    let kept = before.clone();
    let saved = db
        .org(&page, move |tx| {
            let new = NewTemplate::parse(&Vocabulary::load(tx, &by)?, &posted)?;
            commands::update(tx, &by, &kept, version, &new)
        })
        .await;
    match saved {
        Ok(Saved::Done(_)) => {
            Ok(reply::redirect(&page.req, "/mails/templates", Some(Flash::success("Template saved"))))
        }
        Ok(Saved::Stale) => {
            let mut form = form;
            form.set("version", before.version.to_string());
            shown(&page, &db, StatusCode::CONFLICT, Some(before), form, FormErrors::default()).await
        }
        Err(AppError::Invalid(errors)) => {
            shown(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, Some(before), form, errors).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /mails/templates/preview`: the form as it stands, and `contact_id` or `contact`; `template`, when it is there already
pub(in crate::features::mails) async fn preview(
    page: Page,
    _: Allow<Send>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), form.get("template").parse().ok());
    let template = match id {
        Some(id) => Some(db.org(&page, move |tx| commands::find(tx, &actor, id)).await?),
        None => None,
    };
    let mut form = form;
    form.set("preview", "1");
    shown(&page, &db, StatusCode::OK, template, form, FormErrors::default()).await
}

/// The form, its text kept; with `preview`, what the contact would get.
async fn shown(
    page: &Page,
    db: &Db,
    status: StatusCode,
    template: Option<MailTemplate>,
    form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (actor, asked) = (page.actor.clone(), form.clone());
    let (fields, preview) = db
        .org(page, move |tx| {
            let vocabulary = Vocabulary::load(tx, &actor)?;
            let preview = match asked.get("preview") {
                "1" => previewed(tx, &actor, &vocabulary, &asked).map(Some),
                _ => Ok(None),
            };
            Ok((vocabulary.offered(), preview))
        })
        .await?;
    let (status, preview, errors) = match preview {
        Ok(preview) => (status, preview, errors),
        Err(AppError::Invalid(errors)) => (StatusCode::UNPROCESSABLE_ENTITY, None, errors),
        Err(other) => return Err(other),
    };
    let id = template.as_ref().map(|t| t.id);
    let whole = FormPage {
        shell: page.shell("mails"),
        title: template.as_ref().map_or_else(|| "New template".to_owned(), |t| t.name.clone()),
        action: id.map_or_else(|| "/mails/templates".to_owned(), |id| format!("/mails/templates/{id}")),
        may_change: template.as_ref().is_none_or(|t| t.may_change(&page.actor)),
        conflict: status == StatusCode::CONFLICT,
        input: form.view(errors),
        fields,
        id,
        preview,
    };
    reply::page_with(&page.req, status, &whole)
}

fn previewed(tx: &mut OrgTx, actor: &Actor, vocabulary: &Vocabulary, form: &Form) -> AppResult<Preview> {
    let new = NewTemplate::parse(vocabulary, form)?;
    let contact = crate::features::activities::contact(tx, actor, form)?;
    let contact = contact.ok_or_else(|| AppError::field("contact", "is needed for a preview"))?;
    let name = records::visible(tx, actor, RecordType::Contact, contact)?.name;
    let subject = Subject { contact: Some(contact), ..super::super::about::of_contact(tx, contact)? };
    let read = |source: &str, markup| vocabulary.parse(source, markup).map_err(|told| AppError::field("body", told));
    let (line, text) = (read(&new.subject, Markup::Plain)?, read(&new.body_html, Markup::Html)?);
    let values = Values::load(tx, actor, vocabulary, &subject, &[&line, &text])?;
    Ok(Preview {
        name,
        subject: line.render(Markup::Plain, |field| values.get(field)),
        html: text.render(Markup::Html, |field| values.get(field)),
    })
}

/// `POST /mails/templates/{id}/deletion`
pub(in crate::features::mails) async fn delete(
    page: Page,
    by: Allow<Send>,
    id: Path<MailTemplateId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let name = db.org(&page, move |tx| commands::set_deleted(tx, &by, id, true)).await?;
    let flash = Flash::success(format!("{name} deleted")).undo(format!("/mails/templates/{id}/deletion/undo"));
    Ok(reply::redirect(&page.req, "/mails/templates", Some(flash)))
}

/// `POST /mails/templates/{id}/deletion/undo`
pub(in crate::features::mails) async fn undelete(
    page: Page,
    by: Allow<Send>,
    id: Path<MailTemplateId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let name = db.org(&page, move |tx| commands::set_deleted(tx, &by, id, false)).await?;
    Ok(reply::redirect(&page.req, "/mails/templates", Some(Flash::success(format!("{name} is back")))))
}
