//! What the fields of a mail hold for one recipient, in words: dates in full, amounts with their currency, choices by their labels,
//! links by their names.

use super::{Field, Space, Template, Vocabulary};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        fields::{Entry, Kind, Names, display},
        records,
    },
    kernel::{RecordType, countries},
    web::Actor,
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{prelude::*, sql_types};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// The records that a mail is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Subject {
    pub contact: Option<Uuid>,
    pub company: Option<Uuid>,
    pub deal: Option<Uuid>,
    pub lead: Option<Uuid>,
}

impl Subject {
    pub fn set(&mut self, record: RecordType, id: Option<Uuid>) {
        match record {
            RecordType::Contact => self.contact = id,
            RecordType::Company => self.company = id,
            RecordType::Deal => self.deal = id,
            RecordType::Lead => self.lead = id,
        }
    }

    pub fn get(&self, record: RecordType) -> Option<Uuid> {
        match record {
            RecordType::Contact => self.contact,
            RecordType::Company => self.company,
            RecordType::Deal => self.deal,
            RecordType::Lead => self.lead,
        }
    }

    /// Where a field is looked up. In a mail to a lead, what is asked of the contact and the company is the lead's.
    fn place(&self, field: &Field) -> Option<(RecordType, Uuid, String)> {
        let record = field.space.record()?;
        if let Some(id) = self.get(record) {
            return Some((record, id, field.key.clone()));
        }
        let lead = self.lead?;
        match (field.space, field.key.as_str()) {
            (Space::Contact, key) => Some((RecordType::Lead, lead, key.to_owned())),
            (Space::Company, "name") => Some((RecordType::Lead, lead, "company_name".to_owned())),
            _ => None,
        }
    }
}

/// Of the fields that some templates use.
#[derive(Clone, Debug, Default)]
pub struct Values(HashMap<(Space, String), String>);

/// Of one record.
type Wanted<'a> = (RecordType, Vec<(&'a Field, &'a Entry)>);

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Jsonb)]
    fields: Value,
}

impl Values {
    pub fn load(
        tx: &mut OrgTx,
        actor: &Actor,
        vocabulary: &Vocabulary,
        subject: &Subject,
        templates: &[&Template],
    ) -> AppResult<Self> {
        let mut values = Self::default();
        let mut wanted: BTreeMap<(&str, Uuid), Wanted> = BTreeMap::new();
        for field in templates.iter().flat_map(|template| template.fields()) {
            if let Some(told) = own(actor, field) {
                values.0.insert((field.space, field.key.clone()), told);
            }
            let Some((record, id, key)) = subject.place(field) else { continue };
            let space = Space::ALL.into_iter().find(|space| space.record() == Some(record));
            if let Some(entry) = space.and_then(|space| vocabulary.entry(space, &key)) {
                wanted.entry((record.key(), id)).or_insert((record, vec![])).1.push((field, entry));
            }
        }
        for ((_, id), (record, mut fields)) in wanted {
            if !is_readable(tx, actor, record, id)? {
                // Whoever sees a record may know the names of what it links to, and no more.
                fields.retain(|(field, _)| field.key == "name");
            }
            values.read(tx, actor, record, id, &fields)?;
        }
        Ok(values)
    }

    fn read(
        &mut self,
        tx: &mut OrgTx,
        actor: &Actor,
        record: RecordType,
        id: Uuid,
        fields: &[(&Field, &Entry)],
    ) -> AppResult<()> {
        // In groups: a function takes a hundred arguments.
        for group in fields.chunks(40) {
            let pairs: Vec<String> =
                group.iter().enumerate().map(|(i, (_, entry))| format!("'{i}', {}", expression(entry))).collect();
            let sql = format!(
                "SELECT jsonb_build_object({}) AS fields FROM {} r WHERE r.id = $1 AND r.deleted_at IS NULL",
                pairs.join(", "),
                record.noun()
            );
            let row: Option<Row> =
                diesel::sql_query(sql).bind::<sql_types::Uuid, _>(id).get_result(tx.conn()).optional()?;
            let Some(row) = row else { continue };
            for (i, (field, entry)) in group.iter().enumerate() {
                let told = said(entry, &row.fields[i.to_string()], actor);
                self.0.insert((field.space, field.key.clone()), told);
            }
        }
        Ok(())
    }

    pub fn get(&self, field: &Field) -> Option<String> {
        self.0.get(&(field.space, field.key.clone())).cloned()
    }
}

fn is_readable(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid) -> AppResult<bool> {
    match records::visible(tx, actor, record, id) {
        Ok(_) => Ok(true),
        Err(AppError::NotFound | AppError::Forbidden(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

/// The sender's and the organisation's.
fn own(actor: &Actor, field: &Field) -> Option<String> {
    let first = || actor.name.split_whitespace().next().unwrap_or_default().to_owned();
    match (field.space, field.key.as_str()) {
        (Space::Sender, "name") => Some(actor.name.clone()),
        (Space::Sender, "first_name") => Some(first()),
        (Space::Sender, "email") => Some(actor.email.clone()),
        (Space::Organisation, "name") => Some(actor.org.name.clone()),
        _ => None,
    }
}

/// An entry's value as JSON, links by their names.
fn expression(entry: &Entry) -> String {
    let expr = &entry.expr;
    let named =
        |table: &str, name: &str| format!("(SELECT {name} FROM {table} q WHERE q.org_id = r.org_id AND q.id = {expr})");
    match entry.kind.value() {
        Kind::Member => named("members", "q.name"),
        Kind::Pipeline => named("pipelines", "q.name"),
        Kind::Stage => named("stages", "q.name"),
        Kind::Record(record) => named(record.noun(), records::name_sql(*record)),
        Kind::Money => {
            let currency = entry.currency.clone().unwrap_or_else(|| "NULL::text".to_owned());
            format!(
                "CASE WHEN ({expr}) IS NULL THEN NULL ELSE jsonb_build_object('amount', ({expr})::text, 'currency', {currency}) END"
            )
        }
        Kind::Bool => format!("to_jsonb({expr})"),
        Kind::DateTime => format!("to_char({expr} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"),
        kind if kind.is_list() => format!("to_jsonb({expr})"),
        _ => format!("({expr})::text"),
    }
}

fn said(entry: &Entry, value: &Value, actor: &Actor) -> String {
    let text = value.as_str().unwrap_or_default();
    let locale = actor.locale;
    match entry.kind.value() {
        Kind::Member | Kind::Record(_) | Kind::Pipeline | Kind::Stage => text.to_owned(),
        // A mail is read on another day than it is written: no "today", and always the year.
        Kind::Date => text.parse::<NaiveDate>().map(|day| locale.day(day, NaiveDate::MIN)).unwrap_or_default(),
        Kind::DateTime => {
            let at = text.parse::<DateTime<Utc>>().map(|at| at.with_timezone(&actor.zone));
            at.map(|at| format!("{} {}", locale.day(at.date_naive(), NaiveDate::MIN), locale.time(at.time())))
                .unwrap_or_default()
        }
        Kind::Country => {
            if text.is_empty() {
                String::new()
            } else {
                countries::name(text)
            }
        }
        Kind::Integer => text.parse().map(|n| locale.integer(n)).unwrap_or_default(),
        _ => display(entry, value, actor, &Names::default()),
    }
}
