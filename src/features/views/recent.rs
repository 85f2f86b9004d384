//! What a person looked at and searched for lately: their own, for the palette.

use crate::{
    db::{Db, OrgTx, Tx},
    error::AppResult,
    features::records::{list, require_view},
    kernel::RecordType,
    web::{Actor, Page, reply},
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use diesel::{prelude::*, sql_types};
use std::collections::HashMap;
use uuid::Uuid;

/// Of each, in the palette.
const SHOWN: usize = 6;

/// For the sweeps: what is older than a quarter is forgotten.
pub const SWEEP_RECORDS: &str = "DELETE FROM recent_records WHERE at < now() - interval '90 days'";
pub const SWEEP_SEARCHES: &str = "DELETE FROM recent_searches WHERE at < now() - interval '90 days'";

/// The reader opened the record's page. Who opens it again within seconds is not written down again, and waits for nobody: a conflict
/// would lock the row even where there is nothing to update.
pub fn visit(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid) -> AppResult<()> {
    diesel::sql_query(
        "INSERT INTO recent_records (member_id, record_id, record_type) SELECT $1, $2, $3
         WHERE NOT EXISTS (SELECT 1 FROM recent_records k WHERE k.member_id = $1 AND k.record_id = $2 AND k.at >= now() - interval '10 seconds')
         ON CONFLICT (org_id, member_id, record_id) DO UPDATE SET at = now()",
    )
    .bind::<sql_types::Uuid, _>(actor.id.0)
    .bind::<sql_types::Uuid, _>(id)
    .bind::<sql_types::Text, _>(record.key())
    .execute(tx.conn())?;
    Ok(())
}

/// The reader asked for these words, on the page of results.
pub fn searched(tx: &mut OrgTx, actor: &Actor, words: &str) -> AppResult<()> {
    let words: String = words.trim().chars().take(200).collect();
    if words.chars().count() < 2 {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO recent_searches (member_id, words) VALUES ($1, $2) ON CONFLICT (org_id, member_id, words) DO UPDATE SET at = now()",
    )
    .bind::<sql_types::Uuid, _>(actor.id.0)
    .bind::<sql_types::Text, _>(words)
    .execute(tx.conn())?;
    Ok(())
}

#[derive(QueryableByName)]
struct Visited {
    #[diesel(sql_type = sql_types::Uuid)]
    record_id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    record_type: String,
}

#[derive(QueryableByName)]
struct Asked {
    #[diesel(sql_type = sql_types::Text)]
    words: String,
}

#[derive(Template)]
#[template(path = "views/_recent.html")]
struct Options {
    records: Vec<(RecordType, String, String)>,
    searches: Vec<(String, String)>,
}

/// `GET /recent`: what the palette offers before anything is typed.
pub(super) async fn options(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let options = db.org_read(&page, move |tx| load(tx, &actor)).await?;
    reply::fragment(&options)
}

fn load(tx: &mut OrgTx, actor: &Actor) -> AppResult<Options> {
    let visited: Vec<Visited> = diesel::sql_query(
        "SELECT record_id, record_type FROM recent_records WHERE member_id = $1 ORDER BY at DESC LIMIT 30",
    )
    .bind::<sql_types::Uuid, _>(actor.id.0)
    .load(tx.conn())?;
    let mut names: HashMap<Uuid, String> = HashMap::new();
    for record in RecordType::ALL.into_iter().filter(|r| require_view(actor, *r).is_ok()) {
        let ids: Vec<Uuid> = visited.iter().filter(|v| v.record_type == record.key()).map(|v| v.record_id).collect();
        names.extend(list::names(tx, record, &ids, actor.visible_owners())?);
    }
    let seen = visited.iter().filter_map(|v| {
        let record = RecordType::parse(&v.record_type)?;
        Some((record, names.get(&v.record_id)?.clone(), format!("/{}/{}", record.noun(), v.record_id)))
    });
    let asked: Vec<Asked> =
        diesel::sql_query("SELECT words FROM recent_searches WHERE member_id = $1 ORDER BY at DESC LIMIT 5")
            .bind::<sql_types::Uuid, _>(actor.id.0)
            .load(tx.conn())?;
    let href = |words: &str| {
        let query: String = url::form_urlencoded::byte_serialize(words.as_bytes()).collect();
        format!("/search?q={query}")
    };
    Ok(Options {
        records: seen.take(SHOWN).collect(),
        searches: asked.into_iter().map(|a| (href(&a.words), a.words)).collect(),
    })
}
