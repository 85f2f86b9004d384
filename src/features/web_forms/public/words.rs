//! What people do not write where their name goes.

use crate::features::leads::NewLead;

/// Links in a message beyond which it is an advertisement.
const MANY_LINKS: usize = 3;

/// Why what was written looks like spam.
pub(in crate::features::web_forms) fn suspicious_words(lead: &NewLead) -> Vec<String> {
    let mut found = Vec::new();
    let names = [
        Some(lead.first_name.as_str()),
        Some(lead.last_name.as_str()),
        lead.company_name.as_deref(),
        lead.title.as_deref(),
        lead.street.as_deref(),
        lead.city.as_deref(),
    ];
    if names.into_iter().flatten().any(|text| links(text) > 0) {
        found.push("a link where a name goes".to_owned());
    }
    if lead.description.as_deref().is_some_and(|text| links(text) > MANY_LINKS) {
        found.push(format!("more than {MANY_LINKS} links in the message"));
    }
    let written = !lead.first_name.is_empty() && lead.first_name.chars().count() > 3;
    if written && lead.first_name == lead.last_name && Some(&lead.first_name) == lead.company_name.as_ref() {
        found.push("the same word in every field".to_owned());
    }
    found
}

fn links(text: &str) -> usize {
    let text = text.to_lowercase();
    let by_scheme = text.matches("://").count() + text.matches("[url").count() + text.matches("<a ").count();
    by_scheme.max(text.matches("www.").count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_names_and_many_in_messages() {
        let named = |name: &str| NewLead { last_name: name.to_owned(), ..NewLead::default() };
        for name in ["Wins http://x.example", "www.casino.example", "<a href=x>me</a>", "HTTPS://X"] {
            assert_eq!(suspicious_words(&named(name)).len(), 1, "{name}");
        }
        for name in ["O'Neill", "Ångström & Søn A/S", "van der Berg (www)", "3M"] {
            assert_eq!(suspicious_words(&named(name)), Vec::<String>::new(), "{name}");
        }
        let wrote = |text: &str| NewLead { description: Some(text.to_owned()), ..named("Ada") };
        assert!(suspicious_words(&wrote("See https://a.example and https://b.example")).is_empty());
        assert_eq!(suspicious_words(&wrote(&"https://x.example ".repeat(4))).len(), 1);
    }
}
