//! imports.

use crate::jobs::Registry;
use actix_web::web::ServiceConfig;

pub fn configure(_cfg: &mut ServiceConfig) {}

pub fn register_jobs(_registry: &mut Registry) {}

pub fn command_line(
    _db: &crate::db::Db,
    _record: crate::kernel::RecordType,
    _file: &std::path::Path,
    _org: &str,
) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
