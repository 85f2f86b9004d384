//! `GET /feed`: who, what, on which records, since when.

use super::queries::{self, Asked, Happened, What};
use crate::{
    db::{Db, OrgTx, paging},
    error::AppResult,
    events,
    features::{
        accounts::members::{self, Person},
        comments,
        fields::Catalogue,
        records::{Subject, timeline},
        settings::team_choices,
    },
    kernel::RecordType,
    web::{Actor, Form, Page, SelectOption, Shell, reply},
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use chrono::{DateTime, Duration, Utc};
use std::collections::HashMap;
use uuid::Uuid;

/// How far back one may look, in days.
const DAYS: [i64; 4] = [1, 7, 30, 90];
/// Characters of what was written.
const QUOTED: usize = 400;

/// An entry, ready to be shown.
struct Entry {
    id: Uuid,
    who: String,
    initials: String,
    class: String,
    avatar_url: Option<String>,
    when: String,
    exact: String,
    iso: String,
    icon: &'static str,
    /// "wrote a note", "Contact made → Proposal".
    title: String,
    lines: Vec<timeline::Line>,
    quote: String,
    record: &'static str,
    record_icon: &'static str,
    name: String,
    href: String,
}

/// Entries of one day.
struct Day {
    label: String,
    entries: Vec<Entry>,
}

#[derive(Template)]
#[template(path = "feed/index.html", blocks = ["entries"])]
struct Feed {
    shell: Shell,
    people: Vec<SelectOption>,
    whats: Vec<SelectOption>,
    types: Vec<SelectOption>,
    days: Vec<SelectOption>,
    list: Vec<Day>,
    more: Option<String>,
    /// Whether anything but the days is asked for.
    filtered: bool,
}

pub(super) async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let (actor, shell) = (page.actor.clone(), page.shell("feed"));
    let feed = db.org(&page, move |tx| load(tx, &actor, shell, &query)).await?;
    reply::either(&page.req, actix_web::http::StatusCode::OK, &feed, &feed.as_entries())
}

fn load(tx: &mut OrgTx, actor: &Actor, shell: Shell, query: &Form) -> AppResult<Feed> {
    let people = members::directory(tx)?;
    let teams = team_choices(tx)?;
    let who = query.get("who");
    let all = queries::types(actor);
    let chosen = all.iter().find(|key| **key == query.get("type")).copied();
    let days = query.get("days").parse().ok().filter(|days| DAYS.contains(days)).unwrap_or(7);
    let what = What::parse(query.get("what"));
    let after: Option<(DateTime<Utc>, Uuid)> =
        Some(query.get("after")).filter(|after| !after.is_empty()).map(paging::decode).transpose()?;
    let asked = Asked {
        who: whose(tx, actor, who)?,
        what,
        types: chosen.map_or_else(|| all.clone(), |key| vec![key]),
        since: Utc::now() - Duration::days(days),
        after,
    };
    let (found, next) = queries::page(tx, actor, &asked)?;
    let more = next.map(|next| {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        for name in ["who", "what", "type", "days"] {
            if !query.get(name).is_empty() {
                pairs.append_pair(name, query.get(name));
            }
        }
        format!("/feed?{}", pairs.append_pair("after", &paging::encode(&next)).finish())
    });
    let label = |key: &str| RecordType::parse(key).map_or("Activities and tasks", RecordType::plural);
    let team_options = teams.into_iter().map(|(id, name)| {
        let value = format!("team:{id}");
        SelectOption { selected: who == value, value, label: format!("Team {name}") }
    });
    let mut options = vec![SelectOption::new("team", "My teams", who == "team")];
    options.extend(team_options);
    options.extend(
        people
            .iter()
            .filter(|person| person.active || person.id.to_string() == who)
            .map(|person| SelectOption::new(person.id.to_string(), &person.name, person.id.to_string() == who)),
    );
    Ok(Feed {
        shell,
        list: by_day(tx, actor, found, &people)?,
        people: options,
        whats: What::ALL.iter().skip(1).map(|(w, key, label)| SelectOption::new(*key, *label, *w == what)).collect(),
        types: all.iter().map(|key| SelectOption::new(*key, label(key), Some(*key) == chosen)).collect(),
        days: DAYS
            .iter()
            .map(|n| {
                SelectOption::new(
                    n.to_string(),
                    if *n == 1 { "Last day".into() } else { format!("Last {n} days") },
                    *n == days,
                )
            })
            .collect(),
        more,
        filtered: !who.is_empty() || chosen.is_some() || what != What::Everything,
    })
}

/// Those whose doings are asked for: a person, a team, one's own teams.
fn whose(tx: &mut OrgTx, actor: &Actor, who: &str) -> AppResult<Option<Vec<Uuid>>> {
    if who == "team" {
        return Ok(Some(actor.team().to_vec()));
    }
    if let Some(team) = who.strip_prefix("team:").and_then(|id| Uuid::parse_str(id).ok()) {
        return team_members(tx, team).map(Some);
    }
    Ok(Uuid::parse_str(who).ok().map(|who| vec![who]))
}

fn team_members(tx: &mut OrgTx, team: Uuid) -> AppResult<Vec<Uuid>> {
    use crate::{db::Tx, schema::team_members};
    use diesel::prelude::*;
    let members = team_members::table.filter(team_members::team_id.eq(team)).select(team_members::member_id);
    Ok(members.load(tx.conn())?)
}

fn by_day(tx: &mut OrgTx, actor: &Actor, found: Vec<Happened>, people: &[Person]) -> AppResult<Vec<Day>> {
    let mut catalogues: HashMap<RecordType, Catalogue> = HashMap::new();
    let mut days: Vec<Day> = Vec::new();
    for happened in found {
        if let Subject::Record(record, _) = happened.subject
            && let std::collections::hash_map::Entry::Vacant(place) = catalogues.entry(record)
        {
            place.insert(Catalogue::load(tx, actor, record)?);
        }
        let label = day_words(actor, happened.row.at);
        let Some(entry) = entry(actor, happened, people, &catalogues) else { continue };
        match days.last_mut().filter(|day| day.label == label) {
            Some(day) => day.entries.push(entry),
            None => days.push(Day { label, entries: vec![entry] }),
        }
    }
    Ok(days)
}

fn day_words(actor: &Actor, at: DateTime<Utc>) -> String {
    let (day, today) = (at.with_timezone(&actor.zone).date_naive(), actor.today());
    match (today - day).num_days() {
        0 => "Today".to_owned(),
        1 => "Yesterday".to_owned(),
        _ => actor.locale.weekday_and_day(day, today),
    }
}

/// `None`: it tells this reader nothing.
fn entry(
    actor: &Actor,
    happened: Happened,
    people: &[Person],
    catalogues: &HashMap<RecordType, Catalogue>,
) -> Option<Entry> {
    let Happened { row, subject, name, body_html } = happened;
    let (icon, title, lines) = match subject {
        Subject::Record(record, _) => {
            let told = timeline::told(&row.kind, &row.changes, &row.data, catalogues.get(&record)?, actor)?;
            (told.0, told.1, told.2)
        }
        Subject::Activity(_) => {
            let (icon, title) = doing(&row.kind, row.data.get("title").and_then(|title| title.as_str()));
            (icon, title, vec![])
        }
    };
    let person = people.iter().find(|person| Some(person.id.0) == row.actor_id);
    let text = body_html.as_deref().map(comments::plain).unwrap_or_default();
    let quote = match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    let (record, record_icon) = match subject {
        Subject::Record(record, _) => (record.label(), record.icon()),
        Subject::Activity(_) => ("Activity", "calendar-event"),
    };
    Some(Entry {
        id: row.id,
        who: events::doer(person.map(|person| person.name.clone()), &row.data),
        initials: person.map(|person| person.initials.clone()).unwrap_or_else(|| "P".to_owned()),
        class: person.map(|person| person.class.clone()).unwrap_or_default(),
        avatar_url: person.and_then(|person| person.avatar_url.clone()),
        when: actor.locale.time(row.at.with_timezone(&actor.zone).time()),
        exact: actor.exact(row.at),
        iso: row.at.to_rfc3339(),
        icon,
        title,
        lines,
        quote,
        record,
        record_icon,
        name: if name.is_empty() { "Without a name".to_owned() } else { name },
        href: subject.href(),
    })
}

/// What was done with an activity, in words.
fn doing(kind: &str, title: Option<&str>) -> (&'static str, String) {
    match kind {
        "activity.created" => ("calendar-plus", "Planned".into()),
        "activity.done" => ("circle-check", "Done".into()),
        "activity.cancelled" => ("circle-x", "Cancelled".into()),
        "activity.reopened" => ("refresh", "Reopened".into()),
        "comment.added" => ("message", "Comment".into()),
        _ => ("paperclip", title.unwrap_or("File").to_owned()),
    }
}
