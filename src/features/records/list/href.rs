//! The list's address: one way of writing it, for links, saved views and jobs.

use super::{ListQuery, OwnerFilter};
use crate::features::views::kind::{self, Kind};

impl ListQuery {
    pub(super) fn owner_param(&self) -> String {
        match self.owner {
            OwnerFilter::Anybody => String::new(),
            OwnerFilter::Nobody => "none".to_owned(),
            OwnerFilter::Me => "me".to_owned(),
            OwnerFilter::Member(id) => id.to_string(),
        }
    }

    pub(super) fn sort_param(&self) -> String {
        let all: Vec<String> = self.sorts.iter().map(super::Sort::param).collect();
        all.join(",")
    }

    /// Every parameter in force, in a fixed order; none that says nothing.
    pub(super) fn params(&self) -> Vec<(String, String)> {
        let sort = self.sort_param();
        let mut pairs = vec![
            ("q", self.q.clone()),
            ("owner", self.owner_param()),
            ("archived", if self.archived { "1".to_owned() } else { String::new() }),
            ("sort", if sort == "name" { String::new() } else { sort }),
            ("group", self.group.clone().unwrap_or_default()),
            ("filter", self.filter.json()),
        ];
        if self.kind != Kind::List {
            pairs.push(("kind", self.kind.key().to_owned()));
            pairs.extend(self.shape.clone());
        }
        pairs.extend(self.picks.iter().map(|(field, key)| (field.key, key.clone())));
        pairs.extend(self.extras.iter().filter_map(|e| e.selected().map(|option| (e.name, option.value.clone()))));
        pairs.into_iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| (n.to_owned(), v)).collect()
    }

    /// What the list shows, without where one is in it: what a saved view keeps.
    pub fn query_string(&self) -> String {
        encode(&self.params())
    }

    /// The list's address with some parameters changed; it begins at the first page unless they say otherwise.
    pub fn href(&self, changes: &[(&str, &str)]) -> String {
        let mut pairs = self.params();
        for (name, value) in changes {
            pairs.retain(|(n, _)| n != name);
            pairs.push(((*name).to_owned(), (*value).to_owned()));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        self.address(&pairs)
    }

    /// What keeps a list that began as a saved view from being that view again.
    pub(super) fn view_params(&self) -> Vec<(String, String)> {
        let pair = |name: &str, value: String| (name.to_owned(), value);
        self.view
            .as_ref()
            .map_or_else(Vec::new, |view| vec![pair("view", view.id.to_string()), pair("edited", "1".to_owned())])
    }

    /// The query string with the view it began as: for the builder and the chooser, which lead back here.
    pub(super) fn whole_query(&self) -> String {
        let mut pairs = self.params();
        pairs.extend(self.view_params());
        encode(&pairs)
    }

    /// Of a changed list that began as a saved view, the address says so: `view` and `edited`.
    fn address(&self, pairs: &[(String, String)]) -> String {
        let mut pairs = pairs.to_vec();
        pairs.extend(self.view_params());
        if pairs.is_empty() && self.has_default {
            pairs.push(("view".to_owned(), "all".to_owned()));
        }
        if let Some(elsewhere) = kind::address(&pairs) {
            return elsewhere;
        }
        let query = encode(&pairs);
        let base = self.record.noun();
        if query.is_empty() { format!("/{base}") } else { format!("/{base}?{query}") }
    }
}

pub(super) fn encode(pairs: &[(String, String)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    query.finish()
}
