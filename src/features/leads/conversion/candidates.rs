//! Who and what may be here already: contacts with the lead's address, number or name, companies with its website or company name.

use super::super::model::Lead;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{RecordType, text},
    web::Actor,
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// A record that may be the same.
#[derive(QueryableByName, Clone, Debug)]
pub(super) struct Candidate {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    #[diesel(sql_type = sql_types::Text)]
    pub detail: String,
    /// `same e-mail address`
    #[diesel(sql_type = sql_types::Text)]
    pub why: String,
}

impl Candidate {
    /// The address alone tells that it is the same person.
    pub fn is_sure(&self) -> bool {
        self.why == "same e-mail address"
    }
}

const LIVE: &str = "c.archived_at IS NULL AND c.deleted_at IS NULL AND ($4 IS NULL OR c.owner_id = ANY ($4))";

/// The likeliest first, each once.
pub(super) fn contacts(tx: &mut OrgTx, actor: &Actor, lead: &Lead) -> AppResult<Vec<Candidate>> {
    if !actor.may("contacts.view") {
        return Ok(vec![]);
    }
    let name = "coalesce(nullif(btrim(c.first_name || ' ' || c.last_name), ''), c.email, '')";
    let arm = |why: &str, place: i32, condition: &str| {
        format!(
            "(SELECT c.id, {name} AS name, coalesce(c.email, c.phone, '') AS detail, '{why}' AS why, {place} AS place \
             FROM contacts c WHERE {condition} AND {LIVE} ORDER BY c.id LIMIT 5)"
        )
    };
    let sql = format!(
        "SELECT id, name, detail, why FROM ({} UNION ALL {} UNION ALL {}) x ORDER BY place, id",
        arm("same e-mail address", 1, "c.email = ANY ($1)"),
        arm("same number", 2, "c.phone = ANY ($2)"),
        arm("same name", 3, "c.name_key = ANY ($3)")
    );
    let emails = super::plan::emails(lead);
    let phones: Vec<String> =
        lead.fields.phone.iter().chain(lead.fields.other_phones.iter().flatten()).cloned().collect();
    load(tx, actor, &sql, &emails, &phones, &lead.fields.person())
}

/// As [`contacts`], of the company.
pub(super) fn companies(tx: &mut OrgTx, actor: &Actor, lead: &Lead) -> AppResult<Vec<Candidate>> {
    if !actor.may("companies.view") {
        return Ok(vec![]);
    }
    let arm = |why: &str, place: i32, condition: &str| {
        format!(
            "(SELECT c.id, c.name, coalesce(c.domain, c.city, '') AS detail, '{why}' AS why, {place} AS place \
             FROM companies c WHERE {condition} AND {LIVE} ORDER BY c.id LIMIT 5)"
        )
    };
    let sql = format!(
        "SELECT id, name, detail, why FROM ({} UNION ALL {} UNION ALL {}) x ORDER BY place, id",
        arm("same website", 1, "c.domain = ANY ($1)"),
        arm("same number", 3, "c.phone = ANY ($2)"),
        arm("same name", 2, "c.name_key = ANY ($3)")
    );
    let domains: Vec<String> = lead.fields.domain.iter().cloned().collect();
    let phones: Vec<String> = lead.fields.phone.iter().cloned().collect();
    load(tx, actor, &sql, &domains, &phones, lead.fields.company_name.as_deref().unwrap_or_default())
}

fn load(
    tx: &mut OrgTx,
    actor: &Actor,
    sql: &str,
    addresses: &[String],
    phones: &[String],
    name: &str,
) -> AppResult<Vec<Candidate>> {
    let names: Vec<String> = Some(text::fold(name)).filter(|name| !name.is_empty()).into_iter().collect();
    type Texts = sql_types::Array<sql_types::Text>;
    let found: Vec<Candidate> = diesel::sql_query(sql)
        .bind::<Texts, _>(addresses)
        .bind::<Texts, _>(phones)
        .bind::<Texts, _>(names)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(actor.visible_owners())
        .load(tx.conn())?;
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in found {
        if !kept.iter().any(|other| other.id == candidate.id) {
            kept.push(candidate);
        }
    }
    Ok(kept)
}

/// Where a candidate's page is.
pub(super) fn address(record: RecordType, id: Uuid) -> String {
    format!("/{}/{id}", record.noun())
}
