//! The side panels of a company's page: its contacts, its open deals with totals per currency, its subsidiaries.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{CompanyId, ContactId, DealId, Money, text},
    schema::{companies, contacts, deals, stages},
    web::Actor,
};
use diesel::{
    dsl::{count_star, sum},
    prelude::*,
    sql_types::Bool,
};
use rust_decimal::Decimal;

/// Contacts the panel shows; the list behind it has the rest.
const ROWS: usize = 6;
/// Open deals the panel shows.
const DEALS: usize = 20;

pub(super) struct Panels {
    pub contacts: Vec<ContactRow>,
    pub more_contacts: bool,
    pub deals: Vec<DealRow>,
    pub more_deals: bool,
    /// One per currency, in full.
    pub totals: Vec<String>,
    pub children: Vec<(CompanyId, String)>,
    pub may_see_contacts: bool,
    pub may_see_deals: bool,
    pub may_add_contact: bool,
    pub may_add_deal: bool,
    open: i64,
}

pub(super) struct ContactRow {
    pub id: ContactId,
    pub name: String,
    pub title: String,
    pub initials: String,
    pub class: String,
}

pub(super) struct DealRow {
    pub id: DealId,
    pub name: String,
    pub stage: String,
    pub amount: String,
}

impl Panels {
    pub(super) fn load(tx: &mut OrgTx, actor: &Actor, id: CompanyId) -> AppResult<Self> {
        let see_contacts = actor.may("contacts.view");
        let see_deals = actor.may("deals.view");
        let mut people = if see_contacts { contacts_of(tx, actor, id)? } else { vec![] };
        let (mut open, totals, count) = if see_deals { deals_of(tx, actor, id)? } else { (vec![], vec![], 0) };
        let (more_contacts, more_deals) = (people.len() > ROWS, open.len() > DEALS);
        people.truncate(ROWS);
        open.truncate(DEALS);
        Ok(Self {
            contacts: people,
            more_contacts,
            deals: open,
            more_deals,
            totals,
            children: children_of(tx, actor, id)?,
            may_see_contacts: see_contacts,
            may_see_deals: see_deals,
            may_add_contact: actor.may("contacts.create"),
            may_add_deal: actor.may("deals.create"),
            open: count,
        })
    }

    /// "3 · €120,000.00" for the facts strip.
    pub(super) fn open_deals(&self) -> String {
        if self.totals.is_empty() {
            self.open.to_string()
        } else {
            format!("{} · {}", self.open, self.totals.join(" + "))
        }
    }
}

type ContactColumns = (ContactId, String, String, Option<String>, Option<String>);

fn contacts_of(tx: &mut OrgTx, actor: &Actor, id: CompanyId) -> AppResult<Vec<ContactRow>> {
    let mut query = contacts::table
        .filter(contacts::company_id.eq(id))
        .filter(contacts::archived_at.is_null())
        .filter(contacts::deleted_at.is_null())
        .into_boxed();
    if let Some(owners) = actor.visible_owners() {
        query = query.filter(contacts::owner_id.eq_any(owners));
    }
    let rows: Vec<ContactColumns> = query
        .order((contacts::name_key, contacts::id))
        .select((contacts::id, contacts::first_name, contacts::last_name, contacts::email, contacts::title))
        .limit(ROWS as i64 + 1)
        .load(tx.conn())?;
    let row = |(id, first, last, email, title): ContactColumns| {
        let name = format!("{first} {last}").trim().to_owned();
        let name = if name.is_empty() { email.unwrap_or_default() } else { name };
        let (initials, class) = (text::initials(&name), text::avatar_class(&id.to_string()));
        ContactRow { id, initials, class, name, title: title.unwrap_or_default() }
    };
    Ok(rows.into_iter().map(row).collect())
}

/// The newest rows, the totals per currency and the number of all.
fn deals_of(tx: &mut OrgTx, actor: &Actor, id: CompanyId) -> AppResult<(Vec<DealRow>, Vec<String>, i64)> {
    let open = || {
        let query = deals::table
            .filter(deals::company_id.eq(id))
            .filter(deals::status.eq("open"))
            .filter(deals::archived_at.is_null())
            .filter(deals::deleted_at.is_null());
        // One condition for both cases, because a boxed query cannot be grouped.
        let visible = actor.visible_owners();
        query.filter(
            visible.is_none().into_sql::<Bool>().nullable().or(deals::owner_id.eq_any(visible.unwrap_or_default())),
        )
    };
    type Columns = (DealId, String, String, Option<Decimal>, String);
    let rows: Vec<Columns> = open()
        .inner_join(stages::table.on(stages::org_id.eq(deals::org_id).and(stages::id.eq(deals::stage_id))))
        .order(deals::id.desc())
        .select((deals::id, deals::name, stages::name, deals::amount, deals::currency))
        .limit(DEALS as i64 + 1)
        .load(tx.conn())?;
    let sums: Vec<(String, i64, Option<Decimal>)> = open()
        .group_by(deals::currency)
        .select((deals::currency, count_star(), sum(deals::amount)))
        .order(deals::currency)
        .load(tx.conn())?;
    let money = |(currency, _, sum): &(String, i64, Option<Decimal>)| {
        let sum = sum.filter(|sum| !sum.is_zero())?;
        Some(actor.locale.money(Money::from_columns(sum, currency)))
    };
    let row = |(id, name, stage, amount, currency): Columns| {
        let amount = amount.map(|a| actor.locale.short(Money::from_columns(a, &currency))).unwrap_or_default();
        DealRow { id, name, stage, amount }
    };
    let (totals, count) = (sums.iter().filter_map(money).collect(), sums.iter().map(|(_, deals, _)| deals).sum());
    Ok((rows.into_iter().map(row).collect(), totals, count))
}

fn children_of(tx: &mut OrgTx, actor: &Actor, id: CompanyId) -> AppResult<Vec<(CompanyId, String)>> {
    let mut query = companies::table
        .filter(companies::parent_id.eq(id))
        .filter(companies::archived_at.is_null())
        .filter(companies::deleted_at.is_null())
        .into_boxed();
    if let Some(owners) = actor.visible_owners() {
        query = query.filter(companies::owner_id.eq_any(owners));
    }
    Ok(query
        .order((companies::name_key, companies::id))
        .select((companies::id, companies::name))
        .limit(50)
        .load(tx.conn())?)
}
