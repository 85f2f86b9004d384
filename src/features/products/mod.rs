//! Products: what is sold, under which name and code, at which price in which currency, with which tax; and how a file names them.
//!
//! Invariants: no two products of an organisation have the same code (accents and case aside), nor two tax classes or categories the
//! same name; a product is retired, never deleted, so that lines and reports keep what was sold (but for one that an import made and that
//! goes with it, unsold); every change is an event.
//!
//! For reports: `deal_lines` (see `features::deals::lines`) has the lines of deals, each with `product_id`, `quantity` and `net` in the
//! deal's currency; the index `deal_lines_product` serves "by product". A product's category is `products.category_id`.

mod commands;
mod forms;
mod import;
mod list;
mod model;
mod pages;
mod queries;
mod settings;
mod taking_back;
mod transfer;

pub use commands::{NewProduct, create, make};
pub use model::{Price, Product, TaxClass};
pub use queries::{Found, candidates, find, meant, prices, resolve, taxes};
pub use taking_back::{TakenBack, take_back};

use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/products", get().to(list::index))
        .route("/products/new", get().to(pages::new))
        .route("/products/new", post().to(pages::create))
        .route("/products/options", get().to(list::options))
        .route("/products/import", get().to(transfer::form))
        .route("/products/import", post().to(transfer::upload))
        .route("/products/export", get().to(transfer::export))
        .route("/products/{id}", get().to(pages::show))
        .route("/products/{id}", post().to(pages::save))
        .route("/products/{id}/retirement", post().to(pages::retire))
        .route("/products/{id}/retirement/undo", post().to(pages::restore))
        .route("/settings/products", get().to(settings::index))
        .route("/settings/products/taxes", post().to(settings::add_tax))
        .route("/settings/products/categories", post().to(settings::add_category))
        .route("/settings/tax-classes/{id}", post().to(settings::save_tax))
        .route("/settings/tax-classes/{id}/retirement", post().to(settings::retire_tax))
        .route("/settings/tax-classes/{id}/retirement/undo", post().to(settings::restore_tax))
        .route("/settings/product-categories/{id}", post().to(settings::save_category))
        .route("/settings/product-categories/{id}/retirement", post().to(settings::retire_category))
        .route("/settings/product-categories/{id}/retirement/undo", post().to(settings::restore_category));
}
