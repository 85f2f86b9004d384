//! Duplicates: records of one type that mean the same thing, merged into one and, when that was wrong, apart again.
//!
//! Invariants: a merge is one transaction, and so is its undo; a merged record is deleted as long as its row in `merges` is not undone,
//! its address leads to the survivor, and its history stands in the survivor's timeline; a form sent twice merges once; of several
//! merges of one record, the last is undone first.

mod finding;
mod merge;
mod queue;

pub use finding::{Likeness, Match, resolve};
pub use merge::{Merged, page_or_survivor, refuse_return, to_survivor};
pub use queue::{NIGHTLY, SWEEP};

use crate::{
    db::OrgTx,
    error::AppResult,
    features::{companies, contacts, leads},
    jobs::Registry,
    kernel::RecordType,
    web::{
        Routes,
        paths::{get, post},
    },
};
use chrono::{DateTime, Utc};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/companies/{id}/merge", get().to(|p, id, db| merge::show(&companies::SPEC, p, id, db)))
        .route("/companies/{id}/merge", post().to(|p, id, form, db| merge::create(&companies::SPEC, p, id, form, db)))
        .route("/companies/{id}/merge/options", get().to(|p, id, db| merge::options(&companies::SPEC, p, id, db)))
        .route("/contacts/{id}/merge", get().to(|p, id, db| merge::show(&contacts::SPEC, p, id, db)))
        .route("/contacts/{id}/merge", post().to(|p, id, form, db| merge::create(&contacts::SPEC, p, id, form, db)))
        .route("/contacts/{id}/merge/options", get().to(|p, id, db| merge::options(&contacts::SPEC, p, id, db)))
        .route("/leads/{id}/merge", get().to(|p, id, db| merge::show(&leads::SPEC, p, id, db)))
        .route("/leads/{id}/merge", post().to(|p, id, form, db| merge::create(&leads::SPEC, p, id, form, db)))
        .route("/leads/{id}/merge/options", get().to(|p, id, db| merge::options(&leads::SPEC, p, id, db)))
        .route("/merges/{id}/undo", post().to(merge::undo))
        .route("/duplicates", get().to(queue::index))
        .route("/duplicates/scans", post().to(queue::scan))
        .route("/duplicates/likely/companies", get().to(|p, db| finding::likely(RecordType::Company, p, db)))
        .route("/duplicates/likely/contacts", get().to(|p, db| finding::likely(RecordType::Contact, p, db)))
        .route("/duplicates/likely/leads", get().to(|p, db| finding::likely(RecordType::Lead, p, db)))
        .route("/duplicates/{id}/next", get().to(queue::skip))
        .route("/duplicates/{id}/dismissal", post().to(queue::dismiss))
        .route("/duplicates/{id}/dismissal/undo", post().to(queue::take_back));
}

/// After an import or the like wrote many such records in this transaction: they are compared with what there is once it is committed.
pub fn written(tx: &mut OrgTx, record: RecordType, since: DateTime<Utc>) -> AppResult<()> {
    if queue::TYPES.contains(&record) { queue::after_many(tx, record, since) } else { Ok(()) }
}

pub fn register_jobs(registry: &mut Registry) {
    queue::register_jobs(registry);
}
