//! Writing a mail: the page, its drafts, and giving it to be sent.

use super::{
    about,
    addresses::{self, Recipient},
    attachments::{self, Offered},
    body, commands,
    letters::{self, Frame},
    merge::{Known, Subject, Vocabulary},
    model::{Message, Status},
    queries, settings, suggest, templates,
    writing::{self, Written},
};
use crate::{
    config::Config,
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        activities::{self, Slot, parse_time},
        records::{self, Saved},
    },
    kernel::{FileId, MailTemplateId, MessageId, RecordType, calendar},
    mailer::Post,
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash, permission::mails::Send,
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use chrono::{DateTime, Utc};

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
        let ticked: Vec<FileId> = form.all("attach").filter_map(|id| id.parse().ok()).collect();
        let files = attachments::offered(tx, actor, &named, &ticked)?;
        Ok(Self {
            frame: Frame::load(tx, config, post, actor)?,
            templates: templates::all(tx, actor)?,
            fields: Vocabulary::load(tx, actor)?.offered(),
            people: suggest::around(tx, actor, &named)?,
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
    let form = db.org(&page, move |tx| begun(tx, &actor, &query)).await?;
    shown(&page, &db, &config, &post, StatusCode::OK, form, FormErrors::default()).await
}

/// A new mail's form: its recipients, and the signature below what is yet to be written.
fn begun(tx: &mut OrgTx, actor: &Actor, query: &Form) -> AppResult<Form> {
    let mut form = query.clone();
    // Chosen now, so that the form sent twice is one mail.
    form.set("id", MessageId::new().to_string());
    form.set("version", "0");
    if let Ok(activity) = query.get("activity_id").parse() {
        let fields = activities::find(tx, actor, activity)?.fields;
        let links = [
            ("contact_id", fields.contact_id.map(|id| id.0)),
            ("deal_id", fields.deal_id.map(|id| id.0)),
            ("lead_id", fields.lead_id.map(|id| id.0)),
            ("company_id", fields.company_id.map(|id| id.0)),
        ];
        let set = links.into_iter().filter_map(|(name, id)| Some((name, id?)));
        set.for_each(|(name, id)| form.set(name, id.to_string()));
    }
    let signature = settings::signature(tx, actor.id)?.unwrap_or_default();
    let space = if signature.is_empty() { String::new() } else { format!("<div><br></div>{signature}") };
    let earlier = |tx: &mut OrgTx, name: &str| match query.get(name).parse() {
        Ok(id) => queries::find(tx, actor, id).map(Some),
        Err(_) => Ok(None),
    };
    if let Some(earlier) = earlier(tx, "reply")? {
        answer(tx, actor, &mut form, &earlier, &space)?;
    } else if let Some(earlier) = earlier(tx, "again")? {
        again(tx, &mut form, &earlier)?;
    } else {
        let about = writing::named(tx, actor, &form)?;
        if !form.has("to") {
            let first: Vec<Recipient> = suggest::meant(tx, actor, &about)?.into_iter().collect();
            form.set("to", addresses::print(&first));
        }
        form.set("body", space);
        if let Ok(template) = query.get("template").parse() {
            insert(tx, actor, &mut form, template)?;
        }
    }
    let named = writing::named(tx, actor, &form)?;
    for (name, id) in links(&form, &about::complete(tx, named)?) {
        form.set(name, id);
    }
    Ok(form)
}

fn links(form: &Form, about: &Subject) -> Vec<(&'static str, String)> {
    let names = [
        ("contact_id", RecordType::Contact),
        ("deal_id", RecordType::Deal),
        ("lead_id", RecordType::Lead),
        ("company_id", RecordType::Company),
    ];
    let of = names.into_iter().filter_map(|(name, record)| about.get(record).map(|id| (name, id.to_string())));
    // A company that is only implied may not be the writer's to see.
    of.filter(|(name, _)| *name != "company_id" || form.has(name)).collect()
}

/// To whom the earlier one went, its words quoted under the answer; copies too when everybody is to be answered.
fn answer(tx: &mut OrgTx, actor: &Actor, form: &mut Form, earlier: &Message, space: &str) -> AppResult<()> {
    let people = queries::recipients(tx, earlier.id)?;
    let of = |kind: &str| {
        let of = people.iter().filter(|r| r.kind == kind).map(|r| Recipient::new(&r.name, &r.email));
        addresses::print(&of.collect::<Vec<_>>())
    };
    form.set("to", of("to"));
    if form.get("all") == "1" {
        form.set("cc", of("cc"));
    }
    let subject = earlier.subject.trim();
    let answered = subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("re:"));
    form.set("subject", if answered { subject.to_owned() } else { format!("Re: {subject}") });
    let (who, when) = match (earlier.author_id == actor.id, earlier.sent_at) {
        (true, at) => (actor.name.clone(), at),
        (false, at) => (earlier.from_line.clone().unwrap_or_default(), at),
    };
    let when = actor.exact(when.unwrap_or_else(Utc::now));
    form.set("body", format!("<div><br></div>{space}{}", body::quoted(&earlier.body_html, &who, &when)));
    about_of(form, earlier);
    Ok(())
}

/// The same once more, for instance to those whose server refused it.
fn again(tx: &mut OrgTx, form: &mut Form, earlier: &Message) -> AppResult<()> {
    let people = queries::recipients(tx, earlier.id)?;
    for kind in ["to", "cc", "bcc"] {
        let of = people.iter().filter(|r| r.kind == kind).map(|r| Recipient::new(&r.name, &r.email));
        form.set(kind, addresses::print(&of.collect::<Vec<_>>()));
    }
    form.set("subject", earlier.subject.clone());
    form.set("body", earlier.body_html.clone());
    about_of(form, earlier);
    Ok(())
}

fn about_of(form: &mut Form, message: &Message) {
    for (record, id) in message.links().collect::<Vec<_>>() {
        form.set(&format!("{}_id", record.key()), id.to_string());
    }
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
    let (draft, files) = db
        .org(&page, move |tx| {
            let draft = queries::find(tx, &by, id)?;
            Ok((draft, attachments::ids(tx, id)?))
        })
        .await?;
    if draft.status() != Status::Draft {
        return Ok(reply::redirect(&page.req, &format!("/mails/{id}"), None));
    }
    shown(&page, &db, &config, &post, StatusCode::OK, to_form(&draft, &files), FormErrors::default()).await
}

fn to_form(draft: &Message, files: &[FileId]) -> Form {
    let attached = files.iter().map(|id| ("attach".to_owned(), id.to_string()));
    let fields = [
        ("id", draft.id.to_string()),
        ("version", draft.version.to_string()),
        ("to", draft.to_line.clone()),
        ("cc", draft.cc_line.clone()),
        ("bcc", draft.bcc_line.clone()),
        ("subject", draft.subject.clone()),
        ("body", draft.body_html.clone()),
    ];
    let mut form = Form::new(fields.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(attached));
    about_of(&mut form, draft);
    form
}

async fn shown(
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
        from: around.frame.from_line(),
        reply_to: around.frame.reply_to.as_ref().map(|party| party.email.clone()).unwrap_or_default(),
        templates: around.templates.iter().map(|t| SelectOption::new(t.id.to_string(), &t.name, false)).collect(),
        fields: around.fields,
        people: missing.collect(),
        cancel: back.unwrap_or("/mails").to_owned(),
        files: around.files,
        is_draft: around.is_draft,
        stale: status == StatusCode::CONFLICT,
        zone: page.zone.name().replace('_', " "),
        input: form.view(errors),
    };
    reply::page_with(&page.req, status, &whole)
}

/// `POST /mails`: the form, and `action`: `send`, `schedule` with `send_on` and `send_time`, `draft`, `template` with `template`
pub(super) async fn write(
    page: Page,
    by: Allow<Send>,
    form: Form,
    db: Data<Db>,
    config: Data<Config>,
    post: Data<Post>,
) -> AppResult<HttpResponse> {
    let Ok(id) = form.get("id").parse::<MessageId>() else { return Err(AppError::NotFound) };
    if form.get("action") == "template" {
        return with_template(&page, form, &db, &config, &post).await;
    }
    let (posted, host) = (form.clone(), host(&config));
    let done = db.org(&page, move |tx| perform(tx, &by, id, &posted, &host)).await;
    match done {
        Ok(Done::Draft) => {
            let to = back(&form).unwrap_or_else(|| "/mails?folder=drafts".to_owned());
            Ok(reply::redirect(&page.req, &to, Some(Flash::success("Draft saved"))))
        }
        Ok(Done::Sending(told)) => {
            let to = back(&form).unwrap_or_else(|| format!("/mails/{id}"));
            let flash = Flash::success(told).undo(format!("/mails/{id}/cancellation"));
            Ok(reply::redirect(&page.req, &to, Some(flash)))
        }
        Ok(Done::Already) => {
            let to = back(&form).unwrap_or_else(|| format!("/mails/{id}"));
            Ok(reply::redirect(&page.req, &to, Some(Flash::info("It was on its way already"))))
        }
        Ok(Done::Stale(version)) => {
            let mut form = form;
            form.set("version", version.to_string());
            shown(&page, &db, &config, &post, StatusCode::CONFLICT, form, FormErrors::default()).await
        }
        Err(AppError::Invalid(errors)) => {
            shown(&page, &db, &config, &post, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await
        }
        Err(other) => Err(other),
    }
}

enum Done {
    Draft,
    Sending(String),
    /// The form was sent twice.
    Already,
    Stale(i32),
}

fn host(config: &Config) -> String {
    config.public_url.host_str().unwrap_or("localhost").to_owned()
}

/// A path of ours to go back to.
pub(super) fn back(form: &Form) -> Option<String> {
    let back = form.get("back");
    let ours = back.starts_with('/') && !back.starts_with("//") && back.len() <= 1_000;
    (ours && !back.contains(['\\', '\r', '\n', '\t'])).then(|| back.to_owned())
}

fn perform(tx: &mut OrgTx, by: &Allow<Send>, id: MessageId, form: &Form, host: &str) -> AppResult<Done> {
    match queries::lock_own(tx, by, id) {
        Ok(known) if known.status() != Status::Draft => return Ok(Done::Already),
        Ok(_) | Err(AppError::NotFound) => {}
        Err(other) => return Err(other),
    }
    let written = Written::parse(tx, by, form)?;
    let version = form.get("version").parse().unwrap_or(0);
    let Saved::Done(_) = commands::save(tx, by, id, version, &written, host)? else {
        return Ok(Done::Stale(queries::lock_own(tx, by, id)?.version));
    };
    let at = match form.get("action") {
        "draft" => return Ok(Done::Draft),
        "schedule" => Some(moment(by, form)?),
        _ => None,
    };
    commands::send(tx, by, id, &written, at)?;
    let to = addresses::parse(&written.to).unwrap_or_default();
    let first =
        to.first().map(|r| if r.name.is_empty() { r.email.clone() } else { r.name.clone() }).unwrap_or_default();
    let whom = if to.len() > 1 { format!("{first} and {} more", to.len() - 1) } else { first };
    Ok(Done::Sending(match at {
        Some(at) => format!("To be sent to {whom} {}", by.within(at)),
        None => format!("Sending to {whom}"),
    }))
}

/// When it is to go out, as the writer's own clocks say.
pub(super) fn moment(actor: &Actor, form: &Form) -> AppResult<DateTime<Utc>> {
    let mut p = form.parser();
    let day = p.optional("send_on", calendar::parse_date);
    let time = p.optional("send_time", parse_time);
    if form.get("send_on").is_empty() {
        p.error("send_on", "is required");
    }
    if form.get("send_time").is_empty() {
        p.error("send_time", "is required");
    }
    let at = Slot::new(day, time, actor.zone).start_at;
    if let Some(at) = at {
        let now = Utc::now();
        if at <= now {
            p.error("send_on", "and the time must be ahead");
        } else if at > now + chrono::Duration::days(366) {
            p.error("send_on", "must be within a year");
        }
    }
    p.finish()?;
    at.ok_or_else(|| AppError::field("send_on", "is required"))
}

/// The form with a template's words in it, filled in for whom it is to.
async fn with_template(
    page: &Page,
    form: Form,
    db: &Db,
    config: &Data<Config>,
    post: &Data<Post>,
) -> AppResult<HttpResponse> {
    let Ok(template) = form.get("template").parse::<MailTemplateId>() else {
        let errors = FormErrors::one("template", "is required");
        return shown(page, db, config, post, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await;
    };
    let (actor, mut filled) = (page.actor.clone(), form);
    let form = db
        .org(page, move |tx| {
            insert(tx, &actor, &mut filled, template)?;
            Ok(filled)
        })
        .await?;
    shown(page, db, config, post, StatusCode::OK, form, FormErrors::default()).await
}

fn insert(tx: &mut OrgTx, actor: &Actor, form: &mut Form, template: MailTemplateId) -> AppResult<()> {
    let template = templates::find(tx, actor, template)?;
    let named = writing::named(tx, actor, form)?;
    let mut about = about::complete(tx, named)?;
    if about.contact.is_none() && about.lead.is_none() {
        suggest::by_address(tx, &mut about, form.get("to"))?;
    }
    let (subject, html) = letters::merged(tx, actor, &about, &template.subject, &template.body_html)?;
    if form.get("subject").is_empty() {
        form.set("subject", subject);
    }
    let rest = form.raw("body").to_owned();
    form.set("body", format!("{html}{rest}"));
    Ok(())
}

#[derive(Template)]
#[template(path = "mails/_draft_state.html")]
struct DraftState {
    version: i32,
    told: String,
}

/// `POST /mails/draft`: the form, saved behind the writer's back; answers with its version.
pub(super) async fn autosave(
    page: Page,
    by: Allow<Send>,
    form: Form,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    let Ok(id) = form.get("id").parse::<MessageId>() else { return Err(AppError::NotFound) };
    let (version, host) = (form.get("version").parse().unwrap_or(0), host(&config));
    let saved = db
        .org(&page, move |tx| {
            let written = Written::parse(tx, &by, &form)?;
            commands::save(tx, &by, id, version, &written, &host)
        })
        .await?;
    match saved {
        Saved::Done(version) => {
            let told = format!("Draft saved {}", page.locale.time(Utc::now().with_timezone(&page.zone).time()));
            reply::fragment(&DraftState { version, told })
        }
        Saved::Stale => Err(AppError::Conflict("This draft was changed in another window. Reload to see it.".into())),
    }
}
