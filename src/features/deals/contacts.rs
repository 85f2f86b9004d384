//! Who takes part in a deal, and as what.

use super::{commands::announce, pages, queries};
use crate::{
    db::{Db, OrgTx, Tx, kept},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    kernel::{ContactId, DealId, RecordType, text},
    schema::{contacts, deal_contacts},
    web::{Actor, Allow, Form, Page, permission::deals::Edit, reply},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use diesel::{prelude::*, sql_types};
use serde_json::json;
use uuid::Uuid;

/// Keys and labels of the parts people play.
pub const ROLES: &[(&str, &str)] = &[
    ("decision_maker", "Decision maker"),
    ("champion", "Champion"),
    ("influencer", "Influencer"),
    ("user", "User"),
    ("blocker", "Blocker"),
    ("other", "Other"),
];

/// A contact beside a deal. Without `href` the reader may know the name but not the record.
pub struct ContactRow {
    pub id: String,
    pub name: String,
    pub title: String,
    pub role: String,
    pub role_label: &'static str,
    pub initials: String,
    pub class: String,
    pub href: Option<String>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    first_name: String,
    #[diesel(sql_type = sql_types::Text)]
    last_name: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    email: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    title: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    owner_id: Option<Uuid>,
    #[diesel(sql_type = sql_types::Text)]
    role: String,
}

const OF_DEAL: &str = "
SELECT c.id, c.first_name, c.last_name, c.email, c.title, c.owner_id, p.role
FROM deal_contacts p JOIN contacts c ON c.org_id = p.org_id AND c.id = p.contact_id
WHERE p.deal_id = $1 AND c.deleted_at IS NULL ORDER BY p.created_at, c.id";

/// The people of a deal that the caller has found visible.
pub(super) fn of(tx: &mut OrgTx, actor: &Actor, deal: DealId) -> AppResult<Vec<ContactRow>> {
    let rows: Vec<Row> = kept(diesel::sql_query(OF_DEAL).bind::<sql_types::Uuid, _>(deal.0)).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| contact_row(actor, row)).collect())
}

fn contact_row(actor: &Actor, row: Row) -> ContactRow {
    let name = full_name(&row.first_name, &row.last_name, row.email.as_deref());
    let id = row.id.to_string();
    ContactRow {
        href: actor.sees(row.owner_id).then(|| format!("/contacts/{id}")),
        initials: text::initials(&name),
        class: text::avatar_class(&id),
        id,
        title: row.title.unwrap_or_default(),
        role_label: label(&row.role),
        role: row.role,
        name,
    }
}

fn full_name(first: &str, last: &str, email: Option<&str>) -> String {
    let name = format!("{first} {last}").trim().to_owned();
    if name.is_empty() { email.unwrap_or_default().to_owned() } else { name }
}

fn label(role: &str) -> &'static str {
    ROLES.iter().find(|(key, _)| *key == role).map_or("Other", |(_, label)| label)
}

/// `POST /deals/{id}/contacts`: adds one, or gives one another role.
pub async fn add(page: Page, by: Allow<Edit>, id: Path<DealId>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let (deal, posted) = (*id, form.clone());
    let added = db
        .org(&page, move |tx| {
            let mut p = form.parser();
            let role = p.choice("role", ROLES).unwrap_or("other");
            p.finish()?;
            let deal = queries::lock(tx, &by, deal)?.id;
            let contact = meant(tx, &by, &form)?;
            set_role(tx, deal, contact, role)
        })
        .await;
    match added {
        Err(AppError::Invalid(errors)) => pages::show_refused(&page, &db, deal, posted.view(errors)).await,
        Err(other) => Err(other),
        Ok(()) => Ok(reply::redirect(&page.req, &format!("/deals/{deal}"), None)),
    }
}

/// `POST /deals/{id}/contacts/{contact}/removal`
pub async fn remove(
    page: Page,
    by: Allow<Edit>,
    path: Path<(DealId, ContactId)>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (deal, contact) = path.into_inner();
    db.org(&page, move |tx| take_out(tx, &by, deal, contact)).await?;
    Ok(reply::redirect(&page.req, &format!("/deals/{deal}"), None))
}

/// The contact meant by a combobox: the id chosen, else the only visible contact of that name (accents and case aside) or e-mail.
fn meant(tx: &mut OrgTx, actor: &Actor, form: &Form) -> AppResult<(ContactId, String)> {
    let unknown = || AppError::field("contact", "is not one of your contacts: choose one from the list");
    let (id, name) = (form.get("contact_id"), form.get("contact"));
    let mut query = contacts::table
        .filter(contacts::deleted_at.is_null())
        .select((contacts::id, contacts::first_name, contacts::last_name, contacts::email))
        .limit(2)
        .into_boxed();
    if let Some(owners) = actor.visible_owners() {
        query = query.filter(contacts::owner_id.eq_any(owners));
    }
    query = if id.is_empty() {
        let named = contacts::name_key.eq(text::fold(name)).or(contacts::email.eq(name.to_lowercase()));
        query.filter(named).filter(contacts::archived_at.is_null())
    } else {
        query.filter(contacts::id.eq(id.parse::<ContactId>().map_err(|_| unknown())?))
    };
    let found: Vec<(ContactId, String, String, Option<String>)> = query.load(tx.conn())?;
    match &found[..] {
        [(id, first, last, email)] => Ok((*id, full_name(first, last, email.as_deref()))),
        _ => Err(unknown()),
    }
}

/// Puts a contact of that name beside a deal that the caller holds, in no special part.
pub fn take_part(tx: &mut OrgTx, deal: DealId, contact: ContactId, name: String) -> AppResult<()> {
    set_role(tx, deal, (contact, name), "other")
}

/// The caller holds the deal.
fn set_role(tx: &mut OrgTx, deal: DealId, (contact, name): (ContactId, String), role: &'static str) -> AppResult<()> {
    let before = role_of(tx, deal, contact)?;
    if before.as_deref() == Some(role) {
        return Ok(());
    }
    diesel::insert_into(deal_contacts::table)
        .values((deal_contacts::deal_id.eq(deal), deal_contacts::contact_id.eq(contact), deal_contacts::role.eq(role)))
        .on_conflict((deal_contacts::org_id, deal_contacts::deal_id, deal_contacts::contact_id))
        .do_update()
        .set(deal_contacts::role.eq(role))
        .execute(tx.conn())?;
    note_change(tx, deal, &name, contact, before.as_deref().map(label), Some(label(role)))
}

fn take_out(tx: &mut OrgTx, by: &Allow<Edit>, deal: DealId, contact: ContactId) -> AppResult<()> {
    let deal = queries::lock(tx, by, deal)?;
    let Some(role) = role_of(tx, deal.id, contact)? else { return Ok(()) };
    let (first, last, email): (String, String, Option<String>) = contacts::table
        .filter(contacts::id.eq(contact))
        .select((contacts::first_name, contacts::last_name, contacts::email))
        .first(tx.conn())?;
    let of_deal = deal_contacts::table.filter(deal_contacts::deal_id.eq(deal.id));
    diesel::delete(of_deal.filter(deal_contacts::contact_id.eq(contact))).execute(tx.conn())?;
    let name = full_name(&first, &last, email.as_deref());
    note_change(tx, deal.id, &name, contact, Some(label(&role)), None)
}

fn role_of(tx: &mut OrgTx, deal: DealId, contact: ContactId) -> AppResult<Option<String>> {
    let query = deal_contacts::table
        .filter(deal_contacts::deal_id.eq(deal))
        .filter(deal_contacts::contact_id.eq(contact))
        .select(deal_contacts::role);
    Ok(query.first(tx.conn()).optional()?)
}

fn note_change(
    tx: &mut OrgTx,
    deal: DealId,
    name: &str,
    contact: ContactId,
    before: Option<&str>,
    after: Option<&str>,
) -> AppResult<()> {
    let as_role = |role: Option<&str>| role.map(|role| json!({ "id": contact, "name": format!("{name} ({role})") }));
    let mut changes = Changes::new();
    changes.track("contact", &as_role(before), &as_role(after));
    events::record_quietly(tx, Event::new("deal.updated", RecordType::Deal, deal).changes(changes))?;
    announce(tx, deal, &[], None)
}
