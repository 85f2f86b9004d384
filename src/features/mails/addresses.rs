//! Lines of recipients as people type and paste them: `Ada Lovelace <ada@example.com>, ben@example.com`.

use crate::kernel::{people, text};

/// One recipient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient {
    pub name: String,
    /// In lower case.
    pub email: String,
}

/// Commas, semicolons and line ends separate; names may be in quotation marks. What is wrong is said after the field's name.
pub fn parse(line: &str) -> Result<Vec<Recipient>, String> {
    parts(line).iter().map(|part| one(part)).collect()
}

fn parts(line: &str) -> Vec<String> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    let (mut quoted, mut inside) = (false, false);
    for c in line.chars() {
        match c {
            '"' if !inside => quoted = !quoted,
            '<' if !quoted => inside = true,
            '>' if !quoted => inside = false,
            _ => {}
        }
        if matches!(c, ',' | ';' | '\n') && !quoted && !inside {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(c);
        }
    }
    parts.push(part);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn one(part: &str) -> Result<Recipient, String> {
    let part = part.trim();
    let (name, email) = match part.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, email)) => (name.trim(), email),
        None => ("", part),
    };
    let name = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(name);
    let name: String = text::one_line(&name.replace(['"', '\\'], "").replace(char::is_control, " "));
    let email =
        people::parse_email(email).map_err(|_| format!("holds “{}”, which is no e-mail address", short(part)))?;
    Ok(Recipient { name: name.chars().take(150).collect(), email })
}

fn short(text: &str) -> String {
    let text = text::one_line(text);
    if text.chars().count() <= 60 { text } else { format!("{}…", text.chars().take(59).collect::<String>()) }
}

impl Recipient {
    pub fn new(name: &str, email: &str) -> Self {
        Self { name: name.to_owned(), email: email.to_owned() }
    }

    /// As [`parse`] reads it back.
    pub fn print(&self) -> String {
        if self.name.is_empty() || self.name == self.email {
            return self.email.clone();
        }
        let plain = !self.name.contains([',', ';', '<', '>', '"']);
        let name = self.name.replace('"', "");
        if plain { format!("{name} <{}>", self.email) } else { format!("\"{name}\" <{}>", self.email) }
    }
}

pub fn print(all: &[Recipient]) -> String {
    all.iter().map(Recipient::print).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_people_paste_them() {
        let line = "Ada Lovelace <Ada@Example.com>; \"King, Ben\" <ben@example.com>\nzoe@example.com,, ";
        let read = parse(line).unwrap_or_default();
        let told: Vec<(&str, &str)> = read.iter().map(|r| (r.name.as_str(), r.email.as_str())).collect();
        assert_eq!(
            told,
            [("Ada Lovelace", "ada@example.com"), ("King, Ben", "ben@example.com"), ("", "zoe@example.com")]
        );
        assert_eq!(parse(&print(&read)), Ok(read));
        assert!(parse("Ada <ada>, x@y.example").is_err_and(|told| told.contains("Ada <ada>")));
        assert!(parse("").is_ok_and(|all| all.is_empty()));
    }
}
