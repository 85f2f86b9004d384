//! The bulk bar of a list, for `operations/_bar.html`: what can be done to the rows that are ticked, or to all that match.

use super::actions::{self, Offer};
use crate::{
    kernel::RecordType,
    web::{
        Actor,
        permission::{Permission, activities, mails::Bulk, organisation::SeeTeam},
    },
};
use uuid::Uuid;

/// Stands in a `<form class="panel table-panel" method="post" action="/operations">` around the table, under the name `bulk`.
#[derive(Clone, Debug)]
pub struct Bar {
    pub record: RecordType,
    pub offers: Vec<Offer>,
    pub may_export: bool,
    /// A mail to each of them.
    pub may_write: bool,
    /// The rules of assignment may give them other owners.
    pub may_share: bool,
    /// Sets of tasks may be planned with them.
    pub may_plan: bool,
    /// The list as it stands, to come back to: path and query.
    pub back: String,
    /// The list's query string, by which "all that match" are found.
    pub matching: String,
    /// "12,408": how many match; empty when the page shows them all.
    pub total: String,
    /// Of this rendering: a form sent twice is one operation.
    pub request_key: Uuid,
}

impl Bar {
    /// `None` when the role lets the actor do nothing to many records. `address` is the list's own: path and query.
    pub fn new(actor: &Actor, record: RecordType, archived: bool, address: &str, total: String) -> Option<Self> {
        let offers = actions::actions(actor, record, archived);
        let may_export = actor.may(&format!("{}.export", record.noun()));
        let people = matches!(record, RecordType::Contact | RecordType::Lead);
        let may_write = people && !archived && actor.may(Bulk::KEY);
        let matching = address.split_once('?').map_or("", |(_, query)| query).to_owned();
        (may_export || may_write || !offers.is_empty()).then(|| Self {
            record,
            offers,
            may_export,
            may_write,
            may_share: !archived
                && record != RecordType::Contact
                && actor.may(SeeTeam::KEY)
                && actor.may(&format!("{}.edit", record.noun())),
            may_plan: !archived && actor.may(activities::Create::KEY),
            back: address.to_owned(),
            matching,
            total,
            request_key: Uuid::now_v7(),
        })
    }
}
