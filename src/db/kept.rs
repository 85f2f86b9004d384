//! Statements of raw SQL that stay prepared.
//!
//! Diesel prepares `sql_query` anew each time, since it cannot know how many texts there will be. On a page's way the planning costs
//! more than the rows: [`kept`] has the connection remember the statement by its text. Only for texts that come in a few shapes;
//! whatever readers choose (filters, words) belongs into binds or stays unkept. Where the shapes are many and few of them common,
//! as with the columns of lists, [`is_worth_keeping`] bounds them.

use diesel::{
    connection::SimpleConnection,
    pg::{Pg, PgConnection},
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::Untyped,
};
use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    sync::{LazyLock, Mutex, PoisonError},
};

/// Texts of statements whose shapes readers choose, in one process.
const MOST_CHOSEN: usize = 64;

/// Texts counted until they are kept; beyond, counting begins anew.
const MOST_SEEN: usize = 4_096;

/// How often a text comes before it is kept.
const OFTEN: u8 = 5;

/// A raw statement that is prepared once a connection.
#[derive(Debug, Clone, Copy)]
#[must_use = "queries run when they are loaded"]
pub struct Kept<Q>(Q);

/// Keeps `query` (an `sql_query` with its binds) prepared, by its text.
pub fn kept<Q>(query: Q) -> Kept<Q> {
    Kept(query)
}

/// Runs what `work` asks by plans that do not look at the values bound. Left to itself the server plans a statement anew each time when
/// it takes an array or one of many partitions for dearer than it is, and then planning costs more than the rows. Only for kept
/// statements whose one good plan is known.
pub fn by_one_plan<T>(
    conn: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    conn.batch_execute("SET LOCAL plan_cache_mode = force_generic_plan")?;
    let found = work(conn)?;
    conn.batch_execute("SET LOCAL plan_cache_mode = auto")?;
    Ok(found)
}

/// Whether that text is one of the first few that came often among those that readers choose the shape of. A connection forgets no
/// statement while it lasts, so that not all of them may be kept.
pub fn is_worth_keeping(text: &str) -> bool {
    static HASHES: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static SHAPES: LazyLock<Mutex<Shapes>> = LazyLock::new(Mutex::default);
    let hash = HASHES.hash_one(text);
    SHAPES.lock().unwrap_or_else(PoisonError::into_inner).are_kept(hash)
}

#[derive(Default)]
struct Shapes {
    kept: HashSet<u64>,
    /// How often others came.
    seen: HashMap<u64, u8>,
}

impl Shapes {
    fn are_kept(&mut self, hash: u64) -> bool {
        if self.kept.contains(&hash) {
            return true;
        }
        if self.kept.len() >= MOST_CHOSEN {
            return false;
        }
        if self.seen.len() >= MOST_SEEN {
            self.seen.clear();
        }
        let times = self.seen.entry(hash).or_default();
        *times += 1;
        if *times < OFTEN {
            return false;
        }
        self.seen.remove(&hash);
        self.kept.insert(hash)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_often_is_kept_and_what_comes_once_takes_no_room() {
        let mut shapes = Shapes::default();
        assert!((0..10_000).all(|once| !shapes.are_kept(once)));
        let times = (0..u8::MAX).position(|_| shapes.are_kept(u64::MAX));
        assert_eq!(times, Some(usize::from(OFTEN) - 1));
        for often in 0..10_000 {
            (0..OFTEN).for_each(|_| _ = shapes.are_kept(often));
        }
        assert!(shapes.are_kept(u64::MAX));
        assert_eq!(shapes.kept.len(), MOST_CHOSEN);
    }
}
