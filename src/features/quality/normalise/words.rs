//! Names as people write them. Space is put in order always; letters only where a name is all capitals or all small: whoever wrote
//! McDonald, van der Berg or eBay meant it. What is in order already comes out as it went in.

/// Small between the parts of a person's name.
const PARTICLES: &[&str] = &[
    "van", "von", "vom", "zu", "zum", "zur", "de", "der", "den", "del", "della", "di", "da", "das", "do", "dos", "du",
    "des", "la", "le", "las", "los", "el", "al", "ten", "ter", "te", "op", "in", "het", "'t", "y", "e", "bin", "ibn",
    "af", "av",
];
/// What `to_lowercase` makes of İ.
const DOTTED: &str = "i\u{307}";
/// Small between the words of an organisation's name.
const LINKS: &[&str] = &[
    "and", "of", "the", "for", "und", "für", "von", "der", "die", "das", "van", "de", "het", "en", "voor", "et", "la",
    "le", "les", "des", "du", "y", "del", "e", "di", "da", "og", "och",
];
/// Legal forms as they are written.
const FORMS: &[(&str, &str)] = &[
    ("gmbh", "GmbH"),
    ("ltd", "Ltd"),
    ("ltd.", "Ltd."),
    ("inc", "Inc"),
    ("inc.", "Inc."),
    ("corp", "Corp"),
    ("corp.", "Corp."),
    ("co", "Co"),
    ("co.", "Co."),
    ("bv", "BV"),
    ("b.v.", "B.V."),
    ("nv", "NV"),
    ("n.v.", "N.V."),
    ("ag", "AG"),
    ("se", "SE"),
    ("kg", "KG"),
    ("ohg", "OHG"),
    ("ug", "UG"),
    ("sa", "SA"),
    ("s.a.", "S.A."),
    ("sas", "SAS"),
    ("sarl", "SARL"),
    ("srl", "SRL"),
    ("s.r.l.", "S.r.l."),
    ("spa", "SpA"),
    ("s.p.a.", "S.p.A."),
    ("sl", "SL"),
    ("s.l.", "S.L."),
    ("llc", "LLC"),
    ("llp", "LLP"),
    ("plc", "PLC"),
    ("lp", "LP"),
    ("ab", "AB"),
    ("as", "AS"),
    ("a/s", "A/S"),
    ("aps", "ApS"),
    ("oy", "Oy"),
    ("oyj", "Oyj"),
    ("vof", "VOF"),
    ("bvba", "BVBA"),
    ("pty", "Pty"),
    ("uk", "UK"),
    ("usa", "USA"),
    ("us", "US"),
    ("eu", "EU"),
    ("it", "IT"),
    ("hr", "HR"),
    ("s.r.o.", "s.r.o."),
    ("a.s.", "a.s."),
    ("kft", "Kft"),
];

/// A person's name, or a part of one.
pub fn person(text: &str) -> String {
    let spaced = spaced(text);
    let known = ["II", "III", "IV"];
    recased(&spaced, |word, alone| match word {
        _ if !alone && PARTICLES.contains(&word) => word.to_owned(),
        _ if known.iter().any(|roman| roman.to_lowercase() == word) => word.to_uppercase(),
        _ => parts(word),
    })
}

/// An organisation's name. A single short word in capitals is an abbreviation.
pub fn organisation(text: &str) -> String {
    let spaced = spaced(text);
    let short = |word: &str| word.chars().filter(|c| c.is_alphabetic()).count() <= 5;
    let words = spaced.split(' ').filter(|w| FORMS.iter().all(|(form, _)| *form != w.to_lowercase())).count();
    if shape(&spaced) == Shape::Capitals && words <= 1 && spaced.split(' ').next().is_some_and(short) {
        return spaced;
    }
    let capitals = shape(&spaced) == Shape::Capitals;
    let first = spaced.split(' ').next().unwrap_or_default().to_lowercase();
    recased(&spaced, |word, alone| match FORMS.iter().find(|(form, _)| *form == word) {
        Some((_, written)) if !alone => (*written).to_owned(),
        _ if !alone && word != first && LINKS.contains(&word) => word.to_owned(),
        // KLM, PSV: nobody could say it as a word.
        _ if capitals && short(word) && !word.contains(['a', 'e', 'i', 'o', 'u', 'y']) => word.to_uppercase(),
        _ => parts(word),
    })
}

/// One space between words, none around them; odd spaces and what cannot be seen are gone.
fn spaced(text: &str) -> String {
    let seen = |c: char| !matches!(c, '\u{200b}' | '\u{feff}' | '\u{ad}') && (!c.is_control() || c.is_whitespace());
    let kept: String = text.chars().filter(|c| seen(*c)).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(PartialEq, Eq)]
enum Shape {
    Capitals,
    Small,
    Other,
}

/// Two letters in capitals are initials.
fn shape(text: &str) -> Shape {
    let large = text.chars().filter(|c| c.is_uppercase()).count();
    let small = text.chars().filter(|c| c.is_lowercase()).count();
    match (large, small) {
        (3.., 0) => Shape::Capitals,
        (0, 1..) => Shape::Small,
        _ => Shape::Other,
    }
}

/// Each word, small, through `word`; the second argument says that there is no other.
fn recased(text: &str, word: impl Fn(&str, bool) -> String) -> String {
    if shape(text) == Shape::Other {
        return text.to_owned();
    }
    let words: Vec<String> = text.split(' ').map(str::to_lowercase).collect();
    let alone = words.len() == 1;
    let written: Vec<String> = words.iter().map(|w| word(w, alone)).collect();
    let written = written.join(" ");
    // Nothing but particles.
    if shape(&written) == Shape::Small { words.iter().map(|w| parts(w)).collect::<Vec<_>>().join(" ") } else { written }
}

/// Jean-Pierre, O'Brien, McDonald.
fn parts(word: &str) -> String {
    let hyphened: Vec<String> = word.split('-').map(apostrophed).collect();
    hyphened.join("-")
}

fn apostrophed(word: &str) -> String {
    if let Some(at) = word.find(['\'', '’']) {
        let (before, after) = word.split_at(at);
        if before.chars().count() == 1 {
            let mark: String = after.chars().take(1).collect();
            return format!("{}{mark}{}", capital(before), capital(&after[mark.len()..]));
        }
    }
    match word.strip_prefix("mc") {
        Some(rest) if rest.chars().count() >= 3 => format!("Mc{}", capital(rest)),
        _ => capital(word),
    }
}

fn capital(word: &str) -> String {
    // The first letter, also of "(ada": marks before it stay.
    let at = word.find(char::is_alphabetic).unwrap_or(0);
    let (marks, rest) = word.split_at(at);
    // The Turkish İ, small: an i with a dot above its dot, which nobody writes.
    let (first, rest) = match rest.strip_prefix(DOTTED) {
        Some(rest) => (Some('İ'), rest),
        None => (rest.chars().next(), rest.get(rest.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default()),
    };
    let Some(first) = first else { return word.to_owned() };
    let rest = rest.replace(DOTTED, "i");
    // Some have two capitals, of which only the first is one here: Ss for ß.
    let mut large = first.to_uppercase();
    let first = large.next().into_iter().chain(large.flat_map(char::to_lowercase));
    marks.chars().chain(first).chain(rest.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_people_write_them() {
        for (typed, written) in [
            ("  ada   LOVELACE ", "ada LOVELACE"),
            ("ADA LOVELACE", "Ada Lovelace"),
            ("ada", "Ada"),
            ("McDonald", "McDonald"),
            ("MCDONALD", "McDonald"),
            ("van der Berg", "van der Berg"),
            ("VAN DER BERG", "van der Berg"),
            ("van", "Van"),
            ("jean-pierre o'brien", "Jean-Pierre O'Brien"),
            ("JP", "JP"),
            ("HENRY III", "Henry III"),
            ("ÉLODIE SØRENSEN", "Élodie Sørensen"),
            ("محمد علي", "محمد علي"),
            ("李\u{3000}明", "李 明"),
            ("ß-c", "Ss-C"),
            ("İSTANBUL ÇELİK", "İstanbul Çelik"),
            ("ALİ-İHSAN", "Ali-İhsan"),
        ] {
            assert_eq!(person(typed), written, "{typed}");
        }
        for (typed, written) in [
            ("ACME HOLDINGS BV", "Acme Holdings BV"),
            ("ASML", "ASML"),
            ("ASML NV", "ASML NV"),
            ("eBay", "eBay"),
            ("bank of england", "Bank of England"),
            ("KLM ROYAL DUTCH AIRLINES", "KLM Royal Dutch Airlines"),
            ("müller gmbh", "Müller GmbH"),
            ("the body shop", "The Body Shop"),
        ] {
            assert_eq!(organisation(typed), written, "{typed}");
        }
    }

    proptest! {
        #[test]
        fn twice_is_once(text in "[ a-zA-ZéÉßİıß'’.\\-]{0,40}|\\PC{0,30}") {
            let once = person(&text);
            prop_assert_eq!(&person(&once), &once, "{:?}", text);
            let once = organisation(&text);
            prop_assert_eq!(&organisation(&once), &once, "{:?}", text);
        }
    }
}
