//! Tables on a page, as text.

use super::Page;

/// The cells of the table of that label, row by row, without its head.
pub fn table(page: &Page, label: &str) -> Vec<Vec<String>> {
    let table = page.between(&format!("aria-label=\"{label}\"><table"), "</table>");
    let table = table.unwrap_or_else(|| panic!("no table {label}: {}", page.body));
    let body = table.split("<tbody>").nth(1).unwrap_or_default();
    let cells = |row: &str| row.split("</t").map(plain).collect::<Vec<_>>();
    let filled = |mut row: Vec<String>| {
        // What follows the last cell, and the row's own end.
        while row.last().is_some_and(String::is_empty) {
            row.pop();
        }
        row
    };
    body.split("<tr").skip(1).map(|row| filled(cells(row))).collect()
}

/// What stands in a piece of HTML, without tags; the piece may begin within one.
pub fn plain(html: &str) -> String {
    let mut inside = html.find('>').is_some_and(|end| html.find('<').is_none_or(|start| end < start));
    let mut out = String::new();
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}
