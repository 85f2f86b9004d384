//! Hands a mail to the SMTP server. Permanent refusals end it; everything else is tried again by the job.

use super::messages::Rendered;
use crate::config::{Config, Smtp, SmtpTls};
use anyhow::Context;
use lettre::{
    Message, SmtpTransport, Transport,
    message::{Mailbox, MultiPart, header::ContentType},
    transport::smtp::{
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};
use std::time::Duration;

/// A server that hangs is given up after this; the mail is tried again later.
const TIMEOUT: Duration = Duration::from_secs(20);

pub enum Delivery {
    Sent,
    /// No SMTP_URL: the mail stays readable in the database.
    Kept,
    /// The server said never (5xx), with its words.
    Refused(String),
}

pub fn deliver(config: &Config, to: &str, message_id: &str, mail: &Rendered) -> anyhow::Result<Delivery> {
    let Some(smtp) = &config.smtp else { return Ok(Delivery::Kept) };
    let Ok(recipient) = to.parse::<Mailbox>() else { return Ok(Delivery::Refused("not a deliverable address".into())) };
    let message = Message::builder()
        .from(config.mail_from.parse::<Mailbox>().context("MAIL_FROM")?)
        .to(recipient)
        .subject(&mail.subject)
        .message_id(Some(message_id.to_owned()))
        .header(ContentType::TEXT_PLAIN)
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))?;
    match transport(smtp)?.send(&message) {
        Ok(_) => Ok(Delivery::Sent),
        Err(error) if error.is_permanent() => Ok(Delivery::Refused(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn transport(smtp: &Smtp) -> anyhow::Result<SmtpTransport> {
    let tls = || TlsParameters::new(smtp.host.clone());
    let tls = match smtp.tls {
        SmtpTls::Implicit => Tls::Wrapper(tls()?),
        SmtpTls::Required => Tls::Required(tls()?),
        SmtpTls::Opportunistic => Tls::Opportunistic(tls()?),
        SmtpTls::None => Tls::None,
    };
    let mut builder = SmtpTransport::builder_dangerous(&smtp.host).port(smtp.port).tls(tls).timeout(Some(TIMEOUT));
    if let Some((user, password)) = &smtp.credentials {
        builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
    }
    Ok(builder.build())
}
