//! Mails that people write: from them, to whom they say, in a thread, with attachments. Handed to the server recipient by recipient,
//! so that what becomes of one is nobody else's.

use super::{
    headers::{ListUnsubscribe, OneClick},
    transport::{Post, is_refusal},
};
use anyhow::{Context, anyhow};
use chrono::{DateTime, Utc};
use lettre::{
    Address, Message, Transport,
    address::Envelope,
    message::{
        Attachment as Part, Body, Mailbox, MultiPart,
        header::{ContentTransferEncoding, ContentType},
    },
    transport::smtp::Error as SmtpError,
};
use std::sync::Arc;

/// A name, which may be empty, and an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Party {
    pub name: String,
    pub email: String,
}

#[derive(Clone, Debug)]
pub struct Attachment {
    pub name: String,
    pub content_type: String,
    pub bytes: Vec<u8>,
}

/// A mail as one recipient gets it.
#[derive(Clone, Debug)]
pub struct Letter {
    pub from: Party,
    /// Where answers go, when not to `from`.
    pub reply_to: Option<Party>,
    pub to: Vec<Party>,
    pub cc: Vec<Party>,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// With its angle brackets, as are the next two.
    pub message_id: String,
    pub in_reply_to: Option<String>,
    pub references: Vec<String>,
    pub date: DateTime<Utc>,
    /// An address that ends such mail by one POST (RFC 8058).
    pub unsubscribe: Option<String>,
    pub attachments: Arc<[Attachment]>,
}

/// What became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Handed {
    Sent,
    /// No SMTP_URL.
    Kept,
    /// The server said never (5xx), in these words; whether the address is to blame, or the sender or the message.
    Refused {
        told: String,
        address: bool,
    },
}

/// Why it was not handed over and may be tried again.
#[derive(Debug)]
pub struct Deferred {
    pub error: anyhow::Error,
    /// The server said so of this recipient (4xx); otherwise it could not be spoken with.
    pub answered: bool,
}

impl Post {
    /// Who mails come from that name nobody else.
    pub fn own(&self) -> Party {
        Party { name: self.from.name.clone().unwrap_or_default(), email: self.from.email.to_string() }
    }

    pub fn hand_over(&self, letter: &Letter, to: &str) -> Result<Handed, Deferred> {
        let Some(transport) = &self.transport else { return Ok(Handed::Kept) };
        let Ok(recipient) = to.parse::<Address>() else {
            return Ok(Handed::Refused { told: "not a deliverable address".into(), address: true });
        };
        let (envelope, bytes) = match composed(letter, recipient) {
            Ok(composed) => composed,
            Err(error) => return Ok(Handed::Refused { told: format!("{error:#}"), address: false }),
        };
        match transport.send_raw(&envelope, &bytes) {
            Ok(_) => Ok(Handed::Sent),
            Err(error) if is_refusal(&error) => {
                Ok(Handed::Refused { told: error.to_string(), address: blames_address(&error) })
            }
            Err(error) => Err(Deferred { answered: error.is_transient(), error: error.into() }),
        }
    }
}

/// Enhanced status codes (RFC 3463) tell whose fault it is: 1 is addresses (but 1.7 and 1.8: the sender's), 2 mailboxes (but 2.2 and
/// 2.3: full, too long). Without one, the codes that RFC 5321 has for mailboxes.
fn blames_address(error: &SmtpError) -> bool {
    let told = error.to_string();
    let code = told.split_whitespace().map(|word| word.trim_matches(['(', ')', ':', ',', ';'])).find_map(|word| {
        let mut parts = word.strip_prefix("5.")?.split('.');
        let pair = (parts.next()?.parse::<u16>().ok()?, parts.next()?.parse::<u16>().ok()?);
        parts.next().is_none().then_some(pair)
    });
    match code {
        Some((1, detail)) => !matches!(detail, 7 | 8),
        Some((2, detail)) => !matches!(detail, 2 | 3),
        Some(_) => false,
        None => error.status().is_some_and(|code| matches!(code.to_string().as_str(), "550" | "551" | "553")),
    }
}

fn mailbox(party: &Party) -> anyhow::Result<Mailbox> {
    let email = party.email.parse().with_context(|| format!("{} is no address", party.email))?;
    let name: String = party.name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Ok(Mailbox::new(Some(name.trim().to_owned()).filter(|name| !name.is_empty()), email))
}

fn composed(letter: &Letter, recipient: Address) -> anyhow::Result<(Envelope, Vec<u8>)> {
    let from = mailbox(&letter.from)?;
    let envelope = Envelope::new(Some(from.email.clone()), vec![recipient])?;
    let mut builder = Message::builder()
        .from(from)
        .subject(&letter.subject)
        .date(letter.date.into())
        .message_id(Some(letter.message_id.clone()));
    if let Some(reply_to) = &letter.reply_to {
        builder = builder.reply_to(mailbox(reply_to)?);
    }
    for party in &letter.to {
        builder = builder.to(mailbox(party)?);
    }
    for party in &letter.cc {
        builder = builder.cc(mailbox(party)?);
    }
    if let Some(earlier) = &letter.in_reply_to {
        builder = builder.in_reply_to(earlier.clone());
    }
    if !letter.references.is_empty() {
        builder = builder.references(letter.references.join(" "));
    }
    if let Some(url) = &letter.unsubscribe {
        builder = builder.header(ListUnsubscribe::at(url)).header(OneClick);
    }
    let text = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
    let message = if letter.attachments.is_empty() {
        // Only hidden recipients: a message needs none in its head.
        builder.envelope(envelope.clone()).multipart(text)?
    } else {
        let mut mixed = MultiPart::mixed().multipart(text);
        for file in letter.attachments.iter() {
            let kind =
                ContentType::parse(&file.content_type).or_else(|_| ContentType::parse("application/octet-stream"))?;
            // Whatever the bytes are: as text, lines that end in a bare LF would be refused or changed on the way.
            let body = Body::new_with_encoding(file.bytes.clone(), ContentTransferEncoding::Base64)
                .map_err(|_| anyhow!("{} cannot be sent", file.name))?;
            mixed = mixed.singlepart(Part::new(file.name.clone()).body(body, kind));
        }
        builder.envelope(envelope.clone()).multipart(mixed)?
    };
    Ok((envelope, message.formatted()))
}
