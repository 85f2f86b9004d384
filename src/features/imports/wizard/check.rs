//! Step "Check": the trial under way or what it found, before anything is written; from here the import is started.

use super::{Head, import, new_fields};
use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        imports::{
            apply::{Alike, Trial},
            bar::Bar,
            commands,
            mapping::Headings,
            pages::ErrorLine,
            progress,
            queries::{self, Import, RowError, SHOWN},
            words,
        },
        records::{display, name_sql},
    },
    kernel::RecordType,
    web::{Page, Shell, flash::Flash, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use diesel::{prelude::*, sql_query, sql_types};
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// A record before and after.
struct Diff {
    name: String,
    href: Option<String>,
    line: String,
    fields: Vec<Field>,
}

struct Field {
    label: String,
    before: String,
    after: String,
}

struct Count {
    label: String,
    count: String,
}

struct AlikeLine {
    line: String,
    name: String,
    href: String,
    why: String,
}

struct Outcome {
    rows: String,
    created: String,
    updated: String,
    skipped: String,
    failed: String,
    nothing: bool,
    fields: Vec<Count>,
    changed: Vec<Diff>,
    new: Vec<Diff>,
    companies: String,
    unlinked: String,
    made: Vec<String>,
    /// New rows that look like a record which is there already: how many, and some of them.
    alike: String,
    similar: Vec<AlikeLine>,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "imports/check.html", blocks = ["trial"])]
struct CheckPage {
    shell: Shell,
    head: Head,
    open: bool,
    bar: Option<Bar>,
    outcome: Option<Outcome>,
    errors: Vec<ErrorLine>,
    more_errors: bool,
}

pub async fn show(page: Page, db: Data<Db>, path: Path<String>) -> AppResult<HttpResponse> {
    let import = import(&page, &db, &path).await?;
    let record = import.record().ok_or(AppError::NotFound)?;
    let open = import.status == "checking";
    if !open && !import.is_draft() {
        return Ok(reply::redirect(&page.req, &format!("/imports/{}", import.id), None));
    }
    let (found, actor, names) =
        (import.clone(), page.actor.clone(), import.checked().map(|c| c.found).unwrap_or_default());
    let (figures, errors, names, headings) = db
        .org(&page, move |tx| {
            let names = names_of(tx, record, &names)?;
            let headings = Headings::load(tx, Some(&actor), record)?;
            Ok((progress::figures(tx, found.id)?, queries::first_errors(tx, found.id)?, names, headings))
        })
        .await?;
    let bar = figures.filter(|_| open).map(|f| Bar::of(&page.actor, &f, None));
    let view = CheckPage {
        shell: page.shell("imports"),
        head: Head::of(&import, "check"),
        open,
        bar,
        outcome: if open { None } else { outcome(&page, &import, &headings, record, &names) },
        more_errors: i64::try_from(errors.len()).is_ok_and(|n| n >= SHOWN),
        errors: errors.into_iter().map(|e: RowError| ErrorLine::of(&page.actor, e)).collect(),
    };
    reply::either(&page.req, StatusCode::OK, &view, &view.as_trial())
}

/// What records are called, by id.
fn names_of(tx: &mut OrgTx, record: RecordType, found: &Trial) -> AppResult<HashMap<Uuid, String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Uuid)]
        id: Uuid,
        #[diesel(sql_type = sql_types::Text)]
        name: String,
    }
    let ids: Vec<Uuid> = found.changed.iter().map(|c| c.id).collect();
    let sql = format!("SELECT id, {} AS name FROM {} WHERE id = ANY ($1)", name_sql(record), record.noun());
    let rows: Vec<Row> = sql_query(sql).bind::<sql_types::Array<sql_types::Uuid>, _>(ids).load(tx.conn())?;
    Ok(rows.into_iter().map(|r| (r.id, r.name)).collect())
}

fn outcome(
    page: &Page,
    import: &Import,
    headings: &Headings,
    record: RecordType,
    names: &HashMap<Uuid, String>,
) -> Option<Outcome> {
    let checked = import.checked()?;
    let number = |n: i64| page.actor.locale.integer(n);
    let some = |n: i64| if n == 0 { String::new() } else { number(n) };
    let (counts, found) = (checked.counts, checked.found);
    let label = |key: &str| label(headings, record, key);
    let changed = found.changed.iter().map(|c| Diff {
        name: names.get(&c.id).cloned().unwrap_or_default(),
        href: Some(format!("/{}/{}", record.noun(), c.id)),
        line: c.line.to_string(),
        fields: fields(page, headings, record, &c.changes),
    });
    let new = found.new.iter().map(|n| Diff {
        name: new_name(&n.changes),
        href: None,
        line: n.line.to_string(),
        fields: fields(page, headings, record, &n.changes),
    });
    Some(Outcome {
        rows: number(checked.rows),
        created: number(counts.created),
        updated: number(counts.updated),
        skipped: number(counts.skipped),
        failed: number(counts.failed),
        nothing: counts.created + counts.updated == 0,
        fields: found.fields.iter().map(|(key, n)| Count { label: label(key), count: number(*n) }).collect(),
        changed: changed.collect(),
        new: new.collect(),
        companies: some(found.companies),
        unlinked: some(found.unlinked),
        made: found.made,
        alike: some(found.alike_rows),
        similar: found.alike.into_iter().map(|one| AlikeLine::of(record, one)).collect(),
        problem: checked.error,
    })
}

impl AlikeLine {
    fn of(record: RecordType, one: Alike) -> Self {
        let href = format!("/{}/{}", record.noun(), one.id);
        Self { line: one.line.to_string(), name: one.name, href, why: one.why }
    }
}

fn label(headings: &Headings, record: RecordType, key: &str) -> String {
    let named = headings.label(key).or_else(|| record.field(key).map(|f| f.label));
    named.map_or_else(|| key.replace('_', " "), str::to_owned)
}

fn fields(page: &Page, headings: &Headings, record: RecordType, changes: &Value) -> Vec<Field> {
    let changes = changes.as_object().into_iter().flatten();
    let field = |(key, pair): (&String, &Value)| Field {
        label: label(headings, record, key),
        before: shown(page, headings, record, key, pair.get(0)),
        after: shown(page, headings, record, key, pair.get(1)),
    };
    changes.map(field).collect()
}

fn shown(page: &Page, headings: &Headings, record: RecordType, key: &str, value: Option<&Value>) -> String {
    let value = value.unwrap_or(&Value::Null);
    let text = match headings.entry(key) {
        Some(entry) => display::json(Some(entry), value, &page.actor, None),
        None => display::json(record.field(key), value, &page.actor, None),
    };
    words::cut(&text, 120)
}

fn new_name(changes: &Value) -> String {
    let text = |key: &str| changes.get(key).and_then(|pair| pair.get(1)).and_then(Value::as_str);
    let person = [text("first_name"), text("last_name")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    text("name")
        .map(str::to_owned)
        .or((!person.is_empty()).then_some(person))
        .or(text("email").map(str::to_owned))
        .unwrap_or_default()
}

/// `POST /imports/{id}/check`: tries it (again).
pub async fn start(page: Page, db: Data<Db>, path: Path<String>) -> AppResult<HttpResponse> {
    let import = import(&page, &db, &path).await?;
    let id = import.id;
    db.org(&page, move |tx| commands::try_out(tx, id)).await?;
    Ok(reply::redirect(&page.req, &format!("/imports/{id}/check"), None))
}

/// `POST /imports/{id}/start`
pub async fn import_now(page: Page, db: Data<Db>, path: Path<String>) -> AppResult<HttpResponse> {
    let import = import(&page, &db, &path).await?;
    let id = import.id;
    db.org(&page, move |tx| commands::start_draft(tx, id)).await?;
    Ok(reply::redirect(&page.req, &format!("/imports/{id}"), None))
}

/// `POST /imports/{id}/cancellation`: of a trial or of an import.
pub async fn cancel(page: Page, db: Data<Db>, path: Path<String>) -> AppResult<HttpResponse> {
    let import = import(&page, &db, &path).await?;
    let id = import.id;
    db.org(&page, move |tx| commands::cancel(tx, id)).await?;
    Ok(reply::redirect(&page.req, &format!("/imports/{id}"), None))
}

/// `POST /imports/{id}/removal`: the draft and its file.
pub async fn discard(
    page: Page,
    db: Data<Db>,
    config: Data<crate::config::Config>,
    path: Path<String>,
) -> AppResult<HttpResponse> {
    let import = import(&page, &db, &path).await?;
    let (file, made) = db
        .org(&page, move |tx| {
            let made = new_fields::made(tx, &import)?;
            Ok((commands::discard(tx, import.id)?, made))
        })
        .await?;
    if let Some(file) = file
        && let Err(error) = std::fs::remove_file(commands::uploads(&config).join(file))
    {
        tracing::warn!(%error, "the file of a discarded import cannot be removed");
    }
    let told =
        (!made.is_empty()).then(|| Flash::success(format!("Discarded. Fields made for it stay: {}", made.join(", "))));
    Ok(reply::redirect(&page.req, "/imports", told))
}
