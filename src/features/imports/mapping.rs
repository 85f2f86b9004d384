//! Which column of the file is which field: headings are compared with the keys, labels and aliases of the field catalogue, folded
//! and without punctuation. A column that is nothing here is listed on the result, and otherwise left alone.

use super::{
    aliases::{COMMON, EXTRA, MORE},
    presets::{self, ColumnPlan, Notes, Treatment},
    values::{Detected, Formats},
};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::fields::{self, Catalogue, Entry, Kind},
    kernel::{Field, FieldKind, RecordType, text},
    web::Actor,
};
use csv::StringRecord;
use std::collections::HashMap;

/// How a cell is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Goes into the field's column as it is.
    Plain,
    /// The record's own id, as our exports write it.
    RecordId,
    /// The record's id in the system it came from.
    ExternalId,
    /// A person's name in one cell.
    FullName,
    Owner,
    /// The company a contact or a deal belongs to, a company's parent.
    CompanyName,
    CompanyDomain,
    /// Its id in the system that the file comes from.
    CompanyId,
    Tags,
    /// Who a deal is made with, and their address.
    ContactName,
    ContactEmail,
    /// Several of them, with their parts.
    People,
    /// Competitors of a deal, and the one it was lost to.
    Rivals,
    LostTo,
    Pipeline,
    Stage,
    Status,
    /// When the record began, in the system it came from.
    Created,
    Closed,
    /// What a deal is about: a line of it, and part of the name of a deal that has none.
    Product,
    /// How many of it.
    Quantity,
    /// A field of the organisation's own.
    Own,
}

/// What a column of an own field has in its place.
const OWN: Field = Field::new("custom", "Own field", FieldKind::Text);

/// A column of the file that means something.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub index: usize,
    pub role: Role,
    /// Of an own field, one that stands for all; see [`Mapping::entry`].
    pub field: Field,
    pub treatment: Treatment,
    own: Option<usize>,
}

/// A file's columns, read against one kind of record.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub columns: Vec<Column>,
    /// One for each column of the file, where its export was recognised.
    pub plans: Vec<ColumnPlan>,
    own: Vec<Entry>,
}

/// Lower case, accents folded, letters and digits only.
fn norm(heading: &str) -> String {
    text::fold(heading).chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The headings of one kind of record; knows nothing of a file.
pub struct Headings {
    record: RecordType,
    fields: Vec<Field>,
    /// The organisation's own fields, as far as the importer may fill them; positions go on here behind those of `fields`.
    own: Vec<Entry>,
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
        Self { record, fields, own: Vec::new(), by_name, by_alias }
    }

    /// With the organisation's own fields; `actor` is `None` for the command line.
    pub fn load(tx: &mut OrgTx, actor: Option<&Actor>, record: RecordType) -> AppResult<Self> {
        let catalogue = match actor {
            Some(actor) => Catalogue::load(tx, actor, record)?,
            None => Catalogue::whole(tx, record)?,
        };
        let mut headings = Self::of(record);
        for entry in catalogue.custom().filter(|entry| entry.importable) {
            headings.add(entry.clone());
            if entry.kind == Kind::Money {
                // As our own exports write it beside the amount.
                let (key, label) = (fields::currency_name(&entry.key), format!("{} currency", entry.label));
                headings.add(Entry {
                    key,
                    label,
                    kind: Kind::Currency,
                    unique: false,
                    required: false,
                    ..entry.clone()
                });
            }
        }
        Ok(headings)
    }

    /// Whether a heading is what our own exports call a field that the program keeps by itself: nothing is made of its cells.
    pub fn is_kept(&self, heading: &str) -> bool {
        let name = norm(heading);
        !self.by_name.contains_key(&name) && Catalogue::labels(self.record).any(|label| norm(label) == name)
    }

    fn add(&mut self, entry: Entry) {
        let at = self.fields.len() + self.own.len();
        for name in [norm(&entry.label), norm(&entry.key)] {
            self.by_name.entry(name).or_insert(at);
        }
        self.own.push(entry);
    }

    fn column(&self, index: usize, at: usize, treatment: Treatment) -> Column {
        match self.fields.get(at) {
            Some(field) => Column { index, role: self.role(field), field: *field, treatment, own: None },
            None => Column { index, role: Role::Own, field: OWN, treatment, own: at.checked_sub(self.fields.len()) },
        }
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
        let columns = columns.iter().enumerate();
        let mapped = columns.filter_map(|(index, at)| Some(self.column(index, (*at)?, Treatment::default())));
        Mapping { columns: mapped.collect(), plans: Vec::new(), own: self.own.clone() }
    }

    /// As a recognised export has it, or the importer; columns for what this kind of record does not have are left alone.
    pub fn planned(&self, plans: &[ColumnPlan]) -> Mapping {
        let columns = plans
            .iter()
            .enumerate()
            .filter_map(|(index, plan)| Some(self.column(index, self.position(plan.key.as_deref()?)?, plan.treatment)));
        Mapping { columns: columns.collect(), plans: plans.to_vec(), own: self.own.clone() }
    }

    /// As the importer chose, where the choices were made for these headings; else as recognised.
    pub fn chosen(&self, header: &[String], choices: &[ColumnPlan]) -> Mapping {
        if !choices.is_empty() && choices.iter().map(|c| &c.heading).eq(header) {
            return self.planned(choices);
        }
        match presets::recognise(header, self.record) {
            Some(preset) => self.planned(&self.completed(preset.mapping)),
            None => self.map(header),
        }
    }

    /// Own fields for the columns that a recognised export has beyond its layout.
    pub fn completed(&self, mut plans: Vec<ColumnPlan>) -> Vec<ColumnPlan> {
        for at in 0..plans.len() {
            let known = self
                .by_name
                .get(&norm(&plans[at].heading))
                .and_then(|at| self.own.get(at.checked_sub(self.fields.len())?));
            if let (None, Some(entry)) = (&plans[at].key, known)
                && !plans.iter().any(|plan| plan.key.as_ref() == Some(&entry.key))
            {
                plans[at].key = Some(entry.key.clone());
            }
        }
        plans
    }

    /// What a column may be.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.key == key)
    }

    /// The organisation's own.
    pub fn own(&self) -> &[Entry] {
        &self.own
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.own.iter().find(|entry| entry.key == key)
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        self.field(key).map(|f| f.label).or_else(|| self.entry(key).map(|e| e.label.as_str()))
    }

    pub fn kind(&self, key: &str) -> Option<Kind> {
        self.field(key).map(|f| Kind::from(f.kind)).or_else(|| self.entry(key).map(|e| e.kind.clone()))
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
        let own = || Some(self.fields.len() + self.own.iter().position(|entry| entry.key == key)?);
        self.fields.iter().position(|f| f.key == key).or_else(own)
    }

    fn is_list(&self, at: usize) -> bool {
        self.fields.get(at).is_some_and(|f| matches!(f.kind, FieldKind::Emails | FieldKind::Phones))
    }

    fn list_for(&self, at: usize) -> Option<usize> {
        match self.fields.get(at)?.kind {
            FieldKind::Emails | FieldKind::Phones => Some(at),
            FieldKind::Email => self.position("other_emails"),
            FieldKind::Phone => self.position("other_phones"),
            _ => None,
        }
    }

    fn role(&self, field: &Field) -> Role {
        match (field.kind, field.key) {
            (_, "pipewright_id") => Role::RecordId,
            (_, "external_id") => Role::ExternalId,
            (_, "full_name") => Role::FullName,
            (_, "company_domain") => Role::CompanyDomain,
            (_, "company_external_id" | "parent_external_id") => Role::CompanyId,
            (_, "tags") => Role::Tags,
            (_, "contact_email") => Role::ContactEmail,
            (_, "contact_name") => Role::ContactName,
            (_, "contacts") => Role::People,
            (_, "competitors") => Role::Rivals,
            (_, "lost_to") => Role::LostTo,
            (_, "created_at") => Role::Created,
            (_, "closed_at") => Role::Closed,
            (_, "product") => Role::Product,
            (_, "quantity") if self.record == RecordType::Deal => Role::Quantity,
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

    /// The own field of a column.
    pub fn entry(&self, column: &Column) -> Option<&Entry> {
        self.own.get(column.own?)
    }

    /// The own fields that the file fills.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.columns.iter().filter_map(|column| self.entry(column))
    }

    pub fn label(&self, column: &Column) -> &str {
        self.entry(column).map_or(column.field.label, |entry| entry.label.as_str())
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
        let cell = row.get(index).map_or("", str::trim);
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
    pub fn pairs(&self, header: &[String]) -> Vec<(String, Option<&str>)> {
        let label = |index| self.columns.iter().find(|c| c.index == index).map(|c| self.label(c));
        header.iter().enumerate().map(|(i, h)| (h.clone(), label(i))).collect()
    }
}
