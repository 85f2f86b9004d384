//! Taking people's names out of what others keep as text, after they went for good or lost their names: the history of other records
//! ("Contact: Ann Bell added"), bulk changes, notices, the words of the search. What is looked for is their ids, which stand beside their names everywhere.
//!
//! No index knows who is mentioned where, so a job reads the history once for all who wait. It may be killed at any moment: the names
//! wait until it has been through.

use super::mailed::Names;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    jobs::{self, Job, JobContext, JobOutcome},
    kernel::{RecordType, text},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

pub(super) const JOB: &str = "bin.forget";
/// Names looked for at once.
const MOST: i64 = 20_000;
/// Events looked at in one transaction.
const PIECE: i64 = 5_000;
/// Shorter names are parts of too many words to be taken out of sentences.
const SHORTEST: usize = 3;

/// What bulk edits wrote that tells of people, where nobody is left whom they changed.
const GIVEN: &str = "UPDATE operations o SET title = regexp_replace(o.title, '“.*”', '…'), params = jsonb_set(o.params, '{action}', \
     o.params->'action' || jsonb_build_object('value', '…', 'shown', '…', 'words', regexp_replace(o.params #>> '{action,words}', '“.*”', '…'))) \
   WHERE o.org_id = app.org() AND o.kind = 'edit' AND o.record_type IN ('contact', 'lead') AND o.status NOT IN ('queued', 'running', 'undoing') \
     AND jsonb_typeof(o.params #> '{action,value}') = 'string' AND o.params #>> '{action,words}' IS NOT NULL \
     AND (o.params #>> '{action,key}' IN ('title', 'street', 'postal_code', 'description') OR o.params #>> '{action,key}' LIKE 'c\\_%') \
     AND NOT EXISTS (SELECT FROM operation_changes c WHERE c.org_id = o.org_id AND c.operation_id = o.id)";

/// A UUID in a text.
const ID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

/// Only people have names that are to be forgotten.
pub fn is_person(record: RecordType) -> bool {
    matches!(record, RecordType::Contact | RecordType::Lead)
}

/// Notes the names of these people, which are about to go, and of merges that speak of them.
pub fn note(tx: &mut OrgTx, record: RecordType, ids: &[Uuid], instead: &str) -> AppResult<()> {
    if !is_person(record) || ids.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "WITH people AS (SELECT r.id, array_remove(ARRAY[nullif(btrim(r.first_name || ' ' || r.last_name), ''), r.email], NULL) AS names \
           FROM {} r WHERE r.id = ANY ($1)), \
         spoken AS (SELECT m.id, array_agg(DISTINCT n) AS names FROM merges m JOIN people p ON p.id IN (m.survivor_id, m.merged_id), unnest(p.names) n \
           WHERE m.record_type = $2 GROUP BY m.id) \
         INSERT INTO forgotten_names (record_id, names, instead) \
         SELECT id, names, $3 FROM people UNION ALL SELECT id, names, $3 FROM spoken \
         ON CONFLICT (org_id, record_id) DO UPDATE SET names = forgotten_names.names || excluded.names, instead = excluded.instead",
        record.noun()
    );
    diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<sql_types::Text, _>(instead)
        .execute(tx.conn())?;
    jobs::enqueue(tx, Job::new(JOB, &serde_json::json!({}))?.key(JOB))
}

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = sql_types::Uuid)]
    record_id: Uuid,
    #[diesel(sql_type = sql_types::Array<sql_types::Text>)]
    names: Vec<String>,
    #[diesel(sql_type = sql_types::Text)]
    instead: String,
}

/// Who is to be forgotten, by the text of their ids.
struct Forgotten(HashMap<String, Waiting>);

pub(super) fn run_job(ctx: &JobContext, _: &Value) -> anyhow::Result<JobOutcome> {
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    loop {
        let forgotten = ctx.db.org_now(&org, Forgotten::load)?;
        if forgotten.0.is_empty() {
            return Ok(JobOutcome::Done);
        }
        let mut from = Some((DateTime::<Utc>::UNIX_EPOCH, Uuid::nil()));
        while let Some(after) = from {
            from = ctx.db.org_now(&org, |tx| forgotten.piece(tx, after))?;
        }
        ctx.db.org_now(&org, |tx| {
            forgotten.elsewhere(tx)?;
            forgotten.done(tx)
        })?;
    }
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = sql_types::Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

#[derive(QueryableByName)]
struct Mention {
    #[diesel(sql_type = sql_types::Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Jsonb)]
    changes: Value,
    #[diesel(sql_type = sql_types::Jsonb)]
    data: Value,
}

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    title: String,
    #[diesel(sql_type = sql_types::Jsonb)]
    params: Value,
}

/// A condition on a text: it names one of those who wait.
fn mentions(text: &str) -> String {
    format!(
        "EXISTS (SELECT FROM regexp_matches({text}, '{ID}', 'g') m JOIN forgotten_names f ON f.org_id = app.org() AND f.record_id = m[1]::uuid)"
    )
}

impl Forgotten {
    fn load(tx: &mut OrgTx) -> AppResult<Self> {
        let rows: Vec<Waiting> = diesel::sql_query(
            "SELECT record_id, names, instead FROM forgotten_names WHERE org_id = app.org() ORDER BY record_id LIMIT $1",
        )
        .bind::<sql_types::BigInt, _>(MOST)
        .load(tx.conn())?;
        Ok(Self(rows.into_iter().map(|row| (row.record_id.to_string(), row)).collect()))
    }

    /// The events after that one; where to go on, if there are more.
    fn piece(&self, tx: &mut OrgTx, after: (DateTime<Utc>, Uuid)) -> AppResult<Option<(DateTime<Utc>, Uuid)>> {
        tx.without_time_limit()?;
        let last: Option<Place> = diesel::sql_query(
            "SELECT at, id FROM (SELECT at, id FROM events WHERE org_id = app.org() AND (at, id) > ($1, $2) \
               ORDER BY at, id LIMIT $3) p ORDER BY at DESC, id DESC LIMIT 1",
        )
        .bind::<sql_types::Timestamptz, _>(after.0)
        .bind::<sql_types::Uuid, _>(after.1)
        .bind::<sql_types::BigInt, _>(PIECE)
        .get_result(tx.conn())
        .optional()?;
        let Some(last) = last else { return Ok(None) };
        let sql = format!(
            "SELECT at, id, changes, data FROM events WHERE org_id = app.org() AND (at, id) > ($1, $2) AND (at, id) <= ($3, $4) AND {}",
            mentions("changes::text || data::text")
        );
        let found: Vec<Mention> = diesel::sql_query(sql)
            .bind::<sql_types::Timestamptz, _>(after.0)
            .bind::<sql_types::Uuid, _>(after.1)
            .bind::<sql_types::Timestamptz, _>(last.at)
            .bind::<sql_types::Uuid, _>(last.id)
            .load(tx.conn())?;
        for Mention { at, id, mut changes, mut data } in found {
            let who = [self.clean(&mut changes), self.clean(&mut data)].concat();
            self.retell(data.get_mut("title"), &who);
            diesel::sql_query(
                "UPDATE events SET changes = $3, data = $4 WHERE org_id = app.org() AND at = $1 AND id = $2",
            )
            .bind::<sql_types::Timestamptz, _>(at)
            .bind::<sql_types::Uuid, _>(id)
            .bind::<sql_types::Jsonb, _>(changes)
            .bind::<sql_types::Jsonb, _>(data)
            .execute(tx.conn())?;
        }
        Ok(Some((last.at, last.id)))
    }

    /// Bulk changes that name them, what members were told of them, mails about them.
    fn elsewhere(&self, tx: &mut OrgTx) -> AppResult<()> {
        tx.without_time_limit()?;
        let sql = format!(
            "SELECT id, title, params FROM operations WHERE org_id = app.org() AND {}",
            mentions("params::text")
        );
        let found: Vec<Kept> = diesel::sql_query(sql).load(tx.conn())?;
        for Kept { id, title, mut params } in found {
            let who = self.clean(&mut params);
            let mut title = Value::String(title);
            self.retell(Some(&mut title), &who);
            self.retell(params.pointer_mut("/action/words"), &who);
            diesel::sql_query("UPDATE operations SET title = $2, params = $3 WHERE org_id = app.org() AND id = $1")
                .bind::<sql_types::Uuid, _>(id)
                .bind::<sql_types::Text, _>(title.as_str().unwrap_or_default())
                .bind::<sql_types::Jsonb, _>(params)
                .execute(tx.conn())?;
        }
        diesel::sql_query(GIVEN).execute(tx.conn())?;
        let about = "(record_id IN (SELECT f.record_id FROM forgotten_names f WHERE f.org_id = app.org()))";
        let told =
            format!("DELETE FROM notices WHERE org_id = app.org() AND ({about} OR {})", mentions("params::text"));
        diesel::sql_query(told).execute(tx.conn())?;
        let names = self.0.values().flat_map(|row| row.names.iter().map(|name| (name.as_str(), row.instead.as_str())));
        Names::new(names.filter(|(name, _)| name.chars().count() >= SHORTEST)).blank(tx)?;
        self.words(tx)
    }

    /// What search offers in place of a mistyped word, unless somebody else is called so.
    fn words(&self, tx: &mut OrgTx) -> AppResult<()> {
        let names = self.0.values().flat_map(|row| &row.names).map(|name| text::fold(name));
        let mut words: Vec<String> = names
            .flat_map(|name| name.split(|c: char| !c.is_alphabetic()).map(str::to_owned).collect::<Vec<_>>())
            .filter(|word| word.chars().count() >= SHORTEST)
            .collect();
        words.sort_unstable();
        words.dedup();
        diesel::sql_query(
            "DELETE FROM search_words w WHERE w.org_id = app.org() AND w.word = ANY ($1) AND w.word NOT IN ( \
               SELECT t FROM search_documents d, regexp_split_to_table(d.folded_title, '[^[:alpha:]]+') t \
               WHERE d.org_id = app.org() AND t = ANY ($1))",
        )
        .bind::<sql_types::Array<sql_types::Text>, _>(words)
        .execute(tx.conn())?;
        Ok(())
    }

    fn done(&self, tx: &mut OrgTx) -> AppResult<()> {
        let ids: Vec<Uuid> = self.0.values().map(|row| row.record_id).collect();
        diesel::sql_query("DELETE FROM forgotten_names WHERE org_id = app.org() AND record_id = ANY ($1)")
            .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
            .execute(tx.conn())?;
        Ok(())
    }

    /// Puts something else in the place of every name that stands beside an id; returns the ids that were met.
    fn clean(&self, value: &mut Value) -> Vec<String> {
        match value {
            Value::String(text) if self.0.contains_key(text.as_str()) => vec![text.clone()],
            Value::Array(items) => items.iter_mut().flat_map(|item| self.clean(item)).collect(),
            Value::Object(fields) => {
                let who = fields.get("id").and_then(Value::as_str).and_then(|id| self.0.get(id));
                if let (Some(who), Some(name)) = (who, fields.get_mut("name")) {
                    *name = Value::String(who.instead.clone());
                }
                fields.values_mut().flat_map(|field| self.clean(field)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The same in a sentence.
    fn retell(&self, sentence: Option<&mut Value>, who: &[String]) {
        let Some(Value::String(text)) = sentence else { return };
        for Waiting { names, instead, .. } in who.iter().filter_map(|id| self.0.get(id)) {
            for name in names.iter().filter(|name| name.chars().count() >= SHORTEST) {
                *text = text.replace(name.as_str(), instead);
            }
        }
    }
}
