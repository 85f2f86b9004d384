//! Import of `.ics` files: read and counted first, then taken over as the importer's own activities, with undo through `operations`.
//!
//! What a file calls an event (UID and RECURRENCE-ID) is remembered for each member, so that the same file brings nothing twice, and
//! a later one changes what nobody touched here. Repeating
//! events become one activity each time they occur, from a year ago to a year ahead. What is over comes as done.

mod commands;
mod pages;
mod read;
mod sorting;

pub use commands::{KIND, SWEEP, undo};
pub(super) use pages::{confirm, new, show, upload};
