//! From the stage to the records, set by set: links to companies, then which records exist already, then rows of the file that are
//! the same record, then what changed, then what is new; each with its events.
//!
//! `import_match` holds (line, id) of rows whose record exists; `import_followers` holds rows that are the same record as an
//! earlier row of the file, whose values have been merged into that leader. Both are small in a first import, so that the new
//! rows are the stage without a join.

mod again;
mod alike;
mod by_record;
mod companies;
mod deals;
mod links;
mod matching;
pub mod own;
mod owners;
mod people;
mod places;
mod products;
mod rivals;
mod rules;
mod tagging;
mod targets;
mod trial;
mod unclear;
mod writing;

pub use alike::Alike;
pub use deals::take_numbers;
pub use places::Made;
pub use trial::Trial;
pub use unclear::may_be as may_be_unclear;

use super::{
    context::Context,
    options::{MatchBy, OnMatch, Related, UnknownProducts},
    progress::Progress,
    rows::RowReader,
    slots::Slot,
    stage::Stopped,
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::quality::RowRules,
    kernel::{ImportId, RecordType},
};
use diesel::{prelude::*, sql_query, sql_types};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What became of the rows. They add up to the rows read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub created: i64,
    pub updated: i64,
    pub skipped: i64,
    pub failed: i64,
}

/// What the statements are built from. Everything that becomes SQL text comes from the field catalogue.
pub struct Plan<'a> {
    pub import: ImportId,
    pub record: RecordType,
    pub slots: &'a [Slot],
    pub context: &'a Context,
    pub own: &'a own::OwnFields,
    /// The file names companies (for companies: their parents).
    pub has_company: bool,
    /// The file has tags.
    pub has_tags: bool,
    /// The file has products.
    pub has_products: bool,
    pub products: UnknownProducts,
    /// The pipeline asked for.
    pub pipeline: Option<&'a str>,
    /// What a pipeline made for this file is called.
    pub title: &'a str,
    /// By what rows are known as records that exist, one after the other.
    pub rules: &'a [MatchBy],
    pub on_match: OnMatch,
    pub related: Related,
    /// Id and name.
    pub tags: &'a [(Uuid, String)],
    /// What every row must obey.
    pub validation: Option<&'a RowRules>,
    /// Everything is found out and nothing written.
    pub trial: bool,
    /// Takes so many human numbers of deals and returns the one before the first.
    pub numbers: &'a dyn Fn(i64) -> AppResult<i64>,
    pub progress: &'a Progress,
}

impl Plan<'_> {
    /// The stage's text of that field in row `s`; SQL NULL when the file does not have it.
    fn staged(&self, key: &str) -> String {
        self.slots.iter().position(|s| s.key == key).map_or_else(|| "NULL::text".to_owned(), |n| format!("s.v{n}"))
    }

    /// The company that a row names, as `r`.
    fn refs_join(&self) -> &'static str {
        if self.has_company { " LEFT JOIN import_refs r ON r.key = s.ref_key" } else { "" }
    }

    fn company_column(&self) -> &'static str {
        if self.record == RecordType::Company { "parent_id" } else { "company_id" }
    }
}

/// Rows that become new records.
const NEW: &str = "s.problem IS NULL AND NOT EXISTS (SELECT FROM import_match m WHERE m.line = s.line) \
     AND NOT EXISTS (SELECT FROM import_followers f WHERE f.line = s.line)";

/// Later rows of a record count as updates when they say something else than its first row, and anything came of it.
const MERGED: &str = "SELECT count(*) AS n FROM import_followers f WHERE f.differs \
     AND (NOT EXISTS (SELECT FROM import_match m WHERE m.line = f.leader) \
       OR EXISTS (SELECT FROM import_changed c WHERE c.line = f.leader))";

/// Applies the stage. `read` is the number of rows in it.
pub fn run(tx: &mut OrgTx, plan: &Plan, reader: &RowReader, read: u64) -> Result<(Counts, Trial, Made), Stopped> {
    plan.progress.enter("matching");
    let laid = find(tx, plan, reader)?;
    matching::refuse_hidden(tx, plan)?;
    matching::merge_duplicates(tx, plan)?;
    own::refuse(tx, plan)?;
    let targets = targets::of(plan);
    if let Some(validation) = plan.validation {
        enter(plan, "checking")?;
        rules::refuse(tx, plan, &targets, validation)?;
    }
    // Rows in error make nothing.
    let mut made = places::settle(tx, plan, laid)?;
    let (words, sold) = products::make(tx, plan)?;
    made.words.splice(0..0, words);
    made.products = sold;
    let (words, met) = rivals::make(tx, plan)?;
    made.words.extend(words);
    made.competitors = met;
    made.lacking = products::lacking(tx, plan)?;
    made.words.extend(tagging::lay_out(tx, plan)?);
    let deals = plan.record == RecordType::Deal;
    enter(plan, "updating")?;
    products::adjust(tx, plan)?;
    let changed = if deals { deals::update(tx, plan, &targets)? } else { writing::update(tx, plan, &targets)? };
    enter(plan, "creating")?;
    let created = if deals { deals::insert(tx, plan, &targets)? } else { writing::insert(tx, plan, &targets)? };
    let changed = if deals { changed + beside(tx, plan)? } else { changed };
    let trial = if plan.trial {
        trial::look(tx, plan, made.words.clone())?
    } else {
        matching::remember(tx, plan)?;
        tagging::add(tx, plan)?;
        own::formulas(tx, plan)?;
        owners::tell(tx, plan, &targets)?;
        Trial::default()
    };
    enter(plan, "finishing")?;
    let failed = number(tx, "SELECT count(*) AS n FROM import_stage WHERE problem IS NOT NULL")?;
    let updated = changed + number(tx, MERGED)?;
    let read = i64::try_from(read).unwrap_or(i64::MAX);
    again::settle(tx, plan)?;
    Ok((Counts { created, updated, failed, skipped: read - created - updated - failed }, trial, made))
}

/// Resolves what rows name and which records they are. Returns the pipelines and stages laid out for them.
fn find(tx: &mut OrgTx, plan: &Plan, reader: &RowReader) -> AppResult<places::Laid> {
    if plan.has_company {
        links::resolve(tx, plan)?;
    }
    own::link(tx, plan)?;
    tagging::refuse(tx, plan)?;
    let deals = plan.record == RecordType::Deal;
    products::resolve(tx, plan)?;
    rivals::resolve(tx, plan)?;
    let laid = if deals { places::resolve(tx, plan, &reader.places)? } else { places::Laid::default() };
    matching::find(tx, plan)?;
    unclear::refuse(tx, plan)?;
    if plan.has_company && plan.record == RecordType::Company {
        companies::settle_parents(tx)?;
    }
    Ok(laid)
}

/// People and competitors beside deals. Returns how many deals that were there changed by these alone.
fn beside(tx: &mut OrgTx, plan: &Plan) -> AppResult<i64> {
    run_sql(tx, "CREATE TEMPORARY TABLE import_beside (deal_id uuid NOT NULL) ON COMMIT DROP")?;
    people::link(tx, plan)?;
    rivals::link(tx, plan)?;
    number(
        tx,
        "SELECT count(DISTINCT b.deal_id) AS n FROM import_beside b JOIN import_match m ON m.id = b.deal_id \
         WHERE NOT EXISTS (SELECT FROM import_changed x WHERE x.id = b.deal_id)",
    )
}

fn enter(plan: &Plan, phase: &str) -> Result<(), Stopped> {
    plan.progress.enter(phase);
    if plan.progress.stopped() { Err(Stopped::Cancelled) } else { Ok(()) }
}

/// The one number of a query that calls it `n`.
fn number(tx: &mut OrgTx, sql: &str) -> AppResult<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::BigInt)]
        n: i64,
    }
    Ok(sql_query(sql).get_result::<Row>(tx.conn())?.n)
}

fn run_sql(tx: &mut OrgTx, sql: &str) -> AppResult<()> {
    sql_query(sql).execute(tx.conn())?;
    Ok(())
}
