//! Fields: the catalogue of what each record type holds.

mod catalogue;
mod groups;

pub use catalogue::{Catalogue, Choice, Entry, Kind, Origin};
