//! Rate limits per account and address.

/// The process's counters.
#[derive(Default)]
pub struct Limits;
