//! Deals: possible sales, from first mention to won or lost.
//!
//! Invariants: an open, live deal has a place of its own in its stage (`positions`); a closed one keeps its stage and leaves the
//! board; its pipeline is always its stage's. Every change is an event and a live message.

mod closure;
mod commands;
mod fields;
mod model;
mod moves;
pub mod positions;
mod queries;

pub use closure::{Loss, OTHER, lose, reopen, win};
pub use commands::{create, update};
pub use fields::{FIELDS, STATUSES};
pub use model::{Deal, DealFields, DealStatus, NewDeal};
pub use moves::{Moved, move_pipeline, move_to, reposition};
pub use positions::Place;
pub use queries::find;

use actix_web::web::ServiceConfig;

pub fn configure(_cfg: &mut ServiceConfig) {}
