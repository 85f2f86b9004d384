//! Asking: `app.search` does the finding and ranking; here the question is made safe and narrowed to what the role may see.

use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    kernel::RecordType,
    web::Actor,
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// Longer questions are cut: nobody types them, and each word costs.
const LONGEST: usize = 120;

/// A record that matches.
#[derive(Clone, Debug)]
pub struct Hit {
    pub record_type: RecordType,
    pub id: Uuid,
    pub title: String,
    /// What tells it from its namesakes: domain and city, job and company, number and company.
    pub subtitle: String,
    /// 100 exact … 20 probably misspelt.
    pub score: f32,
}

impl Hit {
    pub fn href(&self) -> String {
        format!("/{}/{}", self.record_type.noun(), self.id)
    }
}

/// Records whose names, e-mails, domains, phone digits or numbers match every word of `q`, best first, at most `limit` of each type;
/// only of `types` the actor's role may view, and only records the actor may see. Nothing for an empty question.
pub fn find(tx: &mut OrgTx, actor: &Actor, q: &str, types: &[RecordType], limit: i32) -> AppResult<Vec<Hit>> {
    let q: String = q.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    let types: Vec<&str> = types.iter().filter(|t| may_view(actor, **t)).map(|t| t.key()).collect();
    if q.trim().is_empty() || types.is_empty() {
        return Ok(Vec::new());
    }
    let query =
        diesel::sql_query("SELECT record_type, record_id, title, subtitle, score FROM app.search($1, $2, $3, $4)")
            .bind::<sql_types::Text, _>(q)
            .bind::<sql_types::Array<sql_types::Text>, _>(types)
            .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(actor.visible_owners())
            .bind::<sql_types::Integer, _>(limit);
    let rows: Vec<Row> = kept(query).load(tx.conn())?;
    Ok(rows.into_iter().filter_map(Row::into_hit).collect())
}

/// Whether the role lets the actor see records of that type at all.
pub fn may_view(actor: &Actor, record_type: RecordType) -> bool {
    actor.may(&format!("{}.view", record_type.noun()))
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Text)]
    record_type: String,
    #[diesel(sql_type = sql_types::Uuid)]
    record_id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    title: String,
    #[diesel(sql_type = sql_types::Text)]
    subtitle: String,
    #[diesel(sql_type = sql_types::Float)]
    score: f32,
}

impl Row {
    fn into_hit(self) -> Option<Hit> {
        Some(Hit {
            record_type: RecordType::parse(&self.record_type)?,
            id: self.record_id,
            title: self.title,
            subtitle: self.subtitle,
            score: self.score,
        })
    }
}
