//! A record's timeline: its events in words and its notes, newest first, one keyset page at a time.
//!
//! A note stands where it was added; editing or deleting it changes that entry and adds none.

mod entries;
pub(super) mod words;

pub use entries::{Entry, Line};

use super::{Spec, visible};
use crate::{
    db::{Db, OrgTx},
    error::AppResult,
    features::{
        activities::Plan,
        comments::{self, Said},
        fields::Catalogue,
        files,
        records::Subject,
    },
    kernel::{CommentId, RecordType},
    web::{Actor, Form, Page, csrf, reply},
};
use actix_web::{HttpResponse, web};
use askama::Template;
use entries::entries;
use serde_json::Value;
use uuid::Uuid;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TimelineFilter {
    #[default]
    All,
    Activities,
    Notes,
    Mails,
    Files,
    Changes,
}

impl TimelineFilter {
    const ALL: [(TimelineFilter, &'static str, &'static str); 6] = [
        (TimelineFilter::All, "all", "All"),
        (TimelineFilter::Activities, "activities", "Activities"),
        (TimelineFilter::Notes, "notes", "Notes"),
        (TimelineFilter::Mails, "mails", "Mail"),
        (TimelineFilter::Files, "files", "Files"),
        (TimelineFilter::Changes, "changes", "Changes"),
    ];

    pub fn parse(text: &str) -> Self {
        Self::ALL.iter().find(|(_, key, _)| *key == text).map_or_else(Self::default, |(filter, ..)| *filter)
    }

    fn key(self) -> &'static str {
        Self::ALL.iter().find(|(filter, ..)| *filter == self).map_or("all", |(_, key, _)| key)
    }
}

/// An event in words, for other readers of events: icon, title, field by field. `None` when it tells this reader nothing.
pub fn told(
    kind: &str,
    changes: &Value,
    data: &Value,
    catalogue: &Catalogue,
    actor: &Actor,
) -> Option<(&'static str, String, Vec<Line>)> {
    if !words::tells(changes, catalogue) {
        return None;
    }
    let words = words::of(kind, changes, data, catalogue, actor);
    Some((words.icon, words.title, words.lines))
}

/// What `_timeline.html` needs, under the name `timeline`.
#[derive(Clone, Debug)]
pub struct Timeline {
    pub entries: Vec<Entry>,
    pub filters: Vec<FilterLink>,
    pub more: Option<Link>,
    pub csrf: String,
    /// What is still before the record, over what is behind it.
    pub plan: Plan,
    pub files: files::Panel,
    /// What stands first on the record.
    pub pinned: Vec<Said>,
    /// Of a new comment: sent twice, it makes one.
    pub comment_id: String,
    /// The composer opens on a comment.
    pub commenting: bool,
}

#[derive(Clone, Debug)]
pub struct FilterLink {
    pub label: &'static str,
    pub link: Link,
    pub current: bool,
}

/// An address as a page, and as the fragment that htmx asks for instead.
#[derive(Clone, Debug)]
pub struct Link {
    pub href: String,
    pub fragment: String,
}

impl Link {
    fn new(record: RecordType, id: Uuid, filter: TimelineFilter, after: Option<&str>) -> Self {
        let (noun, key) = (record.noun(), filter.key());
        let rest = after.map(|cursor| format!("&after={cursor}")).unwrap_or_default();
        Self {
            href: format!("/{noun}/{id}?timeline={key}{rest}#timeline"),
            fragment: format!("/{noun}/{id}/timeline?timeline={key}{rest}"),
        }
    }
}

impl Timeline {
    /// What the record's page shows: the part of it that the query asks for, and what is planned (`compose` opens its form).
    pub fn load(
        tx: &mut OrgTx,
        actor: &Actor,
        record: RecordType,
        id: Uuid,
        query: &Form,
        csrf: String,
    ) -> AppResult<Self> {
        let plan = Plan::load(tx, actor, record, id, query)?;
        let files = files::Panel::load(tx, actor, Subject::Record(record, id), csrf.clone())?;
        let pinned = comments::pinned(tx, actor, Subject::Record(record, id))?;
        let commenting = query.get("compose") == "comment";
        Ok(Self { plan, files, pinned, commenting, ..Self::part(tx, actor, record, id, query, csrf)? })
    }

    fn empty() -> Self {
        Self {
            entries: vec![],
            filters: vec![],
            more: None,
            csrf: String::new(),
            plan: Plan::default(),
            files: files::Panel::default(),
            pinned: vec![],
            comment_id: CommentId::new().to_string(),
            commenting: false,
        }
    }

    /// The part of the timeline that the request's query (`timeline`, `after`) asks for.
    fn part(
        tx: &mut OrgTx,
        actor: &Actor,
        record: RecordType,
        id: Uuid,
        query: &Form,
        csrf: String,
    ) -> AppResult<Self> {
        let filter = TimelineFilter::parse(query.get("timeline"));
        let cursor = Some(query.get("after")).filter(|c| !c.is_empty());
        let page = entries(tx, actor, record, id, filter, cursor)?;
        let filters = TimelineFilter::ALL
            .iter()
            .map(|(f, _, label)| FilterLink { label, link: Link::new(record, id, *f, None), current: *f == filter })
            .collect();
        let more = page.next.map(|next| Link::new(record, id, filter, Some(&next)));
        Ok(Self { entries: page.rows, filters, more, csrf, ..Self::empty() })
    }
}

#[derive(Template)]
#[template(path = "records/_timeline.html")]
struct Whole {
    timeline: Timeline,
}

#[derive(Template)]
#[template(path = "records/_timeline_more.html")]
struct More {
    timeline: Timeline,
}

/// `GET /{noun}/{id}/timeline`: the timeline again under another filter, or its next page.
pub async fn fragment(spec: &Spec, page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let more = query.has("after");
    let (actor, record, csrf) = (page.actor.clone(), spec.record, csrf::token(&page.req));
    let timeline = db
        .org(&page, move |tx| {
            visible(tx, &actor, record, *id)?;
            Timeline::part(tx, &actor, record, *id, &query, csrf)
        })
        .await?;
    if more { reply::fragment(&More { timeline }) } else { reply::fragment(&Whole { timeline }) }
}
