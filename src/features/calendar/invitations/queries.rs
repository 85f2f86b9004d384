//! Who is invited to an activity, and who could be.

use super::mails;
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    features::activities::{Activity, seen_of},
    kernel::{ActivityId, RecordType},
    schema::activities,
    web::{
        Actor,
        permission::{Permission, activities::Edit},
    },
};
use chrono::{Duration, Utc};
use diesel::{prelude::*, sql_types as t};
use uuid::Uuid;

/// Later dates of a series that guests are invited to at once: each has a mail of its own.
pub(super) const MOST_LATER: usize = 30;

/// For `calendar/_guests.html`.
#[derive(Clone, Debug, Default)]
pub struct Guests {
    pub list: Vec<Guest>,
    /// Contacts who take part, or whom it is about, and who have an address: id, name and address.
    pub candidates: Vec<(Uuid, String, String)>,
    pub may_invite: bool,
    /// Of what repeats: how many later dates there are to invite to as well, as far as they are planned; none where they are too many.
    pub later: Option<usize>,
    /// What is missing before anybody can be invited.
    pub missing: &'static str,
}

#[derive(Clone, Debug)]
pub struct Guest {
    pub id: Uuid,
    pub name: String,
    pub email: String,
    pub href: Option<String>,
    /// `Accepted`, `No answer yet`.
    pub answer: &'static str,
    pub tone: &'static str,
    pub comment: String,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Text)]
    name: String,
    #[diesel(sql_type = t::Text)]
    email: String,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    answer: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    comment: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    contact_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    contact_owner: Option<Uuid>,
}

#[derive(QueryableByName)]
struct Candidate {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Text)]
    name: String,
    #[diesel(sql_type = t::Text)]
    email: String,
}

/// What an answer is called, and its tone.
pub(super) fn words(answer: Option<&str>) -> (&'static str, &'static str) {
    match answer {
        Some("accepted") => ("Accepted", "good"),
        Some("declined") => ("Declined", "bad"),
        Some("tentative") => ("Perhaps", "warn"),
        _ => ("No answer yet", "none"),
    }
}

impl Guests {
    /// Of an activity that the caller has found visible.
    pub fn load(tx: &mut OrgTx, actor: &Actor, activity: &Activity) -> AppResult<Self> {
        let sees = actor.may(&format!("{}.view", RecordType::Contact.noun()));
        let guests = diesel::sql_query(
            "SELECT g.id, g.name, g.email, g.answer, g.comment, c.id AS contact_id, c.owner_id AS contact_owner FROM activity_guests g \
             LEFT JOIN contacts c ON c.org_id = g.org_id AND c.id = g.contact_id AND c.deleted_at IS NULL \
             WHERE g.activity_id = $1 AND g.withdrawn_at IS NULL ORDER BY g.created_at, g.id",
        )
        .bind::<t::Uuid, _>(activity.id.0);
        let rows: Vec<Row> = kept(guests).load(tx.conn())?;
        let may_invite = actor.may(Edit::KEY) && activity.is_open();
        let candidates = if may_invite && sees { candidates(tx, actor, activity.id)? } else { vec![] };
        let guest = |row: Row| {
            let (answer, tone) = words(row.answer.as_deref());
            let seen = row.contact_id.filter(|_| sees && actor.sees(row.contact_owner));
            Guest {
                id: row.id,
                name: if row.name.is_empty() { row.email.clone() } else { row.name },
                email: row.email,
                href: seen.map(|id| format!("/contacts/{id}")),
                answer,
                tone,
                comment: row.comment.unwrap_or_default(),
            }
        };
        let undated = activity.fields.start_at.is_none() && activity.fields.due_on.is_none();
        Ok(Self {
            list: rows.into_iter().map(guest).collect(),
            candidates,
            may_invite,
            later: match activity.occurrence() {
                Some(_) => Some(later(tx, actor, activity)?.len()).map(|n| if n > MOST_LATER { 0 } else { n }),
                None => None,
            },
            missing: match () {
                () if undated => "Guests can be invited once it has a day.",
                () if mails::is_over(activity) => "It is over: guests can be invited once it has a new time.",
                () => "",
            },
        })
    }
}

/// The open occurrences after this one that guests can be invited to by the actor, in their order: those they see, that have a day and are
/// not over. One more than [`MOST_LATER`] at most.
pub(super) fn later(tx: &mut OrgTx, actor: &Actor, activity: &Activity) -> AppResult<Vec<ActivityId>> {
    let Some((series, day)) = activity.occurrence() else { return Ok(vec![]) };
    let of = activities::table.filter(activities::series_id.eq(series)).filter(activities::occurs_on.gt(day));
    let open = of.filter(activities::closed_at.is_null()).filter(activities::deleted_at.is_null());
    // As `mails::is_over` has it.
    let timed = activities::start_at.is_not_null().and(activities::start_at.gt(Utc::now() - Duration::days(1)));
    let all_day = activities::start_at.is_null().and(activities::due_on.is_not_null());
    let mut found: Vec<ActivityId> =
        open.filter(timed.or(all_day)).order(activities::occurs_on).select(activities::id).load(tx.conn())?;
    if actor.visible_owners().is_some() {
        let seen = seen_of(tx, actor, found.iter().map(|id| id.0).collect())?;
        found.retain(|id| seen.contains(&id.0));
    }
    found.truncate(MOST_LATER + 1);
    Ok(found)
}

/// Those the actor sees, who may be written to.
fn candidates(tx: &mut OrgTx, actor: &Actor, id: ActivityId) -> AppResult<Vec<(Uuid, String, String)>> {
    let query = diesel::sql_query(
        "SELECT c.id, coalesce(nullif(btrim(c.first_name || ' ' || c.last_name), ''), c.email) AS name, c.email FROM contacts c \
         WHERE c.id IN (SELECT contact_id FROM activity_participants WHERE activity_id = $1 AND contact_id IS NOT NULL \
             UNION SELECT contact_id FROM activities WHERE id = $1 AND contact_id IS NOT NULL) \
           AND c.email IS NOT NULL AND NOT c.do_not_contact AND c.deleted_at IS NULL AND ($2 IS NULL OR c.owner_id = ANY ($2)) \
           AND NOT EXISTS (SELECT 1 FROM activity_guests g WHERE g.activity_id = $1 AND g.withdrawn_at IS NULL AND g.email = lower(c.email)) \
         ORDER BY c.name_key, c.id",
    )
    .bind::<t::Uuid, _>(id.0)
    .bind::<t::Nullable<t::Array<t::Uuid>>, _>(actor.visible_owners());
    let rows: Vec<Candidate> = kept(query).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| (row.id, row.name, row.email)).collect())
}

#[derive(QueryableByName)]
struct Zone {
    #[diesel(sql_type = t::Text)]
    time_zone: String,
}

/// An active member's.
pub(super) fn zone_of(tx: &mut OrgTx, member: Uuid) -> AppResult<Option<String>> {
    let query = diesel::sql_query("SELECT time_zone FROM app.member_zones() WHERE id = $1").bind::<t::Uuid, _>(member);
    let row: Option<Zone> = kept(query).get_result(tx.conn()).optional()?;
    Ok(row.map(|row| row.time_zone))
}
