//! A segment.

use crate::{
    features::records::filter::{Filter, Op},
    kernel::{MemberId, RecordType, SegmentId},
    schema::segments,
    web::{
        Actor,
        permission::{Permission, organisation},
    },
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;

/// The key of the filter rule "in the segment".
pub const RULE: &str = "segment";
/// Longest name, in characters.
pub const LONGEST: usize = 80;

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = segments)]
pub struct Segment {
    pub id: SegmentId,
    pub record_type: String,
    pub name: String,
    pub description: Option<String>,
    /// Of a dynamic one.
    pub(super) filter: Option<Value>,
    pub created_by: Option<MemberId>,
    pub updated_at: DateTime<Utc>,
}

impl Segment {
    pub fn record(&self) -> Option<RecordType> {
        RecordType::parse(&self.record_type)
    }

    /// The filter of a dynamic one; `None`: its members are put in by hand.
    pub fn filter(&self) -> Option<Filter> {
        serde_json::from_value(self.filter.clone()?).ok()
    }

    pub fn is_dynamic(&self) -> bool {
        self.filter.is_some()
    }

    /// Whether this person may rename or delete it: whoever made it, and administrators.
    pub fn may_change(&self, actor: &Actor) -> bool {
        self.created_by == Some(actor.id) || actor.may(organisation::Administer::KEY)
    }
}

/// The list of the segment's records.
pub fn list_href(record: RecordType, id: SegmentId) -> String {
    let filter = Filter::All(vec![Filter::rule(RULE, Op::AnyOf, &[&id.to_string()])]);
    let mut query = url::form_urlencoded::Serializer::new(format!("/{}?", record.noun()));
    query.append_pair("filter", &filter.json()).finish()
}
