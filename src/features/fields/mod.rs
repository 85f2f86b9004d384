//! Fields: the catalogue of what each record type holds.

mod catalogue;

pub use catalogue::{Catalogue, Choice, Entry, Kind, Origin};
