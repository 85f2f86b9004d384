//! Search documents: one row per record, in the form that global search reads. Written in the transaction that changes the record;
//! bulk work (imports) writes them in a job instead.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{RecordType, text},
    schema::search_documents,
};
use diesel::{prelude::*, upsert::excluded};
use uuid::Uuid;

/// What search knows of a record.
#[derive(Clone, Debug)]
pub struct Document {
    pub record_type: RecordType,
    pub record_id: Uuid,
    pub owner_id: Option<Uuid>,
    pub title: String,
    pub subtitle: String,
    /// Whatever else finds it: e-mails, domain, number, phone numbers (their digits are found too).
    pub terms: Vec<String>,
    /// Higher comes first among equals.
    pub weight: i16,
}

impl Document {
    /// Folded title and terms, and the digits of anything that looks like a phone number.
    pub fn haystack(&self) -> String {
        let mut parts = vec![text::fold(&self.title)];
        for term in &self.terms {
            parts.push(text::fold(term));
            let digits = text::digits(term);
            if digits.len() >= 6 && digits != *term {
                parts.push(digits);
            }
        }
        parts.join(" ")
    }
}

/// Adds the record to search, or replaces what was known of it.
pub fn index(tx: &mut OrgTx, document: &Document) -> AppResult<()> {
    use search_documents as s;
    diesel::insert_into(s::table)
        .values((
            s::record_type.eq(document.record_type.key()),
            s::record_id.eq(document.record_id),
            s::owner_id.eq(document.owner_id),
            s::title.eq(&document.title),
            s::subtitle.eq(&document.subtitle),
            s::folded_title.eq(text::fold(&document.title)),
            s::haystack.eq(document.haystack()),
            s::weight.eq(document.weight),
        ))
        .on_conflict((s::org_id, s::record_type, s::record_id))
        .do_update()
        .set((
            s::owner_id.eq(excluded(s::owner_id)),
            s::title.eq(excluded(s::title)),
            s::subtitle.eq(excluded(s::subtitle)),
            s::folded_title.eq(excluded(s::folded_title)),
            s::haystack.eq(excluded(s::haystack)),
            s::weight.eq(excluded(s::weight)),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// Takes the record out of search (archived, deleted).
pub fn remove(tx: &mut OrgTx, record_type: RecordType, id: Uuid) -> AppResult<()> {
    use search_documents as s;
    diesel::delete(s::table.filter(s::record_type.eq(record_type.key())).filter(s::record_id.eq(id))).execute(tx.conn())?;
    Ok(())
}
