//! What files and comments hang on: a record, or an activity.

use super::{require_delete, require_edit, visible};
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    events::Event,
    features::activities,
    kernel::{ActivityId, RecordType},
    web::{
        Actor, Allow,
        permission::{self, Permission},
    },
};
use uuid::Uuid;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Subject {
    Record(RecordType, Uuid),
    Activity(ActivityId),
}

/// The columns by which a row names its subject, one of them filled.
pub type Columns = (Option<Uuid>, Option<Uuid>, Option<Uuid>, Option<Uuid>, Option<Uuid>);

impl Subject {
    /// By the first part of its address: `deals`, `activities`.
    pub fn parse(noun: &str, id: Uuid) -> Option<Self> {
        if noun == "activities" {
            return Some(Subject::Activity(ActivityId(id)));
        }
        RecordType::ALL.into_iter().find(|record| record.noun() == noun).map(|record| Subject::Record(record, id))
    }

    /// By its key: `deal`, `activity`.
    pub fn from_key(key: &str, id: Uuid) -> Option<Self> {
        match key {
            "activity" => Some(Subject::Activity(ActivityId(id))),
            other => RecordType::parse(other).map(|record| Subject::Record(record, id)),
        }
    }

    /// From company, contact, lead, deal and activity.
    pub fn from_columns(columns: Columns) -> Option<Self> {
        let (company, contact, lead, deal, activity) = columns;
        let on = |record: RecordType, id: Option<Uuid>| id.map(|id| Subject::Record(record, id));
        on(RecordType::Company, company)
            .or(on(RecordType::Contact, contact))
            .or(on(RecordType::Lead, lead))
            .or(on(RecordType::Deal, deal))
            .or(activity.map(|id| Subject::Activity(ActivityId(id))))
    }

    /// Company, contact, lead, deal and activity.
    pub fn columns(self) -> Columns {
        let on = |record: RecordType| match self {
            Subject::Record(of, id) if of == record => Some(id),
            _ => None,
        };
        let activity = if let Subject::Activity(id) = self { Some(id.0) } else { None };
        (on(RecordType::Company), on(RecordType::Contact), on(RecordType::Lead), on(RecordType::Deal), activity)
    }

    pub fn id(self) -> Uuid {
        match self {
            Subject::Record(_, id) => id,
            Subject::Activity(id) => id.0,
        }
    }

    /// `deal`, `activity`: the record type of its events; with `_id`, the column that names it.
    pub fn key(self) -> &'static str {
        match self {
            Subject::Record(record, _) => record.key(),
            Subject::Activity(_) => "activity",
        }
    }

    /// `deals`, `activities`.
    pub fn noun(self) -> &'static str {
        match self {
            Subject::Record(record, _) => record.noun(),
            Subject::Activity(_) => "activities",
        }
    }

    /// Its page.
    pub fn href(self) -> String {
        format!("/{}/{}", self.noun(), self.id())
    }

    pub fn event(self, kind: &'static str) -> Event {
        Event::of(kind, self.key(), self.id())
    }

    /// What it is called, when the actor may see it.
    pub fn visible(self, tx: &mut OrgTx, actor: &Actor) -> AppResult<String> {
        match self {
            Subject::Record(record, id) => visible(tx, actor, record, id).map(|standing| standing.name),
            Subject::Activity(id) => {
                Allow::<permission::activities::View>::check(actor)?;
                activities::find(tx, actor, id).map(|activity| activity.fields.subject)
            }
        }
    }

    /// Refuses with 403 unless the role may edit such things.
    pub fn require_edit(self, actor: &Actor) -> AppResult<()> {
        match self {
            Subject::Record(record, _) => require_edit(actor, record),
            Subject::Activity(_) => Allow::<permission::activities::Edit>::check(actor).map(drop),
        }
    }

    /// Whether the role may also take away what others put there.
    pub fn is_moderated_by(self, actor: &Actor) -> bool {
        match self {
            Subject::Record(record, _) => require_delete(actor, record).is_ok(),
            Subject::Activity(_) => actor.may(permission::activities::Delete::KEY),
        }
    }

    /// Lets only the author change words: nobody else's stand under their name. What nobody wrote is for those who may delete its subject.
    pub fn require_author(self, actor: &Actor, author: Option<Uuid>, told: &'static str) -> AppResult<()> {
        self.require_edit(actor)?;
        let theirs = author.map_or_else(|| self.is_moderated_by(actor), |author| author == actor.id.0);
        if theirs { Ok(()) } else { Err(AppError::Forbidden(told)) }
    }

    /// Lets only whoever made something take it away, or who may delete its subject; `told` says so.
    pub fn require_own(self, actor: &Actor, made_by: Option<Uuid>, told: &'static str) -> AppResult<()> {
        self.require_edit(actor)?;
        if made_by == Some(actor.id.0) || self.is_moderated_by(actor) { Ok(()) } else { Err(AppError::Forbidden(told)) }
    }
}

impl From<(RecordType, Uuid)> for Subject {
    fn from((record, id): (RecordType, Uuid)) -> Self {
        Subject::Record(record, id)
    }
}

impl From<ActivityId> for Subject {
    fn from(id: ActivityId) -> Self {
        Subject::Activity(id)
    }
}
