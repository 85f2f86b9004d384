//! Home: what needs a person's attention today. A rep sees their own deals; who may see the team's figures, the team's.

mod figures;
mod pages;
mod slips;
mod view;

pub use view::Amounts;

use crate::web::{Routes, paths::get};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/", get().to(pages::home));
}
