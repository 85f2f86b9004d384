//! `/quality`: how good each record type's data is, and the lists of what to mend. Every figure is of the records the reader sees, and
//! leads to an ordinary list, where records are filtered further, edited in bulk or exported.

use super::{
    completeness::Meaning,
    normalise,
    pages::{breaking_href, list_href},
    queries::{self, COUNTED},
};
use crate::{
    db::{Db, OrgTx, Tx},
    error::AppResult,
    features::{
        operations,
        records::filter::{Filter, Op},
        records::require_edit,
    },
    kernel::RecordType,
    web::{
        Actor, Page, Shell,
        permission::{Permission, organisation::Administer},
        reply,
    },
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use chrono::{Days, NaiveTime};
use diesel::{prelude::*, sql_types};
use std::time::Duration;
use uuid::Uuid;

/// How long one figure may take; then its list is offered without it.
const PATIENCE: Duration = Duration::from_millis(800);
/// Where counting stops.
const MOST: i64 = 10_000;

#[derive(Template)]
#[template(path = "quality/index.html")]
struct Overview {
    shell: Shell,
    types: Vec<Quality>,
    may_administer: bool,
}

/// One record type.
struct Quality {
    record: RecordType,
    records: String,
    /// Average completeness; `None`: nothing is measured yet.
    average: Option<i64>,
    low: bool,
    incomplete: Figure,
    stale: Figure,
    rules: Vec<(String, Figure)>,
    may_edit: bool,
}

/// A number and the list behind it.
struct Figure {
    label: String,
    value: String,
    href: String,
}

/// `GET /quality`
pub async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    operations::require_any(&page.actor)?;
    let actor = page.actor.clone();
    let types = db
        .org(&page, move |tx| {
            let seen = RecordType::ALL.into_iter().filter(|r| actor.may(&format!("{}.view", r.noun())));
            seen.map(|record| Quality::load(tx, &actor, record)).collect::<AppResult<Vec<_>>>()
        })
        .await?;
    let may_administer = page.may(Administer::KEY);
    reply::page(&page.req, &Overview { shell: page.shell("quality"), types, may_administer })
}

#[derive(QueryableByName)]
struct Totals {
    #[diesel(sql_type = sql_types::BigInt)]
    records: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    measured: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    points: i64,
}

impl Quality {
    /// There is something to normalise.
    fn can_order(&self) -> bool {
        normalise::TYPES.contains(&self.record)
    }

    fn load(tx: &mut OrgTx, actor: &Actor, record: RecordType) -> AppResult<Self> {
        let meaning = Meaning::load(tx, record)?;
        let owners = actor.visible_owners();
        let totals: Totals = diesel::sql_query(
            "SELECT coalesce(sum(records), 0)::bigint AS records, coalesce(sum(measured), 0)::bigint AS measured, \
             coalesce(sum(points), 0)::bigint AS points FROM record_totals WHERE record_type = $1 AND ($2 IS NULL OR owner_id = ANY ($2))",
        )
        .bind::<sql_types::Text, _>(record.noun())
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(&owners)
        .get_result(tx.conn())?;
        let average = (totals.measured > 0).then(|| (totals.points + totals.measured / 2) / totals.measured);
        let mut rules = Vec::new();
        for rule in queries::in_force(tx, record)? {
            let count = queries::breaking(tx, record, rule.id, owners.clone())?;
            let value = shown(actor, Some(count), COUNTED);
            rules.push((
                rule.message.clone(),
                Figure { label: rule.message, value, href: breaking_href(record, rule.id) },
            ));
        }
        Ok(Self {
            record,
            records: actor.locale.integer(totals.records),
            average,
            low: average.is_some_and(|average| average < meaning.incomplete_below.into()),
            incomplete: incomplete(tx, actor, record, &meaning, owners.clone())?,
            stale: stale(tx, actor, record, &meaning, owners)?,
            rules,
            may_edit: require_edit(actor, record).is_ok(),
        })
    }
}

fn incomplete(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    meaning: &Meaning,
    owners: Option<Vec<Uuid>>,
) -> AppResult<Figure> {
    let below = meaning.incomplete_below;
    let count = count(tx, record, &format!("completeness < {below}"), owners)?;
    let filter = Filter::All(vec![Filter::rule(super::SCORE, Op::Lt, &[&below.to_string()])]);
    let (value, href) = (shown(actor, count, MOST), list_href(record, &filter));
    Ok(Figure { label: format!("Incomplete, below {below}"), value, href })
}

fn stale(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    meaning: &Meaning,
    owners: Option<Vec<Uuid>>,
) -> AppResult<Figure> {
    let days = u64::try_from(meaning.stale_after).unwrap_or(1);
    let since = (actor.today() - Days::new(days)).and_time(NaiveTime::MIN).and_local_timezone(actor.zone).earliest();
    let since = since.map_or_else(chrono::Utc::now, |at| at.to_utc());
    let count = count(tx, record, &format!("updated_at < '{}'", since.to_rfc3339()), owners)?;
    let filter = Filter::All(vec![Filter::rule("updated_at", Op::DaysAgo, &[&days.to_string()])]);
    let (value, href) = (shown(actor, count, MOST), list_href(record, &filter));
    Ok(Figure { label: format!("Stale, not changed for {days} days"), value, href })
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    n: i64,
}

/// Live records of which that holds; `None` when it takes too long to count them. The condition is trusted text.
fn count(tx: &mut OrgTx, record: RecordType, condition: &str, owners: Option<Vec<Uuid>>) -> AppResult<Option<i64>> {
    let sql = format!(
        "SELECT count(*) AS n FROM (SELECT 1 FROM {} WHERE archived_at IS NULL AND deleted_at IS NULL AND {condition} \
         AND ($1 IS NULL OR owner_id = ANY ($1)) LIMIT {}) x",
        record.noun(),
        MOST + 1
    );
    let counted = tx.attempt(|tx| {
        tx.limit_time(PATIENCE)?;
        let found: Count = diesel::sql_query(sql)
            .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(owners)
            .get_result(tx.conn())?;
        Ok(found.n)
    });
    Ok(counted.ok())
}

fn shown(actor: &Actor, count: Option<i64>, most: i64) -> String {
    match count {
        Some(n) if n > most => format!("{}+", actor.locale.integer(most)),
        Some(n) => actor.locale.integer(n),
        None => "Many".to_owned(),
    }
}
