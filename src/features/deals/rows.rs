//! The row of a board that a card is put into: its owner, company or priority, changed like any other edit, in the transaction of the move.

use super::{
    commands,
    fields::PRIORITIES,
    model::{Deal, DealFields},
    queries,
};
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::{
        pipeline::{self, lanes::By},
        records::Saved,
    },
    kernel::{CompanyId, DealId, MemberId, StageId},
    web::{Allow, Form, permission::deals::Edit},
};
use std::str::FromStr;

/// What it becomes; `None`: nobody's, no company, no priority.
pub(super) enum Row {
    Owner(Option<MemberId>),
    Company(Option<CompanyId>),
    Priority(Option<&'static str>),
}

/// `rows`: what the board's rows are; `row`: the key of one of them. Without both the card stays in its row.
pub(super) fn parse(form: &Form) -> AppResult<Option<Row>> {
    let key = form.get("row");
    if key.is_empty() {
        return Ok(None);
    }
    let row = match By::parse(form.get("rows")) {
        Some(By::Owner) => Row::Owner(id(key)?),
        Some(By::Company) => Row::Company(id(key)?),
        Some(By::Priority) => Row::Priority(match key {
            "none" => None,
            key => Some(PRIORITIES.iter().find(|(known, _)| *known == key).ok_or_else(unknown)?.0),
        }),
        Some(By::Stage) | None => return Err(unknown()),
    };
    Ok(Some(row))
}

fn id<T: FromStr>(key: &str) -> AppResult<Option<T>> {
    if key == "none" { Ok(None) } else { key.parse().map(Some).map_err(|_| unknown()) }
}

fn unknown() -> AppError {
    AppError::field("row", "is not a row of this board")
}

/// Before the card is moved to that stage, which is held first, as every move does.
pub(super) fn enter(tx: &mut OrgTx, by: &Allow<Edit>, id: DealId, stage: StageId, row: Row) -> AppResult<()> {
    pipeline::lock_stage(tx, stage)?;
    let deal = queries::lock(tx, by, id)?;
    commands::must_be_on_board(&deal)?;
    let fields = with(&deal, row);
    match commands::update(tx, by, id, deal.version, fields)? {
        Saved::Done(_) => Ok(()),
        Saved::Stale => Err(AppError::Conflict("Someone changed this deal at the same moment.".into())),
    }
}

fn with(deal: &Deal, row: Row) -> DealFields {
    let mut fields = DealFields::from(deal);
    match row {
        Row::Owner(owner) => fields.owner_id = owner,
        Row::Company(company) => fields.company_id = company,
        Row::Priority(priority) => fields.priority = priority.map(str::to_owned),
    }
    fields
}
