//! What was sent becomes a lead, or waits in quarantine: one transaction, which holds the form, so that the same twice is once.

use super::{
    model::WebForm,
    offered::{self, CONSENT},
    public::Sending,
    queries::{self, Submission},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::leads::{self, NewLead},
    kernel::{LeadId, SubmissionId, WebFormId},
    schema::web_submissions,
    web::Form,
};
use chrono::{TimeDelta, Utc};
use diesel::{prelude::*, sql_types};
use serde_json::{Map, Value, json};

/// Hours within which the same content from the same form is one sending.
const ONCE: i64 = 24;

/// Takes in what was sent. `Invalid` is for the sender to mend; everything else is none of theirs.
pub(super) fn receive(tx: &mut OrgTx, id: WebFormId, sending: &Sending) -> AppResult<()> {
    let form = queries::lock(tx, id)?;
    if !form.made.active {
        return Err(AppError::NotFound);
    }
    if came_already(tx, id, sending)? {
        return Ok(());
    }
    let standing = offered::standing(tx, &form.made)?;
    let context = offered::context(tx)?;
    let read = offered::read(tx, &form.made, &standing, &sending.answers, &context);
    let consent = consent(&form, &sending.answers);
    let lead = match (read, consent) {
        (Ok(lead), Ok(_)) => lead,
        (Err(AppError::Invalid(mut errors)), consent) => {
            if let Err(told) = consent {
                errors.add(CONSENT, told);
            }
            return Err(errors.into());
        }
        (Ok(_), Err(told)) => return Err(AppError::field(CONSENT, told)),
        (Err(other), _) => return Err(other),
    };
    let mut suspicions = sending.suspicions.clone();
    suspicions.extend(super::public::suspicious_words(&lead));
    if stamp_used(tx, id, sending)? {
        suspicions.push("sent again from the same page with other words".to_owned());
    }
    let keys: Vec<&str> = standing.iter().map(|(field, _)| field.key.as_str()).collect();
    let kept = Kept {
        answers: answers(&sending.answers, &keys),
        consent: (!form.made.consent_text.is_empty()).then(|| form.made.consent_text.clone()),
        page: sending.page.clone(),
    };
    if suspicions.is_empty() {
        let lead = make(tx, &form, lead, &kept)?;
        return keep(tx, id, Some(lead), &kept, &[], sending);
    }
    keep(tx, id, None, &kept, &suspicions, sending)
}

/// Lets in what waits in quarantine; answers the lead.
pub(super) fn admit(tx: &mut OrgTx, id: SubmissionId) -> AppResult<LeadId> {
    let waiting = queries::lock_quarantined(tx, id)?;
    let form = queries::find(tx, waiting.form_id)?;
    let standing = offered::standing(tx, &form.made)?;
    let context = offered::context(tx)?;
    let lead = offered::read(tx, &form.made, &standing, &as_form(&waiting), &context).map_err(|error| match error {
        AppError::Invalid(errors) => {
            AppError::Conflict(format!("The form asks for something else by now: {}.", errors.summary()))
        }
        other => other,
    })?;
    let kept = Kept { answers: waiting.answers, consent: waiting.consent_text, page: waiting.page };
    let lead = make(tx, &form, lead, &kept)?;
    diesel::update(web_submissions::table.filter(web_submissions::id.eq(id)))
        .set(web_submissions::lead_id.eq(lead))
        .execute(tx.conn())?;
    Ok(lead)
}

/// What is kept of a sending beside the lead.
struct Kept {
    answers: Value,
    consent: Option<String>,
    page: Option<String>,
}

fn make(tx: &mut OrgTx, form: &WebForm, lead: NewLead, kept: &Kept) -> AppResult<LeadId> {
    let known = known(tx, lead.email.as_deref())?;
    let mut title = format!("Came in through {}", form.made.name);
    if !known.is_empty() {
        let whose: Vec<&str> = known.iter().map(|k| k.words.as_str()).collect();
        title.push_str(&format!("; {} has the same e-mail address", whose.join(", ")));
    }
    let data = json!({
        "title": title,
        "web_form": { "id": form.id, "name": form.made.name },
        "page": kept.page,
        "consent": kept.consent,
        "known": known.iter().map(|k| json!({ "record": k.record, "id": k.id })).collect::<Vec<_>>(),
    });
    let currency = lead.currency.clone();
    leads::receive(tx, &currency, lead, form.id, data)
}

#[derive(QueryableByName)]
struct Known {
    #[diesel(sql_type = sql_types::Text)]
    record: String,
    /// The record's kind only: its name may not be everybody's to see.
    #[diesel(sql_type = sql_types::Text)]
    words: String,
    #[diesel(sql_type = sql_types::Uuid)]
    id: uuid::Uuid,
}

/// An open lead and a contact that have the address already.
fn known(tx: &mut OrgTx, email: Option<&str>) -> AppResult<Vec<Known>> {
    let Some(email) = email else { return Ok(vec![]) };
    const SQL: &str = "
        (SELECT 'lead' AS record, 'another open lead' AS words, id FROM leads
         WHERE email = $1 AND archived_at IS NULL AND deleted_at IS NULL ORDER BY id LIMIT 1)
        UNION ALL
        (SELECT 'contact', 'a contact', id FROM contacts
         WHERE email = $1 AND archived_at IS NULL AND deleted_at IS NULL ORDER BY id LIMIT 1)";
    Ok(diesel::sql_query(SQL).bind::<sql_types::Text, _>(email).load(tx.conn())?)
}

fn came_already(tx: &mut OrgTx, form: WebFormId, sending: &Sending) -> AppResult<bool> {
    let same = web_submissions::table
        .filter(web_submissions::form_id.eq(form))
        .filter(web_submissions::digest.eq(&sending.digest))
        .filter(web_submissions::received_at.gt(Utc::now() - TimeDelta::hours(ONCE)));
    Ok(diesel::select(diesel::dsl::exists(same)).get_result(tx.conn())?)
}

fn stamp_used(tx: &mut OrgTx, form: WebFormId, sending: &Sending) -> AppResult<bool> {
    let Some(stamp) = &sending.stamp else { return Ok(false) };
    let same =
        web_submissions::table.filter(web_submissions::form_id.eq(form)).filter(web_submissions::stamp.eq(stamp));
    Ok(diesel::select(diesel::dsl::exists(same)).get_result(tx.conn())?)
}

fn consent(form: &WebForm, answers: &Form) -> Result<(), &'static str> {
    let ticked = form.made.consent_text.is_empty() || answers.all(CONSENT).any(|_| true);
    if ticked { Ok(()) } else { Err("is needed before this can be sent") }
}

fn answers(form: &Form, keys: &[&str]) -> Value {
    let answer = |key: &str| form.all(key).collect::<Vec<_>>().join("\n");
    let pairs = keys.iter().map(|key| ((*key).to_owned(), json!(answer(key)))).filter(|(_, text)| text != "");
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// Kept answers as they were posted.
fn as_form(kept: &Submission) -> Form {
    let pairs = kept.answers.as_object().into_iter().flatten();
    Form::new(pairs.map(|(key, text)| (key.clone(), text.as_str().unwrap_or_default().to_owned())))
}

fn keep(
    tx: &mut OrgTx,
    form: WebFormId,
    lead: Option<LeadId>,
    kept: &Kept,
    suspicions: &[String],
    sending: &Sending,
) -> AppResult<()> {
    diesel::insert_into(web_submissions::table)
        .values((
            (web_submissions::id.eq(SubmissionId::new()), web_submissions::form_id.eq(form)),
            (web_submissions::lead_id.eq(lead), web_submissions::answers.eq(&kept.answers)),
            (web_submissions::consent_text.eq(&kept.consent), web_submissions::page.eq(&kept.page)),
            (
                web_submissions::suspicions.eq(suspicions.iter().cloned().map(Some).collect::<Vec<_>>()),
                web_submissions::stamp.eq(&sending.stamp),
            ),
            web_submissions::digest.eq(&sending.digest),
        ))
        .execute(tx.conn())?;
    Ok(())
}
