//! What a notice says: a short sentence in which the doer and what it is about stand out. One wording for the centre, the browser and
//! mail.
//!
//! Beside the doer and the title a sentence has what the caller gave as params: `from`, `to`, `how`, `who`, `count`, … and the times in
//! `start_at` and `due_on`, said as the reader says them.

use super::kind::Kind;
use crate::{features::records::Subject, web::Actor};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;

/// `lead` and `title` stand out; the sentence is all four in a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    pub lead: String,
    pub text: String,
    pub title: String,
    pub tail: String,
}

impl Words {
    fn new(lead: &str, text: impl Into<String>, title: &str, tail: impl Into<String>) -> Self {
        Self { lead: lead.to_owned(), text: text.into(), title: title.to_owned(), tail: tail.into() }
    }

    pub fn sentence(&self) -> String {
        let mut sentence = String::new();
        for part in [&self.lead, &self.text, &self.title, &self.tail].into_iter().filter(|part| !part.is_empty()) {
            if !sentence.is_empty() && !part.starts_with([',', ':', '.', '’']) {
                sentence.push(' ');
            }
            sentence.push_str(part);
        }
        sentence
    }
}

/// What there is to say it of.
pub(super) struct Said<'a> {
    pub kind: Kind,
    pub about: Option<Subject>,
    /// The doer's name; empty: the program.
    pub doer: &'a str,
    pub title: &'a str,
    pub params: &'a Value,
}

impl Said<'_> {
    fn param(&self, key: &str) -> &str {
        self.params.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Who did it, when a sentence needs somebody.
    fn somebody(&self) -> &str {
        if self.doer.is_empty() { "Pipewright" } else { self.doer }
    }

    /// What it happened to: one thing by its name, or so many.
    fn object(&self) -> &str {
        match self.param("many") {
            "" => self.title,
            many => many,
        }
    }

    pub fn words(&self, reader: &Actor) -> Words {
        let (doer, title) = (self.somebody(), self.object());
        match self.kind {
            Kind::Assigned => self.assigned(),
            Kind::Invited => match self.moment(reader) {
                Some(at) => Words::new(doer, "wants you to take part in", title, format!(", {at}")),
                None => Words::new(doer, "wants you to take part in", title, ""),
            },
            Kind::Changed => self.changed(reader),
            Kind::Progress => match self.param("how") {
                "done" => Words::new(doer, "marked", title, "as done"),
                "reopened" => Words::new(doer, "reopened", title, ""),
                _ => Words::new(doer, "set", title, format!("to {}", self.param("to"))),
            },
            Kind::Quarantined => {
                let tail = format!("is in quarantine: the virus scanner found {}", self.param("found"));
                Words::new("", "", self.param("file"), tail)
            }
            Kind::Mention => Words::new(doer, "mentioned you on", title, ""),
            Kind::Comment => Words::new(doer, "wrote about", title, ""),
            Kind::Reaction => {
                Words::new(doer, format!("reacted {} to what you wrote on", self.param("with")), title, "")
            }
            Kind::Moved => {
                Words::new(doer, "moved", title, format!("from {} to {}", self.param("from"), self.param("to")))
            }
            Kind::Closed => self.closed(),
            Kind::HandedOver => match self.param("to") {
                "" => Words::new(doer, "took", title, "out of everybody’s hands"),
                to => Words::new(doer, "gave", title, format!("to {to}")),
            },
            Kind::Reminder => Words::new("", "", title, format!(": {}", self.time(reader))),
            Kind::Overdue => Words::new("", "", title, format!("was due {}", self.time(reader))),
            Kind::Responded => Words::new(self.param("who"), self.param("how"), title, ""),
            Kind::MailAnswered => match title {
                "" => Words::new(self.param("who"), "answered your mail", "", ""),
                title => Words::new(self.param("who"), "answered your mail about", title, ""),
            },
            Kind::MailBounced => Words::new("", "Your mail to", self.param("to"), "came back"),
            Kind::Matches => {
                let count = self.params.get("count").and_then(Value::as_i64).unwrap_or(1);
                Words::new("", "", self.param("view"), format!(": {count} new {}", self.param("noun")))
            }
            Kind::Automation => match self.param("message") {
                "" => Words::new(self.param("automation"), "tells you about", title, ""),
                message => Words::new(self.param("automation"), "tells you about", title, format!(": {message}")),
            },
            Kind::Finished => Words::new("", "", self.param("what"), self.param("how")),
            Kind::Joined => match self.param("role") {
                "" => Words::new(self.param("who"), "joined", "", ""),
                role => Words::new(self.param("who"), format!("joined as {role}"), "", ""),
            },
        }
    }

    fn assigned(&self) -> Words {
        let title = self.object();
        match (self.doer, self.about) {
            ("", Some(_)) => Words::new("", "", title, "is yours now"),
            ("", None) => Words::new("", "Yours now:", title, ""),
            (doer, _) => Words::new(doer, "gave you", title, ""),
        }
    }

    fn changed(&self, reader: &Actor) -> Words {
        let (doer, title) = (self.somebody(), self.object());
        let when = self.moment(reader);
        let at = when.as_ref().map(|at| format!(", {at}")).unwrap_or_default();
        match self.param("how") {
            "moved" if !self.param("many").is_empty() => Words::new(doer, "put off", title, ""),
            "moved" => match when {
                Some(at) => Words::new(doer, "moved", title, format!("to {at}")),
                None => Words::new(doer, "moved", title, "to no day yet"),
            },
            "place" => match self.param("to") {
                "" => Words::new(doer, "changed where", title, "is"),
                place => Words::new(doer, "changed where", title, format!("is: {place}")),
            },
            "length" => Words::new(doer, "changed how long", title, "takes"),
            "series" => Words::new(doer, "changed when", title, "repeats"),
            "ended" => Words::new(doer, "ended the series of", title, ""),
            "cancelled" => Words::new(doer, "cancelled", title, at),
            "restored" => Words::new(doer, "brought back", title, at),
            _ => Words::new(doer, "deleted", title, at),
        }
    }

    fn closed(&self) -> Words {
        let (doer, title) = (self.somebody(), self.title);
        match (self.param("how"), self.param("reason")) {
            ("won", _) => Words::new(doer, "won", title, ""),
            ("lost", "") => Words::new(doer, "lost", title, ""),
            ("lost", reason) => Words::new(doer, "lost", title, format!(": {reason}")),
            _ => Words::new(doer, "reopened", title, ""),
        }
    }

    /// When it is, as the reader says it: `today 14:30`, `Tue 3 Mar`.
    fn time(&self, reader: &Actor) -> String {
        self.moment(reader).unwrap_or_else(|| "now".into())
    }

    fn moment(&self, reader: &Actor) -> Option<String> {
        let at = self.param("start_at").parse::<DateTime<Utc>>();
        let on = self.param("due_on").parse::<NaiveDate>();
        Some(match (at, on) {
            (Ok(at), _) => reader.within(at),
            (_, Ok(day)) => {
                let today = reader.today();
                match (day - today).num_days() {
                    0 => "today".into(),
                    1 => "tomorrow".into(),
                    -1 => "yesterday".into(),
                    _ => format!("{} {}", reader.locale.weekday_short(day), reader.locale.day(day, today)),
                }
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_put_together() {
        let words = Words::new("Ada", "lost", "Acme", ": Price");
        assert_eq!(words.sentence(), "Ada lost Acme: Price");
        assert_eq!(Words::new("", "", "Call", "was due today").sentence(), "Call was due today");
    }
}
