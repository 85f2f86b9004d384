//! The form of an activity: from what was typed to a [`NewActivity`], and back.

use super::{
    model::{Activity, NewActivity, PRIORITIES},
    types,
    when::{Slot, parse_time, time_value},
};
use crate::{
    db::{OrgTx, Tx, kept},
    error::{AppError, AppResult},
    features::{notes, records},
    kernel::{ActivityTypeId, RecordType, calendar, text},
    web::{Actor, Form, FormErrors},
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

pub(super) const LINKED: [RecordType; 4] =
    [RecordType::Deal, RecordType::Contact, RecordType::Company, RecordType::Lead];

/// What the form says. What it does not bring of links and owner stays as it is `before`: of something new, the writer's. A subject left
/// empty is the type's name.
pub fn parse(tx: &mut OrgTx, actor: &Actor, form: &Form, before: Option<&NewActivity>) -> AppResult<NewActivity> {
    let mut errors = FormErrors::default();
    let mut linked = [None; 4];
    for (place, record) in linked.iter_mut().zip(LINKED) {
        match meant(tx, actor, form, record, before) {
            Ok(id) => *place = id,
            Err(AppError::Invalid(found)) => found.iter().for_each(|(field, told)| errors.add(field, told)),
            Err(other) => return Err(other),
        }
    }
    let mut p = form.parser();
    let type_id: Option<ActivityTypeId> = p.id("type_id");
    if type_id.is_none() && form.get("type_id").is_empty() {
        p.error("type_id", "is required");
    }
    let subject = p.text("subject", 200);
    let day = p.optional("on", calendar::parse_date);
    let time = p.optional("time", parse_time);
    if time.is_some() && form.get("on").is_empty() {
        p.error("on", "is needed with a time");
    }
    let minutes = p.integer("minutes", 1, 43_200).and_then(|n| i32::try_from(n).ok());
    let priority = p.choice("priority", PRIORITIES).unwrap_or("normal").to_owned();
    let owner_id =
        if form.has("owner_id") { p.id("owner_id") } else { before.map_or(Some(actor.id), |known| known.owner_id) };
    let location = p.text("location", 255);
    let video_url = p.optional("video_url", web_address);
    let description = match form.get("description") {
        "" => None,
        _ => match notes::sanitise(form.raw("description")) {
            Ok(html) => html,
            Err(AppError::Invalid(found)) => {
                p.error("description", found.get("body").unwrap_or("cannot be kept"));
                None
            }
            Err(other) => return Err(other),
        },
    };
    errors.iter().for_each(|(field, told)| p.error(field, told));
    p.finish()?;
    let slot = Slot::new(day, time, actor.zone);
    let type_id = type_id.unwrap_or(ActivityTypeId(Uuid::nil()));
    let subject = match subject {
        Some(subject) => subject,
        None => types::find(tx, type_id)
            .map(|kind| kind.name)
            .map_err(|_| AppError::field("type_id", "is not one of the types"))?,
    };
    let mut new = NewActivity {
        type_id,
        subject,
        owner_id,
        start_at: slot.start_at,
        due_on: slot.due_on,
        minutes,
        priority,
        location,
        video_url,
        description,
        deal_id: None,
        contact_id: None,
        company_id: None,
        lead_id: None,
    };
    LINKED.into_iter().zip(linked).for_each(|(record, id)| new.link(record, id));
    Ok(new)
}

fn web_address(text: &str) -> Result<String, String> {
    let told = || "must be a web address, such as https://meet.example.com/abc".to_owned();
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = url::Url::parse(&with_scheme).map_err(|_| told())?;
    let fits = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|h| h.contains('.'))
        && url.as_str().len() <= 500;
    if fits { Ok(url.to_string()) } else { Err(told()) }
}

/// The record meant by a combobox: the id chosen when its name agrees, else the only visible record of that name. Without a script the
/// text changes and the id does not, so an emptied text means none.
fn meant(
    tx: &mut OrgTx,
    actor: &Actor,
    form: &Form,
    record: RecordType,
    before: Option<&NewActivity>,
) -> AppResult<Option<Uuid>> {
    let key = record.key();
    let (id, name) = (form.get(&format!("{key}_id")), form.get(key));
    if !form.has(key) && !form.has(&format!("{key}_id")) {
        return Ok(before.and_then(|b| b.links().into_iter().find(|(r, _)| *r == record)).and_then(|(_, id)| id));
    }
    if form.has(key) && name.is_empty() {
        return Ok(None);
    }
    let unknown = || {
        AppError::field(key, format!("is not one of your {}: choose one from the list", record.plural().to_lowercase()))
    };
    if !id.is_empty() {
        let id: Uuid = id.parse().map_err(|_| unknown())?;
        match records::visible(tx, actor, record, id) {
            Ok(now) if name.is_empty() || text::fold(&now.name) == text::fold(name) => return Ok(Some(id)),
            Ok(_) => {}
            Err(AppError::NotFound | AppError::Forbidden(_)) => {
                // What it was about already may be out of the actor's sight.
                let known = before.is_some_and(|b| b.links().contains(&(record, Some(id))));
                return if known { Ok(Some(id)) } else { Err(unknown()) };
            }
            Err(other) => return Err(other),
        }
    }
    if name.is_empty() {
        return Ok(None);
    }
    let found = named(tx, actor, record, name)?;
    if let [one] = found[..] { Ok(Some(one)) } else { Err(unknown()) }
}

/// What the form says something is about.
pub(super) fn links(tx: &mut OrgTx, actor: &Actor, form: &Form) -> AppResult<[(RecordType, Option<Uuid>); 4]> {
    let mut errors = FormErrors::default();
    let mut found = LINKED.map(|record| (record, None));
    for (record, place) in &mut found {
        match meant(tx, actor, form, *record, None) {
            Ok(id) => *place = id,
            Err(AppError::Invalid(told)) => told.iter().for_each(|(field, told)| errors.add(field, told)),
            Err(other) => return Err(other),
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(errors.into()) }
}

/// The contact that a combobox means.
pub fn contact(tx: &mut OrgTx, actor: &Actor, form: &Form) -> AppResult<Option<Uuid>> {
    meant(tx, actor, form, RecordType::Contact, None)
}

fn named(tx: &mut OrgTx, actor: &Actor, record: RecordType, name: &str) -> AppResult<Vec<Uuid>> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = sql_types::Uuid)]
        id: Uuid,
    }
    records::require_view(actor, record).map_err(|_| AppError::field(record.key(), "is not yours to choose"))?;
    // Folded by the database, as the names are; a deal's number says which of several of one name.
    let number =
        name.strip_prefix(['D', 'd']).and_then(|rest| rest.strip_prefix('-')).and_then(|n| n.parse::<u32>().ok());
    let number = number.filter(|_| record == RecordType::Deal).map(|n| format!("OR number = {n}")).unwrap_or_default();
    let sql = format!(
        "SELECT id FROM {} WHERE (name_key = app.fold($1) {number}) AND archived_at IS NULL AND deleted_at IS NULL AND ($2 IS NULL OR owner_id = ANY ($2)) LIMIT 2",
        record.noun()
    );
    let query = diesel::sql_query(sql)
        .bind::<sql_types::Text, _>(name)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(actor.visible_owners());
    let rows: Vec<Id> = kept(query).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// The form of an activity as it is now.
pub fn to_form(tx: &mut OrgTx, actor: &Actor, activity: &Activity) -> AppResult<Form> {
    let fields = &activity.fields;
    let slot = Slot { start_at: fields.start_at, due_on: fields.due_on };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut form = Form::new(
        [
            ("version", activity.version.to_string()),
            ("type_id", fields.type_id.to_string()),
            ("subject", fields.subject.clone()),
            ("on", slot.day(actor.zone).map(|day| day.to_string()).unwrap_or_default()),
            ("time", slot.time(actor.zone).map(time_value).unwrap_or_default()),
            ("minutes", fields.minutes.map(|n| n.to_string()).unwrap_or_default()),
            ("priority", fields.priority.clone()),
            ("owner_id", fields.owner_id.map(|id| id.to_string()).unwrap_or_default()),
            ("location", text(&fields.location)),
            ("video_url", text(&fields.video_url)),
            ("description", text(&fields.description)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    for (record, id) in fields.links() {
        if let Some(id) = id {
            name_link(tx, actor, &mut form, record, id)?;
        }
    }
    Ok(form)
}

/// Gives a form that names a record by its id the record's name; one that is not the actor's to see stays an id.
pub fn name_link(tx: &mut OrgTx, actor: &Actor, form: &mut Form, record: RecordType, id: Uuid) -> AppResult<()> {
    match records::visible(tx, actor, record, id) {
        Ok(now) => form.set(record.key(), now.name),
        // An emptied field means none; this one is only not shown.
        Err(AppError::NotFound | AppError::Forbidden(_)) => form.set(record.key(), "(not yours to see)"),
        Err(other) => return Err(other),
    }
    form.set(&format!("{}_id", record.key()), id.to_string());
    Ok(())
}

/// [`name_link`] for every record that the form names.
pub fn name_links(tx: &mut OrgTx, actor: &Actor, form: &mut Form) -> AppResult<()> {
    for record in LINKED {
        if let Ok(id) = form.get(&format!("{}_id", record.key())).parse() {
            name_link(tx, actor, form, record, id)?;
        }
    }
    Ok(())
}
