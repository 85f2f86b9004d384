//! Reading exports: each person their own.

use super::model::Export;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::ExportId,
    schema::exports,
    web::Actor,
};
use diesel::prelude::*;

/// Exports the page lists.
const SHOWN: i64 = 100;

pub(super) fn find(tx: &mut OrgTx, actor: &Actor, id: ExportId) -> AppResult<Export> {
    let mine = exports::table.filter(exports::id.eq(id)).filter(exports::created_by.eq(actor.id));
    Ok(mine.select(Export::as_select()).first(tx.conn())?)
}

/// The latest first.
pub(super) fn mine(tx: &mut OrgTx, actor: &Actor) -> AppResult<Vec<Export>> {
    let mine = exports::table.filter(exports::created_by.eq(actor.id));
    Ok(mine
        .select(Export::as_select())
        .order((exports::created_at.desc(), exports::id.desc()))
        .limit(SHOWN)
        .load(tx.conn())?)
}

/// For its job, whoever asked for it.
pub(super) fn of_job(tx: &mut OrgTx, id: ExportId) -> AppResult<Option<Export>> {
    Ok(exports::table.filter(exports::id.eq(id)).select(Export::as_select()).first(tx.conn()).optional()?)
}
