//! Many new leads at once, such as an import's: rule by rule, each in one statement, in the same turns as one by one.

use super::{choice, model::Rule};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::text,
};
use diesel::{prelude::*, sql_types};
use serde_json::Value;
use uuid::Uuid;

#[derive(QueryableByName)]
struct Given {
    #[diesel(sql_type = sql_types::BigInt)]
    n: i64,
}

/// Gives owners to those of these leads that have none. `from` is trusted SQL for their `id`s, each with its `place` in the order of
/// turns; `data` goes with their events. A lead keeps its version: nobody changed it.
pub fn share_out(tx: &mut OrgTx, from: &str, data: &Value) -> AppResult<()> {
    for rule in choice::rules(tx)?.into_iter().filter(|rule| rule.terms.form_id.is_none()) {
        let Some((people, start)) = choice::turns(tx, &rule)? else { continue };
        let given = give(tx, from, data, &rule, &people, start)?;
        if let (Some(_), Ok(given)) = (rule.terms.team_id, usize::try_from(given))
            && given > 0
            && let Some(last) = people.get((start + given - 1) % people.len())
        {
            choice::remember_turn(tx, rule.id, *last)?;
        }
    }
    Ok(())
}

fn give(tx: &mut OrgTx, from: &str, data: &Value, rule: &Rule, people: &[Uuid], start: usize) -> AppResult<i64> {
    let sql = format!(
        "WITH mine AS (SELECT l.id, row_number() OVER (ORDER BY n.place) - 1 AS turn FROM ({from}) n \
             JOIN leads l ON l.org_id = app.org() AND l.id = n.id WHERE l.owner_id IS NULL \
             AND ($1 IS NULL OR app.fold(l.source) = $1) AND ($2 IS NULL OR app.fold(l.campaign) = $2) \
             AND ($3 IS NULL OR l.country::text = $3)), \
           given AS (UPDATE leads u SET owner_id = $4[1 + (m.turn + $5) % cardinality($4)] FROM mine m \
             WHERE u.org_id = app.org() AND u.id = m.id RETURNING u.id, u.owner_id), \
           told AS (INSERT INTO events (kind, record_type, record_id, changes, data) \
             SELECT 'lead.assigned', 'lead', g.id, \
               jsonb_build_object('owner_id', jsonb_build_array(NULL, jsonb_build_object('id', p.id, 'name', p.name))), $6 \
             FROM given g JOIN members p ON p.org_id = app.org() AND p.id = g.owner_id) \
         SELECT count(*) AS n FROM given"
    );
    type Text = sql_types::Nullable<sql_types::Text>;
    let folded = |text: &Option<String>| text.as_deref().map(text::fold);
    let row: Given = diesel::sql_query(sql)
        .bind::<Text, _>(folded(&rule.terms.source))
        .bind::<Text, _>(folded(&rule.terms.campaign))
        .bind::<Text, _>(rule.terms.country.clone())
        .bind::<sql_types::Array<sql_types::Uuid>, _>(people)
        .bind::<sql_types::BigInt, _>(i64::try_from(start).unwrap_or(0))
        .bind::<sql_types::Jsonb, _>(data)
        .get_result(tx.conn())?;
    Ok(row.n)
}
