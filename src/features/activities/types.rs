//! The organisation's types of activity: what new organisations start with, and finding, adding, changing and retiring them.
//!
//! A retired type cannot be chosen any more; what has it keeps it. A type never changes class: its activities are of that class.

use super::model::Class;
use crate::{
    db::{OrgTx, SystemTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::pipeline::COLORS,
    kernel::{ActivityTypeId, OrgId, text},
    schema::activity_types,
    web::{Allow, Form, permission::organisation::Administer},
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use std::sync::Arc;

/// Key, name, icon, colour, class and usual minutes.
type BuiltIn = (&'static str, &'static str, &'static str, &'static str, Class, Option<i32>);

const BUILT_IN: &[BuiltIn] = &[
    ("call", "Call", "phone", "blue", Class::Activity, Some(15)),
    ("meeting", "Meeting", "users", "violet", Class::Activity, Some(60)),
    ("email", "E-mail", "mail", "cyan", Class::Activity, Some(15)),
    ("demo", "Demo", "presentation", "teal", Class::Activity, Some(60)),
    ("lunch", "Lunch", "tools-kitchen-2", "orange", Class::Activity, Some(90)),
    ("deadline", "Deadline", "flag", "red", Class::Activity, None),
    ("task", "Task", "checkbox", "slate", Class::Task, None),
];

/// Icons to choose from, each with its label.
pub(super) const ICONS: &[(&str, &str)] = &[
    ("phone", "Phone"),
    ("users", "People"),
    ("user", "Person"),
    ("mail", "Mail"),
    ("presentation", "Presentation"),
    ("tools-kitchen-2", "Meal"),
    ("coffee", "Coffee"),
    ("flag", "Flag"),
    ("checkbox", "Tick"),
    ("calendar-event", "Calendar"),
    ("video", "Video"),
    ("headset", "Headset"),
    ("message", "Message"),
    ("send", "Letter"),
    ("map-pin", "Visit"),
    ("car", "Car"),
    ("plane", "Plane"),
    ("truck", "Truck"),
    ("file-check", "Document"),
    ("signature", "Signature"),
    ("receipt", "Receipt"),
    ("school", "Training"),
    ("gift", "Gift"),
    ("star", "Star"),
    ("refresh", "Follow-up"),
];

/// Most types of one organisation.
const MOST: i64 = 100;

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = activity_types)]
pub struct ActivityType {
    pub id: ActivityTypeId,
    pub key: Option<String>,
    pub name: String,
    pub icon: String,
    pub color: String,
    pub class: String,
    pub minutes: Option<i32>,
    pub retired_at: Option<DateTime<Utc>>,
}

impl ActivityType {
    /// How long it usually lasts, as a field of minutes says it.
    pub fn usual(&self) -> String {
        self.minutes.map(|minutes| minutes.to_string()).unwrap_or_default()
    }

    pub fn class(&self) -> Class {
        Class::parse(&self.class).unwrap_or_default()
    }
}

/// What a new organisation starts with.
pub fn seed(tx: &mut SystemTx, org: OrgId) -> AppResult<()> {
    for (position, (key, name, icon, color, class, minutes)) in (0..).zip(BUILT_IN) {
        diesel::insert_into(activity_types::table)
            .values((
                (
                    activity_types::org_id.eq(org),
                    activity_types::id.eq(ActivityTypeId::new()),
                    activity_types::key.eq(*key),
                ),
                (activity_types::name.eq(name), activity_types::icon.eq(icon), activity_types::color.eq(color)),
                (activity_types::class.eq(class.key()), activity_types::minutes.eq(*minutes)),
                activity_types::position.eq(position),
            ))
            .execute(tx.conn())?;
    }
    Ok(())
}

/// All of them, the retired ones last.
pub fn all(tx: &mut OrgTx) -> AppResult<Vec<ActivityType>> {
    let all = tx.known("types", |tx| {
        Ok(activity_types::table
            .select(ActivityType::as_select())
            .order((activity_types::retired_at.is_not_null(), activity_types::position, activity_types::name_key))
            .load(tx.conn())?)
    });
    all.map(Arc::unwrap_or_clone)
}

/// Those to choose from.
pub(super) fn current(tx: &mut OrgTx) -> AppResult<Vec<ActivityType>> {
    Ok(all(tx)?.into_iter().filter(|kind| kind.retired_at.is_none()).collect())
}

pub(super) fn find(tx: &mut OrgTx, id: ActivityTypeId) -> AppResult<ActivityType> {
    Ok(activity_types::table.filter(activity_types::id.eq(id)).select(ActivityType::as_select()).first(tx.conn())?)
}

/// What the form of a type says.
#[derive(Clone, Debug)]
pub(super) struct NewType {
    name: String,
    icon: String,
    color: String,
    minutes: Option<i32>,
}

pub(super) fn parse(form: &Form) -> AppResult<NewType> {
    let mut p = form.parser();
    let name = p.required("name", 50);
    let icon = p.choice("icon", ICONS).unwrap_or("calendar-event");
    let color = p.choice("color", COLORS).unwrap_or("slate");
    let minutes = p.integer("minutes", 1, 1_440).and_then(|n| i32::try_from(n).ok());
    p.finish()?;
    Ok(NewType { name, icon: icon.to_owned(), color: color.to_owned(), minutes })
}

pub(super) fn create(tx: &mut OrgTx, _: &Allow<Administer>, class: Class, new: &NewType) -> AppResult<ActivityTypeId> {
    let count: i64 = activity_types::table.count().get_result(tx.conn())?;
    if count >= MOST {
        return Err(AppError::field("name", format!("cannot be added: {MOST} types are the most there can be")));
    }
    check_name(tx, &new.name, None)?;
    let id = ActivityTypeId::new();
    diesel::insert_into(activity_types::table)
        .values((
            (activity_types::id.eq(id), activity_types::name.eq(&new.name), activity_types::icon.eq(&new.icon)),
            (activity_types::color.eq(&new.color), activity_types::class.eq(class.key())),
            (activity_types::minutes.eq(new.minutes), activity_types::position.eq(i32::try_from(count).unwrap_or(0))),
        ))
        .execute(tx.conn())?;
    tell(tx, "activity_type.created", id, &new.name)?;
    Ok(id)
}

pub(super) fn update(tx: &mut OrgTx, _: &Allow<Administer>, id: ActivityTypeId, new: &NewType) -> AppResult<()> {
    let before = find(tx, id)?;
    check_name(tx, &new.name, Some(id))?;
    diesel::update(activity_types::table.filter(activity_types::id.eq(id)))
        .set((
            (activity_types::name.eq(&new.name), activity_types::icon.eq(&new.icon)),
            (activity_types::color.eq(&new.color), activity_types::minutes.eq(new.minutes)),
        ))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes
        .track("name", &before.name, &new.name)
        .track("icon", &before.icon, &new.icon)
        .track("color", &before.color, &new.color)
        .track("minutes", &before.minutes, &new.minutes);
    events::record(tx, Event::of("activity_type.updated", "activity_type", id).changes(changes))
}

/// Retires the type, or brings it back. One of each class stays.
pub(super) fn retire(
    tx: &mut OrgTx,
    _: &Allow<Administer>,
    id: ActivityTypeId,
    retired: bool,
) -> AppResult<ActivityType> {
    let kind = find(tx, id)?;
    if kind.retired_at.is_some() == retired {
        return Ok(kind);
    }
    if retired && current(tx)?.iter().filter(|other| other.class == kind.class).count() <= 1 {
        let told = format!("{} is the last type of its kind. Add another one first.", kind.name);
        return Err(AppError::Conflict(told));
    }
    diesel::update(activity_types::table.filter(activity_types::id.eq(id)))
        .set(activity_types::retired_at.eq(retired.then(Utc::now)))
        .execute(tx.conn())?;
    tell(tx, if retired { "activity_type.retired" } else { "activity_type.restored" }, id, &kind.name)?;
    Ok(kind)
}

/// Puts them in that order; types it does not name keep theirs, after those.
pub(super) fn reorder(tx: &mut OrgTx, _: &Allow<Administer>, order: &[ActivityTypeId]) -> AppResult<()> {
    for (position, id) in (0..).zip(order.iter().take(usize::try_from(MOST).unwrap_or(100))) {
        diesel::update(activity_types::table.filter(activity_types::id.eq(id)))
            .set(activity_types::position.eq(position))
            .execute(tx.conn())?;
    }
    Ok(())
}

fn check_name(tx: &mut OrgTx, name: &str, own: Option<ActivityTypeId>) -> AppResult<()> {
    let key = text::fold(name);
    let taken: Option<ActivityTypeId> = activity_types::table
        .filter(activity_types::name_key.eq(key))
        .select(activity_types::id)
        .first(tx.conn())
        .optional()?;
    match taken {
        Some(id) if Some(id) != own => Err(AppError::field("name", "is that of another type")),
        _ => Ok(()),
    }
}

fn tell(tx: &mut OrgTx, kind: &'static str, id: ActivityTypeId, name: &str) -> AppResult<()> {
    let mut changes = Changes::new();
    changes.set("name", &name);
    events::record(tx, Event::of(kind, "activity_type", id).changes(changes))
}
