//! What was copied from a spreadsheet: a line for each row, cells apart by tabs (or semicolons), the name or e-mail first.

use super::grid::is_number;
use crate::web::FormErrors;

const MOST_LINES: usize = 500;

/// The place of each row among `names` with its cells; a first line of headings is passed over. Every line must name somebody, once.
pub(super) fn read(
    text: &str,
    names: &[(String, Option<String>)],
    columns: usize,
) -> Result<Vec<(usize, Vec<String>)>, FormErrors> {
    let mut rows: Vec<(usize, Vec<String>)> = Vec::new();
    let refused = |message: String| Err(FormErrors::one("paste", message));
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    for (n, line) in lines.take(MOST_LINES) {
        let apart = if line.contains('\t') { '\t' } else { ';' };
        let cells: Vec<&str> = line.split(apart).map(str::trim).collect();
        let (name, values) = (cells[0], &cells[1..]);
        let known =
            names.iter().position(|(known, email)| is(known, name) || email.as_ref().is_some_and(|e| is(e, name)));
        let Some(at) = known else {
            if n == 0 && values.iter().any(|value| !is_number(value)) {
                continue;
            }
            let name: String = name.chars().take(60).collect();
            return refused(format!("Line {}: nobody in the grid is called “{name}”.", n + 1));
        };
        if rows.iter().any(|(row, _)| *row == at) {
            return refused(format!("Line {}: {} is there twice.", n + 1, names[at].0));
        }
        if values.len() > columns {
            return refused(format!("Line {}: there are {} numbers, but only {columns} columns.", n + 1, values.len()));
        }
        rows.push((at, values.iter().map(|value| value.chars().take(40).collect()).collect()));
    }
    if rows.is_empty() { refused("Nothing to fill in was found.".to_owned()) } else { Ok(rows) }
}

fn is(known: &str, name: &str) -> bool {
    known.to_lowercase() == name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_find_their_rows() {
        let names = [("Ada".to_owned(), Some("ada@x.test".to_owned())), ("Benelux".to_owned(), None)];
        let read = |text: &str| read(text, &names, 2).map_err(|e| e.summary());
        let two = read("Who\tJan\tFeb\nADA@x.test\t1,000\t\nbenelux\t5").unwrap_or_default();
        assert_eq!(two, [(0, vec!["1,000".to_owned(), String::new()]), (1, vec!["5".to_owned()])]);
        assert!(read("Ada;1;2;3").is_err_and(|error| error.contains("only 2 columns")));
        assert!(read("Ada\t1\nada\t2").is_err_and(|error| error.contains("twice")));
        assert!(read("Bob\t1").is_err_and(|error| error.contains("nobody")));
        assert!(read(" \n").is_err());
    }
}
