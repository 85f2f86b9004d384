//! A rule as it is typed in, and back.

use super::model::Terms;
use crate::{
    kernel::countries,
    web::{Form, FormErrors},
};

/// `to` is `member:<id>` or `team:<id>`. Whether they exist is the command's to find out.
pub(super) fn parse(form: &Form) -> Result<Terms, FormErrors> {
    let mut p = form.parser();
    let mut terms = Terms {
        form_id: p.id("form_id"),
        source: p.text("source", 100),
        campaign: p.text("campaign", 100),
        country: p.optional("country", countries::parse),
        ..Terms::default()
    };
    match form.get("to").split_once(':') {
        Some(("member", id)) => terms.member_id = id.parse().ok(),
        Some(("team", id)) => terms.team_id = id.parse().ok(),
        _ => {}
    }
    if terms.member_id.is_none() && terms.team_id.is_none() {
        p.error("to", if form.get("to").is_empty() { "is required" } else { "is not one of the choices" });
    }
    p.finish()?;
    Ok(terms)
}

pub(super) fn to_form(terms: &Terms) -> Form {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let to = match (terms.member_id, terms.team_id) {
        (Some(member), _) => format!("member:{member}"),
        (None, Some(team)) => format!("team:{team}"),
        (None, None) => String::new(),
    };
    let form_id = terms.form_id.map(|id| id.to_string()).unwrap_or_default();
    let pairs = [
        ("form_id", form_id),
        ("source", text(&terms.source)),
        ("campaign", text(&terms.campaign)),
        ("country", text(&terms.country)),
        ("to", to),
    ];
    Form::new(pairs.map(|(name, value)| (name.to_owned(), value)))
}
