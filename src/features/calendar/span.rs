//! Activities of some members in a span of time: one statement over the indexes that each of their calendars is.

use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    features::activities::{self, Slot},
    kernel::{RecordType, calendar},
    schema::activity_participants as participants,
    web::Actor,
};
use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use diesel::{prelude::*, sql_types as t};
use std::collections::HashMap;
use uuid::Uuid;

/// What starts at a time and says nothing of its length takes so many minutes of a calendar.
const USUAL: i64 = 30;
/// The longest there is.
const LONGEST: i64 = 43_200;

/// An activity in somebody's calendar.
#[derive(QueryableByName, Clone, Debug)]
pub struct Entry {
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
    #[diesel(sql_type = t::Nullable<t::Timestamptz>)]
    pub start_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = t::Nullable<t::Date>)]
    pub due_on: Option<NaiveDate>,
    #[diesel(sql_type = t::Nullable<t::Integer>)]
    pub minutes: Option<i32>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub location: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub video_url: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub description: Option<String>,
    #[diesel(sql_type = t::Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(sql_type = t::Timestamptz)]
    pub updated_at: DateTime<Utc>,
    #[diesel(sql_type = t::Text)]
    pub type_name: String,
    #[diesel(sql_type = t::Text)]
    pub type_icon: String,
    #[diesel(sql_type = t::Text)]
    pub type_color: String,
    /// In which of the calendars that were asked for.
    #[diesel(sql_type = t::Array<t::Uuid>)]
    pub people: Vec<Uuid>,
    /// Whether it is the reader's to see; otherwise only that somebody is busy.
    #[diesel(sql_type = t::Bool)]
    pub seen: bool,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    deal_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    deal: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    contact_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    contact: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    company_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    company: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    lead_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    lead: Option<String>,
}

impl Entry {
    pub fn is_open(&self) -> bool {
        !matches!(self.status.as_str(), "done" | "cancelled")
    }

    pub fn is_task(&self) -> bool {
        self.class == "task"
    }

    /// What it is about, as far as the reader sees it: address and name.
    pub fn about(&self) -> Vec<(String, &str)> {
        let links = [
            (RecordType::Deal, self.deal_id, &self.deal),
            (RecordType::Contact, self.contact_id, &self.contact),
            (RecordType::Company, self.company_id, &self.company),
            (RecordType::Lead, self.lead_id, &self.lead),
        ];
        links
            .into_iter()
            .filter_map(|(record, id, name)| Some((format!("/{}/{}", record.noun(), id?), name.as_deref()?)))
            .collect()
    }

    /// Its first day and, of what lasts all day, the day after its last.
    pub fn days(&self, zone: Tz) -> Option<(NaiveDate, NaiveDate)> {
        match (self.start_at, self.due_on) {
            (Some(at), _) => {
                let day = at.with_timezone(&zone).date_naive();
                let end = self.until(at).with_timezone(&zone).naive_local() - Duration::seconds(1);
                Some((day, end.date().max(day) + Duration::days(1)))
            }
            (None, Some(day)) => Some((day, day + Duration::days(whole_days(self.minutes)))),
            (None, None) => None,
        }
    }

    /// From when to when someone is busy with it. Days and tasks keep nobody from meeting.
    pub fn busy(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let start = self.start_at.filter(|_| !self.is_task() && self.status != "cancelled")?;
        Some((start, self.until(start)))
    }

    fn until(&self, start: DateTime<Utc>) -> DateTime<Utc> {
        start + Duration::minutes(self.minutes.map_or(USUAL, i64::from))
    }

    /// When the clocks of that zone show its beginning and end: an hour is an hour high, whatever the clocks do meanwhile.
    pub fn clocks(&self, zone: Tz) -> Option<(NaiveDateTime, Option<NaiveDateTime>)> {
        let start = self.start_at?.with_timezone(&zone).naive_local();
        Some((start, self.minutes.map(|n| start + Duration::minutes(i64::from(n)))))
    }

    pub fn slot(&self) -> Slot {
        Slot { start_at: self.start_at, due_on: self.due_on }
    }
}

/// Days that something lasts which has no time of day.
pub fn whole_days(minutes: Option<i32>) -> i64 {
    minutes.map_or(1, |n| (i64::from(n) + 1_439) / 1_440).max(1)
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    pub people: &'a [Uuid],
    /// Days of `zone`.
    pub span: calendar::Span,
    pub zone: Tz,
    /// None: of every type.
    pub types: &'a [Uuid],
    /// With notes and video links, which only feeds carry.
    pub full: bool,
    pub limit: i64,
}

const COLUMNS: &str = "a.org_id, a.id, a.version, a.subject, a.class, a.status, a.start_at, a.due_on, a.minutes, a.location, a.created_at, \
    a.updated_at, a.at, a.owner_id, a.type_id, a.deal_id, a.contact_id, a.company_id, a.lead_id";

/// Those that touch the span, the earliest first.
pub fn load(tx: &mut OrgTx, actor: &Actor, asked: &Asked<'_>) -> AppResult<Vec<Entry>> {
    let (start, end) = calendar::instants(asked.span, asked.zone);
    let (about, joins) = activities::about_sql(actor, "$5");
    let (detail, columns) = if asked.full {
        ("a.video_url, a.description", format!("{COLUMNS}, a.video_url, a.description"))
    } else {
        ("NULL::text AS video_url, NULL::text AS description", COLUMNS.to_owned())
    };
    let by_type = if asked.types.is_empty() { "" } else { "AND a.type_id = ANY ($11)" };
    let sql = format!(
        "SELECT * FROM (
  SELECT a.id, a.version, a.subject, a.class, a.status, a.start_at, a.due_on, a.minutes, a.location, a.created_at, a.updated_at, a.at, {detail},
    t.name AS type_name, t.icon AS type_icon, t.color AS type_color,
    CASE WHEN a.owner_id = ANY ($1) THEN ARRAY[a.owner_id] ELSE '{{}}' END AS people,
    ($5::uuid[] IS NULL OR a.owner_id = ANY ($5)) AS mine{about}
  FROM (
    SELECT a.* FROM (
      SELECT {columns} FROM unnest($1) o(id) CROSS JOIN LATERAL (
        SELECT a.* FROM activities a WHERE a.owner_id = o.id AND a.deleted_at IS NULL AND a.at >= $2 AND a.at < $3
        UNION ALL
        SELECT a.* FROM activities a
        WHERE a.owner_id = o.id AND a.deleted_at IS NULL AND a.minutes > 1440 AND a.at >= $4 AND a.at < $2) a
      UNION ALL
      SELECT {columns} FROM activities a
      WHERE a.id = ANY ($10) AND a.deleted_at IS NULL AND (a.owner_id = ANY ($1)) IS NOT TRUE) a
    WHERE (a.start_at < $7 AND a.start_at + coalesce(a.minutes, {USUAL}) * interval '1 minute' > $6
       OR a.start_at >= $6 AND a.start_at < $7
       OR a.due_on < $9 AND a.due_on + greatest(1, (coalesce(a.minutes, 0) + 1439) / 1440) > $8) {by_type}
    ORDER BY a.at, a.id LIMIT {most}) a
  JOIN activity_types t ON t.org_id = a.org_id AND t.id = a.type_id{joins}) a
CROSS JOIN LATERAL (SELECT a.mine OR num_nonnulls(a.deal_id, a.contact_id, a.company_id, a.lead_id) > 0 OR EXISTS (
  SELECT 1 FROM activity_participants q WHERE q.activity_id = a.id AND q.member_id = ANY ($5)) AS seen) s
ORDER BY a.at, a.id",
        most = asked.limit
    );
    // Whatever the zone, a day's hour of reckoning (10:00 UTC) lies within a day of it.
    let reach = Duration::days(1);
    let earliest = start - reach - Duration::minutes(LONGEST);
    let guests = guests(tx, asked.people, earliest, end + reach)?;
    let query = diesel::sql_query(sql)
        .into_boxed()
        .bind::<t::Array<t::Uuid>, _>(asked.people.to_vec())
        .bind::<t::Timestamptz, _>(start - reach)
        .bind::<t::Timestamptz, _>(end + reach)
        .bind::<t::Timestamptz, _>(earliest)
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(actor.visible_owners())
        .bind::<t::Timestamptz, _>(start)
        .bind::<t::Timestamptz, _>(end)
        .bind::<t::Date, _>(asked.span.from)
        .bind::<t::Date, _>(asked.span.to)
        .bind::<t::Array<t::Uuid>, _>(guests.keys().copied().collect::<Vec<_>>());
    let query = if asked.types.is_empty() { query } else { query.bind::<t::Array<t::Uuid>, _>(asked.types.to_vec()) };
    let mut entries: Vec<Entry> = kept(query).load(tx.conn())?;
    for entry in &mut entries {
        entry.people.extend(guests.get(&entry.id).into_iter().flatten());
    }
    Ok(entries)
}

/// In which activities of that time these members take part, besides those that are theirs.
fn guests(
    tx: &mut OrgTx,
    people: &[Uuid],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> AppResult<HashMap<Uuid, Vec<Uuid>>> {
    let rows: Vec<(Uuid, Option<Uuid>)> = participants::table
        .filter(participants::member_id.eq_any(people))
        .filter(participants::at.ge(from))
        .filter(participants::at.lt(to))
        .select((participants::activity_id, participants::member_id))
        .load(tx.conn())?;
    let mut found: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for (activity, member) in rows {
        found.entry(activity).or_default().extend(member);
    }
    Ok(found)
}
