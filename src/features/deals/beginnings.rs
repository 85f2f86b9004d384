//! What a new deal is begun from: a template, a contact, a mail. The form is filled in by it and remembers it. Once the deal is made, what
//! belongs to it is linked, planned and priced.

use super::{
    commands,
    contacts::ROLES,
    lines,
    model::{Deal, DealFields},
    templates,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{activities, companies, contacts, mails},
    kernel::{ContactId, DealId, DealTemplateId, MessageId, RecordType},
    schema::{deal_contacts, deals, mail_messages, mail_recipients},
    web::{
        Actor, Allow, Form,
        permission::{activities as may, deals::Create},
    },
};
use chrono::Days;
use diesel::prelude::*;
use serde_json::json;
use uuid::Uuid;

/// Fields of the form that say what the deal is begun from.
pub(super) const KEPT: &[&str] = &["template", "contact_id", "mail_id"];

/// What a template's name says for the company's, which is filled in as soon as it is known.
pub(super) const COMPANY: &str = "{company}";

/// Fills in what the form names; what it says itself stands.
pub(super) fn prefill(tx: &mut OrgTx, actor: &Actor, form: &mut Form) -> AppResult<()> {
    let named = !form.get("name").is_empty();
    if let Ok(id) = form.get("mail_id").parse::<MessageId>() {
        let mail = mails::find(tx, actor, id)?;
        unless_said(form, "name", subject(&mail.subject));
        let contact = match mail.contact_id {
            Some(contact) => Some(contact),
            None => recipient(tx, id)?,
        };
        unless_said(form, "contact_id", contact.map(|id| id.to_string()).unwrap_or_default());
        if let Some(company) = mail.company_id {
            with_company(tx, actor, form, company)?;
        }
    }
    if let Ok(id) = form.get("contact_id").parse::<ContactId>() {
        match contacts::find(tx, actor, id) {
            Ok(contact) => {
                if let Some(company) = contact.company_id {
                    with_company(tx, actor, form, company.into())?;
                }
                let name = match form.get("company") {
                    "" => contact.name(),
                    company => company.to_owned(),
                };
                unless_said(form, "name", name);
            }
            Err(AppError::NotFound) => form.set("contact_id", ""),
            Err(other) => return Err(other),
        }
    }
    if let Ok(id) = form.get("template").parse::<DealTemplateId>() {
        let template = templates::usable(tx, id)?;
        unless_said(form, "stage_id", template.stage_id.to_string());
        for (key, value) in template.said() {
            match key.as_str() {
                "close_in" => {
                    let days: u64 = value.parse().unwrap_or(0);
                    let day = actor.today().checked_add_days(Days::new(days));
                    unless_said(form, "expected_close_on", day.map(|day| day.to_string()).unwrap_or_default());
                }
                // A template that says what deals are called says it better than a contact.
                "name" if !named && !value.trim().is_empty() => {
                    let known = !form.get("company").is_empty();
                    form.set("name", value.trim());
                    // While it is not known the form says where it will stand.
                    if known {
                        *form = self::named(form);
                    }
                }
                key => unless_said(form, key, value),
            }
        }
    }
    Ok(())
}

/// The form as it is saved: with the company in the name that its template gave.
pub(super) fn named(form: &Form) -> Form {
    let mut form = form.clone();
    if !form.get("template").is_empty() && form.get("name").contains(COMPANY) {
        form.set("name", form.get("name").replace(COMPANY, form.get("company")).trim().to_owned());
    }
    form
}

/// What somebody typed into a form that was begun as `base`: whatever says something else.
pub(super) fn typed(posted: &Form, base: &Form) -> Form {
    let mut typed = Form::default();
    for (name, value) in posted.pairs() {
        let ours = ["csrf_token", "begin"].contains(&name);
        if !ours && (KEPT.contains(&name) || !base.pairs().any(|pair| pair == (name, value))) {
            typed.add(name, value);
        }
    }
    typed
}

fn unless_said(form: &mut Form, name: &str, value: String) {
    if form.get(name).is_empty() && !value.is_empty() {
        form.set(name, value);
    }
}

/// Without `Re:` and `Fwd:`.
fn subject(text: &str) -> String {
    let mut rest = text.trim();
    while let Some((before, after)) = rest.split_once(':') {
        let answer = ["re", "fw", "fwd", "aw", "wg", "tr", "antw"];
        if !answer.contains(&before.trim().to_lowercase().as_str()) {
            break;
        }
        rest = after.trim();
    }
    rest.chars().take(200).collect()
}

/// The first contact that a mail went to.
fn recipient(tx: &mut OrgTx, mail: MessageId) -> AppResult<Option<Uuid>> {
    let found: Option<Option<Uuid>> = mail_recipients::table
        .filter(mail_recipients::message_id.eq(mail))
        .filter(mail_recipients::contact_id.is_not_null())
        .order(mail_recipients::id)
        .select(mail_recipients::contact_id)
        .first(tx.conn())
        .optional()?;
    Ok(found.flatten())
}

fn with_company(tx: &mut OrgTx, actor: &Actor, form: &mut Form, id: Uuid) -> AppResult<()> {
    if !form.get("company_id").is_empty() || !form.get("company").is_empty() {
        return Ok(());
    }
    match companies::find(tx, actor, id.into()) {
        Ok(company) => {
            form.set("company_id", id.to_string());
            form.set("company", company.name);
            Ok(())
        }
        Err(AppError::NotFound) => Ok(()),
        Err(other) => Err(other),
    }
}

/// The deal is made: whoever and whatever it was begun from belongs to it, and what its template plans and sells comes along.
pub(super) fn attach(tx: &mut OrgTx, by: &Allow<Create>, form: &Form, deal: Deal) -> AppResult<Deal> {
    let template = match form.get("template").parse::<DealTemplateId>() {
        Ok(id) => match templates::usable(tx, id) {
            Ok(template) => Some(template),
            Err(AppError::NotFound) => None,
            Err(other) => return Err(other),
        },
        Err(_) => None,
    };
    if let Ok(id) = form.get("contact_id").parse::<ContactId>() {
        match contacts::find(tx, by, id) {
            Ok(contact) => {
                let role = template.as_ref().and_then(|template| template.contact_role.as_deref());
                take_part(tx, deal.id, id, &contact.name(), role.unwrap_or("other"))?;
            }
            Err(AppError::NotFound) => {}
            Err(other) => return Err(other),
        }
    }
    if let Ok(id) = form.get("mail_id").parse::<MessageId>()
        && mails::find(tx, by, id).is_ok()
    {
        let mail = mail_messages::table.filter(mail_messages::id.eq(id)).filter(mail_messages::deal_id.is_null());
        diesel::update(mail).set(mail_messages::deal_id.eq(Some(deal.id.0))).execute(tx.conn())?;
    }
    let Some(template) = template else { return Ok(deal) };
    if let (Some(tasks), Ok(plans)) = (template.tasks_id, Allow::<may::Create>::check(by)) {
        match activities::plan_template(tx, &plans, tasks, Uuid::now_v7(), (RecordType::Deal, deal.id.0)) {
            Ok(_) => {}
            // Retired meanwhile, or given away out of sight: the deal is made all the same.
            Err(why @ (AppError::Conflict(_) | AppError::Invalid(_))) => {
                tracing::debug!(%why, "nothing was planned with the deal");
            }
            Err(other) => return Err(other),
        }
    }
    match template.lines_from {
        Some(from) => with_lines(tx, by, from, deal),
        None => Ok(deal),
    }
}

/// Puts the contact beside the deal, in that part.
fn take_part(tx: &mut OrgTx, deal: DealId, contact: ContactId, name: &str, role: &str) -> AppResult<()> {
    let (role, label) = ROLES.iter().find(|(key, _)| *key == role).copied().unwrap_or(("other", "Other"));
    diesel::insert_into(deal_contacts::table)
        .values((deal_contacts::deal_id.eq(deal), deal_contacts::contact_id.eq(contact), deal_contacts::role.eq(role)))
        .on_conflict_do_nothing()
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.set("contact", &json!({ "id": contact, "name": format!("{name} ({label})") }));
    events::record_quietly(tx, Event::new("deal.updated", RecordType::Deal, deal).changes(changes))
}

/// The lines of another deal, and what they make of the amount, as a change of its own.
fn with_lines(tx: &mut OrgTx, by: &Actor, from: DealId, deal: Deal) -> AppResult<Deal> {
    let from = commands::reread(tx, from)?;
    if !lines::any(tx, from.id)? {
        return Ok(deal);
    }
    // Made in this transaction: nobody else has it yet.
    let held = commands::reread(tx, deal.id)?;
    lines::copy(tx, &from, deal.id)?;
    let after = commands::reread(tx, deal.id)?;
    let changes = commands::changes(tx, by, &DealFields::from(&held), &DealFields::from(&after))?;
    let version = held.version + 1;
    diesel::update(deals::table.filter(deals::id.eq(deal.id)))
        .set((deals::version.eq(version), deals::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    let event = Event::new("deal.updated", RecordType::Deal, deal.id).version(version).changes(changes);
    events::record_quietly(tx, event)?;
    commands::reread(tx, deal.id)
}
