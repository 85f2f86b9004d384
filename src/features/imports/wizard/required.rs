//! Fields of one's own that a new record must have and that no column holds: said before anything is checked, and given one value for
//! all new records, where that can be.

use crate::{
    config::Config,
    db::{Db, OrgTx},
    error::AppResult,
    features::{
        accounts::members,
        fields::{self, Catalogue, Custom, Entry, Input, InputSection, Kind},
        imports::{
            commands,
            mapping::Headings,
            options::Options,
            presets::ColumnPlan,
            reader::{self, FileShape},
        },
    },
    kernel::RecordType,
    web::{Actor, Form, FormErrors, Page},
};
use actix_web::web;
use serde_json::{Map, Value};

/// What the rules' page asks for.
#[derive(Default)]
pub struct Asked {
    pub inputs: Vec<Input>,
    /// Labels of those that only one record may have: they need a column.
    pub unique: Vec<String>,
}

impl Asked {
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.unique.is_empty()
    }
}

/// Those that this importer has to fill and the columns do not.
pub fn missing(headings: &Headings, columns: &[ColumnPlan]) -> Vec<Entry> {
    unless(headings, |key| columns.iter().any(|c| c.key.as_deref() == Some(key)))
}

fn unless(headings: &Headings, filled: impl Fn(&str) -> bool) -> Vec<Entry> {
    let needed = headings.own().iter().filter(|e| e.required && e.default.is_none());
    needed.filter(|entry| !filled(&entry.key)).cloned().collect()
}

/// `form` is what was posted; else what was chosen before is shown.
pub fn asked(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    missing: Vec<Entry>,
    options: &Options,
    posted: Option<(Form, FormErrors)>,
) -> AppResult<Asked> {
    let (unique, common): (Vec<Entry>, Vec<Entry>) = missing.into_iter().partition(|entry| entry.unique);
    let unique = unique.into_iter().map(|entry| entry.label).collect();
    let people = if common.iter().any(|e| e.kind == Kind::Member) { members::directory(tx)? } else { vec![] };
    let (form, errors) = match posted {
        Some(posted) => posted,
        None => {
            let mut form = Form::default();
            fields::fill(tx, actor, record, &Custom(options.fixed.clone()), &mut form)?;
            (form, FormErrors::default())
        }
    };
    // Left empty, known records are updated all the same.
    let entries = common.into_iter().map(|entry| Entry { required: false, ..entry }).collect();
    let catalogue = Catalogue { record, entries, retired: Vec::new() };
    let sections = InputSection::of(&catalogue, actor, &form, &errors, &people);
    Ok(Asked { inputs: sections.into_iter().flat_map(|section| section.inputs).collect(), unique })
}

/// The posted values, in the form that records keep; errors stand at the fields.
pub fn read(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    missing: &[Entry],
    form: &Form,
) -> AppResult<Map<String, Value>> {
    let mut given = Vec::new();
    for entry in missing.iter().filter(|e| !e.unique && form.all(&e.key).next().is_some()) {
        for name in [entry.key.clone(), fields::id_name(&entry.key), fields::currency_name(&entry.key)] {
            given.extend(form.all(&name).map(|value| (name.clone(), value.to_owned())));
        }
    }
    let given = Form::new(given);
    let mut parser = given.parser();
    let custom = fields::read(tx, actor, record, &given, Some(&Custom::default()), &mut parser)?;
    parser.finish()?;
    Ok(custom.0)
}

/// The labels of what a file that is to be imported at once does not have. It is looked at only where something may be missing.
pub async fn of_file(page: &Page, db: &Db, config: &Config, record: RecordType, file: &str) -> AppResult<Vec<String>> {
    let actor = page.actor.clone();
    let headings = db.org(page, move |tx| Headings::load(tx, Some(&actor), record)).await?;
    if missing(&headings, &[]).is_empty() {
        return Ok(Vec::new());
    }
    let path = commands::uploads(config).join(file);
    let overrides = Options::default().overrides;
    let shape = web::block(move || reader::sniff(&path, &overrides)).await.map_err(anyhow::Error::from)?;
    // What cannot be read is told by the import.
    let Ok(FileShape { columns, refused: None, .. }) = shape else { return Ok(Vec::new()) };
    let mapping = headings.chosen(&columns, &[]);
    let missing = unless(&headings, |key| mapping.entries().any(|entry| entry.key == key));
    Ok(missing.into_iter().map(|entry| entry.label).collect())
}
