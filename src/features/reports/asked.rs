//! What a report is about: when, which pipeline, whose deals.

use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::{
        accounts::members,
        currencies::ended::Way,
        records::filter::{Filter, Op},
        settings,
        targets::{Period, Unit},
    },
    kernel::{MemberId, PipelineId, TeamId, calendar, calendar::Span},
    web::{Actor, Form},
};
use chrono::{Months, NaiveDate};
use uuid::Uuid;

/// Whole months.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    In(Period),
    /// This month and the eleven before it.
    LastYear,
    Ever,
}

#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub when: When,
    pub pipeline: Option<PipelineId>,
    pub owner: Option<MemberId>,
    pub team: Option<TeamId>,
    pub rates: Way,
}

impl Asked {
    pub fn parse(actor: &Actor, query: &Form) -> AppResult<Self> {
        let mut p = query.parser();
        let start = actor.org.fiscal_year_start;
        let on = p.optional("on", calendar::parse_date).unwrap_or_else(|| calendar::today(actor.org.zone));
        let when = p.optional("when", |key| match key {
            "last_12" => Ok(When::LastYear),
            "ever" => Ok(When::Ever),
            unit => Unit::parse(unit)
                .map(|unit| When::In(Period::around(unit, on, start)))
                .ok_or("is not one of the choices"),
        });
        let asked = Self {
            when: when.unwrap_or_else(|| When::In(Period::around(Unit::Quarter, on, start))),
            pipeline: p.id("pipeline"),
            owner: p.id("owner"),
            team: p.id("team"),
            rates: p.optional("rates", Way::parse).unwrap_or_default(),
        };
        p.finish()?;
        Ok(asked)
    }

    /// The months, from the first day of the first to the first day after the last.
    pub fn span(&self, actor: &Actor) -> Span {
        match self.when {
            When::In(period) => period.span,
            When::LastYear => {
                let this = calendar::month(calendar::today(actor.org.zone));
                Span { from: this.to - Months::new(12), to: this.to }
            }
            When::Ever => Span {
                from: NaiveDate::from_ymd_opt(1900, 1, 1).unwrap_or_default(),
                to: NaiveDate::from_ymd_opt(2200, 1, 1).unwrap_or_default(),
            },
        }
    }

    pub fn label(&self, actor: &Actor) -> String {
        match self.when {
            When::In(period) => period.label(actor.locale, actor.org.fiscal_year_start),
            When::LastYear => "Last 12 months".into(),
            When::Ever => "All time".into(),
        }
    }

    pub fn key(&self) -> &'static str {
        match self.when {
            When::In(period) => period.unit.key(),
            When::LastYear => "last_12",
            When::Ever => "ever",
        }
    }

    /// The same of another time.
    pub fn href(&self, when: When) -> String {
        let other = Self { when, ..self.clone() };
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("when", other.key());
        if let When::In(period) = when {
            query.append_pair("on", &period.span.from.to_string());
        }
        for (key, id) in self.ids() {
            query.append_pair(key, &id.to_string());
        }
        if self.rates != Way::default() {
            query.append_pair("rates", self.rates.key());
        }
        format!("/reports/sales?{}", query.finish())
    }

    fn ids(&self) -> Vec<(&'static str, Uuid)> {
        let ids = [
            ("pipeline", self.pipeline.map(Uuid::from)),
            ("owner", self.owner.map(Uuid::from)),
            ("team", self.team.map(Uuid::from)),
        ];
        ids.into_iter().filter_map(|(key, id)| id.map(|id| (key, id))).collect()
    }

    /// Whose deals count: what is asked for, of what the reader sees. `None`: everybody's, and nobody's.
    pub fn owners(&self, tx: &mut OrgTx, actor: &Actor) -> AppResult<Option<Vec<Uuid>>> {
        let mut owners = match self.owner {
            None => None,
            Some(owner) => {
                let known = members::directory(tx)?.iter().any(|person| person.id == owner);
                Some(
                    known
                        .then(|| vec![owner.0])
                        .ok_or_else(|| AppError::field("owner", "is not one of the choices"))?,
                )
            }
        };
        let mut narrow = |only: Vec<Uuid>| {
            owners = Some(match owners.take() {
                None => only,
                Some(owners) => owners.into_iter().filter(|owner| only.contains(owner)).collect(),
            });
        };
        if let Some(team) = self.team {
            let people = settings::team_people(tx, team)?;
            narrow(people.ok_or_else(|| AppError::field("team", "is not one of the choices"))?);
        }
        if let Some(visible) = actor.visible_owners() {
            narrow(visible);
        }
        Ok(owners)
    }

    /// The list of the deals behind a figure: those that began or ended (`date`) within the time, in one state, of these owners.
    pub fn deals(&self, actor: &Actor, status: &str, date: &str, owners: Option<&[Option<Uuid>]>) -> String {
        let mut rules = Vec::new();
        if self.when != When::Ever {
            let span = self.span(actor);
            let days = [span.from.to_string(), span.to.pred_opt().unwrap_or(span.to).to_string()];
            rules.push(Filter::rule(date, Op::Between, &[&days[0], &days[1]]));
        }
        match owners {
            Some([None]) => rules.push(Filter::rule("owner_id", Op::Empty, &[])),
            Some(owners) => {
                let values = owners.iter().flatten().map(Uuid::to_string).collect();
                rules.push(Filter::Rule { key: "owner_id".into(), op: Op::AnyOf, values });
            }
            None => {}
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if !status.is_empty() {
            query.append_pair("status", status);
        }
        if let Some(pipeline) = self.pipeline {
            query.append_pair("pipeline", &pipeline.to_string());
        }
        let filter = Filter::All(rules).json();
        if !filter.is_empty() {
            query.append_pair("filter", &filter);
        }
        format!("/deals?{}", query.finish())
    }
}
