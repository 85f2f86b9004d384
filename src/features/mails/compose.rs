//! The page on which a mail is written.

use super::{
    addresses::Recipient,
    attachments::{self, Offered},
    beginning,
    letters::Frame,
    merge::{Known, Vocabulary},
    model::Status,
    queries, suggest, templates, writing,
};
use crate::{
    config::Config,
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::records,
    kernel::{MessageId, RecordType},
    mailer::Post,
    web::{Actor, Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, permission::mails::Send, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

#[derive(Template)]
#[template(path = "mails/compose.html")]
struct Compose {
    shell: Shell,
    input: FormView,
    /// Hidden: what the mail is about, what it answers, where one came from.
    carried: Vec<(&'static str, String)>,
    about: Vec<(&'static str, String, String)>,
    from: String,
    reply_to: String,
    templates: Vec<SelectOption>,
    fields: Vec<(&'static str, Vec<Known>)>,
    /// Those one may want to write to, as they are typed.
    people: Vec<String>,
    /// Of whom it is about, those who asked not to be written to.
    silent: Vec<String>,
    cancel: String,
    files: Vec<Offered>,
    is_draft: bool,
    stale: bool,
    zone: String,
}

const CARRIED: &[&str] = &["id", "version", "reply", "back", "contact_id", "company_id", "deal_id", "lead_id"];

/// What the page is made of beside the form.
struct Around {
    frame: Frame,
    templates: Vec<templates::MailTemplate>,
    fields: Vec<(&'static str, Vec<Known>)>,
    people: Vec<Recipient>,
    silent: Vec<String>,
    about: Vec<(&'static str, String, String)>,
    files: Vec<Offered>,
    is_draft: bool,
}

impl Around {
    fn load(tx: &mut OrgTx, actor: &Actor, config: &Config, post: &Post, form: &Form) -> AppResult<Self> {
        let named = writing::named(tx, actor, form)?;
        let mut shown = Vec::new();
        for record in [RecordType::Deal, RecordType::Contact, RecordType::Lead, RecordType::Company] {
            if let Some(id) = named.get(record) {
                let name = records::visible(tx, actor, record, id)?.name;
                shown.push((record.icon(), format!("/{}/{id}", record.noun()), name));
            }
        }
        let id = form.get("id").parse().ok();
        let is_draft = match id.map(|id| queries::find(tx, actor, id)) {
            None | Some(Err(AppError::NotFound)) => false,
            Some(found) => found?.status() == Status::Draft,
        };
        let files = attachments::offered(tx, actor, &named, &attachments::ticked(form))?;
        Ok(Self {
            frame: Frame::load(tx, config, post, actor)?,
            templates: templates::all(tx, actor)?,
            fields: Vocabulary::load(tx, actor)?.offered(),
            people: suggest::around(tx, actor, &named)?,
            silent: suggest::silent(tx, actor, &named)?,
            about: shown,
            files,
            is_draft,
        })
    }
}

/// `GET /mails/new`: what it is about (`contact_id`, …), `template`, `reply` and `all`, `again`, `back`
pub(super) async fn new(
    page: Page,
    _: Allow<Send>,
    db: Data<Db>,
    config: Data<Config>,
    post: Data<Post>,
) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let actor = page.actor.clone();
    let form = db.org(&page, move |tx| beginning::begun(tx, &actor, &query)).await?;
    shown(&page, &db, &config, &post, StatusCode::OK, form, FormErrors::default()).await
}

/// `GET /mails/{id}/edit`
pub(super) async fn edit(
    page: Page,
    by: Allow<Send>,
    id: Path<MessageId>,
    db: Data<Db>,
    config: Data<Config>,
    post: Data<Post>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let (status, form) = db
        .org(&page, move |tx| {
            let draft = queries::find(tx, &by, id)?;
            let mut form = beginning::to_form(&draft, &attachments::ids(tx, id)?);
            beginning::drop_unseen(tx, &by, &mut form)?;
            Ok((draft.status(), form))
        })
        .await?;
    if status != Status::Draft {
        return Ok(reply::redirect(&page.req, &format!("/mails/{id}"), None));
    }
    shown(&page, &db, &config, &post, StatusCode::OK, form, FormErrors::default()).await
}

pub(super) async fn shown(
    page: &Page,
    db: &Db,
    config: &Data<Config>,
    post: &Data<Post>,
    status: StatusCode,
    form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (actor, asked, config, post) = (page.actor.clone(), form.clone(), config.clone(), post.clone());
    let around = db.org(page, move |tx| Around::load(tx, &actor, &config, &post, &asked)).await?;
    let known = [form.get("to"), form.get("cc"), form.get("bcc")].join(",").to_lowercase();
    let missing = around.people.iter().filter(|r| !known.contains(&r.email)).map(Recipient::print);
    let back = Some(form.get("back")).filter(|path| path.starts_with('/') && !path.starts_with("//"));
    let whole = Compose {
        shell: page.shell("mails"),
        carried: CARRIED.iter().map(|name| (*name, form.get(name).to_owned())).filter(|(_, v)| !v.is_empty()).collect(),
        about: around.about,
        from: around.frame.sender(),
        reply_to: around.frame.reply_to.as_ref().map(|party| party.email.clone()).unwrap_or_default(),
        templates: around.templates.iter().map(|t| SelectOption::new(t.id.to_string(), &t.name, false)).collect(),
        fields: around.fields,
        people: missing.collect(),
        silent: around.silent,
        cancel: back.unwrap_or("/mails").to_owned(),
        files: around.files,
        is_draft: around.is_draft,
        stale: status == StatusCode::CONFLICT,
        zone: page.zone.name().replace('_', " "),
        input: form.view(errors),
    };
    reply::page_with(&page.req, status, &whole)
}
