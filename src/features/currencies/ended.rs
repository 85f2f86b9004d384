//! Sums of deals that ended, each apart or in the organisation's currency: at today's rates, or at those of the days they ended.

use super::{Rate, Rates, convert::Converted};
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    kernel::{PipelineId, calendar, calendar::Span},
    web::{Actor, SelectOption},
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{BoxedSqlQuery, SqlQuery},
    sql_types as t,
};
use rust_decimal::Decimal;
use uuid::Uuid;

/// At which rates, if at any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    #[default]
    Today,
    /// Of the day each deal ended, where the organisation is.
    Then,
    /// Every currency for itself.
    Apart,
}

impl Way {
    const ALL: [Self; 3] = [Self::Today, Self::Then, Self::Apart];

    pub fn parse(text: &str) -> Result<Self, &'static str> {
        Self::ALL.into_iter().find(|way| way.key() == text).ok_or("is not one of the choices")
    }

    pub fn key(self) -> &'static str {
        match self {
            Self::Today => "today",
            Self::Then => "then",
            Self::Apart => "apart",
        }
    }

    /// The choices of a select.
    pub fn options(self, actor: &Actor) -> Vec<SelectOption> {
        let label = |way| match way {
            Self::Today => format!("{} at today’s rates", actor.org.currency),
            Self::Then => format!("{} at each deal’s day", actor.org.currency),
            Self::Apart => "Each currency apart".to_owned(),
        };
        Self::ALL.into_iter().map(|way| SelectOption::new(way.key(), label(way), way == self)).collect()
    }
}

/// Which deals: `won` or `lost` within a time, not archived nor deleted.
#[derive(Clone, Debug)]
pub struct Ended {
    pub status: &'static str,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub pipeline: Option<PipelineId>,
    /// `None`: everybody's, and nobody's.
    pub owners: Option<Vec<Uuid>>,
}

impl Ended {
    /// Of whole days where the organisation is.
    pub fn within(actor: &Actor, status: &'static str, span: Span) -> Self {
        let (from, to) = calendar::instants(span, actor.org.zone);
        Self { status, from, to, pipeline: None, owners: None }
    }

    /// SQL of these deals, called `d`. It takes the binds of [`Ended::binds`], and so do the others; the state stands in it for partial indexes.
    pub fn deals(&self) -> String {
        format!(
            "d.status = '{}' AND d.archived_at IS NULL AND d.deleted_at IS NULL AND d.closed_at >= $1 AND d.closed_at < $2{}{}",
            self.status,
            if self.pipeline.is_some() { " AND d.pipeline_id = $5" } else { "" },
            if self.owners.is_some() { " AND d.owner_id = ANY ($6)" } else { "" },
        )
    }

    /// SQL of the rates of the days on which deals in foreign currencies ended, for a `WITH`: `rated (currency, day, rate, on_day)`, one row
    /// for each currency and day.
    pub fn rated(&self) -> String {
        format!(
            "rated AS MATERIALIZED (SELECT g.currency, g.day, r.rate, r.on_day FROM (
  SELECT DISTINCT d.currency, (d.closed_at AT TIME ZONE $4)::date AS day FROM deals d WHERE {} AND d.currency <> $3::char(3)) g
CROSS JOIN LATERAL app.rate_of(g.currency, g.day) r)",
            self.deals()
        )
    }

    /// A statement in which `DEALS` are these deals (`d`), `CURRENCY` is what their amounts times `RATE` are in, once `AT_ITS_DAY` joined them
    /// to the rates of their days, if they are to be converted at those. Its own binds begin at `$7`.
    pub fn statement(&self, sql: &str, way: Way) -> String {
        let sql = sql.replace("DEALS", &self.deals());
        if way != Way::Then {
            return sql.replace("CURRENCY", "d.currency").replace("RATE", "1").replace("AT_ITS_DAY", "");
        }
        let sql =
            sql.replace("CURRENCY", INTO).replace("RATE", "coalesce(f.rate, 1)").replace("AT_ITS_DAY", AT_ITS_DAY);
        format!("WITH {} {sql}", self.rated())
    }

    /// The statement with what [`Ended::statement`] asks for; of what it does not need, the types are told.
    pub fn binds(&self, sql: String, actor: &Actor) -> Bound {
        diesel::sql_query(sql)
            .into_boxed()
            .bind::<t::Timestamptz, _>(self.from)
            .bind::<t::Timestamptz, _>(self.to)
            .bind::<t::Text, _>(actor.org.currency.clone())
            .bind::<t::Text, _>(actor.org.zone.name())
            .bind::<t::Nullable<t::Uuid>, _>(self.pipeline.map(Uuid::from))
            .bind::<t::Nullable<t::Array<t::Uuid>>, _>(self.owners.clone())
    }
}

/// Joins a deal to the rate of its day; without a row where it is in the organisation's own currency.
const AT_ITS_DAY: &str = "LEFT JOIN rated f ON f.currency = d.currency AND f.day = (d.closed_at AT TIME ZONE $4)::date";

const INTO: &str = "CASE WHEN f.rate IS NULL THEN d.currency ELSE $3::char(3) END";

pub type Bound = BoxedSqlQuery<'static, Pg, SqlQuery>;

#[derive(QueryableByName)]
struct Used {
    #[diesel(sql_type = t::Text)]
    currency: String,
    #[diesel(sql_type = t::Nullable<t::Numeric>)]
    first: Option<Decimal>,
    #[diesel(sql_type = t::Nullable<t::Date>)]
    first_on: Option<NaiveDate>,
    #[diesel(sql_type = t::Nullable<t::Numeric>)]
    last: Option<Decimal>,
    #[diesel(sql_type = t::Nullable<t::Date>)]
    last_on: Option<NaiveDate>,
    #[diesel(sql_type = t::Bool)]
    missing: bool,
}

/// What a page says of its sums: at which rates they are, and what has none. `currencies`: those that the deals are in, for today's rates.
pub fn note<'a>(
    tx: &mut OrgTx,
    actor: &Actor,
    way: Way,
    of: &Ended,
    currencies: impl IntoIterator<Item = &'a str>,
) -> AppResult<Option<String>> {
    match way {
        Way::Apart => Ok(None),
        Way::Today => Ok(Rates::today(tx, actor)?.note(currencies, actor)),
        Way::Then => {
            let sql = format!(
                "WITH {} SELECT currency::text AS currency, bool_or(rate IS NULL) AS missing,
  (array_agg(rate ORDER BY on_day) FILTER (WHERE rate IS NOT NULL))[1] AS first, min(on_day) FILTER (WHERE rate IS NOT NULL) AS first_on,
  (array_agg(rate ORDER BY on_day DESC) FILTER (WHERE rate IS NOT NULL))[1] AS last, max(on_day) FILTER (WHERE rate IS NOT NULL) AS last_on
FROM rated GROUP BY rated.currency",
                of.rated()
            );
            let used: Vec<Used> = kept(of.binds(sql, actor)).load(tx.conn())?;
            let mut converted = Converted::new(&actor.org.currency);
            for row in used {
                let ends = [(row.first, row.first_on), (row.last, row.last_on)];
                for (rate, on) in ends.into_iter().filter_map(|(rate, on)| Some((rate?.normalize(), on?))) {
                    converted.add(&row.currency, Decimal::ONE, Some(Rate { rate, on }));
                }
                if row.missing {
                    converted.add(&row.currency, Decimal::ONE, None);
                }
            }
            Ok(converted.note("the rates of the day each deal ended", actor))
        }
    }
}
