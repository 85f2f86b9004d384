//! A look behind the scenes: SQL as the test server's superuser, outside every rule of the application.

use super::TestApp;
use diesel::{
    Connection, PgConnection, QueryableByName, RunQueryDsl, connection::SimpleConnection, sql_query, sql_types::Text,
};

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

pub fn connect(url: &str) -> PgConnection {
    PgConnection::establish(url).expect("the test database answers")
}

/// The rows of a query whose one column is called `line`.
pub fn lines(conn: &mut PgConnection, query: &str) -> Vec<String> {
    let rows: Vec<Line> = sql_query(query).load(conn).unwrap_or_else(|e| panic!("{e}: {query}"));
    rows.into_iter().map(|row| row.line).collect()
}

/// The one value of a query, as text.
pub fn value(conn: &mut PgConnection, query: &str) -> String {
    let found = lines(conn, &format!("SELECT coalesce(({query})::text, '') AS line"));
    found.into_iter().next().expect("one row")
}

impl TestApp {
    /// Runs statements as superuser.
    pub async fn sql(&self, statements: &str) {
        let (url, statements) = (self.database_url().to_owned(), statements.to_owned());
        let run = move || connect(&url).batch_execute(&statements).unwrap_or_else(|e| panic!("{e}: {statements}"));
        tokio::task::spawn_blocking(run).await.unwrap();
    }

    /// The one value of a query, as text, read as superuser.
    pub async fn value(&self, query: &str) -> String {
        let (url, query) = (self.database_url().to_owned(), query.to_owned());
        tokio::task::spawn_blocking(move || value(&mut connect(&url), &query)).await.unwrap()
    }
}
