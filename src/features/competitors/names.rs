//! Competitors as files name them.

use crate::kernel::quoted;

const LONGEST: usize = 100;

/// All that a cell names.
pub fn read(cell: &str) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for item in quoted::split(cell) {
        let name = match quoted::unquote(item) {
            (Some(name), "") => one(&name)?,
            _ => one(item)?,
        };
        if names.iter().all(|known| known.to_lowercase() != name.to_lowercase()) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The one that a cell names.
pub fn one(cell: &str) -> Result<String, String> {
    let name = cell.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.chars().count() > LONGEST {
        return Err(format!("holds a name of more than {LONGEST} characters"));
    }
    Ok(name)
}
