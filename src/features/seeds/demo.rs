//! A small company that looks alive: organisation `demo`, "Aurelia Supply". Made up, the same on every run but for its dates, which
//! follow today's.

use super::people::{self, Someone};
use crate::{
    db::{Db, Reason, SystemTx, Tx},
    error::AppResult,
    features::quality,
    kernel::{OrgId, RecordType, rank},
    search,
};
use anyhow::anyhow;
use diesel::{connection::SimpleConnection, prelude::*, sql_types};
use uuid::Uuid;

const SLUG: &str = "demo";
const DEALS: usize = 144;
const RENEWALS: &[(&str, &str, i16, i16)] =
    &[("Due", "slate", 60, 21), ("Contacted", "cyan", 70, 14), ("Quoted", "blue", 80, 14), ("Agreed", "green", 95, 10)];

/// Creates the organisation; false when it is already there.
pub fn seed(db: &Db) -> anyhow::Result<bool> {
    let made = db.system_now(Reason::CommandLine, |tx| {
        if people::exists(tx, SLUG)? {
            return Ok(false);
        }
        let org = organisation(tx)?;
        fill(tx, org)?;
        quality::enqueue_all(tx, org)?;
        Ok(true)
    })?;
    Ok(made)
}

fn organisation(tx: &mut SystemTx) -> AppResult<OrgId> {
    let everyone = [
        Someone::new("admin@demo.test", "Maya Okafor", "administrator"),
        Someone::new("manager@demo.test", "Jonas Lindqvist", "manager"),
        Someone::new("rep@demo.test", "Priya Raman", "rep"),
        Someone::new("viewer@demo.test", "Tomás Alvarez", "viewer"),
        Someone::new("elin@demo.test", "Elin Sandberg", "rep"),
        Someone::new("noor@demo.test", "Noor de Wit", "rep"),
    ];
    let (org, users) = people::organisation(tx, SLUG, "Aurelia Supply", &everyone)?;
    if let [_, manager, priya, _, elin, noor] = users[..] {
        people::team(tx, org, "Benelux", Some(manager), &[manager, priya, noor])?;
        people::team(tx, org, "Nordics", Some(manager), &[manager, elin])?;
    }
    people::pipeline(tx, org, "Renewals", 1, RENEWALS)?;
    Ok(org)
}

fn fill(tx: &mut SystemTx, org: OrgId) -> AppResult<()> {
    tx.conn().batch_execute(&format!("SET LOCAL seed.org = '{org}'"))?;
    tx.conn().batch_execute(include_str!("demo/companies.sql"))?;
    tx.conn().batch_execute(include_str!("demo/contacts.sql"))?;
    tx.conn().batch_execute(include_str!("demo/duplicates.sql"))?;
    tx.conn().batch_execute(include_str!("demo/leads.sql"))?;
    let ranks = rank::many_before(DEALS, None).ok_or_else(|| anyhow!("no ranks"))?;
    let (tables, rows) = split(include_str!("demo/deals.sql"));
    tx.conn().batch_execute(tables)?;
    let (insert, after) = split_end(rows);
    diesel::sql_query(insert).bind::<sql_types::Array<sql_types::Text>, _>(ranks).execute(tx.conn())?;
    tx.conn().batch_execute(after)?;
    tx.conn().batch_execute(include_str!("demo/history.sql"))?;
    tx.conn().batch_execute(include_str!("demo/promises.sql"))?;
    tx.conn().batch_execute(include_str!("demo/requirements.sql"))?;
    tx.conn().batch_execute(include_str!("demo/competitors.sql"))?;
    tx.conn().batch_execute(include_str!("demo/products.sql"))?;
    tx.conn().batch_execute(include_str!("demo/activities.sql"))?;
    tx.conn().batch_execute(include_str!("demo/comments.sql"))?;
    tx.conn().batch_execute(include_str!("demo/past.sql"))?;
    tx.conn().batch_execute(include_str!("demo/mails.sql"))?;
    tx.conn().batch_execute(include_str!("demo/repeats.sql"))?;
    tx.conn().batch_execute(include_str!("demo/notices.sql"))?;
    tx.conn().batch_execute(include_str!("demo/automations.sql"))?;
    tx.conn().batch_execute(include_str!("demo/order.sql"))?;
    // The events tell more of the deals' past than their making did.
    tx.conn().batch_execute("SELECT app.replay_deals(current_setting('seed.org')::uuid)")?;
    tx.conn().batch_execute(include_str!("demo/assignment.sql"))?;
    for record_type in RecordType::ALL {
        documents(tx, org, record_type)?;
    }
    Ok(())
}

/// The script up to the statement with a parameter, and from there on: only one statement can be bound at a time.
fn split(script: &str) -> (&str, &str) {
    script.split_at(script.find("INSERT INTO deals").unwrap_or(script.len()))
}

fn split_end(script: &str) -> (&str, &str) {
    script.split_at(script.find("UPDATE counters").unwrap_or(script.len()))
}

fn documents(tx: &mut SystemTx, org: OrgId, record_type: RecordType) -> AppResult<()> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Uuid)]
        id: Uuid,
    }
    let rows = diesel::sql_query(format!("SELECT id FROM {} WHERE org_id = $1", record_type.noun()))
        .bind::<sql_types::Uuid, _>(org.0)
        .load::<Row>(tx.conn())?;
    let ids: Vec<Uuid> = rows.into_iter().map(|row| row.id).collect();
    search::rewrite(tx, org.0, record_type, &ids)?;
    ids.last().map_or(Ok(()), |last| search::settle(tx, org.0, record_type, *last))
}
