//! Cells that a spreadsheet would take for a formula are written with an apostrophe before them (OWASP, "CSV injection"), and read
//! without it: a file of failed rows, mended, can be imported as it is.

const DANGEROUS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

pub fn guard(cell: &str) -> String {
    if cell.starts_with(DANGEROUS) { format!("'{cell}") } else { cell.to_owned() }
}

/// The trimmed cell as it was before [`guard`].
pub fn unguard(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(DANGEROUS) => rest.trim(),
        _ => cell.trim(),
    }
}
