//! Exports of other programs, known by their headings: which column is which field, which columns are alternatives of one another, what
//! their words mean here. The layouts themselves are data ([`layouts`]); a recognised one is a full mapping that needs no hand.

mod layouts;

use super::values::Formats;
use crate::kernel::{RecordType, text};
use layouts::Layout;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashSet},
    sync::LazyLock,
};

/// A recognised export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preset {
    /// Whose export it is: `Google Contacts`.
    pub name: String,
    /// One for each column of the file, in its order.
    pub mapping: Vec<ColumnPlan>,
}

/// What becomes of one column of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ColumnPlan {
    pub index: usize,
    pub heading: String,
    /// The key of a field; `None`: not imported.
    pub key: Option<String>,
    /// Folded words of the file → what they mean here (a choice's key); an empty meaning reads as an empty cell.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    pub treatment: Treatment,
    /// Folded words in this column that leave the row out: `delete`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<String>,
}

/// How the cells of a column are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Treatment {
    /// Alternatives, such as a business and a home address: of those with a number, a row takes the lowest that has anything. 0: none.
    pub group: u8,
    /// Several columns of one field are put together; otherwise the last one that has something counts.
    pub joined: bool,
    pub notes: Notes,
    /// The column that says what this one holds (`Phone 1 - Type`).
    pub label_from: Option<usize>,
    pub formats: Formats,
}

/// When a cell goes into the notes (`description`), under its heading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notes {
    #[default]
    Never,
    /// When the field cannot hold it, instead of failing the row.
    Unreadable,
    /// There is no field for it.
    Always,
}

impl ColumnPlan {
    /// What is read where the file says `cell`.
    pub fn meaning<'a>(&'a self, cell: &'a str) -> &'a str {
        if self.values.is_empty() { cell } else { self.values.get(&text::fold(cell)).map_or(cell, String::as_str) }
    }

    /// Whether a row with this cell is left out.
    pub fn skips(&self, cell: &str) -> bool {
        self.skip.contains(&text::fold(cell.trim()))
    }
}

/// Lower case, accents folded, letters and digits only.
fn norm(heading: &str) -> String {
    text::fold(heading).chars().filter(|c| c.is_alphanumeric()).collect()
}

/// `email1value` is `email#value`, the first.
fn numbered(heading: &str) -> Option<(String, u8)> {
    let start = heading.find(|c: char| c.is_ascii_digit())?;
    let digits: String = heading[start..].chars().take_while(char::is_ascii_digit).collect();
    let number = digits.parse().ok()?;
    Some((format!("{}#{}", &heading[..start], &heading[start + digits.len()..]), number))
}

static KNOWN: LazyLock<HashSet<String>> = LazyLock::new(|| {
    layouts::all().flat_map(|layout| layout.columns).map(|column| column.heading.to_owned()).collect()
});

/// How many of these cells are headings of a known export.
pub fn known(cells: &[String]) -> usize {
    let is_known = |cell: &&String| {
        let name = norm(cell);
        KNOWN.contains(&name) || numbered(&name).is_some_and(|(pattern, _)| KNOWN.contains(&pattern))
    };
    cells.iter().filter(is_known).count()
}

/// The export that has these headings, read as that kind of record.
pub fn recognise(header: &[String], record: RecordType) -> Option<Preset> {
    let names: Vec<String> = header.iter().map(|h| norm(h)).collect();
    let of = |key: &'static str| layouts::all().find(|layout| layout.record == key && layout.fits(&names));
    let as_person = || if record == RecordType::Lead { of(RecordType::Contact.key()) } else { None };
    let layout = of(record.key()).or_else(as_person)?;
    let plan = |index| match record {
        RecordType::Lead => as_lead(layout.plan(index, header, &names)),
        _ => layout.plan(index, header, &names),
    };
    let mapping = (0..header.len()).map(plan).collect();
    Some(Preset { name: layout.name.to_owned(), mapping })
}

/// A lead is a person whose company is a name, and whose website is a field.
fn as_lead(mut plan: ColumnPlan) -> ColumnPlan {
    if norm(&plan.heading) == "website" && plan.treatment.notes == Notes::Always {
        plan.key = Some("domain".into());
        plan.treatment.notes = Notes::Unreadable;
    }
    match plan.key.as_deref() {
        Some("company_id") => plan.key = Some("company_name".into()),
        Some("company_domain") => plan.key = Some("domain".into()),
        _ => {}
    }
    plan
}

/// What a file holds that is no record here, where its headings say so.
pub fn foreign(header: &[String]) -> Option<&'static str> {
    const KNOWN: [(&[&str], &str); 3] = [
        (&["activityid", "activitytype", "activitydate"], "activities (calls, meetings, tasks)"),
        (&["whoid", "whatid", "activitydate"], "activities (tasks, events)"),
        (&["orderid", "productid", "quantity"], "order lines"),
    ];
    let names: Vec<String> = header.iter().map(|h| norm(h)).collect();
    let fits = |needs: &[&str]| needs.iter().all(|need| names.iter().any(|name| name == need));
    KNOWN.iter().find(|(needs, _)| fits(needs)).map(|(_, what)| *what)
}

/// The kinds of record that a known export with these headings holds, likeliest first.
pub fn records(header: &[String]) -> Vec<RecordType> {
    let names: Vec<String> = header.iter().map(|h| norm(h)).collect();
    let found = layouts::all().filter(|layout| layout.fits(&names));
    let mut records: Vec<RecordType> = Vec::new();
    for record in found.filter_map(|layout| RecordType::parse(layout.record)) {
        if !records.contains(&record) {
            records.push(record);
        }
    }
    records
}

impl Layout {
    fn fits(&self, names: &[String]) -> bool {
        self.needs.iter().all(|need| names.iter().any(|name| name == need))
    }

    fn plan(&self, index: usize, header: &[String], names: &[String]) -> ColumnPlan {
        let (name, heading) = (&names[index], header[index].clone());
        let numbered = numbered(name);
        let exact = self.columns.iter().find(|column| column.heading == name);
        let by_number = || {
            let (pattern, number) = numbered.as_ref()?;
            self.columns.iter().find(|column| column.heading == pattern).map(|column| (column, *number))
        };
        let Some((column, number)) = exact.map(|column| (column, 0)).or_else(by_number) else {
            return ColumnPlan { index, heading, ..ColumnPlan::default() };
        };
        // The second of two columns of one name says nothing new.
        let repeated = !name.is_empty() && names[..index].contains(name);
        // The first of a row of addresses or numbers is the one; the others go beside it.
        let key = match (column.key, number) {
            ("email", 2..) => "other_emails",
            ("phone", 2..) => "other_phones",
            (key, _) => key,
        };
        let label_from = ["type", "label"].into_iter().find_map(|word| {
            let sibling = name.strip_suffix("value").filter(|_| number > 0)?;
            names.iter().position(|other| *other == format!("{sibling}{word}"))
        });
        ColumnPlan {
            index,
            heading,
            key: (!key.is_empty() && !repeated).then(|| key.to_owned()),
            values: column.values.iter().map(|(word, meaning)| (text::fold(word), (*meaning).to_owned())).collect(),
            treatment: Treatment {
                group: if column.group == layouts::BY_NUMBER { number } else { column.group },
                joined: column.joined,
                notes: column.notes,
                label_from,
                formats: Formats::default(),
            },
            skip: column.skip.iter().map(|word| text::fold(word)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(line: &str) -> Vec<String> {
        line.split(',').map(str::to_owned).collect()
    }

    fn keys(line: &str, record: RecordType) -> Option<(String, Vec<String>)> {
        let preset = recognise(&header(line), record)?;
        let keys = preset.mapping.into_iter().map(|plan| plan.key.unwrap_or_default()).collect();
        Some((preset.name, keys))
    }

    #[test]
    fn exports_are_known_by_their_headings() {
        let google = "First Name,Middle Name,Last Name,Phonetic First Name,File As,Organization Name,Labels,E-mail 1 - Label,\
                      E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value,Phone 1 - Label,Phone 1 - Value";
        let (name, found) = keys(google, RecordType::Contact).unwrap_or_default();
        assert_eq!(name, "Google Contacts");
        let expected = [
            "first_name",
            "first_name",
            "last_name",
            "",
            "",
            "company_id",
            "tags",
            "",
            "email",
            "",
            "other_emails",
            "",
            "phone",
        ];
        assert_eq!(found, expected);
        assert_eq!(keys("Name,Email", RecordType::Contact), None);
        assert_eq!(keys(google, RecordType::Deal), None);
        let pipedrive = "Person - Name*,Person - Email (Work),Organization - Name*,Deal - Title,Deal - Value";
        assert_eq!(records(&header(pipedrive)), [RecordType::Deal, RecordType::Contact, RecordType::Company]);
        let (_, found) = keys(pipedrive, RecordType::Deal).unwrap_or_default();
        assert_eq!(found, ["contact_name", "contact_email", "company_id", "name", "amount"]);
    }

    #[test]
    fn what_is_no_record_is_told() {
        let activities = "Activity ID,Activity Type,Activity Date,Activity Owner,Associated Contact Email";
        assert_eq!(foreign(&header(activities)), Some("activities (calls, meetings, tasks)"));
        assert_eq!(foreign(&header("Company ID,Company Name,Last Activity Date")), None);
    }

    #[test]
    fn what_a_column_holds_is_said_beside_it() {
        let preset = recognise(
            &header("Given Name,Family Name,Yomi Name,Group Membership,Phone 1 - Type,Phone 1 - Value"),
            RecordType::Contact,
        );
        let plan = preset.and_then(|p| p.mapping.into_iter().next_back()).unwrap_or_default();
        assert_eq!(plan.treatment.label_from, Some(4));
        assert_eq!(plan.treatment.notes, Notes::Unreadable);
    }

    #[test]
    fn layouts_are_written_as_they_are_compared() {
        for layout in layouts::all() {
            for heading in layout.needs.iter().copied().chain(layout.columns.iter().map(|c| c.heading)) {
                assert_eq!(norm(heading), heading.replace('#', ""), "{}", layout.name);
            }
        }
    }
}
