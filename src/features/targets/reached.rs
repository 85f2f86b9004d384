//! What was won and done in whole months: sums of the few rows that triggers keep for each person and month.

use super::{Circle, Goal, Measure, Period};
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
};
use diesel::{prelude::*, sql_types as t};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use uuid::Uuid;

#[derive(Clone, Debug, QueryableByName)]
struct Won {
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    owner_id: Option<Uuid>,
    #[diesel(sql_type = t::Uuid)]
    pipeline_id: Uuid,
    #[diesel(sql_type = t::Text)]
    currency: String,
    #[diesel(sql_type = t::BigInt)]
    deals: i64,
    #[diesel(sql_type = t::Numeric)]
    amount: Decimal,
}

#[derive(Clone, Debug, QueryableByName)]
struct Done {
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    owner_id: Option<Uuid>,
    #[diesel(sql_type = t::Uuid)]
    type_id: Uuid,
    #[diesel(sql_type = t::BigInt)]
    done: i64,
}

/// All that was reached in a period, to be asked for one circle and goal after another.
#[derive(Clone, Debug)]
pub(super) struct Reached {
    won: Vec<Won>,
    done: Vec<Done>,
}

const WON: &str = "
SELECT owner_id, pipeline_id, currency::text AS currency, sum(deals)::bigint AS deals, sum(amount) AS amount
FROM deal_closings WHERE month >= $1 AND month < $2 AND status = 'won' AND ($3 IS NULL OR owner_id = ANY ($3))
GROUP BY 1, 2, deal_closings.currency";

const DONE: &str = "
SELECT owner_id, type_id, sum(done)::bigint AS done
FROM activity_closings WHERE month >= $1 AND month < $2 AND ($3 IS NULL OR owner_id = ANY ($3)) GROUP BY 1, 2";

impl Reached {
    /// `owners`: whose is needed; `None`: everybody's. `activities`: whether any goal asks for them.
    pub fn load(tx: &mut OrgTx, period: Period, owners: Option<Vec<Uuid>>, activities: bool) -> AppResult<Self> {
        let binds = |sql: &'static str| {
            diesel::sql_query(sql)
                .bind::<t::Date, _>(period.span.from)
                .bind::<t::Date, _>(period.span.to)
                .bind::<t::Nullable<t::Array<t::Uuid>>, _>(owners.clone())
        };
        let won = kept(binds(WON)).load(tx.conn())?;
        let done = if activities { kept(binds(DONE)).load(tx.conn())? } else { Vec::new() };
        Ok(Self { won, done })
    }

    /// What a circle reached of a goal, and what it won in other currencies than `currency` besides, by currency.
    pub fn of(&self, circle: &Circle, goal: &Goal, currency: &str) -> (Decimal, BTreeMap<String, Decimal>) {
        if goal.measure == Measure::Activities {
            let mine = self.done.iter().filter(|row| circle.counts(row.owner_id));
            let asked = mine.filter(|row| goal.activity_type.is_none_or(|id| id.0 == row.type_id));
            return (Decimal::from(asked.map(|row| row.done).sum::<i64>()), BTreeMap::new());
        }
        let mine = self.won.iter().filter(|row| circle.counts(row.owner_id));
        let (mut reached, mut others) = (Decimal::ZERO, BTreeMap::new());
        for row in mine.filter(|row| goal.pipeline.is_none_or(|id| id.0 == row.pipeline_id)) {
            match goal.measure {
                Measure::Deals => reached += Decimal::from(row.deals),
                _ if row.currency == currency => reached += row.amount,
                _ if row.amount.is_zero() => {}
                _ => *others.entry(row.currency.clone()).or_default() += row.amount,
            }
        }
        (reached, others)
    }
}
