//! The stage: a temporary table of this transaction that the parsed rows are COPYed into, one stream from the file to Postgres.
//! Everything in it is text; statements that apply it cast.

use super::{
    progress::Progress,
    reader::{FileProblem, Row, Rows},
    rows::{RowReader, Staged},
    slots::SLOTS,
};
use crate::{
    db::{OrgTx, Tx},
    error::AppError,
};
use csv::StringRecord;
use diesel::{
    ExecuteCopyFromDsl, QueryResult, RunQueryDsl, copy_from,
    pg::{CopyTarget, Pg},
    query_builder::AstPass,
    sql_query, sql_types,
};
use std::{cell::RefCell, fmt::Write as _, io::Write};
use uuid::Uuid;

/// The most pipelines and stages a file may name.
const MAX_PLACES: usize = 200;
/// The most different tags.
const MAX_TAGS: usize = 500;
const BUFFER: usize = 128 * 1024;

diesel::table! {
    import_stage (line) {
        line -> BigInt,
    }
}

/// Every column, in the order of its making. Diesel's tables end at 32 columns; only COPY needs to name this one.
struct Whole;

impl CopyTarget for Whole {
    type Table = import_stage::table;
    type SqlType = sql_types::BigInt;

    fn walk_target(mut pass: AstPass<'_, '_, Pg>) -> QueryResult<()> {
        pass.push_sql("import_stage");
        Ok(())
    }
}

/// Why an import ended without importing anything.
#[derive(Debug)]
pub enum Stopped {
    File(FileProblem),
    /// Somebody asked for it.
    Cancelled,
    Other(AppError),
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stopped::File(problem) => f.write_str(&problem.message()),
            Stopped::Cancelled => f.write_str("The import was cancelled."),
            Stopped::Other(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Stopped {}

impl From<FileProblem> for Stopped {
    fn from(problem: FileProblem) -> Self {
        Stopped::File(problem)
    }
}

impl From<AppError> for Stopped {
    fn from(error: AppError) -> Self {
        Stopped::Other(error)
    }
}

impl From<diesel::result::Error> for Stopped {
    fn from(error: diesel::result::Error) -> Self {
        Stopped::Other(error.into())
    }
}

/// Creates the stage and streams the whole file into it. Returns the rows read.
pub fn fill(
    tx: &mut OrgTx,
    rows: &mut Rows<'_>,
    reader: &mut RowReader<'_>,
    keep_raw: bool,
    progress: &Progress,
) -> Result<u64, Stopped> {
    let slots: String = (0..SLOTS).fold(String::new(), |mut sql, n| {
        let _ = write!(sql, ", v{n} text");
        sql
    });
    let create = format!(
        "CREATE TEMPORARY TABLE import_stage (line bigint NOT NULL, new_id uuid NOT NULL, key text COLLATE \"C\", \
         ref_key text COLLATE \"C\", ref_name text, ref_domain text, ref_ext text, tags text[], custom jsonb, ref_id text COLLATE \"C\", problem jsonb, raw text[], changes jsonb{slots}) ON COMMIT DROP"
    );
    sql_query(create).execute(tx.conn())?;
    // Diesel takes a `Fn` and, when it fails, reports Postgres's word for it rather than ours.
    let source = RefCell::new((rows, reader));
    let outcome = RefCell::new(Ok(0));
    let copied = copy_from(import_stage::table)
        .from_raw_data(Whole, |copy: &mut dyn Write| -> Result<(), Stopped> {
            let (rows, reader) = &mut *source.borrow_mut();
            let done = stream(rows, reader, keep_raw, progress, copy);
            let result = if done.is_ok() { Ok(()) } else { Err(AppError::Conflict("stopped".into()).into()) };
            *outcome.borrow_mut() = done;
            result
        })
        .execute(tx.conn());
    let count = outcome.into_inner()?;
    copied?;
    sql_query("ANALYZE import_stage (line, key, ref_key, problem)").execute(tx.conn())?;
    Ok(count)
}

fn stream(
    rows: &mut Rows<'_>,
    reader: &mut RowReader<'_>,
    keep_raw: bool,
    progress: &Progress,
    copy: &mut dyn Write,
) -> Result<u64, Stopped> {
    let mut out = String::with_capacity(2 * BUFFER);
    let mut count = 0;
    while let Some(Row { line, record, problem }) = rows.next()? {
        count += 1;
        progress.row();
        if reader.mapping.skips(record) {
            continue;
        }
        let staged = problem.map_or_else(|| reader.read(record), Staged::refused);
        if reader.places.len() > MAX_PLACES {
            let what = format!("it names more than {MAX_PLACES} stages (is the right column called stage?)");
            return Err(FileProblem::new(line, what).into());
        }
        if reader.tags.len() > MAX_TAGS {
            let what = format!("it names more than {MAX_TAGS} tags (is the right column called tags?)");
            return Err(FileProblem::new(line, what).into());
        }
        write_row(&mut out, line, record, &staged, keep_raw);
        if out.len() > BUFFER {
            if progress.stopped() {
                return Err(Stopped::Cancelled);
            }
            copy.write_all(out.as_bytes()).map_err(broken)?;
            out.clear();
        }
    }
    copy.write_all(out.as_bytes()).map_err(broken)?;
    Ok(count)
}

fn broken(error: std::io::Error) -> Stopped {
    Stopped::Other(anyhow::Error::from(error).context("the copy broke off").into())
}

/// One line of COPY's text format.
fn write_row(out: &mut String, line: u64, record: &StringRecord, staged: &Staged, keep_raw: bool) {
    let failed = !staged.problems.is_empty();
    let _ = write!(out, "{line}\t{}", Uuid::now_v7());
    cell(out, staged.key.as_deref().filter(|_| !failed));
    let company = staged.company.as_ref().filter(|_| !failed);
    cell(out, company.map(|c| c.key.as_str()));
    cell(out, company.and_then(|c| c.name.as_deref()));
    cell(out, company.and_then(|c| c.domain.as_deref()));
    cell(out, company.and_then(|c| c.external_id.as_deref()));
    let tags = (!failed && !staged.tags.is_empty()).then(|| array(staged.tags.iter().map(String::as_str)));
    cell(out, tags.as_deref());
    let custom =
        (!failed && !staged.custom.is_empty()).then(|| serde_json::to_string(&staged.custom).unwrap_or_default());
    cell(out, custom.as_deref());
    // Ids made here ascend with the lines; those of `app.uuid7` do so only from one millisecond to the next.
    cell(out, company.map(|_| Uuid::now_v7().to_string()).as_deref());
    let problems = failed.then(|| {
        let map: serde_json::Map<_, _> = staged.problems.iter().map(|(f, w)| (f.clone(), w.as_str().into())).collect();
        serde_json::Value::Object(map).to_string()
    });
    cell(out, problems.as_deref());
    cell(out, (failed || keep_raw).then(|| array(record.iter())).as_deref());
    let changes = (!failed).then(|| serde_json::to_string(&staged.changes).unwrap_or_default());
    cell(out, changes.as_deref());
    for n in 0..SLOTS {
        cell(out, staged.values.get(n).and_then(Option::as_deref).filter(|_| !failed));
    }
    out.push('\n');
}

fn cell(out: &mut String, text: Option<&str>) {
    out.push('\t');
    let Some(text) = text else { return out.push_str("\\N") };
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
}

/// Cells as a Postgres array; of a long one so much as serves to show the row again.
fn array<'c>(cells: impl Iterator<Item = &'c str>) -> String {
    let mut out = String::from("{");
    for (n, cell) in cells.enumerate() {
        if n > 0 {
            out.push(',');
        }
        out.push('"');
        for c in cell.chars().take(32_000) {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('"');
    }
    out.push('}');
    out
}
