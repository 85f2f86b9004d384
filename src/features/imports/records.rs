//! The records an import created, changed, or that its undo left, a page at a time.

use super::{
    pages,
    queries::{self, Import},
    undo::MERGED,
};
use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::records::name_sql,
    kernel::{ImportId, RecordType},
    web::{Actor, Page, Shell, reply},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};
use askama::Template;
use diesel::{prelude::*, sql_query, sql_types};
use serde::Deserialize;
use uuid::Uuid;

const PAGE: i64 = 100;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Created,
    /// Companies that rows named.
    Companies,
    Updated,
    Left,
}

impl Kind {
    fn parse(key: &str) -> Option<Self> {
        [("created", Self::Created), ("companies", Self::Companies), ("updated", Self::Updated), ("left", Self::Left)]
            .into_iter()
            .find(|(k, _)| *k == key)
            .map(|(_, kind)| kind)
    }

    fn title(self) -> &'static str {
        match self {
            Kind::Created => "Created",
            Kind::Companies => "Companies created for them",
            Kind::Updated => "Updated",
            Kind::Left => "Left by the undo",
        }
    }
}

struct Line {
    name: String,
    href: Option<String>,
    note: String,
}

#[derive(Template)]
#[template(path = "imports/records.html")]
struct ListPage {
    shell: Shell,
    id: String,
    file_name: String,
    title: &'static str,
    lines: Vec<Line>,
    next: Option<String>,
}

#[derive(Deserialize)]
pub struct From {
    after: Option<String>,
}

pub async fn list(
    page: Page,
    db: Data<Db>,
    path: Path<(ImportId, String)>,
    from: Query<From>,
) -> AppResult<HttpResponse> {
    let (id, kind) = path.into_inner();
    let kind = Kind::parse(&kind).ok_or(AppError::NotFound)?;
    let scope = pages::scope(&page)?;
    let (actor, after) = (page.actor.clone(), from.into_inner().after);
    let (import, lines, next) = db
        .org(&page, move |tx| {
            let import = queries::find(tx, id, &scope)?;
            let (lines, next) = load(tx, &actor, &import, kind, after.as_deref())?;
            Ok((import, lines, next))
        })
        .await?;
    let view = ListPage {
        shell: page.shell("imports"),
        id: id.to_string(),
        file_name: import.file_name,
        title: kind.title(),
        lines,
        next: next.map(|after| format!("?after={after}")),
    };
    reply::page(&page.req, &view)
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    name: String,
    #[diesel(sql_type = sql_types::Bool)]
    gone: bool,
    #[diesel(sql_type = sql_types::Bool)]
    merged: bool,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    owner_id: Option<Uuid>,
}

/// Ids of one page, each with its record type and a note, and where the next begins.
type Ids = (Vec<(String, Uuid, String)>, Option<String>);

fn load(
    tx: &mut OrgTx,
    actor: &Actor,
    import: &Import,
    kind: Kind,
    after: Option<&str>,
) -> AppResult<(Vec<Line>, Option<String>)> {
    let (ids, next) = match kind {
        Kind::Created | Kind::Companies => created(tx, import, kind, after)?,
        Kind::Updated => changed(tx, import, "import_changes", "''", after)?,
        Kind::Left => changed(tx, import, "import_left", "reason", after)?,
    };
    let mut lines = Vec::new();
    for record in RecordType::ALL {
        let these: Vec<Uuid> = ids.iter().filter(|(r, ..)| r == record.key()).map(|(_, id, _)| *id).collect();
        if these.is_empty() {
            continue;
        }
        let sql = format!(
            "SELECT id, {} AS name, deleted_at IS NOT NULL AS gone, owner_id, EXISTS (SELECT FROM merges g WHERE g.org_id = c.org_id \
               AND g.record_type = '{}' AND g.merged_id = c.id AND g.undone_at IS NULL) AS merged \
             FROM {} c WHERE id = ANY ($1) ORDER BY name_key, id",
            name_sql(record),
            record.key(),
            record.noun()
        );
        let rows: Vec<Row> = sql_query(sql).bind::<sql_types::Array<sql_types::Uuid>, _>(these).load(tx.conn())?;
        lines.extend(rows.into_iter().filter(|row| actor.sees(row.owner_id)).map(|row| {
            let note = ids.iter().find(|(_, id, _)| *id == row.id).map_or("", |(_, _, note)| note.as_str());
            let gone = if row.merged { MERGED } else { "in the bin" };
            Line {
                href: (!row.gone).then(|| format!("/{}/{}", record.noun(), row.id)),
                name: row.name,
                note: if row.gone && note.is_empty() { gone.into() } else { note.to_owned() },
            }
        }));
    }
    Ok((lines, next))
}

/// One chunk of new records after that one: a hundred lines of the file at most.
fn created(tx: &mut OrgTx, import: &Import, kind: Kind, after: Option<&str>) -> AppResult<Ids> {
    #[derive(QueryableByName)]
    struct Chunk {
        #[diesel(sql_type = sql_types::BigInt)]
        chunk: i64,
        #[diesel(sql_type = sql_types::Text)]
        record_type: String,
        #[diesel(sql_type = sql_types::Array<sql_types::Uuid>)]
        ids: Vec<Uuid>,
    }
    let related = kind == Kind::Companies;
    let (first, last) = if related { (i64::MIN, -1) } else { (-1, i64::MAX) };
    let after = after.and_then(|a| a.parse().ok()).unwrap_or(first);
    let record = if related { RecordType::Company.key() } else { import.record_type.as_str() };
    let sql = "SELECT chunk, record_type, ids FROM import_created WHERE import_id = $1 AND record_type = $2 \
         AND chunk > $3 AND chunk <= $4 ORDER BY chunk LIMIT 2";
    let mut chunks: Vec<Chunk> = sql_query(sql)
        .bind::<sql_types::Uuid, _>(import.id)
        .bind::<sql_types::Text, _>(record)
        .bind::<sql_types::BigInt, _>(after)
        .bind::<sql_types::BigInt, _>(last)
        .load(tx.conn())?;
    let more = chunks.len() > 1;
    chunks.truncate(1);
    let Some(chunk) = chunks.pop() else { return Ok((Vec::new(), None)) };
    let next = more.then(|| chunk.chunk.to_string());
    Ok((chunk.ids.into_iter().map(|id| (chunk.record_type.clone(), id, String::new())).collect(), next))
}

fn changed(tx: &mut OrgTx, import: &Import, table: &str, note: &str, after: Option<&str>) -> AppResult<Ids> {
    #[derive(QueryableByName)]
    struct Change {
        #[diesel(sql_type = sql_types::Text)]
        record_type: String,
        #[diesel(sql_type = sql_types::Uuid)]
        record_id: Uuid,
        #[diesel(sql_type = sql_types::Text)]
        note: String,
    }
    let (record, id) = after.and_then(|a| a.split_once('.')).unwrap_or(("", ""));
    let sql = format!(
        "SELECT record_type, record_id, {note} AS note FROM {table} WHERE import_id = $1 AND (record_type, record_id) > ($2, $3) \
         ORDER BY record_type, record_id LIMIT {}",
        PAGE + 1
    );
    let mut rows: Vec<Change> = sql_query(sql)
        .bind::<sql_types::Uuid, _>(import.id)
        .bind::<sql_types::Text, _>(record)
        .bind::<sql_types::Uuid, _>(id.parse().unwrap_or(Uuid::nil()))
        .load(tx.conn())?;
    let more = i64::try_from(rows.len()).is_ok_and(|n| n > PAGE);
    rows.truncate(PAGE as usize);
    let next = rows.last().filter(|_| more).map(|row| format!("{}.{}", row.record_type, row.record_id));
    Ok((rows.into_iter().map(|row| (row.record_type, row.record_id, row.note)).collect(), next))
}
