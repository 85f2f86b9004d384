//! A rule as it is typed in, and back.

use super::model::{COVERED, SHARES, Terms};
use crate::{
    kernel::countries,
    web::{Form, FormErrors},
};

/// `to` is `member:<id>` or `team:<id>`. Whether they are there is the command's to find out.
pub(super) fn parse(form: &Form) -> Result<Terms, FormErrors> {
    let mut p = form.parser();
    let size = |n: Option<i64>| n.and_then(|n| i32::try_from(n).ok());
    let mut terms = Terms {
        name: p.text("name", 100),
        form_id: p.id("form_id"),
        source: p.text("source", 300),
        campaign: p.text("campaign", 300),
        region: p.text("region", 300),
        industry: p.text("industry", 300),
        size_from: size(p.integer("size_from", 0, 10_000_000)),
        size_to: size(p.integer("size_to", 0, 10_000_000)),
        share: p.choice("share", SHARES).unwrap_or("turns").to_owned(),
        ..Terms::default()
    };
    for code in form.all("country") {
        match countries::parse(code) {
            Ok(code) if !terms.countries.iter().flatten().any(|known| *known == code) => {
                terms.countries.push(Some(code))
            }
            Ok(_) => {}
            Err(told) => p.error("country", told),
        }
    }
    let covered = COVERED.iter().map(|record| record.key()).filter(|key| form.all("covers").any(|one| one == *key));
    terms.covers = covered.map(|key| Some(key.to_owned())).collect();
    if terms.covers.is_empty() {
        terms.covers.push(Some("lead".into()));
    }
    if let (Some(from), Some(to)) = (terms.size_from, terms.size_to)
        && from > to
    {
        p.error("size_to", "is less than where it begins");
    }
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
    let number = |value: Option<i32>| value.map(|n| n.to_string()).unwrap_or_default();
    let to = match (terms.member_id, terms.team_id) {
        (Some(member), _) => format!("member:{member}"),
        (None, Some(team)) => format!("team:{team}"),
        (None, None) => String::new(),
    };
    let mut pairs = vec![
        ("name", text(&terms.name)),
        ("form_id", terms.form_id.map(|id| id.to_string()).unwrap_or_default()),
        ("source", text(&terms.source)),
        ("campaign", text(&terms.campaign)),
        ("region", text(&terms.region)),
        ("industry", text(&terms.industry)),
        ("size_from", number(terms.size_from)),
        ("size_to", number(terms.size_to)),
        ("share", terms.share.clone()),
        ("to", to),
    ];
    pairs.extend(terms.countries.iter().flatten().map(|code| ("country", code.clone())));
    pairs.extend(terms.covers.iter().flatten().map(|key| ("covers", key.clone())));
    Form::new(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)))
}
