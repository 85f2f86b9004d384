//! The competitors of a deal: several at once, each with what speaks for and against them.

use super::{commands::announce, model::Deal, pages, queries};
use crate::{
    db::{Db, OrgTx, Tx, kept},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        competitors::{self, Competitor},
        records::history,
    },
    kernel::{CompetitorId, DealId, RecordType},
    schema::deal_competitors,
    web::{
        Actor, Allow, Form, FormErrors, Page, SelectOption,
        permission::{Permission, deals::Edit, organisation::ManagePipelines},
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};
use serde_json::json;
use uuid::Uuid;

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

/// `POST /deals/{id}/competitors`: names one, or says something else of it; `seen`, `was_strengths`, `was_weaknesses`: what the form showed
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
            match compared(tx, &by, &deal, &competitor, &form, (strengths, weaknesses))? {
                Compared::Overtaken(refusal) => Ok(Some(refusal)),
                Compared::Said(notes) => name(tx, &deal, competitor, notes).map(|()| None),
            }
        })
        .await;
    match named {
        Ok(None) => Ok(reply::redirect(&page.req, &format!("/deals/{id}#competitors"), None)),
        Ok(Some(Overtaken { told, now })) => {
            let mut form = posted;
            now.into_iter().for_each(|(name, value)| form.set(name, value));
            pages::show_rival(&page, &db, id, form.view(FormErrors::one("", told)), StatusCode::CONFLICT).await
        }
        Err(AppError::Invalid(errors)) => {
            pages::show_rival(&page, &db, id, posted.view(errors), StatusCode::UNPROCESSABLE_ENTITY).await
        }
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
    met_in(tx, &[deal.0], competitor)
}

/// The same of many.
pub(super) fn met_in(tx: &mut OrgTx, deals: &[Uuid], competitor: CompetitorId) -> AppResult<()> {
    let rows: Vec<_> = deals
        .iter()
        .map(|deal| (deal_competitors::deal_id.eq(DealId(*deal)), deal_competitors::competitor_id.eq(competitor)))
        .collect();
    diesel::insert_into(deal_competitors::table).values(rows).on_conflict_do_nothing().execute(tx.conn())?;
    Ok(())
}

/// Strengths and weaknesses.
type Notes = (Option<String>, Option<String>);

fn notes(tx: &mut OrgTx, deal: DealId, competitor: CompetitorId) -> AppResult<Option<Notes>> {
    Ok(deal_competitors::table
        .filter(deal_competitors::deal_id.eq(deal))
        .filter(deal_competitors::competitor_id.eq(competitor))
        .select((deal_competitors::strengths, deal_competitors::weaknesses))
        .first(tx.conn())
        .optional()?)
}

/// A form that somebody else was faster than: what to tell, and what it shows from now on, so that sent again it overwrites knowingly.
struct Overtaken {
    told: String,
    now: [(&'static str, String); 5],
}

/// A form beside what is kept.
enum Compared {
    /// What to keep: with what only somebody else changed.
    Said(Notes),
    Overtaken(Overtaken),
}

/// Of what was, what the form says and what is: what to keep, and whether both changed it to something else.
fn merged(was: &Option<String>, said: Option<String>, is: &Option<String>) -> (Option<String>, bool) {
    let differs = history::compare(&[was, &said, is]).unwrap_or(false);
    (if said == *was { is.clone() } else { said }, differs)
}

/// A form says what it showed: `seen` is `none` where it names another competitor, `notes` where it had `was_strengths` and
/// `was_weaknesses`. What says neither overwrites. The caller holds the deal.
fn compared(
    tx: &mut OrgTx,
    by: &Actor,
    deal: &Deal,
    competitor: &Competitor,
    form: &Form,
    said: Notes,
) -> AppResult<Compared> {
    let text = |name: &str| Some(form.get(name)).filter(|text| !text.is_empty()).map(str::to_owned);
    let seen = match form.get("seen") {
        "none" => None,
        "notes" => Some((text("was_strengths"), text("was_weaknesses"))),
        _ => return Ok(Compared::Said(said)),
    };
    let now = notes(tx, deal.id, competitor.id)?;
    if now == seen || now.as_ref() == Some(&said) {
        return Ok(Compared::Said(said));
    }
    let said = match (&seen, &now) {
        (Some(was), Some(is)) => {
            let (strengths, both) = merged(&was.0, said.0, &is.0);
            let (weaknesses, again) = merged(&was.1, said.1, &is.1);
            if !both && !again {
                return Ok(Compared::Said((strengths, weaknesses)));
            }
            (strengths, weaknesses)
        }
        _ => said,
    };
    let who = doer(tx, by, deal.id, competitor)?;
    let name = &competitor.name;
    let told = match (&seen, &now) {
        (_, None) => {
            format!("{who} took {name} off this deal meanwhile. What you typed is below: add them again, or leave it.")
        }
        (None, Some(_)) => {
            format!(
                "{name} is on this deal already, named by {who}. What is kept is above, what you typed below; Save replaces it."
            )
        }
        (Some(_), Some(_)) => {
            format!("{who} changed this meanwhile. What is kept is above, what you typed below; Save replaces theirs.")
        }
    };
    let kind = if now.is_some() { "notes" } else { "none" };
    let (strengths, weaknesses) = now.unwrap_or_default();
    let now = [
        ("seen", kind.to_owned()),
        ("was_strengths", strengths.unwrap_or_default()),
        ("was_weaknesses", weaknesses.unwrap_or_default()),
        ("strengths", said.0.unwrap_or_default()),
        ("weaknesses", said.1.unwrap_or_default()),
    ];
    Ok(Compared::Overtaken(Overtaken { told, now }))
}

const LAST: &str = "
SELECT m.name, e.at FROM events e LEFT JOIN members m ON m.org_id = e.org_id AND m.id = e.actor_id
WHERE e.record_type = 'deal' AND e.record_id = $1 AND ($2 IN (e.changes->'competitor'->0->>'id', e.changes->'competitor'->1->>'id')
  OR starts_with(e.changes->'competitor_notes'->>1, $3))
ORDER BY e.at DESC LIMIT 1";

#[derive(QueryableByName)]
struct Last {
    #[diesel(sql_type = t::Nullable<t::Text>)]
    name: Option<String>,
    #[diesel(sql_type = t::Timestamptz)]
    at: DateTime<Utc>,
}

/// Who spoke of the competitor last: "Maya Okafor (today 14:30)".
fn doer(tx: &mut OrgTx, by: &Actor, deal: DealId, competitor: &Competitor) -> AppResult<String> {
    let last: Option<Last> = diesel::sql_query(LAST)
        .bind::<t::Uuid, _>(deal.0)
        .bind::<t::Text, _>(competitor.id.to_string())
        .bind::<t::Text, _>(told_before(competitor))
        .get_result(tx.conn())
        .optional()?;
    Ok(last.map_or_else(
        || "Somebody".to_owned(),
        |last| format!("{} ({})", last.name.unwrap_or_else(|| "Somebody".to_owned()), by.within(last.at)),
    ))
}

/// What an event that tells of the notes begins with.
fn told_before(competitor: &Competitor) -> String {
    format!("{}: ", competitor.name)
}

/// The caller holds the deal. Saying the same twice changes nothing.
fn name(tx: &mut OrgTx, deal: &Deal, competitor: Competitor, after: Notes) -> AppResult<()> {
    let before = notes(tx, deal.id, competitor.id)?;
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
    let notes = |notes: &Notes| {
        let words: Vec<&str> = [&notes.0, &notes.1].into_iter().flatten().map(String::as_str).collect();
        format!("{}{}", told_before(&competitor), words.join("; "))
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
