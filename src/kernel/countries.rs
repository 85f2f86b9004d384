//! Countries by their ISO 3166-1 alpha-2 code, read from code or name and shown by the short name people use.

use super::text::fold;

/// Where the standard's formal name is not what people say.
const SHORT: &[(&str, &str)] = &[
    ("BO", "Bolivia"),
    ("CD", "DR Congo"),
    ("CZ", "Czechia"),
    ("FK", "Falkland Islands"),
    ("FM", "Micronesia"),
    ("GB", "United Kingdom"),
    ("IR", "Iran"),
    ("KP", "North Korea"),
    ("KR", "South Korea"),
    ("LA", "Laos"),
    ("MD", "Moldova"),
    ("MK", "North Macedonia"),
    ("NL", "Netherlands"),
    ("PS", "Palestine"),
    ("RU", "Russia"),
    ("SY", "Syria"),
    ("TR", "Türkiye"),
    ("TW", "Taiwan"),
    ("TZ", "Tanzania"),
    ("US", "United States"),
    ("VA", "Vatican City"),
    ("VE", "Venezuela"),
    ("VN", "Vietnam"),
];

/// Further spellings, folded.
const ALIASES: &[(&str, &str)] = &[
    ("uk", "GB"),
    ("great britain", "GB"),
    ("england", "GB"),
    ("scotland", "GB"),
    ("wales", "GB"),
    ("usa", "US"),
    ("u.s.", "US"),
    ("u.s.a.", "US"),
    ("america", "US"),
    ("korea", "KR"),
    ("republic of korea", "KR"),
    ("holland", "NL"),
    ("the netherlands", "NL"),
    ("czech republic", "CZ"),
    ("turkey", "TR"),
    ("viet nam", "VN"),
    ("ivory coast", "CI"),
    ("uae", "AE"),
    ("russian federation", "RU"),
];

/// The name people use; the code itself when it is none.
pub fn name(code: &str) -> String {
    if let Some((_, short)) = SHORT.iter().find(|(c, _)| *c == code) {
        return (*short).to_owned();
    }
    rust_iso3166::from_alpha2(code).map_or_else(|| code.to_owned(), |c| c.name.to_owned())
}

/// Code and name of every country, by name.
pub fn all() -> Vec<(&'static str, String)> {
    let mut all: Vec<_> = rust_iso3166::ALL.iter().map(|c| (c.alpha2, name(c.alpha2))).collect();
    all.sort_by_key(|(_, name)| fold(name));
    all
}

/// The alpha-2 code from a code (two or three letters) or a name.
pub fn parse(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let upper = text.to_uppercase();
    let by_code = match upper.len() {
        2 => rust_iso3166::from_alpha2(&upper),
        3 => rust_iso3166::from_alpha3(&upper),
        _ => None,
    };
    if let Some(country) = by_code {
        return Ok(country.alpha2.to_owned());
    }
    let folded = fold(text);
    if let Some((_, code)) = ALIASES.iter().find(|(alias, _)| *alias == folded) {
        return Ok((*code).to_owned());
    }
    let by_name = rust_iso3166::ALL.iter().find(|c| fold(c.name) == folded || fold(&name(c.alpha2)) == folded);
    by_name.map(|c| c.alpha2.to_owned()).ok_or("must be a country, such as Netherlands or NL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_and_shown() {
        for (text, code) in [("nl", "NL"), ("DEU", "DE"), ("united states", "US"), ("Korea", "KR"), ("Türkiye", "TR")]
        {
            assert_eq!(parse(text).as_deref(), Ok(code), "{text}");
        }
        assert!(parse("Atlantis").is_err());
        assert_eq!(name("GB"), "United Kingdom");
        assert!(all().iter().all(|(code, name)| parse(name).as_deref() == Ok(*code)));
    }
}
