//! Small types with laws: ids, money, locales, fields. Nothing here knows HTTP or SQL connections.

pub mod calendar;
pub mod countries;
pub mod fields;
pub mod ids;
pub mod lines;
pub mod locale;
pub mod money;
pub mod names;
pub mod numbers;
pub mod people;
pub mod quoted;
pub mod rank;
pub mod text;

pub use fields::{Field, FieldKind, RecordType};
pub use ids::*;
pub use locale::Locale;
pub use money::{Currency, Money};
