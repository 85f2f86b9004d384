//! A list as its page shows it: title and count, search, filters as chips and menus, sortable headers, the way on.

use super::{Count, ListQuery, OwnerFilter};
use crate::{
    features::{accounts::members::Person, records::inline::owner_choices},
    kernel::{Field, FieldKind},
    web::{Actor, SelectOption},
};

/// What `records/list.html` needs, under the name `list`.
#[derive(Clone, Debug)]
pub struct ListView {
    pub title: &'static str,
    /// `/contacts`
    pub base: String,
    /// "12,408" or "200+".
    pub total: String,
    /// "contacts", or "contact" when there is one.
    pub noun: String,
    pub icon: &'static str,
    pub q: String,
    pub sort: String,
    pub archived: bool,
    pub chips: Vec<Chip>,
    pub menus: Vec<FilterMenu>,
    pub headers: Vec<Header>,
    pub showing: String,
    pub next: Option<String>,
    pub is_empty: bool,
    /// Something narrows the list, so an empty one does not mean that there are no records.
    pub is_narrowed: bool,
    pub archived_href: String,
    pub create: Option<String>,
    pub import: Option<String>,
}

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

#[derive(Clone, Debug)]
pub struct Header {
    pub label: &'static str,
    pub href: Option<String>,
    /// `ascending`, `descending` or empty.
    pub order: &'static str,
    pub end: bool,
}

impl ListView {
    /// `columns` and `filters` are catalogue keys; `rows` is how many rows this page has.
    pub fn new(
        query: &ListQuery,
        actor: &Actor,
        people: &[Person],
        (columns, filters): (&[&str], &[&str]),
        (rows, count, next): (usize, Count, Option<&str>),
    ) -> Self {
        let record = query.record;
        let rows = i64::try_from(rows).unwrap_or(0);
        let last = query.shown + rows;
        let noun = record.noun();
        let one = count.records == 1 && !count.more;
        Self {
            title: record.plural(),
            base: format!("/{noun}"),
            total: format!("{}{}", actor.locale.integer(count.records), if count.more { "+" } else { "" }),
            noun: if one { record.label().to_lowercase() } else { noun.to_owned() },
            icon: record.icon(),
            q: query.q.clone(),
            sort: query.sort_param(),
            archived: query.archived,
            chips: query.chips(people),
            menus: menus(query, people, filters),
            headers: columns.iter().filter_map(|key| record.field(key)).map(|field| query.header(field)).collect(),
            showing: if query.after.is_some() && query.shown > 0 && rows > 0 {
                format!("{}–{}", actor.locale.integer(query.shown + 1), actor.locale.integer(last))
            } else {
                actor.locale.integer(last)
            },
            next: next.map(|cursor| query.href(&[("after", cursor), ("shown", &last.to_string())])),
            is_empty: rows == 0,
            is_narrowed: !query.is_plain() || query.owner != OwnerFilter::Anybody,
            archived_href: query.href(&[("archived", if query.archived { "" } else { "1" })]),
            create: actor.may(&format!("{noun}.create")).then(|| format!("/{noun}/new")),
            import: actor.may(&format!("{noun}.import")).then(|| "/imports/new".to_owned()),
        }
    }

    /// The same, when the rows are appended to those already on the page.
    pub fn appended(mut self, query: &ListQuery, rows: usize, actor: &Actor) -> Self {
        self.showing = actor.locale.integer(query.shown + i64::try_from(rows).unwrap_or(0));
        self
    }
}

fn menus(query: &ListQuery, people: &[Person], filters: &[&str]) -> Vec<FilterMenu> {
    let current = query.owner_param();
    let mut owners =
        vec![SelectOption::new("me", "Me", current == "me"), SelectOption::new("none", "Nobody", current == "none")];
    owners.extend(owner_choices(people, &current));
    let mut menus = vec![FilterMenu { name: "owner", label: "Owner", options: owners }];
    for field in filters.iter().filter_map(|key| query.record.field(key)) {
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
    fn owner_param(&self) -> String {
        match self.owner {
            OwnerFilter::Anybody => String::new(),
            OwnerFilter::Nobody => "none".to_owned(),
            OwnerFilter::Member(id) => id.to_string(),
        }
    }

    fn sort_param(&self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.sort.key)
    }

    /// The list's address with some parameters changed; it begins at the first page unless they say otherwise.
    fn href(&self, changes: &[(&str, &str)]) -> String {
        let mut pairs = vec![
            ("q", self.q.clone()),
            ("owner", self.owner_param()),
            ("archived", if self.archived { "1".to_owned() } else { String::new() }),
            ("sort", if self.sort_param() == "name" { String::new() } else { self.sort_param() }),
        ];
        pairs.extend(self.picks.iter().map(|(field, key)| (field.key, key.clone())));
        pairs.extend(self.extras.iter().filter_map(|e| e.selected().map(|option| (e.name, option.value.clone()))));
        for (name, value) in changes {
            match pairs.iter_mut().find(|(n, _)| n == name) {
                Some(pair) => pair.1 = (*value).to_owned(),
                None => pairs.push((name, (*value).to_owned())),
            }
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
        let query = query.finish();
        let base = self.record.noun();
        if query.is_empty() { format!("/{base}") } else { format!("/{base}?{query}") }
    }

    fn chips(&self, people: &[Person]) -> Vec<Chip> {
        let mut chips = Vec::new();
        match self.owner {
            OwnerFilter::Anybody => {}
            OwnerFilter::Nobody => {
                chips.push(Chip { icon: "user", label: "Owner is nobody".into(), remove: self.href(&[("owner", "")]) });
            }
            OwnerFilter::Member(id) => {
                let name = people.iter().find(|p| p.id.0 == id).map_or("somebody else", |p| p.name.as_str());
                chips.push(Chip {
                    icon: "user",
                    label: format!("Owner is {name}"),
                    remove: self.href(&[("owner", "")]),
                });
            }
        }
        for (field, key) in &self.picks {
            let FieldKind::Choice(choices) = field.kind else { continue };
            let choice = choices.iter().find(|(k, _)| k == key).map_or(key.as_str(), |(_, label)| label);
            let label = format!("{} is {choice}", field.label);
            chips.push(Chip { icon: "flag", label, remove: self.href(&[(field.key, "")]) });
        }
        for (extra, option) in self.extras.iter().filter_map(|e| e.selected().map(|option| (e, option))) {
            let label = format!("{} is {}", extra.label, option.label);
            chips.push(Chip { icon: extra.icon, label, remove: self.href(&[(extra.name, "")]) });
        }
        if self.archived {
            chips.push(Chip { icon: "archive", label: "Archived".into(), remove: self.href(&[("archived", "")]) });
        }
        if !self.q.is_empty() {
            chips.push(Chip { icon: "search", label: format!("“{}”", self.q), remove: self.href(&[("q", "")]) });
        }
        chips
    }

    fn header(&self, field: &Field) -> Header {
        let current = self.sort.key == field.key;
        let order = match (current, self.descending) {
            (false, _) => "",
            (true, false) => "ascending",
            (true, true) => "descending",
        };
        // Times are first wanted newest first, all else from A to Z.
        let descending = if current { !self.descending } else { field.kind == FieldKind::DateTime };
        let sort = format!("{}{}", if descending { "-" } else { "" }, field.key);
        Header {
            label: field.label,
            href: field.sortable.then(|| self.href(&[("sort", &sort)])),
            order,
            end: matches!(field.kind, FieldKind::Money | FieldKind::Integer | FieldKind::Percent),
        }
    }
}
