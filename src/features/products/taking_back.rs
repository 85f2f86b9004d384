//! Taking back the products that an import made, as far as no deal sells them and nobody changed them since.

use super::commands::RECORD;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    events::{self, Changes, Event},
    kernel::ProductId,
    schema::{deal_lines, products},
};
use diesel::{prelude::*, sql_query, sql_types};

const SOLD: &str = "SELECT DISTINCT l.product_id FROM deal_lines l JOIN deals d ON d.org_id = l.org_id AND d.id = l.deal_id \
     WHERE l.product_id = ANY ($1) AND d.deleted_at IS NULL";

#[derive(QueryableByName)]
struct Sold {
    #[diesel(sql_type = sql_types::Uuid)]
    product_id: ProductId,
}

/// What became of them, in words.
#[derive(Debug, Default)]
pub struct TakenBack {
    pub gone: Vec<String>,
    /// With the reason.
    pub left: Vec<String>,
}

/// Follows the removal of the deals that go. Those in the bin keep their lines, under the product's name. A product that is gone already is
/// no matter.
pub fn take_back(tx: &mut OrgTx, made: &[ProductId]) -> AppResult<TakenBack> {
    let mut taken = TakenBack::default();
    if made.is_empty() {
        return Ok(taken);
    }
    // Whoever writes a line of one of them waits, or is seen below.
    let there: Vec<(ProductId, String, i32)> = products::table
        .filter(products::id.eq_any(made))
        .select((products::id, products::name, products::version))
        .order(products::id)
        .for_update()
        .load(tx.conn())?;
    let sold: Vec<Sold> = sql_query(SOLD).bind::<sql_types::Array<sql_types::Uuid>, _>(made).load(tx.conn())?;
    let mut go = Vec::new();
    for (id, name, version) in there {
        if sold.iter().any(|sold| sold.product_id == id) {
            taken.left.push(format!("product {name}, which is on deals"));
        } else if version > 1 {
            taken.left.push(format!("product {name}, which was changed since"));
        } else {
            taken.gone.push(format!("product {name}"));
            go.push((id, name));
        }
    }
    let ids: Vec<ProductId> = go.iter().map(|(id, _)| *id).collect();
    diesel::update(deal_lines::table.filter(deal_lines::product_id.eq_any(&ids)))
        .set(deal_lines::product_id.eq(None::<ProductId>))
        .execute(tx.conn())?;
    diesel::delete(products::table.filter(products::id.eq_any(&ids))).execute(tx.conn())?;
    for (id, name) in go {
        let mut changes = Changes::new();
        changes.track("name", &Some(name), &None);
        events::record_quietly(tx, Event::of("product.deleted", RECORD, id).changes(changes))?;
    }
    Ok(taken)
}
