//! A file as it is kept: a name, a place, and one of its versions.

use crate::{
    features::records::Subject,
    files::Kind,
    kernel::{BlobId, FileId},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What the scanner for viruses says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scan {
    /// There was no scanner when it came.
    Off,
    Waiting,
    Clean,
    Infected,
}

impl Scan {
    pub(super) fn parse(text: &str) -> Self {
        match text {
            "waiting" => Scan::Waiting,
            "clean" => Scan::Clean,
            "infected" => Scan::Infected,
            _ => Scan::Off,
        }
    }

    pub(super) fn key(self) -> &'static str {
        match self {
            Scan::Off => "off",
            Scan::Waiting => "waiting",
            Scan::Clean => "clean",
            Scan::Infected => "infected",
        }
    }
}

/// A version's bytes: where they are and what is known of them.
#[derive(Clone, Debug)]
pub struct Content {
    pub name: String,
    pub blob: BlobId,
    pub size: i64,
    pub kind: Kind,
    pub sha256: String,
    pub scan: Scan,
    /// What the scanner calls it.
    pub found: Option<String>,
    pub thumbnail: bool,
}

impl Content {
    /// Whether anybody may have the bytes.
    pub fn is_given_out(&self) -> bool {
        matches!(self.scan, Scan::Off | Scan::Clean)
    }

    /// Why not.
    pub fn withheld(&self) -> &'static str {
        match self.scan {
            Scan::Waiting => "This file is being checked for viruses. Try again in a moment.",
            Scan::Infected => "This file is in quarantine: the virus scanner found something in it.",
            Scan::Off | Scan::Clean => "",
        }
    }
}

/// A file with the version that is shown, or that was asked for.
#[derive(Clone, Debug)]
pub struct File {
    pub id: FileId,
    pub name: String,
    /// `None`: it is some feature's own, such as a mail's.
    pub subject: Option<Subject>,
    /// Counts changes, for stale saves.
    pub version: i32,
    /// The number of the version that is shown.
    pub current: i32,
    /// Of the version at hand.
    pub number: i32,
    pub versions: i64,
    pub created_by: Option<Uuid>,
    pub deleted_at: Option<DateTime<Utc>>,
    /// When this version came, and from whom.
    pub at: DateTime<Utc>,
    pub by: Option<String>,
    pub content: Content,
}

/// `12 kB`, `3.4 MB`.
pub fn size_words(bytes: i64) -> String {
    match bytes {
        ..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
    }
}

/// What a sender calls a file, made fit to be kept: no folders, nothing unseen, nothing that turns the text around.
pub fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let seen: String = last.chars().filter(|c| !hidden(*c)).collect();
    let seen = seen.trim().trim_end_matches('.');
    if seen.is_empty() {
        return "file".to_owned();
    }
    let count = seen.chars().count();
    if count <= NAME_LIMIT {
        return seen.to_owned();
    }
    // The ending says what it is: the middle goes.
    let ending = seen.rsplit_once('.').map(|(_, end)| end).filter(|end| end.chars().count() <= 10);
    match ending {
        Some(ending) => {
            let room = NAME_LIMIT - ending.chars().count() - 1;
            format!("{}.{ending}", seen.chars().take(room).collect::<String>())
        }
        None => seen.chars().take(NAME_LIMIT).collect(),
    }
}

/// Characters a name may have.
pub const NAME_LIMIT: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_could_deceive() {
        for (sent, kept) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\me\\offer.pdf", "offer.pdf"),
            ("..", "file"),
            ("", "file"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("a\0b\r\nc.txt", "abc.txt"),
            ("عرض السعر.pdf", "عرض السعر.pdf"),
            (" Offer 1. ", "Offer 1"),
        ] {
            assert_eq!(clean_name(sent), kept, "{sent:?}");
        }
        let long = clean_name(&format!("{}.pdf", "ä".repeat(500)));
        assert!(long.ends_with("ä.pdf") && long.chars().count() == NAME_LIMIT, "{long}");
    }

    #[test]
    fn sizes_as_people_say_them() {
        assert_eq!(
            [0, 999, 12_345, 3_456_789, 2_500_000_000].map(size_words),
            ["0 B", "999 B", "12 kB", "3.4 MB", "2.5 GB"]
        );
    }
}
