//! What a compose form says: a draft may say anything within bounds; what is to be sent must have somebody to go to, a subject, a text,
//! and fields that exist.

use super::{
    about,
    addresses::{self, Recipient},
    attachments,
    merge::{Markup, Subject, Vocabulary},
    standing,
};
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::{notes, records},
    kernel::{FileId, MessageId, RecordType},
    web::{Actor, Form},
};
use uuid::Uuid;

/// Recipients of one mail.
pub const MOST: usize = 50;
/// Characters of a line of recipients.
const LINE: usize = 5_000;
const LINES: [(&str, &str); 3] = [("to", "to"), ("cc", "cc"), ("bcc", "bcc")];

/// A mail as it is being written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Written {
    pub to: String,
    pub cc: String,
    pub bcc: String,
    pub subject: String,
    /// Sanitised, with merge fields.
    pub body_html: String,
    pub about: Subject,
    /// The message it answers.
    pub reply: Option<MessageId>,
    /// What goes along with it.
    pub files: Vec<FileId>,
}

impl Written {
    /// Anything that fits. Records it is about must be the actor's to see.
    pub fn parse(tx: &mut OrgTx, actor: &Actor, form: &Form) -> AppResult<Self> {
        let mut p = form.parser();
        let [to, cc, bcc] = LINES.map(|(name, _)| p.text(name, LINE).unwrap_or_default());
        let subject = p.text("subject", 300).unwrap_or_default();
        let body_html = match notes::sanitise(form.raw("body")) {
            Ok(html) => html.unwrap_or_default(),
            Err(AppError::Invalid(errors)) => {
                p.error("body", errors.get("body").unwrap_or("cannot be kept"));
                String::new()
            }
            Err(other) => return Err(other),
        };
        p.finish()?;
        let named = named(tx, actor, form)?;
        let about = about::complete(tx, named)?;
        let subject: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Ok(Self {
            to,
            cc,
            bcc,
            subject,
            body_html,
            about,
            reply: form.get("reply").parse().ok(),
            files: attachments::ticked(form),
        })
    }

    /// Everybody it goes to, by the kind of copy; each address once. What is missing or wrong is told of its field.
    pub fn ready(&self, tx: &mut OrgTx, actor: &Actor) -> AppResult<Vec<(&'static str, Recipient, standing::Known)>> {
        let form = Form::new(
            [("to", &self.to), ("cc", &self.cc), ("bcc", &self.bcc), ("subject", &self.subject)]
                .map(|(name, value)| (name.to_owned(), value.clone())),
        );
        let mut p = form.parser();
        let mut all: Vec<(&'static str, Recipient)> = Vec::new();
        for (kind, line) in [("to", &self.to), ("cc", &self.cc), ("bcc", &self.bcc)] {
            match addresses::parse(line) {
                Ok(found) => all.extend(found.into_iter().map(|recipient| (kind, recipient))),
                Err(told) => p.error(kind, told),
            }
        }
        let mut seen = std::collections::HashSet::new();
        all.retain(|(_, recipient)| seen.insert(recipient.email.clone()));
        if self.to.trim().is_empty() {
            p.error("to", "is required");
        } else if all.len() > MOST {
            p.error(
                "to",
                format!(
                    "and the copies are too many: at most {MOST}. Tick them in their list and write to all at once"
                ),
            );
        }
        let emails: Vec<String> = all.iter().map(|(_, recipient)| recipient.email.clone()).collect();
        let mut known = standing::look_up(tx, &emails)?;
        for (kind, recipient) in &all {
            let why = known.get(&recipient.email).and_then(|known| known.why_not(false));
            if let Some(why) = why {
                p.error(kind, format!("must do without {}: {}", recipient.email, told(why)));
            }
        }
        if self.subject.trim().is_empty() {
            p.error("subject", "is required");
        }
        if self.body_html.is_empty() {
            p.error("body", "is required");
        }
        if let Some(told) = attachments::problem(tx, actor, &self.about, &self.files)? {
            p.error("attach", told);
        }
        let vocabulary = Vocabulary::load(tx, actor)?;
        for (field, source, markup) in
            [("subject", &self.subject, Markup::Plain), ("body", &self.body_html, Markup::Html)]
        {
            if let Err(told) = vocabulary.parse(source, markup) {
                p.error(field, told);
            }
        }
        p.finish()?;
        Ok(all
            .into_iter()
            .map(|(kind, recipient)| {
                let known = known.remove(&recipient.email).unwrap_or_default();
                (kind, recipient, known)
            })
            .collect())
    }
}

fn told(why: standing::Why) -> &'static str {
    match why {
        standing::Why::Refused => "the mail server refused this address. Its page says how to try again",
        _ => "they asked not to be contacted",
    }
}

/// The records that the form names, each the actor's to see.
pub fn named(tx: &mut OrgTx, actor: &Actor, form: &Form) -> AppResult<Subject> {
    let mut about = Subject::default();
    for record in RecordType::ALL {
        let id: Option<Uuid> = form.get(&format!("{}_id", record.key())).parse().ok();
        if let Some(id) = id {
            records::visible(tx, actor, record, id)?;
            about.set(record, Some(id));
        }
    }
    Ok(about)
}
