//! What a person narrows a board to. As text it travels in the query and is remembered; resolved it becomes the one set of
//! conditions that cards and totals share, so that a column's head always speaks of the cards under it.

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        records::{
            filter::{self, Filter, Schema},
            list::sql::Fragment,
        },
        tags,
    },
    kernel::{MemberId, RecordType, TagId, TeamId, calendar, calendar::Span, money, numbers::DecimalMark},
    schema::{members, team_members, teams},
    web::{Actor, Form, FormErrors},
};
use chrono::{Months, NaiveDate};
use diesel::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

/// The query's names.
pub const KEYS: &[&str] = &["owner", "team", "close", "amount_min", "amount_max", "q", "tag", "filter"];

/// Keys and labels of the choices of expected close.
pub const CLOSE: &[(&str, &str)] = &[
    ("overdue", "Overdue"),
    ("this_week", "This week"),
    ("this_month", "This month"),
    ("this_quarter", "This quarter"),
    ("next_quarter", "Next quarter"),
    ("none", "No date"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Me,
    Unassigned,
    Member(MemberId),
}

/// The filters as chosen; what was left empty is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filters {
    pub owner: Option<Owner>,
    pub team: Option<TeamId>,
    pub close: Option<&'static str>,
    pub amount_min: Option<Decimal>,
    pub amount_max: Option<Decimal>,
    pub q: Option<String>,
    pub tag: Option<TagId>,
    /// Rules, as lists have them; their JSON.
    pub rules: Option<String>,
}

impl Filters {
    /// Leaves out the rules that mean nothing to this reader any more; says whether there were some.
    pub fn leave_out_what_is_gone(&mut self, tx: &mut OrgTx, actor: &Actor) -> AppResult<bool> {
        let Some(json) = &self.rules else { return Ok(false) };
        let whole = Filter::parse(json)?;
        let schema = Schema::load(tx, actor, RecordType::Deal, &whole)?;
        let rest = filter::without_what_is_gone(&whole, RecordType::Deal, &schema, actor);
        let Some(rest) = rest.filter(|rest| *rest != whole) else { return Ok(false) };
        self.rules = Some(rest.json()).filter(|json| !json.is_empty());
        Ok(true)
    }

    /// Whether the query says anything about filters, be it that there are none.
    pub fn are_in(query: &Form) -> bool {
        KEYS.iter().any(|key| query.has(key))
    }

    pub fn parse(query: &Form, mark: DecimalMark) -> Result<Self, FormErrors> {
        let amount = |text: &str| money::parse_amount(text, mark);
        let mut p = query.parser();
        let filters = Self {
            owner: p.optional("owner", parse_owner).flatten(),
            team: p.id("team"),
            close: p.optional("close", parse_close).flatten(),
            amount_min: p.optional("amount_min", amount),
            amount_max: p.optional("amount_max", amount),
            q: p.text("q", 100),
            tag: p.id("tag"),
            rules: p.optional("filter", parse_rules).flatten(),
        };
        p.finish()?;
        Ok(filters)
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Names and values of what is chosen, in a fixed order.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let owner = self.owner.map(|owner| match owner {
            Owner::Me => "me".to_owned(),
            Owner::Unassigned => "unassigned".to_owned(),
            Owner::Member(id) => id.to_string(),
        });
        let values = [
            owner,
            self.team.map(|team| team.to_string()),
            self.close.map(str::to_owned),
            self.amount_min.map(money::typed),
            self.amount_max.map(money::typed),
            self.q.clone(),
            self.tag.map(|tag| tag.to_string()),
            self.rules.clone(),
        ];
        KEYS.iter().copied().zip(values).filter_map(|(key, value)| value.map(|v| (key, v))).collect()
    }

    /// `owner=me&close=overdue`, without one of them; empty when nothing is left.
    pub fn query_without(&self, left_out: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (key, value) in self.pairs().iter().filter(|(key, _)| *key != left_out) {
            query.append_pair(key, value);
        }
        query.finish()
    }
}

fn parse_owner(text: &str) -> Result<Option<Owner>, &'static str> {
    match text {
        "any" => Ok(None),
        "me" => Ok(Some(Owner::Me)),
        "unassigned" | "none" => Ok(Some(Owner::Unassigned)),
        id => id.parse().map(|id| Some(Owner::Member(id))).map_err(|_| "is not one of the choices"),
    }
}

fn parse_rules(json: &str) -> Result<Option<String>, String> {
    let filter = Filter::parse(json).map_err(|error| match error {
        AppError::Rejected(_, told) => told.to_owned(),
        _ => "is damaged".to_owned(),
    })?;
    Ok(Some(filter.json()).filter(|json| !json.is_empty()))
}

fn parse_close(text: &str) -> Result<Option<&'static str>, &'static str> {
    if text == "any" {
        return Ok(None);
    }
    CLOSE.iter().find(|(key, _)| *key == text).map(|(key, _)| Some(*key)).ok_or("is not one of the choices")
}

/// Whose deals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owners {
    Everyone,
    Nobody,
    One(Uuid),
    Some(Vec<Uuid>),
}

/// When they are expected to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    Any,
    Before(NaiveDate),
    Within(Span),
    Undated,
}

/// What a board shows: the filters made concrete for this person, today, and always inside what they may see.
#[derive(Clone, Debug)]
pub struct Scope {
    pub owners: Owners,
    /// The team whose deals these are, all of them.
    pub team: Option<TeamId>,
    pub closing: Closing,
    pub amount_min: Option<Decimal>,
    pub amount_max: Option<Decimal>,
    /// Every word must occur in the deal's search document.
    pub words: Vec<String>,
    pub tag: Option<TagId>,
    /// The rules, over deals aliased `r`.
    pub rules: Option<Fragment>,
}

impl Scope {
    /// An owner or team that is not of this organisation is an error at its field: a forged id shows nothing.
    pub fn resolve(tx: &mut OrgTx, actor: &Actor, filters: &Filters) -> AppResult<Self> {
        let owners = owners(tx, actor, filters)?;
        Ok(Self {
            owners,
            team: filters.team.filter(|_| filters.owner.is_none()),
            closing: closing(filters.close, actor.today(), actor.org.fiscal_year_start),
            amount_min: filters.amount_min,
            amount_max: filters.amount_max,
            words: filters.q.iter().flat_map(|q| words(q)).collect(),
            tag: filters.tag.map(|tag| tags::meant(tx, tag)).transpose()?,
            rules: filters.rules.as_deref().map(|json| rules(tx, actor, json)).transpose()?,
        })
    }

    /// Everything this person may see.
    pub fn all(actor: &Actor) -> Self {
        let owners = actor.visible_owners().map_or(Owners::Everyone, Owners::Some);
        Self {
            owners,
            team: None,
            closing: Closing::Any,
            amount_min: None,
            amount_max: None,
            words: vec![],
            tag: None,
            rules: None,
        }
    }

    /// Whether the kept totals (by stage, currency and owner) can answer.
    pub fn is_counted(&self) -> bool {
        self.closing == Closing::Any
            && self.amount_min.is_none()
            && self.amount_max.is_none()
            && self.words.is_empty()
            && self.tag.is_none()
            && self.rules.is_none()
    }
}

/// A rule about a field that is not there, or not this person's to see, is an error at the filter.
fn rules(tx: &mut OrgTx, actor: &Actor, json: &str) -> AppResult<Fragment> {
    let filter = Filter::parse(json)?;
    let schema = Schema::load(tx, actor, RecordType::Deal, &filter)?;
    let compiled = filter::compile(&filter, RecordType::Deal, &schema, actor);
    compiled.map_err(|problem| AppError::field("filter", problem.message))
}

fn words(q: &str) -> Vec<String> {
    crate::kernel::text::fold(q).split_whitespace().take(8).map(str::to_owned).collect()
}

fn owners(tx: &mut OrgTx, actor: &Actor, filters: &Filters) -> AppResult<Owners> {
    let visible = actor.visible_owners();
    let mut chosen = match filters.owner {
        Some(Owner::Unassigned) if filters.team.is_none() && visible.is_none() => return Ok(Owners::Nobody),
        Some(Owner::Unassigned) => return Ok(Owners::Some(vec![])),
        Some(Owner::Me) => Some(vec![actor.id.0]),
        Some(Owner::Member(id)) => Some(vec![known_member(tx, id)?.0]),
        None => None,
    };
    if let Some(team) = filters.team {
        let team = people_of(tx, team)?;
        chosen = Some(chosen.map_or_else(|| team.clone(), |c| both(&c, &team)));
    }
    Ok(match (chosen, visible) {
        (None, None) => Owners::Everyone,
        (None, Some(owners)) => Owners::Some(owners),
        (Some(owners), None) => one_or_some(owners),
        (Some(owners), Some(visible)) => one_or_some(both(&owners, &visible)),
    })
}

fn one_or_some(owners: Vec<Uuid>) -> Owners {
    if let [one] = owners[..] { Owners::One(one) } else { Owners::Some(owners) }
}

fn both(a: &[Uuid], b: &[Uuid]) -> Vec<Uuid> {
    a.iter().filter(|id| b.contains(id)).copied().collect()
}

fn known_member(tx: &mut OrgTx, id: MemberId) -> AppResult<MemberId> {
    let known = members::table.filter(members::id.eq(id)).select(members::id).first(tx.conn()).optional()?;
    known.ok_or_else(|| AppError::field("owner", "is not one of the choices"))
}

/// A team's members and its manager.
pub fn people_of(tx: &mut OrgTx, team: TeamId) -> AppResult<Vec<Uuid>> {
    let manager: Option<Option<Uuid>> =
        teams::table.filter(teams::id.eq(team)).select(teams::manager_id).first(tx.conn()).optional()?;
    let manager = manager.ok_or_else(|| AppError::field("team", "is not one of the choices"))?;
    let mut people: Vec<Uuid> =
        team_members::table.filter(team_members::team_id.eq(team)).select(team_members::member_id).load(tx.conn())?;
    people.extend(manager.filter(|m| !people.contains(m)));
    Ok(people)
}

/// The days that a key of [`CLOSE`] means; anything else means any.
pub fn closing(key: Option<&str>, today: NaiveDate, fiscal_start: u32) -> Closing {
    match key {
        Some("overdue") => Closing::Before(today),
        Some("this_week") => Closing::Within(calendar::week(today)),
        Some("this_month") => Closing::Within(calendar::month(today)),
        Some("this_quarter") => Closing::Within(calendar::quarter(today, fiscal_start)),
        Some("next_quarter") => {
            let this = calendar::quarter(today, fiscal_start);
            Closing::Within(Span { from: this.to, to: this.to + Months::new(3) })
        }
        Some("none") => Closing::Undated,
        _ => Closing::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() -> Result<(), FormErrors> {
        let query = Form::decode(b"owner=me&close=overdue&amount_min=1,000&q=cold+chain&team=").unwrap_or_default();
        let filters = Filters::parse(&query, DecimalMark::Point)?;
        assert_eq!(filters.query_without("close"), "owner=me&amount_min=1000&q=cold+chain");
        let again = Form::new(filters.pairs().into_iter().map(|(k, v)| (k.to_owned(), v)));
        assert_eq!(Filters::parse(&again, DecimalMark::Point)?, filters);
        assert!(Filters::parse(&Form::new([("owner".into(), "x".into())]), DecimalMark::Point).is_err());
        assert!(Filters::parse(&Form::new([("close".into(), "x".into())]), DecimalMark::Point).is_err());
        Ok(())
    }

    #[test]
    fn next_quarter_follows_the_fiscal_year() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap_or_default();
        let Closing::Within(span) = closing(Some("next_quarter"), today, 2) else { panic!("a span") };
        assert_eq!(span.from, NaiveDate::from_ymd_opt(2027, 2, 1).unwrap_or_default());
    }
}
