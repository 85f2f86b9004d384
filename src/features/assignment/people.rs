//! `/settings/assignment/people`: how much each takes on, and when they are away.

use crate::{
    db::{Db, OrgTx, Tx},
    error::AppResult,
    events::{self, Event},
    features::accounts::members,
    kernel::{MemberId, calendar},
    schema::assignment_people as people,
    web::{Allow, Form, FormErrors, Page, flash::Flash, permission::organisation::Administer, reply},
};
use actix_web::{HttpResponse, web::Data};
use chrono::NaiveDate;
use diesel::prelude::*;
use serde_json::json;
use std::collections::HashMap;

/// A member as their share of the work stands.
pub(super) struct Line {
    pub id: MemberId,
    pub name: String,
    pub capacity: String,
    pub away_from: String,
    pub away_until: String,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone, Debug, PartialEq)]
#[diesel(table_name = people, treat_none_as_null = true)]
struct Share {
    member_id: MemberId,
    capacity: i32,
    away_from: Option<NaiveDate>,
    away_until: Option<NaiveDate>,
}

pub(super) fn lines(tx: &mut OrgTx) -> AppResult<Vec<Line>> {
    let known: Vec<Share> = people::table.select(Share::as_select()).load(tx.conn())?;
    let known: HashMap<MemberId, Share> = known.into_iter().map(|share| (share.member_id, share)).collect();
    let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
    let line = |person: members::Person| {
        let share = known.get(&person.id);
        Line {
            id: person.id,
            name: person.name,
            capacity: share.map_or(100, |share| share.capacity).to_string(),
            away_from: day(share.and_then(|share| share.away_from)),
            away_until: day(share.and_then(|share| share.away_until)),
        }
    };
    Ok(members::directory(tx)?.into_iter().filter(|person| person.active).map(line).collect())
}

fn parse(form: &Form) -> Result<Vec<Share>, FormErrors> {
    let mut p = form.parser();
    let mut shares = Vec::new();
    for id in form.all("member") {
        let Ok(member_id) = id.parse::<MemberId>() else { continue };
        let key = |what: &str| format!("{what}-{id}");
        let capacity = p.integer(&key("capacity"), 0, 1000).and_then(|n| i32::try_from(n).ok()).unwrap_or(100);
        let away_from = p.optional(&key("from"), calendar::parse_date);
        let away_until = p.optional(&key("until"), calendar::parse_date);
        if away_from.zip(away_until).is_some_and(|(from, until)| until < from) {
            p.error(&key("until"), "is before the absence begins");
        }
        shares.push(Share { member_id, capacity, away_from, away_until });
    }
    p.finish()?;
    Ok(shares)
}

/// `POST /settings/assignment/people`: `member` …, and of each `capacity-<id>`, `from-<id>`, `until-<id>`
pub(super) async fn save(page: Page, by: Allow<Administer>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let done = match parse(&form) {
        Ok(shares) => db.org(&by, move |tx| keep(tx, &shares)).await.map(|()| None)?,
        Err(errors) => errors.iter().next().map(|(_, told)| told.to_owned()),
    };
    let flash = match done {
        None => Flash::success("Saved"),
        Some(told) => Flash::danger(format!("Nothing was saved: a value {told}.")),
    };
    Ok(reply::redirect(&page.req, "/settings/assignment", Some(flash)))
}

fn keep(tx: &mut OrgTx, shares: &[Share]) -> AppResult<()> {
    let known: Vec<MemberId> = members::directory(tx)?.into_iter().map(|person| person.id).collect();
    for share in shares.iter().filter(|share| known.contains(&share.member_id)) {
        let before: Option<Share> = people::table
            .filter(people::member_id.eq(share.member_id))
            .select(Share::as_select())
            .first(tx.conn())
            .optional()?;
        let usual = Share { member_id: share.member_id, capacity: 100, away_from: None, away_until: None };
        if *share == before.unwrap_or(usual) {
            continue;
        }
        diesel::insert_into(people::table)
            .values(share)
            .on_conflict((people::org_id, people::member_id))
            .do_update()
            .set(share)
            .execute(tx.conn())?;
        let data = json!({ "capacity": share.capacity, "away_from": share.away_from, "away_until": share.away_until });
        events::record(tx, Event::of("member.shares", "member", share.member_id).data(data))?;
    }
    Ok(())
}
