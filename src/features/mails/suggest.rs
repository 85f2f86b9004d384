//! Whom one may want to write to: the people around the records a mail is about, and whoever is found as one types.

use super::{
    addresses::{self, Recipient},
    merge::Subject,
    standing,
};
use crate::{
    db::{Db, OrgTx, Tx, kept},
    error::AppResult,
    features::records::require_view,
    kernel::RecordType,
    search,
    web::{Actor, Allow, Form, Page, permission::mails::Send, reply},
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use diesel::{prelude::*, sql_types as t};
use uuid::Uuid;

/// Choices at a time.
const SHOWN: i32 = 8;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Text)]
    name: String,
    #[diesel(sql_type = t::Text)]
    email: String,
}

impl From<Row> for Recipient {
    fn from(row: Row) -> Self {
        Recipient::new(&row.name, &row.email)
    }
}

/// Contacts or leads with an address, those the actor sees, by a condition over `r` with `$1`.
fn people(tx: &mut OrgTx, actor: &Actor, record: RecordType, condition: &str, ids: &[Uuid]) -> AppResult<Vec<Row>> {
    if require_view(actor, record).is_err() {
        return Ok(vec![]);
    }
    let sql = format!(
        "SELECT r.id, btrim(r.first_name || ' ' || r.last_name) AS name, r.email FROM {} r
         WHERE {condition} AND r.email IS NOT NULL AND r.deleted_at IS NULL AND NOT r.do_not_contact AND ($2 IS NULL OR r.owner_id = ANY ($2))
         ORDER BY r.archived_at NULLS FIRST, r.name_key, r.id LIMIT 20",
        record.noun()
    );
    let query = diesel::sql_query(sql)
        .bind::<t::Array<t::Uuid>, _>(ids)
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(actor.visible_owners());
    Ok(kept(query).load(tx.conn())?)
}

/// Found first, then fetched: as a semi-join it was answered by walking every contact by name.
const OF_DEAL: &str = "r.id = ANY (ARRAY(SELECT x.contact_id FROM deal_contacts x WHERE x.deal_id = ANY ($1)))";

/// The people of the records that a mail is about.
pub fn around(tx: &mut OrgTx, actor: &Actor, about: &Subject) -> AppResult<Vec<Recipient>> {
    let mut all: Vec<Recipient> = Vec::new();
    let mut add = |rows: Vec<Row>| {
        for row in rows.into_iter().map(Recipient::from) {
            if !all.iter().any(|known| known.email == row.email) {
                all.push(row);
            }
        }
    };
    if let Some(id) = about.contact {
        add(people(tx, actor, RecordType::Contact, "r.id = ANY ($1)", &[id])?);
    }
    if let Some(id) = about.lead {
        add(people(tx, actor, RecordType::Lead, "r.id = ANY ($1)", &[id])?);
    }
    if let Some(id) = about.deal {
        add(people(tx, actor, RecordType::Contact, OF_DEAL, &[id])?);
    }
    if let Some(id) = about.company {
        add(people(tx, actor, RecordType::Contact, "r.company_id = ANY ($1)", &[id])?);
    }
    Ok(all)
}

/// Whom a mail about these is to, when nobody is named: the contact, the lead, the deal's first contact.
pub fn meant(tx: &mut OrgTx, actor: &Actor, about: &Subject) -> AppResult<Option<Recipient>> {
    let found = match *about {
        Subject { contact: Some(id), .. } => people(tx, actor, RecordType::Contact, "r.id = ANY ($1)", &[id])?,
        Subject { lead: Some(id), .. } => people(tx, actor, RecordType::Lead, "r.id = ANY ($1)", &[id])?,
        Subject { deal: Some(id), .. } => people(tx, actor, RecordType::Contact, OF_DEAL, &[id])?,
        _ => vec![],
    };
    Ok(found.into_iter().next().map(Recipient::from))
}

/// Names of those of [`meant`] who asked not to be contacted.
pub fn silent(tx: &mut OrgTx, actor: &Actor, about: &Subject) -> AppResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Name {
        #[diesel(sql_type = t::Text)]
        name: String,
    }
    let (record, condition, id) = match *about {
        Subject { contact: Some(id), .. } => (RecordType::Contact, "r.id = ANY ($1)", id),
        Subject { lead: Some(id), .. } => (RecordType::Lead, "r.id = ANY ($1)", id),
        Subject { deal: Some(id), .. } => (RecordType::Contact, OF_DEAL, id),
        _ => return Ok(vec![]),
    };
    if require_view(actor, record).is_err() {
        return Ok(vec![]);
    }
    let sql = format!(
        "SELECT coalesce(nullif(btrim(r.first_name || ' ' || r.last_name), ''), r.email, '') AS name FROM {} r
         WHERE {condition} AND r.deleted_at IS NULL AND r.do_not_contact AND ($2 IS NULL OR r.owner_id = ANY ($2)) ORDER BY r.name_key, r.id LIMIT 5",
        record.noun()
    );
    let query = diesel::sql_query(sql)
        .bind::<t::Array<t::Uuid>, _>(vec![id])
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(actor.visible_owners());
    Ok(kept(query).load::<Name>(tx.conn())?.into_iter().map(|row| row.name).collect())
}

/// The contact or lead that the first address of a line belongs to.
pub fn by_address(tx: &mut OrgTx, about: &mut Subject, line: &str) -> AppResult<()> {
    let Some(first) = addresses::parse(line).ok().and_then(|all| all.into_iter().next()) else { return Ok(()) };
    if let Some(known) = standing::look_up(tx, std::slice::from_ref(&first.email))?.remove(&first.email) {
        about.contact = known.contact_id;
        about.lead = known.lead_id.filter(|_| known.contact_id.is_none());
        *about = super::about::complete(tx, *about)?;
    }
    Ok(())
}

#[derive(Template)]
#[template(path = "records/_options.html")]
struct Options {
    options: Vec<(String, String, String)>,
    adding: Option<String>,
}

/// `GET /mails/people?q=`: contacts and leads with an address, as one types.
pub(super) async fn find(page: Page, _: Allow<Send>, db: Data<Db>) -> AppResult<HttpResponse> {
    let q: String = Form::decode(page.req.query_string().as_bytes())?.get("q").chars().take(200).collect();
    let actor = page.actor.clone();
    let found = db.org(&page, move |tx| matching(tx, &actor, &q)).await?;
    let option = |r: Recipient| (r.print(), if r.name.is_empty() { r.email.clone() } else { r.name.clone() }, r.email);
    reply::fragment(&Options { options: found.into_iter().map(option).collect(), adding: None })
}

fn matching(tx: &mut OrgTx, actor: &Actor, q: &str) -> AppResult<Vec<Recipient>> {
    let records = [RecordType::Contact, RecordType::Lead];
    let hits = search::find(tx, actor, q, &records, SHOWN)?;
    let ids: Vec<Uuid> = hits.iter().map(|hit| hit.id).collect();
    let mut rows = Vec::new();
    for record in records {
        rows.extend(people(tx, actor, record, "r.id = ANY ($1)", &ids)?);
    }
    rows.sort_by_key(|row| ids.iter().position(|id| *id == row.id));
    Ok(rows.into_iter().map(Recipient::from).collect())
}
