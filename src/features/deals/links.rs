//! Deals that belong together: parts of a larger one, follow-ups, renewals, what was split off. Each link is one row, which both pages
//! show from their side. A deal that the reader may not see is not named, and not counted in a total.
//!
//! Invariants: two deals are linked once; a deal is part of at most one, and never, over any number of steps, of itself.

use super::{commands::announce, model::Deal, queries};
use crate::{
    db::{Db, OrgTx, Tx, kept},
    error::{AppError, AppResult},
    events::{self, Event},
    kernel::{DealId, Money, RecordType},
    schema::{deal_links, deals},
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash, permission::deals::Edit,
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use diesel::{prelude::*, sql_types};
use rust_decimal::Decimal;
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What a person says of this deal and another: key, words, the row's kind, and whether this deal stands in `from`.
const SAID: &[(&str, &str, &str, bool)] = &[
    ("part_of", "Part of", "child", false),
    ("has_part", "Has as a part", "child", true),
    ("follows", "Follows up on", "follows", false),
    ("followed_by", "Is followed up by", "follows", true),
    ("renewal_of", "Is a renewal of", "renewal", false),
    ("renewed_by", "Is renewed by", "renewal", true),
    ("related", "Is related to", "related", true),
];

/// Links that a deal may have.
const MOST: i64 = 200;

/// The panel on a deal's page, for `deals/_links.html`.
pub struct Panel {
    pub groups: Vec<Group>,
    /// Linked deals that the reader does not see.
    pub hidden: usize,
}

pub struct Group {
    pub label: &'static str,
    pub rows: Vec<Linked>,
    /// Of parts: what they come to, lost ones aside.
    pub total: Option<String>,
}

pub struct Linked {
    pub id: Uuid,
    pub reference: String,
    pub name: String,
    /// `Proposal · €12,000.00`
    pub note: String,
    pub status: &'static str,
    pub tone: &'static str,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Text)]
    kind: String,
    #[diesel(sql_type = sql_types::Bool)]
    first: bool,
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::BigInt)]
    number: i64,
    #[diesel(sql_type = sql_types::Text)]
    name: String,
    #[diesel(sql_type = sql_types::Text)]
    status: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Numeric>)]
    amount: Option<Decimal>,
    #[diesel(sql_type = sql_types::Text)]
    currency: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    owner_id: Option<Uuid>,
    #[diesel(sql_type = sql_types::Text)]
    stage: String,
}

const OF_DEAL: &str = "
SELECT l.kind, l.first, d.id, d.number, d.name, d.status, d.amount, d.currency::text AS currency, d.owner_id, s.name AS stage
FROM (SELECT kind, true AS first, to_id AS other FROM deal_links WHERE from_id = $1
      UNION ALL SELECT kind, false, from_id FROM deal_links WHERE to_id = $1) l
JOIN deals d ON d.org_id = app.org() AND d.id = l.other AND d.deleted_at IS NULL
JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id
ORDER BY d.number";

/// Group headings in the order in which they stand: of rows of that kind where this deal is in `from`, or is not.
const GROUPS: &[(&str, bool, &str)] = &[
    ("child", false, "Part of"),
    ("child", true, "Parts"),
    ("split", false, "Split off from"),
    ("split", true, "Split off"),
    ("follows", false, "Follows up on"),
    ("follows", true, "Followed up by"),
    ("renewal", false, "Renewal of"),
    ("renewal", true, "Renewed by"),
    ("related", true, "Related"),
];

impl Panel {
    /// Of a deal that the caller has found visible.
    pub fn load(tx: &mut OrgTx, actor: &Actor, deal: DealId) -> AppResult<Self> {
        let rows: Vec<Row> = kept(diesel::sql_query(OF_DEAL).bind::<sql_types::Uuid, _>(deal.0)).load(tx.conn())?;
        let all = rows.len();
        let seen: Vec<Row> = rows.into_iter().filter(|row| actor.sees(row.owner_id)).collect();
        let hidden = all - seen.len();
        let group = |&(kind, first, label): &(&'static str, bool, &'static str)| {
            // What is related is so from either side.
            let of: Vec<&Row> =
                seen.iter().filter(|row| row.kind == kind && (row.first == first || kind == "related")).collect();
            let total = (kind == "child" && first && of.len() > 1).then(|| total(actor, &of)).flatten();
            Group { label, total, rows: of.into_iter().map(|row| linked(actor, row)).collect() }
        };
        let groups = GROUPS.iter().map(group).filter(|group| !group.rows.is_empty()).collect();
        Ok(Self { groups, hidden })
    }
}

fn total(actor: &Actor, rows: &[&Row]) -> Option<String> {
    let mut sums: BTreeMap<&str, Decimal> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.status != "lost") {
        if let Some(amount) = row.amount {
            *sums.entry(&row.currency).or_default() += amount;
        }
    }
    let said: Vec<String> =
        sums.into_iter().map(|(code, sum)| actor.locale.money(Money::from_columns(sum, code))).collect();
    (!said.is_empty()).then(|| said.join(" + "))
}

fn linked(actor: &Actor, row: &Row) -> Linked {
    let money = row.amount.map(|amount| actor.locale.money(Money::from_columns(amount, &row.currency)));
    let (status, tone) = match row.status.as_str() {
        "won" => ("Won", "good"),
        "lost" => ("Lost", "bad"),
        _ => ("", "none"),
    };
    Linked {
        id: row.id,
        reference: format!("D-{}", row.number),
        name: row.name.clone(),
        note: [Some(row.stage.clone()), money].into_iter().flatten().collect::<Vec<_>>().join(" · "),
        status,
        tone,
    }
}

/// Links two deals, as said of the first.
pub fn link(tx: &mut OrgTx, by: &Allow<Edit>, deal: DealId, said: &str, other: DealId) -> AppResult<()> {
    let (_, words, kind, first) = SAID
        .iter()
        .find(|(key, ..)| *key == said)
        .ok_or_else(|| AppError::field("kind", "is not one of the choices"))?;
    if deal == other {
        return Err(AppError::field("deal", "is this one: choose another"));
    }
    // One at a time, so that no two links make a circle together.
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended('deal links ' || app.org()::text, 0))")
        .execute(tx.conn())?;
    let (one, two) = (queries::find(tx, by, deal)?, queries::find(tx, by, other)?);
    let (from, to) = if *first { (&one, &two) } else { (&two, &one) };
    check(tx, &one, &two)?;
    if *kind == "child" {
        check_parent(tx, from, to)?;
    }
    write(tx, kind, from.id, to.id)?;
    let back = SAID.iter().find(|(_, _, k, f)| k == kind && (f != first || *kind == "related")).map_or(*words, |s| s.1);
    tell(tx, &one, format!("Linked: {} {}", words.to_lowercase(), two.reference()))?;
    tell(tx, &two, format!("Linked: {} {}", back.to_lowercase(), one.reference()))
}

fn check(tx: &mut OrgTx, one: &Deal, two: &Deal) -> AppResult<()> {
    let ids = [one.id, two.id];
    let pair = deal_links::table.filter(deal_links::from_id.eq_any(ids)).filter(deal_links::to_id.eq_any(ids));
    if diesel::select(diesel::dsl::exists(pair)).get_result(tx.conn())? {
        return Err(AppError::field("deal", "is linked to this one already: take that link away first"));
    }
    for id in ids {
        let of = deal_links::table.filter(deal_links::from_id.eq(id).or(deal_links::to_id.eq(id)));
        if of.count().get_result::<i64>(tx.conn())? >= MOST {
            return Err(AppError::field("deal", format!("cannot be linked: one of the two has {MOST} links already")));
        }
    }
    Ok(())
}

/// A part has one whole, and no whole is a part of its part.
fn check_parent(tx: &mut OrgTx, parent: &Deal, part: &Deal) -> AppResult<()> {
    let whole = deal_links::table.filter(deal_links::to_id.eq(part.id)).filter(deal_links::kind.eq("child"));
    if diesel::select(diesel::dsl::exists(whole)).get_result(tx.conn())? {
        return Err(AppError::field("kind", "cannot be: that one is part of another deal already"));
    }
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = sql_types::Bool)]
        found: bool,
    }
    let up = "WITH RECURSIVE up AS (SELECT $1::uuid AS id UNION SELECT l.from_id FROM deal_links l JOIN up ON l.to_id = up.id WHERE l.kind = 'child') \
        SELECT EXISTS (SELECT FROM up WHERE id = $2) AS found";
    let circle: Found = diesel::sql_query(up)
        .bind::<sql_types::Uuid, _>(parent.id)
        .bind::<sql_types::Uuid, _>(part.id)
        .get_result(tx.conn())?;
    if circle.found {
        return Err(AppError::field("kind", "cannot be: a deal would be part of itself"));
    }
    Ok(())
}

pub(super) fn write(tx: &mut OrgTx, kind: &str, from: DealId, to: DealId) -> AppResult<()> {
    let by = tx.by().map(Uuid::from);
    diesel::insert_into(deal_links::table)
        .values((
            (deal_links::from_id.eq(from), deal_links::to_id.eq(to)),
            (deal_links::kind.eq(kind), deal_links::created_by.eq(by)),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// Takes the link between two away. What was said of the first; `None`: there was none.
fn unlink(tx: &mut OrgTx, by: &Allow<Edit>, deal: DealId, other: DealId) -> AppResult<Option<&'static str>> {
    let (one, two) = (queries::find(tx, by, deal)?, queries::find(tx, by, other)?);
    let ids = [deal, other];
    let pair = deal_links::table.filter(deal_links::from_id.eq_any(ids)).filter(deal_links::to_id.eq_any(ids));
    let gone: Option<(DealId, String)> =
        diesel::delete(pair).returning((deal_links::from_id, deal_links::kind)).get_result(tx.conn()).optional()?;
    let Some((from, kind)) = gone else { return Ok(None) };
    tell(tx, &one, format!("Link to {} taken away", two.reference()))?;
    tell(tx, &two, format!("Link to {} taken away", one.reference()))?;
    let first = from == deal;
    Ok(SAID.iter().find(|(_, _, k, f)| *k == kind && (*f == first || *k == "related")).map(|said| said.0))
}

/// The number alone: who sees this deal may not see the other.
pub(super) fn tell(tx: &mut OrgTx, deal: &Deal, title: String) -> AppResult<()> {
    events::record_quietly(tx, Event::new("deal.linked", RecordType::Deal, deal.id).data(json!({ "title": title })))?;
    announce(tx, deal.id, &[], None)
}

/// The deal meant by a combobox: the id chosen, else `D-1042`, else the only one of that name.
pub(super) fn meant(tx: &mut OrgTx, actor: &Actor, form: &Form) -> AppResult<DealId> {
    let unknown = || AppError::field("deal", "is not one of your deals: choose one from the list, or give its number");
    let (id, text) = (form.get("deal_id"), form.get("deal"));
    if let Ok(id) = id.parse::<DealId>() {
        return queries::find(tx, actor, id).map(|deal| deal.id).map_err(|_| unknown());
    }
    let number = text.trim_start_matches(['D', 'd']).trim_start_matches('-').parse::<i64>();
    let mut found = deals::table.filter(deals::deleted_at.is_null()).select(deals::id).limit(2).into_boxed();
    if let Some(owners) = actor.visible_owners() {
        found = found.filter(deals::owner_id.eq_any(owners));
    }
    found = match number {
        Ok(number) => found.filter(deals::number.eq(number)),
        Err(_) => found.filter(deals::name_key.eq(crate::kernel::text::fold(text))),
    };
    match found.load::<DealId>(tx.conn())?[..] {
        [one] => Ok(one),
        _ => Err(unknown()),
    }
}

#[derive(Template)]
#[template(path = "deals/link.html")]
struct LinkPage {
    shell: Shell,
    deal: Deal,
    kinds: Vec<SelectOption>,
    input: FormView,
}

/// `GET /deals/{id}/links/new`
pub async fn new(page: Page, _: Allow<Edit>, id: Path<DealId>, db: Data<Db>) -> AppResult<HttpResponse> {
    form(&page, &db, StatusCode::OK, *id, Form::default(), FormErrors::default()).await
}

async fn form(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: DealId,
    form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (actor, shell) = (page.actor.clone(), page.shell("deals"));
    let deal = db.org(page, move |tx| queries::find(tx, &actor, id)).await?;
    let chosen = form.get("kind").to_owned();
    let kinds = SAID.iter().map(|(key, words, ..)| SelectOption::new(*key, *words, *key == chosen)).collect();
    reply::page_with(&page.req, status, &LinkPage { shell, deal, kinds, input: form.view(errors) })
}

/// `POST /deals/{id}/links`: `kind`, `deal_id` or `deal`
pub async fn add(page: Page, by: Allow<Edit>, id: Path<DealId>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let id = *id;
    // The undo of a toast says it in the address.
    let form = if form.has("kind") { form } else { Form::decode(page.req.query_string().as_bytes())? };
    let posted = form.clone();
    let done = db
        .org(&page, move |tx| {
            queries::find(tx, &by, id)?;
            let other = meant(tx, &by, &posted)?;
            link(tx, &by, id, posted.get("kind"), other)
        })
        .await;
    match done {
        Ok(()) => Ok(reply::redirect(&page.req, &format!("/deals/{id}"), Some(Flash::success("Deals linked")))),
        Err(AppError::Invalid(errors)) => {
            self::form(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, id, form, errors).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /deals/{id}/links/removal`: `deal_id`
pub async fn remove(
    page: Page,
    by: Allow<Edit>,
    id: Path<DealId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let other: Option<DealId> = form.get("deal_id").parse().ok();
    let said = db
        .org(&page, move |tx| {
            queries::find(tx, &by, id)?;
            let other = other.ok_or(AppError::NotFound)?;
            Ok(unlink(tx, &by, id, other)?.map(|said| (said, other)))
        })
        .await?;
    let flash = Flash::success("Link taken away");
    let flash = match said {
        Some((said, other)) => flash.undo(format!("/deals/{id}/links?kind={said}&deal_id={other}")),
        None => flash,
    };
    Ok(reply::redirect(&page.req, &format!("/deals/{id}"), Some(flash)))
}
