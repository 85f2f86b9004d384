//! Anonymising people: who they were goes, that there was somebody stays, with all that is counted: owner, company, status, source,
//! amounts, place. What was said of them and to them goes (notes, mails, files, their own history); activities keep their time and lose their
//! words. It cannot be undone, and what it takes is kept nowhere.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::{
        bin,
        fields::{self, Catalogue, Kind},
        operations::Tally,
        quality,
    },
    kernel::{OperationId, RecordType},
    live::{self, LiveMessage},
    search,
    web::Actor,
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// What people are called afterwards; rules know by it whom they took already.
pub const NAME: &str = "Anonymised";

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

fn ids(tx: &mut OrgTx, sql: String, ids: &[Uuid]) -> AppResult<Vec<Uuid>> {
    let rows: Vec<Id> = diesel::sql_query(sql).bind::<sql_types::Array<sql_types::Uuid>, _>(ids).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// An action of `operations`: the counts, and the ids of those who lost their names.
pub fn batch(
    tx: &mut OrgTx,
    actor: &Actor,
    op: OperationId,
    record: RecordType,
    asked: &[Uuid],
) -> AppResult<(Tally, Vec<Uuid>)> {
    tx.without_time_limit()?;
    let mut tally = Tally::default();
    let visible = actor.visible_owners();
    let sql = format!(
        "SELECT r.id FROM {} r WHERE r.id = ANY ($1) AND r.deleted_at IS NULL AND ($2 IS NULL OR r.owner_id = ANY ($2)) ORDER BY r.id FOR UPDATE",
        record.noun()
    );
    let rows: Vec<Id> = diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(asked)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(visible)
        .load(tx.conn())?;
    let people: Vec<Uuid> = rows.into_iter().map(|row| row.id).collect();
    tally.skip("not found", i64::try_from(asked.len() - people.len()).unwrap_or(0));
    if record == RecordType::Contact {
        // The lead that somebody was says the same of them.
        let before =
            "SELECT lead_id AS id FROM lead_conversions WHERE contact_id = ANY ($1) ORDER BY lead_id".to_owned();
        let leads = ids(tx, before, &people)?;
        take(tx, op, RecordType::Lead, &leads)?;
    }
    take(tx, op, record, &people)?;
    tally.changed += i64::try_from(people.len()).unwrap_or(i64::MAX);
    live::publish(tx, &LiveMessage::refresh())?;
    Ok((tally, people))
}

fn take(tx: &mut OrgTx, op: OperationId, record: RecordType, people: &[Uuid]) -> AppResult<()> {
    if people.is_empty() {
        return Ok(());
    }
    // Whoever was merged into them is the same person twice.
    let merged = "WITH RECURSIVE gone AS (SELECT merged_id AS id FROM merges WHERE survivor_id = ANY ($1) AND undone_at IS NULL \
         UNION SELECT g.merged_id FROM merges g JOIN gone w ON g.survivor_id = w.id AND g.undone_at IS NULL) SELECT id FROM gone";
    let merged = ids(tx, merged.to_owned(), people)?;
    bin::note_names(tx, record, people, &format!("{NAME} {}", record.label().to_lowercase()))?;
    bin::purge(tx, record, &merged)?;
    bin::forget_history(tx, record, people)?;
    forget_words(tx, record, people)?;
    write(tx, op, record, people)?;
    fields::compute(tx, record, people)?;
    quality::measure(tx, record, people)?;
    search::reindex(tx, record, people)
}

/// What was written of them and to them.
fn forget_words(tx: &mut OrgTx, record: RecordType, people: &[Uuid]) -> AppResult<()> {
    let key = record.key();
    let emails = format!(
        "SELECT lower(e) FROM {} r CROSS JOIN LATERAL unnest(array_append(r.other_emails, r.email)) e WHERE r.id = ANY ($1) AND e IS NOT NULL",
        record.noun()
    );
    let about = format!("SELECT a.id FROM activities a WHERE a.org_id = app.org() AND a.{key}_id = ANY ($1)");
    let mut statements = vec![
        format!("DELETE FROM notes WHERE {key}_id = ANY ($1)"),
        format!("DELETE FROM comments WHERE {key}_id = ANY ($1) OR activity_id IN ({about})"),
        format!("DELETE FROM files WHERE {key}_id = ANY ($1) OR activity_id IN ({about})"),
        format!("DELETE FROM events WHERE record_type = 'activity' AND record_id IN ({about})"),
        format!("DELETE FROM notices WHERE record_type IN ('activity', 'activity.gone') AND record_id IN ({about})"),
        format!("DELETE FROM activity_checklist WHERE activity_id IN ({about})"),
        format!(
            "UPDATE activities a SET subject = t.name, description = NULL, location = NULL, video_url = NULL, version = a.version + 1, \
               updated_at = now() FROM activity_types t WHERE t.org_id = a.org_id AND t.id = a.type_id AND a.{key}_id = ANY ($1)"
        ),
        format!("UPDATE activity_invitations SET message = NULL WHERE activity_id IN ({about})"),
        // As guests they are known by their address, whether or not it was theirs to whoever invited them.
        format!("DELETE FROM activity_guests g WHERE g.email IN ({emails})"),
        // Whether an address is refused or unsubscribed is forgotten with it, unless somebody else has it.
        format!(
            "DELETE FROM mail_addresses m WHERE m.email IN ({emails}) \
               AND NOT EXISTS (SELECT FROM contacts o WHERE o.org_id = m.org_id AND o.email = m.email AND NOT (o.id = ANY ($1))) \
               AND NOT EXISTS (SELECT FROM leads o WHERE o.org_id = m.org_id AND o.email = m.email AND NOT (o.id = ANY ($1)))"
        ),
        // A mail goes with whom it is about, or with the last of those it went to.
        format!(
            "DELETE FROM mail_messages m WHERE m.{key}_id = ANY ($1) OR m.id IN (SELECT r.message_id FROM mail_recipients r WHERE r.{key}_id = ANY ($1)) \
               AND NOT EXISTS (SELECT FROM mail_recipients r WHERE r.org_id = m.org_id AND r.message_id = m.id \
                 AND NOT coalesce(r.{key}_id = ANY ($1), false))"
        ),
        format!("UPDATE mail_recipients SET name = '', email = id::text, error = NULL WHERE {key}_id = ANY ($1)"),
        "DELETE FROM duplicate_pairs WHERE a_id = ANY ($1) OR b_id = ANY ($1)".to_owned(),
    ];
    if record == RecordType::Contact {
        statements.push("DELETE FROM activity_guests WHERE contact_id = ANY ($1)".to_owned());
    }
    if record == RecordType::Lead {
        statements.push("UPDATE web_submissions SET answers = '{}', page = NULL WHERE lead_id = ANY ($1)".to_owned());
    }
    for statement in statements {
        diesel::sql_query(statement).bind::<sql_types::Array<sql_types::Uuid>, _>(people).execute(tx.conn())?;
    }
    Ok(())
}

/// Of their own fields, numbers, amounts, choices and yes or no stay: they tell what somebody was, not who.
fn write(tx: &mut OrgTx, op: OperationId, record: RecordType, people: &[Uuid]) -> AppResult<()> {
    let catalogue = Catalogue::whole(tx, record)?;
    let own = catalogue.entries.iter().chain(&catalogue.retired).filter(|entry| entry.is_custom());
    let counted = |kind: &Kind| {
        matches!(
            kind,
            Kind::Integer
                | Kind::Decimal
                | Kind::Percent
                | Kind::Money
                | Kind::Choice(_)
                | Kind::Choices(_)
                | Kind::Bool
        )
    };
    let personal: Vec<String> = own.filter(|e| !counted(e.kind.value())).map(|e| e.key.clone()).collect();
    let sql = format!(
        "WITH changed AS (UPDATE {} r SET first_name = '', last_name = '{NAME}', title = NULL, email = NULL, other_emails = '{{}}', phone = NULL, \
           other_phones = '{{}}', street = NULL, postal_code = NULL, description = NULL, external_id = NULL, custom = r.custom - $2, \
           version = r.version + 1, updated_at = now() WHERE r.id = ANY ($1) RETURNING r.id, r.version) \
         INSERT INTO events (actor_id, kind, record_type, record_id, version, data) \
         SELECT $3, '{key}.anonymised', '{key}', id, version, jsonb_build_object('operation_id', $4) FROM changed",
        record.noun(),
        key = record.key()
    );
    let by = tx.by();
    diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(people)
        .bind::<sql_types::Array<sql_types::Text>, _>(personal)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Uuid, _>(op)
        .execute(tx.conn())?;
    Ok(())
}
