//! Reading what is known of files. The bytes are in the store.

use super::model::{Content, File, Scan};
use crate::{
    db::{OrgTx, Tx, kept},
    error::{AppError, AppResult},
    features::records::Subject,
    files::Kind,
    kernel::{BlobId, FileId},
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};
use uuid::Uuid;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Text)]
    name: String,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    company_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    contact_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    lead_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    deal_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    activity_id: Option<Uuid>,
    #[diesel(sql_type = t::Integer)]
    version: i32,
    #[diesel(sql_type = t::Integer)]
    current: i32,
    #[diesel(sql_type = t::Integer)]
    number: i32,
    #[diesel(sql_type = t::BigInt)]
    versions: i64,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    created_by: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Timestamptz>)]
    deleted_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = t::Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    by: Option<String>,
    #[diesel(sql_type = t::Uuid)]
    blob_id: Uuid,
    #[diesel(sql_type = t::BigInt)]
    size: i64,
    #[diesel(sql_type = t::Text)]
    content_type: String,
    #[diesel(sql_type = t::Text)]
    sha256: String,
    #[diesel(sql_type = t::Text)]
    scan: String,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    scan_found: Option<String>,
    #[diesel(sql_type = t::Bool)]
    thumbnail: bool,
}

impl From<Row> for File {
    fn from(row: Row) -> Self {
        let columns = (row.company_id, row.contact_id, row.lead_id, row.deal_id, row.activity_id);
        File {
            id: FileId(row.id),
            subject: Subject::from_columns(columns),
            version: row.version,
            current: row.current,
            number: row.number,
            versions: row.versions,
            created_by: row.created_by,
            deleted_at: row.deleted_at,
            at: row.at,
            by: row.by,
            content: Content {
                name: row.name.clone(),
                blob: BlobId(row.blob_id),
                size: row.size,
                kind: Kind::of(&row.content_type),
                sha256: row.sha256,
                scan: Scan::parse(&row.scan),
                found: row.scan_found,
                thumbnail: row.thumbnail,
            },
            name: row.name,
        }
    }
}

/// Files `f` with a version `v` each, and its blob `b`.
const SELECT: &str = "
SELECT f.id, f.name, f.company_id, f.contact_id, f.lead_id, f.deal_id, f.activity_id, f.version, f.current, v.number,
  (SELECT count(*) FROM file_versions o WHERE o.org_id = f.org_id AND o.file_id = f.id) AS versions,
  f.created_by, f.deleted_at, v.created_at AS at, m.name AS by, v.blob_id, coalesce(b.size, 0) AS size,
  coalesce(b.content_type, 'application/octet-stream') AS content_type, coalesce(b.sha256, '') AS sha256,
  b.scan, b.scan_found, b.thumbnail
FROM files f
JOIN file_versions v ON v.org_id = f.org_id AND v.file_id = f.id
JOIN file_blobs b ON b.org_id = v.org_id AND b.id = v.blob_id
LEFT JOIN members m ON m.org_id = v.org_id AND m.id = v.created_by";

/// Those of a subject the caller has found visible, the latest first.
pub fn list(tx: &mut OrgTx, subject: Subject, deleted: bool, most: i64) -> AppResult<Vec<File>> {
    let (column, gone) = (subject.key(), if deleted { "NOT NULL" } else { "NULL" });
    let sql = format!(
        "{SELECT} WHERE f.{column}_id = $1 AND f.deleted_at IS {gone} AND v.number = f.current \
         ORDER BY f.created_at DESC, f.id DESC LIMIT $2"
    );
    let query = diesel::sql_query(sql).bind::<t::Uuid, _>(subject.id()).bind::<t::BigInt, _>(most);
    Ok(kept(query).load::<Row>(tx.conn())?.into_iter().map(File::from).collect())
}

/// How many a subject has.
pub(super) fn count(tx: &mut OrgTx, subject: Subject) -> AppResult<i64> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = t::BigInt)]
        count: i64,
    }
    let sql = format!("SELECT count(*) AS count FROM files WHERE {}_id = $1 AND deleted_at IS NULL", subject.key());
    let row: Count = diesel::sql_query(sql).bind::<t::Uuid, _>(subject.id()).get_result(tx.conn())?;
    Ok(row.count)
}

/// One that the actor may see, in the version of that number or the current one. Deleted ones too.
pub(super) fn find_any(tx: &mut OrgTx, actor: &Actor, id: FileId, number: Option<i32>) -> AppResult<File> {
    let file = of_id(tx, id, number)?;
    match file.subject {
        Some(subject) => subject.visible(tx, actor).map(drop)?,
        None if file.created_by == Some(actor.id.0) => {}
        None => return Err(AppError::NotFound),
    }
    Ok(file)
}

/// [`find_any`], without those that were deleted.
pub(super) fn find(tx: &mut OrgTx, actor: &Actor, id: FileId, number: Option<i32>) -> AppResult<File> {
    let file = find_any(tx, actor, id, number)?;
    if file.deleted_at.is_some() { Err(AppError::NotFound) } else { Ok(file) }
}

/// Whoever may see it.
pub(super) fn of_id(tx: &mut OrgTx, id: FileId, number: Option<i32>) -> AppResult<File> {
    let sql = format!("{SELECT} WHERE f.id = $1 AND v.number = coalesce($2, f.current)");
    let query = diesel::sql_query(sql).bind::<t::Uuid, _>(id.0).bind::<t::Nullable<t::Integer>, _>(number);
    Ok(kept(query).get_result::<Row>(tx.conn())?.into())
}

/// Every version, the latest first.
pub(super) fn versions(tx: &mut OrgTx, id: FileId) -> AppResult<Vec<File>> {
    let sql = format!("{SELECT} WHERE f.id = $1 ORDER BY v.number DESC LIMIT 200");
    Ok(diesel::sql_query(sql).bind::<t::Uuid, _>(id.0).load::<Row>(tx.conn())?.into_iter().map(File::from).collect())
}

/// What a file is now and where its bytes are, for features that keep its id. Whether anybody may have them, see
/// [`Content::is_given_out`].
pub fn read(tx: &mut OrgTx, id: FileId) -> AppResult<Content> {
    of_id(tx, id, None).map(|file| file.content)
}
