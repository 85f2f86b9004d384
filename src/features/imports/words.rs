//! Small things as pages say them: sizes, delimiters, examples of cells.

use crate::web::Actor;
use rust_decimal::Decimal;

/// `2.4 MB`.
pub fn size(actor: &Actor, bytes: i64) -> String {
    match bytes {
        ..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", actor.locale.integer(bytes / 1_000)),
        _ => format!("{} MB", actor.locale.decimal(Decimal::new(bytes / 100_000, 1), 1)),
    }
}

/// At most so much of a cell as an example needs.
pub fn short(cell: &str) -> String {
    cut(cell, 60)
}

/// At most so many characters, and a sign that there were more.
pub fn cut(text: &str, most: usize) -> String {
    let short: String = text.chars().take(most).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// In words.
pub fn delimiter(character: &str) -> &str {
    match character {
        "," => "commas",
        ";" => "semicolons",
        "\t" => "tabs",
        "|" => "bars",
        other => other,
    }
}
