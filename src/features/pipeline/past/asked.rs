//! What an address asks of the past: which days, whose deals, in which currency.

use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::{accounts::members, settings},
    kernel::{Currency, MemberId, TeamId, calendar, calendar::Span},
    web::{Actor, Form, SelectOption},
};
use actix_web::http::StatusCode;
use chrono::{DateTime, Days, NaiveDate, Utc};
use uuid::Uuid;

/// Whose deals, by who owned them then.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Asked {
    pub owner: Option<Owner>,
    pub team: Option<TeamId>,
    pub currency: Option<Currency>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Nobody,
    Member(MemberId),
}

impl Asked {
    pub fn parse(query: &Form) -> AppResult<Self> {
        let mut p = query.parser();
        let asked = Self {
            owner: p.optional("owner", |text| match text {
                "none" => Ok(Owner::Nobody),
                id => id.parse().map(Owner::Member).map_err(|_| "is not one of the choices"),
            }),
            team: p.id("team"),
            currency: p.optional("currency", str::parse::<Currency>),
        };
        p.finish()?;
        Ok(asked)
    }

    /// Names and values of what is chosen.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let owner = self.owner.map(|owner| match owner {
            Owner::Nobody => "none".to_owned(),
            Owner::Member(id) => id.to_string(),
        });
        let pairs = [
            ("owner", owner),
            ("team", self.team.map(|id| id.to_string())),
            ("currency", self.currency.map(|c| c.code().to_owned())),
        ];
        pairs.into_iter().filter_map(|(key, value)| value.map(|value| (key, value))).collect()
    }

    /// `on=2026-11-01&owner=…`.
    pub fn query(&self, days: &[(&str, NaiveDate)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (key, day) in days {
            query.append_pair(key, &day.to_string());
        }
        for (key, value) in self.pairs() {
            query.append_pair(key, &value);
        }
        query.finish()
    }
}

/// [`Asked`], as statements take it.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Owners then; the nil id is nobody. `None`: whoever's.
    pub owners: Option<Vec<Uuid>>,
    /// Owners today whose deals the reader sees; `None`: everybody's.
    pub visible: Option<Vec<Uuid>>,
}

impl Scope {
    pub fn resolve(tx: &mut OrgTx, actor: &Actor, asked: &Asked) -> AppResult<Self> {
        let mut owners = match asked.owner {
            None => None,
            Some(Owner::Nobody) => Some(vec![Uuid::nil()]),
            Some(Owner::Member(id)) => {
                let known = members::directory(tx)?.iter().any(|person| person.id == id);
                if !known {
                    return Err(AppError::field("owner", "is not one of the choices"));
                }
                Some(vec![id.0])
            }
        };
        if let Some(team) = asked.team {
            let people =
                settings::team_people(tx, team)?.ok_or_else(|| AppError::field("team", "is not one of the choices"))?;
            owners = Some(match owners {
                None => people,
                Some(owners) => owners.into_iter().filter(|owner| people.contains(owner)).collect(),
            });
        }
        Ok(Self { owners, visible: actor.visible_owners() })
    }
}

/// The choices of the filter form: owners and teams.
pub(super) fn choices(tx: &mut OrgTx, asked: &Asked) -> AppResult<(Vec<SelectOption>, Vec<SelectOption>)> {
    let chosen = |id| asked.owner == Some(Owner::Member(id));
    let mut owners: Vec<SelectOption> = members::directory(tx)?
        .into_iter()
        .map(|person| SelectOption::new(person.id.to_string(), person.name, chosen(person.id)))
        .collect();
    owners.push(SelectOption::new("none", "Nobody", asked.owner == Some(Owner::Nobody)));
    let teams = settings::team_choices(tx)?;
    let teams = teams.into_iter().map(|(id, name)| SelectOption::new(id.to_string(), name, asked.team == Some(id)));
    Ok((owners, teams.collect()))
}

/// A day as an address says it.
pub(super) struct Day {
    pub day: NaiveDate,
    /// For its field: as it was typed, if that is a date.
    pub typed: String,
    /// What is wrong with that; `day` is the usual one then.
    pub error: String,
}

impl Day {
    pub fn of(day: NaiveDate) -> Self {
        Self { day, typed: day.to_string(), error: String::new() }
    }

    /// For what has no field to say so at.
    pub fn sound(self, name: &str) -> AppResult<NaiveDate> {
        if self.error.is_empty() { Ok(self.day) } else { Err(AppError::field(name, self.error)) }
    }
}

/// The day of that name in an address; `fallback` where there is none. Never after today, where the organisation is.
pub(super) fn day(actor: &Actor, query: &Form, name: &str, fallback: NaiveDate) -> Day {
    let typed = query.get(name);
    let usual = |error: &str| Day { day: fallback, typed: typed.to_owned(), error: error.to_owned() };
    match calendar::parse_date(typed) {
        _ if typed.is_empty() => Day::of(fallback),
        Ok(day) if day > today(actor) => usual("lies in the future"),
        Ok(day) => Day::of(day),
        // A date field shows nothing else.
        Err(told) => Day { typed: String::new(), ..usual(told) },
    }
}

/// Of a page about days: whether all of them could be read.
pub(super) fn status(days: &[&Day]) -> StatusCode {
    let sound = days.iter().all(|day| day.error.is_empty());
    if sound { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
}

pub(super) fn today(actor: &Actor) -> NaiveDate {
    calendar::today(actor.org.zone)
}

/// The end of a day where the organisation is. Whatever happened before that moment has happened.
pub(super) fn end_of(actor: &Actor, day: NaiveDate) -> DateTime<Utc> {
    calendar::instants(Span { from: day, to: day + Days::new(1) }, actor.org.zone).1
}
