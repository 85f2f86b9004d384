//! Hands mails to the SMTP server. Permanent refusals end it; everything else is tried again by the job.

use super::{headers::ListUnsubscribe, messages::Rendered};
use crate::config::{Config, Smtp, SmtpTls};
use anyhow::Context;
use lettre::{
    Message, SmtpTransport, Transport,
    message::{Attachment, Mailbox, MultiPart, SinglePart, header::ContentType},
    transport::smtp::{
        Error as SmtpError,
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};

/// What became of a mail.
pub enum Delivery {
    Sent,
    /// No SMTP_URL: the mail stays readable in the database.
    Kept,
    /// The server said never (5xx), with its words.
    Refused(String),
}

/// The way to the mail server: one pool of connections per process. Cheap to clone.
#[derive(Clone)]
pub struct Post {
    pub(super) transport: Option<SmtpTransport>,
    pub(super) from: Mailbox,
}

impl Post {
    /// Connects to nobody yet.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let from = config.mail_from.parse().with_context(|| format!("MAIL_FROM is no sender: {}", config.mail_from))?;
        Ok(Self { transport: config.smtp.as_ref().map(transport).transpose()?, from })
    }

    pub(super) fn deliver(&self, to: &str, message_id: &str, mail: &Rendered) -> anyhow::Result<Delivery> {
        let Some(transport) = &self.transport else { return Ok(Delivery::Kept) };
        let Ok(recipient) = to.parse() else { return Ok(Delivery::Refused("not a deliverable address".into())) };
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient))
            .subject(&mail.subject)
            .message_id(Some(message_id.to_owned()));
        if let Some((name, address)) = &mail.reply_to
            && let Ok(address) = address.parse()
        {
            builder = builder.reply_to(Mailbox::new(Some(name.clone()), address));
        }
        if let Some(url) = &mail.preferences {
            builder = builder.header(ListUnsubscribe::at(url));
        }
        let message = builder.multipart(parts(mail)?)?;
        match transport.send(&message) {
            Ok(_) => Ok(Delivery::Sent),
            Err(error) if is_refusal(&error) => Ok(Delivery::Refused(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }
}

/// Text and HTML; and, where there is one, the calendar object beside them, which mail programs offer to answer, and as a file for those
/// that look for one.
fn parts(mail: &Rendered) -> anyhow::Result<MultiPart> {
    let words = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
    let Some((method, calendar)) = &mail.calendar else { return Ok(words) };
    let kind = ContentType::parse(&format!("text/calendar; charset=utf-8; method={method}"))?;
    let object = SinglePart::builder().header(kind).body(calendar.clone());
    let file = Attachment::new("invite.ics".to_owned()).body(calendar.clone(), ContentType::parse("application/ics")?);
    Ok(MultiPart::mixed().multipart(words.singlepart(object)).singlepart(file))
}

/// A wrong password (RFC 4954 §6) is the installation's trouble, not the mail's: once mended, the mail goes out.
pub(super) fn is_refusal(error: &SmtpError) -> bool {
    let code = error.status().map(|code| code.to_string());
    error.is_permanent() && !matches!(code.as_deref(), Some("530" | "534" | "535" | "538"))
}

fn transport(smtp: &Smtp) -> anyhow::Result<SmtpTransport> {
    let tls = || TlsParameters::new(smtp.host.clone());
    let tls = match smtp.tls {
        SmtpTls::Implicit => Tls::Wrapper(tls()?),
        SmtpTls::Required => Tls::Required(tls()?),
        SmtpTls::Opportunistic => Tls::Opportunistic(tls()?),
        SmtpTls::None => Tls::None,
    };
    // A server that hangs is given up after the timeout; the mail is tried again later.
    let mut builder = SmtpTransport::builder_dangerous(&smtp.host).port(smtp.port).tls(tls).timeout(Some(smtp.timeout));
    if let Some((user, password)) = &smtp.credentials {
        builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
    }
    Ok(builder.build())
}
