//! Example data: a small company to look around in (`demo`), a large one to measure on (`scale`).

mod demo;
mod files;
mod people;
mod scale;

pub use demo::seed as demo;
pub use files::seed as demo_files;
pub use scale::seed as scale;
