//! Statements of raw SQL that stay prepared.
//!
//! Diesel prepares `sql_query` anew each time, since it cannot know how many texts there will be. On a page's way the planning costs
//! more than the rows: [`kept`] has the connection remember the statement by its text. Only for texts that come in a few shapes;
//! whatever readers choose (filters, words) belongs into binds or stays unkept.

use diesel::{
    pg::{Pg, PgConnection},
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::Untyped,
};

/// A raw statement that is prepared once a connection.
#[derive(Debug, Clone, Copy)]
#[must_use = "queries run when they are loaded"]
pub struct Kept<Q>(Q);

/// Keeps `query` (an `sql_query` with its binds) prepared, by its text.
pub fn kept<Q>(query: Q) -> Kept<Q> {
    Kept(query)
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Kept<Q> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<Q> QueryId for Kept<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q> Query for Kept<Q> {
    type SqlType = Untyped;
}

impl<Q> RunQueryDsl<PgConnection> for Kept<Q> {}
