//! Telling members something, inside the transaction in which it happens: one statement, however many they are.

use super::kind::Kind;
use crate::{
    db::{OrgTx, SystemTx, Tx, kept},
    error::AppResult,
    features::records::Subject,
    kernel::{MemberId, OrgId},
};
use diesel::{prelude::*, sql_types as t};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Something to tell. `words` makes a sentence of it; the doer is whoever acts in the transaction.
///
/// ```ignore
/// let notice = Notice::new(Kind::Mention).about((RecordType::Deal, deal)).quoting(&plain_text).at("#note-…");
/// notifications::tell(tx, &notice, To::people([colleague]))?;
/// ```
#[derive(Clone, Debug)]
pub struct Notice {
    kind: Kind,
    about: Option<Subject>,
    once: Option<String>,
    topic: Option<&'static str>,
    gone: bool,
    params: Map<String, Value>,
}

impl Notice {
    pub fn new(kind: Kind) -> Self {
        Self { kind, about: None, once: None, topic: None, gone: false, params: Map::new() }
    }

    /// Who may not see it (any more) is not shown the notice.
    pub fn about(mut self, about: impl Into<Subject>) -> Self {
        self.about = Some(about.into());
        self
    }

    /// Whoever was told of what has this key is not told again. Otherwise: once in a transaction of one topic about one thing.
    pub fn once(mut self, key: impl Into<String>) -> Self {
        self.once = Some(key.into());
        self
    }

    /// For several kinds that say the same of one thing; otherwise each kind is a topic.
    pub fn topic(mut self, topic: &'static str) -> Self {
        self.topic = Some(topic);
        self
    }

    /// What it is about, an activity, was deleted: still shown to those who would see it.
    pub(super) fn gone(mut self) -> Self {
        self.gone = true;
        self
    }

    /// What was written, as plain text; the notice shows its beginning.
    pub fn quoting(self, text: &str) -> Self {
        const MOST: usize = 200;
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let short = match line.char_indices().nth(MOST) {
            Some((end, _)) => format!("{}…", line[..end].trim_end()),
            None => line,
        };
        self.param("quote", &short)
    }

    /// Where it leads: a path of our own, or `#…` on the page of what it is about. Otherwise that page.
    pub fn at(self, path: &str) -> Self {
        self.param("at", &path)
    }

    /// What else the sentence needs; see `words`.
    pub fn param(mut self, key: &str, value: &impl Serialize) -> Self {
        self.params.insert(key.to_owned(), json!(value));
        self
    }
}

/// What a notice about a deleted activity is about.
const GONE: &str = "activity.gone";

/// Who is told, save whoever did it, the deactivated and those who muted the record.
#[derive(Clone, Debug, Default)]
pub struct To {
    people: Vec<Uuid>,
    followers: bool,
}

impl To {
    pub fn people(people: impl IntoIterator<Item = MemberId>) -> Self {
        Self { people: people.into_iter().map(Uuid::from).collect(), followers: false }
    }

    /// Who follows what it is about: its owner, an activity's people, and who said so.
    pub fn followers() -> Self {
        Self { people: vec![], followers: true }
    }

    /// These as well.
    pub fn and(mut self, people: impl IntoIterator<Item = MemberId>) -> Self {
        self.people.extend(people.into_iter().map(Uuid::from));
        self
    }
}

/// Tells them when this transaction commits; returns how many were told that did not know.
pub fn tell(tx: &mut OrgTx, notice: &Notice, to: To) -> AppResult<usize> {
    let (org, by) = (tx.org_id(), tx.by());
    write(tx, org, by, notice, to)
}

/// [`tell`] from a transaction across organisations: someone joined.
pub fn tell_in(tx: &mut SystemTx, org: OrgId, by: Option<MemberId>, notice: &Notice, to: To) -> AppResult<usize> {
    write(tx, org, by, notice, to)
}

#[derive(QueryableByName)]
struct Told {
    #[diesel(sql_type = t::Integer)]
    told: i32,
}

fn write(tx: &mut impl Tx, org: OrgId, by: Option<MemberId>, notice: &Notice, to: To) -> AppResult<usize> {
    const SQL: &str = "
SELECT app.tell($1, $2, $3, $4, $5, $6, coalesce($7, concat_ws(':', $15, $4::text, pg_current_xact_id()::text)),
  $8, $9, $10, $11, $12, $13, $14) AS told";
    let ways = notice.kind.ways();
    let query = diesel::sql_query(SQL)
        .bind::<t::Uuid, _>(org.0)
        .bind::<t::Text, _>(notice.kind.key())
        .bind::<t::Nullable<t::Text>, _>(notice.about.map(|about| if notice.gone { GONE } else { about.key() }))
        .bind::<t::Nullable<t::Uuid>, _>(notice.about.map(Subject::id))
        .bind::<t::Nullable<t::Uuid>, _>(by.map(Uuid::from))
        .bind::<t::Jsonb, _>(Value::Object(notice.params.clone()))
        .bind::<t::Nullable<t::Text>, _>(notice.once.as_deref())
        .bind::<t::Array<t::Uuid>, _>(to.people)
        .bind::<t::Bool, _>(to.followers)
        .bind::<t::Bool, _>(notice.kind.is_personal())
        .bind::<t::Bool, _>(notice.kind.reaches_doer())
        .bind::<t::Bool, _>(ways.centre)
        .bind::<t::Bool, _>(ways.browser)
        .bind::<t::Text, _>(ways.mail.key())
        .bind::<t::Text, _>(notice.topic.unwrap_or(notice.kind.key()));
    let told: Told = kept(query).get_result(tx.conn())?;
    Ok(usize::try_from(told.told).unwrap_or_default())
}
