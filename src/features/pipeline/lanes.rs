//! What the open deals of a pipeline are grouped by: the rows of a board, the groups of a timeline. Each lane has the condition that its
//! deals obey; a page has a few lanes, so that a pipeline of ten thousand companies is looked at a few at a time.

use super::{
    Stage,
    board::{
        Scope,
        cards::{ON_BOARD, conditions, kept_totals, load},
    },
};
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::{
        deals::PRIORITIES,
        records::list::sql::{Fragment, Literal, Sql},
    },
    kernel::{PipelineId, text},
    web::shell::avatar_url,
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// Lanes of a page.
pub const PAGE: usize = 8;
/// Rows of a board, whose cards take the room: further ones come as one scrolls.
pub const BOARD: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Owner,
    Company,
    Priority,
    Stage,
}

impl By {
    pub const ALL: [By; 4] = [By::Owner, By::Stage, By::Company, By::Priority];

    pub fn key(self) -> &'static str {
        match self {
            By::Owner => "owner",
            By::Company => "company",
            By::Priority => "priority",
            By::Stage => "stage",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            By::Owner => "Owner",
            By::Company => "Company",
            By::Priority => "Priority",
            By::Stage => "Stage",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.key() == text)
    }
}

pub struct Lane {
    pub key: String,
    pub label: String,
    /// The face of an owner: initials, colour, picture.
    pub face: Option<(String, String, Option<String>)>,
    /// The colour of a stage.
    pub color: String,
    /// What its deals are beside the scope, over `r`.
    pub condition: Fragment,
}

/// A page of lanes, and where the next one begins.
pub struct Lanes {
    pub all: Vec<Lane>,
    pub next: Option<String>,
}

pub fn page(
    tx: &mut OrgTx,
    (pipeline, by): (PipelineId, By),
    stages: &[Stage],
    scope: &Scope,
    (after, most): (&str, usize),
) -> AppResult<Lanes> {
    let mut all = match by {
        By::Owner => owners(tx, pipeline, scope)?,
        By::Priority => priorities(),
        By::Stage => stages.iter().filter(|stage| stage.pipeline_id == pipeline).map(of_stage).collect(),
        By::Company => return companies(tx, pipeline, scope, (after, most)),
    };
    let skipped: usize = if after.is_empty() { 0 } else { after.parse().map_err(|_| damaged())? };
    let next = (all.len() > skipped.saturating_add(most)).then(|| (skipped + most).to_string());
    let all = all.drain(..).skip(skipped).take(most).collect();
    Ok(Lanes { all, next })
}

/// One lane by its key.
pub fn one(
    tx: &mut OrgTx,
    (pipeline, by): (PipelineId, By),
    stages: &[Stage],
    scope: &Scope,
    key: &str,
) -> AppResult<Lane> {
    let found = match by {
        By::Owner => owners(tx, pipeline, scope)?.into_iter().find(|lane| lane.key == key),
        By::Priority => priorities().into_iter().find(|lane| lane.key == key),
        By::Stage => stages.iter().filter(|s| s.pipeline_id == pipeline).map(of_stage).find(|lane| lane.key == key),
        By::Company if key == NONE => Some(without_company()),
        By::Company => {
            let id: Uuid = key.parse().map_err(|_| damaged())?;
            named_companies(tx, pipeline, scope, (Fragment::text(" AND c.id = ").bind(Literal::Uuid(id)), 1))?
                .pop()
                .map(|(_, lane)| lane)
        }
    };
    found.ok_or(AppError::NotFound)
}

const NONE: &str = "none";

fn damaged() -> AppError {
    AppError::field("lanes", "is not a place among them")
}

fn lane(key: String, label: String, condition: Fragment) -> Lane {
    Lane { key, label, face: None, color: String::new(), condition }
}

fn of_stage(stage: &Stage) -> Lane {
    let condition = Fragment::text(" AND r.stage_id = ").bind(Literal::Uuid(stage.id.0));
    Lane { color: stage.color.clone(), ..lane(stage.id.to_string(), stage.name.clone(), condition) }
}

/// The most pressing first.
fn priorities() -> Vec<Lane> {
    let of = |key: &str, label: &str, n: i64| {
        lane(key.to_owned(), label.to_owned(), Fragment::text(format!(" AND r.priority_key = {n}")))
    };
    let named = (1..).zip(PRIORITIES).map(|(n, (key, label))| of(key, label, n));
    let mut all: Vec<Lane> = named.collect();
    all.reverse();
    all.push(of(NONE, "No priority", 0));
    all
}

#[derive(QueryableByName)]
struct Owner {
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    owner_id: Option<Uuid>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    name: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    avatar_tag: Option<String>,
}

/// Those who own open deals here, by name, from the kept totals where they can say so.
fn owners(tx: &mut OrgTx, pipeline: PipelineId, scope: &Scope) -> AppResult<Vec<Lane>> {
    let counted = kept_totals(scope);
    let mut sql = Sql::new("SELECT o.owner_id, m.name, m.avatar_tag FROM (SELECT r.owner_id FROM ");
    sql.text(match counted {
        Some((table, _)) => format!("{table} r WHERE true"),
        None => format!("deals r WHERE {ON_BOARD}"),
    });
    sql.text(" AND r.pipeline_id = ");
    sql.literal(Literal::Uuid(pipeline.0));
    sql.fragment(&counted.as_ref().map_or_else(|| conditions(scope), |(_, narrowed)| narrowed.clone()));
    sql.text(" GROUP BY 1");
    if counted.is_some() {
        sql.text(" HAVING sum(r.deals) <> 0");
    }
    sql.text(") o LEFT JOIN members m ON m.id = o.owner_id ORDER BY lower(m.name) NULLS LAST, o.owner_id");
    let rows: Vec<Owner> = load(tx, sql, scope)?;
    Ok(rows.into_iter().map(Lane::from).collect())
}

impl From<Owner> for Lane {
    fn from(row: Owner) -> Self {
        let (Some(id), Some(name)) = (row.owner_id, row.name) else {
            return lane(NONE.to_owned(), "Nobody yet".to_owned(), Fragment::text(" AND r.owner_id IS NULL"));
        };
        let key = id.to_string();
        let picture = avatar_url(&key, row.avatar_tag.as_deref());
        let face = Some((text::initials(&name), text::avatar_class(&key), picture));
        let condition = Fragment::text(" AND r.owner_id = ").bind(Literal::Uuid(id));
        Lane { face, ..lane(key, name, condition) }
    }
}

#[derive(QueryableByName)]
struct Company {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    name: String,
    #[diesel(sql_type = sql_types::Text)]
    name_key: String,
}

/// Live companies with open deals here, along the index of their names.
fn named_companies(
    tx: &mut OrgTx,
    pipeline: PipelineId,
    scope: &Scope,
    (narrowed, most): (Fragment, usize),
) -> AppResult<Vec<(String, Lane)>> {
    let mut sql = Sql::new(
        "SELECT c.id, c.name, c.name_key FROM companies c WHERE c.archived_at IS NULL AND c.deleted_at IS NULL",
    );
    sql.fragment(&narrowed);
    sql.text(format!(
        " AND EXISTS (SELECT 1 FROM deals r WHERE r.org_id = c.org_id AND r.company_id = c.id AND {ON_BOARD} AND r.pipeline_id = "
    ));
    sql.literal(Literal::Uuid(pipeline.0));
    sql.fragment(&conditions(scope));
    sql.text(format!(") ORDER BY c.name_key, c.id LIMIT {most}"));
    let rows: Vec<Company> = load(tx, sql, scope)?;
    let made = rows.into_iter().map(|row| {
        let condition = Fragment::text(" AND r.company_id = ").bind(Literal::Uuid(row.id));
        (format!("{}~{}", row.id, row.name_key), lane(row.id.to_string(), row.name, condition))
    });
    Ok(made.collect())
}

/// Deals with no company, or with one that is archived: after all the others.
fn without_company() -> Lane {
    let live = "SELECT 1 FROM companies c WHERE c.org_id = r.org_id AND c.id = r.company_id AND c.archived_at IS NULL AND c.deleted_at IS NULL";
    lane(NONE.to_owned(), "No company".to_owned(), Fragment::text(format!(" AND NOT EXISTS ({live})")))
}

fn companies(tx: &mut OrgTx, pipeline: PipelineId, scope: &Scope, (after, most): (&str, usize)) -> AppResult<Lanes> {
    let narrowed = match after.split_once('~') {
        None if after.is_empty() => Fragment::default(),
        None => return Err(damaged()),
        Some((id, name)) => {
            let id: Uuid = id.parse().map_err(|_| damaged())?;
            let place = Fragment::text(" AND (c.name_key, c.id) > (").bind(Literal::Text(name.to_owned()));
            place.push(", ").bind(Literal::Uuid(id)).push(")")
        }
    };
    let mut found = named_companies(tx, pipeline, scope, (narrowed, most + 1))?;
    let more = found.len() > most;
    found.truncate(most);
    let next = found.last().filter(|_| more).map(|(cursor, _)| cursor.clone());
    let mut all: Vec<Lane> = found.into_iter().map(|(_, lane)| lane).collect();
    if next.is_none() {
        all.push(without_company());
    }
    Ok(Lanes { all, next })
}
