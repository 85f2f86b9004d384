//! A list as its page shows it: title and count, search, filters as chips and menus, sortable headers, the way on.

use super::{
    Columns, Count, ListQuery, OwnerFilter,
    chips::{Chip, FilterMenu, menus},
    columns::is_listable,
    groups::is_groupable,
    keys::Sort,
};
use crate::{
    error::AppResult,
    features::{
        fields::Entry,
        operations::Bar,
        records::{
            filter::{Filter, Names, Op},
            require_edit,
        },
        segments,
        views::kind::{self, Kind},
    },
    web::{Actor, SelectOption},
};

/// What a list of deals and their other views have in their addresses alike, but for the rules.
const SHARED: &[&str] = &["q", "owner", "team", "close", "tag", "amount_min", "amount_max"];

const LOST: &str =
    "Part of this view asks for a field that is no longer there, or not for you. The list is shown without that part.";

/// What the templates of `records/list` need, under the name `list`.
#[derive(Clone, Debug)]
pub struct ListView {
    pub title: &'static str,
    /// `/contacts`
    pub base: String,
    /// The list without any filter, whatever the reader's default view.
    pub all_href: String,
    pub view: Option<ViewMark>,
    /// Other ways of looking at the same deals.
    pub kinds: Vec<kind::Link>,
    pub views_href: String,
    /// What the list shows: for a view's form.
    pub query: String,
    pub widths_href: String,
    /// "12,408" or "200+".
    pub total: String,
    /// "contacts", or "contact" when there is one.
    pub noun: String,
    pub icon: &'static str,
    pub q: String,
    pub archived: bool,
    pub chips: Vec<Chip>,
    pub menus: Vec<FilterMenu>,
    pub headers: Vec<Header>,
    /// One select for each column the list may be sorted by.
    pub sorts: Vec<Vec<SelectOption>>,
    pub groupings: Vec<SelectOption>,
    /// Parameters that the search form keeps.
    pub kept: Vec<(String, String)>,
    /// Parameters that the sort menu keeps.
    pub kept_order: Vec<(String, String)>,
    pub filter_href: String,
    pub columns_href: String,
    /// `name,email`: the columns shown, for fragments to show the same.
    pub columns: String,
    pub showing: String,
    pub next: Option<String>,
    pub is_empty: bool,
    /// Something narrows the list, so an empty one does not mean that there are no records.
    pub is_narrowed: bool,
    /// What the list leaves out of its view.
    pub note: &'static str,
    /// Why nothing is listed although there may be records.
    pub trouble: String,
    /// At which rates other currencies are in the groups' sums.
    pub rates: String,
    pub create: Option<String>,
    pub import: Option<String>,
    /// What can be done to the rows that are ticked.
    pub bulk: Option<Bar>,
    /// Rows have a box to tick.
    pub ticks: bool,
    /// Where what the list shows becomes a segment.
    pub segment: Option<String>,
    pub export: Option<String>,
}

/// The saved view that the list began as.
#[derive(Clone, Debug)]
pub struct ViewMark {
    pub id: String,
    pub name: String,
    /// The list shows something else by now.
    pub modified: bool,
    pub may_change: bool,
    pub href: String,
}

#[derive(Clone, Debug)]
pub struct Header {
    pub key: String,
    pub label: String,
    pub href: Option<String>,
    /// The same column added to those the list is sorted by.
    pub also: String,
    /// `ascending`, `descending` or empty.
    pub order: &'static str,
    /// 1, 2, 3 where the list is sorted by several.
    pub rank: String,
    pub end: bool,
    /// In pixels.
    pub width: u16,
}

impl ListView {
    /// `rows` is how many rows this page has.
    pub fn new(
        query: &ListQuery,
        actor: &Actor,
        names: &Names,
        columns: &Columns,
        (rows, count, next): (usize, Count, Option<&str>),
    ) -> AppResult<Self> {
        let (record, catalogue) = (query.record, query.catalogue()?);
        let rows = i64::try_from(rows).unwrap_or(0);
        let last = query.shown + rows;
        let noun = record.noun();
        let one = count.records == 1 && !count.more;
        let total = format!("{}{}", actor.locale.integer(count.records), if count.more { "+" } else { "" });
        let all_here = next.is_none() && query.after.is_none();
        let bulk = Bar::new(
            actor,
            record,
            query.archived,
            &query.href(&[]),
            if all_here { String::new() } else { total.clone() },
        );
        let shown = columns.0.iter().filter_map(|c| Some((c, catalogue.get(&c.key)?)));
        Ok(Self {
            title: record.plural(),
            base: format!("/{noun}"),
            all_href: if query.has_default { format!("/{noun}?view=all") } else { format!("/{noun}") },
            view: query.view.as_ref().map(|view| ViewMark {
                id: view.id.to_string(),
                name: view.name.clone(),
                modified: view.query != query.query_string(),
                may_change: view.may_change(actor),
                href: view.href(),
            }),
            kinds: query.kinds(),
            views_href: query.views_href(),
            query: query.query_string(),
            widths_href: format!("/{noun}/columns/width?{}", super::href::encode(&query.view_params())),
            total,
            noun: if one { record.label().to_lowercase() } else { noun.to_owned() },
            icon: record.icon(),
            q: query.q.clone(),
            archived: query.archived,
            chips: query.chips(names, actor),
            menus: menus(query, &names.people),
            headers: shown.map(|(column, entry)| query.header(entry, column.pixels(entry))).collect(),
            sorts: query.sort_menus(),
            groupings: query.groupings(),
            kept: query.kept(&["filter", "sort", "group"]),
            kept_order: query.kept_but(&["sort", "group"]),
            filter_href: query.panel_href("filter"),
            columns_href: query.panel_href("columns"),
            columns: columns.param(),
            showing: if query.after.is_some() && query.shown > 0 && rows > 0 {
                format!("{}–{}", actor.locale.integer(query.shown + 1), actor.locale.integer(last))
            } else {
                actor.locale.integer(last)
            },
            next: next.map(|cursor| query.href(&[("after", cursor), ("shown", &last.to_string())])),
            is_empty: rows == 0,
            is_narrowed: !query.is_plain() || query.owner != OwnerFilter::Anybody,
            rates: String::new(),
            note: if query.lost { LOST } else { "" },
            trouble: query.problem.as_ref().map(|p| p.message.clone()).unwrap_or_default(),
            create: actor.may(&format!("{noun}.create")).then(|| format!("/{noun}/new")),
            import: actor.may(&format!("{noun}.import")).then(|| format!("/imports/new?type={noun}")),
            ticks: bulk.is_some(),
            bulk,
            segment: query.as_filter().filter(|_| require_edit(actor, record).is_ok()).map(|filter| {
                let mut address = url::form_urlencoded::Serializer::new("/segments/new?".to_owned());
                address.append_pair("record_type", record.key()).append_pair("filter", &filter.json()).finish()
            }),
            export: actor.may(&format!("{noun}.export")).then(|| {
                let mut address = url::form_urlencoded::Serializer::for_suffix("/exports/new?".to_owned(), 13);
                let matching = query.query_string();
                address.append_pair("record_type", record.key()).append_pair("matching", &matching).finish()
            }),
        })
    }

    /// The view's name, else the records'.
    pub fn heading(&self) -> &str {
        self.view.as_ref().map_or(self.title, |view| view.name.as_str())
    }

    /// "12 contacts · modified"
    pub fn subtitle(&self) -> String {
        let modified = self.view.as_ref().is_some_and(|view| view.modified);
        format!("{} {}{}", self.total, self.noun, if modified { " · modified" } else { "" })
    }

    /// The same within a group: the way on stays there.
    pub fn within(mut self, group: &str) -> Self {
        // In a group, rows are only looked at: the list that the group leads to has the boxes.
        if !group.is_empty() {
            (self.bulk, self.ticks) = (None, false);
        }
        if !group.is_empty()
            && let Some(next) = &mut self.next
        {
            next.push_str("&part=");
            next.push_str(group);
        }
        self
    }

    /// The same, when the rows are appended to those already on the page.
    pub fn appended(mut self, query: &ListQuery, rows: usize, actor: &Actor) -> Self {
        self.showing = actor.locale.integer(query.shown + i64::try_from(rows).unwrap_or(0));
        self
    }
}

impl ListQuery {
    /// What narrows the list, as one filter; `None` when nothing does, or something that a filter cannot say.
    fn as_filter(&self) -> Option<Filter> {
        if !self.q.is_empty() || self.archived || self.problem.is_some() || self.chosen().next().is_some() {
            return None;
        }
        let owner = match self.owner {
            OwnerFilter::Anybody => Filter::default(),
            OwnerFilter::Nobody => Filter::rule("owner_id", Op::Empty, &[]),
            OwnerFilter::Me => Filter::rule("owner_id", Op::Is, &["me"]),
            OwnerFilter::Member(id) => Filter::rule("owner_id", Op::Is, &[&id.to_string()]),
        };
        let picks = self.picks.iter().map(|(field, key)| Filter::rule(field.key, Op::Is, &[key]));
        let filter = picks.fold(self.filter.clone().and(owner), Filter::and);
        let built_on_another = filter.names(segments::RULE);
        (!filter.is_empty() && !built_on_another).then_some(filter)
    }

    /// The same filter on a board, in a calendar and so on: of the pipeline that is chosen, else of the first. What those cannot say (closed
    /// deals, an order, groups) stays behind.
    fn kinds(&self) -> Vec<kind::Link> {
        let first = self.extras.iter().find(|extra| extra.name == "pipeline").and_then(|extra| extra.options.first());
        let Some(pipeline) = self.pipeline().map(|id| id.to_string()).or_else(|| Some(first?.value.clone())) else {
            return Vec::new();
        };
        let mut pairs: Vec<(String, String)> =
            self.params().into_iter().filter(|(name, _)| SHARED.contains(&name.as_str())).collect();
        let picks = self.picks.iter().filter(|(field, _)| field.key != "status");
        let rules = picks.map(|(field, key)| Filter::rule(field.key, Op::Is, &[key]));
        let rules = rules.fold(self.filter.clone(), Filter::and).json();
        if !rules.is_empty() {
            pairs.push(("filter".to_owned(), rules));
        }
        let link = |kind: &Kind| {
            let mut said = pairs.clone();
            said.push(("kind".to_owned(), kind.key().to_owned()));
            said.push(("pipeline".to_owned(), pipeline.clone()));
            let href = kind::address(&said).unwrap_or_else(|| self.href(&[]));
            kind::Link::new(*kind, href, *kind == Kind::List)
        };
        Kind::OFFERED.iter().map(link).collect()
    }

    fn kept(&self, names: &[&str]) -> Vec<(String, String)> {
        let kept = self.params().into_iter().filter(|(name, _)| names.contains(&name.as_str()));
        kept.chain(self.view_params()).collect()
    }

    fn kept_but(&self, names: &[&str]) -> Vec<(String, String)> {
        let kept = self.params().into_iter().filter(|(name, _)| !names.contains(&name.as_str()));
        kept.chain(self.view_params()).collect()
    }

    fn views_href(&self) -> String {
        let pairs = [("record".to_owned(), self.record.key().to_owned()), ("list".to_owned(), self.whole_query())];
        format!("/views?{}", super::href::encode(&pairs))
    }

    /// The builder's or chooser's own address; `list` brings the reader back here.
    fn panel_href(&self, panel: &str) -> String {
        let list = self.whole_query();
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("list", &list).finish();
        format!("/{}/{panel}?{query}", self.record.noun())
    }

    fn header(&self, entry: &Entry, width: u16) -> Header {
        let place = self.sorts.iter().position(|s| s.key == entry.key);
        let current = place.and_then(|n| self.sorts.get(n));
        let sort = Sort::by(self.record, entry, false);
        // Times and numbers are first wanted largest first, all else from A to Z.
        let flipped = sort.as_ref().map(|sort| {
            let descending = current.map_or(sort.large_first, |c| !c.descending);
            format!("{}{}", if descending { "-" } else { "" }, entry.key)
        });
        let also = flipped.as_ref().map(|param| {
            let mut all: Vec<String> = self.sorts.iter().map(Sort::param).collect();
            match place {
                Some(n) => all[n] = param.clone(),
                None => all.push(param.clone()),
            }
            self.href(&[("sort", &all.join(","))])
        });
        Header {
            key: entry.key.clone(),
            label: entry.label.clone(),
            href: flipped.map(|param| self.href(&[("sort", &param)])),
            also: also.unwrap_or_default(),
            order: match current.map(|c| c.descending) {
                None => "",
                Some(false) => "ascending",
                Some(true) => "descending",
            },
            rank: if self.sorts.len() > 1 {
                place.map(|n| (n + 1).to_string()).unwrap_or_default()
            } else {
                String::new()
            },
            end: entry.kind.is_number(),
            width,
        }
    }

    /// One select more than the list is sorted by, up to three.
    fn sort_menus(&self) -> Vec<Vec<SelectOption>> {
        let Ok(catalogue) = self.catalogue() else { return Vec::new() };
        let sortable: Vec<Sort> =
            catalogue.entries.iter().filter_map(|entry| Sort::by(self.record, entry, false)).collect();
        let menu = |n: usize| {
            let current = self.sorts.get(n).map(Sort::param).unwrap_or_default();
            let options = sortable.iter().flat_map(|sort| {
                [false, true].map(|descending| {
                    let param = format!("{}{}", if descending { "-" } else { "" }, sort.key);
                    let label = format!("{}, {}", sort.label, sort.words(descending));
                    let selected = param == current;
                    SelectOption::new(param, label, selected)
                })
            });
            options.collect()
        };
        (0..(self.sorts.len() + 1).min(super::MOST_SORTS)).map(menu).collect()
    }

    fn groupings(&self) -> Vec<SelectOption> {
        let Ok(catalogue) = self.catalogue() else { return Vec::new() };
        let groupable = catalogue.entries.iter().filter(|entry| is_groupable(entry));
        groupable.map(|e| SelectOption::new(&e.key, &e.label, self.group.as_ref() == Some(&e.key))).collect()
    }

    /// The fields the chooser offers: those shown in their order, then the rest.
    pub(super) fn choices(&self, columns: &Columns) -> AppResult<Vec<(String, String, bool)>> {
        let catalogue = self.catalogue()?;
        let shown = columns.0.iter().filter_map(|c| catalogue.get(&c.key)).map(|e| (e, true));
        let hidden = catalogue.entries.iter().filter(|e| columns.0.iter().all(|c| c.key != e.key));
        let all = shown.chain(hidden.filter(|e| is_listable(e)).map(|e| (e, false)));
        Ok(all.map(|(entry, on)| (entry.key.clone(), entry.label.clone(), on)).collect())
    }
}
