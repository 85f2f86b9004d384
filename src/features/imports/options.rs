//! What the importer chose, step by step. Kept on the import's row, and in templates, as JSON; what is not chosen is recognised, so that
//! an import without any choice runs as well.

use super::{aliases::RECORD_ID, presets::ColumnPlan, reader::Overrides};
use crate::kernel::RecordType;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// What the importer chose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Deals without a pipeline of their own go into this one; it is made when there is none.
    pub pipeline: Option<String>,
    /// Import rows whose owner is nobody here, without an owner, instead of reporting them.
    pub leave_unknown_owners: bool,
    /// How the file is read.
    pub overrides: Overrides,
    /// In the order of the file. Empty: every column as it is recognised.
    pub columns: Vec<ColumnPlan>,
    /// By what a row is known as a record that exists, one after the other. Empty: `MatchBy::usual`.
    pub match_by: Vec<MatchBy>,
    pub on_match: OnMatch,
    pub related: Related,
    /// Of deals' products.
    pub products: UnknownProducts,
    pub owner: OwnerChoice,
    /// Of every record created or changed.
    pub tags: Vec<Uuid>,
    /// Values of own fields that the file does not have and that new records must, by key, as records keep them.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub fixed: Map<String, Value>,
}

/// By what a row is known as a record that exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchBy {
    /// Our own id, where the file has it: never chosen, always first.
    Record,
    ExternalId,
    Email,
    Phone,
    Domain,
    /// Companies by name; people and deals by name and company.
    Name,
}

impl MatchBy {
    /// What can be chosen for that kind of record.
    pub fn all(record: RecordType) -> &'static [MatchBy] {
        match record {
            RecordType::Company => &[MatchBy::ExternalId, MatchBy::Domain, MatchBy::Phone, MatchBy::Name],
            RecordType::Contact | RecordType::Lead => {
                &[MatchBy::ExternalId, MatchBy::Email, MatchBy::Phone, MatchBy::Name]
            }
            RecordType::Deal => &[MatchBy::ExternalId, MatchBy::Name],
        }
    }

    /// What is done unless the importer says otherwise.
    pub fn usual(record: RecordType) -> Vec<MatchBy> {
        Self::all(record).iter().copied().filter(|by| *by != MatchBy::Phone).collect()
    }

    /// Several records may have the same.
    pub fn is_weak(self) -> bool {
        !matches!(self, MatchBy::Record | MatchBy::ExternalId)
    }

    pub fn key(self) -> &'static str {
        match self {
            MatchBy::Record => "record_id",
            MatchBy::ExternalId => "external_id",
            MatchBy::Email => "email",
            MatchBy::Phone => "phone",
            MatchBy::Domain => "domain",
            MatchBy::Name => "name",
        }
    }

    pub fn parse(record: RecordType, key: &str) -> Option<Self> {
        Self::all(record).iter().copied().find(|by| by.key() == key)
    }

    pub fn label(self, record: RecordType) -> &'static str {
        match (self, record) {
            (MatchBy::Record, _) => RECORD_ID,
            (MatchBy::ExternalId, _) => "Id in the other system",
            (MatchBy::Email, RecordType::Contact | RecordType::Lead) => "E-mail, any of theirs",
            (MatchBy::Email, _) => "E-mail",
            (MatchBy::Phone, _) => "Phone",
            (MatchBy::Domain, _) => "Domain",
            (MatchBy::Name, RecordType::Company) => "Name",
            (MatchBy::Name, _) => "Name and company",
        }
    }
}

/// What becomes of a row whose record exists.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMatch {
    /// The file has the last word; its empty cells say nothing.
    #[default]
    Update,
    /// Only what is empty on the record is taken from the file.
    FillBlanks,
    Skip,
    /// Nothing is looked for; each row that was not imported before becomes a record.
    Create,
}

impl OnMatch {
    /// Key, words, explanation.
    pub const ALL: [(&'static str, OnMatch, &'static str, &'static str); 4] = [
        ("update", OnMatch::Update, "Update it", "The file has the last word. Empty cells change nothing."),
        ("fill_blanks", OnMatch::FillBlanks, "Fill in what is empty", "What the record has stays as it is."),
        ("skip", OnMatch::Skip, "Skip the row", "Only new records come in."),
        (
            "create",
            OnMatch::Create,
            "Create another one anyway",
            "Nothing is compared. Rows of a file that was imported before are still skipped.",
        ),
    ];

    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.iter().find(|(k, ..)| *k == key).map(|(_, on, ..)| *on)
    }

    /// Whether the record that is found is written.
    pub fn writes(self) -> bool {
        matches!(self, OnMatch::Update | OnMatch::FillBlanks)
    }
}

/// What becomes of companies (and a deal's people) that rows name and nobody has.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Related {
    #[default]
    Create,
    /// The row is imported without the link.
    LinkOnly,
}

/// What becomes of products that rows name and the catalogue does not have.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownProducts {
    /// The row is refused, once there is a catalogue.
    #[default]
    Refuse,
    Create,
    /// The deal gets no line, and keeps the name.
    Name,
}

impl UnknownProducts {
    /// Key and words.
    pub const ALL: [(&'static str, UnknownProducts, &'static str); 3] = [
        ("refuse", UnknownProducts::Refuse, "Refuse the row"),
        ("create", UnknownProducts::Create, "Add them to the catalogue"),
        ("name", UnknownProducts::Name, "Keep the name, without a line"),
    ];

    pub fn parse(key: &str) -> Self {
        Self::ALL.iter().find(|(k, ..)| *k == key).map(|(_, choice, _)| *choice).unwrap_or_default()
    }
}

/// The owner of new records whose row names none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerChoice {
    /// Whoever imports; nobody on the command line.
    #[default]
    Importer,
    Nobody,
    Member(Uuid),
}

impl Options {
    /// The rules to match by, those chosen or the usual ones.
    pub fn rules(&self, record: RecordType) -> Vec<MatchBy> {
        if self.match_by.is_empty() { MatchBy::usual(record) } else { self.match_by.clone() }
    }
}
