//! The layouts of exports, as their vendors write them. Headings are folded, letters and digits only; `#` stands for a number.

mod address_books;
mod crms;

use super::Notes;

/// The export of one program, of one kind of record.
pub struct Layout {
    pub name: &'static str,
    /// [`RecordType::key`](crate::kernel::RecordType::key).
    pub record: &'static str,
    /// Headings that it never comes without.
    pub needs: &'static [&'static str],
    pub columns: &'static [Col],
}

/// A column of a layout.
#[derive(Clone, Copy)]
pub struct Col {
    pub heading: &'static str,
    /// Of the field; empty for one that only skips rows.
    pub key: &'static str,
    pub group: u8,
    pub joined: bool,
    pub notes: Notes,
    pub values: &'static [(&'static str, &'static str)],
    pub skip: &'static [&'static str],
}

/// The group is the number in the heading.
pub const BY_NUMBER: u8 = u8::MAX;

/// Taken as it is; a row whose cell cannot be read is reported.
const fn col(heading: &'static str, key: &'static str) -> Col {
    Col { heading, key, group: 0, joined: false, notes: Notes::Never, values: &[], skip: &[] }
}

/// What cannot be read is kept in the notes.
const fn soft(heading: &'static str, key: &'static str) -> Col {
    let mut col = col(heading, key);
    col.notes = Notes::Unreadable;
    col
}

/// Kept in the notes under its heading.
const fn note(heading: &'static str) -> Col {
    let mut col = col(heading, "description");
    col.notes = Notes::Always;
    col
}

/// Put together with other columns of the same field.
const fn part(heading: &'static str, key: &'static str) -> Col {
    let mut col = col(heading, key);
    col.joined = true;
    col
}

/// Part of an address; of several addresses, the row's first counts.
const fn place(heading: &'static str, key: &'static str, group: u8) -> Col {
    let mut col = soft(heading, key);
    col.group = group;
    col.joined = true;
    col
}

const fn map(mut col: Col, values: &'static [(&'static str, &'static str)]) -> Col {
    col.values = values;
    col
}

/// Rows with one of these words are left out.
const fn skip(heading: &'static str, words: &'static [&'static str]) -> Col {
    let mut col = col(heading, "");
    col.skip = words;
    col
}

/// Every layout; of two that fit, the first is the one.
pub fn all() -> impl Iterator<Item = &'static Layout> {
    address_books::ALL.iter().chain(crms::ALL)
}
