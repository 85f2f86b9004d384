//! Files that go along with a mail: those of the records it is about, and those sent up for it, which are the mail's own. Their bytes
//! are kept by `features::files`.

use super::{merge::Subject, model::Message};
use crate::{
    config::Config,
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        files::{self, Content, Scan, size_words},
        records,
    },
    files::Files,
    jobs::JobContext,
    kernel::{FileId, MailingId, MessageId, RecordType},
    mailer::Attachment,
    schema::{files as kept_files, mail_attachments, mailing_attachments},
    web::{Actor, Allow, Form, Page, permission::mails::Send, reply},
};
use actix_multipart::Multipart;
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use diesel::prelude::*;
use futures_util::TryStreamExt;
use std::sync::Arc;

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

/// What a form says is to go along.
pub fn ticked(form: &Form) -> Vec<FileId> {
    let mut ids: Vec<FileId> = Vec::new();
    for id in form.all("attach").filter_map(|id| id.parse().ok()).take(100) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// Whose attachments they are.
#[derive(Clone, Copy, Debug)]
pub enum Bearer {
    Message(MessageId),
    /// They go along with each of its messages.
    Mailing(MailingId),
}

impl Bearer {
    pub fn of(message: &Message) -> Self {
        message.mailing_id.map_or(Self::Message(message.id), Self::Mailing)
    }
}

/// Writes down what goes along. What is not this person's to send is left out without a word.
pub fn keep(tx: &mut OrgTx, actor: &Actor, bearer: Bearer, about: &Subject, files: &[FileId]) -> AppResult<()> {
    if let Bearer::Message(id) = bearer {
        diesel::delete(mail_attachments::table.filter(mail_attachments::message_id.eq(id))).execute(tx.conn())?;
    }
    if files.is_empty() {
        return Ok(());
    }
    let all = offered(tx, actor, about, files)?;
    for (position, file) in (0_i32..).zip(all.iter().filter(|file| file.ticked).take(MOST)) {
        match bearer {
            Bearer::Message(id) => {
                use mail_attachments as kept;
                let whose = (kept::message_id.eq(id), kept::file_id.eq(file.id), kept::position.eq(position));
                let what = (kept::name.eq(&file.content.name), kept::size.eq(file.content.size));
                diesel::insert_into(kept::table).values((whose, what)).execute(tx.conn())?
            }
            Bearer::Mailing(id) => {
                use mailing_attachments as kept;
                let whose = (kept::mailing_id.eq(id), kept::file_id.eq(file.id), kept::position.eq(position));
                let what = (kept::name.eq(&file.content.name), kept::size.eq(file.content.size));
                diesel::insert_into(kept::table).values((whose, what)).execute(tx.conn())?
            }
        };
    }
    Ok(())
}

/// Why these files cannot go out; said of the field `attach`.
pub fn problem(tx: &mut OrgTx, actor: &Actor, about: &Subject, files: &[FileId]) -> AppResult<Option<String>> {
    if files.is_empty() {
        return Ok(None);
    }
    let all = offered(tx, actor, about, files)?;
    let ticked: Vec<&Offered> = all.iter().filter(|file| file.ticked).collect();
    if ticked.len() != files.len() {
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

/// Files with the name and the size they went out with, in their order.
fn rows(tx: &mut OrgTx, bearer: Bearer) -> AppResult<Vec<(FileId, String, i64)>> {
    Ok(match bearer {
        Bearer::Message(id) => mail_attachments::table
            .filter(mail_attachments::message_id.eq(id))
            .order(mail_attachments::position)
            .select((mail_attachments::file_id, mail_attachments::name, mail_attachments::size))
            .load(tx.conn())?,
        Bearer::Mailing(id) => mailing_attachments::table
            .filter(mailing_attachments::mailing_id.eq(id))
            .order(mailing_attachments::position)
            .select((mailing_attachments::file_id, mailing_attachments::name, mailing_attachments::size))
            .load(tx.conn())?,
    })
}

/// What went along, for the page: name, size, and where it is, when the reader may open it.
pub fn of(tx: &mut OrgTx, actor: &Actor, bearer: Bearer) -> AppResult<Vec<(String, String, Option<String>)>> {
    let rows = rows(tx, bearer)?;
    if rows.is_empty() {
        return Ok(vec![]);
    }
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
    Ok(rows(tx, Bearer::Message(id))?.into_iter().map(|row| row.0).collect())
}

/// The bytes, for the worker that sends them. `Err` inside: this mail can never go out with them.
pub(super) fn load(tx: &mut OrgTx, ctx: &JobContext, bearer: Bearer) -> AppResult<Result<Arc<[Attachment]>, String>> {
    let mut all = Vec::new();
    for (file, ..) in rows(tx, bearer)? {
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
    Ok(Ok(all.into()))
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
  AND NOT EXISTS (SELECT 1 FROM mail_attachments a WHERE a.org_id = f.org_id AND a.file_id = f.id)
  AND NOT EXISTS (SELECT 1 FROM mailing_attachments a WHERE a.org_id = f.org_id AND a.file_id = f.id)";
