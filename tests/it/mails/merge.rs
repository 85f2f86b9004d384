//! The merge language: read as people type it, printed and read back, and never a way in for markup.

use pipewright::features::mails::merge::{Field, Markup, Piece, Space, Template};
use proptest::prelude::*;

fn html(source: &str) -> Result<Template, String> {
    Template::parse(source, Markup::Html)
}

#[test]
fn fields_are_read_as_people_type_them() {
    let read = |source: &str| {
        let template = html(source).unwrap_or_default();
        template.fields().map(|f| format!("{} [{}]", f.name(), f.fallback)).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(read("<div>Dear {{contact.first_name}},</div>"), "contact.first_name []");
    assert_eq!(read("{{&nbsp;contact.first_name&nbsp;|&nbsp;you &amp; yours }}"), "contact.first_name [you & yours]");
    assert_eq!(read("{{ deal.c_region | a | b }} {{sender.name}}"), "deal.c_region [a | b], sender.name []");
    assert_eq!(read("a } b { c"), "");
}

#[test]
fn what_is_wrong_is_named() {
    let told = |source: &str| html(source).err().unwrap_or_default();
    assert!(told("{{ contact.first_name").contains("has no end"));
    assert!(told("{{ contact }}").contains("“contact” is not a field"));
    assert!(told("{{ planet.name }}").contains("“planet.name” is not a field"));
    assert!(told("{{ contact.First Name }}").contains("is not a field"));
    assert!(
        told("{{ contact.<strong>first</strong>_name }}").contains("“{{contact.first_name}}” is formatted in part")
    );
    assert!(told("{{ {{ contact.name }} }}").contains("is not a field"));
    assert!(told(&format!("{{{{ contact.name | {} }}}}", "x".repeat(201))).contains("too long"));
}

#[test]
fn empty_values_give_way_to_the_fallback() {
    let template = html("<div>Dear {{ contact.first_name | friend }},</div>").unwrap_or_default();
    assert_eq!(template.render(Markup::Html, |_| Some("  ".into())), "<div>Dear friend,</div>");
    assert_eq!(template.render(Markup::Html, |_| None), "<div>Dear friend,</div>");
    assert_eq!(template.render(Markup::Html, |_| Some("Zoë".into())), "<div>Dear Zoë,</div>");
}

#[test]
fn a_subject_stays_one_line() {
    let template = Template::parse("Hello {{ contact.name }}", Markup::Plain).unwrap_or_default();
    let subject = template.render(Markup::Plain, |_| Some("Mallory\r\nBcc: all@example.com\u{0}".into()));
    assert_eq!(subject, "Hello Mallory Bcc: all@example.com");
}

fn piece() -> impl Strategy<Value = Piece> {
    let space = prop::sample::select(Space::ALL.to_vec());
    let field = (space, "[a-z][a-z0-9_]{0,12}", "([^{}\\p{C}\\p{Z}]( ?[^{}\\p{C}\\p{Z}]){0,8})?")
        .prop_map(|(space, key, fallback)| Piece::Field(Field { space, key, fallback }));
    prop_oneof![field, "[a-zA-Z<>/=\"' ]{1,12}".prop_map(Piece::Text)]
}

/// Neighbouring texts are one text to whoever reads them.
fn joined(pieces: Vec<Piece>) -> Template {
    let mut out: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (out.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(more)) => before.push_str(&more),
            (_, piece) => out.push(piece),
        }
    }
    Template(out)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_printed_is_read_back(pieces in prop::collection::vec(piece(), 0..8)) {
        let template = joined(pieces);
        for markup in [Markup::Html, Markup::Plain] {
            prop_assert_eq!(Template::parse(&template.print(markup), markup), Ok(template.clone()));
        }
    }

    #[test]
    fn no_text_makes_the_parser_stumble(source in "[{}|.a-z<>& \u{e9}]{0,60}") {
        if let Ok(template) = html(&source) {
            prop_assert_eq!(html(&template.print(Markup::Html)), Ok(template));
        }
    }

    #[test]
    fn hostile_values_never_become_markup(value in "[<>/\"'&;=a-z{}()!# \n-]{0,40}|<script>alert\\(1\\)</script>|\"><img src=x onerror=y>|javascript:x") {
        let template = html("<div>Dear {{ contact.name }}, <a href=\"https://x.example/?{{ contact.email }}\">look</a></div>").unwrap_or_default();
        let out = template.render(Markup::Html, |_| Some(value.clone()));
        let tags = |html: &str| html.split('<').skip(1).map(|t| t.split(['>', ' ']).next().unwrap_or_default().to_owned()).filter(|t| t != "br").collect::<Vec<_>>();
        prop_assert_eq!(tags(&out), ["div", "a", "/a", "/div"], "{}", out);
        prop_assert!(!out.contains(" onerror=y>") && !out.contains("<script"), "{}", out);
    }
}
