//! Example data: a small company to look around in (`demo`), a large one to measure on (`scale`).

mod people;
mod scale;

use crate::db::Db;

pub use scale::seed as scale;

pub fn demo(_db: &Db) -> anyhow::Result<bool> {
    Ok(false)
}
