//! Inviting, withdrawing, and following what becomes of the activity: every change that concerns guests reaches them.

use super::{
    mails::{self, Method},
    queries,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        activities::{self, Activity},
        mails::look_up,
    },
    kernel::ActivityId,
    live::{self, LiveMessage},
    schema::{activities as rows, activity_guests, activity_invitations, contacts},
    web::{Actor, Allow, permission::activities::Edit},
};
use chrono::Utc;
use diesel::prelude::*;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Most guests of one activity.
const MOST: i64 = 50;

/// Most invitations of people to dates that go out at once: each is a mail.
const MOST_AT_ONCE: usize = 150;

/// Somebody to invite.
#[derive(Clone, Debug)]
pub enum Invitee {
    Contact(Uuid),
    /// A checked address.
    Address(String),
}

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = activity_invitations)]
pub(super) struct Invitation {
    pub activity_id: ActivityId,
    pub organiser_id: Uuid,
    pub sequence: i32,
    pub told: String,
    pub message: Option<String>,
    pub cancelled: bool,
}

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = activity_guests)]
pub(super) struct Kept {
    pub id: Uuid,
    pub name: String,
    pub email: String,
    /// `accepted`, `declined`, `tentative`.
    pub answer: Option<String>,
}

impl Kept {
    pub fn called(&self) -> &str {
        if self.name.is_empty() { &self.email } else { &self.name }
    }
}

/// Invites those who are not invited yet; returns how many.
pub fn invite(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    id: ActivityId,
    people: &[Invitee],
    message: Option<String>,
) -> AppResult<usize> {
    let activity = activities::find(tx, by, id)?;
    if !activity.is_open() {
        return Err(AppError::Conflict("It is closed. Reopen it first.".into()));
    }
    if activity.fields.start_at.is_none() && activity.fields.due_on.is_none() {
        return Err(AppError::field("guest_email", "Give it a day first: guests are invited to a time."));
    }
    if mails::is_over(&activity) {
        return Err(AppError::field("guest_email", "It is over. Give it a new time first."));
    }
    let message = message.as_deref();
    diesel::insert_into(activity_invitations::table)
        .values((
            (activity_invitations::activity_id.eq(id), activity_invitations::organiser_id.eq(by.id.0)),
            (activity_invitations::told.eq(told(&activity)), activity_invitations::message.eq(message)),
        ))
        .on_conflict((activity_invitations::org_id, activity_invitations::activity_id))
        .do_update()
        .set(activity_invitations::message.eq(message))
        .execute(tx.conn())?;
    let mut invitation = lock(tx, id)?.ok_or(AppError::NotFound)?;
    let (mut invited, mut back) = (Vec::new(), false);
    for person in people {
        let (contact, name, email) = who(tx, by, person)?;
        if let Some((guest, again)) = add(tx, id, contact, &name, &email)? {
            if again {
                back = true;
                mails::hold_back(tx, &guest, &invitation)?;
            }
            take_part(tx, id, contact)?;
            note(tx, id, None, Some(&guest))?;
            invited.push(guest);
        }
    }
    let count: i64 = activity_guests::table
        .filter(activity_guests::activity_id.eq(id))
        .filter(activity_guests::withdrawn_at.is_null())
        .count()
        .get_result(tx.conn())?;
    if count > MOST {
        return Err(AppError::field("guest_email", format!("At most {MOST} guests can be invited.")));
    }
    if back {
        // What called them off may arrive later, and must not be the last word.
        invitation.sequence += 1;
        save(tx, &invitation)?;
    }
    let all = everybody(tx, id)?;
    mails::send(tx, &activity, &invitation, (&invited, &all), Method::Request { changed: false })?;
    Ok(invited.len())
}

/// [`invite`], and to the later dates of its series too; returns how many invitations that makes.
pub(super) fn invite_on(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    id: ActivityId,
    people: &[Invitee],
    message: Option<&str>,
) -> AppResult<usize> {
    let first = activities::find(tx, by, id)?;
    let later = queries::later(tx, by, &first)?;
    if later.len() > queries::MOST_LATER {
        return Err(AppError::field("guest_scope", "There are too many later dates to invite to them all at once."));
    }
    let mails = (later.len() + 1) * people.len();
    if mails > MOST_AT_ONCE {
        let told = format!(
            "That would be {mails} invitations at once, and {MOST_AT_ONCE} is the most. Invite fewer people at a time, or only to this date."
        );
        return Err(AppError::field("guest_scope", told));
    }
    [id].into_iter()
        .chain(later)
        .try_fold(0, |sum, id| Ok(sum + invite(tx, by, id, people, message.map(str::to_owned))?))
}

/// They are invited no longer, and are told.
pub fn withdraw(tx: &mut OrgTx, by: &Allow<Edit>, id: ActivityId, guest: Uuid) -> AppResult<()> {
    let activity = activities::find(tx, by, id)?;
    let Some(mut invitation) = lock(tx, id)? else { return Ok(()) };
    let gone: Option<Kept> = diesel::update(
        activity_guests::table
            .filter(activity_guests::id.eq(guest))
            .filter(activity_guests::activity_id.eq(id))
            .filter(activity_guests::withdrawn_at.is_null()),
    )
    .set(activity_guests::withdrawn_at.eq(Utc::now()))
    .returning(Kept::as_returning())
    .get_result(tx.conn())
    .optional()?;
    let Some(gone) = gone else { return Ok(()) };
    invitation.sequence += 1;
    save(tx, &invitation)?;
    note(tx, id, Some(&gone), None)?;
    // Who is named in a cancellation is who is called off (RFC 5546, 3.2.5): for the others it goes on.
    let gone = [gone];
    mails::send(tx, &activity, &invitation, (&gone, &gone), Method::Cancel)
}

/// After an activity changed in whatever way: guests are told what concerns them. Cheap where nobody was invited.
pub fn follow(tx: &mut OrgTx, id: ActivityId) -> AppResult<()> {
    let Some(mut invitation) = lock(tx, id)? else { return Ok(()) };
    let activity: Activity = rows::table.filter(rows::id.eq(id)).select(Activity::as_select()).first(tx.conn())?;
    let fields = &activity.fields;
    let off = activity.deleted_at.is_some()
        || activity.status == "cancelled"
        || fields.start_at.is_none() && fields.due_on.is_none();
    let now = told(&activity);
    let method = match (off, invitation.cancelled) {
        (true, true) => return Ok(()),
        (true, false) => Method::Cancel,
        (false, true) => Method::Request { changed: false },
        // What is done is done: how it was called is nothing to write to guests about.
        (false, false) if now == invitation.told || activity.status == "done" => return Ok(()),
        (false, false) => Method::Request { changed: true },
    };
    if !off && now.split(' ').next() != invitation.told.split(' ').next() {
        // An answer was to another time.
        diesel::update(activity_guests::table.filter(activity_guests::activity_id.eq(id)))
            .set((
                activity_guests::answer.eq(None::<String>),
                activity_guests::comment.eq(None::<String>),
                activity_guests::answered_at.eq(None::<chrono::DateTime<Utc>>),
            ))
            .execute(tx.conn())?;
    }
    let same = now == invitation.told;
    let back = (!off && invitation.cancelled).then(|| invitation.clone());
    invitation.sequence += 1;
    invitation.cancelled = off;
    if !off {
        invitation.told = now;
    }
    save(tx, &invitation)?;
    let all = everybody(tx, id)?;
    if let Some(cancelled) = back {
        // Who never heard that it was off need not hear that it is on, if it is what it was.
        let mut unaware = Vec::new();
        for guest in &all {
            if mails::hold_back(tx, guest, &cancelled)? && same {
                unaware.push(guest.id);
            }
        }
        let told: Vec<Kept> = all.iter().filter(|guest| !unaware.contains(&guest.id)).cloned().collect();
        return mails::send(tx, &activity, &invitation, (&told, &all), method);
    }
    mails::send(tx, &activity, &invitation, (&all, &all), method)
}

/// Who is invited now, in the order they were.
fn everybody(tx: &mut OrgTx, id: ActivityId) -> AppResult<Vec<Kept>> {
    Ok(activity_guests::table
        .filter(activity_guests::activity_id.eq(id))
        .filter(activity_guests::withdrawn_at.is_null())
        .order((activity_guests::created_at, activity_guests::id))
        .select(Kept::as_select())
        .load(tx.conn())?)
}

/// Held until the transaction ends: sequences go up one by one.
pub(super) fn lock(tx: &mut OrgTx, id: ActivityId) -> AppResult<Option<Invitation>> {
    Ok(activity_invitations::table
        .filter(activity_invitations::activity_id.eq(id))
        .select(Invitation::as_select())
        .for_update()
        .first(tx.conn())
        .optional()?)
}

fn save(tx: &mut OrgTx, invitation: &Invitation) -> AppResult<()> {
    diesel::update(activity_invitations::table.filter(activity_invitations::activity_id.eq(invitation.activity_id)))
        .set((
            activity_invitations::sequence.eq(invitation.sequence),
            activity_invitations::told.eq(&invitation.told),
            activity_invitations::cancelled.eq(invitation.cancelled),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// Hashes of what guests are told: when it is, and the rest.
fn told(activity: &Activity) -> String {
    let f = &activity.fields;
    let hash = |text: String| hex::encode(&Sha256::digest(text.as_bytes())[..12]);
    let when = hash(format!("{:?} {:?} {:?}", f.start_at, f.due_on, f.minutes));
    format!("{when} {}", hash(format!("{:?}", (&f.subject, &f.location, &f.video_url))))
}

/// Contact, name and address.
fn who(tx: &mut OrgTx, by: &Actor, person: &Invitee) -> AppResult<(Option<Uuid>, String, String)> {
    let id = match person {
        Invitee::Address(email) => {
            // Whoever's record it is: not to be written to is not to be written to by anybody.
            if look_up(tx, std::slice::from_ref(email))?.values().any(|known| known.do_not_contact) {
                return Err(AppError::field("guest_email", format!("{email} asked not to be contacted.")));
            }
            return Ok((None, String::new(), email.clone()));
        }
        Invitee::Contact(id) => *id,
    };
    let strange = || AppError::field("guest", "is not one of your contacts");
    let name = match crate::features::records::visible(tx, by, crate::kernel::RecordType::Contact, id) {
        Ok(now) => now.name,
        Err(AppError::NotFound | AppError::Forbidden(_)) => return Err(strange()),
        Err(other) => return Err(other),
    };
    let (email, asked_not_to): (Option<String>, bool) = contacts::table
        .filter(contacts::id.eq(id))
        .select((contacts::email, contacts::do_not_contact))
        .first(tx.conn())?;
    let email = email.ok_or_else(|| AppError::field("guest", format!("{name} has no e-mail address.")))?;
    if asked_not_to {
        return Err(AppError::field("guest", format!("{name} asked not to be contacted.")));
    }
    Ok((Some(id), name, email.to_lowercase()))
}

/// The guest, and whether they had been invited before; none when they are invited already.
fn add(
    tx: &mut OrgTx,
    id: ActivityId,
    contact: Option<Uuid>,
    name: &str,
    email: &str,
) -> AppResult<Option<(Kept, bool)>> {
    use diesel::sql_types as t;
    #[derive(QueryableByName)]
    struct Added {
        #[diesel(sql_type = t::Bool)]
        again: bool,
    }
    let added: Option<Added> = diesel::sql_query(
        "INSERT INTO activity_guests AS g (id, activity_id, contact_id, name, email) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (org_id, activity_id, email) DO UPDATE SET withdrawn_at = NULL, answer = NULL, comment = NULL, answered_at = NULL, \
           contact_id = coalesce(excluded.contact_id, g.contact_id), name = coalesce(nullif(excluded.name, ''), g.name) \
         WHERE g.withdrawn_at IS NOT NULL RETURNING g.id <> $1 AS again",
    )
    .bind::<t::Uuid, _>(Uuid::now_v7())
    .bind::<t::Uuid, _>(id.0)
    .bind::<t::Nullable<t::Uuid>, _>(contact)
    .bind::<t::Text, _>(name)
    .bind::<t::Text, _>(email)
    .get_result(tx.conn())
    .optional()?;
    let Some(Added { again }) = added else { return Ok(None) };
    let guest = activity_guests::table
        .filter(activity_guests::activity_id.eq(id))
        .filter(activity_guests::email.eq(email))
        .select(Kept::as_select());
    Ok(Some((guest.first(tx.conn())?, again)))
}

/// A contact who is invited takes part, on their page too.
fn take_part(tx: &mut OrgTx, id: ActivityId, contact: Option<Uuid>) -> AppResult<()> {
    let Some(contact) = contact else { return Ok(()) };
    diesel::sql_query(
        "INSERT INTO activity_participants (id, activity_id, contact_id) SELECT $1, $2, $3 \
         WHERE NOT EXISTS (SELECT 1 FROM activities WHERE id = $2 AND contact_id = $3) ON CONFLICT DO NOTHING",
    )
    .bind::<diesel::sql_types::Uuid, _>(Uuid::now_v7())
    .bind::<diesel::sql_types::Uuid, _>(id.0)
    .bind::<diesel::sql_types::Uuid, _>(contact)
    .execute(tx.conn())?;
    Ok(())
}

fn note(tx: &mut OrgTx, id: ActivityId, before: Option<&Kept>, after: Option<&Kept>) -> AppResult<()> {
    let told = |guest: Option<&Kept>| guest.map(|guest| json!({ "name": guest.called() }));
    let mut changes = Changes::new();
    changes.track("guest", &told(before), &told(after));
    events::record(tx, Event::of("activity.updated", "activity", id).changes(changes))?;
    live::publish(tx, &LiveMessage::record("activity", id.0))
}
