//! Changing the list: each change is an event.

use super::queries::{self, Competitor};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::records::Saved,
    kernel::CompetitorId,
    live::{self, LiveMessage},
    schema::{competitors, deal_competitors, deals},
    web::{Allow, Form, FormErrors, permission::organisation::ManagePipelines},
};
use diesel::{
    prelude::*,
    result::{DatabaseErrorKind, Error as DieselError},
};

/// Competitors of one organisation, at most.
pub const MOST: i64 = 300;

/// What can be said about one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    pub name: String,
    pub website: Option<String>,
    pub notes: Option<String>,
}

pub fn parse(form: &Form) -> Result<Fields, FormErrors> {
    let mut p = form.parser();
    let website = p.optional("website", |text| match text.to_lowercase() {
        web if web.contains(char::is_whitespace) || !web.contains('.') => Err("is not an address like example.com"),
        web => Ok(web.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/').to_owned()),
    });
    if website.as_ref().is_some_and(|web| web.chars().count() > 200) {
        p.error("website", "is too long: at most 200 characters");
    }
    let name = p.required("name", 100).split_whitespace().collect::<Vec<_>>().join(" ");
    let fields = Fields { name, website, notes: p.text("notes", 5_000) };
    p.finish().map(|()| fields)
}

pub fn create(tx: &mut OrgTx, _: &Allow<ManagePipelines>, new: &Fields) -> AppResult<CompetitorId> {
    if i64::try_from(queries::all(tx)?.len()).unwrap_or(MOST) >= MOST {
        return Err(AppError::field(
            "name",
            format!("cannot be added: there are {MOST} competitors, which is the most"),
        ));
    }
    let id = CompetitorId::new();
    diesel::insert_into(competitors::table)
        .values((
            (competitors::id.eq(id), competitors::name.eq(&new.name)),
            (competitors::website.eq(&new.website), competitors::notes.eq(&new.notes)),
        ))
        .execute(tx.conn())
        .map_err(taken)?;
    let mut changes = Changes::new();
    changes.set("name", &new.name).set("website", &new.website).set("notes", &new.notes);
    tell(tx, Event::of("competitor.created", "competitor", id).changes(changes))?;
    Ok(id)
}

/// One of that name and nothing else: for those who have asked already whether it may be made, and whether there is room.
pub fn make(tx: &mut OrgTx, id: CompetitorId, name: &str) -> AppResult<()> {
    diesel::insert_into(competitors::table)
        .values((competitors::id.eq(id), competitors::name.eq(name)))
        .execute(tx.conn())
        .map_err(taken)?;
    let mut changes = Changes::new();
    changes.set("name", &name);
    events::record_quietly(tx, Event::of("competitor.created", "competitor", id).changes(changes))
}

/// Changes it if it still has the version `seen`.
pub fn update(
    tx: &mut OrgTx,
    _: &Allow<ManagePipelines>,
    id: CompetitorId,
    seen: i32,
    new: &Fields,
) -> AppResult<Saved> {
    let before = queries::lock(tx, id)?;
    let mut changes = Changes::new();
    changes.track("name", &before.name, &new.name).track("website", &before.website, &new.website).track(
        "notes",
        &before.notes,
        &new.notes,
    );
    if changes.is_empty() {
        return Ok(Saved::Done(before.version));
    }
    if before.version != seen {
        return Ok(Saved::Stale);
    }
    diesel::update(competitors::table.filter(competitors::id.eq(id)))
        .set((
            (competitors::name.eq(&new.name), competitors::website.eq(&new.website)),
            (competitors::notes.eq(&new.notes), competitors::version.eq(competitors::version + 1)),
        ))
        .execute(tx.conn())
        .map_err(taken)?;
    tell(tx, Event::of("competitor.updated", "competitor", id).version(before.version + 1).changes(changes))?;
    Ok(Saved::Done(before.version + 1))
}

/// Offers it no more, or again. Doing so twice changes nothing.
pub fn retire(tx: &mut OrgTx, _: &Allow<ManagePipelines>, id: CompetitorId, retired: bool) -> AppResult<Competitor> {
    let before = queries::lock(tx, id)?;
    if before.retired_at.is_some() == retired {
        return Ok(before);
    }
    let at = retired.then(chrono::Utc::now);
    diesel::update(competitors::table.filter(competitors::id.eq(id)))
        .set((competitors::retired_at.eq(at), competitors::version.eq(competitors::version + 1)))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.track("retired", &!retired, &retired);
    tell(tx, Event::of("competitor.updated", "competitor", id).version(before.version + 1).changes(changes))?;
    Ok(before)
}

/// Every deal of the one is the other's from now on; what deals remember of either name stays in their history. What was noted of both on
/// one deal is kept under the other's name.
pub fn merge(
    tx: &mut OrgTx,
    _: &Allow<ManagePipelines>,
    gone: CompetitorId,
    into: CompetitorId,
) -> AppResult<(Competitor, Competitor)> {
    if gone == into {
        return Err(AppError::field("into", "is this one itself"));
    }
    // In order of id, so that two merges never wait for each other.
    let (first, second) = (queries::lock(tx, gone.min(into))?, queries::lock(tx, gone.max(into))?);
    let (lost, kept) = if first.id == gone { (first, second) } else { (second, first) };
    tx.without_time_limit()?;
    let both = "UPDATE deal_competitors k SET strengths = left(concat_ws(E'\\n', k.strengths, g.strengths), 2000),
                  weaknesses = left(concat_ws(E'\\n', k.weaknesses, g.weaknesses), 2000)
                FROM deal_competitors g WHERE g.org_id = k.org_id AND g.deal_id = k.deal_id AND g.competitor_id = $1 AND k.competitor_id = $2";
    let moved = "INSERT INTO deal_competitors (deal_id, competitor_id, strengths, weaknesses, created_at)
                 SELECT deal_id, $2, strengths, weaknesses, created_at FROM deal_competitors WHERE competitor_id = $1
                 ON CONFLICT DO NOTHING";
    for sql in [both, moved] {
        diesel::sql_query(sql)
            .bind::<diesel::sql_types::Uuid, _>(gone)
            .bind::<diesel::sql_types::Uuid, _>(into)
            .execute(tx.conn())?;
    }
    diesel::delete(deal_competitors::table.filter(deal_competitors::competitor_id.eq(gone))).execute(tx.conn())?;
    diesel::update(deals::table.filter(deals::lost_to.eq(gone))).set(deals::lost_to.eq(into)).execute(tx.conn())?;
    diesel::delete(competitors::table.filter(competitors::id.eq(gone))).execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.track("merged", &None, &Some(&lost.name));
    tell(tx, Event::of("competitor.updated", "competitor", into).changes(changes))?;
    Ok((lost, kept))
}

fn tell(tx: &mut OrgTx, event: Event) -> AppResult<()> {
    events::record_quietly(tx, event)?;
    live::publish(tx, &LiveMessage::refresh())
}

fn taken(error: DieselError) -> AppError {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => {
            AppError::field("name", "is another competitor's already: merge the one into the other instead")
        }
        other => other.into(),
    }
}
