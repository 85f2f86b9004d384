//! Who a mail comes from. In a domain that the mail server may send for, its author's own address; else the organisation's, with the
//! author's name, and answers go to the author.

use super::settings::MailSettings;
use crate::{
    config::Config,
    mailer::{Party, Post},
    web::Actor,
};

/// From, and where answers go when that is somewhere else.
pub fn of(config: &Config, post: &Post, settings: &MailSettings, author: &Actor) -> (Party, Option<Party>) {
    let own = Party { name: author.name.clone(), email: author.email.to_lowercase() };
    if author.email_verified && may_send_for(config, &own.email) {
        return (own, None);
    }
    let fallback = || post.own().email;
    let shared = settings.from_address.clone().filter(|address| may_send_for(config, address)).unwrap_or_else(fallback);
    (Party { name: format!("{} ({})", author.name, author.org.name), email: shared }, Some(own))
}

/// Whether the mail server may send for that address's domain (SPF, DKIM).
pub fn may_send_for(config: &Config, address: &str) -> bool {
    let domain = address.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
    domain.is_some_and(|domain| config.mail_sender_domains.contains(&domain))
}
