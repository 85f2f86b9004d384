//! The competitors of a deal: several at once, each with what speaks for and against them.

use super::{commands::announce, model::Deal, pages, queries};
use crate::{
    db::{Db, OrgTx, Tx, kept},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::competitors::{self, Competitor},
    kernel::{CompetitorId, DealId, RecordType},
    schema::deal_competitors,
    web::{
        Actor, Allow, Form, Page, SelectOption,
        permission::{Permission, deals::Edit, organisation::ManagePipelines},
        reply,
    },
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use diesel::{prelude::*, sql_types as t};
use serde_json::json;

/// For `deals/_rivals.html`.
pub struct Rivals {
    pub rows: Vec<Rival>,
    /// Those it could name as well.
    pub choices: Vec<SelectOption>,
    /// Who may keep the list itself.
    pub may_manage: bool,
}

#[derive(QueryableByName, Clone, Debug)]
pub struct Rival {
    #[diesel(sql_type = t::Uuid)]
    pub id: CompetitorId,
    #[diesel(sql_type = t::Text)]
    pub name: String,
    #[diesel(sql_type = t::Text)]
    pub strengths: String,
    #[diesel(sql_type = t::Text)]
    pub weaknesses: String,
    /// The deal was lost to it.
    #[diesel(sql_type = t::Bool)]
    pub won: bool,
}

const ROWS: &str = "
SELECT c.id, c.name, coalesce(d.strengths, '') AS strengths, coalesce(d.weaknesses, '') AS weaknesses, c.id IS NOT DISTINCT FROM $2 AS won
FROM deal_competitors d JOIN competitors c ON c.org_id = d.org_id AND c.id = d.competitor_id
WHERE d.deal_id = $1 ORDER BY d.created_at, c.id";

/// The competitors of a deal that the caller has found visible.
pub(super) fn of(tx: &mut OrgTx, actor: &Actor, deal: &Deal) -> AppResult<Rivals> {
    let query = diesel::sql_query(ROWS)
        .bind::<t::Uuid, _>(deal.id.0)
        .bind::<t::Nullable<t::Uuid>, _>(deal.lost_to.map(|id| id.0));
    let rows: Vec<Rival> = kept(query).load(tx.conn())?;
    let mut all = competitors::all(tx)?;
    all.retain(|c| rows.iter().all(|row| row.id != c.id));
    Ok(Rivals { rows, choices: competitors::choices(&all, ""), may_manage: actor.may(ManagePipelines::KEY) })
}

/// `POST /deals/{id}/competitors`: names one, or says something else of it.
pub async fn set(page: Page, by: Allow<Edit>, id: Path<DealId>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let named = db
        .org(&page, move |tx| {
            queries::find(tx, &by, id)?;
            let mut p = form.parser();
            let competitor = p.id::<CompetitorId>("competitor_id");
            let (strengths, weaknesses) = (p.text("strengths", 2_000), p.text("weaknesses", 2_000));
            p.finish()?;
            let deal = queries::lock(tx, &by, id)?;
            let competitor = known(tx, competitor)?;
            name(tx, &deal, competitor, strengths, weaknesses)
        })
        .await;
    match named {
        Ok(()) => Ok(reply::redirect(&page.req, &format!("/deals/{id}#competitors"), None)),
        Err(AppError::Invalid(errors)) => pages::show_rival(&page, &db, id, posted.view(errors)).await,
        Err(other) => Err(other),
    }
}

/// `POST /deals/{id}/competitors/{competitor}/removal`
pub async fn remove(
    page: Page,
    by: Allow<Edit>,
    path: Path<(DealId, CompetitorId)>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, competitor) = path.into_inner();
    db.org(&page, move |tx| {
        let deal = queries::lock(tx, &by, id)?;
        let competitor = competitors::all(tx)?.into_iter().find(|c| c.id == competitor).ok_or(AppError::NotFound)?;
        let one = deal_competitors::table
            .filter(deal_competitors::deal_id.eq(deal.id))
            .filter(deal_competitors::competitor_id.eq(competitor.id));
        if diesel::delete(one).execute(tx.conn())? == 0 {
            return Ok(());
        }
        let mut changes = Changes::new();
        changes.track("competitor", &Some(json!({ "id": competitor.id, "name": competitor.name })), &None);
        tell(tx, &deal, changes)
    })
    .await?;
    Ok(reply::redirect(&page.req, &format!("/deals/{id}#competitors"), None))
}

/// One of the organisation's.
pub(super) fn known(tx: &mut OrgTx, id: Option<CompetitorId>) -> AppResult<Competitor> {
    let all = competitors::all(tx)?;
    let known = id.and_then(|id| all.into_iter().find(|c| c.id == id));
    known.ok_or_else(|| AppError::field("competitor_id", "is not one of your competitors"))
}

/// A deal that was lost to somebody was fought against them. The caller holds it, and tells of it.
pub(super) fn met(tx: &mut OrgTx, deal: DealId, competitor: CompetitorId) -> AppResult<()> {
    diesel::insert_into(deal_competitors::table)
        .values((deal_competitors::deal_id.eq(deal), deal_competitors::competitor_id.eq(competitor)))
        .on_conflict_do_nothing()
        .execute(tx.conn())?;
    Ok(())
}

/// The caller holds the deal. Saying the same twice changes nothing.
fn name(
    tx: &mut OrgTx,
    deal: &Deal,
    competitor: Competitor,
    strengths: Option<String>,
    weaknesses: Option<String>,
) -> AppResult<()> {
    let before: Option<(Option<String>, Option<String>)> = deal_competitors::table
        .filter(deal_competitors::deal_id.eq(deal.id))
        .filter(deal_competitors::competitor_id.eq(competitor.id))
        .select((deal_competitors::strengths, deal_competitors::weaknesses))
        .first(tx.conn())
        .optional()?;
    let after = (strengths, weaknesses);
    if before.as_ref() == Some(&after) {
        return Ok(());
    }
    let said = (deal_competitors::strengths.eq(&after.0), deal_competitors::weaknesses.eq(&after.1));
    diesel::insert_into(deal_competitors::table)
        .values((deal_competitors::deal_id.eq(deal.id), deal_competitors::competitor_id.eq(competitor.id), said))
        .on_conflict((deal_competitors::org_id, deal_competitors::deal_id, deal_competitors::competitor_id))
        .do_update()
        .set(said)
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    let notes = |notes: &(Option<String>, Option<String>)| {
        let words: Vec<&str> = [&notes.0, &notes.1].into_iter().flatten().map(String::as_str).collect();
        format!("{}: {}", competitor.name, words.join("; "))
    };
    match &before {
        None => changes.track("competitor", &None, &Some(json!({ "id": competitor.id, "name": competitor.name }))),
        Some(before) => changes.track("competitor_notes", &notes(before), &notes(&after)),
    };
    tell(tx, deal, changes)
}

fn tell(tx: &mut OrgTx, deal: &Deal, changes: Changes) -> AppResult<()> {
    events::record_quietly(tx, Event::new("deal.updated", RecordType::Deal, deal.id).changes(changes))?;
    announce(tx, deal.id, &[], None)
}
