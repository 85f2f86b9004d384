//! What was won and done in whole months: sums of the few rows that triggers keep for each person and month.

use super::{Circle, Goal, Measure, Period};
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    features::currencies::ended::{Ended, Way},
    web::Actor,
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

/// What was won in foreign currencies, at the rates of the days it was won.
const FOREIGN: &str = "
SELECT d.owner_id, d.pipeline_id, CURRENCY::text AS currency, 0::bigint AS deals, round(sum(d.amount * RATE), 4) AS amount
FROM deals d AT_ITS_DAY WHERE DEALS AND d.currency <> $3::char(3) AND d.amount IS NOT NULL GROUP BY 1, 2, 3";

const DONE: &str = "
SELECT owner_id, type_id, sum(done)::bigint AS done
FROM activity_closings WHERE month >= $1 AND month < $2 AND ($3 IS NULL OR owner_id = ANY ($3)) GROUP BY 1, 2";

impl Reached {
    /// `owners`: whose is needed; `None`: everybody's. `activities`: whether any goal asks for them.
    pub fn load(
        tx: &mut OrgTx,
        actor: &Actor,
        period: Period,
        (owners, activities): (Option<Vec<Uuid>>, bool),
        way: Way,
    ) -> AppResult<Self> {
        let binds = |sql: &'static str| {
            diesel::sql_query(sql)
                .bind::<t::Date, _>(period.span.from)
                .bind::<t::Date, _>(period.span.to)
                .bind::<t::Nullable<t::Array<t::Uuid>>, _>(owners.clone())
        };
        let mut won: Vec<Won> = kept(binds(WON)).load(tx.conn())?;
        let done = if activities { kept(binds(DONE)).load(tx.conn())? } else { Vec::new() };
        let own = &actor.org.currency;
        if way == Way::Then && won.iter().any(|row| row.currency != *own) {
            for row in won.iter_mut().filter(|row| row.currency != *own) {
                row.amount = Decimal::ZERO;
            }
            let of = Ended { owners: owners.clone(), ..Ended::within(actor, "won", period.span) };
            won.extend(kept(of.binds(of.statement(FOREIGN, way), actor)).load::<Won>(tx.conn())?);
        }
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

#[derive(QueryableByName)]
struct Code {
    #[diesel(sql_type = t::Text)]
    currency: String,
}

/// The foreign currencies in which something was won in a period, of what the reader sees.
pub(super) fn foreign(tx: &mut OrgTx, actor: &Actor, period: Period) -> AppResult<Vec<String>> {
    let sql = "SELECT currency::text AS currency FROM deal_closings
WHERE month >= $1 AND month < $2 AND status = 'won' AND ($3 IS NULL OR owner_id = ANY ($3)) AND currency <> $4::char(3)
GROUP BY deal_closings.currency HAVING sum(amount) <> 0 ORDER BY 1";
    let query = diesel::sql_query(sql)
        .bind::<t::Date, _>(period.span.from)
        .bind::<t::Date, _>(period.span.to)
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(actor.visible_owners())
        .bind::<t::Text, _>(actor.org.currency.clone());
    let codes: Vec<Code> = kept(query).load(tx.conn())?;
    Ok(codes.into_iter().map(|code| code.currency).collect())
}
