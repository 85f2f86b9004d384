//! A person's account: what signing in, links and settings need of `users`.

use super::session;
use crate::{
    db::{SystemTx, Tx},
    error::AppResult,
    events::{self, Changes, Event},
    features::notifications::{self, Kind, Notice, To},
    kernel::{MemberId, OrgId, UserId},
    mailer::{self, MailMessage},
    schema::{members, roles, users},
};
use diesel::prelude::*;
use serde_json::json;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct Account {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub password_hash: Option<String>,
    pub time_zone: String,
    pub locale: String,
    pub theme: String,
    #[diesel(select_expression = users::email_verified_at.is_not_null())]
    pub verified: bool,
}

/// The account with that address, in lower case.
pub fn by_email(tx: &mut SystemTx, email: &str) -> AppResult<Option<Account>> {
    Ok(users::table.filter(users::email.eq(email)).select(Account::as_select()).first(tx.conn()).optional()?)
}

pub fn by_id(tx: &mut SystemTx, id: UserId) -> AppResult<Account> {
    Ok(users::table.find(id).select(Account::as_select()).first(tx.conn())?)
}

pub fn set_password(tx: &mut SystemTx, id: UserId, hash: &str) -> AppResult<()> {
    diesel::update(users::table.find(id)).set(users::password_hash.eq(hash)).execute(tx.conn())?;
    Ok(())
}

/// The person has shown that mail to the account's address reaches them.
pub fn mark_verified(tx: &mut SystemTx, id: UserId) -> AppResult<()> {
    diesel::update(users::table.find(id).filter(users::email_verified_at.is_null()))
        .set(users::email_verified_at.eq(diesel::dsl::now))
        .execute(tx.conn())?;
    Ok(())
}

/// Mails the person about their account; listed with the organisation they work in.
pub fn mail(tx: &mut SystemTx, id: UserId, to: &str, message: MailMessage) -> AppResult<()> {
    match session::last_organisation(tx, id)? {
        Some(org) => mailer::enqueue_for(tx, org, id, to, message),
        None => mailer::enqueue(tx, to, message),
    }
}

/// Tells every organisation of the person what changed about them; their own doing.
pub fn record_change(tx: &mut SystemTx, id: UserId, changes: &Changes) -> AppResult<()> {
    if changes.is_empty() {
        return Ok(());
    }
    for org in organisations(tx, id)? {
        let event = Event::of("member.updated", "member", id).changes(changes.clone());
        events::record_in(tx, org, Some(id.into()), event)?;
    }
    Ok(())
}

/// Tells every organisation of the person that the operator made a link to their account; nobody's doing.
pub fn record_link(tx: &mut SystemTx, id: UserId, kind: &'static str) -> AppResult<()> {
    for org in organisations(tx, id)? {
        let event = Event::of(kind, "member", id).data(json!({ "by": "command_line" }));
        events::record_in(tx, org, None, event)?;
    }
    Ok(())
}

fn organisations(tx: &mut SystemTx, id: UserId) -> AppResult<Vec<OrgId>> {
    Ok(members::table.filter(members::id.eq(id)).select(members::org_id).load(tx.conn())?)
}

/// Tells the organisation that the person is a member now; `how`: `sign_up` or `invitation`.
pub fn record_joined(tx: &mut SystemTx, org: OrgId, id: UserId, how: &str) -> AppResult<()> {
    let mut changes = Changes::new();
    let (name, email): (String, String) = users::table.find(id).select((users::name, users::email)).first(tx.conn())?;
    changes.set("name", &name).set("email", &email);
    let event = Event::of("member.joined", "member", id).changes(changes).data(json!({ "by": how }));
    events::record_in(tx, org, Some(id.into()), event)?;
    let (administrators, role) = (administrators(tx, org)?, role(tx, org, id)?);
    let notice = Notice::new(Kind::Joined).at("/settings/members").param("who", &name).param("role", &role);
    notifications::tell_in(tx, org, Some(id.into()), &notice, To::people(administrators)).map(drop)
}

fn administrators(tx: &mut SystemTx, org: OrgId) -> AppResult<Vec<MemberId>> {
    use crate::web::permission::{Permission, organisation::Administer};
    Ok(members::table
        .inner_join(roles::table.on(roles::org_id.eq(members::org_id).and(roles::id.eq(members::role_id))))
        .filter(members::org_id.eq(org))
        .filter(roles::permissions.contains(vec![Some(Administer::KEY)]))
        .select(members::id)
        .load::<MemberId>(tx.conn())?)
}

fn role(tx: &mut SystemTx, org: OrgId, id: UserId) -> AppResult<Option<String>> {
    Ok(members::table
        .inner_join(roles::table.on(roles::org_id.eq(members::org_id).and(roles::id.eq(members::role_id))))
        .filter(members::org_id.eq(org))
        .filter(members::id.eq(id))
        .select(roles::name)
        .first(tx.conn())
        .optional()?)
}
