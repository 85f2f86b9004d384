//! Statements of raw SQL that stay prepared.
//!
//! Diesel prepares `sql_query` anew each time, since it cannot know how many texts there will be. On a page's way the planning costs
//! more than the rows: [`kept`] has the connection remember the statement by its text. Only for texts that come in a few shapes;
//! whatever readers choose (filters, words) belongs into binds or stays unkept. Where the shapes are many and few of them common,
//! as with the columns of lists, [`is_worth_keeping`] bounds them.

use diesel::{
    pg::{Pg, PgConnection},
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::Untyped,
};
use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::{LazyLock, Mutex, PoisonError},
};

/// Texts of statements whose shapes readers choose, in one process.
const MOST_CHOSEN: usize = 64;

/// A raw statement that is prepared once a connection.
#[derive(Debug, Clone, Copy)]
#[must_use = "queries run when they are loaded"]
pub struct Kept<Q>(Q);

/// Keeps `query` (an `sql_query` with its binds) prepared, by its text.
pub fn kept<Q>(query: Q) -> Kept<Q> {
    Kept(query)
}

/// Whether that text is one of the first few of those that readers choose the shape of. A connection forgets no statement while it
/// lasts, so that not all of them may be kept.
pub fn is_worth_keeping(text: &str) -> bool {
    static HASHES: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static KNOWN: LazyLock<Mutex<HashSet<u64>>> = LazyLock::new(Mutex::default);
    let hash = HASHES.hash_one(text);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.contains(&hash) || known.len() < MOST_CHOSEN && known.insert(hash)
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
