//! What narrows a list: as chips that take it away again, and as menus to choose from.

use super::{ListQuery, OwnerFilter, choice_fields};
use crate::{
    features::{
        accounts::members::Person,
        records::{
            filter::{Filter, Names},
            inline::member_choices,
        },
    },
    kernel::FieldKind,
    web::{Actor, SelectOption},
};

#[derive(Clone, Debug)]
pub struct Chip {
    pub icon: &'static str,
    pub label: String,
    pub remove: String,
}

#[derive(Clone, Debug)]
pub struct FilterMenu {
    pub name: &'static str,
    pub label: &'static str,
    pub options: Vec<SelectOption>,
}

pub(super) fn menus(query: &ListQuery, people: &[Person]) -> Vec<FilterMenu> {
    let current = query.owner_param();
    let mut owners =
        vec![SelectOption::new("me", "Me", current == "me"), SelectOption::new("none", "Nobody", current == "none")];
    owners.extend(member_choices(people, &current));
    let mut menus = vec![FilterMenu { name: "owner", label: "Owner", options: owners }];
    for field in choice_fields(query.record) {
        let FieldKind::Choice(choices) = field.kind else { continue };
        let current = query.picks.iter().find(|(f, _)| f.key == field.key).map_or("", |(_, key)| key);
        let options = choices.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == current)).collect();
        menus.push(FilterMenu { name: field.key, label: field.label, options });
    }
    let offered = query.extras.iter().filter(|extra| !extra.options.is_empty());
    menus.extend(offered.map(|e| FilterMenu { name: e.name, label: e.label, options: e.options.clone() }));
    menus
}

impl ListQuery {
    pub(super) fn chips(&self, names: &Names, actor: &Actor) -> Vec<Chip> {
        let chip = |icon, label: String, name| Chip { icon, label, remove: self.href(&[(name, "")]) };
        let mut chips = Vec::new();
        match self.owner {
            OwnerFilter::Anybody => {}
            OwnerFilter::Nobody => chips.push(chip("user", "Owner is nobody".into(), "owner")),
            OwnerFilter::Me => chips.push(chip("user", "Owner is me".into(), "owner")),
            OwnerFilter::Member(id) => {
                let name = names.people.iter().find(|p| p.id.0 == id).map_or("somebody else", |p| p.name.as_str());
                chips.push(chip("user", format!("Owner is {name}"), "owner"));
            }
        }
        for (field, key) in &self.picks {
            let FieldKind::Choice(choices) = field.kind else { continue };
            let choice = choices.iter().find(|(k, _)| k == key).map_or(key.as_str(), |(_, label)| label);
            chips.push(chip("flag", format!("{} is {choice}", field.label), field.key));
        }
        for (extra, option) in self.extras.iter().filter_map(|e| e.selected().map(|option| (e, option))) {
            chips.push(chip(extra.icon, format!("{} is {}", extra.label, option.label), extra.name));
        }
        chips.extend(self.filter_chips(names, actor));
        if self.archived {
            chips.push(chip("archive", "Archived".into(), "archived"));
        }
        if !self.q.is_empty() {
            chips.push(chip("search", format!("“{}”", self.q), "q"));
        }
        chips
    }

    /// One for each rule that must hold; one for all of them where any may.
    fn filter_chips(&self, names: &Names, actor: &Actor) -> Vec<Chip> {
        let words = |part: &Filter| names.words(part, self.record, &self.schema, actor);
        let chip = |part: &Filter, rest: Filter| {
            let mut label = words(part);
            if let Some(first) = label.get(..1).map(str::to_uppercase) {
                label.replace_range(..1, &first);
            }
            Chip { icon: "filter", label, remove: self.href(&[("filter", &rest.json())]) }
        };
        match &self.filter {
            empty if empty.is_empty() => Vec::new(),
            Filter::All(parts) => {
                let real = parts.iter().enumerate().filter(|(_, part)| !part.is_empty());
                real.map(|(n, part)| chip(part, self.filter.without(n))).collect()
            }
            other => vec![chip(other, Filter::default())],
        }
    }
}
