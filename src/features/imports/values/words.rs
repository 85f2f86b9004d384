//! Words of other languages for yes, no and countries.

use crate::kernel::{countries, text};
use std::{collections::HashMap, sync::LazyLock};

/// Yes or no, folded, in the languages of the locales.
pub fn bool(cell: &str) -> Option<bool> {
    match text::fold(cell).as_str() {
        "true" | "t" | "yes" | "y" | "1" | "x" | "on" | "ja" | "j" | "wahr" | "oui" | "vrai" | "si" | "s" | "waar"
        | "aan" | "verdadero" | "vero" | "tak" | "prawda" | "sim" | "verdadeiro" | "sant" | "✓" | "✔" | "checked" => {
            Some(true)
        }
        "false" | "f" | "no" | "n" | "0" | "off" | "nein" | "falsch" | "non" | "faux" | "nee" | "onwaar" | "uit"
        | "falso" | "nie" | "falsz" | "nao" | "nej" | "falskt" | "unchecked" => Some(false),
        _ => None,
    }
}

/// What people in the countries of the locales call them and their neighbours, folded.
const NATIVE: &[(&str, &str)] = &[
    ("deutschland", "DE"),
    ("allemagne", "DE"),
    ("duitsland", "DE"),
    ("alemania", "DE"),
    ("germania", "DE"),
    ("niemcy", "DE"),
    ("alemanha", "DE"),
    ("tyskland", "DE"),
    ("osterreich", "AT"),
    ("oesterreich", "AT"),
    ("autriche", "AT"),
    ("oostenrijk", "AT"),
    ("schweiz", "CH"),
    ("suisse", "CH"),
    ("svizzera", "CH"),
    ("zwitserland", "CH"),
    ("suiza", "CH"),
    ("frankreich", "FR"),
    ("frankrijk", "FR"),
    ("francia", "FR"),
    ("francja", "FR"),
    ("frankrike", "FR"),
    ("franca", "FR"),
    ("niederlande", "NL"),
    ("nederland", "NL"),
    ("pays-bas", "NL"),
    ("paises bajos", "NL"),
    ("paesi bassi", "NL"),
    ("belgien", "BE"),
    ("belgique", "BE"),
    ("belgie", "BE"),
    ("belgica", "BE"),
    ("belgio", "BE"),
    ("luxemburg", "LU"),
    ("spanien", "ES"),
    ("espagne", "ES"),
    ("spanje", "ES"),
    ("espana", "ES"),
    ("spagna", "ES"),
    ("hiszpania", "ES"),
    ("espanha", "ES"),
    ("italien", "IT"),
    ("italie", "IT"),
    ("italia", "IT"),
    ("wlochy", "IT"),
    ("polen", "PL"),
    ("pologne", "PL"),
    ("polonia", "PL"),
    ("polska", "PL"),
    ("portogallo", "PT"),
    ("schweden", "SE"),
    ("suede", "SE"),
    ("zweden", "SE"),
    ("suecia", "SE"),
    ("sverige", "SE"),
    ("svezia", "SE"),
    ("danemark", "DK"),
    ("denemarken", "DK"),
    ("danmark", "DK"),
    ("dinamarca", "DK"),
    ("norwegen", "NO"),
    ("norge", "NO"),
    ("noorwegen", "NO"),
    ("norvege", "NO"),
    ("noruega", "NO"),
    ("finnland", "FI"),
    ("suomi", "FI"),
    ("finlande", "FI"),
    ("irland", "IE"),
    ("irlande", "IE"),
    ("ierland", "IE"),
    ("irlanda", "IE"),
    ("eire", "IE"),
    ("grossbritannien", "GB"),
    ("vereinigtes konigreich", "GB"),
    ("royaume-uni", "GB"),
    ("verenigd koninkrijk", "GB"),
    ("reino unido", "GB"),
    ("regno unito", "GB"),
    ("storbritannien", "GB"),
    ("northern ireland", "GB"),
    ("vereinigte staaten", "US"),
    ("etats-unis", "US"),
    ("verenigde staten", "US"),
    ("estados unidos", "US"),
    ("stati uniti", "US"),
    ("united states of america", "US"),
    ("tschechien", "CZ"),
    ("tsjechie", "CZ"),
    ("griechenland", "GR"),
    ("hellas", "GR"),
    ("ungarn", "HU"),
    ("magyarorszag", "HU"),
    ("brasilien", "BR"),
    ("brasil", "BR"),
    ("bresil", "BR"),
    ("brasile", "BR"),
    ("mexique", "MX"),
    ("messico", "MX"),
    ("kanada", "CA"),
    ("japon", "JP"),
    ("giappone", "JP"),
    ("cina", "CN"),
    ("chine", "CN"),
    ("indien", "IN"),
    ("inde", "IN"),
    ("turkei", "TR"),
    ("turquie", "TR"),
];

/// Folded names and codes → alpha-2. Looking each up in the standard's table would cost more than all else in a row.
static COUNTRIES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let mut names: HashMap<String, &'static str> = HashMap::new();
    for (code, name) in countries::all() {
        let formal = rust_iso3166::from_alpha2(code);
        let words = [Some(code), formal.map(|c| c.alpha3), formal.map(|c| c.name), Some(name.as_str())];
        for word in words.into_iter().flatten() {
            names.insert(text::fold(word), code);
        }
    }
    for (name, code) in NATIVE {
        names.entry((*name).to_owned()).or_insert(code);
    }
    names
});

/// By code or name; one letter wrong is forgiven where it leaves no doubt (`Philipines`).
pub fn country(cell: &str) -> Result<String, String> {
    let folded = text::fold(cell);
    if let Some(code) = COUNTRIES.get(&folded) {
        return Ok((*code).to_owned());
    }
    countries::parse(cell).or_else(|error| {
        let near = COUNTRIES.iter().filter(|(name, _)| name.len() >= 6 && one_letter_off(name, &folded));
        let mut codes: Vec<&str> = near.map(|(_, code)| *code).collect();
        codes.dedup();
        match codes[..] {
            [code] => Ok(code.to_owned()),
            _ => Err(error.to_owned()),
        }
    })
}

/// One letter more, less or other.
fn one_letter_off(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    head + tail + 1 >= a.len().max(b.len())
}
