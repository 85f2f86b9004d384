//! Whom a mailing goes to: the records that are chosen, less those that have no address or should get no such mail.

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        mails::standing::Why,
        records::{list::Selection, name_sql},
    },
    kernel::RecordType,
    web::Actor,
};
use diesel::{prelude::*, sql_types as t};
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

/// Recipients of one mailing.
pub const MOST: usize = 20_000;
/// Looked at together.
const PIECE: i64 = 2_000;
/// Named on the page, of each reason.
const NAMED: usize = 10;

/// A record that is chosen.
#[derive(QueryableByName, Clone, Debug)]
pub struct Person {
    #[diesel(sql_type = t::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = t::Text)]
    pub name: String,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub email: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub company_id: Option<Uuid>,
    #[diesel(sql_type = t::Bool)]
    do_not_contact: bool,
    #[diesel(sql_type = t::Bool)]
    unsubscribed: bool,
    #[diesel(sql_type = t::Bool)]
    refused: bool,
}

/// How many, and the first of them by id and name.
pub type Left = (usize, Vec<(Uuid, String)>);

/// Who gets it, and who does not.
#[derive(Clone, Debug, Default)]
pub struct Audience {
    pub people: Vec<Person>,
    /// By reason.
    pub left_out: BTreeMap<&'static str, Left>,
}

impl Audience {
    /// Of a selection as it is now.
    pub fn load(tx: &mut OrgTx, actor: &Actor, selection: &Selection) -> AppResult<Self> {
        tx.without_time_limit()?;
        let (mut audience, mut seen, mut after) = (Self::default(), HashSet::new(), None);
        loop {
            let ids = selection.next(tx, actor, after, PIECE)?;
            let Some(last) = ids.last().copied() else { return Ok(audience) };
            for person in people(tx, selection.record(), &ids)? {
                audience.add(person, &mut seen);
            }
            if audience.people.len() > MOST {
                return Err(AppError::field("", "These are more than 20,000 people: choose fewer at a time."));
            }
            if i64::try_from(ids.len()).is_ok_and(|n| n < PIECE) {
                return Ok(audience);
            }
            after = Some(last);
        }
    }

    fn add(&mut self, person: Person, seen: &mut HashSet<String>) {
        let why = match &person.email {
            None => Some(Why::NoAddress),
            Some(_) if person.do_not_contact => Some(Why::DoNotContact),
            Some(_) if person.unsubscribed => Some(Why::Unsubscribed),
            Some(_) if person.refused => Some(Why::Refused),
            Some(email) => (!seen.insert(email.clone())).then_some(Why::Same),
        };
        match why {
            None => self.people.push(person),
            Some(why) => {
                let (count, named) = self.left_out.entry(why.key()).or_default();
                *count += 1;
                if named.len() < NAMED {
                    named.push((person.id, person.name));
                }
            }
        }
    }

    /// In the order of [`Why::ALL`]: the words, and who.
    pub fn told(&self) -> Vec<(&'static str, &Left)> {
        let one = |why: Why| self.left_out.get(why.key()).map(|left| (why.words(), left));
        Why::ALL.into_iter().filter_map(one).collect()
    }
}

fn people(tx: &mut OrgTx, record: RecordType, ids: &[Uuid]) -> AppResult<Vec<Person>> {
    let company = if record == RecordType::Contact { "r.company_id" } else { "NULL::uuid" };
    // Names are over the table's own columns: the address is read apart.
    let sql = format!(
        "SELECT r.id, r.name, r.email, {company} AS company_id, r.do_not_contact,
           a.unsubscribed_at IS NOT NULL AS unsubscribed, a.refused_at IS NOT NULL AS refused
         FROM (SELECT *, {} AS name FROM {} WHERE id = ANY ($1)) r LEFT JOIN mail_addresses a ON a.email = r.email ORDER BY r.id",
        name_sql(record),
        record.noun()
    );
    Ok(diesel::sql_query(sql).bind::<t::Array<t::Uuid>, _>(ids).load(tx.conn())?)
}
