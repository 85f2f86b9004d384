//! What is done with bytes once they are there: a scanner looks at them, pictures get a small one beside them, and what nobody names
//! any more goes. Each is safe to run twice.

use super::{commands, model::Scan};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    events,
    features::{
        accounts::picture,
        bin,
        notifications::{self, Notice, To},
        records::Subject,
    },
    files::{
        Files, Kind, Part,
        clamd::{self, Verdict},
    },
    jobs::{Job, JobContext, JobOutcome, enqueue as queue},
    kernel::{BlobId, MemberId, OrgId},
    live::{self, LiveMessage},
    schema::{file_blobs, file_versions, files},
};
use anyhow::{Context as _, anyhow};
use diesel::{prelude::*, sql_types as t};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

pub(super) const SCAN: &str = "files.scan";
pub(super) const PICTURE: &str = "files.picture";
pub(super) const CLEAN_UP: &str = "files.clean_up";
/// A scanner may be away for days; somebody looks at what is dead before that.
const ATTEMPTS: i32 = 40;
/// Larger pictures stay without a small one.
const PICTURE_BYTES: usize = 30 << 20;
/// Twice the size it is shown at.
const SIDE: u32 = 480;
/// Blobs, or files, that go in one transaction.
const PIECE: i64 = 50;

#[derive(Serialize, Deserialize)]
struct Payload {
    blob: BlobId,
}

pub(super) fn enqueue(tx: &mut OrgTx, kind: &'static str, blob: BlobId) -> AppResult<()> {
    queue(tx, Job::new(kind, &Payload { blob })?.key(format!("{kind}:{blob}")).max_attempts(ATTEMPTS))
}

struct Blob {
    id: BlobId,
    scan: Scan,
    kind: Kind,
}

/// `None` when it is gone, or was never finished.
fn blob(ctx: &JobContext, payload: &Value) -> anyhow::Result<Option<(OrgId, Blob)>> {
    let Payload { blob: id } = serde_json::from_value(payload.clone())?;
    let Some(org) = ctx.org else { return Ok(None) };
    type Row = (String, Option<String>);
    let row: Option<Row> = ctx.db.org_now(&org, |tx| {
        let rows = file_blobs::table.filter(file_blobs::id.eq(id)).filter(file_blobs::size.is_not_null());
        Ok(rows.select((file_blobs::scan, file_blobs::content_type)).first(tx.conn()).optional()?)
    })?;
    Ok(row.map(|(scan, kind)| (org, Blob { id, scan: Scan::parse(&scan), kind: Kind::of(&kind.unwrap_or_default()) })))
}

/// Shows a file to the scanner. One that cannot be reached is asked again later.
pub(super) fn scan(ctx: &JobContext, payload: &Value) -> anyhow::Result<JobOutcome> {
    let Some((org, blob)) = blob(ctx, payload)?.filter(|(_, blob)| blob.scan == Scan::Waiting) else {
        return Ok(JobOutcome::Done);
    };
    let clamd = ctx.config.clamd.as_ref().context("files wait for a virus scanner, and CLAMD_ADDRESS names none")?;
    let mut scan = clamd::Scan::begin(clamd)?;
    ctx.files.read_now(org, blob.id, |piece| scan.piece(piece))?;
    let verdict = scan.end()?;
    ctx.db.org_now(&org, |tx| judge(tx, &blob, &verdict)).map_err(|error| anyhow!("{error}"))?;
    Ok(JobOutcome::Done)
}

fn judge(tx: &mut OrgTx, blob: &Blob, verdict: &Verdict) -> AppResult<()> {
    let (scan, found) = match verdict {
        Verdict::Clean => (Scan::Clean, None),
        Verdict::Infected(name) => (Scan::Infected, Some(name.clone())),
    };
    let judged = diesel::update(file_blobs::table.filter(file_blobs::id.eq(blob.id)))
        .filter(file_blobs::scan.eq("waiting"))
        .set((file_blobs::scan.eq(scan.key()), file_blobs::scan_found.eq(&found)))
        .execute(tx.conn())?;
    if judged == 0 {
        return Ok(());
    }
    if found.is_none() && blob.kind.is_picture() {
        enqueue(tx, PICTURE, blob.id)?;
    }
    tell(tx, blob.id, found.as_deref())
}

/// Open pages learn of it; of something infected, the history too, and whoever sent it up.
fn tell(tx: &mut OrgTx, blob: BlobId, found: Option<&str>) -> AppResult<()> {
    type Row = (Uuid, String, Option<Uuid>, (Option<Uuid>, Option<Uuid>, Option<Uuid>, Option<Uuid>, Option<Uuid>));
    let row: Option<Row> = files::table
        .inner_join(file_versions::table.on(file_versions::file_id.eq(files::id)))
        .filter(file_versions::blob_id.eq(blob))
        .select((
            files::id,
            files::name,
            file_versions::created_by,
            (files::company_id, files::contact_id, files::lead_id, files::deal_id, files::activity_id),
        ))
        .first(tx.conn())
        .optional()?;
    let Some((id, name, sender, columns)) = row else { return Ok(()) };
    let subject = Subject::from_columns(columns);
    if let (Some(found), Some(sender)) = (found, sender) {
        let mut notice = Notice::new(notifications::Kind::Quarantined)
            .once(format!("quarantined:{blob}"))
            .at(&format!("/files/{id}"));
        notice = notice.param("file", &name).param("found", &found);
        if let Some(subject) = subject {
            notice = notice.about(subject);
        }
        notifications::tell(tx, &notice, To::people([MemberId(sender)]))?;
    }
    let Some(subject) = subject else { return Ok(()) };
    match found {
        None => live::publish(tx, &LiveMessage::record(subject.key(), subject.id())),
        Some(found) => {
            let title = format!("{name} is in quarantine: the virus scanner found {found}");
            events::record(tx, subject.event("file.quarantined").data(json!({ "title": title, "file_id": id })))
        }
    }
}

/// Puts a small picture beside a picture. One that cannot be read stays without.
pub(super) fn picture(ctx: &JobContext, payload: &Value) -> anyhow::Result<JobOutcome> {
    let Some((org, blob)) = blob(ctx, payload)? else { return Ok(JobOutcome::Done) };
    if !blob.kind.is_picture() || matches!(blob.scan, Scan::Waiting | Scan::Infected) {
        return Ok(JobOutcome::Done);
    }
    let Ok(bytes) = ctx.files.bytes_now(org, blob.id, PICTURE_BYTES) else {
        // Too large, or not there: the first would fail for ever, and of the second only the store can say.
        return if ctx.attempt > 3 { Ok(JobOutcome::Done) } else { Err(anyhow!("the picture cannot be read")) };
    };
    let Ok(small) = picture::fitted(&bytes, SIDE) else { return Ok(JobOutcome::Done) };
    ctx.files.write_now(org, blob.id, Part::Thumbnail, small.bytes)?;
    ctx.db.org_now(&org, |tx| {
        diesel::update(file_blobs::table.filter(file_blobs::id.eq(blob.id)))
            .set(file_blobs::thumbnail.eq(true))
            .execute(tx.conn())?;
        tell(tx, blob.id, None)
    })?;
    Ok(JobOutcome::Done)
}

/// Every organisation with files is cleaned up once a day. One of the sweeps.
pub const SWEEP: &str = "
WITH due AS (
  INSERT INTO jobs (org_id, kind, key)
  SELECT org_id, 'files.clean_up', 'files.clean_up' FROM file_use WHERE coalesce(swept_at, '-infinity') < now() - interval '1 day'
  ON CONFLICT DO NOTHING RETURNING 1)
SELECT pg_notify('pipewright_jobs', '') FROM due LIMIT 1";

pub(super) fn clean_up(ctx: &JobContext, _: &Value) -> anyhow::Result<JobOutcome> {
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    while ctx.db.org_now(&org, leave_bin)? > 0 {}
    while ctx.db.org_now(&org, |tx| remove_unnamed(tx, &ctx.files))? > 0 {}
    ctx.db.org_now(&org, |tx| {
        ask_again(tx)?;
        commands::room(tx, true)?;
        // What was counted in passing is counted from the start.
        diesel::sql_query(
            "UPDATE file_use SET swept_at = now(), used_bytes = (SELECT coalesce(sum(size), 0) FROM file_blobs)",
        )
        .execute(tx.conn())?;
        Ok(())
    })?;
    Ok(JobOutcome::Done)
}

/// Files that were deleted long enough ago.
fn leave_bin(tx: &mut OrgTx) -> AppResult<usize> {
    let days = bin::keep_days(tx)?;
    Ok(diesel::sql_query(
        "DELETE FROM files WHERE id IN (SELECT id FROM files WHERE deleted_at < now() - make_interval(days => $1::int) LIMIT $2)",
    )
    .bind::<t::BigInt, _>(days)
    .bind::<t::BigInt, _>(PIECE)
    .execute(tx.conn())?)
}

/// Bytes that no version names, a day after their key was handed out: uploads that broke off, versions of files that are gone. The
/// bytes go first, then the row: whoever dies in between finds the row again. The row is held, so nobody names it meanwhile.
fn remove_unnamed(tx: &mut OrgTx, store: &Files) -> AppResult<usize> {
    #[derive(QueryableByName)]
    struct Gone {
        #[diesel(sql_type = t::Uuid)]
        id: Uuid,
    }
    let gone: Vec<Gone> = diesel::sql_query(
        "SELECT b.id FROM file_blobs b WHERE b.created_at < now() - interval '1 day'
           AND NOT EXISTS (SELECT 1 FROM file_versions v WHERE v.org_id = b.org_id AND v.blob_id = b.id)
         ORDER BY b.created_at LIMIT $1 FOR UPDATE OF b SKIP LOCKED",
    )
    .bind::<t::BigInt, _>(PIECE)
    .load(tx.conn())?;
    let org = tx.org_id();
    for blob in &gone {
        store.remove_now(org, BlobId(blob.id))?;
    }
    let ids: Vec<Uuid> = gone.iter().map(|blob| blob.id).collect();
    diesel::delete(file_blobs::table.filter(file_blobs::id.eq_any(&ids))).execute(tx.conn())?;
    Ok(ids.len())
}

/// Files that wait for the scanner though nobody will ask it: their jobs died.
fn ask_again(tx: &mut OrgTx) -> AppResult<()> {
    let waiting: Vec<BlobId> =
        file_blobs::table.filter(file_blobs::scan.eq("waiting")).select(file_blobs::id).limit(1_000).load(tx.conn())?;
    for blob in waiting {
        enqueue(tx, SCAN, blob)?;
    }
    Ok(())
}
