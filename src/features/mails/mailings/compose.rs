//! Writing to many: whom it reaches and who is left out, before anything is sent.

use super::{audience::Audience, model::Mailing, run};
use crate::{
    config::Config,
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Event},
    features::{
        mails::{
            about,
            attachments::{self, Bearer, Offered},
            letters::Frame,
            limits,
            merge::{Known, Markup, Subject, Values, Vocabulary},
            posting, settings, templates,
        },
        notes,
        records::list::Selection,
    },
    jobs,
    kernel::{MailTemplateId, MailingId, RecordType},
    mailer::Post,
    schema::mailings,
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash, permission::mails::Bulk,
        reply,
    },
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::json;
use uuid::Uuid;

/// A reason to be left out as the page tells it.
struct Left {
    count: String,
    words: &'static str,
    /// The first of them: address, name.
    named: Vec<(String, String)>,
    more: bool,
}

/// What the first recipient would get.
struct Sample {
    name: String,
    email: String,
    subject: String,
    html: String,
}

#[derive(Template)]
#[template(path = "mails/mailings/compose.html")]
struct Compose {
    shell: Shell,
    title: String,
    record: RecordType,
    ids: Vec<Uuid>,
    matching: Option<String>,
    input: FormView,
    left: Vec<Left>,
    /// Nobody is left to write to.
    nobody: bool,
    /// How many of them can go out today, when not all.
    today: Option<String>,
    from: String,
    footer: String,
    templates: Vec<SelectOption>,
    fields: Vec<(&'static str, Vec<Known>)>,
    sample: Option<Sample>,
    files: Vec<Offered>,
    zone: String,
}

/// What the page is made of beside the form.
struct Around {
    selection: Selection,
    audience: Audience,
    frame: Frame,
    left: i64,
    templates: Vec<templates::MailTemplate>,
    fields: Vec<(&'static str, Vec<Known>)>,
    sample: Result<Option<Sample>, FormErrors>,
    files: Vec<Offered>,
}

fn record(form: &Form) -> AppResult<RecordType> {
    let record = RecordType::parse(form.get("record_type"));
    record.filter(|r| matches!(r, RecordType::Contact | RecordType::Lead)).ok_or(AppError::NotFound)
}

/// `POST /mailings/new`: the selection of a list (posted, because it is long); with `action` `template` or `preview`, the form as it is
pub(in crate::features::mails) async fn new(
    page: Page,
    by: Allow<Bulk>,
    form: Form,
    db: Data<Db>,
    config: Data<Config>,
    post: Data<Post>,
) -> AppResult<HttpResponse> {
    record(&form)?;
    if form.get("scope") != "matching" && form.all("ids").next().is_none() {
        let to = posting::back(&form).unwrap_or_else(|| "/contacts".to_owned());
        return Ok(reply::redirect(&page.req, &to, Some(Flash::danger("Select some records first"))));
    }
    let mut form = form;
    if form.get("id").is_empty() {
        form.set("id", MailingId::new().to_string());
    }
    let (actor, mut asked) = (page.actor.clone(), form);
    let form = db
        .org(&page, move |tx| {
            if !asked.has("body") {
                let signature = settings::signature(tx, actor.id)?.unwrap_or_default();
                let space = if signature.is_empty() { String::new() } else { format!("<div><br></div>{signature}") };
                asked.set("body", space);
            }
            if asked.get("action") == "template" {
                insert(tx, &by, &mut asked)?;
            }
            Ok(asked)
        })
        .await?;
    shown(&page, &db, &config, &post, StatusCode::OK, form, FormErrors::default()).await
}

/// A template's words as they stand: each recipient gets their own.
fn insert(tx: &mut OrgTx, actor: &Actor, form: &mut Form) -> AppResult<()> {
    let Ok(id) = form.get("template").parse::<MailTemplateId>() else { return Ok(()) };
    let template = templates::find(tx, actor, id)?;
    if form.get("subject").is_empty() {
        form.set("subject", template.subject);
    }
    let rest = form.raw("body").to_owned();
    form.set("body", format!("{}{rest}", template.body_html));
    Ok(())
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
    let record = record(&form)?;
    let (actor, asked, config, post) = (page.actor.clone(), form.clone(), config.clone(), post.clone());
    let around = db.org(page, move |tx| load(tx, &actor, &config, &post, record, &asked)).await?;
    let locale = page.locale;
    let count = i64::try_from(around.audience.people.len()).unwrap_or(i64::MAX);
    let many = if count == 1 { record.label() } else { record.plural() }.to_lowercase();
    let number = |n: usize| locale.integer(i64::try_from(n).unwrap_or(i64::MAX));
    let left = around.audience.told().into_iter().map(|(words, (n, named))| Left {
        count: number(*n),
        words,
        more: *n > named.len(),
        named: named.iter().map(|(id, name)| (format!("/{}/{id}", record.noun()), name.clone())).collect(),
    });
    let (status, sample, errors) = match around.sample {
        Ok(sample) => (status, sample, errors),
        Err(wrong) => (StatusCode::UNPROCESSABLE_ENTITY, None, wrong),
    };
    let whole = Compose {
        shell: page.shell(record.noun()),
        title: format!("Mail to {} {many}", locale.integer(count)),
        ids: if let Selection::Ids(_, ids) = &around.selection { ids.clone() } else { vec![] },
        matching: matches!(around.selection, Selection::Matching(_)).then(|| form.get("matching").to_owned()),
        left: left.collect(),
        nobody: count == 0,
        today: (around.left < count).then(|| locale.integer(around.left)),
        from: around.frame.sender(),
        footer: around.frame.settings.footer.clone(),
        templates: around.templates.iter().map(|t| SelectOption::new(t.id.to_string(), &t.name, false)).collect(),
        fields: around.fields,
        files: around.files,
        zone: page.zone.name().replace('_', " "),
        input: form.view(errors),
        record,
        sample,
    };
    reply::page_with(&page.req, status, &whole)
}

fn load(
    tx: &mut OrgTx,
    actor: &Actor,
    config: &Config,
    post: &Post,
    record: RecordType,
    form: &Form,
) -> AppResult<Around> {
    let selection = Selection::parse(tx, actor, record, form)?;
    let audience = Audience::load(tx, actor, &selection)?;
    let frame = Frame::load(tx, config, post, actor)?;
    let vocabulary = Vocabulary::load(tx, actor)?.for_many(record);
    let sample = match form.get("action") {
        "preview" => sample(tx, actor, &vocabulary, record, &audience, form),
        _ => Ok(None),
    };
    let sample = match sample {
        Ok(sample) => Ok(sample),
        Err(AppError::Invalid(errors)) => Err(errors),
        Err(other) => return Err(other),
    };
    Ok(Around {
        left: limits::left(tx, actor, &frame.settings)?,
        templates: templates::all(tx, actor)?,
        fields: vocabulary.offered(),
        files: attachments::offered(tx, actor, &Subject::default(), &attachments::ticked(form))?,
        selection,
        audience,
        frame,
        sample,
    })
}

fn sample(
    tx: &mut OrgTx,
    actor: &Actor,
    vocabulary: &Vocabulary,
    record: RecordType,
    audience: &Audience,
    form: &Form,
) -> AppResult<Option<Sample>> {
    let Some(first) = audience.people.first() else { return Ok(None) };
    let (subject, html) = words(vocabulary, form)?;
    let mut about = Subject::default();
    about.set(record, Some(first.id));
    let about = about::complete(tx, about)?;
    let read = |source: &str, markup| vocabulary.parse(source, markup).map_err(|told| AppError::field("body", told));
    let (line, text) = (read(&subject, Markup::Plain)?, read(&html, Markup::Html)?);
    let values = Values::load(tx, actor, vocabulary, &about, &[&line, &text])?;
    Ok(Some(Sample {
        name: first.name.clone(),
        email: first.email.clone().unwrap_or_default(),
        subject: line.render(Markup::Plain, |field| values.get(field)),
        html: text.render(Markup::Html, |field| values.get(field)),
    }))
}

/// Subject and text, both there, their fields known.
fn words(vocabulary: &Vocabulary, form: &Form) -> AppResult<(String, String)> {
    let mut p = form.parser();
    let subject = p.required("subject", 300);
    let html = match notes::sanitise(form.raw("body")) {
        Ok(Some(html)) => html,
        Ok(None) => {
            p.error("body", "is required");
            String::new()
        }
        Err(AppError::Invalid(errors)) => {
            p.error("body", errors.get("body").unwrap_or("cannot be kept"));
            String::new()
        }
        Err(other) => return Err(other),
    };
    for (field, source, markup) in [("subject", &subject, Markup::Plain), ("body", &html, Markup::Html)] {
        if let Err(told) = vocabulary.parse(source, markup) {
            p.error(field, told);
        }
    }
    p.finish()?;
    Ok((subject, html))
}

/// `POST /mailings`: the form and its selection; `action` `send`, or `schedule` with `send_on` and `send_time`
pub(in crate::features::mails) async fn create(
    page: Page,
    by: Allow<Bulk>,
    form: Form,
    db: Data<Db>,
    config: Data<Config>,
    post: Data<Post>,
) -> AppResult<HttpResponse> {
    let record = record(&form)?;
    let Ok(id) = form.get("id").parse::<MailingId>() else { return Err(AppError::NotFound) };
    let posted = form.clone();
    match db.org(&page, move |tx| begin(tx, &by, id, record, &posted)).await {
        Ok(at) => {
            let told = match at {
                Some(at) => format!("To be sent {}", page.within(at)),
                None => "Sending begins in ten seconds".to_owned(),
            };
            let flash = Flash::success(told).undo(format!("/mailings/{id}/cancellation"));
            Ok(reply::redirect(&page.req, &format!("/mailings/{id}"), Some(flash)))
        }
        Err(AppError::Invalid(errors)) => {
            shown(&page, &db, &config, &post, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await
        }
        Err(other) => Err(other),
    }
}

/// Writes it down for a job. The same form sent twice is one mailing.
fn begin(
    tx: &mut OrgTx,
    by: &Allow<Bulk>,
    id: MailingId,
    record: RecordType,
    form: &Form,
) -> AppResult<Option<DateTime<Utc>>> {
    let at = match form.get("action") {
        "schedule" => Some(posting::moment(by, form)?),
        "send" => None,
        _ => return Err(AppError::field("", posting::UNASKED)),
    };
    let vocabulary = Vocabulary::load(tx, by)?.for_many(record);
    let (subject, html) = words(&vocabulary, form)?;
    let (nothing, files) = (Subject::default(), attachments::ticked(form));
    if let Some(told) = attachments::problem(tx, by, &nothing, &files)? {
        return Err(AppError::field("attach", told));
    }
    let selection = Selection::parse(tx, by, record, form)?;
    if Audience::load(tx, by, &selection)?.people.is_empty() {
        return Err(AppError::field("", "Nobody of these can be written to."));
    }
    let send_at = at.unwrap_or_else(|| Utc::now() + run::UNDO);
    let made = diesel::insert_into(mailings::table)
        .values((
            (mailings::id.eq(id), mailings::author_id.eq(by.id), mailings::record_type.eq(record.key())),
            (mailings::subject.eq(&subject), mailings::body_html.eq(&html), mailings::send_at.eq(send_at)),
            mailings::selection.eq(serde_json::to_value(selection.keep()).map_err(anyhow::Error::from)?),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn())?;
    if made == 0 {
        let known: Mailing = mailings::table
            .filter(mailings::id.eq(id))
            .filter(mailings::author_id.eq(by.id))
            .select(Mailing::as_select())
            .first(tx.conn())?;
        return Ok(Some(known.send_at).filter(|_| at.is_some()));
    }
    attachments::keep(tx, by, Bearer::Mailing(id), &nothing, &files)?;
    jobs::enqueue(tx, run::job(id, 0, send_at)?)?;
    let data = json!({ "subject": subject, "send_at": send_at });
    events::record(tx, Event::of("mailing.scheduled", "mailing", id).data(data))?;
    Ok(at)
}
