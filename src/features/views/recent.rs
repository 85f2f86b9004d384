//! What a person looked at and searched for lately: their own, for the palette.

use crate::{
    db::{Db, OrgTx, Tx},
    error::AppResult,
    features::records::{list, require_view},
    kernel::{OrgId, RecordType},
    web::{Actor, Page, reply},
};
use actix_web::{HttpResponse, rt, web::Data};
use askama::Template;
use diesel::{prelude::*, sql_types};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use uuid::Uuid;

/// Of each, in the palette.
const SHOWN: usize = 6;

/// For the sweeps: what is older than a quarter is forgotten.
pub const SWEEP_RECORDS: &str = "DELETE FROM recent_records WHERE at < now() - interval '90 days'";
pub const SWEEP_SEARCHES: &str = "DELETE FROM recent_searches WHERE at < now() - interval '90 days'";

/// How long traces are gathered before they are written.
const GATHERED: Duration = Duration::from_secs(1);
/// Longest words that are kept.
const WORDS: usize = 200;

/// What people opened and asked for in the last moment, written together a moment later and by nobody's request: pages neither write it
/// nor wait for each other's rows.
#[derive(Default)]
pub struct Lately(Mutex<BTreeMap<OrgId, Traces>>);

#[derive(Default)]
struct Traces {
    opened: BTreeMap<(Uuid, Uuid), RecordType>,
    searched: BTreeSet<(Uuid, String)>,
}

/// The reader opened the record's page.
pub fn visit(page: &Page, db: &Db, record: RecordType, id: Uuid) {
    note(page, db, |traces, member| {
        traces.opened.insert((member, id), record);
    });
}

/// The reader asked for these words, on the page of results.
pub fn searched(page: &Page, db: &Db, words: &str) {
    let words: String = words.trim().chars().take(WORDS).collect();
    if words.chars().count() >= 2 {
        note(page, db, |traces, member| {
            traces.searched.insert((member, words));
        });
    }
}

/// Whoever leaves the first trace has them all written.
fn note(page: &Page, db: &Db, add: impl FnOnce(&mut Traces, Uuid)) {
    let Some(lately) = page.req.app_data::<Data<Lately>>() else { return };
    let mut all = lately.held();
    let first = all.is_empty();
    add(all.entry(page.actor.org_id).or_default(), page.actor.id.0);
    drop(all);
    if first {
        let (lately, db) = (lately.clone(), db.clone());
        rt::spawn(async move {
            rt::time::sleep(GATHERED).await;
            lately.write(&db).await;
        });
    }
}

impl Lately {
    fn held(&self) -> MutexGuard<'_, BTreeMap<OrgId, Traces>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What cannot be written is forgotten: nobody misses it for long.
    async fn write(&self, db: &Db) {
        let all = std::mem::take(&mut *self.held());
        for (org, traces) in all {
            if let Err(error) = db.org(&org, move |tx| traces.write(tx)).await {
                tracing::warn!(%error, %org, "what was opened lately is not written down");
            }
        }
    }
}

impl Traces {
    /// In order, so that two processes never wait for each other in a circle. Whoever and whatever is gone meanwhile leaves no trace.
    fn write(self, tx: &mut OrgTx) -> AppResult<()> {
        if !self.opened.is_empty() {
            let there: Vec<String> = RecordType::ALL
                .iter()
                .map(|r| {
                    format!("x.kind = '{}' AND EXISTS (SELECT 1 FROM {} r WHERE r.id = x.record)", r.key(), r.noun())
                })
                .collect();
            let sql = format!(
                "INSERT INTO recent_records (member_id, record_id, record_type)
                 SELECT x.member, x.record, x.kind FROM unnest($1, $2, $3) x (member, record, kind) JOIN members m ON m.id = x.member
                 WHERE {} ORDER BY 1, 2 ON CONFLICT (org_id, member_id, record_id) DO UPDATE SET at = now()",
                there.join(" OR ")
            );
            let (who, what): (Vec<Uuid>, Vec<Uuid>) = self.opened.keys().copied().unzip();
            let kinds: Vec<&str> = self.opened.values().map(|record| record.key()).collect();
            diesel::sql_query(sql)
                .bind::<sql_types::Array<sql_types::Uuid>, _>(who)
                .bind::<sql_types::Array<sql_types::Uuid>, _>(what)
                .bind::<sql_types::Array<sql_types::Text>, _>(kinds)
                .execute(tx.conn())?;
        }
        if !self.searched.is_empty() {
            let (who, words): (Vec<Uuid>, Vec<String>) = self.searched.into_iter().unzip();
            diesel::sql_query(
                "INSERT INTO recent_searches (member_id, words)
                 SELECT x.member, x.words FROM unnest($1, $2) x (member, words) JOIN members m ON m.id = x.member
                 ORDER BY 1, 2 ON CONFLICT (org_id, member_id, words) DO UPDATE SET at = now()",
            )
            .bind::<sql_types::Array<sql_types::Uuid>, _>(who)
            .bind::<sql_types::Array<sql_types::Text>, _>(words)
            .execute(tx.conn())?;
        }
        Ok(())
    }
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
    if let Some(lately) = page.req.app_data::<Data<Lately>>() {
        lately.write(&db).await;
    }
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
