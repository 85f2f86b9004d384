//! `/products`: the catalogue as a list, and what a combobox offers of it.

use super::{forms, model::Category, queries};
use crate::{
    db::{
        Db, OrgTx, Tx, kept,
        paging::{self, Page as Rows},
    },
    error::AppResult,
    kernel::{Money, ProductId, lines::INTERVALS, text},
    web::{
        Actor, Form, Page, SelectOption, Shell,
        permission::{
            Permission,
            products::{Administer, View},
        },
        reply,
    },
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use diesel::{prelude::*, sql_types};
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

/// What narrows the list.
#[derive(Clone, Debug, Default)]
pub(super) struct Narrowed {
    pub q: String,
    pub category: Option<Uuid>,
    /// `active`, `retired` or `all`.
    pub status: &'static str,
    pub after: Option<String>,
}

const STATUSES: &[(&str, &str)] = &[("active", "Active"), ("retired", "Retired"), ("all", "All")];

impl Narrowed {
    fn read(form: &Form) -> AppResult<Self> {
        let mut p = form.parser();
        let narrowed = Self {
            q: form.get("q").chars().take(200).collect(),
            category: p.id("category"),
            status: p.choice("status", STATUSES).unwrap_or("active"),
            after: Some(form.get("after").to_owned()).filter(|after| !after.is_empty()),
        };
        p.finish()?;
        Ok(narrowed)
    }

    fn href(&self, after: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::from("/products?"));
        query.append_pair("q", &self.q).append_pair("status", self.status);
        if let Some(category) = self.category {
            query.append_pair("category", &category.to_string());
        }
        query.append_pair("after", after).finish()
    }
}

#[derive(QueryableByName, Clone, Debug)]
pub(super) struct Row {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    #[diesel(sql_type = sql_types::Text)]
    name_key: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub code: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub unit: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub category: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub tax: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Numeric>)]
    pub rate: Option<Decimal>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub every: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub description: Option<String>,
    #[diesel(sql_type = sql_types::Bool)]
    pub retired: bool,
    /// Pairs of currency and price, as text.
    #[diesel(sql_type = sql_types::Jsonb)]
    pub prices: Value,
}

impl Row {
    pub(super) fn price_pairs(&self) -> impl Iterator<Item = (&str, Decimal)> {
        let pairs = self.prices.as_array().into_iter().flatten();
        pairs.filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?.parse::<Decimal>().ok()?)))
    }
}

const FIELDS: &str = "
SELECT p.id, p.name, p.name_key, p.code, p.unit, c.name AS category, t.name AS tax, t.rate, p.every, p.description,
  p.retired_at IS NOT NULL AS retired,
  (SELECT coalesce(jsonb_agg(jsonb_build_array(x.currency::text, x.price::text) ORDER BY x.currency), '[]')
   FROM product_prices x WHERE x.org_id = p.org_id AND x.product_id = p.id) AS prices
FROM products p
LEFT JOIN product_categories c ON c.org_id = p.org_id AND c.id = p.category_id
LEFT JOIN tax_classes t ON t.org_id = p.org_id AND t.id = p.tax_class_id";
const FITS: &str = "($1 = '' OR strpos(p.name_key, app.fold($1)) > 0 OR strpos(p.code_key, app.fold($1)) > 0 \
     OR app.match_key($1) <> '' AND (strpos(p.name_match, app.match_key($1)) > 0 OR strpos(p.code_match, app.match_key($1)) > 0)) \
   AND ($2 IS NULL OR p.category_id = $2) AND ($3 = 'all' OR (p.retired_at IS NOT NULL) = ($3 = 'retired'))";

/// A page of the products that fit, by name.
pub(super) fn page(tx: &mut OrgTx, asked: &Narrowed, limit: i64) -> AppResult<Rows<Row>> {
    let after: Option<(String, Uuid)> = asked.after.as_deref().map(paging::decode).transpose()?;
    let sql = format!(
        "{FIELDS} WHERE {FITS} AND ($4 IS NULL OR (p.name_key, p.id) > ($4, $5)) ORDER BY p.name_key, p.id LIMIT $6"
    );
    let query = diesel::sql_query(sql)
        .bind::<sql_types::Text, _>(asked.q.clone())
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(asked.category)
        .bind::<sql_types::Text, _>(asked.status)
        .bind::<sql_types::Nullable<sql_types::Text>, _>(after.as_ref().map(|a| a.0.clone()))
        .bind::<sql_types::Uuid, _>(after.map_or(Uuid::nil(), |a| a.1))
        .bind::<sql_types::BigInt, _>(limit + 1);
    let rows: Vec<Row> = kept(query).load(tx.conn())?;
    Ok(Rows::new(rows, limit, |row| (row.name_key.clone(), row.id)))
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    n: i64,
}

fn count(tx: &mut OrgTx, asked: &Narrowed) -> AppResult<i64> {
    let query = diesel::sql_query(format!("SELECT count(*) AS n FROM products p WHERE {FITS}"))
        .bind::<sql_types::Text, _>(asked.q.clone())
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(asked.category)
        .bind::<sql_types::Text, _>(asked.status);
    Ok(kept(query).get_result::<Count>(tx.conn())?.n)
}

/// A product as the list shows it.
struct Line {
    id: Uuid,
    name: String,
    code: String,
    category: String,
    tax: String,
    paid: &'static str,
    prices: String,
    retired: bool,
}

impl Line {
    fn of(row: Row, actor: &Actor) -> Self {
        let prices: Vec<String> =
            row.price_pairs().map(|(code, amount)| actor.locale.money(Money::from_columns(amount, code))).collect();
        let unit = row.unit.as_ref().map(|unit| format!(" / {unit}")).unwrap_or_default();
        Self {
            prices: if prices.is_empty() { String::new() } else { format!("{}{unit}", prices.join(" · ")) },
            tax: row.tax.zip(row.rate).map(|(name, rate)| forms::tax_label(&name, rate)).unwrap_or_default(),
            paid: row
                .every
                .as_deref()
                .and_then(|key| INTERVALS.iter().find(|(k, _)| *k == key))
                .map_or("Once", |(_, l)| l),
            id: row.id,
            name: row.name,
            code: row.code.unwrap_or_default(),
            category: row.category.unwrap_or_default(),
            retired: row.retired,
        }
    }
}

#[derive(Template)]
#[template(path = "products/index.html")]
struct Index {
    shell: Shell,
    q: String,
    statuses: Vec<SelectOption>,
    categories: Vec<SelectOption>,
    lines: Vec<Line>,
    total: String,
    shown: String,
    next: Option<String>,
    narrowed: bool,
    may_edit: bool,
}

#[derive(Template)]
#[template(path = "products/_more.html")]
struct More {
    lines: Vec<Line>,
    total: String,
    shown: String,
    next: Option<String>,
}

/// `GET /products?q=&category=&status=&after=`
pub(super) async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let form = Form::decode(page.req.query_string().as_bytes())?;
    let asked = Narrowed::read(&form)?;
    let before: i64 = form.get("shown").parse().unwrap_or(0).clamp(0, 1_000_000);
    let wanted = asked.clone();
    let (rows, total, categories) = db
        .org(&page, move |tx| {
            Ok((self::page(tx, &wanted, paging::PAGE)?, count(tx, &wanted)?, queries::categories(tx)?))
        })
        .await?;
    let shown = before + i64::try_from(rows.rows.len()).unwrap_or(0);
    let next = rows.next.as_deref().map(|after| format!("{}&shown={shown}", asked.href(after)));
    let lines: Vec<Line> = rows.rows.into_iter().map(|row| Line::of(row, &page.actor)).collect();
    let (total, shown) = (page.locale.integer(total), page.locale.integer(shown));
    if asked.after.is_some() && reply::is_partial(&page.req) {
        return reply::fragment(&More { lines, total, shown, next });
    }
    let template = Index {
        shell: page.shell("products"),
        statuses: STATUSES.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == asked.status)).collect(),
        categories: choices(&categories, asked.category),
        narrowed: !asked.q.is_empty() || asked.category.is_some() || asked.status != "active",
        may_edit: page.actor.may(Administer::KEY),
        q: asked.q,
        lines,
        total,
        shown,
        next,
    };
    reply::page(&page.req, &template)
}

fn choices(all: &[Category], chosen: Option<Uuid>) -> Vec<SelectOption> {
    all.iter().map(|c| SelectOption::new(c.id.to_string(), &c.name, Some(c.id.0) == chosen)).collect()
}

#[derive(Template)]
#[template(path = "records/_options.html")]
struct Options {
    options: Vec<(String, String, String)>,
    adding: Option<String>,
}

/// `GET /products/options?q=&currency=`: what the combobox of a line offers; whoever sees deals may know what is sold.
pub(super) async fn options(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let form = Form::decode(page.req.query_string().as_bytes())?;
    let q: String = form.get("q").chars().take(200).collect();
    let asked = Narrowed { q: q.clone(), status: "active", ..Narrowed::default() };
    let found = db.org(&page, move |tx| self::page(tx, &asked, 10)).await?;
    let known = found.rows.iter().any(|row| text::fold(&row.name) == text::fold(&q));
    let note = |row: &Row| {
        let price =
            row.price_pairs().find(|(code, _)| *code == form.get("currency")).or_else(|| row.price_pairs().next());
        let price = price.map(|(code, amount)| page.locale.money(Money::from_columns(amount, code)));
        [row.code.clone(), price].into_iter().flatten().collect::<Vec<_>>().join(" · ")
    };
    let options = found.rows.iter().map(|row| (ProductId(row.id).to_string(), row.name.clone(), note(row))).collect();
    reply::fragment(&Options { options, adding: (!q.is_empty() && !known).then_some(q) })
}
