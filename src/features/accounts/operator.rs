//! `pipewright password-link EMAIL`: the way back in where no mail server is set up. Whoever runs the installation passes the link
//! on; the mailed one, single use and one hour included, and every organisation of the person is told that it was made.

use super::{
    account,
    tokens::{self, Purpose},
};
use crate::{
    config::Config,
    db::{Db, Reason},
    kernel::people,
};
use anyhow::{Context, anyhow};

/// Prints a one-time link with which the person of that address sets a new password.
pub fn password_link(db: &Db, config: &Config, email: &str) -> anyhow::Result<()> {
    let email = people::parse_email(email).map_err(|what| anyhow!("{email}: {what}"))?;
    let made = db.system_now(Reason::CommandLine, |tx| {
        let Some(account) = account::by_email(tx, &email)? else { return Ok(None) };
        let token = tokens::issue(tx, account.id, Purpose::ResetPassword, &account.email)?;
        account::record_link(tx, account.id)?;
        Ok(Some((account, token)))
    })?;
    let (account, token) = made.with_context(|| format!("there is no account with the address {email}"))?;
    let link = config.public_url.join(&format!("/password-reset/{token}"))?;
    tracing::info!(user = %account.id, "made a password link");
    crate::cli::say(link);
    eprintln!("For {} <{}>: it works once, for one hour. Give it to nobody else.", account.name, account.email);
    Ok(())
}
