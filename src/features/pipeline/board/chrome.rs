//! The filters around a view of a pipeline: the form, and the chips of what is chosen.

use super::filters::{CLOSE, Filters, Owner};
use crate::{
    features::{accounts::members::Person, pipeline::frame::Asked, tags::Tag},
    web::{Actor, FormView, SelectOption},
};
use std::collections::HashMap;

pub struct Chip {
    pub icon: &'static str,
    pub label: String,
    pub remove_href: String,
}

/// The filter form and the chips of what is chosen.
pub struct FilterView {
    pub chips: Vec<Chip>,
    pub q: String,
    pub owner_options: Vec<SelectOption>,
    pub team_options: Vec<SelectOption>,
    pub close: Vec<SelectOption>,
    pub amount_min: String,
    pub amount_max: String,
    pub tag_options: Vec<SelectOption>,
    /// Rules beside what the form says.
    pub rules: usize,
    /// What was typed and means nothing.
    pub refused: FormView,
}

pub struct PipelineLink {
    pub id: String,
    pub name: String,
    pub href: String,
    pub current: bool,
}

/// The filters' form and chips. `people` and `teams` are those the person may choose from.
pub fn filters(
    actor: &Actor,
    asked: &Asked,
    people: &[Person],
    teams: &[(String, String)],
    tags: &[Tag],
) -> FilterView {
    let filters = &asked.filters;
    let chosen: HashMap<&str, String> = filters.pairs().into_iter().collect();
    let value = |key: &str| match asked.refused.error(key) {
        "" => chosen.get(key).cloned().unwrap_or_default(),
        _ => asked.refused.value(key).to_owned(),
    };
    let owner = value("owner");
    let mut owners = vec![
        SelectOption::new("", "Anyone", owner.is_empty()),
        SelectOption::new("me", "Me", owner == "me"),
        SelectOption::new("unassigned", "Nobody yet", owner == "unassigned"),
    ];
    let visible = |p: &&Person| actor.sees(Some(p.id.0)) && (p.active || owner == p.id.to_string());
    owners.extend(people.iter().filter(visible).map(|p| {
        let id = p.id.to_string();
        SelectOption::new(id.clone(), p.name.clone(), id == owner)
    }));
    let team = value("team");
    let mut team_options = vec![SelectOption::new("", "Any team", team.is_empty())];
    team_options.extend(teams.iter().map(|(id, name)| SelectOption::new(id, name, *id == team)));
    let mut close = vec![SelectOption::new("", "Any time", filters.close.is_none())];
    close.extend(CLOSE.iter().map(|(key, label)| SelectOption::new(*key, *label, filters.close == Some(*key))));
    FilterView {
        chips: chips(asked, people, teams, tags),
        q: value("q"),
        owner_options: owners,
        team_options,
        close,
        amount_min: value("amount_min"),
        amount_max: value("amount_max"),
        tag_options: tag_options(tags, &value("tag")),
        rules: 0,
        refused: asked.refused.clone(),
    }
}

fn tag_options(tags: &[Tag], chosen: &str) -> Vec<SelectOption> {
    let mut options = vec![SelectOption::new("", "Any tag", chosen.is_empty())];
    options.extend(tags.iter().map(|tag| {
        let id = tag.id.to_string();
        SelectOption::new(id.clone(), tag.name.clone(), id == chosen)
    }));
    options
}

fn chips(asked: &Asked, people: &[Person], teams: &[(String, String)], tags: &[Tag]) -> Vec<Chip> {
    let filters: &Filters = &asked.filters;
    let label = |key: &str, value: &str| match (key, filters.owner) {
        ("owner", Some(Owner::Me)) => ("user", "Mine".to_owned()),
        ("owner", Some(Owner::Unassigned)) => ("user", "Without an owner".to_owned()),
        ("owner", Some(Owner::Member(id))) => {
            ("user", people.iter().find(|p| p.id == id).map_or_else(|| "Someone".into(), |p| p.name.clone()))
        }
        ("team", _) => {
            let name = teams.iter().find(|(id, _)| id == value).map_or("a team", |(_, name)| name);
            ("users", format!("Everyone in {name}"))
        }
        ("tag", _) => {
            let name = tags.iter().find(|tag| tag.id.to_string() == value).map_or("a tag", |tag| tag.name.as_str());
            ("tag", name.to_owned())
        }
        ("close", _) => ("calendar", close_label(value)),
        ("amount_min", _) => ("currency-euro", format!("From {value}")),
        ("filter", _) => ("filter", "More rules".to_owned()),
        ("amount_max", _) => ("currency-euro", format!("Up to {value}")),
        _ => ("search", format!("“{value}”")),
    };
    filters
        .pairs()
        .iter()
        .map(|(key, value)| {
            let (icon, label) = label(key, value);
            Chip { icon, label, remove_href: asked.href(&[(key, "")]) }
        })
        .collect()
}

fn close_label(key: &str) -> String {
    match key {
        "overdue" => "Close overdue".into(),
        "none" => "Without a close date".into(),
        _ => {
            let label = CLOSE.iter().find(|(k, _)| *k == key).map_or("", |(_, label)| label);
            format!("Closes {}", label.to_lowercase())
        }
    }
}
