//! One row of the file as one row of the stage: every cell parsed, every error gathered, and the key by which the record is
//! recognised among those that exist and those of the same file.

use super::{
    context::Context,
    mapping::{Column, Mapping, Role},
    options::MatchBy,
    presets::Notes,
    slots::{self, Slot},
    values::{self, Value},
};
use crate::kernel::{FieldKind, RecordType, names, text};
use csv::StringRecord;
use serde_json::{Map, Value as Json, json};
use std::collections::{HashMap, HashSet};

/// Different spellings of countries kept.
const MOST_REGIONS: usize = 2_000;

/// Where a deal is to stand: the pipeline and the stage as the file names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceName {
    pub pipeline: String,
    /// Empty for deals that are won or lost, or whose row names no stage.
    pub stage: String,
    /// New deals stand in the last stage rather than the first.
    pub closed: bool,
}

/// A company as a row names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompanyName {
    pub key: String,
    pub name: Option<String>,
    pub domain: Option<String>,
    /// In the system that the file comes from.
    pub external_id: Option<String>,
}

/// A row, ready for the stage.
#[derive(Debug, Default)]
pub struct Staged {
    /// `None`: never the same as any other.
    pub key: Option<String>,
    pub company: Option<CompanyName>,
    pub values: Vec<Option<String>>,
    pub changes: Map<String, Json>,
    /// Values of own fields, by key, as records keep them.
    pub custom: Map<String, Json>,
    pub tags: Vec<String>,
    /// ISO 3166, of the row's address: for phone numbers without a country code.
    pub(super) region: Option<String>,
    /// Field label → what is wrong.
    pub problems: Vec<(String, String)>,
    /// What no field could hold: lines for the description.
    pub(super) notes: Vec<String>,
}

impl Staged {
    /// A row that is reported as a whole.
    pub fn refused(why: String) -> Self {
        Self { problems: vec![("Row".into(), why)], ..Self::default() }
    }
}

/// Reads rows of one file.
pub struct RowReader<'a> {
    pub record: RecordType,
    pub mapping: &'a Mapping,
    pub context: &'a Context,
    pub slots: Vec<Slot>,
    /// By what rows of the file are the same record; empty: by all they say.
    pub(super) rules: Vec<MatchBy>,
    at: HashMap<&'static str, usize>,
    /// Every pipeline and stage named so far, by the text kept in the stage.
    pub places: Vec<(String, PlaceName)>,
    known_places: HashMap<String, usize>,
    /// Every tag named so far, folded.
    pub tags: HashSet<String>,
    /// Countries as the file writes them.
    regions: HashMap<String, Option<String>>,
}

impl<'a> RowReader<'a> {
    pub fn new(record: RecordType, mapping: &'a Mapping, context: &'a Context, rules: Vec<MatchBy>) -> Self {
        let slots = slots::of(record, mapping);
        let at = slots.iter().enumerate().map(|(i, s)| (s.key, i)).collect();
        Self {
            record,
            mapping,
            context,
            slots,
            rules,
            at,
            places: Vec::new(),
            known_places: HashMap::new(),
            tags: HashSet::new(),
            regions: HashMap::new(),
        }
    }

    pub fn slot(&self, key: &str) -> Option<usize> {
        self.at.get(key).copied()
    }

    pub fn read(&mut self, row: &StringRecord) -> Staged {
        let mut staged = Staged { values: vec![None; self.slots.len()], ..Staged::default() };
        let group = self.group(row);
        staged.region = self.region(group, row);
        for column in self.mapping.columns.iter().filter(|c| c.treatment.group == 0 || c.treatment.group == group) {
            let cell = self.mapping.read(column.index, row);
            if !cell.is_empty() {
                self.cell(column, cell, row, &mut staged);
            }
        }
        self.other_addresses(group, row, &mut staged);
        match self.record {
            RecordType::Company => self.company(row, &mut staged),
            RecordType::Contact => self.contact(row, &mut staged),
            RecordType::Lead => self.lead(row, &mut staged),
            RecordType::Deal => self.deal(row, &mut staged),
        }
        self.keep_notes(&mut staged);
        self.tags.extend(staged.tags.iter().map(|tag| text::fold(tag)));
        if staged.problems.is_empty() {
            staged.key = Some(self.identity(&staged));
        }
        staged
    }

    /// The country of the row's address.
    fn region(&mut self, group: u8, row: &StringRecord) -> Option<String> {
        let mapping = self.mapping;
        let mine = |c: &&Column| c.field.kind == FieldKind::Country && [0, group].contains(&c.treatment.group);
        let mut cells = mapping.columns.iter().filter(mine).map(|c| mapping.read(c.index, row));
        let cell = cells.find(|cell| !cell.is_empty())?;
        if let Some(known) = self.regions.get(cell) {
            return known.clone();
        }
        let region = values::region(cell);
        if self.regions.len() < MOST_REGIONS {
            self.regions.insert(cell.to_owned(), region.clone());
        }
        region
    }

    fn cell(&self, column: &Column, cell: &str, row: &StringRecord, staged: &mut Staged) {
        let field = &column.field;
        let (custom, formats) = (&self.context.custom, column.treatment.formats);
        if column.treatment.notes == Notes::Always || self.is_silent(column, row) {
            return staged.notes.push(format!("{}: {cell}", self.label(column, row)));
        }
        let parsed = match column.role {
            Role::Own => return self.own(column, cell, row, staged),
            Role::People | Role::Rivals | Role::LostTo => return self.beside(column, cell, staged),
            Role::RecordId => return self.record_id(cell, staged),
            Role::Tags => match values::tags(cell) {
                Ok(tags) => return staged.tags.extend(tags),
                Err(problem) => Err(problem),
            },
            Role::Plain | Role::ExternalId | Role::ContactName | Role::ContactEmail => self.plain(column, cell, staged),
            Role::Quantity => values::parse(FieldKind::Money, 40, cell, custom, formats),
            Role::Created | Role::Closed => values::parse(FieldKind::DateTime, 255, cell, custom, formats),
            Role::Owner => match self.context.owner(cell) {
                Ok(None) => return,
                Ok(Some(owner)) => {
                    Ok(Value { sql: owner.id.to_string(), json: json!({"id": owner.id, "name": owner.name}) })
                }
                Err(problem) => Err(problem),
            },
            _ if cell.chars().count() > 255 => Err("is too long: at most 255 characters".into()),
            _ => return,
        };
        match parsed {
            Ok(value) => self.put(staged, field.key, value),
            Err(_) if column.treatment.notes == Notes::Unreadable => {
                staged.notes.push(format!("{}: {cell}", self.label(column, row)));
            }
            Err(problem) => staged.problems.push((field.label.to_owned(), problem)),
        }
    }

    /// Keeps a value; lists gather what several columns give.
    pub(super) fn put(&self, staged: &mut Staged, key: &'static str, value: Value) {
        let Some(&at) = self.at.get(key) else { return };
        let is_list = matches!(self.slots[at].kind, FieldKind::Emails | FieldKind::Phones);
        let value = match staged.changes.get(key) {
            Some(Json::Array(change)) if is_list => joined(change.get(1), &value.json),
            _ => value,
        };
        staged.changes.insert(key.to_owned(), json!([null, value.json]));
        staged.values[at] = Some(value.sql);
    }

    pub(super) fn put_text(&self, staged: &mut Staged, key: &'static str, text: String) {
        self.put(staged, key, Value { json: json!(text), sql: text });
    }

    pub(super) fn value<'s>(&self, staged: &'s Staged, key: &str) -> Option<&'s str> {
        self.at.get(key).and_then(|at| staged.values[*at].as_deref())
    }

    fn company(&self, row: &StringRecord, staged: &mut Staged) {
        let Some(name) = self.value(staged, "name").map(str::to_owned) else {
            return missing(staged, "Name", "is required");
        };
        let parent = self.mapping.cell(Role::CompanyName, row);
        if text::fold(parent) == text::fold(&name) {
            return missing(staged, "Parent company", "cannot be the company itself");
        }
        staged.company = company_name(parent, None, self.mapping.cell(Role::CompanyId, row));
    }

    fn contact(&self, row: &StringRecord, staged: &mut Staged) {
        self.settle_list(staged, "email", "other_emails");
        self.settle_list(staged, "phone", "other_phones");
        self.split_name(row, staged);
        self.read_company(row, staged);
        if self.name(staged).is_none() && self.value(staged, "email").is_none() {
            missing(staged, "Name", "a name or an e-mail address is required");
        }
    }

    /// A person or a company; its company is words, not a record.
    fn lead(&self, row: &StringRecord, staged: &mut Staged) {
        self.settle_list(staged, "email", "other_emails");
        self.settle_list(staged, "phone", "other_phones");
        self.split_name(row, staged);
        let named = ["email", "company_name"].iter().any(|key| self.value(staged, key).is_some());
        if named || self.name(staged).is_some() {
            return;
        }
        // Other systems keep leads that nobody knows more of than their number.
        match self.value(staged, "external_id").map(|id| format!("Lead {id}")) {
            Some(name) => self.put_text(staged, "last_name", name.chars().take(100).collect()),
            None => missing(staged, "Name", "a name, a company or an e-mail address is required"),
        }
    }

    /// A name in one cell, unless the file has columns for its parts. Who has no name is called by company or address in our own files.
    fn split_name(&self, row: &StringRecord, staged: &mut Staged) {
        let full = self.mapping.cell(Role::FullName, row);
        let called = text::fold(full);
        let stands_in = |key: &str| self.value(staged, key).is_some_and(|value| text::fold(value) == called);
        let known = self.value(staged, "first_name").or(self.value(staged, "last_name")).is_some();
        if full.is_empty() || known || ["company_name", "email"].into_iter().any(stands_in) {
            return;
        }
        let (first, last) = names::split(full);
        for (key, part) in [("first_name", first), ("last_name", last)] {
            if !part.is_empty() {
                self.put_text(staged, key, part);
            }
        }
    }

    fn read_company(&self, row: &StringRecord, staged: &mut Staged) {
        let domain = self.mapping.cell(Role::CompanyDomain, row);
        let parsed = (!domain.is_empty()).then(|| text::domain(domain));
        if parsed == Some(None) && self.mapping.is_soft(Role::CompanyDomain) {
            staged.notes.push(format!("Company's domain: {domain}"));
        } else if parsed == Some(None) {
            staged.problems.push(("Company's domain".into(), "must be a web domain, such as example.com".into()));
        }
        let (name, id) = (self.mapping.cell(Role::CompanyName, row), self.mapping.cell(Role::CompanyId, row));
        staged.company = company_name(name, parsed.flatten(), id);
    }

    fn deal(&mut self, row: &StringRecord, staged: &mut Staged) {
        self.read_company(row, staged);
        let product = self.mapping.cell(Role::Product, row);
        if !product.is_empty() {
            staged.custom.insert("product".into(), json!(product));
            staged.changes.insert("product".into(), json!([null, product]));
        }
        if self.value(staged, "name").is_none() {
            let company = staged.company.as_ref().and_then(|c| c.name.clone().or(c.domain.clone()));
            let parts: Vec<&str> =
                [product, company.as_deref().unwrap_or_default()].into_iter().filter(|p| !p.is_empty()).collect();
            let name = match (parts.is_empty(), self.value(staged, "external_id")) {
                (false, _) => parts.join(" – "),
                (true, Some(id)) => format!("Deal {id}"),
                (true, None) => return missing(staged, "Name", "is required"),
            };
            self.put_text(staged, "name", name.chars().take(200).collect());
        }
        self.figures(staged);
        self.standing(row, staged);
    }

    /// Status, stage and moment of closing. `Won` and `Closed lost` in the stage column are a status, not a stage.
    fn standing(&mut self, row: &StringRecord, staged: &mut Staged) {
        let (stage, status) = (self.mapping.cell(Role::Stage, row), self.mapping.cell(Role::Status, row));
        let by_stage = closed_word(stage);
        let status = match (by_stage, status) {
            (Some(closed), _) => closed,
            (None, "") => "open",
            (None, word) => match closed_word(word).or((text::fold(word) == "open").then_some("open")) {
                Some(status) => status,
                None => return missing(staged, "Status", "must be open, won or lost"),
            },
        };
        self.lost(status, staged);
        // An absent status says nothing about a deal that exists already.
        if by_stage.is_some() || !stage.is_empty() || self.mapping.has(Role::Status) {
            self.put_text(staged, "status", status.to_owned());
        }
        if status != "open" && self.value(staged, "closed_at").is_none() {
            let day = self.value(staged, "expected_close_on").and_then(|d| d.parse().ok());
            if let Some(day) = day {
                let at = values::noon(day, self.context.custom.zone).to_rfc3339();
                self.put_text(staged, "closed_at", at);
            }
        }
        if status == "open" {
            staged.changes.remove("closed_at");
            if let Some(at) = self.slot("closed_at") {
                staged.values[at] = None;
            }
        }
        let stage = if by_stage.is_some() { "" } else { stage };
        let place = PlaceName {
            pipeline: self.mapping.cell(Role::Pipeline, row).into(),
            stage: stage.into(),
            closed: status != "open",
        };
        let text = format!("{}\u{1f}{}\u{1f}{status}", text::fold(&place.pipeline), text::fold(&place.stage));
        if !self.known_places.contains_key(&text) {
            self.known_places.insert(text.clone(), self.places.len());
            self.places.push((text.clone(), place));
        }
        if let Some(at) = self.slot("place") {
            staged.values[at] = Some(text);
        }
    }
}

pub(super) fn missing(staged: &mut Staged, field: &str, what: &str) {
    // A cell that is there and wrong has been reported already.
    if !staged.problems.iter().any(|(f, _)| f == field) {
        staged.problems.push((field.into(), what.into()));
    }
}

fn company_name(name: &str, domain: Option<String>, external_id: &str) -> Option<CompanyName> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    // A domain in the name's place is one all the same; an address is no name.
    let told = if domain.is_none() { text::domain_as_name(name) } else { None };
    let address = told.as_ref().is_some_and(|told| *told != name.to_lowercase());
    let (name, external_id) = (some(name).filter(|_| !address), some(external_id));
    let domain = domain.or(told);
    let key = match (&external_id, &domain, &name) {
        (Some(id), ..) => format!("x:{id}"),
        (None, Some(domain), _) => format!("d:{domain}"),
        (None, None, Some(name)) => format!("n:{name}"),
        (None, None, None) => return None,
    };
    Some(CompanyName { key, name, domain, external_id })
}

/// Won or lost, in any of the ways that other programs say it in a stage's place.
pub fn closed_word(word: &str) -> Option<&'static str> {
    let word: String = text::fold(word).chars().filter(|c| c.is_alphanumeric()).collect();
    match word.as_str() {
        "won" | "closedwon" | "closewon" => Some("won"),
        "lost" | "closedlost" | "closelost" => Some("lost"),
        _ => None,
    }
}

fn joined(before: Option<&Json>, more: &Json) -> Value {
    let mut items: Vec<String> = Vec::new();
    for item in [before, Some(more)].into_iter().flatten().filter_map(Json::as_array).flatten().filter_map(Json::as_str)
    {
        if !items.iter().any(|i| i == item) {
            items.push(item.to_owned());
        }
    }
    Value::list(items)
}
