//! What is in the bin: a page of it, how much there is, and what is due to leave.

use crate::{
    db::{
        OrgTx, Tx, kept,
        paging::{self, PAGE, Page as Rows},
    },
    error::AppResult,
    features::records::name_sql,
    kernel::RecordType,
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// Beyond it, counts say "more than".
const COUNTED: i64 = 10_000;

type Owners = sql_types::Nullable<sql_types::Array<sql_types::Uuid>>;

/// Over a record `r`: it was deleted, by itself and not by a merge, and `$1` are the owners whose records the reader sees.
fn in_bin(record: RecordType) -> String {
    format!(
        "r.deleted_at IS NOT NULL AND ($1 IS NULL OR r.owner_id = ANY ($1)) AND NOT EXISTS (SELECT FROM merges g \
         WHERE g.merged_id = r.id AND g.record_type = '{}' AND g.undone_at IS NULL)",
        record.key()
    )
}

/// A deleted record.
#[derive(QueryableByName, Clone, Debug)]
pub(super) struct Deleted {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub owner: Option<String>,
    #[diesel(sql_type = sql_types::Timestamptz)]
    pub deleted_at: DateTime<Utc>,
    /// `None`: the program, or nobody who is known.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub by: Option<String>,
    /// What did it, when that was no click on the record's page: an operation's title, an import's file.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub means: Option<String>,
}

/// A page of the bin, the latest first.
pub(super) fn page(tx: &mut OrgTx, actor: &Actor, record: RecordType, after: Option<&str>) -> AppResult<Rows<Deleted>> {
    let after: Option<(DateTime<Utc>, Uuid)> = after.map(paging::decode).transpose()?;
    let (table, key) = (record.noun(), record.key());
    let sql = format!(
        "SELECT t.id, t.name, o.name AS owner, t.deleted_at, m.name AS by, \
           coalesce(op.title, 'Undo of the import of ' || i.file_name) AS means \
         FROM (SELECT r.org_id, r.id, {} AS name, r.owner_id, r.deleted_at FROM {table} r \
           WHERE {} AND ($2 IS NULL OR (r.deleted_at, r.id) < ($2, $3)) ORDER BY r.deleted_at DESC, r.id DESC LIMIT $4) t \
         LEFT JOIN LATERAL (SELECT e.actor_id, e.data FROM events e WHERE e.org_id = t.org_id AND e.record_id = t.id \
           AND e.record_type = '{key}' AND e.kind = '{key}.deleted' ORDER BY e.at DESC LIMIT 1) d ON true \
         LEFT JOIN members m ON m.org_id = t.org_id AND m.id = d.actor_id \
         LEFT JOIN members o ON o.org_id = t.org_id AND o.id = t.owner_id \
         LEFT JOIN operations op ON op.org_id = t.org_id AND op.id = app.as_uuid(d.data->>'operation_id') \
         LEFT JOIN imports i ON i.org_id = t.org_id AND i.id = app.as_uuid(d.data->>'import_id') \
         ORDER BY t.deleted_at DESC, t.id DESC",
        name_sql(record),
        in_bin(record)
    );
    let query = diesel::sql_query(sql)
        .bind::<Owners, _>(actor.visible_owners())
        .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>(after.map(|a| a.0))
        .bind::<sql_types::Uuid, _>(after.map_or(Uuid::nil(), |a| a.1))
        .bind::<sql_types::BigInt, _>(PAGE + 1);
    let rows: Vec<Deleted> = kept(query).load(tx.conn())?;
    Ok(Rows::new(rows, PAGE, |row| (row.deleted_at, row.id)))
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    n: i64,
}

/// "1,204", or "10,000+".
pub(super) fn count(tx: &mut OrgTx, actor: &Actor, record: RecordType) -> AppResult<(i64, String)> {
    let sql = format!(
        "SELECT count(*) AS n FROM (SELECT FROM {} r WHERE {} LIMIT {}) t",
        record.noun(),
        in_bin(record),
        COUNTED + 1
    );
    let Count { n } = kept(diesel::sql_query(sql).bind::<Owners, _>(actor.visible_owners())).get_result(tx.conn())?;
    let shown = actor.locale.integer(n.min(COUNTED));
    Ok((n, if n > COUNTED { format!("{shown}+") } else { shown }))
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

/// Of these records, those that are in the bin and that the actor sees.
pub(super) fn among(tx: &mut OrgTx, actor: &Actor, record: RecordType, ids: &[Uuid]) -> AppResult<Vec<Uuid>> {
    let sql =
        format!("SELECT r.id FROM {} r WHERE {} AND r.id = ANY ($2) ORDER BY r.id", record.noun(), in_bin(record));
    let rows: Vec<Id> = diesel::sql_query(sql)
        .bind::<Owners, _>(actor.visible_owners())
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// The next of those that were deleted up to that moment; `owners`: whose records, `None` for everybody's.
pub fn due(
    tx: &mut OrgTx,
    owners: Option<Vec<Uuid>>,
    record: RecordType,
    until: DateTime<Utc>,
    most: usize,
) -> AppResult<Vec<Uuid>> {
    let sql = format!(
        "SELECT r.id FROM {} r WHERE {} AND r.deleted_at <= $2 ORDER BY r.deleted_at DESC, r.id DESC LIMIT $3",
        record.noun(),
        in_bin(record)
    );
    let rows: Vec<Id> = diesel::sql_query(sql)
        .bind::<Owners, _>(owners)
        .bind::<sql_types::Timestamptz, _>(until)
        .bind::<sql_types::BigInt, _>(i64::try_from(most).unwrap_or(i64::MAX))
        .load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// How many days a record stays in the bin.
pub fn keep_days(tx: &mut OrgTx) -> AppResult<i64> {
    use crate::schema::retention_settings::dsl;
    let days: Option<i16> = dsl::retention_settings.select(dsl::bin_days).first(tx.conn()).optional()?;
    Ok(days.unwrap_or(30).into())
}
