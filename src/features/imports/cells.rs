//! Cells that a spreadsheet would take for a formula are written with an apostrophe before them (OWASP, "CSV injection"), and read
//! without it: a file of failed rows, mended, can be imported as it is, and an export comes back as it was. A cell that has such an
//! apostrophe of its own gets another one.

const DANGEROUS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

pub fn guard(cell: &str) -> String {
    if is_guarded_or_dangerous(cell) { format!("'{cell}") } else { cell.to_owned() }
}

/// The trimmed cell as it was before [`guard`].
pub fn unguard(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_guarded_or_dangerous(rest) => rest.trim(),
        _ => cell.trim(),
    }
}

/// Apostrophes, none too, and then what a formula begins with.
fn is_guarded_or_dangerous(cell: &str) -> bool {
    cell.trim_start_matches('\'').starts_with(DANGEROUS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guarding_is_undone_exactly() {
        for cell in ["", "a", "'a", "=1", "'=1", "''=1", "-", "'", "+31 20", "@x", "it's =1"] {
            let guarded = guard(cell);
            assert!(!guarded.starts_with(DANGEROUS), "{cell}");
            assert_eq!(unguard(&guarded), cell);
        }
    }
}
