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
    ("economic_buyer", "Economic buyer"),
    ("technical_buyer", "Technical buyer"),
    ("influencer", "Influencer"),
    ("user", "User"),
    ("procurement", "Procurement"),
    ("legal", "Legal"),
    ("blocker", "Blocker"),
    ("other", "Other"),
];

/// How much their word weighs.
pub const INFLUENCES: &[(&str, &str)] = &[("high", "High"), ("medium", "Medium"), ("low", "Low")];

/// What they think of it.
pub const STANCES: &[(&str, &str)] = &[("supports", "Supports us"), ("neutral", "Neutral"), ("opposes", "Against us")];

/// What somebody is to a deal.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    role: String,
    influence: Option<String>,
    stance: Option<String>,
}

/// The same in words: "Champion, high influence, supports us". Nothing of somebody in no special part.
pub fn part_words(role: &str, influence: Option<&str>, stance: Option<&str>) -> String {
    let role = (role != "other").then(|| label(role).to_owned());
    let influence = influence.map(|key| format!("{} influence", word(INFLUENCES, key).to_lowercase()));
    let stance = stance.map(|key| word(STANCES, key).to_lowercase());
    [role, influence, stance].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn word(list: &[(&str, &'static str)], key: &str) -> &'static str {
    list.iter().find(|(known, _)| *known == key).map_or("", |(_, label)| label)
}

/// A contact beside a deal. Without `href` the reader may know the name but not the record.
pub struct ContactRow {
    pub id: String,
    pub name: String,
    pub title: String,
    pub role: String,
    pub role_label: &'static str,
    /// Keys, empty when nobody said.
    pub influence: String,
    pub stance: String,
    pub influence_label: &'static str,
    pub stance_label: &'static str,
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
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    influence: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    stance: Option<String>,
}

const OF_DEAL: &str = "
SELECT c.id, c.first_name, c.last_name, c.email, c.title, c.owner_id, p.role, p.influence, p.stance
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
        influence_label: row.influence.as_deref().map_or("", |key| word(INFLUENCES, key)),
        stance_label: row.stance.as_deref().map_or("", |key| word(STANCES, key)),
        influence: row.influence.unwrap_or_default(),
        stance: row.stance.unwrap_or_default(),
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

/// `POST /deals/{id}/contacts`: adds one, or gives one of the deal's (`contact_id` alone) another part.
pub async fn add(page: Page, by: Allow<Edit>, id: Path<DealId>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let (deal, posted) = (*id, form.clone());
    let added = db
        .org(&page, move |tx| {
            let mut p = form.parser();
            let role = p.choice("role", ROLES).map(str::to_owned);
            let influence = p.choice("influence", INFLUENCES).map(str::to_owned);
            let stance = p.choice("stance", STANCES).map(str::to_owned);
            p.finish()?;
            let deal = queries::lock(tx, &by, deal)?.id;
            let contact = meant(tx, &by, &form)?;
            let was = part_of(tx, deal, contact.0)?;
            // Who is searched for is new here; the part of somebody who is not is changed in the list.
            if was.is_some() && form.has("contact") {
                return Err(AppError::field("contact", "is on this deal already: change their part in the list above"));
            }
            // What the form does not ask stays.
            let kept = |key: &str, said, was: Option<String>| if form.has(key) { said } else { was };
            let part = Part {
                role: role.or(was.as_ref().map(|w| w.role.clone())).unwrap_or_else(|| "other".to_owned()),
                influence: kept("influence", influence, was.as_ref().and_then(|w| w.influence.clone())),
                stance: kept("stance", stance, was.as_ref().and_then(|w| w.stance.clone())),
            };
            set_part(tx, deal, contact, was, part)
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
    let was = part_of(tx, deal, contact)?;
    set_part(tx, deal, (contact, name), was, Part { role: "other".to_owned(), influence: None, stance: None })
}

/// The caller holds the deal. `was`: what the contact is to it now.
fn set_part(
    tx: &mut OrgTx,
    deal: DealId,
    (contact, name): (ContactId, String),
    was: Option<Part>,
    part: Part,
) -> AppResult<()> {
    if was.as_ref() == Some(&part) {
        return Ok(());
    }
    let said = (
        deal_contacts::role.eq(&part.role),
        deal_contacts::influence.eq(&part.influence),
        deal_contacts::stance.eq(&part.stance),
    );
    diesel::insert_into(deal_contacts::table)
        .values((deal_contacts::deal_id.eq(deal), deal_contacts::contact_id.eq(contact), said))
        .on_conflict((deal_contacts::org_id, deal_contacts::deal_id, deal_contacts::contact_id))
        .do_update()
        .set(said)
        .execute(tx.conn())?;
    note_change(tx, deal, &name, contact, was.as_ref().map(told), Some(told(&part)))
}

fn told(part: &Part) -> String {
    let words = part_words(&part.role, part.influence.as_deref(), part.stance.as_deref());
    if words.is_empty() { label(&part.role).to_owned() } else { words }
}

fn take_out(tx: &mut OrgTx, by: &Allow<Edit>, deal: DealId, contact: ContactId) -> AppResult<()> {
    let deal = queries::lock(tx, by, deal)?;
    let Some(part) = part_of(tx, deal.id, contact)? else { return Ok(()) };
    let (first, last, email): (String, String, Option<String>) = contacts::table
        .filter(contacts::id.eq(contact))
        .select((contacts::first_name, contacts::last_name, contacts::email))
        .first(tx.conn())?;
    let of_deal = deal_contacts::table.filter(deal_contacts::deal_id.eq(deal.id));
    diesel::delete(of_deal.filter(deal_contacts::contact_id.eq(contact))).execute(tx.conn())?;
    let name = full_name(&first, &last, email.as_deref());
    note_change(tx, deal.id, &name, contact, Some(told(&part)), None)
}

fn part_of(tx: &mut OrgTx, deal: DealId, contact: ContactId) -> AppResult<Option<Part>> {
    let query = deal_contacts::table
        .filter(deal_contacts::deal_id.eq(deal))
        .filter(deal_contacts::contact_id.eq(contact))
        .select((deal_contacts::role, deal_contacts::influence, deal_contacts::stance));
    let row: Option<(String, Option<String>, Option<String>)> = query.first(tx.conn()).optional()?;
    Ok(row.map(|(role, influence, stance)| Part { role, influence, stance }))
}

fn note_change(
    tx: &mut OrgTx,
    deal: DealId,
    name: &str,
    contact: ContactId,
    before: Option<String>,
    after: Option<String>,
) -> AppResult<()> {
    let as_role = |role: Option<String>| role.map(|role| json!({ "id": contact, "name": format!("{name} ({role})") }));
    let mut changes = Changes::new();
    changes.track("contact", &as_role(before), &as_role(after));
    events::record_quietly(tx, Event::new("deal.updated", RecordType::Deal, deal).changes(changes))?;
    announce(tx, deal, &[], None)
}
