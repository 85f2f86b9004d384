//! What can be done to many records at once, as it is asked for in a form and kept in an operation's parameters.

use super::values::{Edit, Mode};
use crate::{
    error::{AppError, AppResult},
    features::{
        quality::Part,
        records::{require_delete, require_edit},
    },
    kernel::{CompetitorId, RecordType, SegmentId, StageId, TagId},
    web::Actor,
};
use serde::{Deserialize, Serialize};

/// The kind of what cannot be taken back.
pub(super) const FOR_GOOD: &str = "anonymise";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Assigning an owner is one of these.
    Edit(Edit),
    /// Tags to add and to take away, with their names as they were when it was asked.
    Tag {
        add: Vec<TagId>,
        remove: Vec<TagId>,
        names: String,
    },
    /// Records put into a static segment, or taken out.
    Segment {
        segment: SegmentId,
        name: String,
        into: bool,
    },
    /// Deals sent to a stage, of whichever pipeline.
    Move {
        stage: StageId,
        name: String,
    },
    /// Deals won, or lost for this reason.
    Close {
        won: bool,
        reason: Option<String>,
        note: Option<String>,
        /// Who won them instead.
        #[serde(default)]
        to: Option<CompetitorId>,
    },
    /// Names, phone numbers and so on put in order.
    Normalise {
        parts: Vec<Part>,
    },
    /// Shared out anew by the rules of assignment; with `everyone` those, too, who are with the right people already.
    Share {
        everyone: bool,
    },
    Archive,
    Restore,
    Delete,
    /// People lose who they were; see `retention`. Never undone.
    Anonymise,
}

impl Action {
    /// The operation's kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Action::Edit(edit) if edit.key == "owner_id" => "assign",
            Action::Edit(_) => "edit",
            Action::Tag { .. } => "tag",
            Action::Segment { .. } => "segment",
            Action::Move { .. } => "move",
            Action::Close { .. } => "close",
            Action::Normalise { .. } => "normalise",
            Action::Share { .. } => "share",
            Action::Archive => "archive",
            Action::Restore => "restore",
            Action::Delete => "delete",
            Action::Anonymise => FOR_GOOD,
        }
    }

    /// "Archive contacts".
    pub fn title(&self, record: RecordType) -> String {
        let many = record.plural().to_lowercase();
        match self {
            // "Set Status of leads to “Working”".
            Action::Edit(edit) => match edit.words.split_once(" to “").filter(|_| edit.mode == Mode::Set) {
                Some((what, value)) => format!("{what} of {many} to “{value}"),
                None => format!("{} of {many}", edit.words),
            },
            Action::Tag { add, names, .. } if add.is_empty() => format!("Remove the tag {names} from {many}"),
            Action::Tag { names, .. } => format!("Tag {many} {names}"),
            Action::Segment { name, into: true, .. } => format!("Add {many} to the segment {name}"),
            Action::Segment { name, .. } => format!("Take {many} out of the segment {name}"),
            Action::Move { name, .. } => format!("Move {many} to {name}"),
            Action::Close { won: true, .. } => format!("Mark {many} as won"),
            Action::Close { reason, .. } => match reason {
                Some(reason) => format!("Mark {many} as lost: {reason}"),
                None => format!("Mark {many} as lost"),
            },
            Action::Normalise { parts } => {
                let parts: Vec<String> = parts.iter().map(|part| part.label().to_lowercase()).collect();
                format!("Put {} of {many} in order", parts.join(", "))
            }
            Action::Share { .. } => format!("Share out {many}"),
            Action::Archive => format!("Archive {many}"),
            Action::Restore => format!("Restore {many}"),
            Action::Delete => format!("Delete {many}"),
            Action::Anonymise => format!("Anonymise {many}"),
        }
    }

    /// What became of the records, for "3 contacts …".
    pub fn participle(&self) -> &'static str {
        match self {
            Action::Edit(edit) if edit.key == "owner_id" && edit.value.is_null() => "unassigned",
            Action::Edit(edit) if edit.key == "owner_id" => "assigned",
            Action::Edit(_) => "changed",
            Action::Tag { add, .. } => {
                if add.is_empty() {
                    "untagged"
                } else {
                    "tagged"
                }
            }
            Action::Segment { into: true, .. } => "added",
            Action::Segment { .. } => "taken out",
            Action::Move { .. } => "moved",
            Action::Close { won: true, .. } => "won",
            Action::Close { .. } => "lost",
            Action::Normalise { .. } => "put in order",
            Action::Share { .. } => "given away",
            Action::Archive => "archived",
            Action::Restore => "restored",
            Action::Delete => "deleted",
            Action::Anonymise => "anonymised",
        }
    }

    /// Refuses with 403 unless the role may do this to records of that type.
    pub fn require(&self, actor: &Actor, record: RecordType) -> AppResult<()> {
        match self {
            Action::Delete | Action::Anonymise => require_delete(actor, record),
            _ => require_edit(actor, record),
        }
    }
}

/// An action as the bulk bar offers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The button's value: what `POST /operations` reads as `action`.
    pub key: &'static str,
    pub label: &'static str,
    pub icon: &'static str,
    /// Leads to a page that asks for more (which owner, which field); the others are done at once.
    pub asks: bool,
    pub destructive: bool,
}

const fn offer(key: &'static str, label: &'static str, icon: &'static str, asks: bool) -> Offer {
    Offer { key, label, icon, asks, destructive: false }
}

/// What this person may do to many records of that type; `archived` lists offer restoring in place of archiving. Empty: no bar.
pub fn actions(actor: &Actor, record: RecordType, archived: bool) -> Vec<Offer> {
    let mut offers = Vec::new();
    if require_edit(actor, record).is_ok() {
        offers.push(offer("assign", "Assign", "user-check", true));
        offers.push(offer("edit", "Edit field", "pencil", true));
        if record == RecordType::Deal && !archived {
            offers.push(offer("move", "Move", "arrow-right", true));
            offers.push(offer("won", "Won", "trophy", false));
            offers.push(offer("lost", "Lost", "thumb-down", true));
        }
        offers.push(offer("tag", "Tag", "tag", true));
        offers.push(offer("segment", "Segment", "chart-funnel", true));
        offers.push(if archived {
            offer("restore", "Restore", "archive-off", false)
        } else {
            offer("archive", "Archive", "archive", false)
        });
    }
    if require_delete(actor, record).is_ok() {
        offers.push(Offer { destructive: true, ..offer("delete", "Delete", "trash", false) });
    }
    offers
}

/// Whether this person may change any records at all.
pub fn may_any(actor: &Actor) -> bool {
    RecordType::ALL.into_iter().any(|record| !actions(actor, record, false).is_empty())
}

/// Refuses with 403 whoever may change no records at all.
pub fn require_any(actor: &Actor) -> AppResult<()> {
    if may_any(actor) {
        Ok(())
    } else {
        Err(AppError::Forbidden("Your role does not let you change records. Ask an administrator."))
    }
}
