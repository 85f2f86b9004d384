//! What a compose form begins with: for whom it is, the answer to an earlier mail, a draft, a template's words.

use super::{
    about,
    addresses::{self, Recipient},
    attachments, body, letters,
    merge::Subject,
    model::Message,
    queries, settings, suggest, templates, writing,
};
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::{activities, records},
    kernel::{FileId, MailTemplateId, MessageId, RecordType},
    web::{Actor, Form},
};
use chrono::Utc;

/// A new mail's form: its recipients, and the signature below what is yet to be written.
pub(super) fn begun(tx: &mut OrgTx, actor: &Actor, query: &Form) -> AppResult<Form> {
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
        drop_unseen(tx, actor, &mut form)?;
    }
    let signature = settings::signature(tx, actor.id)?.unwrap_or_default();
    let space = if signature.is_empty() { String::new() } else { format!("<div><br></div>{signature}") };
    let earlier = |tx: &mut OrgTx, name: &str| match query.get(name).parse() {
        Ok(id) => queries::find(tx, actor, id).map(Some),
        Err(_) => Ok(None),
    };
    if let Some(earlier) = earlier(tx, "reply")? {
        answer(tx, actor, &mut form, &earlier, &space)?;
        drop_unseen(tx, actor, &mut form)?;
    } else if let Some(earlier) = earlier(tx, "again")? {
        again(tx, &mut form, &earlier)?;
        drop_unseen(tx, actor, &mut form)?;
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
    attachments::ids(tx, earlier.id)?.into_iter().for_each(|id| form.add("attach", id.to_string()));
    about_of(form, earlier);
    Ok(())
}

/// What something is about need not be the writer's to see: then the mail is not about it.
pub(super) fn drop_unseen(tx: &mut OrgTx, actor: &Actor, form: &mut Form) -> AppResult<()> {
    for record in RecordType::ALL {
        let name = format!("{}_id", record.key());
        let Ok(id) = form.get(&name).parse() else { continue };
        match records::visible(tx, actor, record, id) {
            Ok(_) => {}
            Err(AppError::NotFound | AppError::Forbidden(_)) => form.set(&name, ""),
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

fn about_of(form: &mut Form, message: &Message) {
    for (record, id) in message.links().collect::<Vec<_>>() {
        form.set(&format!("{}_id", record.key()), id.to_string());
    }
}

pub(super) fn to_form(draft: &Message, files: &[FileId]) -> Form {
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

pub(super) fn insert(tx: &mut OrgTx, actor: &Actor, form: &mut Form, template: MailTemplateId) -> AppResult<()> {
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
