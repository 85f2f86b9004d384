//! From a message to the letter that one recipient gets: fields filled in, who it comes from, the links that count, the one that ends
//! mail to many.

use super::{
    body::{self, Foot},
    merge::{Markup, Subject, Template, Values, Vocabulary},
    model::{Message, RecipientRow},
    sender, settings,
    settings::MailSettings,
    tokens::{self, Purpose},
};
use crate::{
    config::Config,
    db::{OrgTx, Tx},
    error::AppResult,
    jobs::JobContext,
    kernel::OrgId,
    mailer::{Attachment, Letter, Party, Post},
    schema::mail_links,
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use std::sync::Arc;

/// Links of one message whose clicks are counted.
const LINKS: usize = 100;

/// What is the same for every mail of an author.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub author: Actor,
    pub settings: MailSettings,
    pub from: Party,
    pub reply_to: Option<Party>,
}

impl Frame {
    pub fn load(tx: &mut OrgTx, config: &Config, post: &Post, author: &Actor) -> AppResult<Self> {
        let settings = settings::load(tx)?;
        let (from, reply_to) = sender::of(config, post, &settings, author);
        Ok(Self { author: author.clone(), settings, from, reply_to })
    }

    /// As the page of a mail shows it.
    pub fn sender(&self) -> String {
        format!("{} <{}>", self.from.name, self.from.email)
    }

    /// Everything one message needs. `many`: it can be ended by its recipient.
    pub fn ready(self, tx: &mut OrgTx, ctx: &JobContext, message: Message, many: bool) -> AppResult<Context> {
        let recipients = super::queries::recipients(tx, message.id)?;
        let parties = |kind: &str| {
            let of = recipients.iter().filter(|r| r.kind == kind);
            of.map(|r| Party { name: r.name.clone(), email: r.email.clone() }).collect::<Vec<_>>()
        };
        let links = if message.counts_clicks { links(tx, &message)? } else { vec![] };
        Ok(Context {
            to: parties("to"),
            cc: parties("cc"),
            date: message.sent_at.unwrap_or_else(Utc::now),
            org: tx.org_id(),
            config: ctx.config.clone(),
            author: self.author,
            settings: self.settings,
            from: self.from,
            reply_to: self.reply_to,
            links,
            attachments: [].into(),
            message,
            many,
        })
    }
}

/// Keeps where the message's links lead: a click leads where the message said and nowhere else.
fn links(tx: &mut OrgTx, message: &Message) -> AppResult<Vec<String>> {
    let mut urls: Vec<String> = Vec::new();
    let _ = body::relink(&message.body_html, |url| {
        if urls.len() < LINKS && !urls.iter().any(|known| known == url) {
            urls.push(url.to_owned());
        }
        None
    });
    for (place, url) in urls.iter().enumerate() {
        diesel::insert_into(mail_links::table)
            .values((
                mail_links::message_id.eq(message.id),
                mail_links::place.eq(i32::try_from(place).unwrap_or(0)),
                mail_links::url.eq(url),
            ))
            .on_conflict_do_nothing()
            .execute(tx.conn())?;
    }
    Ok(urls)
}

/// A message ready to be written to each of its recipients.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub message: Message,
    pub author: Actor,
    settings: MailSettings,
    from: Party,
    reply_to: Option<Party>,
    to: Vec<Party>,
    cc: Vec<Party>,
    date: DateTime<Utc>,
    links: Vec<String>,
    pub attachments: Arc<[Attachment]>,
    many: bool,
    org: OrgId,
    config: Arc<Config>,
}

impl Context {
    pub fn letter(&self, recipient: &RecipientRow) -> Letter {
        let message = &self.message;
        let token = |purpose| tokens::sign(self.config.secret_key.expose().as_bytes(), purpose, self.org, recipient.id);
        let link = |kind: &str, purpose| self.config.public_url.join(&format!("/m/{kind}/{}", token(purpose))).ok();
        let unsubscribe = link("u", Purpose::Unsubscribe).filter(|_| self.many).map(String::from);
        let html = if message.counts_clicks {
            body::relink(&message.body_html, |url| {
                let place = u16::try_from(self.links.iter().position(|known| known == url)?).ok()?;
                link("c", Purpose::Click(place)).map(String::from)
            })
        } else {
            message.body_html.clone()
        };
        let mut foot = Foot {
            unsubscribe: unsubscribe.clone().map(|url| (self.settings.footer.clone(), url)),
            pixel: link("o", Purpose::Open).filter(|_| message.counts_opens).map(String::from),
        };
        let document = body::document(&html, &foot);
        foot.pixel = None;
        Letter {
            from: self.from.clone(),
            reply_to: self.reply_to.clone(),
            to: self.to.clone(),
            cc: self.cc.clone(),
            subject: message.subject.clone(),
            text: body::document_plain(&message.body_html, &foot),
            html: document,
            message_id: message.message_header.clone(),
            in_reply_to: message.in_reply_to.clone(),
            references: message.references(),
            date: self.date,
            unsubscribe,
            attachments: self.attachments.clone(),
        }
    }
}

/// Subject and text with their fields filled in. A field that is there no more leaves what stands for it.
pub(super) fn merged(
    tx: &mut OrgTx,
    author: &Actor,
    about: &Subject,
    subject: &str,
    html: &str,
) -> AppResult<(String, String)> {
    let vocabulary = Vocabulary::load(tx, author)?;
    let read = |source: &str, markup| {
        Template::parse(source, markup).unwrap_or_else(|_| Template(vec![super::merge::Piece::Text(source.to_owned())]))
    };
    let (line, text) = (read(subject, Markup::Plain), read(html, Markup::Html));
    let values = Values::load(tx, author, &vocabulary, about, &[&line, &text])?;
    let line = line.render(Markup::Plain, |field| values.get(field));
    let subject: String = line.chars().take(300).collect();
    Ok((subject, text.render(Markup::Html, |field| values.get(field))))
}
