//! A person's name in one text, taken apart into given and family name.

/// Small words that a family name begins with, also where somebody wrote them large.
const PARTICLES: &[&str] = &[
    "van", "von", "vom", "zu", "zum", "zur", "de", "der", "den", "del", "della", "delle", "di", "da", "das", "do",
    "dos", "du", "des", "d'", "la", "le", "las", "los", "lo", "ten", "ter", "te", "op", "het", "'t", "’t", "af", "av",
];
/// Those that are given names, or parts of them, where they are written large.
const SMALL_ONLY: &[&str] =
    &["in", "e", "y", "i", "und", "el", "al", "bin", "bint", "ibn", "ben", "st.", "san", "santa"];
/// They join two family names.
const JOINING: &[&str] = &["y", "e", "i", "und"];
/// What follows a family name and belongs to it, without points.
const SUFFIXES: &[&str] = &["jr", "jnr", "sr", "snr", "ii", "iii", "iv", "esq", "phd", "md"];

/// Given and family name. The family name is the last word, with the particles before it and the suffixes behind it (`van der Berg`,
/// `Downey Jr.`), or what stands before a comma (`Berg, Jan van der`). A single word is a family name.
pub fn split(full: &str) -> (String, String) {
    let mut parts: Vec<&str> = full.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    let mut behind: Vec<&str> = Vec::new();
    // Before the others go, one must be left.
    while parts.len() > 1 && parts.last().is_some_and(|part| part.split_whitespace().all(is_suffix)) {
        behind.splice(0..0, parts.pop().into_iter().flat_map(str::split_whitespace));
    }
    let (given, mut family) = match &parts[..] {
        [] => return (String::new(), String::new()),
        [whole] => apart(whole.split_whitespace().collect()),
        [family, given @ ..] => {
            let mut given: Vec<&str> = given.iter().flat_map(|part| part.split_whitespace()).collect();
            let mut family: Vec<&str> = family.split_whitespace().collect();
            let particles = given.iter().rev().take_while(|word| is_particle(word)).count();
            // `Berg, Van` is somebody called Van.
            if particles < given.len() {
                let moved = given.split_off(given.len() - particles);
                family.splice(0..0, moved);
            }
            (given, family)
        }
    };
    family.extend(behind);
    (given.join(" "), family.join(" "))
}

fn apart(mut words: Vec<&str>) -> (Vec<&str>, Vec<&str>) {
    let suffixes = words.iter().rev().take_while(|word| is_suffix(word)).count();
    let mut at = words.len().saturating_sub(suffixes + 1);
    // `Smith Jr.`: somebody must be left to be called by a given name.
    if suffixes > 0 && at == 0 {
        at = words.len().saturating_sub(1);
    }
    while let Some(before) = at.checked_sub(1).and_then(|before| words.get(before)) {
        let is_first = at == 1;
        // Van Morrison, La Toya Jackson; but `van der Berg` has no given name.
        if !is_particle(before) || is_first && !is_small(before) {
            break;
        }
        let joins = JOINING.contains(before) && at >= 3;
        at -= if joins { 2 } else { 1 };
    }
    let family = words.split_off(at);
    (words, family)
}

fn is_particle(word: &str) -> bool {
    PARTICLES.contains(&word.to_lowercase().as_str()) || SMALL_ONLY.contains(&word)
}

fn is_small(word: &str) -> bool {
    !word.chars().any(char::is_uppercase)
}

fn is_suffix(word: &str) -> bool {
    SUFFIXES.contains(&word.replace('.', "").to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_people_are_called() {
        for (full, given, family) in [
            ("Ada Lovelace", "Ada", "Lovelace"),
            ("Madonna", "", "Madonna"),
            ("Jan van der Berg", "Jan", "van der Berg"),
            ("JAN VAN DER BERG", "JAN", "VAN DER BERG"),
            ("Berg, Jan van der", "Jan", "van der Berg"),
            ("van der Berg, Jan", "Jan", "van der Berg"),
            ("van der Berg", "", "van der Berg"),
            ("Maria de la Cruz", "Maria", "de la Cruz"),
            ("Wernher von Braun", "Wernher", "von Braun"),
            ("Dick Van Dyke", "Dick", "Van Dyke"),
            ("Van Morrison", "Van", "Morrison"),
            ("José Ortega y Gasset", "José", "Ortega y Gasset"),
            ("Robert Downey Jr.", "Robert", "Downey Jr."),
            ("Robert Downey, Jr.", "Robert", "Downey Jr."),
            ("Downey, Robert, Jr.", "Robert", "Downey Jr."),
            ("Sammy Davis Jr", "Sammy", "Davis Jr"),
            ("William Gates III", "William", "Gates III"),
            ("Smith Jr.", "Smith", "Jr."),
            ("Al Gore", "Al", "Gore"),
            ("Mary Ann Evans", "Mary Ann", "Evans"),
            ("  Jan   Berg ", "Jan", "Berg"),
            (",", "", ""),
        ] {
            assert_eq!(split(full), (given.to_owned(), family.to_owned()), "{full}");
        }
    }

    proptest! {
        #[test]
        fn no_word_is_lost(words in proptest::collection::vec("[A-Za-zé'.]{1,8}|van|der|Jr\\.|de|y|III|,", 0..6)) {
            let full = words.join(" ");
            let (given, family) = split(&full);
            let count = |text: &str| text.split([' ', ',']).filter(|word| !word.is_empty()).count();
            prop_assert_eq!(count(&given) + count(&family), count(&full), "{}", full);
        }
    }
}
