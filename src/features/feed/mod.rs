//! The feed: what people did with records, newest first, as far as the reader may see them. It reads events; notes, comments and files
//! say so in events too.

mod pages;
mod queries;

use actix_web::web::{ServiceConfig, get};

pub fn configure(cfg: &mut ServiceConfig) {
    cfg.route("/feed", get().to(pages::index));
}
