//! Judging pair after pair: not a duplicate, taken back, skipped; each leads to the next.

use super::pairs::{self, Cursor};
use crate::{
    db::{Db, OrgTx},
    error::AppResult,
    kernel::{DuplicateId, RecordType},
    web::{Actor, Form, Page, flash::Flash, reply},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

/// `POST /duplicates/{id}/dismissal`: from the queue, or (`next`) from looking at the two side by side.
pub(in super::super) async fn dismiss(
    page: Page,
    id: Path<DuplicateId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (actor, id, on) = (page.actor.clone(), *id, !form.get("next").is_empty());
    let to = db
        .org(&page, move |tx| {
            let (record, line) = pairs::decide(tx, &actor, id, ("open", "dismissed"))?;
            if on { after(tx, &actor, record, line.cursor()) } else { Ok(format!("/duplicates?type={record}")) }
        })
        .await?;
    let (told, undo) = ("Not a duplicate: it is not asked again", format!("/duplicates/{id}/dismissal/undo"));
    if reply::is_partial(&page.req) {
        return Ok(reply::toast(HttpResponse::Ok().finish(), "success", told, Some(&undo)));
    }
    Ok(reply::redirect(&page.req, &to, Some(Flash::success(told).undo(undo))))
}

/// `POST /duplicates/{id}/dismissal/undo`
pub(in super::super) async fn take_back(page: Page, id: Path<DuplicateId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let (record, _) = db.org(&page, move |tx| pairs::decide(tx, &actor, id, ("dismissed", "open"))).await?;
    Ok(reply::redirect(&page.req, &format!("/duplicates?type={record}"), Some(Flash::success("It is asked again"))))
}

/// `GET /duplicates/{id}/next`: leaves this one for later.
pub(in super::super) async fn skip(page: Page, id: Path<DuplicateId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let to = db
        .org(&page, move |tx| {
            let (record, line) = pairs::find(tx, &actor, id)?;
            after(tx, &actor, record, line.cursor())
        })
        .await?;
    Ok(reply::redirect(&page.req, &to, None))
}

/// The next pair, side by side; the queue when that was the last.
pub(in super::super) fn after(tx: &mut OrgTx, actor: &Actor, record: RecordType, at: Cursor) -> AppResult<String> {
    let next = pairs::next(tx, actor, record, Some(at))?;
    Ok(next.map_or_else(|| format!("/duplicates?type={record}"), |line| line.href(record)))
}
