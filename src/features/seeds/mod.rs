//! seeds.

use crate::db::Db;

pub fn demo(_db: &Db) -> anyhow::Result<bool> {
    Ok(false)
}

pub fn scale(_db: &Db, _contacts: u64, _companies: u64, _deals: u64) -> anyhow::Result<()> {
    Ok(())
}
