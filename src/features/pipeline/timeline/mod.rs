//! Deals as bars from the day they were made (and that on which they entered their stage) to the day they are to close, in groups. What has
//! no such day is not drawn, and said. Bars are SVG with percent: no inline style, and nothing to compute in the browser.

mod bars;
mod pages;
mod window;

use crate::web::{Routes, paths::get};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/pipeline/{pipeline}/timeline", get().to(pages::show));
}
