//! What a deal is.

use crate::{
    features::fields::Custom,
    kernel::{CompanyId, CompetitorId, Currency, DealId, MemberId, Money, PipelineId, StageId},
    schema::deals,
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use rust_decimal::Decimal;

/// Where a deal stands between its first mention and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DealStatus {
    Open,
    Won { at: DateTime<Utc>, by: Option<MemberId> },
    Lost { at: DateTime<Utc>, by: Option<MemberId>, reason: Option<String>, note: Option<String> },
}

impl DealStatus {
    /// `open`, `won` or `lost`: as rows and filters spell it.
    pub fn key(&self) -> &'static str {
        match self {
            DealStatus::Open => "open",
            DealStatus::Won { .. } => "won",
            DealStatus::Lost { .. } => "lost",
        }
    }
}

/// Where a deal's amount comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AmountFrom {
    /// Somebody wrote it.
    #[default]
    Hand,
    /// It is the sum of the deal's lines; so are the recurring figures.
    Lines,
}

impl AmountFrom {
    pub fn key(self) -> &'static str {
        match self {
            AmountFrom::Hand => "hand",
            AmountFrom::Lines => "lines",
        }
    }

    pub fn parse(text: &str) -> Self {
        if text == "lines" { AmountFrom::Lines } else { AmountFrom::Hand }
    }
}

/// What a deal brings beside its one amount. `arr` is twelve times `mrr`; the database keeps them so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recurring {
    pub mrr: Option<Decimal>,
    pub arr: Option<Decimal>,
    /// At most 14,400.
    pub term_months: Option<i32>,
    pub one_off: Option<Decimal>,
}

/// A possible sale. Deleted deals are never loaded; archived ones are.
#[derive(Clone, Debug)]
pub struct Deal {
    pub id: DealId,
    pub number: i64,
    pub name: String,
    pub company_id: Option<CompanyId>,
    pub pipeline_id: PipelineId,
    pub stage_id: StageId,
    pub position: String,
    pub amount: Option<Decimal>,
    pub currency: String,
    pub amount_from: AmountFrom,
    pub recurring: Recurring,
    /// Percent; `None`: the stage's.
    pub probability: Option<i16>,
    pub expected_close_on: Option<NaiveDate>,
    pub owner_id: Option<MemberId>,
    pub source: Option<String>,
    /// A key of [`super::fields::PRIORITIES`].
    pub priority: Option<String>,
    /// Its own category of the forecast; `None`: the stage's.
    pub forecast_override: Option<String>,
    pub status: DealStatus,
    pub stage_entered_at: DateTime<Utc>,
    pub description: Option<String>,
    pub external_id: Option<String>,
    pub custom: Custom,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub archived_at: Option<DateTime<Utc>>,
    /// How often the expected close moved later since it was first said, and how many days it is later now.
    pub slips: i16,
    pub slipped_days: i32,
    /// In the currency it has now; `None`: it never changed.
    pub first_amount: Option<Decimal>,
    pub shrunk_percent: i16,
    pub next_step: Option<String>,
    pub next_step_on: Option<NaiveDate>,
    pub next_step_set_at: Option<DateTime<Utc>>,
    /// Who won it instead.
    pub lost_to: Option<CompetitorId>,
    pub won_reason: Option<String>,
    pub won_note: Option<String>,
}

impl Deal {
    /// `D-1042`.
    pub fn reference(&self) -> String {
        format!("D-{}", self.number)
    }

    pub fn money(&self) -> Option<Money> {
        self.amount.map(|amount| Money::from_columns(amount, &self.currency))
    }

    pub fn is_open(&self) -> bool {
        self.status == DealStatus::Open
    }

    /// What was noted when it was lost; empty when nothing was.
    pub fn lost_note(&self) -> &str {
        match &self.status {
            DealStatus::Lost { note, .. } => note.as_deref().unwrap_or_default(),
            _ => "",
        }
    }

    /// Whether it has a card on the board.
    pub fn on_board(&self) -> bool {
        self.is_open() && self.archived_at.is_none()
    }
}

/// A deal about to be made. The command checks that what it names exists and may be named by this person.
#[derive(Clone, Debug)]
pub struct NewDeal {
    /// Chosen by the form, so that a form sent twice makes one deal; `None`: chosen here.
    pub id: Option<DealId>,
    pub stage_id: StageId,
    pub fields: DealFields,
}

/// What people may say about a deal, in a new one and in an edit alike.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DealFields {
    pub name: String,
    pub company_id: Option<CompanyId>,
    /// Not negative, at most four decimals, below 10^15 (`kernel::money::parse_amount`).
    pub amount: Option<Decimal>,
    /// `None`: the organisation's.
    pub currency: Option<Currency>,
    /// Writing another amount than the lines' makes it `Hand`.
    pub amount_from: AmountFrom,
    pub recurring: Recurring,
    /// 0 to 100.
    pub probability: Option<i16>,
    pub expected_close_on: Option<NaiveDate>,
    pub owner_id: Option<MemberId>,
    pub source: Option<String>,
    /// A key of [`super::fields::PRIORITIES`].
    pub priority: Option<String>,
    /// A key of `pipeline::CATEGORIES`; `None`: the stage's.
    pub forecast_override: Option<String>,
    pub description: Option<String>,
    pub external_id: Option<String>,
    /// At most 200 characters: what is to happen next, in the owner's words.
    pub next_step: Option<String>,
    pub next_step_on: Option<NaiveDate>,
    pub custom: Custom,
}

impl From<&Deal> for DealFields {
    fn from(deal: &Deal) -> Self {
        Self {
            name: deal.name.clone(),
            company_id: deal.company_id,
            amount: deal.amount,
            currency: deal.currency.parse().ok(),
            amount_from: deal.amount_from,
            recurring: deal.recurring,
            probability: deal.probability,
            expected_close_on: deal.expected_close_on,
            owner_id: deal.owner_id,
            source: deal.source.clone(),
            priority: deal.priority.clone(),
            forecast_override: deal.forecast_override.clone(),
            description: deal.description.clone(),
            external_id: deal.external_id.clone(),
            next_step: deal.next_step.clone(),
            next_step_on: deal.next_step_on,
            custom: deal.custom.clone(),
        }
    }
}

/// The row as it is kept; `Deal` is what it means.
#[derive(Queryable, Selectable)]
#[diesel(table_name = deals)]
pub(super) struct DealRow {
    id: DealId,
    number: i64,
    name: String,
    company_id: Option<CompanyId>,
    pipeline_id: PipelineId,
    stage_id: StageId,
    position: String,
    amount: Option<Decimal>,
    currency: String,
    probability: Option<i16>,
    expected_close_on: Option<NaiveDate>,
    owner_id: Option<MemberId>,
    source: Option<String>,
    priority: Option<String>,
    forecast_override: Option<String>,
    status: String,
    lost_reason: Option<String>,
    lost_note: Option<String>,
    closed_at: Option<DateTime<Utc>>,
    closed_by: Option<MemberId>,
    stage_entered_at: DateTime<Utc>,
    description: Option<String>,
    external_id: Option<String>,
    custom: Custom,
    version: i32,
    created_at: DateTime<Utc>,
    archived_at: Option<DateTime<Utc>>,
    amount_from: String,
    mrr: Option<Decimal>,
    arr: Option<Decimal>,
    term_months: Option<i32>,
    one_off: Option<Decimal>,
    slips: i16,
    slipped_days: i32,
    first_amount: Option<Decimal>,
    shrunk_percent: i16,
    next_step: Option<String>,
    next_step_on: Option<NaiveDate>,
    next_step_set_at: Option<DateTime<Utc>>,
    lost_to: Option<CompetitorId>,
    won_reason: Option<String>,
    won_note: Option<String>,
}

impl From<DealRow> for Deal {
    fn from(row: DealRow) -> Self {
        let status = match (row.status.as_str(), row.closed_at) {
            ("won", Some(at)) => DealStatus::Won { at, by: row.closed_by },
            ("lost", Some(at)) => {
                DealStatus::Lost { at, by: row.closed_by, reason: row.lost_reason, note: row.lost_note }
            }
            _ => DealStatus::Open,
        };
        Self {
            id: row.id,
            number: row.number,
            name: row.name,
            company_id: row.company_id,
            pipeline_id: row.pipeline_id,
            stage_id: row.stage_id,
            position: row.position,
            amount: row.amount.map(|amount| amount.normalize()),
            currency: row.currency,
            amount_from: AmountFrom::parse(&row.amount_from),
            recurring: Recurring {
                mrr: row.mrr.map(|n| n.normalize()),
                arr: row.arr.map(|n| n.normalize()),
                term_months: row.term_months,
                one_off: row.one_off.map(|n| n.normalize()),
            },
            probability: row.probability,
            expected_close_on: row.expected_close_on,
            owner_id: row.owner_id,
            source: row.source,
            priority: row.priority,
            forecast_override: row.forecast_override,
            status,
            stage_entered_at: row.stage_entered_at,
            description: row.description,
            external_id: row.external_id,
            custom: row.custom,
            version: row.version,
            created_at: row.created_at,
            archived_at: row.archived_at,
            slips: row.slips,
            slipped_days: row.slipped_days,
            first_amount: row.first_amount.map(|amount| amount.normalize()),
            shrunk_percent: row.shrunk_percent,
            next_step: row.next_step,
            next_step_on: row.next_step_on,
            next_step_set_at: row.next_step_set_at,
            lost_to: row.lost_to,
            won_reason: row.won_reason,
            won_note: row.won_note,
        }
    }
}
