//! The lines of a deal: what is sold, how many, at which price, less which discount, with which tax, once or again and again.
//!
//! Invariants: prices and nets are in the deal's currency; `net` is what a line comes to for all its periods (`kernel::lines` says how it
//! is rounded); while a deal's `amount_from` is `lines` its amount is the sum of its lines' nets, and MRR, ARR, term and one-off follow
//! from them (`app.deal_money` sees to it, whoever writes). Every change of a line is a change of the deal, an event that keeps the line
//! before and after, and can be undone.
//!
//! For reports: join `deal_lines l` with `deals d` on (org_id, deal_id); `l.product_id`, `l.quantity`, `l.net`, `d.currency`, `d.status`.

mod commands;
mod forms;
mod model;
mod pages;
mod panel;
mod price;
mod stale;
mod undo;

pub use commands::{copy, give, keep};
pub use model::{Line, of as all};
pub use panel::{Panel, State};
pub use undo::{KEY as HISTORY_KEY, set_back};

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::DealId,
    schema::deal_lines,
    web::{
        Routes,
        paths::{get, post},
    },
};
use diesel::prelude::*;

pub(super) fn configure(cfg: &mut Routes) {
    cfg.route("/deals/{id}/lines", get().to(pages::show))
        .route("/deals/{id}/lines", post().to(pages::add))
        .route("/deals/{id}/lines/order", post().to(pages::order))
        .route("/deals/{id}/lines/{line}", post().to(pages::save))
        .route("/deals/{id}/lines/{line}/removal", post().to(pages::remove))
        .route("/deals/{id}/lines/{line}/removal/undo", post().to(pages::restore))
        .route("/deals/{id}/amount", post().to(pages::amount));
}

/// Whether the deal has any.
pub(super) fn any(tx: &mut OrgTx, deal: DealId) -> AppResult<bool> {
    Ok(diesel::select(diesel::dsl::exists(deal_lines::table.filter(deal_lines::deal_id.eq(deal))))
        .get_result(tx.conn())?)
}
