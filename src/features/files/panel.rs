//! Files as a record's page shows them, and as their own list does.

use super::{
    commands,
    model::{File, Scan, size_words},
    queries,
};
use crate::{db::OrgTx, error::AppResult, features::records::Subject, kernel::FileId, web::Actor};
use uuid::Uuid;

/// Files beside a record; the list behind them has the rest.
const SHOWN: i64 = 6;

/// For `files/_panel.html`, under the name `files`.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    pub lines: Vec<Line>,
    /// Where they are added and listed: `/deals/…/files`.
    pub href: String,
    pub may_add: bool,
    /// How many there are, when not all are shown.
    pub total: Option<String>,
    /// Of this form: what is sent twice is kept once.
    pub batch: String,
    pub csrf: String,
    pub error: String,
}

/// A file, ready to be shown.
#[derive(Clone, Debug)]
pub struct Line {
    pub id: FileId,
    pub name: String,
    pub icon: &'static str,
    /// Its small picture.
    pub thumbnail: Option<String>,
    pub kind: String,
    pub size: String,
    pub number: i32,
    pub versions: i64,
    pub is_current: bool,
    pub when: String,
    pub exact: String,
    pub by: String,
    pub waiting: bool,
    pub infected: bool,
    pub found: String,
    pub picture: bool,
    pub pdf: bool,
    pub may_delete: bool,
}

impl Line {
    pub fn new(actor: &Actor, file: &File) -> Self {
        let (id, number, content) = (file.id, file.number, &file.content);
        let open = content.is_given_out();
        let thumbnail = format!("/files/{id}/thumbnail?version={number}");
        Self {
            id,
            name: file.name.clone(),
            icon: if content.kind.is_picture() { "eye" } else { content.kind.icon() },
            thumbnail: (open && content.thumbnail).then_some(thumbnail),
            kind: content.kind.to_string(),
            size: size_words(content.size),
            number,
            versions: file.versions,
            is_current: number == file.current,
            when: actor.moment(file.at),
            exact: actor.exact(file.at),
            by: file.by.clone().unwrap_or_else(|| "Pipewright".to_owned()),
            waiting: content.scan == Scan::Waiting,
            infected: content.scan == Scan::Infected,
            found: content.found.clone().unwrap_or_default(),
            picture: open && content.kind.is_picture(),
            pdf: open && content.kind.is_pdf(),
            may_delete: commands::may_delete(file, actor),
        }
    }

    pub fn all(actor: &Actor, files: &[File]) -> Vec<Self> {
        files.iter().map(|file| Self::new(actor, file)).collect()
    }

    pub fn href(&self) -> String {
        format!("/files/{}", self.id)
    }

    /// This version's bytes.
    pub fn content(&self) -> String {
        format!("/files/{}/content?version={}", self.id, self.number)
    }
}

impl Panel {
    /// Of a subject that the caller has found visible.
    pub fn load(tx: &mut OrgTx, actor: &Actor, subject: Subject, csrf: String) -> AppResult<Self> {
        let mut files = queries::list(tx, subject, false, SHOWN + 1)?;
        let more = i64::try_from(files.len()).unwrap_or(0) > SHOWN;
        files.truncate(usize::try_from(SHOWN).unwrap_or(0));
        let total = if more { Some(actor.locale.integer(queries::count(tx, subject)?)) } else { None };
        Ok(Self { total, ..Self::of(actor, subject, &files, csrf) })
    }

    pub(super) fn of(actor: &Actor, subject: Subject, files: &[File], csrf: String) -> Self {
        Self {
            lines: Line::all(actor, files),
            href: format!("{}/files", subject.href()),
            may_add: subject.require_edit(actor).is_ok(),
            total: None,
            batch: Uuid::now_v7().to_string(),
            csrf,
            error: String::new(),
        }
    }
}
