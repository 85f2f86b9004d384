//! By what rows of one file are told apart and known as the same record.

use super::{
    aliases::RECORD_ID,
    options::MatchBy,
    rows::{RowReader, Staged},
};
use crate::kernel::RecordType;
use sha2::{Digest, Sha256};
use uuid::Uuid;

impl RowReader<'_> {
    /// By what this row is the same record as another of the file: the first rule that it has something for, else all it says.
    pub(super) fn identity(&self, staged: &Staged) -> String {
        let company = || staged.company.as_ref().map_or("", |c| c.key.as_str());
        let by_rule = self.rules.iter().find_map(|by| match by {
            MatchBy::Record => self.value(staged, "record_id").map(|id| format!("r:{id}")),
            MatchBy::ExternalId => self.value(staged, "external_id").map(|id| format!("x:{id}")),
            MatchBy::Email => self.value(staged, "email").map(|email| format!("e:{email}")),
            MatchBy::Phone => self.value(staged, "phone").map(|phone| format!("p:{phone}")),
            MatchBy::Domain => self.value(staged, "domain").map(|domain| format!("d:{domain}")),
            MatchBy::Name => self.name(staged).map(|name| match self.record {
                RecordType::Company => format!("n:{name}"),
                RecordType::Lead => {
                    format!("n:{name}\u{1f}{}", self.value(staged, "company_name").unwrap_or_default())
                }
                _ => format!("n:{name}\u{1f}{}", company()),
            }),
        });
        by_rule.unwrap_or_else(|| format!("f:{}", fingerprint(staged)))
    }

    /// Kept beside the values: history does not tell of it.
    pub(super) fn record_id(&self, cell: &str, staged: &mut Staged) {
        let Some(at) = self.slot("record_id") else { return };
        match cell.parse::<Uuid>() {
            Ok(id) => staged.values[at] = Some(id.to_string()),
            Err(_) => staged.problems.push((RECORD_ID.into(), "is not an id that Pipewright gave".into())),
        }
    }

    pub(super) fn name(&self, staged: &Staged) -> Option<String> {
        let name = match self.record {
            RecordType::Company | RecordType::Deal => self.value(staged, "name").unwrap_or_default().to_owned(),
            RecordType::Contact | RecordType::Lead => {
                let parts = [self.value(staged, "first_name"), self.value(staged, "last_name")];
                let person = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
                let company = self.value(staged, "company_name").filter(|_| person.is_empty());
                company.map_or(person, str::to_owned)
            }
        };
        (!name.is_empty()).then_some(name)
    }
}

/// The same for the same values in the same fields.
fn fingerprint(staged: &Staged) -> Uuid {
    let mut hash = Sha256::new();
    for value in staged.values.iter().map(Option::as_deref).chain([staged.company.as_ref().map(|c| c.key.as_str())]) {
        hash.update(value.map_or(u64::MAX, |v| v.len() as u64).to_le_bytes());
        hash.update(value.unwrap_or_default());
    }
    if !staged.custom.is_empty() {
        hash.update(serde_json::to_string(&staged.custom).unwrap_or_default());
    }
    hash.update(serde_json::to_string(&staged.changes).unwrap_or_default());
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    Uuid::from_bytes(id)
}
