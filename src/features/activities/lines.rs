//! An activity as lists, panels and Home show it: one line.

use super::{
    model::{Class, status_label},
    when::{Slot, Tone},
};
use crate::{
    kernel::{RecordType, text},
    web::{Actor, shell::avatar_url},
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types as t;
use uuid::Uuid;

/// What the database knows of a line.
#[derive(QueryableByName, Clone, Debug)]
pub struct Row {
    #[diesel(sql_type = t::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = t::Integer)]
    pub version: i32,
    #[diesel(sql_type = t::Text)]
    pub subject: String,
    #[diesel(sql_type = t::Text)]
    pub class: String,
    #[diesel(sql_type = t::Text)]
    pub status: String,
    #[diesel(sql_type = t::Text)]
    pub priority: String,
    #[diesel(sql_type = t::Nullable<t::Timestamptz>)]
    pub start_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = t::Nullable<t::Date>)]
    pub due_on: Option<NaiveDate>,
    #[diesel(sql_type = t::Nullable<t::Integer>)]
    pub minutes: Option<i32>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub location: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub outcome: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Timestamptz>)]
    pub closed_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = t::Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = t::Text)]
    pub type_name: String,
    #[diesel(sql_type = t::Text)]
    pub type_icon: String,
    #[diesel(sql_type = t::Text)]
    pub type_color: String,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub series_id: Option<Uuid>,
    /// Waits for something that is open.
    #[diesel(sql_type = t::Bool)]
    pub blocked: bool,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub owner_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub owner: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub avatar_tag: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub deal_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub deal: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub contact_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub contact: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub company_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub company: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub lead_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub lead: Option<String>,
}

/// A line, ready to be shown by `activities/_line.html` or a table's row.
#[derive(Clone, Debug)]
pub struct Line {
    pub id: Uuid,
    pub href: String,
    pub subject: String,
    pub type_name: String,
    pub icon: String,
    pub color: String,
    pub class: Class,
    /// `Today 14:30`; of what is closed, when that was.
    pub when: String,
    /// `2 days overdue`, or the same as `when`.
    pub urgency: String,
    pub exact: String,
    pub iso: String,
    pub tone: &'static str,
    pub overdue: bool,
    pub length: String,
    pub status: String,
    pub status_label: &'static str,
    pub open: bool,
    pub cancelled: bool,
    pub high: bool,
    pub repeats: bool,
    pub blocked: bool,
    pub outcome: String,
    pub location: String,
    pub owner: Option<Face>,
    /// What its template offers to plan next: address and subject.
    pub offer: Option<(String, String)>,
    /// What it is about: icon, address and name, of the records the reader sees.
    pub about: Vec<About>,
}

#[derive(Clone, Debug)]
pub struct About {
    pub record: RecordType,
    pub href: String,
    pub name: String,
}

#[derive(Clone, Debug)]
pub struct Face {
    pub name: String,
    pub initials: String,
    pub class: String,
    pub avatar_url: Option<String>,
}

impl Line {
    pub fn new(actor: &Actor, row: Row) -> Self {
        let (slot, now) = (Slot { start_at: row.start_at, due_on: row.due_on }, Utc::now());
        let tone = if row.closed_at.is_some() { Tone::None } else { slot.tone(row.minutes, actor, now) };
        let (when, exact, iso) = match row.closed_at {
            Some(at) => (actor.moment(at), actor.exact(at), at.to_rfc3339()),
            None => (slot.words(actor, now), slot.exact(actor), slot.iso()),
        };
        let links = [
            (RecordType::Deal, row.deal_id, row.deal),
            (RecordType::Contact, row.contact_id, row.contact),
            (RecordType::Company, row.company_id, row.company),
            (RecordType::Lead, row.lead_id, row.lead),
        ];
        let about = links.into_iter().filter_map(|(record, id, name)| {
            Some(About { record, href: format!("/{}/{}", record.noun(), id?), name: name? })
        });
        let owner = row.owner_id.zip(row.owner).map(|(id, name)| Face {
            initials: text::initials(&name),
            class: text::avatar_class(&id.to_string()),
            avatar_url: avatar_url(&id.to_string(), row.avatar_tag.as_deref()),
            name,
        });
        Self {
            id: row.id,
            href: format!("/activities/{}", row.id),
            urgency: if tone == Tone::Overdue { slot.urgency(actor, now) } else { when.clone() },
            subject: row.subject,
            type_name: row.type_name,
            icon: row.type_icon,
            color: row.type_color,
            class: Class::parse(&row.class).unwrap_or_default(),
            when,
            exact,
            iso,
            tone: tone.class(),
            overdue: tone == Tone::Overdue,
            length: row.minutes.map(length).unwrap_or_default(),
            status_label: status_label(&row.status),
            open: row.closed_at.is_none(),
            cancelled: row.status == "cancelled",
            high: row.priority == "high",
            repeats: row.series_id.is_some(),
            blocked: row.blocked && row.closed_at.is_none(),
            status: row.status,
            outcome: row.outcome.unwrap_or_default(),
            location: row.location.unwrap_or_default(),
            owner,
            offer: None,
            about: about.collect(),
        }
    }

    pub fn all(actor: &Actor, rows: Vec<Row>) -> Vec<Self> {
        rows.into_iter().map(|row| Self::new(actor, row)).collect()
    }

    /// To when it can be put off.
    pub fn snoozes(&self) -> &'static [(&'static str, &'static str)] {
        super::when::SNOOZES
    }

    /// What it is about, but for the record whose page it stands on.
    pub fn about_others<'a>(&'a self, record: &'a RecordType) -> impl Iterator<Item = &'a About> {
        self.about.iter().filter(move |about| about.record != *record)
    }
}

/// `45 min`, `1 h`, `1 h 30 min`.
pub fn length(minutes: i32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, m) => format!("{m} min"),
        (h, 0) => format!("{h} h"),
        (h, m) => format!("{h} h {m} min"),
    }
}
