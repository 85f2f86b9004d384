//! The organisations and people that seeds create, through the same functions as sign-up.

use crate::{
    db::{SystemTx, Tx},
    error::AppResult,
    features::{
        accounts::{
            organisations::{self, NewOrganisation, NewUser},
            password,
        },
        pipeline::category_of,
    },
    kernel::{OrgId, PipelineId, StageId, TeamId, UserId},
    schema::{organisations as orgs, pipelines, stages, team_members, teams},
};
use diesel::prelude::*;

/// The password of everyone in a seeded organisation.
pub const PASSWORD: &str = "pipewright-demo";

/// Someone to be created.
pub struct Someone {
    pub email: String,
    pub name: String,
    pub role: &'static str,
}

impl Someone {
    pub fn new(email: impl Into<String>, name: impl Into<String>, role: &'static str) -> Self {
        Self { email: email.into(), name: name.into(), role }
    }
}

/// Whether there is an organisation of that slug.
pub fn exists(tx: &mut SystemTx, slug: &str) -> AppResult<bool> {
    Ok(diesel::select(diesel::dsl::exists(orgs::table.filter(orgs::slug.eq(slug)))).get_result(tx.conn())?)
}

/// Creates the organisation; the first of `people` is its first administrator. Answers in the order given.
pub fn organisation(tx: &mut SystemTx, slug: &str, name: &str, people: &[Someone]) -> AppResult<(OrgId, Vec<UserId>)> {
    let hash = password::hash(PASSWORD)?;
    let mut users = Vec::with_capacity(people.len());
    for someone in people {
        let new = NewUser {
            email: someone.email.clone(),
            name: someone.name.clone(),
            password_hash: Some(hash.clone()),
            time_zone: "Europe/Amsterdam".into(),
            locale: "en-GB".into(),
            verified: true,
        };
        users.push(organisations::create_user(tx, &new)?);
    }
    let new = NewOrganisation {
        name: name.into(),
        slug: Some(slug.into()),
        currency: "EUR".into(),
        locale: "en-GB".into(),
        time_zone: "Europe/Amsterdam".into(),
    };
    let admin = users.first().copied().ok_or_else(|| anyhow::anyhow!("an organisation needs a first member"))?;
    let org = organisations::create(tx, &new, admin)?;
    for (someone, user) in people.iter().zip(&users).skip(1) {
        organisations::add_member(tx, org, *user, someone.role)?;
    }
    Ok((org, users))
}

pub fn team(tx: &mut SystemTx, org: OrgId, name: &str, manager: Option<UserId>, members: &[UserId]) -> AppResult<()> {
    let id = TeamId::new();
    diesel::insert_into(teams::table)
        .values((
            teams::org_id.eq(org),
            teams::id.eq(id),
            teams::name.eq(name),
            teams::manager_id.eq(manager.map(|m| m.0)),
        ))
        .execute(tx.conn())?;
    for member in members {
        diesel::insert_into(team_members::table)
            .values((team_members::org_id.eq(org), team_members::team_id.eq(id), team_members::member_id.eq(member.0)))
            .execute(tx.conn())?;
    }
    Ok(())
}

/// A further pipeline. Stages: name, colour, probability in percent, rotting days.
pub fn pipeline(
    tx: &mut SystemTx,
    org: OrgId,
    name: &str,
    position: i32,
    its_stages: &[(&str, &str, i16, i16)],
) -> AppResult<()> {
    let id = PipelineId::new();
    diesel::insert_into(pipelines::table)
        .values((
            pipelines::org_id.eq(org),
            pipelines::id.eq(id),
            pipelines::name.eq(name),
            pipelines::position.eq(position),
        ))
        .execute(tx.conn())?;
    for (position, (name, color, probability, rotting)) in (0..).zip(its_stages) {
        diesel::insert_into(stages::table)
            .values((
                (stages::org_id.eq(org), stages::id.eq(StageId::new()), stages::pipeline_id.eq(id)),
                (stages::name.eq(name), stages::color.eq(color), stages::probability.eq(probability)),
                (stages::rotting_days.eq(rotting), stages::position.eq(position)),
                stages::forecast_category.eq(category_of(*probability)),
            ))
            .execute(tx.conn())?;
    }
    Ok(())
}
