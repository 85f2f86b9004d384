//! The product in a real browser: the story of a first afternoon, the same without JavaScript, and accessibility of every page.

mod accessibility;
mod daily;
mod driver;
mod duplicates;
mod framed;
mod story;
