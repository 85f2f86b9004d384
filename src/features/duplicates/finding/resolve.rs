//! From values to the records they probably mean, within what the reader may see. The candidates come from indexes, each way bounded;
//! likeness judges them.

use super::likeness::{self, Likeness, score};
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    features::records::require_view,
    kernel::{RecordType, text},
    web::Actor,
};
use diesel::{prelude::*, sql_types};
use std::cmp::Reverse;
use uuid::Uuid;

/// A record that is probably meant.
#[derive(Clone, Debug)]
pub struct Match {
    pub id: Uuid,
    pub name: String,
    /// Job, domain or company: what tells it from its namesakes.
    pub note: String,
    /// 0 to 100.
    pub confidence: i16,
    /// In words: "same e-mail".
    pub reasons: Vec<&'static str>,
}

/// A record as likeness is judged by, read from the database.
#[derive(QueryableByName, Clone, Debug)]
pub(in super::super) struct Facts {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    #[diesel(sql_type = sql_types::Text)]
    pub note: String,
    #[diesel(sql_type = sql_types::Array<sql_types::Text>)]
    emails: Vec<String>,
    #[diesel(sql_type = sql_types::Array<sql_types::Text>)]
    phones: Vec<String>,
    #[diesel(sql_type = sql_types::Text)]
    domain: String,
    #[diesel(sql_type = sql_types::Text)]
    company: String,
    #[diesel(sql_type = sql_types::Text)]
    city: String,
}

impl Facts {
    pub(in super::super) fn likeness(&self, record: RecordType) -> Likeness {
        let company = match record {
            RecordType::Lead => likeness::key(RecordType::Company, &self.company),
            _ => self.company.clone(),
        };
        Likeness {
            name: likeness::key(record, &self.name),
            domains: domains(&self.emails, &self.domain),
            emails: self.emails.clone(),
            phones: self.phones.clone(),
            company: (!company.is_empty()).then_some(company),
            city: text::fold(self.city.trim()),
        }
    }
}

/// Every domain that says something.
pub(super) fn domains(emails: &[String], website: &str) -> Vec<String> {
    let mut domains: Vec<String> =
        emails.iter().map(String::as_str).chain([website]).filter_map(likeness::domain).collect();
    domains.sort_unstable();
    domains.dedup();
    domains
}

/// The columns of [`Facts`], over the table aliased `r`.
fn columns(record: RecordType) -> &'static str {
    match record {
        RecordType::Company => {
            "r.id, r.name, concat_ws(' · ', r.domain, r.city) AS note, '{}'::text[] AS emails, array_remove(ARRAY[r.phone], NULL) AS phones, \
             coalesce(r.domain, '') AS domain, '' AS company, coalesce(r.city, '') AS city"
        }
        RecordType::Contact => {
            "r.id, btrim(r.first_name || ' ' || r.last_name) AS name, concat_ws(' · ', r.title, r.email) AS note, \
             array_remove(r.email || r.other_emails, NULL) AS emails, array_remove(r.phone || r.other_phones, NULL) AS phones, \
             '' AS domain, coalesce(r.company_id::text, '') AS company, coalesce(r.city, '') AS city"
        }
        _ => {
            "r.id, btrim(r.first_name || ' ' || r.last_name) AS name, concat_ws(' · ', r.company_name, r.email) AS note, \
             array_remove(r.email || r.other_emails, NULL) AS emails, array_remove(r.phone || r.other_phones, NULL) AS phones, \
             coalesce(r.domain, '') AS domain, coalesce(r.company_name, '') AS company, coalesce(r.city, '') AS city"
        }
    }
}

/// The visible live records that these values probably mean, the likeliest first. `name` as it was typed; `except`: the record itself.
pub fn resolve(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    named: (&str, &Likeness),
    except: Option<Uuid>,
) -> AppResult<Vec<Match>> {
    require_view(actor, record)?;
    among(tx, record, named, except, actor.visible_owners())
}

/// [`resolve`], among the records of these owners; `None`: everybody's.
pub(in super::super) fn among(
    tx: &mut OrgTx,
    record: RecordType,
    (name, values): (&str, &Likeness),
    except: Option<Uuid>,
    owners: Option<Vec<Uuid>>,
) -> AppResult<Vec<Match>> {
    let sql = format!(
        "SELECT {} FROM {} r WHERE r.id = ANY (ARRAY(SELECT app.likely($1, $2, $3, $4, $5, $6))) AND r.deleted_at IS NULL \
         AND r.archived_at IS NULL AND ($7 IS NULL OR r.owner_id = ANY ($7))",
        columns(record),
        record.noun()
    );
    let company = values.company.as_deref().and_then(|id| id.parse::<Uuid>().ok());
    let query = diesel::sql_query(sql)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<sql_types::Array<sql_types::Text>, _>(&values.emails)
        .bind::<sql_types::Array<sql_types::Text>, _>(&values.phones)
        .bind::<sql_types::Array<sql_types::Text>, _>(&values.domains)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(company)
        .bind::<sql_types::Array<sql_types::Text>, _>(beginnings(record, name))
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(owners);
    let found: Vec<Facts> = kept(query).load(tx.conn())?;
    let mut matches: Vec<Match> = found
        .into_iter()
        .filter(|facts| Some(facts.id) != except)
        .filter_map(|facts| {
            let (confidence, reasons) = score(record, values, &facts.likeness(record))?;
            let name = if facts.name.is_empty() { facts.note.clone() } else { facts.name };
            Some(Match { id: facts.id, name, note: facts.note, confidence, reasons })
        })
        .collect();
    matches.sort_by_key(|found| (Reverse(found.confidence), found.id));
    Ok(matches)
}

/// These live records, as likeness is judged by.
pub(in super::super) fn facts(
    tx: &mut OrgTx,
    record: RecordType,
    ids: &[Uuid],
    owners: Option<Vec<Uuid>>,
) -> AppResult<Vec<Facts>> {
    let sql = format!(
        "SELECT {} FROM {} r WHERE r.id = ANY ($1) AND r.deleted_at IS NULL AND r.archived_at IS NULL AND ($2 IS NULL OR r.owner_id = ANY ($2))",
        columns(record),
        record.noun()
    );
    let query = diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(owners);
    Ok(kept(query).load(tx.conn())?)
}

/// How the keys of such names begin, in either order of the words.
fn beginnings(record: RecordType, name: &str) -> Vec<String> {
    let folded = text::fold(name.trim());
    if record == RecordType::Company {
        let start: String = folded.chars().take(10).collect();
        return if start.chars().count() > 2 { vec![start.trim_end().to_owned()] } else { vec![] };
    }
    let words: Vec<&str> = folded.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let two = |a: &str, b: &str| format!("{a} {}", b.chars().take(2).collect::<String>());
    match words.as_slice() {
        [first, .., last] => vec![two(first, last), two(last, first)],
        _ => vec![],
    }
}
