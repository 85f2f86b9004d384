//! The form of a step: from what was typed to [`StepFields`], and back.

use super::model::{ASSIGNEES, Step, StepFields};
use crate::{
    error::{AppError, AppResult},
    features::{
        activities::{
            model::PRIORITIES,
            when::{parse_time, time_value},
        },
        notes,
    },
    kernel::ActivityTypeId,
    web::Form,
};
use uuid::Uuid;

/// Most items of a checklist.
const ITEMS: usize = 50;

pub fn parse(form: &Form) -> AppResult<StepFields> {
    let mut p = form.parser();
    let subject = p.required("subject", 200);
    let type_id: Option<ActivityTypeId> = p.id("type_id");
    if type_id.is_none() && form.get("type_id").is_empty() {
        p.error("type_id", "is required");
    }
    let whole = |n: Option<i64>| n.and_then(|n| i32::try_from(n).ok());
    let days = whole(p.integer("days", 0, 1_000)).unwrap_or(0);
    let minutes = whole(p.integer("minutes", 1, 43_200));
    let at_time = p.optional("time", parse_time);
    let assignee = p.choice("assignee", ASSIGNEES).unwrap_or("me").to_owned();
    let role_id = p.id("role_id");
    let priority = p.choice("priority", PRIORITIES).unwrap_or("normal").to_owned();
    let location = p.text("location", 255);
    let items: Vec<Option<String>> = form
        .get("checklist")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| Some(line.to_owned()))
        .collect();
    if items.len() > ITEMS {
        p.error("checklist", format!("is too long: at most {ITEMS} items"));
    }
    if items.iter().flatten().any(|item| item.chars().count() > 300) {
        p.error("checklist", "has an item that is too long: at most 300 characters");
    }
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
    p.finish()?;
    Ok(StepFields {
        type_id: type_id.unwrap_or(ActivityTypeId(Uuid::nil())),
        subject,
        days,
        working: form.get("count") != "calendar",
        at_time,
        minutes,
        priority,
        location,
        description,
        assignee,
        role_id,
        checklist: items,
        waits_for: form.all("waits_for").filter_map(|id| id.parse().ok()).map(Some).collect(),
    })
}

pub fn to_form(step: &Step) -> Form {
    let fields = &step.fields;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let said = [
        ("subject", fields.subject.clone()),
        ("type_id", fields.type_id.to_string()),
        ("days", fields.days.to_string()),
        ("count", if fields.working { "working" } else { "calendar" }.to_owned()),
        ("time", fields.at_time.map(time_value).unwrap_or_default()),
        ("minutes", fields.minutes.map(|n| n.to_string()).unwrap_or_default()),
        ("priority", fields.priority.clone()),
        ("location", text(&fields.location)),
        ("description", text(&fields.description)),
        ("assignee", fields.assignee.clone()),
        ("role_id", fields.role_id.map(|id| id.to_string()).unwrap_or_default()),
        ("checklist", step.items().collect::<Vec<_>>().join("\n")),
    ];
    let waits = step.waits_for().map(|id| ("waits_for", id.to_string()));
    Form::new(said.into_iter().chain(waits).map(|(name, value)| (name.to_owned(), value)))
}
