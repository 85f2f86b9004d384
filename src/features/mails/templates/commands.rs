//! Reading and changing templates, each change with its event.

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        mails::merge::{Markup, Vocabulary},
        notes,
        records::Saved,
    },
    kernel::{MailTemplateId, MemberId},
    schema::mail_templates,
    web::{
        Actor, Allow, Form,
        permission::{
            Permission,
            mails::{Administer, Send},
        },
    },
};
use diesel::prelude::*;

const RECORD: &str = "mail_template";

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = mail_templates)]
pub struct MailTemplate {
    pub id: MailTemplateId,
    pub name: String,
    pub subject: String,
    /// Sanitised; with merge fields.
    pub body_html: String,
    pub owner_id: MemberId,
    pub shared: bool,
    pub version: i32,
}

impl MailTemplate {
    pub fn may_change(&self, actor: &Actor) -> bool {
        actor.may(Send::KEY) && (self.owner_id == actor.id || self.shared && actor.may(Administer::KEY))
    }
}

/// What a form decides about a template.
#[derive(Insertable, AsChangeset, Clone, Debug, PartialEq)]
#[diesel(table_name = mail_templates)]
pub struct NewTemplate {
    pub name: String,
    pub subject: String,
    pub body_html: String,
    pub shared: bool,
}

impl NewTemplate {
    /// Checks every merge field while the writer is there.
    pub fn parse(vocabulary: &Vocabulary, form: &Form) -> AppResult<Self> {
        let mut p = form.parser();
        let name = p.required("name", 100);
        let subject = p.text("subject", 300).unwrap_or_default();
        if let Err(told) = vocabulary.parse(&subject, Markup::Plain) {
            p.error("subject", told);
        }
        let body_html = match notes::sanitise(form.raw("body")) {
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
        if let Err(told) = vocabulary.parse(&body_html, Markup::Html) {
            p.error("body", told);
        }
        let shared = p.checkbox("shared");
        p.finish()?;
        Ok(Self { name, subject, body_html, shared })
    }
}

/// Those one may use: one's own and the shared ones, by name.
pub fn all(tx: &mut OrgTx, actor: &Actor) -> AppResult<Vec<MailTemplate>> {
    Ok(mail_templates::table
        .filter(mail_templates::deleted_at.is_null())
        .filter(mail_templates::shared.or(mail_templates::owner_id.eq(actor.id)))
        .order((mail_templates::name_key, mail_templates::id))
        .select(MailTemplate::as_select())
        .limit(500)
        .load(tx.conn())?)
}

/// One that the actor may use; deleted ones only to bring them back.
pub fn find(tx: &mut OrgTx, actor: &Actor, id: MailTemplateId) -> AppResult<MailTemplate> {
    Ok(mail_templates::table
        .filter(mail_templates::id.eq(id))
        .filter(mail_templates::deleted_at.is_null())
        .filter(mail_templates::shared.or(mail_templates::owner_id.eq(actor.id)))
        .select(MailTemplate::as_select())
        .first(tx.conn())?)
}

/// The same form sent twice makes one: `id` was chosen when the form was made.
pub(super) fn create(tx: &mut OrgTx, by: &Allow<Send>, id: MailTemplateId, new: &NewTemplate) -> AppResult<()> {
    let made = diesel::insert_into(mail_templates::table)
        .values((mail_templates::id.eq(id), new, mail_templates::owner_id.eq(by.id)))
        .on_conflict_do_nothing()
        .execute(tx.conn())?;
    if made == 0 {
        return find(tx, by, id).map(drop);
    }
    let mut changes = Changes::new();
    changes.set("name", &new.name).set("subject", &new.subject).set("shared", &new.shared);
    events::record(tx, Event::of("mail_template.created", RECORD, id).version(1).changes(changes))
}

pub(super) fn update(
    tx: &mut OrgTx,
    by: &Allow<Send>,
    before: &MailTemplate,
    version: i32,
    new: &NewTemplate,
) -> AppResult<Saved> {
    may_change(by, before)?;
    if before.version != version {
        return Ok(Saved::Stale);
    }
    let mut changes = Changes::new();
    changes
        .track("name", &before.name, &new.name)
        .track("subject", &before.subject, &new.subject)
        .track("body", &before.body_html, &new.body_html)
        .track("shared", &before.shared, &new.shared);
    if changes.is_empty() {
        return Ok(Saved::Done(version));
    }
    let saved = diesel::update(mail_templates::table)
        .filter(mail_templates::id.eq(before.id))
        .filter(mail_templates::version.eq(version))
        .set((new, mail_templates::version.eq(version + 1), mail_templates::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    if saved == 0 {
        return Ok(Saved::Stale);
    }
    events::record(tx, Event::of("mail_template.updated", RECORD, before.id).version(version + 1).changes(changes))?;
    Ok(Saved::Done(version + 1))
}

/// Deletes it, or takes its deletion back.
pub(super) fn set_deleted(tx: &mut OrgTx, by: &Allow<Send>, id: MailTemplateId, deleted: bool) -> AppResult<String> {
    let found: MailTemplate = mail_templates::table
        .filter(mail_templates::id.eq(id))
        .filter(mail_templates::shared.or(mail_templates::owner_id.eq(by.id)))
        .select(MailTemplate::as_select())
        .for_update()
        .first(tx.conn())?;
    may_change(by, &found)?;
    diesel::update(mail_templates::table.filter(mail_templates::id.eq(id)))
        .set(mail_templates::deleted_at.eq(deleted.then(chrono::Utc::now)))
        .execute(tx.conn())?;
    let kind = if deleted { "mail_template.deleted" } else { "mail_template.undeleted" };
    events::record(tx, Event::of(kind, RECORD, id))?;
    Ok(found.name)
}

fn may_change(by: &Actor, template: &MailTemplate) -> AppResult<()> {
    if template.may_change(by) {
        return Ok(());
    }
    Err(AppError::Forbidden("Only its author can change this template."))
}
