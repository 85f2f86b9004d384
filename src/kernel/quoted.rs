//! Several names in one text, between semicolons or on lines of their own. A name that holds one of these stands in quotation marks, in which a
//! backslash precedes quotation marks and backslashes.

/// The names' texts, quotation marks and all; only those that a name begins with count.
pub fn split(text: &str) -> Vec<&str> {
    let (mut items, mut begin) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            ';' | '\n' | '\r' if !quoted => {
                items.push(&text[begin..at]);
                begin = at + c.len_utf8();
            }
            '"' if !escaped => quoted = !quoted && text[begin..at].trim().is_empty(),
            _ => {}
        }
        escaped = quoted && c == '\\' && !escaped;
    }
    items.push(&text[begin..]);
    items.into_iter().map(str::trim).filter(|item| !item.is_empty()).collect()
}

/// The name in quotation marks that an item begins with, and what follows it.
pub fn unquote(item: &str) -> (Option<String>, &str) {
    let Some(inside) = item.strip_prefix('"') else { return (None, item) };
    let (mut name, mut escaped) = (String::new(), false);
    for (at, c) in inside.char_indices() {
        match c {
            '"' if !escaped => return (Some(name), inside[at + 1..].trim_start()),
            '\\' if !escaped => escaped = true,
            _ => {
                escaped = false;
                name.push(c);
            }
        }
    }
    // They are not closed, and so part of the name.
    (None, item)
}

/// A name as [`split`] and [`unquote`] give it back.
pub fn quote(name: &str) -> String {
    if name.contains([';', '\n', '\r', '"']) {
        format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_one_name() {
        let names = ["A", "B; C", "D \"E\"", "F\\", "\"G", "H\n;\\\""];
        let text = names.map(quote).join("; ");
        let back: Vec<String> = split(&text)
            .into_iter()
            .map(|item| match unquote(item) {
                (Some(name), "") => name,
                _ => item.to_owned(),
            })
            .collect();
        assert_eq!(back, names, "{text}");
        assert_eq!(split(" a ;; \"b;c\" d;5\" e\nf"), ["a", "\"b;c\" d", "5\" e", "f"]);
    }
}
