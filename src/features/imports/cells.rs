//! Cells that would be taken for something else are written with an apostrophe before them, and read without it: those that a
//! spreadsheet would take for a formula (OWASP, "CSV injection"), and those that a reader would take for nothing. A file of failed rows,
//! mended, can be imported as it is, and an export comes back as it was. A cell that has such an apostrophe of its own gets another one.
//! And what cells of workbooks look like that hold moments.

use chrono::NaiveDate;

/// How our workbooks show moments. Spreadsheets know no time zones, so that the cell says it, to people and to the import.
pub const UTC_FORMAT: &str = "yyyy-mm-dd hh:mm:ss \"UTC\"";
/// What days in cells are counted from.
pub const EPOCH: NaiveDate = match NaiveDate::from_ymd_opt(1899, 12, 30) {
    Some(day) => day,
    None => NaiveDate::MIN,
};
pub const MICROS_OF_A_DAY: f64 = 86_400_000_000.0;

const DANGEROUS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
/// What databases and spreadsheets write for nothing.
pub const NOTHING: [&str; 4] = ["NULL", "\\N", "(null)", "#N/A"];

pub fn guard(cell: &str) -> String {
    if is_special(cell) { format!("'{cell}") } else { cell.to_owned() }
}

/// For files whose cells are never formulas: only what [`unguard`] would change, or what would read as nothing.
pub fn escape(cell: &str) -> String {
    if cell.starts_with('\'') || is_nothing(cell) { guard(cell) } else { cell.to_owned() }
}

/// The trimmed cell as it was before [`guard`].
pub fn unguard(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_special(rest) => rest.trim(),
        _ => cell.trim(),
    }
}

/// Apostrophes, none too, and then what a formula begins with or what stands for nothing.
fn is_special(cell: &str) -> bool {
    let bare = cell.trim_start_matches('\'');
    bare.starts_with(DANGEROUS) || is_nothing(bare)
}

fn is_nothing(cell: &str) -> bool {
    NOTHING.contains(&cell.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guarding_is_undone_exactly() {
        for cell in ["", "a", "'a", "=1", "'=1", "''=1", "-", "'", "+31 20", "@x", "it's =1", "NULL", "'\\N", "NULLs"] {
            let guarded = guard(cell);
            assert!(!guarded.starts_with(DANGEROUS) && !is_nothing(&guarded), "{cell}");
            assert_eq!(unguard(&guarded), cell);
            assert!(!is_nothing(&escape(cell)), "{cell}");
            assert_eq!(unguard(&escape(cell)), cell);
        }
    }
}
