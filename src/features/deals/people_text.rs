//! The people of a deal in one text, as files have them: `Ann Bell <ann@acme.example> (Champion, high influence); Bob Orr`. What is written
//! reads back the same, whatever the names hold: one with a mark of these in it stands in quotation marks.

use super::contacts::{INFLUENCES, ROLES, STANCES};
use crate::kernel::{people, quoted};
use serde::Serialize;

/// The most characters of a name.
const LONGEST: usize = 200;

/// Somebody as a text names them, by a name, an address or both; what it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Named {
    pub name: Option<String>,
    pub email: Option<String>,
    #[serde(flatten)]
    pub part: Part,
}

/// Keys of the part somebody plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Part {
    pub role: Option<&'static str>,
    pub influence: Option<&'static str>,
    pub stance: Option<&'static str>,
}

/// SQL of the text for deal `r`. `seen`: SQL of whether the reader may know the address of contact `c`; the names of a deal's people are known
/// to whoever sees the deal.
pub fn written(seen: &str) -> String {
    let words = words("p.role", "p.influence", "p.stance");
    format!(
        "(SELECT string_agg(concat_ws(' ', \
             CASE WHEN n.name ~ '[][;<>()\"@\\\\[:cntrl:]]' OR n.name !~ '^[[:alpha:]](.*[[:alnum:].])?$' THEN '\"' || regexp_replace(n.name, '([\"\\\\])', '\\\\\\1', 'g') || '\"' ELSE n.name END, \
             '<' || CASE WHEN n.name IS NULL OR {seen} THEN c.email END || '>', '(' || nullif({words}, '') || ')'), '; ' ORDER BY c.name_key, c.id) \
           FROM deal_contacts p JOIN contacts c ON c.org_id = p.org_id AND c.id = p.contact_id, \
           LATERAL (SELECT nullif(btrim(c.first_name || ' ' || c.last_name), '') AS name) n \
           WHERE p.deal_id = r.id AND c.deleted_at IS NULL)"
    )
}

/// SQL of a part in words, as `part_words` has it.
pub fn words(role: &str, influence: &str, stance: &str) -> String {
    let case = |column: &str, words: Vec<(&str, String)>| {
        let whens: String = words.iter().map(|(key, word)| format!(" WHEN '{key}' THEN '{word}'")).collect();
        format!("CASE {column}{whens} END")
    };
    let roles = ROLES.iter().filter(|(key, _)| *key != "other").map(|(key, label)| (*key, (*label).to_owned()));
    let influences = INFLUENCES.iter().map(|(key, label)| (*key, format!("{} influence", label.to_lowercase())));
    let stances = STANCES.iter().map(|(key, label)| (*key, label.to_lowercase()));
    format!(
        "concat_ws(', ', {}, {}, {})",
        case(role, roles.collect()),
        case(influence, influences.collect()),
        case(stance, stances.collect())
    )
}

/// Everybody whom a text names.
pub fn read(text: &str) -> Result<Vec<Named>, String> {
    quoted::split(text).into_iter().map(one).collect()
}

fn one(item: &str) -> Result<Named, String> {
    let (quoted, mut rest) = quoted::unquote(item);
    let mut named = Named::default();
    if let Some((before, part)) = rest.strip_suffix(')').and_then(|rest| rest.rsplit_once('('))
        && let Some(part) = part_of(part)
    {
        (rest, named.part) = (before.trim_end(), part);
    }
    if let Some((before, email)) = rest.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        named.email = Some(people::parse_email(email)?);
        rest = before.trim_end();
    }
    named.name = match quoted {
        Some(name) => Some(name),
        // An address alone.
        None if named.email.is_none() && people::parse_email(rest).is_ok() => {
            named.email = people::parse_email(rest).ok();
            None
        }
        None => Some(rest.to_owned()),
    };
    named.name = named.name.filter(|name| !name.is_empty());
    match &named {
        Named { name: Some(name), .. } if name.chars().count() > LONGEST => {
            Err(format!("holds a name of more than {LONGEST} characters"))
        }
        Named { name: None, email: None, .. } => Err("says a part in the deal and not whose".into()),
        _ => Ok(named),
    }
}

/// `None`: these words are none of a part.
fn part_of(words: &str) -> Option<Part> {
    let mut part = Part::default();
    for word in words.split(',').map(|word| word.trim().to_lowercase()) {
        let of = |list: &'static [(&'static str, &'static str)], word: &str| {
            let known = list.iter().find(|(key, label)| *key == word || label.to_lowercase() == word);
            known.map(|(key, _)| *key)
        };
        if let Some(role) = of(ROLES, &word) {
            part.role = Some(role);
        } else if let Some(influence) = word.strip_suffix(" influence").and_then(|word| of(INFLUENCES, word)) {
            part.influence = Some(influence);
        } else {
            part.stance = Some(of(STANCES, &word)?);
        }
    }
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, email: &str, part: Part) -> Named {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Named { name: some(name), email: some(email), part }
    }

    #[test]
    fn people_are_read_however_they_are_written() {
        let champion = Part { role: Some("champion"), influence: Some("high"), stance: Some("supports") };
        let none = Part::default();
        for (text, people) in [
            ("", vec![]),
            ("Ann Bell", vec![named("Ann Bell", "", none)]),
            (
                "Ann Bell <Ann@X.test> (Champion, high influence, supports us); b@x.test\nBob; ",
                vec![named("Ann Bell", "ann@x.test", champion), named("", "b@x.test", none), named("Bob", "", none)],
            ),
            ("<a@x.test> (blocker)", vec![named("", "a@x.test", Part { role: Some("blocker"), ..none })]),
            ("Ann (Acme)", vec![named("Ann (Acme)", "", none)]),
            ("\"Bell; (user) \\\"\\\\ <x>\" <a@x.test>", vec![named("Bell; (user) \"\\ <x>", "a@x.test", none)]),
            ("\"Bell", vec![named("\"Bell", "", none)]),
        ] {
            assert_eq!(read(text), Ok(people), "{text}");
        }
        assert!(read("Ann <nobody>").is_err());
        assert!(read("(champion)").is_err());
    }
}
