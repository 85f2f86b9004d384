//! What is next with a deal, as its card says it: what and when, in the colour of how pressing it is.

use super::cards::CardRow;
use crate::{
    features::activities::{Slot, Tone},
    web::{
        Actor,
        permission::{Permission, activities},
    },
};
use chrono::Utc;

/// What is next with a deal, or that nothing is.
pub struct NextStep {
    pub icon: String,
    pub label: String,
    pub title: String,
    /// The class that colours it.
    pub tone: &'static str,
}

impl NextStep {
    /// `None` for those who see no activities.
    pub fn of(actor: &Actor, row: &CardRow) -> Option<Self> {
        if !actor.may(activities::View::KEY) {
            return None;
        }
        let Some(subject) = &row.next else {
            let title = "Nothing is planned with this deal".to_owned();
            // A card that tells its next step in words above must not deny it below.
            let label = if row.next_step.is_some() { "Nothing planned" } else { "No next step" };
            let (icon, label) = ("circle-dashed".to_owned(), label.to_owned());
            return Some(Self { icon, label, title, tone: Tone::None.class() });
        };
        let (slot, now) = (Slot { start_at: row.next_start_at, due_on: row.next_due_on }, Utc::now());
        let (tone, words) = (slot.tone(None, actor, now), slot.words(actor, now));
        let overdue = tone == Tone::Overdue;
        let icon = row.next_icon.clone().filter(|_| !overdue).unwrap_or_else(|| "alert-circle".into());
        let label = if overdue { slot.urgency(actor, now) } else { format!("{subject} {}", in_a_sentence(&words)) };
        let title = format!("{subject}, {}{words}", if overdue { "overdue: " } else { "" });
        Some(Self { icon, label, title, tone: tone.class() })
    }
}

/// `Call tomorrow 10:00`, but `Call Thu 14:30`.
fn in_a_sentence(words: &str) -> String {
    for day in ["Today", "Tomorrow", "Yesterday"] {
        if let Some(rest) = words.strip_prefix(day) {
            return format!("{}{rest}", day.to_lowercase());
        }
    }
    words.to_owned()
}
