//! Example data: a small company to look around in (`demo`), a large one to measure on (`scale`).

mod demo;
mod people;
mod scale;

pub use demo::seed as demo;
pub use scale::seed as scale;
