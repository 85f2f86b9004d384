//! What hangs on a record changes sides with it, set by set, and goes back by the ids kept of it. What both records had already is
//! kept apart, for the undo to give back.

use super::links::{self, Linked};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::notifications,
    kernel::{MergeId, RecordType},
    live::{self, LiveMessage},
    search,
};
use diesel::{prelude::*, sql_types};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Up to so many records are written into search in the transaction; more by a job.
const AT_ONCE: usize = 1_000;

/// Ids of what changed sides.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(super) struct Moved {
    pub notes: Vec<Uuid>,
    pub activities: Vec<Uuid>,
    /// Mails about the record, and the places in which it stands among their recipients.
    pub mails: Vec<Uuid>,
    pub mailed: Vec<Uuid>,
    pub files: Vec<Uuid>,
    pub comments: Vec<Uuid>,
    /// The company's people, deals and subsidiaries.
    pub contacts: Vec<Uuid>,
    pub deals: Vec<Uuid>,
    pub companies: Vec<Uuid>,
    /// Leads that became the record.
    pub leads: Vec<Uuid>,
    /// What the lead came in with through web forms, its consent among it.
    pub submissions: Vec<Uuid>,
    /// Deals the contact has a part in, and those both had.
    pub parts: Vec<Uuid>,
    /// As whom the contact is invited to activities.
    pub guests: Vec<Uuid>,
    /// What the contact takes part in, and the activities both do.
    pub attended: Vec<Uuid>,
    pub shared_attended: Vec<Uuid>,
    /// Who follows or mutes the survivor since, because they did the merged record.
    pub followers: Vec<Uuid>,
    pub shared_parts: Vec<Part>,
    pub tags: Vec<Uuid>,
    pub shared_tags: Vec<Uuid>,
    pub segments: Vec<Uuid>,
    pub shared_segments: Vec<Uuid>,
    /// Records that link here in fields of the organisation's own.
    pub links: Vec<Linked>,
}

/// A deal both contacts had a part in.
#[derive(Serialize, Deserialize, QueryableByName, Clone, Debug)]
pub(super) struct Part {
    #[diesel(sql_type = sql_types::Uuid)]
    pub deal: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    pub role: String,
    /// The survivor had no role of its own there, and took this one.
    #[diesel(sql_type = sql_types::Bool)]
    pub taken: bool,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

/// From one record to another.
#[derive(Clone, Debug)]
pub(super) struct Way<'a> {
    pub merge: MergeId,
    pub record: RecordType,
    pub from: Uuid,
    pub to: Uuid,
    pub from_name: &'a str,
    pub to_name: &'a str,
}

/// Everything that hangs on `from` now hangs on `to`.
pub(super) fn hand_over(tx: &mut OrgTx, way: &Way) -> AppResult<Moved> {
    let key = way.record.key();
    let mut moved = Moved { notes: repoint(tx, way, "notes", "id", &format!("{key}_id"), None)?, ..Moved::default() };
    moved.activities = repoint(tx, way, "activities", "id", &format!("{key}_id"), None)?;
    moved.mails = repoint(tx, way, "mail_messages", "id", &format!("{key}_id"), None)?;
    if matches!(way.record, RecordType::Contact | RecordType::Lead) {
        moved.mailed = repoint(tx, way, "mail_recipients", "id", &format!("{key}_id"), None)?;
    }
    moved.files = repoint(tx, way, "files", "id", &format!("{key}_id"), None)?;
    moved.comments = repoint(tx, way, "comments", "id", &format!("{key}_id"), None)?;
    match way.record {
        RecordType::Company => {
            moved.contacts = relink(tx, way, RecordType::Contact, "company_id", None)?;
            moved.deals = relink(tx, way, RecordType::Deal, "company_id", None)?;
            moved.companies = relink(tx, way, RecordType::Company, "parent_id", None)?;
            moved.leads = repoint(tx, way, "lead_conversions", "lead_id", "company_id", None)?;
        }
        RecordType::Contact => {
            moved.shared_parts = share_parts(tx, way)?;
            moved.parts = repoint(tx, way, "deal_contacts", "deal_id", "contact_id", None)?;
            moved.leads = repoint(tx, way, "lead_conversions", "lead_id", "contact_id", None)?;
            moved.guests = repoint(tx, way, "activity_guests", "id", "contact_id", None)?;
            moved.shared_attended = share_activities(tx, way)?;
            moved.attended = repoint(tx, way, "activity_participants", "id", "contact_id", None)?;
        }
        RecordType::Lead => moved.submissions = repoint(tx, way, "web_submissions", "id", "lead_id", None)?,
        RecordType::Deal => {}
    }
    moved.links = links::hand_over(tx, way)?;
    let of_type = format!("record_type = '{key}'");
    (moved.shared_tags, moved.tags) = hand_over_set(tx, way, "record_tags", "tag_id", &of_type)?;
    (moved.shared_segments, moved.segments) = hand_over_set(tx, way, "segment_members", "segment_id", "true")?;
    moved.followers = notifications::follow_instead(tx, (way.record, way.from).into(), (way.record, way.to).into())?;
    show(tx, way, &moved)?;
    Ok(moved)
}

/// What `hand_over` moved goes back, as far as it is still where it was put. `way` is that of the merge. Returns how much stayed.
pub(super) fn hand_back(tx: &mut OrgTx, way: &Way, moved: &Moved) -> AppResult<usize> {
    let back = Way { from: way.to, to: way.from, from_name: way.to_name, to_name: way.from_name, ..way.clone() };
    let key = way.record.key();
    let mut stayed = 0;
    let mut count = |moved: &[Uuid], returned: Vec<Uuid>| stayed += moved.len().saturating_sub(returned.len());
    count(&moved.notes, repoint(tx, &back, "notes", "id", &format!("{key}_id"), Some(&moved.notes))?);
    count(&moved.activities, repoint(tx, &back, "activities", "id", &format!("{key}_id"), Some(&moved.activities))?);
    count(&moved.comments, repoint(tx, &back, "comments", "id", &format!("{key}_id"), Some(&moved.comments))?);
    count(&moved.files, repoint(tx, &back, "files", "id", &format!("{key}_id"), Some(&moved.files))?);
    count(&moved.mails, repoint(tx, &back, "mail_messages", "id", &format!("{key}_id"), Some(&moved.mails))?);
    if matches!(way.record, RecordType::Contact | RecordType::Lead) {
        count(&moved.mailed, repoint(tx, &back, "mail_recipients", "id", &format!("{key}_id"), Some(&moved.mailed))?);
    }
    match way.record {
        RecordType::Company => {
            count(&moved.contacts, relink(tx, &back, RecordType::Contact, "company_id", Some(&moved.contacts))?);
            count(&moved.deals, relink(tx, &back, RecordType::Deal, "company_id", Some(&moved.deals))?);
            count(&moved.companies, relink(tx, &back, RecordType::Company, "parent_id", Some(&moved.companies))?);
            count(&moved.leads, repoint(tx, &back, "lead_conversions", "lead_id", "company_id", Some(&moved.leads))?);
        }
        RecordType::Contact => {
            count(&moved.parts, repoint(tx, &back, "deal_contacts", "deal_id", "contact_id", Some(&moved.parts))?);
            count(&moved.leads, repoint(tx, &back, "lead_conversions", "lead_id", "contact_id", Some(&moved.leads))?);
            count(&moved.guests, repoint(tx, &back, "activity_guests", "id", "contact_id", Some(&moved.guests))?);
            return_parts(tx, way, &moved.shared_parts)?;
            count(
                &moved.attended,
                repoint(tx, &back, "activity_participants", "id", "contact_id", Some(&moved.attended))?,
            );
            return_activities(tx, way, &moved.shared_attended)?;
        }
        RecordType::Lead => {
            count(
                &moved.submissions,
                repoint(tx, &back, "web_submissions", "id", "lead_id", Some(&moved.submissions))?,
            );
        }
        RecordType::Deal => {}
    }
    stayed += links::hand_back(tx, &back, &moved.links)?;
    hand_back_sets(tx, &back, moved)?;
    let (merged, survivor) = ((way.record, way.from).into(), (way.record, way.to).into());
    notifications::follow_apart(tx, merged, survivor, &moved.followers)?;
    show(tx, &back, moved)?;
    Ok(stayed)
}

/// Rows that only name the record.
fn repoint(
    tx: &mut OrgTx,
    way: &Way,
    table: &str,
    id: &str,
    column: &str,
    only: Option<&[Uuid]>,
) -> AppResult<Vec<Uuid>> {
    let sql = format!(
        "UPDATE {table} SET {column} = $2 WHERE {column} = $1 AND ($3 IS NULL OR {id} = ANY ($3)) RETURNING {id} AS id"
    );
    let rows: Vec<Id> = diesel::sql_query(sql)
        .bind::<sql_types::Uuid, _>(way.from)
        .bind::<sql_types::Uuid, _>(way.to)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(only)
        .load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Records that link to the record: each gets a version and an event, as by hand.
fn relink(tx: &mut OrgTx, way: &Way, record: RecordType, column: &str, only: Option<&[Uuid]>) -> AppResult<Vec<Uuid>> {
    let sql = format!(
        "WITH linked AS (
           UPDATE {table} SET {column} = $2, version = version + 1, updated_at = now()
           WHERE {column} = $1 AND ($3 IS NULL OR id = ANY ($3)) AND id <> $2 RETURNING id, version
         ), noted AS (
           INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data)
           SELECT $4, '{key}.updated', '{key}', id, version, jsonb_build_object('{column}', jsonb_build_array(
             jsonb_build_object('id', $1, 'name', $5), jsonb_build_object('id', $2, 'name', $6))), jsonb_build_object('merge_id', $7)
           FROM linked)
         SELECT id FROM linked",
        table = record.noun(),
        key = record.key(),
    );
    let by = tx.by();
    let rows: Vec<Id> = diesel::sql_query(sql)
        .bind::<sql_types::Uuid, _>(way.from)
        .bind::<sql_types::Uuid, _>(way.to)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(only)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Text, _>(way.from_name)
        .bind::<sql_types::Text, _>(way.to_name)
        .bind::<sql_types::Uuid, _>(way.merge)
        .load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

const SHARE_PARTS: &str = "
WITH gone AS (
  DELETE FROM deal_contacts g USING deal_contacts s
  WHERE g.contact_id = $1 AND s.org_id = g.org_id AND s.deal_id = g.deal_id AND s.contact_id = $2
  RETURNING g.deal_id, g.role, s.role = 'other' AND g.role <> 'other' AS taken
), given AS (
  UPDATE deal_contacts s SET role = gone.role FROM gone WHERE gone.taken AND s.deal_id = gone.deal_id AND s.contact_id = $2)
SELECT deal_id AS deal, role, taken FROM gone";

fn share_parts(tx: &mut OrgTx, way: &Way) -> AppResult<Vec<Part>> {
    Ok(diesel::sql_query(SHARE_PARTS)
        .bind::<sql_types::Uuid, _>(way.from)
        .bind::<sql_types::Uuid, _>(way.to)
        .load(tx.conn())?)
}

fn return_parts(tx: &mut OrgTx, way: &Way, parts: &[Part]) -> AppResult<()> {
    for part in parts {
        diesel::sql_query(
            "WITH lent AS (UPDATE deal_contacts SET role = 'other' WHERE $4 AND deal_id = $1 AND contact_id = $5 AND role = $3)
             INSERT INTO deal_contacts (deal_id, contact_id, role) SELECT d.id, $2, $3 FROM deals d WHERE d.id = $1 ON CONFLICT DO NOTHING",
        )
        .bind::<sql_types::Uuid, _>(part.deal)
        .bind::<sql_types::Uuid, _>(way.from)
        .bind::<sql_types::Text, _>(&part.role)
        .bind::<sql_types::Bool, _>(part.taken)
        .bind::<sql_types::Uuid, _>(way.to)
        .execute(tx.conn())?;
    }
    Ok(())
}

/// In what both take part, the person stands once.
fn share_activities(tx: &mut OrgTx, way: &Way) -> AppResult<Vec<Uuid>> {
    let rows: Vec<Id> = diesel::sql_query(
        "DELETE FROM activity_participants g USING activity_participants s WHERE g.contact_id = $1 AND s.org_id = g.org_id
           AND s.activity_id = g.activity_id AND s.contact_id = $2 RETURNING g.activity_id AS id",
    )
    .bind::<sql_types::Uuid, _>(way.from)
    .bind::<sql_types::Uuid, _>(way.to)
    .load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

fn return_activities(tx: &mut OrgTx, way: &Way, activities: &[Uuid]) -> AppResult<()> {
    diesel::sql_query(
        "INSERT INTO activity_participants (id, activity_id, contact_id)
         SELECT app.uuid7(), a.id, $1 FROM activities a WHERE a.id = ANY ($2) ON CONFLICT DO NOTHING",
    )
    .bind::<sql_types::Uuid, _>(way.from)
    .bind::<sql_types::Array<sql_types::Uuid>, _>(activities)
    .execute(tx.conn())?;
    Ok(())
}

/// Rows of (record, other) of which there may be one each: those both have, and those that moved.
fn hand_over_set(tx: &mut OrgTx, way: &Way, table: &str, id: &str, of_type: &str) -> AppResult<(Vec<Uuid>, Vec<Uuid>)> {
    let shared = format!(
        "DELETE FROM {table} WHERE {of_type} AND record_id = $1
           AND {id} IN (SELECT {id} FROM {table} WHERE {of_type} AND record_id = $2) RETURNING {id} AS id"
    );
    let moved = format!("UPDATE {table} SET record_id = $2 WHERE {of_type} AND record_id = $1 RETURNING {id} AS id");
    let mut run = |sql: String| -> AppResult<Vec<Uuid>> {
        let query = diesel::sql_query(sql).bind::<sql_types::Uuid, _>(way.from).bind::<sql_types::Uuid, _>(way.to);
        Ok(query.load::<Id>(tx.conn())?.into_iter().map(|row| row.id).collect())
    };
    Ok((run(shared)?, run(moved)?))
}

/// Tags and segments that moved go back, where they still are; those both had are given again.
fn hand_back_sets(tx: &mut OrgTx, back: &Way, moved: &Moved) -> AppResult<()> {
    let key = back.record.key();
    let sets = [
        ("record_tags", "tag_id", "tags", format!("record_type = '{key}'"), &moved.tags, &moved.shared_tags),
        ("segment_members", "segment_id", "segments", "true".to_owned(), &moved.segments, &moved.shared_segments),
    ];
    for (table, id, of, of_type, ids, shared) in sets {
        let returned =
            format!("UPDATE {table} SET record_id = $2 WHERE {of_type} AND record_id = $1 AND {id} = ANY ($3)");
        let (columns, values) =
            if table == "record_tags" { ("record_type, ", format!("'{key}', ")) } else { ("", String::new()) };
        let again = format!(
            "INSERT INTO {table} ({columns}record_id, {id}) SELECT {values}$2, t.id FROM {of} t WHERE $1 <> $2 AND t.id = ANY ($3) ON CONFLICT DO NOTHING"
        );
        for (sql, ids) in [(returned, ids), (again, shared)] {
            diesel::sql_query(sql)
                .bind::<sql_types::Uuid, _>(back.from)
                .bind::<sql_types::Uuid, _>(back.to)
                .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
                .execute(tx.conn())?;
        }
    }
    Ok(())
}

/// Search and open pages learn of the records whose company has another name now.
fn show(tx: &mut OrgTx, way: &Way, moved: &Moved) -> AppResult<()> {
    let linked = [(RecordType::Contact, &moved.contacts), (RecordType::Deal, &moved.deals)];
    if linked.iter().map(|(_, ids)| ids.len()).sum::<usize>() > AT_ONCE {
        search::enqueue_company(tx, way.to)?;
    } else {
        for (record, ids) in linked {
            search::reindex(tx, record, ids)?;
        }
    }
    if linked.iter().any(|(_, ids)| !ids.is_empty()) || !moved.parts.is_empty() {
        live::publish(tx, &LiveMessage::refresh())?;
    }
    Ok(())
}
