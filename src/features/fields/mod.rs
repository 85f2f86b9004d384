//! Fields: the catalogue of what each record type holds, built in or defined by the organisation, and everything a kind of field
//! needs said once: how it is parsed, shown, typed in, kept, compared and computed.
//!
//! Custom values live in the records' `custom` column under the field's key, in canonical form (see `values`). Every write goes
//! through [`read`] (forms) or [`parse`] (files), and is followed by [`compute`].

mod catalogue;
mod commands;
mod custom;
mod definition;
pub mod expression;
mod forms;
mod formulas;
mod groups;
mod inputs;
mod pages;
mod queries;
mod render;
mod unique;
mod values;

pub use catalogue::{Catalogue, Choice, Entry, Kind, Origin};
pub use commands::{NewField, create};
pub use custom::{Custom, currency_name, fill, id_name, prefill, read, track};
pub use definition::{ChoiceOption, CustomField, KINDS, Options};
pub use expression::Expression;
pub use forms::choices_of;
pub use formulas::{columns, compute, compute_using, next_day, register_jobs, sources, today, values, values_of};
pub use inputs::{Control, Input, InputSection, control, currencies, options, sections};
pub use queries::all;
pub use render::{Names, display, id, plain, raw, told};
pub use unique::{folded, holders};
pub use values::{PLACES, ParseContext, canonical, name_records, number, parse};

use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/settings/fields", get().to(pages::index))
        .route("/settings/fields", post().to(pages::create))
        .route("/settings/fields/new", get().to(pages::new))
        .route("/settings/fields/{id}", get().to(pages::show))
        .route("/settings/fields/{id}", post().to(pages::update))
        .route("/settings/fields/{id}/place", post().to(pages::shift))
        .route("/settings/fields/{id}/retirement", post().to(pages::retire))
        .route("/settings/fields/{id}/retirement/undo", post().to(pages::restore))
        .route("/fields/options", get().to(pages::options));
}
