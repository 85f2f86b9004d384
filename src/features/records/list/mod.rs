//! Lists of records: what the address asks for, which rows those are, how many there are.
//!
//! One engine for every record type. Paging is by keyset over (sort keys, id), so that the last page costs what the first one does.
//! Predicates are shaped to the indexes, with operators that row-level security lets reach one; what no index serves is bounded
//! by a time limit, and says so.

mod cells;
mod chips;
mod columns;
mod extra;
mod find;
mod groups;
mod href;
pub mod keys;
mod keyset;
mod mend;
mod pages;
mod panels;
mod selection;
mod shown;
pub mod sql;
mod view;

pub use cells::{Values, instant, names, texts, values};
pub use chips::FilterMenu;
pub use columns::{Column, Columns};
pub use extra::{Condition, Extra};
pub use find::{Count, Found, Way, find, is_too_long};
pub use keys::Sort;
pub use pages::{index, row};
pub use panels::{column_chooser, column_width, filter_builder, save_columns};
pub use selection::{Kept, Selection, batches};
pub use view::{Header, ListView};

use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::{
        deals,
        fields::Catalogue,
        records::filter::{self, Filter, Lookup, Problem, Schema},
        views::{self, Kind, View, kind::SHAPE},
    },
    kernel::{Field, FieldKind, PipelineId, RecordType},
    web::{Actor, Form},
};
use actix_web::http::StatusCode;
use sql::Fragment;
use uuid::Uuid;

/// Columns a list is sorted by, at most.
const MOST_SORTS: usize = 3;

/// What a list's address asks for.
#[derive(Clone, Debug)]
pub struct ListQuery {
    pub record: RecordType,
    pub q: String,
    pub owner: OwnerFilter,
    pub archived: bool,
    /// Choice fields that must have this key.
    pub picks: Vec<(&'static Field, String)>,
    /// Filters of this record type alone.
    pub extras: Vec<Extra>,
    pub filter: Filter,
    /// Why the filter cannot be used; then nothing is listed.
    pub problem: Option<Problem>,
    /// One at least.
    pub sorts: Vec<Sort>,
    /// The field whose values make groups.
    pub group: Option<String>,
    /// The way of looking at the same records, and what that way says of itself.
    pub kind: Kind,
    shape: Vec<(&'static str, String)>,
    /// The columns the address names, for links that must show the same ones.
    pub columns: Option<Vec<String>>,
    /// The saved view this began as.
    pub view: Option<View>,
    /// Part of the view asks for what is gone, or not for this reader, and is left out.
    lost: bool,
    /// Without a word in its address the list would be the reader's default view.
    has_default: bool,
    pub after: Option<String>,
    /// Rows on the pages before.
    pub shown: i64,
    schema: Schema,
    condition: Fragment,
    /// Rules of the filter that an index may answer ahead.
    lookups: Vec<Lookup>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OwnerFilter {
    Anybody,
    Nobody,
    /// The reader, whoever that is.
    Me,
    Member(Uuid),
}

/// Whose records a list shows: the owner filter within what the reader may see.
enum Owners {
    All,
    Nobody,
    Of(Vec<Uuid>),
}

impl ListQuery {
    /// Like [`Self::load`], of the address that a person opened: silent, it is their role's default view.
    /// Of a saved view that asks for a field which is gone, or hidden from the reader, the rest is shown.
    pub fn open(tx: &mut OrgTx, actor: &Actor, record: RecordType, query: &str) -> AppResult<Self> {
        let asked = views::or_default(actor, record, query)?;
        let list = Self::load(tx, actor, record, &asked);
        let broken = match &list {
            Ok(list) => list.problem.is_some(),
            Err(error) => matches!(error, AppError::Rejected(..)),
        };
        match if broken { mend::without_what_is_gone(tx, actor, record, &asked)? } else { None } {
            Some(rest) => Ok(Self { lost: true, ..Self::load(tx, actor, record, &rest)? }),
            None => list,
        }
    }

    /// From a query string, the saved view it names among it. What the list does not know is refused.
    pub fn load(tx: &mut OrgTx, actor: &Actor, record: RecordType, query: &str) -> AppResult<Self> {
        let form = Form::decode(query.as_bytes())?;
        let (view, form) = views::resolve(tx, actor, record, form)?;
        let filter = Filter::parse(form.get("filter"))?;
        let schema = Schema::load(tx, actor, record, &filter)?;
        let extras = match record {
            RecordType::Deal => deals::list_filters(tx, actor, &form)?,
            _ => Vec::new(),
        };
        let (condition, problem) = match filter::compile(&filter, record, &schema, actor) {
            Ok(condition) => (condition, None),
            Err(problem) => (Fragment::text("false"), Some(problem)),
        };
        let lookups = filter::lookups(&filter, record, &schema, actor);
        let catalogue = schema.get(record).ok_or_else(damaged)?;
        let group = Some(form.get("group")).filter(|key| !key.is_empty());
        if group.is_some_and(|key| catalogue.get(key).is_none_or(|entry| !groups::is_groupable(entry))) {
            return Err(damaged());
        }
        Ok(Self {
            record,
            q: form.get("q").chars().take(200).collect(),
            owner: owner(form.get("owner"))?,
            archived: form.get("archived") == "1",
            picks: picks(record, &form)?,
            extras,
            problem,
            sorts: sorts(catalogue, &form)?,
            group: group.map(str::to_owned),
            kind: if record == RecordType::Deal { Kind::parse(form.get("kind")) } else { Kind::List },
            shape: shape(&form)?,
            columns: Some(form.get("columns"))
                .filter(|c| !c.is_empty())
                .map(|c| c.split(',').take(columns::MOST).map(str::to_owned).collect()),
            view,
            lost: false,
            has_default: actor.default_views.iter().any(|(key, _)| key == record.key()),
            after: Some(form.get("after").to_owned()).filter(|after| !after.is_empty()),
            shown: form.get("shown").parse().unwrap_or(0).clamp(0, 1_000_000_000),
            filter,
            schema,
            condition,
            lookups,
        })
    }

    /// The fields of the list's own records.
    pub fn catalogue(&self) -> AppResult<&Catalogue> {
        self.schema.get(self.record).ok_or_else(damaged)
    }

    /// The one pipeline it is narrowed to.
    pub fn pipeline(&self) -> Option<PipelineId> {
        let extra = self.extras.iter().find(|extra| extra.name == "pipeline")?;
        extra.selected()?.value.parse().ok()
    }

    /// The same list with a further filter.
    pub fn narrowed(&self, more: Filter, actor: &Actor) -> AppResult<Self> {
        let mut copy = self.clone();
        copy.filter = copy.filter.and(more);
        match filter::compile(&copy.filter, self.record, &self.schema, actor) {
            Ok(condition) => copy.condition = condition,
            Err(problem) => copy.problem = Some(problem),
        }
        copy.lookups = filter::lookups(&copy.filter, self.record, &self.schema, actor);
        Ok(copy)
    }

    fn owners(&self, actor: &Actor) -> Owners {
        match (self.owner, actor.visible_owners()) {
            (OwnerFilter::Anybody, None) => Owners::All,
            (OwnerFilter::Anybody, Some(visible)) => Owners::Of(visible),
            (OwnerFilter::Nobody, None) => Owners::Nobody,
            (OwnerFilter::Nobody, Some(_)) => Owners::Of(vec![]),
            (OwnerFilter::Me, _) => Owners::Of(vec![actor.id.0]),
            (OwnerFilter::Member(id), visible) if visible.as_ref().is_none_or(|v| v.contains(&id)) => {
                Owners::Of(vec![id])
            }
            (OwnerFilter::Member(_), _) => Owners::Of(vec![]),
        }
    }

    /// The extra filters in force.
    fn chosen(&self) -> impl Iterator<Item = (&Extra, &Condition)> {
        self.extras.iter().filter_map(|extra| Some((extra, extra.condition.as_ref()?)))
    }

    /// Nothing but an owner narrows it.
    fn is_plain(&self) -> bool {
        self.q.is_empty()
            && self.picks.is_empty()
            && self.chosen().next().is_none()
            && !self.archived
            && self.filter.is_empty()
            && self.problem.is_none()
    }
}

/// Short words of the other ways of looking; each checks its own.
fn shape(form: &Form) -> AppResult<Vec<(&'static str, String)>> {
    let said = SHAPE.iter().map(|name| (*name, form.get(name).to_owned())).filter(|(_, value)| !value.is_empty());
    let said: Vec<_> = said.collect();
    let short = |value: &str| value.len() <= 20 && value.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if said.iter().all(|(_, value)| short(value)) { Ok(said) } else { Err(damaged()) }
}

fn owner(text: &str) -> AppResult<OwnerFilter> {
    Ok(match text {
        "" | "any" => OwnerFilter::Anybody,
        "none" | "unassigned" => OwnerFilter::Nobody,
        "me" => OwnerFilter::Me,
        id => OwnerFilter::Member(id.parse().map_err(|_| damaged())?),
    })
}

/// The choice fields a list offers in its short menu: the built-in ones that are columns.
fn choice_fields(record: RecordType) -> impl Iterator<Item = &'static Field> {
    let plain = |field: &&Field| matches!(field.kind, FieldKind::Choice(_)) && field.expr.is_empty();
    record.fields().iter().filter(plain)
}

fn picks(record: RecordType, form: &Form) -> AppResult<Vec<(&'static Field, String)>> {
    let mut picks = Vec::new();
    for field in choice_fields(record) {
        let wanted = form.get(field.key);
        let FieldKind::Choice(choices) = field.kind else { continue };
        if choices.iter().any(|(key, _)| *key == wanted) {
            picks.push((field, wanted.to_owned()));
        } else if !wanted.is_empty() {
            return Err(damaged());
        }
    }
    Ok(picks)
}

/// `sort=-amount,name`, or the parameter repeated. By name when there is none.
fn sorts(catalogue: &Catalogue, form: &Form) -> AppResult<Vec<Sort>> {
    let mut sorts: Vec<Sort> = Vec::new();
    for param in form.all("sort").flat_map(|all| all.split(',')).filter(|p| !p.is_empty()).take(MOST_SORTS) {
        let (descending, key) = param.strip_prefix('-').map_or((false, param), |key| (true, key));
        let entry = catalogue.get(key).ok_or_else(damaged)?;
        let sort = Sort::by(catalogue.record, entry, descending).ok_or_else(damaged)?;
        if sorts.iter().all(|s| s.key != sort.key) {
            sorts.push(sort);
        }
    }
    if sorts.is_empty() {
        let name = catalogue.get("name").and_then(|entry| Sort::by(catalogue.record, entry, false));
        sorts.push(name.ok_or_else(damaged)?);
    }
    Ok(sorts)
}

/// A filter that says what this list does not know.
pub fn damaged() -> AppError {
    AppError::Rejected(StatusCode::BAD_REQUEST, "This list's address is damaged. Start again from the menu.")
}
