//! A board to test on: its stages, deals through the real form, and what the database says behind it.

use super::{Client, Org, Page, TestApp};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query, sql_types};

#[derive(QueryableByName, Debug)]
pub struct Text {
    #[diesel(sql_type = sql_types::Text)]
    pub value: String,
}

impl TestApp {
    /// Every row of a one-column query, read behind the application's back; the column is called `value` and is text.
    pub fn texts(&self, query: &str) -> Vec<String> {
        let mut conn = PgConnection::establish(self.database_url()).unwrap();
        let rows: Vec<Text> = sql_query(query).load(&mut conn).unwrap();
        rows.into_iter().map(|r| r.value).collect()
    }

    /// Runs a statement behind the application's back.
    pub fn alter(&self, statement: &str) {
        sql_query(statement).execute(&mut PgConnection::establish(self.database_url()).unwrap()).unwrap();
    }

    /// The stages of the organisation's first pipeline, in order, and the pipeline.
    pub fn stages(&self, org: &Org) -> (String, Vec<String>) {
        let pipeline = self
            .texts(&format!("SELECT id::text AS value FROM pipelines WHERE org_id = '{}' ORDER BY position", org.id))
            .remove(0);
        let stages = self
            .texts(&format!("SELECT id::text AS value FROM stages WHERE pipeline_id = '{pipeline}' ORDER BY position"));
        (pipeline, stages)
    }

    /// Totals kept by trigger against a plain GROUP BY: empty when they agree.
    pub fn totals_differ(&self) -> Vec<String> {
        self.texts(
            "WITH kept AS (SELECT org_id, stage_id, owner_id, currency, sum(deals) AS deals, sum(amount) AS amount,
               sum(amount_by_stage) AS by_stage, sum(weighted_by_deal) AS weighted FROM deal_totals GROUP BY 1, 2, 3, 4 HAVING sum(deals) <> 0),
             plain AS (SELECT org_id, stage_id, owner_id, currency, count(*) AS deals, coalesce(sum(amount), 0) AS amount,
               coalesce(sum(amount) FILTER (WHERE probability IS NULL), 0) AS by_stage, coalesce(sum(amount * probability / 100), 0) AS weighted
               FROM deals WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL GROUP BY 1, 2, 3, 4)
             SELECT row_to_json(d)::text AS value FROM ((SELECT * FROM kept EXCEPT SELECT * FROM plain) UNION ALL (SELECT * FROM plain EXCEPT SELECT * FROM kept)) d",
        )
    }
}

impl Client {
    /// A deal through the quick add; its id.
    pub async fn add_deal(&self, stage: &str, name: &str, more: &[(&str, &str)]) -> String {
        self.get("/deals/new").await; // for its CSRF token
        let mut fields = vec![("stage_id", stage), ("name", name)];
        fields.extend_from_slice(more);
        let page = self.post_partial("/deals/new", &fields).await;
        assert_eq!(page.status(), 201, "{}", page.body);
        page.between("data-deal-id=\"", "\"").unwrap().to_owned()
    }
}

/// The cards on a page or fragment, in order.
pub fn cards(page: &Page) -> Vec<String> {
    page.body.split("data-deal-id=\"").skip(1).map(|rest| rest[..36].to_owned()).collect()
}
