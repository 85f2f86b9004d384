//! A large synthetic organisation, `scale`, to measure on: made by set-based SQL, the same rows on every run, in one transaction.

mod documents;
mod sweep;

use super::people::{self, Someone};
use crate::{
    db::{Db, Reason, SystemTx, Tx},
    error::AppResult,
    features::quality,
    kernel::OrgId,
};
use diesel::{connection::SimpleConnection, prelude::*, sql_types};
use std::time::Instant;

const SLUG: &str = "scale";
const TEAMS: [&str; 5] = ["Benelux", "DACH", "Iberia", "Nordics", "United Kingdom"];
const REPS_PER_TEAM: usize = 7;
const RENEWALS: &[(&str, &str, i16, i16)] =
    &[("Due", "slate", 60, 30), ("Contacted", "cyan", 70, 30), ("Quoted", "blue", 80, 30), ("Agreed", "green", 95, 30)];

/// Creates the organisation and says how long each step took; an existing one is left alone.
pub fn seed(db: &Db, contacts: u64, companies: u64, deals: u64) -> anyhow::Result<()> {
    let started = Instant::now();
    let (contacts, companies, deals) =
        (i64::try_from(contacts)?, i64::try_from(companies.max(1))?, i64::try_from(deals)?);
    let made = db.system_now(Reason::CommandLine, |tx| {
        if people::exists(tx, SLUG)? {
            return Ok(false);
        }
        prepare(tx)?;
        let org = step("people and pipelines", || organisation(tx))?;
        fill(tx, org, contacts, companies, deals)?;
        quality::enqueue_all(tx, org)?;
        Ok(true)
    })?;
    if !made {
        crate::cli::say(format!("the organisation `{SLUG}` is already there; nothing was changed"));
        return Ok(());
    }
    analyse(db);
    println!("seeded `{SLUG}` in {:.0} s; sign in as admin@scale.test", started.elapsed().as_secs_f32());
    Ok(())
}

/// Long statements, memory for sorting, and large pending lists, so that trigram entries are written sorted.
fn prepare(tx: &mut SystemTx) -> AppResult<()> {
    let settings = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL work_mem = '256MB'; SET LOCAL gin_pending_list_limit = '512MB'; \
                    SET LOCAL temp_buffers = '64MB'";
    Ok(tx.conn().batch_execute(settings)?)
}

fn organisation(tx: &mut SystemTx) -> AppResult<OrgId> {
    let mut everyone = vec![Someone::new("admin@scale.test", "Ada Scale", "administrator")];
    for (t, team) in TEAMS.iter().enumerate() {
        everyone.push(Someone::new(format!("manager{}@scale.test", t + 1), format!("Manager {team}"), "manager"));
        for r in 1..=REPS_PER_TEAM {
            let n = t * REPS_PER_TEAM + r;
            everyone.push(Someone::new(format!("rep{n}@scale.test"), format!("Rep {n} {team}"), "rep"));
        }
    }
    let (org, users) = people::organisation(tx, SLUG, "Scale International", &everyone)?;
    for (name, members) in TEAMS.iter().zip(users[1..].chunks(REPS_PER_TEAM + 1)) {
        people::team(tx, org, name, members.first().copied(), members)?;
    }
    people::pipeline(tx, org, "Renewals", 1, RENEWALS)?;
    Ok(org)
}

fn fill(tx: &mut SystemTx, org: OrgId, contacts: i64, companies: i64, deals: i64) -> AppResult<()> {
    tx.conn().batch_execute(&format!("SET LOCAL seed.org = '{org}'"))?;
    tx.conn().batch_execute(include_str!("scale/words.sql"))?;
    step("companies", || run(tx, include_str!("scale/companies.sql"), &[companies]))?;
    step("contacts and their events", || {
        sweep::stripped(tx, &["contacts"], |tx, _| run(tx, include_str!("scale/contacts.sql"), &[contacts, companies]))
    })?;
    // What is next for deals is written over all of them, so that their indexes come last.
    sweep::stripped(tx, &["deals", "deal_states"], |tx, _| {
        tx.conn().batch_execute(include_str!("scale/competitors.sql"))?;
        step("deals and their events", || run(tx, include_str!("scale/deals.sql"), &[deals, companies]))?;
        step("products, lines and rates", || Ok(tx.conn().batch_execute(include_str!("scale/lines.sql"))?))?;
        step("competitors at deals", || Ok(tx.conn().batch_execute(include_str!("scale/rivals.sql"))?))?;
        step("people at deals", || Ok(tx.conn().batch_execute(include_str!("scale/links.sql"))?))?;
        analyse_now(tx)?;
        step("activities and tasks", || {
            sweep::stripped(tx, &["activities"], |tx, _| sweep::untriggered(tx, activities))
        })
    })?;
    step("search documents", || documents::write(tx, org))
}

/// What is next for each deal is the work of a trigger, where it is not off.
fn activities(tx: &mut SystemTx, untriggered: bool) -> AppResult<()> {
    tx.conn().batch_execute(include_str!("scale/activities.sql"))?;
    if untriggered {
        tx.conn().batch_execute(include_str!("scale/next.sql"))?;
    }
    Ok(())
}

/// Plans for tables that were empty a moment ago are made for empty tables.
fn analyse_now(tx: &mut SystemTx) -> AppResult<()> {
    let sql = "RESET ROLE; SET LOCAL client_min_messages = error; ANALYZE; SET LOCAL ROLE pipewright_system";
    Ok(tx.conn().batch_execute(sql)?)
}

fn run(tx: &mut SystemTx, sql: &str, counts: &[i64]) -> AppResult<()> {
    let query = diesel::sql_query(sql).into_boxed();
    let query = counts.iter().fold(query, |q, n| q.bind::<sql_types::BigInt, _>(*n));
    query.execute(tx.conn())?;
    Ok(())
}

/// Statistics at once, where the connecting role may gather them; elsewhere autovacuum follows in a minute.
fn analyse(db: &Db) {
    let sql = "RESET ROLE; SET LOCAL client_min_messages = error; SET LOCAL statement_timeout = 0; ANALYZE";
    let done = db.system_now(Reason::CommandLine, |tx| Ok(tx.conn().batch_execute(sql)?));
    if let Err(error) = done {
        tracing::info!(%error, "statistics are left to autovacuum");
    }
}

fn step<T>(what: &str, work: impl FnOnce() -> AppResult<T>) -> AppResult<T> {
    let started = Instant::now();
    let done = work()?;
    crate::cli::say(format!("{what}: {:.1} s", started.elapsed().as_secs_f32()));
    Ok(done)
}
