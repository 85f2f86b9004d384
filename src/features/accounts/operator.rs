//! `pipewright password-link EMAIL` and `email-link EMAIL NEW`: the way back in, and to another address, where no mail server is set up.
//! Whoever runs the installation passes the link on; it is the mailed one, single use and lifetime included, and every organisation of
//! the person is told that it was made.

use super::{
    account,
    tokens::{self, Purpose},
};
use crate::{
    config::Config,
    db::{Db, Reason},
    kernel::people,
};
use anyhow::{Context, anyhow, bail};

/// Prints a one-time link with which the person of that address sets a new password.
pub fn password_link(db: &Db, config: &Config, email: &str) -> anyhow::Result<()> {
    let email = people::parse_email(email).map_err(|what| anyhow!("{email}: {what}"))?;
    let made = db.system_now(Reason::CommandLine, |tx| {
        let Some(account) = account::by_email(tx, &email)? else { return Ok(None) };
        let token = tokens::issue(tx, account.id, Purpose::ResetPassword, &account.email)?;
        account::record_link(tx, account.id, "member.password_link")?;
        Ok(Some((account, token)))
    })?;
    let (account, token) = made.with_context(|| format!("there is no account with the address {email}"))?;
    let link = config.public_url.join(&format!("/password-reset/{token}"))?;
    tracing::info!(user = %account.id, "made a password link");
    crate::cli::say(link);
    eprintln!("For {} <{}>: it works once, for one hour. Give it to nobody else.", account.name, account.email);
    Ok(())
}

/// Prints a one-time link with which the person of that address makes `new` theirs. Whether it is, the operator knows.
pub fn email_link(db: &Db, config: &Config, email: &str, new: &str) -> anyhow::Result<()> {
    let email = people::parse_email(email).map_err(|what| anyhow!("{email}: {what}"))?;
    let new = people::parse_email(new).map_err(|what| anyhow!("{new}: {what}"))?;
    let (account, taken) = db.system_now(Reason::CommandLine, |tx| {
        Ok((account::by_email(tx, &email)?, account::by_email(tx, &new)?.is_some()))
    })?;
    let account = account.with_context(|| format!("there is no account with the address {email}"))?;
    if taken {
        bail!("{new} is the address of an account already");
    }
    let token = db.system_now(Reason::CommandLine, |tx| {
        account::record_link(tx, account.id, "member.email_link")?;
        tokens::issue(tx, account.id, Purpose::ChangeEmail, &new)
    })?;
    tracing::info!(user = %account.id, "made an e-mail link");
    crate::cli::say(config.public_url.join(&format!("/verify-email/{token}"))?);
    eprintln!("For {} <{}>: it works once, for three days. Give it to nobody else.", account.name, account.email);
    Ok(())
}
