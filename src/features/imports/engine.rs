//! One import, one transaction: map, stage, apply, and write down what became of it. All or nothing. A trial goes the same way, finds
//! out the same and writes nothing but its findings.

use super::{
    apply::{self, Counts, Made, Plan, Trial, own::OwnFields},
    context::{Context, UnknownOwner},
    mapping::{Headings, Mapping, Role},
    options::{MatchBy, OnMatch, Options},
    presets,
    progress::Progress,
    reader::{FileProblem, Format, Rows},
    rows::RowReader,
    stage::{self, Stopped},
};
use crate::{
    db::{Db, OrgTx, Tx},
    features::{
        duplicates,
        fields::{self, Catalogue, Custom, Entry, Kind, Names},
        notifications::{self, Finished},
        quality::{self, RowRules},
        tags,
    },
    kernel::{ImportId, RecordType, TagId},
    live::{self, LiveMessage},
    schema::{import_created, import_errors, imports},
    search,
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_query, sql_types};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A file to import.
pub struct Request<'a> {
    /// For what must not wait for this transaction's end.
    pub db: &'a Db,
    pub import: ImportId,
    pub record: RecordType,
    pub file_name: &'a str,
    pub options: &'a Options,
    /// `None`: the command line.
    pub actor: Option<&'a Actor>,
    pub trial: bool,
    pub progress: &'a Progress,
}

/// What a trial came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checked {
    pub rows: i64,
    pub counts: Counts,
    pub found: Trial,
    /// Why the file cannot be read at all.
    pub error: Option<String>,
}

const ERRORS: &str = "INSERT INTO import_errors (import_id, line, field, message, record) \
     SELECT $1, s.line, e.key, e.value, coalesce(s.raw, '{}') FROM import_stage s, jsonb_each_text(s.problem) e WHERE s.problem IS NOT NULL";

/// Imports these rows in this transaction, or tries to, and records the outcome on the import's row.
pub fn run(tx: &mut OrgTx, request: &Request, rows: &mut Rows<'_>) -> Result<Counts, Stopped> {
    prepare(tx, request)?;
    let options = request.options;
    let mut mapping = Headings::load(tx, request.actor, request.record)?.chosen(&rows.header, &options.columns);
    mapping.write_as(&rows.formats);
    if mapping.columns.is_empty() {
        return Err(unknown_headings(rows).into());
    }
    let unknown = if options.leave_unknown_owners { UnknownOwner::Leave } else { UnknownOwner::Report };
    let context = Context::load(tx, request.actor, unknown, options.owner)?;
    let rules = rules(request, &mapping);
    let mut reader = RowReader::new(request.record, &mapping, &context, rules.clone());
    let has_company = [Role::CompanyName, Role::CompanyDomain, Role::CompanyId].iter().any(|role| mapping.has(*role));
    let parents = request.record == RecordType::Company && has_company;
    let validation = RowRules::load(tx, request.record)?;
    let own = own(tx, request, &mapping)?;
    let anyway = options.on_match == OnMatch::Create;
    let refusing = own.refusing()
        || context.restricted()
        || parents
        || anyway
        || validation.is_some()
        || mapping.has(Role::Product)
        || mapping.has(Role::RecordId)
        || apply::may_be_unclear(tx, request.record, &rules, options.on_match)?;
    let read = stage::fill(tx, rows, &mut reader, refusing, request.progress)?;
    if read == 0 {
        return Err(FileProblem::new(None, "it has a header and no rows").into());
    }
    let title = title(request.file_name);
    let tags = tags(tx, options)?;
    let (db, org) = (request.db, tx.org_id());
    let plan = Plan {
        import: request.import,
        record: request.record,
        slots: &reader.slots,
        context: &context,
        own: &own,
        has_company,
        has_tags: mapping.has(Role::Tags),
        has_products: mapping.has(Role::Product),
        products: options.products,
        pipeline: options.pipeline.as_deref(),
        title: &title,
        rules: &rules,
        on_match: options.on_match,
        related: options.related,
        tags: &tags,
        validation: validation.as_ref(),
        trial: request.trial,
        numbers: &|count| db.org_now(&org, |tx| apply::take_numbers(tx, count)),
        progress: request.progress,
    };
    let (counts, found, made) = apply::run(tx, &plan, &reader, read)?;
    note_errors(tx, request.import)?;
    let read = i64::try_from(read).unwrap_or(i64::MAX);
    if request.trial {
        note_trial(tx, request.import, &Checked { rows: read, counts, found, error: None })?;
    } else {
        note_outcome(tx, request, rows, &mapping, read, (counts, &made))?;
        announce(tx, request.import, request.record, counts)?;
    }
    request.progress.leave();
    Ok(counts)
}

/// Own fields are asked for, and begin with their defaults, as in forms; or with the one value that was chosen for all.
fn own(tx: &mut OrgTx, request: &Request, mapping: &Mapping) -> Result<OwnFields, Stopped> {
    let whole = Catalogue::whole(tx, request.record)?;
    let editable = match request.actor {
        Some(actor) => Catalogue::load(tx, actor, request.record)?,
        None => whole.clone(),
    };
    let mapped: Vec<Entry> = mapping.entries().filter(|e| e.kind != Kind::Currency).cloned().collect();
    let absent = |entry: &&Entry| !mapped.iter().any(|m| m.key == entry.key);
    let mine = |key: &str| editable.get(key).is_some_and(|e| e.editable);
    let fixed = |e: &Entry| request.options.fixed.get(&e.key).filter(|_| mine(&e.key)).cloned();
    let begun: Vec<&Entry> = whole.custom().filter(absent).collect();
    let begins = |e: &&Entry| Some((e.key.clone(), fixed(e).or_else(|| e.default.clone())?));
    let defaults: Map<String, Value> = begun.iter().filter_map(begins).collect();
    let names = Names::load(tx, begun.iter().copied(), &[&Custom(defaults.clone())])?;
    let tell = |e: &&Entry| Some((e.key.clone(), fields::told(e, defaults.get(&e.key)?, &names)));
    let told = begun.iter().filter_map(tell).collect();
    let required = editable.custom().filter(|e| e.required && e.editable);
    let required = required.filter(|e| !absent(e) || !defaults.contains_key(&e.key)).cloned().collect();
    Ok(OwnFields { required, defaults, told, mapped })
}

/// The chosen tags that are there still.
fn tags(tx: &mut OrgTx, options: &Options) -> Result<Vec<(Uuid, String)>, Stopped> {
    let ids: Vec<TagId> = options.tags.iter().copied().map(TagId).collect();
    let found = if ids.is_empty() { Vec::new() } else { tags::find_many(tx, &ids)? };
    Ok(found.into_iter().map(|tag| (tag.id.0, tag.name)).collect())
}

fn unknown_headings(rows: &Rows<'_>) -> FileProblem {
    if rows.header_row == 0 && rows.format != Format::Vcard {
        return FileProblem::new(1, "it has no line of headings");
    }
    let seen: String = rows.header.iter().take(8).cloned().collect::<Vec<_>>().join(", ").chars().take(200).collect();
    FileProblem::new(rows.header_row, format!("none of its column headings is known here (it begins: {seen})"))
}

/// An id of its own always tells a record, whatever else is looked at: two cannot carry the same.
fn rules(request: &Request, mapping: &Mapping) -> Vec<MatchBy> {
    if request.options.on_match == OnMatch::Create {
        return Vec::new();
    }
    let mut rules = request.options.rules(request.record);
    for (role, rule) in [(Role::ExternalId, MatchBy::ExternalId), (Role::RecordId, MatchBy::Record)] {
        if mapping.has(role) {
            rules.retain(|by| *by != rule);
            rules.insert(0, rule);
        }
    }
    rules
}

/// No time limits, room to sort, and one import at a time in an organisation: two at once could both create what neither finds.
fn prepare(tx: &mut OrgTx, request: &Request) -> Result<(), Stopped> {
    tx.without_time_limit()?;
    request.progress.enter("reading");
    request.progress.begin(tx)?;
    sql_query("SET LOCAL work_mem = '64MB'").execute(tx.conn())?;
    if !request.trial {
        sql_query("SET LOCAL lock_timeout = 0").execute(tx.conn())?;
        sql_query("SELECT pg_advisory_xact_lock(hashtextextended('pipewright imports ' || app.org(), 0))")
            .execute(tx.conn())?;
    }
    Ok(())
}

fn note_errors(tx: &mut OrgTx, import: ImportId) -> Result<(), Stopped> {
    diesel::delete(import_errors::table.filter(import_errors::import_id.eq(import))).execute(tx.conn())?;
    sql_query(ERRORS).bind::<sql_types::Uuid, _>(import).execute(tx.conn())?;
    Ok(())
}

fn note_trial(tx: &mut OrgTx, import: ImportId, checked: &Checked) -> Result<(), Stopped> {
    let checked = serde_json::to_value(checked).map_err(|e| Stopped::Other(anyhow::Error::from(e).into()))?;
    diesel::update(imports::table.filter(imports::id.eq(import)))
        .set((imports::checked.eq(checked), imports::status.eq("draft")))
        .execute(tx.conn())?;
    Ok(())
}

fn note_outcome(
    tx: &mut OrgTx,
    request: &Request,
    rows: &Rows<'_>,
    mapping: &Mapping,
    read: i64,
    (counts, made): (Counts, &Made),
) -> Result<(), Stopped> {
    let preset = presets::recognise(&rows.header, request.record).map(|p| p.name);
    let delimiter = match rows.format {
        Format::Csv => rows.delimiter.unwrap_or(',').to_string(),
        other => other.key().to_owned(),
    };
    diesel::update(imports::table.filter(imports::id.eq(request.import)))
        .set((
            imports::status.eq("done"),
            imports::mapping.eq(json!({ "columns": mapping.pairs(&rows.header), "preset": preset, "made": made })),
            imports::encoding.eq(rows.encoding()),
            imports::delimiter.eq(delimiter),
            imports::rows_read.eq(read),
            (imports::created.eq(counts.created), imports::updated.eq(counts.updated)),
            (imports::skipped.eq(counts.skipped), imports::failed.eq(counts.failed)),
            imports::error.eq(None::<String>),
            imports::file_path.eq(None::<String>),
            imports::finished_at.eq(Utc::now()),
        ))
        .execute(tx.conn())?;
    let number = |n: i64| request.actor.map_or_else(|| n.to_string(), |actor| actor.locale.integer(n));
    let work = Finished {
        key: format!("import:{}:done", request.import),
        what: &format!("Import {}", request.file_name),
        how: &format!("is done: {} added, {} updated", number(counts.created), number(counts.updated)),
        at: format!("/imports/{}", request.import),
    };
    notifications::finished(tx, request.actor.map(|actor| actor.id), &work)?;
    Ok(())
}

/// Search and open tabs learn of it once it is committed.
pub(super) fn announce(tx: &mut OrgTx, import: ImportId, record: RecordType, counts: Counts) -> Result<(), Stopped> {
    if counts.created + counts.updated > 0 {
        let since = diesel::select(diesel::dsl::now.into_sql::<sql_types::Timestamptz>());
        let since: DateTime<Utc> = since.get_result(tx.conn())?;
        search::enqueue_bulk(tx, record, Some(since))?;
        duplicates::written(tx, record, since)?;
        quality::after_import(tx, record, since, counts.updated > 0 || record == RecordType::Lead)?;
        if record != RecordType::Company {
            search::enqueue_bulk(tx, RecordType::Company, Some(since))?;
            quality::after_import(tx, RecordType::Company, since, true)?;
        }
        if record == RecordType::Deal && made_people(tx, import)? {
            search::enqueue_bulk(tx, RecordType::Contact, Some(since))?;
            duplicates::written(tx, RecordType::Contact, since)?;
            quality::after_import(tx, RecordType::Contact, since, true)?;
        }
        live::publish(tx, &LiveMessage::refresh())?;
    }
    Ok(())
}

/// Whether rows of deals named people whom nobody had.
fn made_people(tx: &mut OrgTx, import: ImportId) -> Result<bool, Stopped> {
    let made = import_created::table
        .filter(import_created::import_id.eq(import.0))
        .filter(import_created::record_type.eq(RecordType::Contact.key()));
    Ok(diesel::select(diesel::dsl::exists(made)).get_result(tx.conn())?)
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
