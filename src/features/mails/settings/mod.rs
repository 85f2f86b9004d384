//! What an organisation decides about its mail, and each member's signature.

mod pages;
mod signature;

pub(super) use pages::{save, show};
pub use signature::signature;
pub(super) use signature::{save as save_signature, show as show_signature};

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    schema::mail_settings,
};
use diesel::prelude::*;

#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone, PartialEq, Eq, Debug)]
#[diesel(table_name = mail_settings, treat_none_as_null = true)]
pub struct MailSettings {
    /// In a domain that the installation may send for; `None`: MAIL_FROM.
    pub from_address: Option<String>,
    /// Under mail to many, beside the unsubscribe link: who writes, from where.
    pub footer: String,
    /// Recipients a member may write to in a day.
    pub daily_member: i32,
    /// All of them together.
    pub daily_total: i32,
    pub count_opens: bool,
    pub count_clicks: bool,
    pub version: i32,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            from_address: None,
            footer: String::new(),
            daily_member: 500,
            daily_total: 5_000,
            count_opens: false,
            count_clicks: false,
            version: 0,
        }
    }
}

pub fn load(tx: &mut OrgTx) -> AppResult<MailSettings> {
    let found = mail_settings::table.select(MailSettings::as_select()).first(tx.conn()).optional()?;
    Ok(found.unwrap_or_default())
}
