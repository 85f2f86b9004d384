//! Which column of the file is which field: headings are compared with the keys, labels and aliases of the field catalogue, folded
//! and without punctuation. A column that is nothing here is listed on the result, and otherwise left alone.

use super::{
    cells,
    presets::{ColumnPlan, Notes, Treatment},
    values::{Detected, Formats},
};
use crate::kernel::{Field, FieldKind, RecordType, text};
use csv::StringRecord;
use std::collections::HashMap;

/// How a cell is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Goes into the field's column as it is.
    Plain,
    /// The record's id in the system it came from.
    ExternalId,
    /// A person's name in one cell.
    FullName,
    Owner,
    /// The company a contact or a deal belongs to, a company's parent.
    CompanyName,
    CompanyDomain,
    Pipeline,
    Stage,
    Status,
    /// When the record began, in the system it came from.
    Created,
    Closed,
    /// What a deal is about; kept as read, and part of the name of a deal that has none.
    Product,
}

/// A column of the file that means something.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub index: usize,
    pub role: Role,
    pub field: Field,
    pub treatment: Treatment,
}

/// Headings besides the catalogue's, by record and key.
const MORE: &[(RecordType, &str, &[&str])] = &[
    (RecordType::Company, "name", &["company", "company name", "account", "account name", "organization name"]),
    (RecordType::Company, "domain", &["company domain name", "company domain", "website", "web", "url", "homepage"]),
    (RecordType::Company, "industry", &["sector", "branch"]),
    (RecordType::Company, "employees", &["number of employees", "no of employees", "size", "headcount"]),
    (RecordType::Company, "annual_revenue", &["annual revenue", "revenue", "turnover"]),
    (RecordType::Company, "phone", &["phone number", "telephone", "main phone"]),
    (RecordType::Company, "country", &["office location", "billing country", "country region"]),
    (RecordType::Company, "parent_id", &["parent", "parent company", "subsidiary of", "parent account"]),
    (RecordType::Company, "owner_id", &["company owner", "account owner"]),
    (RecordType::Company, "external_id", &["company id", "account id"]),
    (RecordType::Contact, "first_name", &["first name", "given name", "person first name"]),
    (RecordType::Contact, "last_name", &["last name", "surname", "family name", "person last name"]),
    (
        RecordType::Contact,
        "full_name",
        &["full name", "display name", "contact name", "person name", "contact", "person"],
    ),
    (RecordType::Contact, "title", &["job title", "position", "role", "organization title"]),
    (
        RecordType::Contact,
        "email",
        &["email address", "primary email", "work email", "mail", "email 1 value", "person email work"],
    ),
    (
        RecordType::Contact,
        "other_emails",
        &[
            "secondary email",
            "email 2",
            "email 3",
            "email 2 address",
            "email 3 address",
            "email 2 value",
            "email 3 value",
            "email 4 value",
            "person email home",
        ],
    ),
    (
        RecordType::Contact,
        "phone",
        &[
            "phone number",
            "telephone",
            "business phone",
            "work phone",
            "primary phone",
            "phone 1 value",
            "person phone",
        ],
    ),
    (
        RecordType::Contact,
        "other_phones",
        &[
            "mobile",
            "mobile phone",
            "mobile number",
            "mobile phone number",
            "cell",
            "cell phone",
            "home phone",
            "business phone 2",
            "home phone 2",
            "other phone",
            "phone 2 value",
            "phone 3 value",
            "phone 4 value",
        ],
    ),
    (
        RecordType::Contact,
        "company_id",
        &[
            "company",
            "company name",
            "account",
            "account name",
            "organisation",
            "organization",
            "organization name",
            "employer",
            "associated company",
        ],
    ),
    (
        RecordType::Contact,
        "company_domain",
        &["associated company domain", "company domain", "company domain name", "company website"],
    ),
    (RecordType::Contact, "owner_id", &["contact owner", "lead owner"]),
    (RecordType::Contact, "lifecycle", &["lifecycle stage"]),
    (
        RecordType::Contact,
        "do_not_contact",
        &["do not contact", "do not call", "do not email", "unsubscribed", "opted out"],
    ),
    (RecordType::Contact, "external_id", &["contact id", "lead id", "person id"]),
    (RecordType::Deal, "name", &["deal title", "opportunity name"]),
    (RecordType::Deal, "company_id", &["company", "account", "customer", "organization name"]),
    (RecordType::Deal, "company_domain", &["associated company domain", "company domain"]),
    (RecordType::Deal, "stage_id", &["stage", "deal stage", "stage name", "sales stage"]),
    (RecordType::Deal, "amount", &["value", "close value", "deal value", "deal amount"]),
    (RecordType::Deal, "expected_close_on", &["close date", "expected close date"]),
    (RecordType::Deal, "owner_id", &["sales agent", "deal owner", "opportunity owner"]),
    (RecordType::Deal, "external_id", &["opportunity id", "deal id"]),
    (RecordType::Deal, "created_at", &["create date", "created date", "engage date", "open date", "start date"]),
    (RecordType::Deal, "product", &["product name"]),
];

/// Headings that every kind of record knows.
const COMMON: &[(&str, &[&str])] = &[
    ("external_id", &["id", "record id", "external id"]),
    ("owner_id", &["owner", "owner email", "owner name", "assigned to"]),
    ("street", &["street address", "address", "billing street", "home street", "business street", "address 1 street"]),
    ("city", &["town", "billing city", "home city", "business city", "address 1 city"]),
    ("region", &["state", "state region", "province", "billing state", "home state", "business state"]),
    (
        "postal_code",
        &[
            "zip",
            "zip code",
            "postcode",
            "postal code",
            "billing postal code",
            "home postal code",
            "home zip code",
            "business postal code",
        ],
    ),
    ("country", &["billing country", "home country", "business country", "country region"]),
    ("description", &["notes", "note", "comments"]),
];

const OWN: Field = Field::new("external_id", "Id in the other system", FieldKind::Text);
/// What import understands though the catalogue does not offer it for editing.
const EXTRA: &[(RecordType, Field)] = &[
    (RecordType::Company, OWN),
    (RecordType::Contact, OWN),
    (RecordType::Contact, Field::new("full_name", "Name", FieldKind::Text)),
    (RecordType::Lead, OWN),
    (RecordType::Lead, Field::new("full_name", "Name", FieldKind::Text)),
    (RecordType::Contact, Field::new("company_domain", "Company's domain", FieldKind::Domain)),
    (RecordType::Deal, OWN),
    (RecordType::Deal, Field::new("company_domain", "Company's domain", FieldKind::Domain)),
    (RecordType::Deal, Field::new("created_at", "Created", FieldKind::DateTime)),
    (RecordType::Deal, Field::new("product", "Product", FieldKind::Text)),
];

/// A file's columns, read against one kind of record.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub columns: Vec<Column>,
    /// One for each column of the file, where its export was recognised.
    pub plans: Vec<ColumnPlan>,
}

/// Lower case, accents folded, letters and digits only.
fn norm(heading: &str) -> String {
    text::fold(heading).chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The headings of one kind of record; knows nothing of a file.
pub struct Headings {
    record: RecordType,
    fields: Vec<Field>,
    by_name: HashMap<String, usize>,
    by_alias: HashMap<String, usize>,
}

impl Headings {
    pub fn of(record: RecordType) -> Self {
        let extra = EXTRA.iter().filter(|(r, _)| *r == record).map(|(_, f)| *f);
        let mut fields: Vec<Field> = extra.collect();
        fields.extend(
            record
                .fields()
                .iter()
                .filter(|f| f.importable && !EXTRA.iter().any(|(r, e)| *r == record && e.key == f.key)),
        );
        let (mut by_name, mut by_alias) = (HashMap::new(), HashMap::new());
        for (at, field) in fields.iter().enumerate() {
            // `OWNERID`, `Company ID` hold another system's ids, not names of ours.
            let key = if field.key == "external_id" { field.key } else { field.key.trim_end_matches("_id") };
            for name in [key, field.label] {
                by_name.entry(norm(name)).or_insert(at);
            }
            // A lead is a person, too: what contacts call their fields, leads do.
            let like = |r: RecordType| r == record || (record == RecordType::Lead && r == RecordType::Contact);
            let more = MORE.iter().filter(|(r, key, _)| like(*r) && *key == field.key).map(|(_, _, a)| *a);
            let common = COMMON.iter().filter(|(key, _)| *key == field.key).map(|(_, a)| *a);
            for alias in more.chain([field.aliases]).chain(common).flatten() {
                by_alias.entry(norm(alias)).or_insert(at);
            }
        }
        Self { record, fields, by_name, by_alias }
    }

    /// How many of these headings are known.
    pub fn known(&self, header: &[String]) -> usize {
        header.iter().map(|h| norm(h)).filter(|h| self.by_name.contains_key(h) || self.by_alias.contains_key(h)).count()
    }

    /// Names and labels win over aliases; among equals, the first column. Further e-mail addresses and phone numbers gather in
    /// the lists that hold them.
    pub fn map(&self, header: &[String]) -> Mapping {
        let mut taken: HashMap<usize, usize> = HashMap::new();
        let mut columns: Vec<Option<usize>> = vec![None; header.len()];
        for names in [&self.by_name, &self.by_alias] {
            for (index, heading) in header.iter().enumerate() {
                let Some(&at) = names.get(&norm(heading)) else { continue };
                if columns[index].is_some() {
                    continue;
                }
                let at = if taken.contains_key(&at) { self.list_for(at) } else { Some(at) };
                if let Some(at) = at.filter(|at| !taken.contains_key(at) || self.is_list(*at)) {
                    taken.insert(at, index);
                    columns[index] = Some(at);
                }
            }
        }
        self.promote(&mut columns);
        let mapped = columns.iter().enumerate().filter_map(|(index, at)| {
            let field = self.fields[(*at)?];
            Some(Column { index, role: self.role(&field), field, treatment: Treatment::default() })
        });
        Mapping { columns: mapped.collect(), plans: Vec::new() }
    }

    /// As a recognised export has it; columns for what this kind of record does not have are left alone.
    pub fn planned(&self, plans: &[ColumnPlan]) -> Mapping {
        let columns = plans.iter().filter_map(|plan| {
            let field = self.fields[self.position(plan.key.as_deref()?)?];
            Some(Column { index: plan.index, role: self.role(&field), field, treatment: plan.treatment })
        });
        Mapping { columns: columns.collect(), plans: plans.to_vec() }
    }

    /// A file with a mobile number only has a phone number.
    fn promote(&self, columns: &mut [Option<usize>]) {
        for (single, list) in [("email", "other_emails"), ("phone", "other_phones")] {
            let (Some(single), Some(list)) = (self.position(single), self.position(list)) else { continue };
            if !columns.contains(&Some(single))
                && let Some(first) = columns.iter_mut().find(|c| **c == Some(list))
            {
                *first = Some(single);
            }
        }
    }

    fn position(&self, key: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.key == key)
    }

    fn is_list(&self, at: usize) -> bool {
        matches!(self.fields[at].kind, FieldKind::Emails | FieldKind::Phones)
    }

    fn list_for(&self, at: usize) -> Option<usize> {
        match self.fields[at].kind {
            FieldKind::Emails | FieldKind::Phones => Some(at),
            FieldKind::Email => self.position("other_emails"),
            FieldKind::Phone => self.position("other_phones"),
            _ => None,
        }
    }

    fn role(&self, field: &Field) -> Role {
        match (field.kind, field.key) {
            (_, "external_id") => Role::ExternalId,
            (_, "full_name") => Role::FullName,
            (_, "company_domain") => Role::CompanyDomain,
            (_, "created_at") => Role::Created,
            (_, "closed_at") => Role::Closed,
            (_, "product") => Role::Product,
            (FieldKind::Member, _) => Role::Owner,
            (FieldKind::Company, _) => Role::CompanyName,
            (FieldKind::Pipeline, _) => Role::Pipeline,
            (FieldKind::Stage, _) => Role::Stage,
            (_, "status") if self.record == RecordType::Deal => Role::Status,
            _ => Role::Plain,
        }
    }
}

impl Mapping {
    pub fn has(&self, role: Role) -> bool {
        self.columns.iter().any(|c| c.role == role)
    }

    /// Dates and numbers are written as was detected, where nobody has said how.
    pub fn write_as(&mut self, formats: &[Detected]) {
        for column in &mut self.columns {
            let detected = formats.get(column.index).copied().unwrap_or_default().formats();
            let told = &mut column.treatment.formats;
            *told = Formats { dates: told.dates.or(detected.dates), decimal: told.decimal.or(detected.decimal) };
        }
    }

    /// Whether what cannot be read in that role is kept in the notes.
    pub fn is_soft(&self, role: Role) -> bool {
        self.columns.iter().any(|c| c.role == role && c.treatment.notes == Notes::Unreadable)
    }

    /// The trimmed cell in that role; empty when the file has no such column.
    pub fn cell<'r>(&'r self, role: Role, row: &'r StringRecord) -> &'r str {
        self.columns.iter().find(|c| c.role == role).map_or("", |c| self.read(c.index, row))
    }

    /// The trimmed cell of that column, or what it means.
    pub fn read<'r>(&'r self, index: usize, row: &'r StringRecord) -> &'r str {
        let cell = row.get(index).map_or("", cells::unguard);
        self.plans.get(index).map_or(cell, |plan| plan.meaning(cell))
    }

    /// Whether the row says that it is not to be imported.
    pub fn skips(&self, row: &StringRecord) -> bool {
        self.plans
            .iter()
            .filter(|plan| !plan.skip.is_empty())
            .any(|plan| plan.skips(row.get(plan.index).unwrap_or_default()))
    }

    /// Heading → field label, as the result shows it; unmapped headings have none.
    pub fn pairs(&self, header: &[String]) -> Vec<(String, Option<&'static str>)> {
        let label = |index| self.columns.iter().find(|c| c.index == index).map(|c| c.field.label);
        header.iter().enumerate().map(|(i, h)| (h.clone(), label(i))).collect()
    }
}
