//! Choices kept under a name. A file with the headings of one is read like that one, without being asked.

use super::{options::Options, presets::ColumnPlan};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{RecordType, text},
    schema::import_templates,
};
use chrono::Utc;
use diesel::prelude::*;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use uuid::Uuid;

/// A template, as lists show it.
#[derive(Clone, Debug, Queryable)]
pub struct Template {
    pub id: Uuid,
    pub record_type: String,
    pub name: String,
    options: serde_json::Value,
}

impl Template {
    pub fn options(&self) -> Options {
        serde_json::from_value(self.options.clone()).unwrap_or_default()
    }

    /// The choices, for a file with these headings: columns are told by their headings, wherever they stand now.
    pub fn applied(&self, header: &[String]) -> Options {
        let mut options = self.options();
        let kept = std::mem::take(&mut options.columns);
        options.columns = header
            .iter()
            .enumerate()
            .map(|(at, heading)| {
                let same = |c: &&ColumnPlan| c.heading == *heading;
                let found = kept.get(at).filter(same).or_else(|| kept.iter().find(same)).cloned().unwrap_or_default();
                ColumnPlan { index: at, heading: heading.clone(), ..found }
            })
            .collect();
        options
    }
}

/// The same for the same headings, whatever their order, case and accents.
fn hash(header: &[String]) -> String {
    let mut folded: Vec<String> = header.iter().map(|h| text::fold(h)).filter(|h| !h.is_empty()).collect();
    folded.sort();
    let mut hash = Sha256::new();
    for heading in folded {
        hash.update(heading);
        hash.update([0]);
    }
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

const COLUMNS: (
    import_templates::id,
    import_templates::record_type,
    import_templates::name,
    import_templates::options,
) = (import_templates::id, import_templates::record_type, import_templates::name, import_templates::options);

/// The latest template made for these headings.
pub fn matching(tx: &mut OrgTx, record: RecordType, header: &[String]) -> AppResult<Option<Template>> {
    Ok(import_templates::table
        .filter(import_templates::record_type.eq(record.key()))
        .filter(import_templates::headings.eq(hash(header)))
        .order(import_templates::updated_at.desc())
        .select(COLUMNS)
        .first(tx.conn())
        .optional()?)
}

/// By name; of every kind of record.
pub fn all(tx: &mut OrgTx) -> AppResult<Vec<Template>> {
    Ok(import_templates::table
        .order((import_templates::record_type, import_templates::name))
        .select(COLUMNS)
        .limit(200)
        .load(tx.conn())?)
}

/// Keeps the choices under that name, in place of what the name stood for.
pub fn keep(tx: &mut OrgTx, record: RecordType, name: &str, options: &Options) -> AppResult<()> {
    let header: Vec<String> = options.columns.iter().map(|c| c.heading.clone()).collect();
    let json = serde_json::to_value(options).map_err(anyhow::Error::from)?;
    let by = tx.by();
    diesel::insert_into(import_templates::table)
        .values((
            import_templates::id.eq(Uuid::now_v7()),
            import_templates::record_type.eq(record.key()),
            import_templates::name.eq(name),
            import_templates::headings.eq(hash(&header)),
            import_templates::options.eq(&json),
            import_templates::created_by.eq(by),
        ))
        .on_conflict((import_templates::org_id, import_templates::record_type, import_templates::name))
        .do_update()
        .set((
            import_templates::headings.eq(hash(&header)),
            import_templates::options.eq(&json),
            import_templates::updated_at.eq(Utc::now()),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// Forgets one; false when there is none.
pub fn forget(tx: &mut OrgTx, id: Uuid) -> AppResult<bool> {
    let gone = diesel::delete(import_templates::table.filter(import_templates::id.eq(id))).execute(tx.conn())?;
    Ok(gone > 0)
}
