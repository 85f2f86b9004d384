//! `GET /deals`: the list of deals, on what all record lists share.

use super::{
    fields::STATUSES,
    model::{Deal, DealRow},
    narrowing,
};
use crate::{
    db::{Db, OrgTx, Tx},
    error::AppResult,
    features::{
        accounts::members::{self, Person},
        companies,
        pipeline::{self, Stage},
        records::list::{self, ListQuery, ListView},
    },
    kernel::{CompanyId, RecordType},
    schema::deals,
    web::{Actor, Form, Page, Shell, permission::deals::View, reply},
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use diesel::prelude::*;
use std::collections::HashMap;
use uuid::Uuid;

const COLUMNS: &[&str] =
    &["number", "name", "company_id", "stage_id", "amount", "expected_close_on", "owner_id", "created_at"];
const FILTERS: &[&str] = &["status"];

#[derive(Template)]
#[template(path = "deals/index.html")]
struct Index {
    shell: Shell,
    list: ListView,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "deals/_more.html")]
struct More {
    list: ListView,
    rows: Vec<Row>,
}

/// A row of the list.
struct Row {
    id: String,
    number: String,
    name: String,
    company: Option<(String, String)>,
    stage: String,
    color: String,
    /// Label and tone of a closed deal's badge.
    closed: Option<(&'static str, &'static str)>,
    amount: String,
    close: String,
    owner: Option<Person>,
    added: String,
    added_exact: String,
}

pub(super) async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let mut query = ListQuery::parse(RecordType::Deal, &page.actor, page.req.query_string(), FILTERS)?;
    let asked = Form::decode(page.req.query_string().as_bytes())?;
    let actor = page.actor.clone();
    let (query, list, rows) = db
        .org(&page, move |tx| {
            query.extras = narrowing::extras(tx, &actor, &asked)?;
            let found = list::find(tx, &actor, &query)?;
            let people = members::directory(tx)?;
            let rows = rows(tx, &actor, &people, &found.page.rows)?;
            let counted = (rows.len(), found.count, found.page.next.as_deref());
            let list = ListView::new(&query, &actor, &people, (COLUMNS, FILTERS), counted);
            Ok((query, list, rows))
        })
        .await?;
    if reply::is_partial(&page.req) {
        let list = list.appended(&query, rows.len(), &page.actor);
        return reply::fragment(&More { list, rows });
    }
    reply::page(&page.req, &Index { shell: page.shell("deals"), list, rows })
}

/// The rows of these ids, in their order.
fn rows(tx: &mut OrgTx, actor: &Actor, people: &[Person], ids: &[Uuid]) -> AppResult<Vec<Row>> {
    let found: Vec<DealRow> =
        deals::table.filter(deals::id.eq_any(ids)).select(DealRow::as_select()).load(tx.conn())?;
    let mut found: HashMap<Uuid, Deal> = found.into_iter().map(Deal::from).map(|d| (d.id.0, d)).collect();
    let named: Vec<CompanyId> = found.values().filter_map(|d| d.company_id).collect();
    let names = companies::names(tx, &named)?;
    let stages = pipeline::stages(tx)?;
    let row = |deal: Deal| {
        let stage = stages.iter().find(|s| s.id == deal.stage_id);
        let company = deal.company_id.and_then(|id| Some((id.to_string(), names.get(&id)?.clone())));
        Row::new(actor, people, deal, company, stage)
    };
    Ok(ids.iter().filter_map(|id| found.remove(id)).map(row).collect())
}

impl Row {
    fn new(
        actor: &Actor,
        people: &[Person],
        deal: Deal,
        company: Option<(String, String)>,
        stage: Option<&Stage>,
    ) -> Self {
        let label = STATUSES.iter().find(|(key, _)| *key == deal.status.key()).map_or("", |(_, label)| *label);
        Self {
            id: deal.id.to_string(),
            number: deal.reference(),
            company,
            stage: stage.map(|s| s.name.clone()).unwrap_or_default(),
            color: stage.map(|s| s.color.clone()).unwrap_or_default(),
            closed: (!deal.is_open()).then(|| (label, if deal.status.key() == "won" { "good" } else { "bad" })),
            amount: deal.money().map(|m| actor.locale.money(m)).unwrap_or_default(),
            close: deal.expected_close_on.map(|d| actor.locale.day(d, actor.today())).unwrap_or_default(),
            owner: people.iter().find(|p| Some(p.id) == deal.owner_id).cloned(),
            added: actor.moment(deal.created_at),
            added_exact: actor.exact(deal.created_at),
            name: deal.name,
        }
    }
}
