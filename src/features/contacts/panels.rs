//! The side panel of a contact's page: the deals they have a part in, open ones first.

use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    features::deals,
    kernel::{ContactId, DealId, Money},
    web::Actor,
};
use diesel::{prelude::*, sql_types};
use rust_decimal::Decimal;
use uuid::Uuid;

pub(super) struct DealRow {
    pub id: DealId,
    pub name: String,
    /// "Champion · Proposal"
    pub note: String,
    pub amount: String,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    name: String,
    #[diesel(sql_type = sql_types::Text)]
    role: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    influence: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    stance: Option<String>,
    #[diesel(sql_type = sql_types::Text)]
    status: String,
    #[diesel(sql_type = sql_types::Text)]
    stage: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Numeric>)]
    amount: Option<Decimal>,
    #[diesel(sql_type = sql_types::Text)]
    currency: String,
}

const DEALS: &str = "
SELECT d.id, d.name, dc.role, dc.influence, dc.stance, d.status, s.name AS stage, d.amount, d.currency::text AS currency
FROM deal_contacts dc
JOIN deals d ON d.org_id = dc.org_id AND d.id = dc.deal_id
JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id
WHERE dc.contact_id = $1 AND d.archived_at IS NULL AND d.deleted_at IS NULL AND ($2 IS NULL OR d.owner_id = ANY ($2))
ORDER BY d.status = 'open' DESC, d.id DESC LIMIT 12";

pub(super) fn deals_of(tx: &mut OrgTx, actor: &Actor, id: ContactId) -> AppResult<Vec<DealRow>> {
    if !actor.may("deals.view") {
        return Ok(vec![]);
    }
    let query = diesel::sql_query(DEALS)
        .bind::<sql_types::Uuid, _>(id)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(actor.visible_owners());
    let rows: Vec<Row> = kept(query).load(tx.conn())?;
    let row = |Row { id, name, role, influence, stance, status, stage, amount, currency }: Row| {
        let role = deals::part_words(&role, influence.as_deref(), stance.as_deref());
        let state = match status.as_str() {
            "won" => "Won".to_owned(),
            "lost" => "Lost".to_owned(),
            _ => stage,
        };
        let note = if role.is_empty() { state } else { format!("{role} · {state}") };
        let amount = amount.map(|a| actor.locale.short(Money::from_columns(a, &currency))).unwrap_or_default();
        DealRow { id: DealId(id), name, note, amount }
    };
    Ok(rows.into_iter().map(row).collect())
}
