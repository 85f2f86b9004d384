//! A web form as its organisation made it.

use crate::{kernel::WebFormId, schema::web_forms};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A form that is there.
#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = web_forms)]
pub struct WebForm {
    pub id: WebFormId,
    /// In its public address.
    pub token: String,
    #[diesel(embed)]
    pub made: NewWebForm,
    pub version: i32,
}

/// Everything an administrator decides about a form. `None` clears.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone, Debug, PartialEq)]
#[diesel(table_name = web_forms, treat_none_as_null = true)]
pub struct NewWebForm {
    pub name: String,
    /// Over the form; empty: none.
    pub heading: String,
    /// [`WebField`]s in order.
    pub fields: Value,
    /// The words on the button.
    pub button: String,
    /// What must be agreed to; empty: nothing.
    pub consent_text: String,
    pub thanks: String,
    /// Where to go after sending, instead of the thanks.
    pub redirect_url: Option<String>,
    /// Given to its leads.
    pub source: Option<String>,
    pub campaign: Option<String>,
    /// `https://www.example.com`: whose pages may frame the form or post to it.
    pub origins: Vec<Option<String>>,
    pub active: bool,
}

/// A field of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebField {
    /// Of the lead's catalogue.
    pub key: String,
    pub label: String,
    pub required: bool,
}

impl NewWebForm {
    pub fn fields(&self) -> Vec<WebField> {
        serde_json::from_value(self.fields.clone()).unwrap_or_default()
    }

    pub fn origins(&self) -> Vec<String> {
        self.origins.iter().flatten().cloned().collect()
    }

    /// The origin of the page that thanks, when it is not ours.
    pub fn next_origin(&self) -> Option<String> {
        self.redirect_url.as_deref().and_then(origin)
    }
}

/// The origin of a web address, if it can stand in a policy.
pub(super) fn origin(address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok()?;
    let plain = url.origin().ascii_serialization();
    let usual = |c: char| c.is_ascii_alphanumeric() || "-._:/[]".contains(c);
    (matches!(url.scheme(), "http" | "https") && plain.chars().all(usual)).then_some(plain)
}
