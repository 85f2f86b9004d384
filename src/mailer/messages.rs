//! Every mail the product sends, as data. One pair of templates (text and HTML) gives them all the same face.

use crate::features::calendar;
use askama::Template;
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

/// What a mail says. Paths are relative to PUBLIC_URL, which is only known when the job runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum MailMessage {
    /// To a new account: prove that the address is yours.
    VerifyEmail {
        name: String,
        token: String,
    },
    /// Someone signed up with an address that has an account already.
    AlreadyRegistered {
        name: String,
    },
    /// Somebody else wanted the address for their account.
    AddressWanted {
        name: String,
    },
    ResetPassword {
        name: String,
        token: String,
    },
    PasswordChanged {
        name: String,
    },
    /// To the new address, before it becomes the account's.
    ChangeEmail {
        name: String,
        token: String,
    },
    /// To the old address, after.
    EmailChanged {
        name: String,
        new_email: String,
    },
    /// What happened, each with the address it leads to; `more` are left out. A digest gathers a day or a week.
    Notices {
        name: String,
        notices: Vec<(String, String)>,
        more: usize,
        digest: bool,
    },
    /// To a guest of an activity: what they are invited to, that it changed, or that it is off.
    Event(EventMail),
    Invitation {
        organisation: String,
        inviter: String,
        role: String,
        token: String,
    },
}

/// What a guest is told of an activity, in words and as an iTIP object (RFC 5546) for their calendar.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventMail {
    pub subject: String,
    pub paragraphs: Vec<String>,
    /// Who is asked for an answer.
    pub guest: Option<Uuid>,
    /// Where they answer: known when the job runs, which can sign.
    #[serde(default)]
    pub answer: Option<String>,
    pub method: String,
    pub calendar: String,
    pub reply_to: String,
    pub sender: String,
}

#[derive(Clone, Debug, Default)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Method and text of an iTIP object.
    pub calendar: Option<(String, String)>,
    /// Name and address.
    pub reply_to: Option<(String, String)>,
    /// For the header List-Unsubscribe.
    pub preferences: Option<String>,
}

#[derive(Template)]
#[template(path = "mail/message.txt")]
struct TextMail<'a> {
    body: &'a Body,
}

#[derive(Template)]
#[template(path = "mail/message.html")]
struct HtmlMail<'a> {
    body: &'a Body,
}

#[derive(Default)]
struct Body {
    subject: String,
    paragraphs: Vec<String>,
    /// Lines of a list, each with its address.
    items: Vec<(String, String)>,
    after: String,
    button: Option<(&'static str, String)>,
    /// Answers to choose from.
    links: Vec<(&'static str, String)>,
    footnote: &'static str,
    /// Where one turns such mails off.
    preferences: Option<String>,
}

impl MailMessage {
    /// The message's name, as kept with the mail.
    pub fn name(&self) -> &'static str {
        match self {
            MailMessage::VerifyEmail { .. } => "verify_email",
            MailMessage::AlreadyRegistered { .. } => "already_registered",
            MailMessage::AddressWanted { .. } => "address_wanted",
            MailMessage::ResetPassword { .. } => "reset_password",
            MailMessage::PasswordChanged { .. } => "password_changed",
            MailMessage::ChangeEmail { .. } => "change_email",
            MailMessage::EmailChanged { .. } => "email_changed",
            MailMessage::Notices { .. } => "notices",
            MailMessage::Invitation { .. } => "invitation",
            MailMessage::Event(_) => "event",
        }
    }

    /// Whether a mail of that name carries a link to an account: whoever reads it could make the account theirs, and an account
    /// belongs to a person, not to one organisation.
    pub fn is_personal(name: &str) -> bool {
        matches!(name, "verify_email" | "reset_password" | "change_email")
    }

    /// Whether a mail of that name carries a one-time link.
    pub fn has_link(name: &str) -> bool {
        Self::is_personal(name) || name == "invitation"
    }

    /// The same message with its one-time link unusable: what is kept once a mail server has taken the mail.
    pub fn without_link(mut self) -> Self {
        match &mut self {
            MailMessage::VerifyEmail { token, .. }
            | MailMessage::ResetPassword { token, .. }
            | MailMessage::ChangeEmail { token, .. }
            | MailMessage::Invitation { token, .. } => *token = "removed-after-sending".into(),
            MailMessage::AlreadyRegistered { .. }
            | MailMessage::AddressWanted { .. }
            | MailMessage::PasswordChanged { .. }
            | MailMessage::EmailChanged { .. }
            | MailMessage::Notices { .. }
            | MailMessage::Event(_) => {}
        }
        self
    }

    /// With the address at which a guest answers.
    pub(super) fn signed(mut self, secret: &[u8]) -> Self {
        if let MailMessage::Event(mail) = &mut self {
            mail.answer = mail.guest.map(|guest| calendar::answer_path(secret, guest));
        }
        self
    }

    pub fn render(&self, public_url: &Url) -> anyhow::Result<Rendered> {
        let mut body = self.body(public_url)?;
        body.subject = one_line(&body.subject);
        body.paragraphs = body.paragraphs.iter().map(|text| one_line(text)).collect();
        body.items.iter_mut().for_each(|(words, _)| *words = one_line(words));
        let text = TextMail { body: &body }.render()?;
        let html = HtmlMail { body: &body }.render()?;
        let mut rendered =
            Rendered { subject: body.subject, text, html, preferences: body.preferences, ..Rendered::default() };
        if let MailMessage::Event(mail) = self {
            rendered.calendar = Some((mail.method.clone(), mail.calendar.clone()));
            rendered.reply_to = Some((mail.sender.clone(), mail.reply_to.clone()));
        }
        Ok(rendered)
    }

    fn body(&self, base: &Url) -> anyhow::Result<Body> {
        let link = |path: String| anyhow::Ok(base.join(&path)?.to_string());
        let ignore = "If this was not you, you can ignore this mail: nothing changes.";
        Ok(match self {
            MailMessage::VerifyEmail { name, token } => Body {
                subject: "Confirm your e-mail address".into(),
                paragraphs: vec![format!("Hello {name},"), "please confirm that this is your e-mail address. The link works for three days.".into()],
                button: Some(("Confirm address", link(format!("/verify-email/{token}"))?)),
                footnote: ignore,
                ..Body::default()
            },
            MailMessage::AlreadyRegistered { name } => Body {
                subject: "You already have an account".into(),
                paragraphs: vec![
                    format!("Hello {name},"),
                    "someone, probably you, just signed up with this address. It has an account already: sign in, or reset the password if you forgot it.".into(),
                ],
                button: Some(("Sign in", link("/login".into())?)),
                footnote: ignore,
                ..Body::default()
            },
            MailMessage::AddressWanted { name } => Body {
                subject: "Someone wanted to use your address".into(),
                paragraphs: vec![
                    format!("Hello {name},"),
                    "someone with another account asked to sign in with this address from now on. It is your account's address, so nothing was changed. Was it you? Sign in here, or ask for another address there.".into(),
                ],
                button: Some(("Sign in", link("/login".into())?)),
                footnote: ignore,
                ..Body::default()
            },
            MailMessage::ResetPassword { name, token } => Body {
                subject: "Set a new password".into(),
                paragraphs: vec![format!("Hello {name},"), "here is the link to set a new password. It works once, for one hour.".into()],
                button: Some(("Set a new password", link(format!("/password-reset/{token}"))?)),
                footnote: ignore,
                ..Body::default()
            },
            MailMessage::PasswordChanged { name } => Body {
                subject: "Your password was changed".into(),
                paragraphs: vec![format!("Hello {name},"), "your password was just changed, and you were signed out everywhere else.".into()],
                button: None,
                footnote: "If this was not you, reset your password at once and tell your administrator.",
                ..Body::default()
            },
            MailMessage::ChangeEmail { name, token } => Body {
                subject: "Confirm your new e-mail address".into(),
                paragraphs: vec![format!("Hello {name},"), "please confirm this address: from then on you sign in with it.".into()],
                button: Some(("Confirm address", link(format!("/verify-email/{token}"))?)),
                footnote: ignore,
                ..Body::default()
            },
            MailMessage::EmailChanged { name, new_email } => Body {
                subject: "Your e-mail address was changed".into(),
                paragraphs: vec![format!("Hello {name},"), format!("your account now signs in with {new_email}.")],
                button: None,
                footnote: "If this was not you, tell your administrator at once.",
                ..Body::default()
            },
            MailMessage::Event(mail) => Body {
                subject: mail.subject.clone(),
                paragraphs: mail.paragraphs.clone(),
                links: match &mail.answer {
                    Some(path) => [("Accept", "accepted"), ("Perhaps", "tentative"), ("Decline", "declined")]
                        .into_iter()
                        .map(|(label, answer)| anyhow::Ok((label, link(format!("{path}?answer={answer}"))?)))
                        .collect::<anyhow::Result<_>>()?,
                    None => vec![],
                },
                footnote: "A reply to this mail goes to whoever invited you.",
                ..Body::default()
            },
            MailMessage::Notices { name, notices, more, digest } => {
                let items = notices.iter().map(|(words, path)| Ok((words.clone(), link(path.clone())?)));
                Body {
                    subject: match (notices.as_slice(), digest) {
                        ([(words, _)], _) => words.chars().take(150).collect(),
                        (many, false) => format!("{} notifications", many.len() + more),
                        (many, true) => format!("Your summary: {} notifications", many.len() + more),
                    },
                    paragraphs: vec![format!("Hello {name},")],
                    items: items.collect::<anyhow::Result<_>>()?,
                    after: if *more > 0 { format!("And {more} more.") } else { String::new() },
                    button: Some(("All notifications", link("/notifications".into())?)),
                    footnote: "You are told so because of your settings.",
                    links: vec![],
                    preferences: Some(link("/settings/notifications".into())?),
                }
            }
            MailMessage::Invitation { organisation, inviter, role, token } => Body {
                subject: format!("{inviter} invites you to {organisation}"),
                paragraphs: vec![
                    "Hello,".into(),
                    format!("{inviter} invites you to join {organisation} on Pipewright as {role}. The invitation is open for seven days."),
                ],
                button: Some(("Join", link(format!("/invitations/{token}"))?)),
                footnote: "If you do not know the sender, you can ignore this mail.",
                ..Body::default()
            },
        })
    }
}

/// Names come from people: none of them may add lines of their own to a mail, let alone headers.
fn one_line(text: &str) -> String {
    let plain = text.split(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
    plain.map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
