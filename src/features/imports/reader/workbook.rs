//! One sheet of an Excel workbook as a stream of rows, in canonical text: dates as ISO 8601, numbers with a point, `true`, `false`.
//! The workbook is read by a thread of its own, a few hundred rows ahead at most, which ends when nobody listens any more.

use super::{FileProblem, MAX_COLUMNS, Read as RowRead, Source, archive, sheet_cells};
use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx, XlsxError};
use csv::StringRecord;
use std::{
    collections::VecDeque,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

const BATCH_ROWS: usize = 256;
const BATCH_BYTES: usize = 256 * 1024;
const AHEAD: usize = 2;

/// A workbook, opened at a sheet.
pub struct Book {
    pub sheets: Vec<String>,
    pub sheet: String,
    pub source: Box<dyn Source>,
}

struct SheetRow {
    read: RowRead,
    record: StringRecord,
}

enum Message {
    Opened { sheets: Vec<String>, sheet: String },
    Rows(Vec<SheetRow>),
    Broken(FileProblem),
}

/// Opens `sheet`, or the first visible one that holds anything, having looked whether that is safe.
pub fn open(path: &Path, sheet: Option<&str>) -> Result<Book, FileProblem> {
    archive::check(path)?;
    reopen(path, sheet)
}

/// Opens a workbook that has been looked at.
pub fn reopen(path: &Path, sheet: Option<&str>) -> Result<Book, FileProblem> {
    let (sender, rows) = sync_channel(AHEAD);
    let job = Job { path: path.to_owned(), told: sheet.map(str::to_owned), sender };
    let spawned = thread::Builder::new().name("workbook".into()).spawn(move || job.run());
    spawned.map_err(|error| FileProblem::new(None, error.to_string()))?;
    match rows.recv() {
        Ok(Message::Opened { sheets, sheet }) => {
            Ok(Book { sheets, sheet, source: Box::new(Sheet { rows, batch: VecDeque::new() }) })
        }
        Ok(Message::Broken(problem)) => Err(problem),
        _ => Err(FileProblem::new(None, "the workbook is damaged")),
    }
}

struct Sheet {
    rows: Receiver<Message>,
    batch: VecDeque<SheetRow>,
}

impl Source for Sheet {
    fn next(&mut self, record: &mut StringRecord) -> Result<Option<RowRead>, FileProblem> {
        if self.batch.is_empty() {
            match self.rows.recv() {
                Ok(Message::Rows(rows)) => self.batch = rows.into(),
                Ok(Message::Broken(problem)) => return Err(problem),
                Ok(Message::Opened { .. }) => {}
                // A thread that ended without a last word has panicked.
                Err(_) => return Err(FileProblem::new(None, "the workbook is damaged")),
            }
        }
        let Some(row) = self.batch.pop_front() else { return Ok(None) };
        *record = row.record;
        Ok(Some(row.read))
    }
}

struct Job {
    path: PathBuf,
    told: Option<String>,
    sender: SyncSender<Message>,
}

/// Nobody listens any more.
struct Gone;

enum Stop {
    Gone,
    Broken(FileProblem),
}

impl From<FileProblem> for Stop {
    fn from(problem: FileProblem) -> Self {
        Stop::Broken(problem)
    }
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Stop::Gone
    }
}

fn damaged(line: Option<u64>) -> impl Fn(XlsxError) -> Stop {
    move |error| {
        let what = match error {
            XlsxError::Password => "the workbook is under a password: save it without one".into(),
            XlsxError::WorksheetNotFound(name) => format!("it has no sheet called “{name}”"),
            error => format!("the workbook is damaged ({error})"),
        };
        FileProblem::new(line, what).into()
    }
}

impl Job {
    fn run(self) {
        if let Err(Stop::Broken(problem)) = self.read() {
            let _ = self.sender.send(Message::Broken(problem));
        }
    }

    fn send(&self, message: Message) -> Result<(), Gone> {
        self.sender.send(message).map_err(|_| Gone)
    }

    fn read(&self) -> Result<(), Stop> {
        let file = File::open(&self.path).map_err(|error| FileProblem::new(None, error.to_string()))?;
        let mut book = Xlsx::new(BufReader::new(file)).map_err(damaged(None))?;
        let sheets: Vec<(String, bool)> = book
            .sheets_metadata()
            .iter()
            .filter(|sheet| sheet.typ == SheetType::WorkSheet)
            .map(|sheet| (sheet.name.clone(), sheet.visible == SheetVisible::Visible))
            .collect();
        let sheet = self.choose(&mut book, &sheets)?;
        self.send(Message::Opened {
            sheets: sheets.into_iter().map(|(name, _)| name).collect(),
            sheet: sheet.clone(),
        })?;
        self.rows(&mut book, &sheet)?;
        // The last word: nothing more comes.
        Ok(self.send(Message::Rows(Vec::new()))?)
    }

    fn choose(&self, book: &mut Xlsx<BufReader<File>>, sheets: &[(String, bool)]) -> Result<String, Stop> {
        if let Some(told) = &self.told {
            return match sheets.iter().find(|(name, _)| name == told) {
                Some((name, _)) => Ok(name.clone()),
                None => Err(FileProblem::new(None, format!("it has no sheet called “{told}”")).into()),
            };
        }
        for (name, _) in sheets.iter().filter(|(_, visible)| *visible) {
            let mut reader = book.worksheet_cells_reader(name).map_err(damaged(None))?;
            while let Some(cell) = reader.next_cell().map_err(damaged(None))? {
                if !matches!(cell.get_value(), DataRef::Empty) {
                    return Ok(name.clone());
                }
            }
        }
        let first = sheets.first().map(|(name, _)| name.clone());
        first.ok_or_else(|| FileProblem::new(None, "the workbook has no sheet with cells").into())
    }

    fn rows(&self, book: &mut Xlsx<BufReader<File>>, sheet: &str) -> Result<(), Stop> {
        let mut reader = book.worksheet_cells_reader(sheet).map_err(damaged(None))?;
        let looks: Vec<_> = reader.styles().iter().map(sheet_cells::look).collect();
        let mut batch = Batch::default();
        let mut row = Building::default();
        loop {
            let line = Some(row.line.max(1));
            let Some((cell, style)) = reader.next_cell_with_style_id().map_err(damaged(line))? else { break };
            let (at, column) = cell.get_position();
            let text = match sheet_cells::text(cell.get_value(), looks.get(style).copied().unwrap_or_default()) {
                Ok(text) if text.is_empty() => continue,
                Ok(text) => text,
                Err(error) => {
                    row.begin(u64::from(at) + 1, &mut batch);
                    row.problem
                        .get_or_insert(format!("cell {} holds the error {error}", sheet_cells::name(at, column)));
                    error
                }
            };
            row.begin(u64::from(at) + 1, &mut batch);
            row.put(column as usize, text)?;
            if batch.rows.len() >= BATCH_ROWS || batch.bytes >= BATCH_BYTES {
                self.send(Message::Rows(std::mem::take(&mut batch).rows))?;
            }
        }
        row.end(&mut batch);
        if !batch.rows.is_empty() {
            self.send(Message::Rows(batch.rows))?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Batch {
    rows: Vec<SheetRow>,
    bytes: usize,
}

/// The row whose cells are arriving; rows without any are left out.
#[derive(Default)]
struct Building {
    line: u64,
    cells: Vec<String>,
    problem: Option<String>,
}

impl Building {
    fn begin(&mut self, line: u64, batch: &mut Batch) {
        if line != self.line {
            self.end(batch);
            self.line = line;
        }
    }

    fn put(&mut self, column: usize, text: String) -> Result<(), FileProblem> {
        if column >= MAX_COLUMNS {
            return Err(FileProblem::new(self.line, format!("it has more than {MAX_COLUMNS} columns")));
        }
        if self.cells.len() <= column {
            self.cells.resize(column + 1, String::new());
        }
        if text.contains('\0') {
            self.problem.get_or_insert_with(|| "holds a NUL character".into());
        }
        self.cells[column] = text.replace('\0', "");
        Ok(())
    }

    fn end(&mut self, batch: &mut Batch) {
        if !self.cells.is_empty() {
            let record: StringRecord = self.cells.drain(..).collect();
            batch.bytes += record.as_slice().len();
            batch.rows.push(SheetRow {
                read: RowRead { line: self.line, last: self.line, problem: self.problem.take() },
                record,
            });
        }
    }
}
