//! Step "File": how it reads, its first rows, and what may be said otherwise: format, encoding, delimiter, headings, sheet.

use super::{Draft, Found, Head, draft};
use crate::{
    config::Config,
    db::Db,
    error::AppResult,
    features::imports::{
        commands, presets,
        reader::{FileShape, Format, Overrides, ShortRows},
        words,
    },
    kernel::RecordType,
    web::{Form, FormErrors, Page, SelectOption, Shell, forms::Parser, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

const SHOWN: usize = 10;
/// Posted for what is to be detected.
const AUTO: &str = "auto";
const ENCODINGS: &[(&str, &str)] = &[
    ("utf-8", "UTF-8"),
    ("windows-1252", "Western (Windows-1252)"),
    ("windows-1250", "Central European (Windows-1250)"),
    ("windows-1251", "Cyrillic (Windows-1251)"),
    ("iso-8859-15", "Western (ISO 8859-15)"),
    ("macintosh", "Western (Macintosh)"),
    ("utf-16le", "UTF-16, little-endian"),
    ("utf-16be", "UTF-16, big-endian"),
    ("shift_jis", "Japanese (Shift JIS)"),
    ("gbk", "Chinese (GBK)"),
];
const DELIMITERS: &[(&str, char, &str)] =
    &[("comma", ',', "Commas"), ("semicolon", ';', "Semicolons"), ("tab", '\t', "Tabs"), ("bar", '|', "Bars")];

struct Row {
    line: String,
    cells: Vec<String>,
    problem: String,
}

#[derive(Template)]
#[template(path = "imports/file.html")]
struct FilePage {
    shell: Shell,
    head: Head,
    size: String,
    problem: Option<String>,
    found: String,
    preset: Option<String>,
    warnings: Vec<String>,
    header: Vec<String>,
    rows: Vec<Row>,
    formats: Vec<SelectOption>,
    encodings: Vec<SelectOption>,
    delimiters: Vec<SelectOption>,
    sheets: Vec<SelectOption>,
    short_rows: Vec<SelectOption>,
    header_row: String,
    errors: FormErrors,
    /// The choices are laid open: the file cannot be read, or something was said.
    open: bool,
}

impl FilePage {
    fn error(&self, name: &str) -> &str {
        self.errors.get(name).unwrap_or_default()
    }
}

pub async fn show(page: Page, db: Data<Db>, config: Data<Config>, path: Path<String>) -> AppResult<HttpResponse> {
    match draft(&page, &db, &config, &path).await? {
        Found::Draft(draft) => view(&page, StatusCode::OK, *draft, FormErrors::default(), None),
        Found::Elsewhere(reply) => Ok(reply),
    }
}

fn view(
    page: &Page,
    status: StatusCode,
    draft: Draft,
    errors: FormErrors,
    typed: Option<&str>,
) -> AppResult<HttpResponse> {
    let overrides = draft.import.options().overrides;
    let shape = draft.shape;
    let width = shape.columns.len();
    let rows = shape.first_rows.iter().take(SHOWN).map(|row| {
        let mut cells: Vec<String> = row.cells.iter().map(|cell| cell.chars().take(200).collect()).collect();
        cells.resize(width.max(cells.len()), String::new());
        Row { line: row.line.to_string(), cells, problem: row.problem.clone().unwrap_or_default() }
    });
    let typed_row = overrides.header_row.map_or_else(String::new, |row| row.to_string());
    let told: Vec<String> = shape.warnings.iter().take(8).map(|warning| warning.message()).collect();
    let view = FilePage {
        shell: page.shell("imports"),
        head: Head::of(&draft.import, "file"),
        size: draft.import.file_size.map_or_else(String::new, |bytes| words::size(&page.actor, bytes)),
        problem: shape.refused.as_ref().map(|problem| problem.message()),
        found: found(&shape),
        preset: presets::recognise(&shape.columns, draft.record).map(|p| p.name),
        warnings: misfit(&shape, draft.record).into_iter().chain(told).collect(),
        rows: rows.collect(),
        formats: options(Format::ALL.iter().map(|f| (f.key(), f.label())), overrides.format.map(Format::key)),
        encodings: options(ENCODINGS.iter().copied(), overrides.encoding.as_deref()),
        delimiters: options(
            DELIMITERS.iter().map(|(key, _, label)| (*key, *label)),
            overrides.delimiter.and_then(key_of),
        ),
        sheets: options(shape.sheets.iter().map(|s| (s.as_str(), s.as_str())), overrides.sheet.as_deref()),
        short_rows: short_rows(overrides.short_rows),
        header_row: typed.map_or(typed_row, str::to_owned),
        open: shape.refused.is_some() || overrides != Overrides::default() || !errors.is_empty(),
        header: shape.columns,
        errors,
    };
    reply::page_with(&page.req, status, &view)
}

/// `CSV or other delimited text, UTF-8, semicolons, headings on line 1`.
fn found(shape: &FileShape) -> String {
    let mut parts = vec![shape.format.label().to_owned()];
    if shape.format != Format::Xlsx {
        parts.push(shape.encoding.clone());
    }
    parts.extend(shape.delimiter.map(|d| words::delimiter(&d.to_string()).to_owned()));
    parts.extend(shape.sheet.as_ref().map(|sheet| format!("sheet {sheet}")));
    match (shape.format, shape.header_row) {
        (Format::Vcard, _) => {}
        (_, 0) => parts.push("without headings".into()),
        (_, line) => parts.push(format!("headings on line {line}")),
    }
    parts.join(", ")
}

/// A known export of other records than those chosen.
fn misfit(shape: &FileShape, record: RecordType) -> Option<String> {
    let held = presets::records(&shape.columns);
    let is_person = |r: &RecordType| *r == record || (record == RecordType::Lead && *r == RecordType::Contact);
    let other = held.first().filter(|_| !held.iter().any(is_person))?;
    let (other, chosen) = (other.plural().to_lowercase(), record.plural().to_lowercase());
    Some(format!("The headings are those of {other}, and {chosen} were chosen: discard this import to begin again."))
}

fn key_of(delimiter: char) -> Option<&'static str> {
    DELIMITERS.iter().find(|(_, d, _)| *d == delimiter).map(|(key, ..)| *key)
}

/// "As detected", then what may be said instead.
fn options<'a>(all: impl Iterator<Item = (&'a str, &'a str)>, chosen: Option<&str>) -> Vec<SelectOption> {
    let first = SelectOption::new(AUTO, "As detected", chosen.is_none());
    let rest = all.map(|(key, label)| SelectOption::new(key, label, chosen == Some(key)));
    std::iter::once(first).chain(rest).collect()
}

fn short_rows(chosen: Option<ShortRows>) -> Vec<SelectOption> {
    let key = chosen.map(|rows| if rows == ShortRows::Fill { "fill" } else { "report" });
    options([("report", "Report them as errors"), ("fill", "Fill up with empty cells")].into_iter(), key)
}

pub async fn save(
    page: Page,
    db: Data<Db>,
    config: Data<Config>,
    path: Path<String>,
    form: Form,
) -> AppResult<HttpResponse> {
    let draft = match draft(&page, &db, &config, &path).await? {
        Found::Draft(draft) => draft,
        Found::Elsewhere(reply) => return Ok(reply),
    };
    let id = draft.import.id;
    let overrides = match parse(&form) {
        Ok(overrides) => overrides,
        Err(errors) => {
            let typed = form.get("header_row");
            return view(&page, StatusCode::UNPROCESSABLE_ENTITY, *draft, errors, Some(typed));
        }
    };
    let mut options = draft.import.options();
    if options.overrides != overrides {
        options.overrides = overrides;
        // What was chosen for the columns was chosen of another reading.
        options.columns = Vec::new();
        db.org(&page, move |tx| commands::choose(tx, id, &options)).await?;
    }
    let next = if form.has("again") { "file" } else { "columns" };
    Ok(reply::redirect(&page.req, &format!("/imports/{id}/{next}"), None))
}

fn parse(form: &Form) -> Result<Overrides, FormErrors> {
    let mut parser = form.parser();
    let overrides = Overrides {
        format: said(&mut parser, "format", Format::parse),
        encoding: said(&mut parser, "encoding", |key| {
            ENCODINGS.iter().find(|(k, _)| *k == key).map(|e| e.0.to_owned())
        }),
        delimiter: said(&mut parser, "delimiter", |key| DELIMITERS.iter().find(|(k, ..)| *k == key).map(|d| d.1)),
        quote: None,
        header_row: parser.integer("header_row", 0, 1_000).and_then(|row| u64::try_from(row).ok()),
        sheet: parser.text("sheet", 255).filter(|sheet| sheet != AUTO),
        short_rows: said(&mut parser, "short_rows", |key| match key {
            "report" => Some(ShortRows::Report),
            "fill" => Some(ShortRows::Fill),
            _ => None,
        }),
        empty_words: None,
        loose_delimiters: None,
    };
    parser.finish().map(|()| overrides)
}

/// What somebody chose, unless it is to be detected.
fn said<T>(parser: &mut Parser, name: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let read = |key: &str| match key {
        AUTO => Ok(None),
        key => read(key).map(Some).ok_or("is not one of the choices"),
    };
    parser.optional(name, read).flatten()
}
