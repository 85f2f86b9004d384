//! Deals: possible sales, from first mention to won or lost.
//!
//! Invariants: an open, live deal has a place of its own in its stage (`positions`); a closed one keeps its stage and leaves the
//! board; its pipeline is always its stage's. Every change is an event and a live message.

mod actions;
mod beginnings;
mod bulk;
mod chance;
mod cloning;
pub mod closing;
mod closure;
mod commands;
mod contacts;
mod criteria;
mod editing;
mod fields;
mod fineness;
mod forms;
pub mod lines;
mod links;
pub mod markers;
mod model;
mod moves;
mod narrowing;
mod pages;
mod passage;
mod passing;
pub mod people_text;
pub mod positions;
mod queries;
mod quick;
mod rivals;
mod rows;
mod schedule;
mod split;
mod stages;
mod templates;
mod told;
mod values;

pub use bulk::{Ending, any_in_stage, close_many, make_room, move_stage, places_back, send};
pub use closure::{CLOSING, Loss, OTHER, check as check_loss, lose, reopen, win};
pub use commands::{create, update};
pub use contacts::{part_words, take_part};
pub use fields::{FIELDS, PRIORITIES, STATUSES};
pub use fineness::too_fine;
pub use forms::parse_loss;
pub use model::{AmountFrom, Deal, DealFields, DealStatus, NewDeal, Recurring};
pub use moves::{Moved, move_pipeline, move_to, reposition};
pub use narrowing::extras as list_filters;
pub use passage::{Held, held_back, held_from_winning};
pub use positions::Place;
pub use queries::find;
pub use quick::{Offer, Quick, offer, parse as parse_quick};
pub use split::{SPLIT, equal as equal_shares, noted, rejoin};
pub use templates::named as templates_named;

use crate::{
    db::OrgTx,
    error::AppResult,
    features::records::{self, Spec},
    kernel::{DealId, RecordType},
    web::{
        Routes,
        paths::{delete, get, post},
    },
};
use uuid::Uuid;

/// Deals as the shared parts handle them.
pub static SPEC: Spec = Spec {
    record: RecordType::Deal,
    load: forms::load,
    save: forms::save,
    before_return: |tx, id| reposition(tx, DealId(id)),
    after_change,
};

/// Open boards show or drop the card.
fn after_change(tx: &mut OrgTx, id: Uuid) -> AppResult<()> {
    let deal = commands::reread(tx, DealId(id))?;
    commands::announce(tx, deal.id, &[deal.stage_id.into()], None)
}

pub fn register_jobs(registry: &mut crate::jobs::Registry) {
    registry.register(cloning::FILES, cloning::copy_files);
}

pub fn configure(cfg: &mut Routes) {
    // The list's own addresses come before those of a record.
    records::configure(cfg, &SPEC);
    lines::configure(cfg);
    cfg.route("/deals", post().to(editing::create))
        .route("/deals/new", get().to(editing::new))
        .route("/deals/new", post().to(editing::create))
        .route("/deals/{id}/clone", get().to(cloning::ask))
        .route("/deals/{id}/clone", post().to(cloning::make))
        .route("/deals/{id}/split", get().to(split::ask))
        .route("/deals/{id}/split", post().to(split::make))
        .route("/deals/{id}/links", post().to(links::add))
        .route("/deals/{id}/links/new", get().to(links::new))
        .route("/deals/{id}/links/removal", post().to(links::remove))
        .route("/settings/deal-templates", get().to(templates::index))
        .route("/settings/deal-templates", post().to(templates::add))
        .route("/settings/deal-templates/{id}", get().to(templates::edit))
        .route("/settings/deal-templates/{id}", post().to(templates::save))
        .route("/settings/deal-templates/{id}/retirement", post().to(templates::put_away))
        .route("/settings/deal-templates/{id}/retirement/undo", post().to(templates::bring_back))
        .route("/deals/{id}", get().to(pages::show))
        .route("/deals/{id}", post().to(editing::save))
        .route("/deals/{id}/edit", get().to(editing::edit))
        .route("/deals/{id}/position", post().to(actions::position))
        .route("/deals/{id}/pipeline", post().to(actions::pipeline))
        .route("/deals/{id}/forecast", post().to(schedule::save))
        .route("/deals/{id}/closure", post().to(actions::close))
        .route("/deals/{id}/closure", delete().to(actions::reopen))
        .route("/deals/{id}/closure/reason", post().to(actions::explain))
        .route("/deals/{id}/closure/undo", post().to(actions::reopen))
        .route("/deals/{id}/probability/removal", post().to(chance::drop_own))
        .route("/deals/{id}/passage", get().to(passing::show))
        .route("/deals/{id}/passage", post().to(passing::save))
        .route("/deals/{id}/criteria/{criterion}", post().to(criteria::tick))
        .route("/deals/{id}/competitors", post().to(rivals::set))
        .route("/deals/{id}/competitors/{competitor}/removal", post().to(rivals::remove))
        .route("/deals/{id}/contacts", post().to(contacts::add))
        .route("/deals/{id}/contacts/{contact}/removal", post().to(contacts::remove));
}
