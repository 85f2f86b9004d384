//! One import, one transaction: open, map, stage, apply, and write down what became of it. All or nothing.

use super::{
    apply::{self, Counts, Plan},
    context::{Context, UnknownOwner},
    mapping::{Headings, Role},
    presets,
    reader::{FileProblem, Format, Rows},
    rows::RowReader,
    stage::{self, Stopped},
};
use crate::{
    db::{OrgTx, Tx},
    kernel::{ImportId, RecordType},
    live::{self, LiveMessage},
    schema::imports,
    search,
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_query, sql_types};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What the importer chose.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Options {
    /// Deals without a pipeline of their own go into this one; it is made when there is none.
    #[serde(default)]
    pub pipeline: Option<String>,
    /// Import rows whose owner is nobody here, without an owner, instead of reporting them.
    #[serde(default)]
    pub leave_unknown_owners: bool,
}

/// A file to import.
pub struct Request<'a> {
    pub import: ImportId,
    pub record: RecordType,
    pub file_name: &'a str,
    pub options: &'a Options,
    /// `None`: the command line.
    pub actor: Option<&'a Actor>,
}

const ERRORS: &str = "INSERT INTO import_errors (import_id, line, field, message, record) \
     SELECT $1, s.line, e.key, e.value, coalesce(s.raw, '{}') FROM import_stage s, jsonb_each_text(s.problem) e WHERE s.problem IS NOT NULL";

/// Imports the rows in this transaction and records the outcome on the import's row.
pub fn run(tx: &mut OrgTx, request: &Request, mut rows: Rows<'_>) -> Result<Counts, Stopped> {
    prepare(tx)?;
    let headings = Headings::of(request.record);
    let preset = presets::recognise(&rows.header, request.record);
    let mut mapping = preset.as_ref().map_or_else(|| headings.map(&rows.header), |p| headings.planned(&p.mapping));
    mapping.write_as(&rows.formats);
    if mapping.columns.is_empty() {
        return Err(unknown_headings(&rows).into());
    }
    let unknown = if request.options.leave_unknown_owners { UnknownOwner::Leave } else { UnknownOwner::Report };
    let context = Context::load(tx, request.actor, unknown)?;
    let mut reader = RowReader::new(request.record, &mapping, &context);
    let parents = request.record == RecordType::Company && mapping.has(Role::CompanyName);
    let read = stage::fill(tx, &mut rows, &mut reader, context.restricted() || parents)?;
    if read == 0 {
        return Err(FileProblem::new(None, "it has a header and no rows").into());
    }
    let title = title(request.file_name);
    let plan = Plan {
        import: request.import,
        record: request.record,
        slots: &reader.slots,
        context: &context,
        has_company: mapping.has(Role::CompanyName) || mapping.has(Role::CompanyDomain),
        pipeline: request.options.pipeline.as_deref(),
        title: &title,
    };
    let counts = apply::run(tx, &plan, &reader, read)?;
    let columns = json!({ "columns": mapping.pairs(&rows.header), "preset": preset.map(|p| p.name) });
    let delimiter = match rows.format {
        Format::Csv => rows.delimiter.unwrap_or(',').to_string(),
        other => other.key().to_owned(),
    };
    finish(tx, request, read, counts, (columns, rows.encoding(), &delimiter))?;
    Ok(counts)
}

fn unknown_headings(rows: &Rows<'_>) -> FileProblem {
    if rows.header_row == 0 && rows.format != Format::Vcard {
        return FileProblem::new(1, "it has no line of headings");
    }
    let seen: String = rows.header.iter().take(8).cloned().collect::<Vec<_>>().join(", ").chars().take(200).collect();
    FileProblem::new(rows.header_row, format!("none of its column headings is known here (it begins: {seen})"))
}

/// No time limits, room to sort, and one import at a time in an organisation: two at once could both create what neither finds.
fn prepare(tx: &mut OrgTx) -> Result<(), Stopped> {
    tx.without_time_limit()?;
    sql_query("SET LOCAL lock_timeout = 0").execute(tx.conn())?;
    sql_query("SET LOCAL work_mem = '64MB'").execute(tx.conn())?;
    sql_query("SELECT pg_advisory_xact_lock(hashtextextended('pipewright imports ' || app.org(), 0))")
        .execute(tx.conn())?;
    Ok(())
}

fn finish(
    tx: &mut OrgTx,
    request: &Request,
    read: u64,
    counts: Counts,
    (columns, encoding, delimiter): (serde_json::Value, &str, &str),
) -> Result<(), Stopped> {
    sql_query(ERRORS).bind::<sql_types::Uuid, _>(request.import).execute(tx.conn())?;
    diesel::update(imports::table.filter(imports::id.eq(request.import)))
        .set((
            imports::status.eq("done"),
            imports::mapping.eq(columns),
            imports::encoding.eq(encoding),
            imports::delimiter.eq(delimiter),
            imports::rows_read.eq(i64::try_from(read).unwrap_or(i64::MAX)),
            (imports::created.eq(counts.created), imports::updated.eq(counts.updated)),
            (imports::skipped.eq(counts.skipped), imports::failed.eq(counts.failed)),
            imports::error.eq(None::<String>),
            imports::file_path.eq(None::<String>),
            imports::finished_at.eq(Utc::now()),
        ))
        .execute(tx.conn())?;
    if counts.created + counts.updated > 0 {
        let since = diesel::select(diesel::dsl::now.into_sql::<sql_types::Timestamptz>());
        let since: DateTime<Utc> = since.get_result(tx.conn())?;
        search::enqueue_bulk(tx, request.record, Some(since))?;
        if request.record != RecordType::Company {
            search::enqueue_bulk(tx, RecordType::Company, Some(since))?;
        }
        live::publish(tx, &LiveMessage::refresh())?;
    }
    Ok(())
}

/// `sales_pipeline.csv` → `Sales pipeline`.
fn title(file_name: &str) -> String {
    let stem = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    let words = stem.split(['_', '-', ' ']).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ");
    let mut chars = words.chars();
    let title: String = chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).take(100).collect();
    if title.is_empty() { "Imported".into() } else { title }
}
