//! How alike two records are, from 0 to 100, and why, in words. Names are compared folded, their words in order, without the legal form
//! of companies; "M. Rossi" may be "Maria Rossi".

use crate::kernel::{RecordType, text};

/// Names at least so alike are similar.
const SIMILAR: f64 = 0.92;
/// And so alike when little else speaks for it.
const CLOSE: f64 = 0.96;
/// Names less alike are those of different people.
const DIFFERENT: f64 = 0.75;
/// Below this nobody is told.
pub const LEAST: i16 = 50;

/// Words that say how a company is founded, not which one it is; dots left out.
pub const LEGAL: &[&str] = &[
    "ab",
    "ag",
    "aps",
    "as",
    "asa",
    "bv",
    "bvba",
    "co",
    "company",
    "corp",
    "corporation",
    "cv",
    "doo",
    "ev",
    "gbr",
    "gmbh",
    "inc",
    "incorporated",
    "kft",
    "kg",
    "kgaa",
    "kk",
    "limited",
    "llc",
    "llp",
    "lp",
    "ltd",
    "ltda",
    "mbh",
    "nv",
    "ohg",
    "oy",
    "oyj",
    "plc",
    "pte",
    "pty",
    "pvt",
    "sa",
    "sarl",
    "sas",
    "se",
    "sl",
    "spa",
    "spol",
    "srl",
    "sro",
    "the",
    "ug",
    "zrt",
];

/// Domains that half the world shares say nothing.
pub const SHARED: &[&str] = &[
    "aol.com",
    "free.fr",
    "gmail.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.com",
    "icloud.com",
    "libero.it",
    "live.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "orange.fr",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "t-online.de",
    "web.de",
    "wanadoo.fr",
    "yahoo.co.uk",
    "yahoo.com",
    "ymail.com",
    "163.com",
];

/// What likeness is judged by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Likeness {
    /// See `key`.
    pub name: String,
    pub emails: Vec<String>,
    /// E.164.
    pub phones: Vec<String>,
    pub domains: Vec<String>,
    /// Which company it belongs to: an id, or its name's key.
    pub company: Option<String>,
    /// Folded.
    pub city: String,
}

/// The words of a name, folded, in alphabetical order; a company's without its legal form, unless that is all there is.
pub fn key(record: RecordType, name: &str) -> String {
    let folded = text::fold(name).replace(['.', '\'', '’'], "");
    let mut words: Vec<&str> = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if record == RecordType::Company {
        let own: Vec<&str> = words.iter().copied().filter(|word| !LEGAL.contains(word)).collect();
        if !own.is_empty() {
            words = own;
        }
    }
    words.sort_unstable();
    words.join(" ")
}

/// The domain of an address or website, unless everybody has it.
pub fn domain(of: &str) -> Option<String> {
    let domain = of.rsplit('@').next().unwrap_or(of).to_lowercase();
    (!domain.is_empty() && !SHARED.contains(&domain.as_str())).then_some(domain)
}

/// How alike two keys are.
pub fn similarity(a: &str, b: &str) -> f64 {
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    if abbreviates(a, b) { strsim::jaro_winkler(a, b).max(0.93) } else { strsim::jaro_winkler(a, b) }
}

/// Word for word the same, but for initials: "m rossi", "maria rossi".
fn abbreviates(a: &str, b: &str) -> bool {
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split(' ').collect(), b.split(' ').collect());
    let initial = |short: &str, long: &str| short.chars().count() == 1 && long.starts_with(short);
    let same = |(x, y): (&&str, &&str)| x == y || initial(x, y) || initial(y, x);
    a.len() == b.len()
        && a.len() > 1
        && a.iter().zip(&b).all(same)
        && a.iter().zip(&b).any(|(x, y)| x == y && x.len() > 2)
}

/// How likely the two mean the same thing, and why; nothing when it is not worth telling.
pub fn score(record: RecordType, a: &Likeness, b: &Likeness) -> Option<(i16, Vec<&'static str>)> {
    let common = |x: &[String], y: &[String]| x.iter().any(|value| y.contains(value));
    let like = similarity(&a.name, &b.name);
    let (same, similar, close) = (!a.name.is_empty() && a.name == b.name, like >= SIMILAR, like >= CLOSE);
    // An office has one number and one address for everybody.
    let others = !a.name.is_empty() && !b.name.is_empty() && like < DIFFERENT;
    let (emails, phones) = (common(&a.emails, &b.emails), common(&a.phones, &b.phones));
    let domains = common(&a.domains, &b.domains);
    let colleagues = a.company.is_some() && a.company == b.company;
    let neighbours = !a.city.is_empty() && a.city == b.city;
    let firms = record == RecordType::Company;
    let points = [
        (emails, if others { 85 } else { 95 }),
        (phones, if others { 55 } else { 80 }),
        (domains && similar, 85),
        (domains && firms, 70),
        (colleagues && same, 85),
        (colleagues && similar, graded(like)),
        (neighbours && close, graded(like)),
        (firms && same, 75),
        (firms && close, 62),
        (same, LEAST),
    ];
    let best = points.into_iter().filter(|(so, _)| *so).map(|(_, points)| points).max()?;
    let signs = [
        (emails, "same e-mail"),
        (phones, "same phone"),
        (same, "same name"),
        (similar && !same, "similar name"),
        (domains && !emails, "same domain"),
        (colleagues, "same company"),
        (neighbours, "same city"),
    ];
    let signs: Vec<&'static str> = signs.into_iter().filter(|(so, _)| *so).map(|(_, sign)| sign).collect();
    // Further signs add a little; certain it never is.
    let more = i16::try_from(signs.len()).unwrap_or(1) - 1;
    Some(((best + 2 * more).min(99), signs))
}

/// 60 for names that are just similar, 75 for the same.
fn graded(like: f64) -> i16 {
    let share = ((like - SIMILAR) / (1.0 - SIMILAR)).clamp(0.0, 1.0);
    // Between 0 and 15.
    #[allow(clippy::cast_possible_truncation)]
    let more = (share * 15.0).round() as i16;
    60 + more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_people_do() {
        let person =
            |a: &str, b: &str| similarity(&key(RecordType::Contact, a), &key(RecordType::Contact, b)) >= SIMILAR;
        assert!(person("María Rossi", "Rossi, Maria"));
        assert!(person("M. Rossi", "Maria Rossi"));
        assert!(person("Katarzyna Wójcik", "Katarzina Wojcik"));
        assert!(!person("Maria Rossi", "Marco Bianchi"));
        assert!(!person("", ""));
        let company = |a: &str, b: &str| key(RecordType::Company, a) == key(RecordType::Company, b);
        assert!(company("Aurelia Supply Ltd", "AURELIA SUPPLY B.V."));
        assert!(company("The Müller GmbH & Co. KG", "Muller"));
        assert!(!company("Aurelia Supply", "Aurelia Logistics"));
        assert_eq!(key(RecordType::Company, "Ltd."), "ltd");
    }

    #[test]
    fn signs_add_up_and_are_told() {
        let a = Likeness {
            name: "maria rossi".into(),
            emails: vec!["m@rossi.test".into()],
            phones: vec!["+390612345678".into()],
            ..Likeness::default()
        };
        assert_eq!(score(RecordType::Contact, &a, &a), Some((99, vec!["same e-mail", "same phone", "same name"])));
        let stranger = Likeness { name: "marco bianchi".into(), ..Likeness::default() };
        assert_eq!(score(RecordType::Contact, &a, &stranger), None);
        assert_eq!(domain("x@gmail.com"), None);
        assert_eq!(domain("x@rossi.test").as_deref(), Some("rossi.test"));
    }
}
