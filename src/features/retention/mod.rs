//! How long things are kept: a daily round for each organisation, which empties the bin of what was in it long enough.

mod daily;

pub use daily::SWEEP;

use crate::jobs::Registry;

pub fn register_jobs(registry: &mut Registry) {
    registry.register(daily::JOB, daily::run);
}
