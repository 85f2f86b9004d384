//! Files that go along with a mail: those of the records it is about, and those sent up for it, which are the mail's own. Their bytes
//! are kept by `features::files`.

use super::{merge::Subject, writing::Written};
use crate::{
    config::Config,
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        files::{self, Content, Scan},
        records,
    },
    files::Files,
    jobs::JobContext,
    kernel::{FileId, MessageId, RecordType},
    mailer::Attachment,
    schema::{files as kept_files, mail_attachments},
    web::{Actor, Allow, Page, permission::mails::Send, reply},
};
use actix_multipart::Multipart;
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use diesel::prelude::*;
use futures_util::TryStreamExt;

/// Files of one mail, and their bytes together: more than that many servers refuse.
const MOST: usize = 20;
const BYTES: i64 = 20 << 20;
/// Files of a record that are offered.
const OFFERED: i64 = 30;

/// A file that may go along.
#[derive(Clone, Debug)]
pub struct Offered {
    pub id: FileId,
    pub content: Content,
    pub ticked: bool,
}

impl Offered {
    pub fn size(&self) -> String {
        size_words(self.content.size)
    }
}

fn size_words(bytes: i64) -> String {
    match bytes {
        ..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// The files of the records a mail is about that the actor sees, and of those ticked the actor's own.
pub fn offered(tx: &mut OrgTx, actor: &Actor, about: &Subject, ticked: &[FileId]) -> AppResult<Vec<Offered>> {
    let mut all: Vec<Offered> = Vec::new();
    for record in [RecordType::Deal, RecordType::Contact, RecordType::Lead, RecordType::Company] {
        let Some(id) = about.get(record) else { continue };
        match records::visible(tx, actor, record, id) {
            Ok(_) => {}
            Err(AppError::NotFound | AppError::Forbidden(_)) => continue,
            Err(other) => return Err(other),
        }
        for file in files::list(tx, records::Subject::Record(record, id), false, OFFERED)? {
            all.push(Offered { id: file.id, ticked: ticked.contains(&file.id), content: file.content });
        }
    }
    for id in own(tx, actor, ticked)? {
        if !all.iter().any(|file| file.id == id) {
            all.push(Offered { id, content: files::read(tx, id)?, ticked: true });
        }
    }
    Ok(all)
}

/// Those of these files that stand under no record and came from this person: sent up for a mail.
fn own(tx: &mut OrgTx, actor: &Actor, ids: &[FileId]) -> AppResult<Vec<FileId>> {
    Ok(kept_files::table
        .filter(kept_files::id.eq_any(ids))
        .filter(kept_files::created_by.eq(actor.id.0))
        .filter(kept_files::deleted_at.is_null())
        .filter(kept_files::company_id.is_null().and(kept_files::contact_id.is_null()))
        .filter(kept_files::lead_id.is_null().and(kept_files::deal_id.is_null()))
        .filter(kept_files::activity_id.is_null())
        .select(kept_files::id)
        .load(tx.conn())?)
}

/// Writes down what goes along with a draft. What is not this person's to send is left out without a word.
pub fn keep(tx: &mut OrgTx, actor: &Actor, id: MessageId, written: &Written) -> AppResult<()> {
    diesel::delete(mail_attachments::table.filter(mail_attachments::message_id.eq(id))).execute(tx.conn())?;
    if written.files.is_empty() {
        return Ok(());
    }
    let all = offered(tx, actor, &written.about, &written.files)?;
    for (position, file) in all.iter().filter(|file| file.ticked).take(MOST).enumerate() {
        diesel::insert_into(mail_attachments::table)
            .values((
                (mail_attachments::message_id.eq(id), mail_attachments::file_id.eq(file.id)),
                mail_attachments::position.eq(i32::try_from(position).unwrap_or(0)),
                (mail_attachments::name.eq(&file.content.name), mail_attachments::size.eq(file.content.size)),
            ))
            .execute(tx.conn())?;
    }
    Ok(())
}

/// Why these files cannot go out; said of the field `attach`.
pub fn problem(tx: &mut OrgTx, actor: &Actor, written: &Written) -> AppResult<Option<String>> {
    if written.files.is_empty() {
        return Ok(None);
    }
    let all = offered(tx, actor, &written.about, &written.files)?;
    let ticked: Vec<&Offered> = all.iter().filter(|file| file.ticked).collect();
    if ticked.len() != written.files.len() {
        return Ok(Some("A file is not there any more: look through what goes along.".into()));
    }
    if ticked.len() > MOST {
        return Ok(Some(format!("These are too many files: at most {MOST} go along with a mail.")));
    }
    if let Some(withheld) = ticked.iter().find(|file| !file.content.is_given_out()) {
        return Ok(Some(format!("{}: {}", withheld.content.name, withheld.content.withheld())));
    }
    let bytes: i64 = ticked.iter().map(|file| file.content.size).sum();
    let most = size_words(BYTES / 1_048_576 * 1_000_000);
    Ok((bytes > BYTES).then(|| format!("These files are too large for mail together: at most {most}.")))
}

/// What went along, for the mail's page: name, size, and where it is, when the reader may open it.
pub fn of(tx: &mut OrgTx, actor: &Actor, id: MessageId) -> AppResult<Vec<(String, String, Option<String>)>> {
    let rows: Vec<(FileId, String, i64)> = mail_attachments::table
        .filter(mail_attachments::message_id.eq(id))
        .order(mail_attachments::position)
        .select((mail_attachments::file_id, mail_attachments::name, mail_attachments::size))
        .load(tx.conn())?;
    let ids: Vec<FileId> = rows.iter().map(|row| row.0).collect();
    let mine = own(tx, actor, &ids)?;
    let filed: Vec<FileId> = kept_files::table
        .filter(kept_files::id.eq_any(&ids))
        .filter(kept_files::deleted_at.is_null())
        .filter(
            kept_files::company_id
                .is_not_null()
                .or(kept_files::contact_id.is_not_null())
                .or(kept_files::lead_id.is_not_null())
                .or(kept_files::deal_id.is_not_null()),
        )
        .select(kept_files::id)
        .load(tx.conn())?;
    let open = |id: &FileId| mine.contains(id) || filed.contains(id);
    Ok(rows
        .into_iter()
        .map(|(id, name, size)| {
            let href = open(&id).then(|| format!("/files/{id}"));
            (name, size_words(size), href)
        })
        .collect())
}

/// The ids, for a draft's form.
pub fn ids(tx: &mut OrgTx, id: MessageId) -> AppResult<Vec<FileId>> {
    Ok(mail_attachments::table
        .filter(mail_attachments::message_id.eq(id))
        .order(mail_attachments::position)
        .select(mail_attachments::file_id)
        .load(tx.conn())?)
}

/// The bytes, for the worker that sends them. `Err` inside: this mail can never go out with them.
pub(super) fn load(tx: &mut OrgTx, ctx: &JobContext, id: MessageId) -> AppResult<Result<Vec<Attachment>, String>> {
    let mut all = Vec::new();
    for file in ids(tx, id)? {
        let content = files::read(tx, file)?;
        match content.scan {
            Scan::Waiting => return Err(anyhow::anyhow!("{} is still being checked for viruses", content.name).into()),
            Scan::Infected => return Ok(Err(format!("{}: {}", content.name, content.withheld()))),
            Scan::Off | Scan::Clean => {}
        }
        let limit = usize::try_from(BYTES).unwrap_or(usize::MAX);
        let bytes = ctx.files.bytes_now(tx.org_id(), content.blob, limit)?;
        all.push(Attachment { name: content.name, content_type: content.kind.media_type().to_owned(), bytes });
    }
    Ok(Ok(all))
}

#[derive(Template)]
#[template(path = "mails/_attachment.html")]
struct Line {
    file: Offered,
}

/// `POST /mails/attachments`: one file, `file`, sent up for a mail; answers with its line for the form.
pub(super) async fn upload(
    page: Page,
    by: Allow<Send>,
    db: Data<Db>,
    store: Data<Files>,
    config: Data<Config>,
    mut body: Multipart,
) -> AppResult<HttpResponse> {
    let broken = |_| AppError::Rejected(StatusCode::BAD_REQUEST, "The upload broke off or is not a proper form.");
    while let Some(mut field) = body.try_next().await.map_err(broken)? {
        if field.name() != Some("file") {
            continue;
        }
        let Some(arrived) = files::receive(&page, &db, &store, &config, &mut field).await? else { continue };
        let file = db
            .org(&page, move |tx| {
                let id = files::attach_new(tx, &by, &arrived)?;
                Ok(Offered { id, content: files::read(tx, id)?, ticked: true })
            })
            .await?;
        return reply::fragment(&Line { file });
    }
    Err(AppError::field("file", "is required"))
}

/// Files sent up for mails that were never written.
pub const SWEEP: &str = "
DELETE FROM files f WHERE num_nonnulls(company_id, contact_id, lead_id, deal_id, activity_id) = 0 AND created_at < now() - interval '2 days'
  AND NOT EXISTS (SELECT 1 FROM mail_attachments a WHERE a.org_id = f.org_id AND a.file_id = f.id)";
