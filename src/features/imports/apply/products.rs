//! Products: a deal whose row names one gets a line of it, at the row's amount. They are known by code or name, spaces, case and
//! punctuation aside; what the catalogue lacks is refused, made, or kept as a name, as the importer chose. A deal that is there keeps its
//! lines; where its amount follows a single line of that product, the line takes the row's amount.
//!
//! `import_products` has every name in the file, with the product it means.

use super::{
    super::options::{OnMatch, UnknownProducts},
    NEW, Plan, number, run_sql,
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::products,
    kernel::ProductId,
};
use diesel::{prelude::*, sql_query, sql_types};

/// New products told by their names.
const TOLD: usize = 10;
/// The row's name, in the words of the stage.
const NAMED: &str = "s.custom->>'product'";

/// Finds the products that rows name, or refuses rows. Precedes matching; [`make`] follows when all refusals are known.
pub(super) fn resolve(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    if !plan.has_products {
        return Ok(());
    }
    let create = format!(
        "CREATE TEMPORARY TABLE import_products ON COMMIT DROP AS \
         SELECT w.text, CASE WHEN p.n = 1 THEN p.id END AS id, coalesce(p.n, 0) > 1 AS several \
         FROM (SELECT DISTINCT {NAMED} AS text FROM import_stage s WHERE s.problem IS NULL AND {NAMED} IS NOT NULL) w \
         LEFT JOIN LATERAL (SELECT (array_agg(c.id ORDER BY c.rank))[1] AS id, count(*) FILTER (WHERE c.rank = c.best) AS n \
           FROM (SELECT x.*, min(x.rank) OVER () AS best FROM ({}) x) c) p ON true",
        products::candidates("w.text")
    );
    run_sql(tx, &create)?;
    match plan.products {
        UnknownProducts::Create if plan.context.may_create_products => {}
        UnknownProducts::Name => {}
        // Without a catalogue nobody expects the file's words to be in it.
        UnknownProducts::Refuse if number(tx, "SELECT count(*) AS n FROM (SELECT FROM products LIMIT 1) p")? == 0 => {}
        UnknownProducts::Refuse => {
            refuse(tx, "NOT p.several", "is not in the catalogue: add it there first, or choose to have it made")?;
        }
        UnknownProducts::Create => {
            refuse(tx, "NOT p.several", "is not in the catalogue, and your role does not let you add products")?;
        }
    }
    if plan.products != UnknownProducts::Name {
        refuse(tx, "p.several", "is what several products are called: use the code")?;
    }
    run_sql(tx, "ANALYZE import_products")
}

fn refuse(tx: &mut OrgTx, which: &str, why: &str) -> AppResult<()> {
    let sql = format!(
        "UPDATE import_stage s SET key = NULL, ref_key = NULL, problem = jsonb_build_object('Product', '{why}') FROM import_products p \
         WHERE s.problem IS NULL AND p.text = {NAMED} AND p.id IS NULL AND {which}"
    );
    run_sql(tx, &sql)
}

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = sql_types::Text)]
    text: String,
}

/// Makes the products that rows name and nobody has, where that was asked for. Names that mean the same become one product. A trial
/// makes none. Returns those made, in words, and their ids.
pub(super) fn make(tx: &mut OrgTx, plan: &Plan) -> AppResult<(Vec<String>, Vec<ProductId>)> {
    if !plan.has_products || plan.products != UnknownProducts::Create || !plan.context.may_create_products {
        return Ok(Default::default());
    }
    let words: Vec<Word> = sql_query(format!(
        "SELECT p.text FROM import_products p WHERE p.id IS NULL AND NOT p.several \
           AND EXISTS (SELECT FROM import_stage s WHERE s.problem IS NULL AND {NAMED} = p.text) ORDER BY p.text"
    ))
    .load(tx.conn())?;
    let (mut made, mut ids) = (Vec::new(), Vec::new());
    for Word { text } in &words {
        if plan.trial {
            made.push(text.clone());
            continue;
        }
        let id = match products::resolve(tx, text)? {
            products::Found::One(id) => id,
            products::Found::Several | products::Found::None => {
                made.push(text.clone());
                ids.push(products::make(tx, text)?);
                ids[ids.len() - 1]
            }
        };
        sql_query("UPDATE import_products SET id = $1 WHERE text = $2")
            .bind::<sql_types::Uuid, _>(id)
            .bind::<sql_types::Text, _>(text)
            .execute(tx.conn())?;
    }
    Ok((told(&made).into_iter().collect(), ids))
}

fn told(names: &[String]) -> Option<String> {
    let first = names.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => None,
        1 => Some(format!("the product {first}")),
        n if n > TOLD => Some(format!("{n} products ({first} …)")),
        n => Some(format!("{n} products ({first})")),
    }
}

/// What rows that are imported name and the catalogue does not have, in words.
pub(super) fn lacking(tx: &mut OrgTx, plan: &Plan) -> AppResult<String> {
    if !plan.has_products || plan.trial {
        return Ok(String::new());
    }
    let words: Vec<Word> = sql_query(format!(
        "SELECT p.text FROM import_products p WHERE p.id IS NULL \
           AND EXISTS (SELECT FROM import_stage s WHERE s.problem IS NULL AND {NAMED} = p.text) ORDER BY p.text"
    ))
    .load(tx.conn())?;
    let names: Vec<String> = words.into_iter().map(|word| word.text).collect();
    Ok(told(&names).unwrap_or_default())
}

fn amount(plan: &Plan) -> String {
    format!("{}::numeric", plan.staged("amount"))
}

fn quantity(plan: &Plan) -> String {
    format!("coalesce({}::numeric, 1)", plan.staged("quantity"))
}

/// Precedes the update of deals, whose amount then is what their one line comes to.
pub(super) fn adjust(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    if !plan.has_products || plan.trial || plan.on_match != OnMatch::Update {
        return Ok(());
    }
    // Of deals that come back from the bin: a product that undo took back is the line's again.
    run_sql(
        tx,
        &format!(
            "UPDATE deal_lines l SET product_id = p.id, updated_at = now() FROM import_stage s JOIN import_match m ON m.line = s.line \
             JOIN import_products ip ON ip.text = {NAMED} JOIN products p ON p.org_id = app.org() AND p.id = ip.id \
             JOIN deals d ON d.org_id = app.org() AND d.id = m.id AND d.deleted_at IS NOT NULL \
             WHERE s.problem IS NULL AND l.org_id = d.org_id AND l.deal_id = d.id AND l.product_id IS NULL AND l.name = p.name"
        ),
    )?;
    let (amount, quantity) = (amount(plan), format!("coalesce({}::numeric, l.quantity)", plan.staged("quantity")));
    let sql = format!(
        "UPDATE deal_lines l SET quantity = {quantity}, unit_price = round({amount} / {quantity}, 4), \
           period_net = app.line_net({quantity}, round({amount} / {quantity}, 4), NULL, NULL, d.currency), updated_at = now() \
         FROM import_stage s JOIN import_match m ON m.line = s.line JOIN import_products p ON p.text = {NAMED} \
         JOIN deals d ON d.org_id = app.org() AND d.id = m.id \
         WHERE s.problem IS NULL AND l.org_id = d.org_id AND l.deal_id = d.id AND l.product_id = p.id AND l.every IS NULL \
           AND num_nonnulls(l.discount_percent, l.discount_amount) = 0 AND d.amount_from = 'lines' AND d.amount <> {amount} \
           AND (SELECT count(*) FROM deal_lines x WHERE x.org_id = l.org_id AND x.deal_id = l.deal_id) = 1"
    );
    run_sql(tx, &sql)
}

/// Of new deals: the join to what they sell, and where their amount comes from. `currency` is SQL of the deal's.
pub(super) fn standing(plan: &Plan, currency: &str) -> (String, String) {
    if !plan.has_products {
        return (String::new(), "'hand'".to_owned());
    }
    let (amount, quantity) = (amount(plan), quantity(plan));
    let follows = format!(
        "CASE WHEN ip.id IS NOT NULL AND {amount} = app.line_net({quantity}, round({amount} / {quantity}, 4), NULL, NULL, {currency}) \
         THEN 'lines' ELSE 'hand' END"
    );
    (format!(" LEFT JOIN import_products ip ON ip.text = {NAMED}"), follows)
}

/// The lines of new deals; where the row says no amount, at the product's price, beside a deal that has none.
pub(super) fn add(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    if !plan.has_products {
        return Ok(());
    }
    let (amount, quantity) = (amount(plan), quantity(plan));
    let sql = format!(
        "INSERT INTO deal_lines (id, deal_id, position, product_id, name, unit, quantity, unit_price, tax_class_id, tax_rate, period_net) \
         SELECT d.id, d.id, 0, p.id, p.name, p.unit, {quantity}, c.price, p.tax_class_id, t.rate, \
           app.line_net({quantity}, c.price, NULL, NULL, d.currency) \
         FROM import_stage s JOIN import_products ip ON ip.text = {NAMED} \
         JOIN products p ON p.org_id = app.org() AND p.id = ip.id JOIN deals d ON d.org_id = p.org_id AND d.id = s.new_id \
         LEFT JOIN tax_classes t ON t.org_id = p.org_id AND t.id = p.tax_class_id \
         CROSS JOIN LATERAL (SELECT coalesce(round({amount} / {quantity}, 4), (SELECT x.price FROM product_prices x \
           WHERE x.org_id = p.org_id AND x.product_id = p.id AND x.currency = d.currency), 0) AS price) c WHERE {NEW}"
    );
    run_sql(tx, &sql)
}
