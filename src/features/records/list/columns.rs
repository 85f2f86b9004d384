//! Which columns a person sees in a list, in which order and how wide: kept with their preferences, per record type.

use super::ListQuery;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::fields::{Catalogue, Entry, Kind},
    kernel::{MemberId, RecordType},
    schema::preferences,
    web::Actor,
};
use diesel::{prelude::*, upsert::excluded};
use serde::{Deserialize, Serialize};

/// Columns of one list.
pub const MOST: usize = 30;
/// Of a column, in pixels.
const NARROWEST: u16 = 56;
const WIDEST: u16 = 900;

/// A column as it was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns(pub Vec<Column>);

/// What a list shows until the reader chose otherwise.
fn usual(record: RecordType) -> &'static [&'static str] {
    match record {
        RecordType::Company => &["name", "domain", "industry", "employees", "country", "owner_id", "created_at"],
        RecordType::Contact => {
            &["name", "title", "company_id", "email", "phone", "lifecycle", "owner_id", "created_at"]
        }
        RecordType::Lead => {
            &["name", "company_name", "email", "source", "campaign", "status", "consented_at", "owner_id", "created_at"]
        }
        RecordType::Deal => {
            &["name", "number", "company_id", "stage_id", "amount", "expected_close_on", "owner_id", "created_at"]
        }
    }
}

impl Columns {
    /// The columns in force: the address's, else the reader's own, else the view's, else the usual ones.
    pub fn of(tx: &mut OrgTx, actor: &Actor, query: &ListQuery) -> AppResult<Self> {
        let catalogue = query.catalogue()?;
        let kept = match &query.columns {
            Some(keys) => Some(Self::named(keys.iter().map(String::as_str))),
            None => Self::own(tx, actor, query)?,
        };
        let layout = query.view.as_ref().and_then(|view| view.layout.clone());
        let kept = kept.or_else(|| layout.and_then(|layout| serde_json::from_value(layout).ok()));
        Ok(kept.unwrap_or_else(|| Self::usual(catalogue)).only(catalogue))
    }

    fn named<'a>(keys: impl Iterator<Item = &'a str>) -> Self {
        Self(keys.map(|key| Column { key: key.to_owned(), width: None }).collect())
    }

    fn usual(catalogue: &Catalogue) -> Self {
        let listed = catalogue.entries.iter().filter(|e| e.listed).map(|e| e.key.as_str());
        let known = usual(catalogue.record).iter().copied();
        let mut keys: Vec<&str> = known.collect();
        if keys.is_empty() {
            keys = listed.collect();
        } else {
            keys.extend(catalogue.entries.iter().filter(|e| e.listed && e.is_custom()).map(|e| e.key.as_str()));
        }
        Self::named(keys.into_iter())
    }

    /// Those that the reader may see, the name first: it leads to the record.
    fn only(mut self, catalogue: &Catalogue) -> Self {
        let mut seen: Vec<String> = Vec::new();
        self.0.retain(|column| {
            let known = catalogue.get(&column.key).is_some_and(is_listable) && !seen.contains(&column.key);
            seen.push(column.key.clone());
            known
        });
        self.0.truncate(MOST);
        match self.0.iter().position(|c| c.key == "name") {
            Some(0) => {}
            Some(at) => {
                let name = self.0.remove(at);
                self.0.insert(0, name);
            }
            None => self.0.insert(0, Column { key: "name".to_owned(), width: None }),
        }
        self
    }

    fn own(tx: &mut OrgTx, actor: &Actor, query: &ListQuery) -> AppResult<Option<Self>> {
        match actor.columns().filter(|_| !has_layout(query)) {
            Some(all) => Ok(all.get(&key(query)).and_then(|value| serde_json::from_value(value.clone()).ok())),
            None => Self::load(tx, actor.id, &key(query)),
        }
    }

    fn load(tx: &mut OrgTx, member: MemberId, key: &str) -> AppResult<Option<Self>> {
        let value: Option<serde_json::Value> = preferences::table
            .filter(preferences::member_id.eq(member))
            .filter(preferences::key.eq(key))
            .select(preferences::value)
            .first(tx.conn())
            .optional()?;
        Ok(value.and_then(|v| serde_json::from_value(v).ok()))
    }

    /// Keeps them as the reader's own.
    pub fn save(&self, tx: &mut OrgTx, member: MemberId, query: &ListQuery) -> AppResult<()> {
        let value = serde_json::to_value(self).map_err(anyhow::Error::from)?;
        diesel::insert_into(preferences::table)
            .values((preferences::member_id.eq(member), preferences::key.eq(key(query)), preferences::value.eq(value)))
            .on_conflict((preferences::org_id, preferences::member_id, preferences::key))
            .do_update()
            .set(preferences::value.eq(excluded(preferences::value)))
            .execute(tx.conn())?;
        Ok(())
    }

    /// Back to the usual ones.
    pub fn forget(tx: &mut OrgTx, member: MemberId, query: &ListQuery) -> AppResult<()> {
        let mine = preferences::table.filter(preferences::member_id.eq(member)).filter(preferences::key.eq(key(query)));
        diesel::delete(mine).execute(tx.conn())?;
        Ok(())
    }

    /// The same columns in a new choice and order; widths stay.
    pub fn chosen<'a>(&self, keys: impl Iterator<Item = &'a str>, catalogue: &Catalogue) -> Self {
        let width = |key: &str| self.0.iter().find(|c| c.key == key).and_then(|c| c.width);
        Self(keys.map(|key| Column { key: key.to_owned(), width: width(key) }).collect()).only(catalogue)
    }

    pub fn resize(&mut self, key: &str, width: u16) {
        if let Some(column) = self.0.iter_mut().find(|c| c.key == key) {
            column.width = Some(width.clamp(NARROWEST, WIDEST));
        }
    }

    /// `name,email`
    pub fn param(&self) -> String {
        self.0.iter().map(|c| c.key.as_str()).collect::<Vec<_>>().join(",")
    }
}

/// Whether a field can be a column at all.
pub fn is_listable(entry: &Entry) -> bool {
    let shown = !matches!(entry.kind, Kind::LongText) || entry.is_custom() || entry.listed;
    shown && entry.key != crate::features::segments::RULE
}

impl Column {
    /// In pixels: as chosen, else what such values usually need.
    pub fn pixels(&self, entry: &Entry) -> u16 {
        self.width.unwrap_or(match entry.kind.value() {
            _ if entry.key == "name" => 240,
            Kind::Email | Kind::Emails | Kind::Url => 210,
            Kind::Record(_) | Kind::Tags | Kind::Choices(_) => 180,
            Kind::Phone | Kind::Phones | Kind::Domain | Kind::Stage | Kind::Member => 150,
            Kind::Integer | Kind::Percent | Kind::Bool | Kind::Currency => 104,
            Kind::Date | Kind::Decimal | Kind::Choice(_) => 124,
            Kind::Country | Kind::Money | Kind::DateTime | Kind::Pipeline => 136,
            _ => 160,
        })
    }
}

/// A view that has columns of its own is changed apart from the list.
fn has_layout(query: &ListQuery) -> bool {
    query.view.as_ref().is_some_and(|view| view.layout.is_some())
}

fn key(query: &ListQuery) -> String {
    match query.view.as_ref().filter(|_| has_layout(query)) {
        Some(view) => format!("view.{}", view.id),
        None => format!("list.{}", query.record.noun()),
    }
}
