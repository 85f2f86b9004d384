//! The words of a file that mean nothing here: for columns that hold choices, stages or people, every different cell that is none, with
//! how often it stands there. The whole file is read for it; its memory is bounded by the number of different words kept.

use super::preview;
use crate::{
    config::Config,
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::accounts::members,
    features::fields,
    features::imports::{
        context::{Context, UnknownOwner},
        mapping::{Column, Headings, Mapping, Role},
        options::Options,
        queries::Import,
        reader::{Overrides, Row},
        rows, source,
        stage::Stopped,
        values,
    },
    kernel::{FieldKind, RecordType, text},
    schema::stages,
    web::{Actor, Page},
};
use actix_web::web;
use diesel::prelude::*;
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};
use uuid::Uuid;

/// Different words kept of one column.
const MOST: usize = 200;
/// Rows read; what stands only behind them is met as an error of its row.
const ROWS: usize = 2_000_000;

/// A column with words that need a meaning.
pub struct Unknown {
    /// Of the file.
    pub index: usize,
    pub label: String,
    pub kind: Kind,
    pub words: Vec<Word>,
    /// More than are listed.
    pub cut: bool,
}

/// A word as it stands in the file, and how often.
pub struct Word {
    pub text: String,
    pub count: u64,
}

/// What such a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Choice,
    Stage,
    Owner,
}

/// What may be put in place of a word: the text that is read instead, and its label.
pub type Meanings = Vec<(String, String)>;

/// What the words are compared with.
pub struct Known {
    context: Context,
    stages: Vec<String>,
    owners: Meanings,
    /// To whom the importer may give records.
    pub people: Vec<(Uuid, String)>,
}

impl Known {
    pub fn load(tx: &mut OrgTx, actor: &Actor) -> AppResult<Self> {
        let context = Context::load(tx, Some(actor), UnknownOwner::Report, Default::default())?;
        let stages: Vec<String> =
            stages::table.select(stages::name).order((stages::position, stages::id)).load(tx.conn())?;
        let mut theirs = members::directory(tx)?;
        theirs.retain(|person| person.may_own && actor.sees(Some(person.id.0)));
        let mut names: Vec<String> = Vec::new();
        for stage in stages {
            if !names.iter().any(|n| text::fold(n) == text::fold(&stage)) {
                names.push(stage);
            }
        }
        let people = theirs.iter().map(|person| (person.id.0, person.name.clone())).collect();
        let owners = theirs.into_iter().map(|person| (person.email, person.name)).collect();
        Ok(Self { context, stages: names, owners, people })
    }

    /// What a word of that column may be read as.
    pub fn meanings(&self, mapping: &Mapping, column: &Column) -> Meanings {
        let same = |words: &[String]| words.iter().map(|w| (w.clone(), w.clone())).collect();
        if let Some(entry) = mapping.entry(column).filter(|entry| entry.kind != fields::Kind::Member) {
            let offered = entry.kind.choices().iter().filter(|choice| !choice.retired);
            return offered.map(|choice| (choice.key.clone(), choice.label.clone())).collect();
        }
        match (kind(mapping, column), column.field.kind) {
            (Some(Kind::Owner), _) => self.owners.clone(),
            (Some(Kind::Stage), _) => {
                let closed = [("won", "Won"), ("lost", "Lost")].map(|(k, l)| (k.to_owned(), l.to_owned()));
                let open: Meanings = same(&self.stages);
                open.into_iter().chain(closed).collect()
            }
            (_, FieldKind::Choice(choices)) => {
                choices.iter().map(|(key, label)| ((*key).to_owned(), (*label).to_owned())).collect()
            }
            _ => Vec::new(),
        }
    }

    fn means_something(&self, mapping: &Mapping, column: &Column, cell: &str) -> bool {
        match (kind(mapping, column), mapping.entry(column)) {
            (Some(Kind::Owner), Some(_)) => return self.context.member(cell).is_ok(),
            (Some(Kind::Choice), Some(entry)) => return fields::parse(entry, cell, &self.context.parse).is_ok(),
            _ => {}
        }
        match kind(mapping, column) {
            Some(Kind::Owner) => self.context.knows(cell),
            Some(Kind::Stage) => {
                rows::closed_word(cell).is_some() || self.stages.iter().any(|s| text::fold(s) == text::fold(cell))
            }
            Some(Kind::Choice) if column.role == Role::Status => {
                rows::closed_word(cell).is_some() || text::fold(cell) == "open"
            }
            Some(Kind::Choice) => {
                values::parse(column.field.kind, 255, cell, &self.context.custom, Default::default()).is_ok()
            }
            None => true,
        }
    }
}

/// What kind of words a column holds, if it holds words that must be known.
pub fn kind(mapping: &Mapping, column: &Column) -> Option<Kind> {
    if let Some(entry) = mapping.entry(column) {
        return match entry.kind {
            fields::Kind::Choice(_) | fields::Kind::Choices(_) => Some(Kind::Choice),
            fields::Kind::Member => Some(Kind::Owner),
            _ => None,
        };
    }
    match (column.role, column.field.kind) {
        (Role::Owner, _) => Some(Kind::Owner),
        (Role::Stage, _) => Some(Kind::Stage),
        (_, FieldKind::Choice(_)) => Some(Kind::Choice),
        _ => None,
    }
}

/// The draft's columns, and their words that mean nothing here.
pub async fn unknown(
    page: &Page,
    db: &Db,
    config: &Config,
    import: &Import,
    record: RecordType,
) -> AppResult<(Mapping, Known, Vec<Unknown>)> {
    let actor = page.actor.clone();
    let load = move |tx: &mut OrgTx| Ok((Known::load(tx, &actor)?, Headings::load(tx, Some(&actor), record)?));
    let (known, headings) = db.org(page, load).await?;
    let (path, options) = (preview::path(config, import), import.options());
    web::block(move || match read(&path, &headings, &options, &known) {
        Ok((mapping, found)) => Ok((mapping, known, found)),
        Err(Stopped::Other(error)) => Err(error),
        // Found again, and told, by the trial.
        Err(Stopped::File(_) | Stopped::Cancelled) => {
            Err(AppError::Conflict("The file cannot be read to its end.".into()))
        }
    })
    .await
    .map_err(|error| AppError::Internal(error.into()))?
}

fn read(
    path: &Path,
    headings: &Headings,
    options: &Options,
    known: &Known,
) -> Result<(Mapping, Vec<Unknown>), Stopped> {
    let mut rows = source::stored(path, &options.overrides)?;
    // As the file has them: what was put in their place before is shown again.
    let bare: Vec<_> =
        options.columns.iter().map(|c| super::ColumnPlan { values: BTreeMap::new(), ..c.clone() }).collect();
    let mapping = headings.chosen(&rows.header, &bare);
    let columns: Vec<Column> = mapping.columns.iter().filter(|c| kind(&mapping, c).is_some()).copied().collect();
    let mut words: Vec<HashMap<String, (String, u64)>> = vec![HashMap::new(); columns.len()];
    let mut cut = vec![false; columns.len()];
    let mut read = 0;
    while !columns.is_empty()
        && read < ROWS
        && let Some(Row { record: row, .. }) = rows.next()?
    {
        read += 1;
        if mapping.skips(row) {
            continue;
        }
        for (at, column) in columns.iter().enumerate() {
            let cell = mapping.read(column.index, row);
            if cell.is_empty() {
                continue;
            }
            let parts = match mapping.entry(column).map(|entry| &entry.kind) {
                Some(fields::Kind::Choices(choices)) => values::words_of(choices, cell),
                _ => vec![cell],
            };
            for part in parts {
                count(&mut words[at], part, &mut cut[at]);
            }
        }
    }
    let found = columns.iter().zip(words).zip(cut).map(|((c, words), cut)| unknown_of(&mapping, c, words, cut, known));
    let found = found.filter(|u| !u.words.is_empty()).collect();
    Ok((mapping, found))
}

fn count(words: &mut HashMap<String, (String, u64)>, word: &str, cut: &mut bool) {
    let full = words.len() >= MOST * 2;
    match words.get_mut(word) {
        Some((_, count)) => *count += 1,
        None if full => *cut = true,
        None => {
            words.insert(word.to_owned(), (text::fold(word), 1));
        }
    }
}

/// The different words of one column, the commonest first; `None` when there are more than `most`.
pub fn distinct(
    path: &Path,
    overrides: &Overrides,
    index: usize,
    most: usize,
    split: bool,
) -> Result<Option<Vec<String>>, Stopped> {
    let mut rows = source::stored(path, overrides)?;
    let (mut words, mut read) = (HashMap::<String, (String, u64)>::new(), 0);
    while read < ROWS
        && let Some(Row { record, .. }) = rows.next()?
    {
        read += 1;
        let cell = record.get(index).unwrap_or_default().trim();
        let parts: Vec<&str> = if split { values::several(cell).collect() } else { vec![cell] };
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            words.entry(text::fold(part)).or_insert_with(|| (part.to_owned(), 0)).1 += 1;
        }
        if words.len() > most {
            return Ok(None);
        }
    }
    let mut words: Vec<(String, u64)> = words.into_values().collect();
    words.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(Some(words.into_iter().map(|(word, _)| word).collect()))
}

fn unknown_of(
    mapping: &Mapping,
    column: &Column,
    words: HashMap<String, (String, u64)>,
    cut: bool,
    known: &Known,
) -> Unknown {
    let mut folded: BTreeMap<String, Word> = BTreeMap::new();
    for (text, (fold, count)) in words {
        if !known.means_something(mapping, column, &text) {
            folded.entry(fold).and_modify(|w| w.count += count).or_insert(Word { text, count });
        }
    }
    let mut words: Vec<Word> = folded.into_values().collect();
    words.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.text.cmp(&b.text)));
    let cut = cut || words.len() > MOST;
    words.truncate(MOST);
    let kind = kind(mapping, column).unwrap_or(Kind::Choice);
    Unknown { index: column.index, label: mapping.label(column).to_owned(), kind, words, cut }
}
