//! What is aimed at, and the row of a target.

use super::{Period, Unit, Whose};
use crate::{
    kernel::{ActivityTypeId, MemberId, Money, PipelineId, TeamId, money, numbers::DecimalMark},
    schema::targets,
    web::Actor,
};
use chrono::NaiveDate;
use diesel::prelude::*;
use rust_decimal::Decimal;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Won, in the organisation's currency.
    Amount,
    /// Deals won.
    Deals,
    /// Activities and tasks done.
    Activities,
}

impl Measure {
    pub const ALL: [Measure; 3] = [Measure::Amount, Measure::Deals, Measure::Activities];

    pub fn key(self) -> &'static str {
        match self {
            Measure::Amount => "amount",
            Measure::Deals => "deals",
            Measure::Activities => "activities",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Measure::Amount => "Amount won",
            Measure::Deals => "Deals won",
            Measure::Activities => "Activities done",
        }
    }

    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.key() == key)
    }

    /// A number of this measure as the reader writes it.
    pub fn told(self, actor: &Actor, value: Decimal) -> String {
        match self {
            Measure::Amount => actor.locale.money(Money::from_columns(value, &actor.org.currency)),
            Measure::Deals | Measure::Activities => actor.locale.decimal(value, 0),
        }
    }

    /// The same, short.
    pub fn short(self, actor: &Actor, value: Decimal) -> String {
        match self {
            Measure::Amount => actor.locale.short(Money::from_columns(value, &actor.org.currency)),
            Measure::Deals | Measure::Activities => actor.locale.decimal(value, 0),
        }
    }

    /// Reads what was typed; nothing and zero are no target.
    pub fn parse_value(self, text: &str, mark: DecimalMark) -> Result<Option<Decimal>, &'static str> {
        if text.is_empty() {
            return Ok(None);
        }
        let value = money::parse_amount(text, mark)?;
        if self != Measure::Amount && value.scale() > 0 {
            return Err("must be a whole number");
        }
        Ok((!value.is_zero()).then_some(value))
    }
}

/// What is to be reached: a measure, of one pipeline or type of activity or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Goal {
    pub measure: Measure,
    /// Only of deals.
    pub pipeline: Option<PipelineId>,
    /// Only of activities.
    pub activity_type: Option<ActivityTypeId>,
}

impl Goal {
    pub fn of(measure: Measure) -> Self {
        Self { measure, pipeline: None, activity_type: None }
    }

    /// Only what the measure may be narrowed by.
    pub fn narrowed(measure: Measure, pipeline: Option<PipelineId>, activity_type: Option<ActivityTypeId>) -> Self {
        match measure {
            Measure::Activities => Self { measure, pipeline: None, activity_type },
            _ => Self { measure, pipeline, activity_type: None },
        }
    }
}

/// A target as it is kept.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = targets)]
pub(super) struct Target {
    pub member_id: Option<MemberId>,
    pub team_id: Option<TeamId>,
    pub pipeline_id: Option<PipelineId>,
    measure: String,
    pub activity_type_id: Option<ActivityTypeId>,
    unit: String,
    pub starts_on: NaiveDate,
    pub value: Decimal,
}

impl Target {
    pub fn whose(&self) -> Whose {
        match (self.member_id, self.team_id) {
            (Some(member), _) => Whose::Member(member),
            (None, Some(team)) => Whose::Team(team),
            (None, None) => Whose::Everyone,
        }
    }

    pub fn goal(&self) -> Goal {
        let measure = Measure::parse(&self.measure).unwrap_or(Measure::Amount);
        Goal { measure, pipeline: self.pipeline_id, activity_type: self.activity_type_id }
    }

    pub fn is_of(&self, period: Period) -> bool {
        self.starts_on == period.span.from && self.unit() == period.unit
    }

    pub fn unit(&self) -> Unit {
        Unit::parse(&self.unit).unwrap_or(Unit::Month)
    }
}
