//! Text as it is kept and compared: trimmed, normalised, folded.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Lower case without accents, as `app.fold` does in SQL: for building search documents and comparing names.
pub fn fold(text: &str) -> String {
    text.nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(|c| match c {
            'ø' | 'Ø' => vec!['o'],
            'ł' | 'Ł' => vec!['l'],
            'đ' | 'Đ' | 'ð' | 'Ð' => vec!['d'],
            'ß' => vec!['s', 's'],
            'æ' | 'Æ' => vec!['a', 'e'],
            'œ' | 'Œ' => vec!['o', 'e'],
            'ı' => vec!['i'],
            c => c.to_lowercase().collect(),
        })
        .collect()
}

/// Only the digits, for phone search: `+31 20 977` and `003120977` meet on their tails.
pub fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// With its first letter large.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// At most two letters for an avatar.
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|w| w.chars().next());
    let first = words.next();
    let last = words.next_back();
    first.into_iter().chain(last).flat_map(char::to_uppercase).take(2).collect()
}

/// A stable avatar colour class, `av-0` … `av-9`.
pub fn avatar_class(key: &str) -> String {
    let sum = key.bytes().fold(7u32, |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
    format!("av-{}", sum % 10)
}

/// A URL-safe short name: lower-case letters, digits and single hyphens.
pub fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in fold(name).chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        if out.len() >= 48 {
            break;
        }
    }
    out.trim_matches('-').to_owned()
}

/// A web domain from what people paste: scheme, `www.`, path and port removed, lower case, IDNA.
pub fn domain(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let with_scheme = if text.contains("://") { text } else { format!("http://{text}") };
    let host = url::Url::parse(&with_scheme).ok()?.host_str()?.to_owned();
    let host = host.strip_prefix("www.").unwrap_or(&host).to_owned();
    let labelled = host.contains('.') && host.len() <= 253 && host.chars().any(|c| c.is_ascii_alphabetic());
    labelled.then_some(host)
}

/// The domain that stands where a company's name is asked for: an address, or a bare domain as nobody writes a name.
pub fn domain_as_name(text: &str) -> Option<String> {
    let text = text.trim();
    let address = text.contains("://") || text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www."));
    let last = text.rsplit('.').next().unwrap_or_default();
    let bare = last.len() >= 2
        && last.bytes().all(|b| b.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '-')
        && (text == text.to_lowercase() || ["com", "net", "org"].contains(&last.to_lowercase().as_str()));
    if (address || bare) && !text.contains(char::is_whitespace) { domain(text) } else { None }
}

/// A number as messages say it: `10,000`.
pub fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let group = |(at, digit): (usize, char)| {
        (at > 0 && (digits.len() - at).is_multiple_of(3)).then_some(',').into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(group).collect()
}

/// What libraries spread over several lines, in one.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether it holds marks that turn the direction of writing (UAX #9): unseen, they show a name as another one.
pub fn is_turned(text: &str) -> bool {
    text.contains([
        '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
    ])
}

/// What is said of a name that is.
pub const TURNED: &str = "holds marks that turn the direction of writing, which cannot be seen: type it anew";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_and_shortens() {
        assert_eq!([5, 999, 1_000, 10_000, 1_234_567].map(grouped), ["5", "999", "1,000", "10,000", "1,234,567"]);
        assert_eq!(fold("Élodie Sørensen"), "elodie sorensen");
        assert_eq!(slug("  Aurelia Supply B.V. "), "aurelia-supply-b-v");
        assert_eq!(initials("Maya van den Okafor"), "MO");
        assert_eq!(domain("https://www.Example.com:80/x?y"), Some("example.com".into()));
        assert_eq!(domain("not a domain"), None);
        for text in ["https://moller.example/x", "www.Moller.example", "moller.example"] {
            assert_eq!(domain_as_name(text), Some("moller.example".into()), "{text}");
        }
        assert_eq!(domain_as_name("Booking.com"), Some("booking.com".into()));
        for name in ["Acme S.p.A.", "S.p.A.", "St.Johns", "Acme", "A.S", "no. 5"] {
            assert_eq!(domain_as_name(name), None, "{name}");
        }
    }
}
