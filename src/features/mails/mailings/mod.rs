//! One mail to many: each recipient gets a message of their own, with their own values in its fields and a link that ends such mail.

mod audience;
mod compose;
mod model;
mod pages;
mod run;

pub(super) use compose::{create, new};
pub use model::find;
pub(super) use pages::{cancel, index, show};
pub use run::SWEEP;
pub(super) use run::{JOB, run};
