//! A new organisation: its roles, its first member, a pipeline and types of activity to start with.

use crate::{
    db::{SystemTx, Tx},
    error::{AppError, AppResult},
    features::{activities, pipeline::category_of},
    kernel::{MemberId, OrgId, PipelineId, RoleId, StageId, UserId, text},
    schema::{counters, members, organisations, pipelines, roles, stages, users},
    web::permission,
};
use diesel::prelude::*;

/// Key, name and visibility of the built-in roles.
pub const ROLES: &[(&str, &str, &str)] = &[
    ("administrator", "Administrator", "all"),
    ("manager", "Manager", "all"),
    ("rep", "Rep", "all"),
    ("viewer", "Viewer", "all"),
];

/// Name, colour, probability in percent, rotting days.
const STAGES: &[(&str, &str, i16, i16)] = &[
    ("Qualified", "lime", 20, 14),
    ("Contact made", "teal", 35, 14),
    ("Proposal", "blue", 55, 14),
    ("Negotiation", "violet", 75, 10),
    ("Contract sent", "pink", 90, 7),
];

/// What a new organisation starts with; the administrator can change it all.
#[derive(Clone, Debug)]
pub struct NewOrganisation {
    pub name: String,
    /// `None`: made from the name, and made unique.
    pub slug: Option<String>,
    pub currency: String,
    pub locale: String,
    pub time_zone: String,
}

/// A new person, not yet a member of anything. The e-mail is lower case.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub email: String,
    pub name: String,
    pub password_hash: Option<String>,
    pub time_zone: String,
    pub locale: String,
    pub verified: bool,
}

pub fn create_user(tx: &mut SystemTx, new: &NewUser) -> AppResult<UserId> {
    let id = UserId::new();
    diesel::insert_into(users::table)
        .values((
            users::id.eq(id),
            users::email.eq(&new.email),
            users::name.eq(&new.name),
            users::password_hash.eq(&new.password_hash),
            users::time_zone.eq(&new.time_zone),
            users::locale.eq(&new.locale),
            users::email_verified_at.eq(new.verified.then(chrono::Utc::now)),
        ))
        .execute(tx.conn())?;
    Ok(id)
}

/// Creates the organisation with `admin` as its first administrator.
pub fn create(tx: &mut SystemTx, new: &NewOrganisation, admin: UserId) -> AppResult<OrgId> {
    let id = OrgId::new();
    let slug = match &new.slug {
        Some(slug) => slug.clone(),
        None => free_slug(tx, &new.name)?,
    };
    diesel::insert_into(organisations::table)
        .values((
            organisations::id.eq(id),
            organisations::slug.eq(slug),
            organisations::name.eq(&new.name),
            organisations::currency.eq(&new.currency),
            organisations::locale.eq(&new.locale),
            organisations::time_zone.eq(&new.time_zone),
        ))
        .execute(tx.conn())?;
    for (position, (key, name, visibility)) in (0..).zip(ROLES) {
        diesel::insert_into(roles::table)
            .values((
                roles::org_id.eq(id),
                roles::id.eq(RoleId::new()),
                roles::key.eq(key),
                roles::name.eq(name),
                roles::permissions.eq(permission::defaults(key)),
                roles::visibility.eq(visibility),
                roles::position.eq(position),
            ))
            .execute(tx.conn())?;
    }
    diesel::insert_into(counters::table)
        .values((counters::org_id.eq(id), counters::key.eq("deal"), counters::value.eq(1_000i64)))
        .execute(tx.conn())?;
    add_member(tx, id, admin, "administrator")?;
    first_pipeline(tx, id)?;
    activities::seed_types(tx, id)?;
    Ok(id)
}

/// Makes an existing person a member with the role of that key.
pub fn add_member(tx: &mut SystemTx, org: OrgId, user: UserId, role: &str) -> AppResult<MemberId> {
    let role =
        roles::table.filter(roles::org_id.eq(org)).filter(roles::key.eq(role)).select(roles::id).first(tx.conn())?;
    add_member_as(tx, org, user, role)
}

/// Makes an existing person a member with that role.
pub fn add_member_as(tx: &mut SystemTx, org: OrgId, user: UserId, role: RoleId) -> AppResult<MemberId> {
    let (name, email, avatar): (String, String, Option<String>) =
        users::table.find(user).select((users::name, users::email, users::avatar_tag)).first(tx.conn())?;
    diesel::insert_into(members::table)
        .values((
            members::org_id.eq(org),
            members::id.eq(user),
            members::role_id.eq(role),
            members::name.eq(name),
            members::email.eq(email),
            members::avatar_tag.eq(avatar),
        ))
        .execute(tx.conn())?;
    Ok(user.into())
}

fn first_pipeline(tx: &mut SystemTx, org: OrgId) -> AppResult<PipelineId> {
    let id = PipelineId::new();
    diesel::insert_into(pipelines::table)
        .values((pipelines::org_id.eq(org), pipelines::id.eq(id), pipelines::name.eq("New business")))
        .execute(tx.conn())?;
    for (position, (name, color, probability, rotting)) in (0..).zip(STAGES) {
        diesel::insert_into(stages::table)
            .values((
                stages::org_id.eq(org),
                stages::id.eq(StageId::new()),
                stages::pipeline_id.eq(id),
                stages::name.eq(name),
                stages::color.eq(color),
                stages::probability.eq(probability),
                stages::rotting_days.eq(rotting),
                stages::position.eq(position),
                stages::forecast_category.eq(category_of(*probability)),
            ))
            .execute(tx.conn())?;
    }
    Ok(id)
}

/// `aurelia`, `aurelia-2`, … : the first that is free. A race for it ends in a conflict, and the second asks again.
fn free_slug(tx: &mut SystemTx, name: &str) -> AppResult<String> {
    let base = match text::slug(name) {
        slug if slug.is_empty() => "organisation".to_owned(),
        slug => slug,
    };
    let pattern = format!("{base}-%");
    let taken: Vec<String> = organisations::table
        .filter(organisations::slug.eq(&base).or(organisations::slug.like(pattern)))
        .select(organisations::slug)
        .load(tx.conn())?;
    let free = (1..=taken.len() + 1)
        .map(|n| if n == 1 { base.clone() } else { format!("{base}-{n}") })
        .find(|slug| !taken.contains(slug));
    free.ok_or_else(|| AppError::Conflict("This name is taken. Choose another.".into()))
}
