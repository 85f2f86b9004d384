//! The feed: what people did with records, newest first, as far as the reader may see them. It reads events; notes, comments and files
//! say so in events too.

mod pages;
mod queries;

use crate::web::{Routes, paths::get};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/feed", get().to(pages::index));
}
