//! Finding records that mean the same thing: one measure of likeness, used while a form is typed and by the search of everything.

mod likeness;
mod resolve;
mod typing;

pub use likeness::Likeness;
pub(super) use likeness::{LEGAL, SHARED, score};
pub(super) use resolve::{Facts, among, facts};
pub use resolve::{Match, resolve};
pub(super) use typing::likely;
