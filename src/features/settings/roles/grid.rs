//! The permissions as the page shows them: a row for each record type, a column for each verb, and the rest as a list.

use crate::{
    kernel::{RecordType, text},
    web::permission::{self, Permission, organisation},
};

/// Verb in a key, and the column's head.
pub const VERBS: [(&str, &str); 6] = [
    ("view", "See"),
    ("create", "Add"),
    ("edit", "Edit"),
    ("delete", "Delete"),
    ("import", "Import"),
    ("export", "Export"),
];

/// Whose records a role sees.
pub const VISIBILITIES: [(&str, &str, &str); 3] = [
    ("own", "Their own", "Records they own, and no others."),
    ("team", "Their team's", "Their own, and those of everyone in the teams they are in or lead."),
    ("all", "Everyone's", "All records, those without an owner too."),
];

/// A box to tick.
#[derive(Clone, Debug)]
pub struct Cell {
    pub key: String,
    pub label: String,
    pub checked: bool,
    /// Cannot be taken away.
    pub fixed: bool,
}

/// Record type and its cells, in the order of [`VERBS`].
pub fn rows(granted: &[String]) -> Vec<(&'static str, Vec<Cell>)> {
    let cell = |kind: RecordType, (verb, word): (&str, &str)| {
        let key = format!("{}.{verb}", kind.noun());
        Cell {
            label: format!("{word} {}", kind.plural().to_lowercase()),
            checked: granted.contains(&key),
            fixed: false,
            key,
        }
    };
    RecordType::ALL.into_iter().map(|kind| (kind.plural(), VERBS.iter().map(|v| cell(kind, *v)).collect())).collect()
}

/// What does not belong to one record type.
pub fn others(role: &str, granted: &[String]) -> Vec<Cell> {
    permission::ALL
        .iter()
        .filter(|(key, _)| RecordType::ALL.iter().all(|kind| !key.starts_with(&format!("{}.", kind.noun()))))
        .map(|(key, what)| Cell {
            key: (*key).to_owned(),
            label: text::sentence(what),
            checked: granted.iter().any(|g| g == key),
            fixed: role == "administrator" && *key == organisation::Administer::KEY,
        })
        .collect()
}

/// What was ticked becomes the role's permissions: unknown keys are dropped, adding, editing, deleting, importing or exporting
/// records includes seeing them, and Administrator keeps the right to administer.
pub fn granted<'a>(role: &str, ticked: impl Iterator<Item = &'a str>) -> Vec<String> {
    let ticked: Vec<&str> = ticked.collect();
    let wanted = |key: &str| {
        let noun = key.strip_suffix(".view");
        let implied = noun.is_some_and(|noun| {
            VERBS.iter().any(|(verb, _)| ticked.iter().any(|t| t.split_once('.') == Some((noun, verb))))
        });
        ticked.contains(&key) || implied || (role == "administrator" && key == organisation::Administer::KEY)
    };
    let mut keys: Vec<String> =
        permission::ALL.iter().map(|(key, _)| *key).filter(|key| wanted(key)).map(str::to_owned).collect();
    keys.sort_unstable();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_permissions() {
        let keys = granted("rep", ["deals.export", "nonsense", "contacts.view"].into_iter());
        assert_eq!(keys, ["contacts.view", "deals.export", "deals.view"]);
        assert_eq!(granted("administrator", std::iter::empty()), ["organisation.administer"]);
        assert!(granted("viewer", std::iter::empty()).is_empty());
    }
}
