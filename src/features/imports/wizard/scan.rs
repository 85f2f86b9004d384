//! The words of a file that mean nothing here: for columns that hold choices, stages or people, every different cell that is none, with
//! how often it stands there. The whole file is read for it; its memory is bounded by the number of different words kept.

use super::preview;
use crate::{
    config::Config,
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::imports::{
        context::{Context, UnknownOwner},
        mapping::{Column, Headings, Mapping, Role},
        options::Options,
        queries::Import,
        reader::Row,
        rows, source,
        stage::Stopped,
        values,
    },
    kernel::{FieldKind, RecordType, text},
    schema::{members, stages},
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
    pub label: &'static str,
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
        let people: Vec<(Uuid, String, String)> = members::table
            .filter(members::deactivated_at.is_null())
            .order(members::name)
            .select((members::id, members::name, members::email))
            .load(tx.conn())?;
        let theirs: Vec<_> = people.into_iter().filter(|(id, ..)| actor.sees(Some(*id))).collect();
        let mut names: Vec<String> = Vec::new();
        for stage in stages {
            if !names.iter().any(|n| text::fold(n) == text::fold(&stage)) {
                names.push(stage);
            }
        }
        let people = theirs.iter().map(|(id, name, _)| (*id, name.clone())).collect();
        let owners = theirs.into_iter().map(|(_, name, email)| (email, name)).collect();
        Ok(Self { context, stages: names, owners, people })
    }

    /// What a word of that column may be read as.
    pub fn meanings(&self, column: &Column) -> Meanings {
        let same = |words: &[String]| words.iter().map(|w| (w.clone(), w.clone())).collect();
        match (kind(column), column.field.kind) {
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

    fn means_something(&self, column: &Column, cell: &str) -> bool {
        match kind(column) {
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
pub fn kind(column: &Column) -> Option<Kind> {
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
    let known = db.org(page, move |tx| Known::load(tx, &actor)).await?;
    let (path, options) = (preview::path(config, import), import.options());
    web::block(move || match read(&path, record, &options, &known) {
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

fn read(path: &Path, record: RecordType, options: &Options, known: &Known) -> Result<(Mapping, Vec<Unknown>), Stopped> {
    let mut rows = source::stored(path, &options.overrides)?;
    // As the file has them: what was put in their place before is shown again.
    let bare: Vec<_> =
        options.columns.iter().map(|c| super::ColumnPlan { values: BTreeMap::new(), ..c.clone() }).collect();
    let mapping = Headings::of(record).chosen(&rows.header, &bare);
    let columns: Vec<Column> = mapping.columns.iter().filter(|c| kind(c).is_some()).copied().collect();
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
            let full = words[at].len() >= MOST * 2;
            match words[at].get_mut(cell) {
                Some((_, count)) => *count += 1,
                None if full => cut[at] = true,
                None => {
                    words[at].insert(cell.to_owned(), (text::fold(cell), 1));
                }
            }
        }
    }
    let found = columns.iter().zip(words).zip(cut).map(|((column, words), cut)| unknown_of(column, words, cut, known));
    let found = found.filter(|u| !u.words.is_empty()).collect();
    Ok((mapping, found))
}

fn unknown_of(column: &Column, words: HashMap<String, (String, u64)>, cut: bool, known: &Known) -> Unknown {
    let mut folded: BTreeMap<String, Word> = BTreeMap::new();
    for (text, (fold, count)) in words {
        if !known.means_something(column, &text) {
            folded.entry(fold).and_modify(|w| w.count += count).or_insert(Word { text, count });
        }
    }
    let mut words: Vec<Word> = folded.into_values().collect();
    words.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.text.cmp(&b.text)));
    let cut = cut || words.len() > MOST;
    words.truncate(MOST);
    Unknown { index: column.index, label: column.field.label, kind: kind(column).unwrap_or(Kind::Choice), words, cut }
}
