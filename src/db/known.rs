//! An organisation's definitions (fields, rules, pipelines, types, people) and what it won, kept by each process for as long as they hold.
//!
//! Every page reads them, and they seldom change. Triggers count what changes them (`definition_changes`), and the statement that each
//! request begins with says the count. Whatever was read under a count is at least as new as it, so a request that has the same count may
//! use it: a reader never sees definitions older than the beginning of their request, whichever process answers. Only requests that are
//! to change nothing look here (see `web::carried`); a command always reads what its own transaction sees.

use super::{OrgTx, Tx, kept};
use crate::{error::AppResult, kernel::OrgId};
use chrono::{DateTime, Utc};
use diesel::{OptionalExtension, RunQueryDsl};
use std::{
    any::{Any, TypeId},
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Organisations that one process keeps the definitions of; beyond, it begins anew.
const MOST: usize = 500;

/// Parts of one organisation's: many readers ask about many days. Beyond, it begins anew.
const MOST_PARTS: usize = 2_000;

/// How long what was counted lately may be shown though nothing new happened: time passes, and whoever began to write before the newest
/// event may commit after it.
const LATELY: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct Known(Mutex<HashMap<OrgId, Arc<Definitions>>>);

/// What is known of one organisation under one count.
pub(super) struct Definitions {
    count: i64,
    parts: Mutex<Parts>,
}

/// Each by its type, and a name that tells several of one type apart.
type Parts = HashMap<(TypeId, Cow<'static, str>), Arc<dyn Any + Send + Sync>>;

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Known {
    /// What is known of that organisation under that count, which is nothing at first. Under an older count than another request has
    /// seen, whatever is found is this request's alone.
    pub fn of(&self, org: OrgId, count: i64) -> Arc<Definitions> {
        let mut all = held(&self.0);
        if let Some(known) = all.get(&org) {
            if known.count == count {
                return known.clone();
            }
            if known.count > count {
                return Arc::new(Definitions::under(count));
            }
        } else if all.len() >= MOST {
            all.clear();
        }
        let fresh = Arc::new(Definitions::under(count));
        all.insert(org, fresh.clone());
        fresh
    }
}

impl Definitions {
    fn under(count: i64) -> Self {
        Self { count, parts: Mutex::default() }
    }

    fn get<T: Any + Send + Sync>(&self, part: Cow<'static, str>) -> Option<Arc<T>> {
        let found = held(&self.parts).get(&(TypeId::of::<T>(), part)).cloned();
        found.and_then(|found| found.downcast().ok())
    }

    fn put<T: Any + Send + Sync>(&self, part: Cow<'static, str>, value: Arc<T>) {
        let mut parts = held(&self.parts);
        if parts.len() >= MOST_PARTS {
            parts.clear();
        }
        parts.insert((TypeId::of::<T>(), part), value);
    }
}

/// A figure, and the organisation's newest event when it was counted.
struct Lately<T> {
    newest: Option<DateTime<Utc>>,
    counted: Instant,
    value: Arc<T>,
}

impl OrgTx<'_> {
    /// Definitions that are the same for every reader of the organisation, read by `load` where they are not known yet. `part` tells
    /// several of one type apart. Only of tables that `app.definitions_changed` watches.
    pub fn known<T: Any + Send + Sync>(
        &mut self,
        part: impl Into<Cow<'static, str>>,
        load: impl FnOnce(&mut Self) -> AppResult<T>,
    ) -> AppResult<Arc<T>> {
        let Some(known) = self.known.clone() else { return load(self).map(Arc::new) };
        let part = part.into();
        if let Some(found) = known.get(part.clone()) {
            return Ok(found);
        }
        let value = Arc::new(load(self)?);
        known.put(part, value.clone());
        Ok(value)
    }

    /// Figures that cost much and are asked for often: counted by `load` when something has happened in the organisation since they
    /// were counted last, or ten seconds have passed. `part` says whose they are and of which day.
    pub fn lately<T: Any + Send + Sync>(
        &mut self,
        part: impl Into<Cow<'static, str>>,
        load: impl FnOnce(&mut Self) -> AppResult<T>,
    ) -> AppResult<Arc<T>> {
        let Some(known) = self.known.clone() else { return load(self).map(Arc::new) };
        let part = part.into();
        let newest = match self.newest {
            Some(newest) => newest,
            None => {
                let newest = self.newest_event()?;
                *self.newest.insert(newest)
            }
        };
        if let Some(found) = known.get::<Lately<T>>(part.clone())
            && found.newest == newest
            && found.counted.elapsed() < LATELY
        {
            return Ok(found.value.clone());
        }
        let counted = Instant::now();
        let value = Arc::new(load(self)?);
        known.put(part, Arc::new(Lately { newest, counted, value: value.clone() }));
        Ok(value)
    }

    /// The bound stands in the text: bound as a value it would hide how few rows are meant, and this would be planned anew each time,
    /// for every month that events are kept in.
    fn newest_event(&mut self) -> AppResult<Option<DateTime<Utc>>> {
        #[derive(diesel::QueryableByName)]
        struct Newest {
            #[diesel(sql_type = diesel::sql_types::Timestamptz)]
            at: DateTime<Utc>,
        }
        let newest: Option<Newest> = kept(diesel::sql_query("SELECT at FROM events ORDER BY at DESC LIMIT 1"))
            .get_result(self.conn())
            .optional()?;
        Ok(newest.map(|event| event.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_holds_under_its_count_alone() {
        let (known, org) = (Known::default(), OrgId::new());
        known.of(org, 1).put("names".into(), Arc::new(vec!["old"]));
        assert_eq!(known.of(org, 1).get::<Vec<&str>>("names".into()).as_deref(), Some(&vec!["old"]));
        assert!(known.of(org, 1).get::<Vec<&str>>("other".into()).is_none());
        assert!(known.of(OrgId::new(), 1).get::<Vec<&str>>("names".into()).is_none());
        assert!(known.of(org, 2).get::<Vec<&str>>("names".into()).is_none());
        known.of(org, 2).put("names".into(), Arc::new(vec!["new"]));
        // A slow request that began before the change neither sees nor spoils what came after it.
        known.of(org, 1).put("names".into(), Arc::new(vec!["old"]));
        assert_eq!(known.of(org, 2).get::<Vec<&str>>("names".into()).as_deref(), Some(&vec!["new"]));
    }
}
