//! What is known of addresses: whose they are, and why nothing should be sent there. It is kept by address, so that it outlives the
//! record, goes along with a merge, and holds for whoever has the address.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    events::{self, Event},
    kernel::RecordType,
};
use diesel::{prelude::*, sql_types as t};
use serde_json::json;
use std::collections::HashMap;
use uuid::Uuid;

/// Why an address is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    NoAddress,
    DoNotContact,
    /// Of mail to many.
    Unsubscribed,
    Refused,
    /// Another record of the same mailing has it.
    Same,
}

impl Why {
    pub const ALL: [Why; 5] = [Why::NoAddress, Why::DoNotContact, Why::Unsubscribed, Why::Refused, Why::Same];

    pub fn key(self) -> &'static str {
        match self {
            Why::NoAddress => "no_address",
            Why::DoNotContact => "do_not_contact",
            Why::Unsubscribed => "unsubscribed",
            Why::Refused => "refused",
            Why::Same => "same",
        }
    }

    /// After a number, or a name.
    pub fn words(self) -> &'static str {
        match self {
            Why::NoAddress => "without an e-mail address",
            Why::DoNotContact => "asked not to be contacted",
            Why::Unsubscribed => "unsubscribed",
            Why::Refused => "with an address that the mail server refused",
            Why::Same => "with the same address as another",
        }
    }
}

/// What is known of one address.
#[derive(QueryableByName, Clone, Debug, Default)]
pub struct Known {
    #[diesel(sql_type = t::Text)]
    pub email: String,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub contact_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub lead_id: Option<Uuid>,
    #[diesel(sql_type = t::Bool)]
    pub do_not_contact: bool,
    #[diesel(sql_type = t::Bool)]
    pub unsubscribed: bool,
    #[diesel(sql_type = t::Bool)]
    pub refused: bool,
}

impl Known {
    /// Why one should not write there, to one person or to `many`.
    pub fn why_not(&self, many: bool) -> Option<Why> {
        if self.do_not_contact {
            Some(Why::DoNotContact)
        } else if self.unsubscribed && many {
            Some(Why::Unsubscribed)
        } else {
            self.refused.then_some(Why::Refused)
        }
    }
}

/// Other addresses of people are out of an index's reach under row-level security, hence `app.likely`.
const LOOK_UP: &str = "
SELECT e.email, c.id AS contact_id, l.id AS lead_id,
  coalesce(c.barred, false) OR coalesce(l.barred, false) AS do_not_contact,
  a.unsubscribed_at IS NOT NULL AS unsubscribed, a.refused_at IS NOT NULL AS refused
FROM unnest($1) e (email)
LEFT JOIN LATERAL (
  SELECT (array_agg(r.id ORDER BY (r.email = e.email) DESC NULLS LAST, r.archived_at NULLS FIRST, r.id))[1] AS id, bool_or(r.do_not_contact) AS barred
  FROM contacts r WHERE r.id = ANY (ARRAY(SELECT app.likely('contact', ARRAY[e.email], '{}', '{}', NULL, '{}'))) AND r.deleted_at IS NULL) c ON true
LEFT JOIN LATERAL (
  SELECT (array_agg(r.id ORDER BY (r.email = e.email) DESC NULLS LAST, r.archived_at NULLS FIRST, r.id))[1] AS id, bool_or(r.do_not_contact) AS barred
  FROM leads r WHERE r.id = ANY (ARRAY(SELECT app.likely('lead', ARRAY[e.email], '{}', '{}', NULL, '{}'))) AND r.deleted_at IS NULL) l ON true
LEFT JOIN mail_addresses a ON a.email = e.email";

/// Of each of these addresses, whoever's records they are: not to be written to is not to be written to by anybody.
pub fn look_up(tx: &mut OrgTx, emails: &[String]) -> AppResult<HashMap<String, Known>> {
    let rows: Vec<Known> = diesel::sql_query(LOOK_UP).bind::<t::Array<t::Text>, _>(emails).load(tx.conn())?;
    Ok(rows.into_iter().map(|known| (known.email.clone(), known)).collect())
}

/// The server refused the address: kept, and told on the timelines of whoever has it.
pub(super) fn refused(tx: &mut OrgTx, email: &str, told: &str) -> AppResult<()> {
    let told: String = told.chars().filter(|c| !c.is_control()).take(500).collect();
    diesel::sql_query(
        "INSERT INTO mail_addresses (email, refused_at, refusal) VALUES ($1, now(), $2)
         ON CONFLICT (org_id, email) DO UPDATE SET refused_at = now(), refusal = excluded.refusal",
    )
    .bind::<t::Text, _>(email)
    .bind::<t::Text, _>(&told)
    .execute(tx.conn())?;
    tell(tx, email, ["contact.address_refused", "lead.address_refused"], &format!("Address refused: {email}"))
}

/// They want no more mail to many. Whether this was news.
pub(super) fn unsubscribe(tx: &mut OrgTx, email: &str) -> AppResult<bool> {
    let news = diesel::sql_query(
        "INSERT INTO mail_addresses (email, unsubscribed_at) VALUES ($1, now())
         ON CONFLICT (org_id, email) DO UPDATE SET unsubscribed_at = now() WHERE mail_addresses.unsubscribed_at IS NULL",
    )
    .bind::<t::Text, _>(email)
    .execute(tx.conn())?;
    if news > 0 {
        tell(tx, email, ["contact.unsubscribed", "lead.unsubscribed"], &format!("Unsubscribed: {email}"))?;
    }
    Ok(news > 0)
}

/// Mail may go there again.
pub(super) fn clear(tx: &mut OrgTx, email: &str, why: Why) -> AppResult<()> {
    let (column, kinds, told) = match why {
        Why::Unsubscribed => {
            ("unsubscribed_at = NULL", ["contact.subscribed", "lead.subscribed"], format!("Subscribed again: {email}"))
        }
        _ => (
            "refused_at = NULL, refusal = NULL",
            ["contact.address_cleared", "lead.address_cleared"],
            format!("Address to be tried again: {email}"),
        ),
    };
    let field = if why == Why::Unsubscribed { "unsubscribed_at" } else { "refused_at" };
    let cleared =
        diesel::sql_query(format!("UPDATE mail_addresses SET {column} WHERE email = $1 AND {field} IS NOT NULL"))
            .bind::<t::Text, _>(email)
            .execute(tx.conn())?;
    if cleared > 0 { tell(tx, email, kinds, &told) } else { Ok(()) }
}

/// On the timelines of the contact and the lead with that address.
fn tell(tx: &mut OrgTx, email: &str, kinds: [&'static str; 2], title: &str) -> AppResult<()> {
    let Some(known) = look_up(tx, &[email.to_owned()])?.remove(email) else { return Ok(()) };
    let records = [(RecordType::Contact, known.contact_id), (RecordType::Lead, known.lead_id)];
    for ((record, id), kind) in records.into_iter().zip(kinds) {
        if let Some(id) = id {
            events::record(tx, Event::new(kind, record, id).data(json!({ "title": title })))?;
        }
    }
    Ok(())
}

/// What the page of someone says of their addresses.
#[derive(QueryableByName, Clone, Debug)]
pub struct Notice {
    #[diesel(sql_type = t::Text)]
    pub email: String,
    #[diesel(sql_type = t::Bool)]
    pub unsubscribed: bool,
    #[diesel(sql_type = t::Bool)]
    pub refused: bool,
    #[diesel(sql_type = t::Text)]
    pub refusal: String,
}

/// Of the addresses of a contact or lead that the caller has found visible.
pub fn notices(tx: &mut OrgTx, record: RecordType, id: Uuid) -> AppResult<Vec<Notice>> {
    if !matches!(record, RecordType::Contact | RecordType::Lead) {
        return Ok(vec![]);
    }
    let sql = format!(
        "SELECT a.email, a.unsubscribed_at IS NOT NULL AS unsubscribed, a.refused_at IS NOT NULL AS refused, coalesce(a.refusal, '') AS refusal
         FROM {} r CROSS JOIN LATERAL unnest(ARRAY[r.email] || r.other_emails) e (email) JOIN mail_addresses a ON a.email = e.email
         WHERE r.id = $1 AND (a.unsubscribed_at IS NOT NULL OR a.refused_at IS NOT NULL) ORDER BY a.email",
        record.noun()
    );
    Ok(crate::db::kept(diesel::sql_query(sql).bind::<t::Uuid, _>(id)).load(tx.conn())?)
}
