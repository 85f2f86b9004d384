//! The only place that names a pool or a connection.
//!
//! A tenant's data is reached through an [`OrgTx`], which cannot exist without an organisation: its transaction runs as the
//! role `pipewright_app` with `app.org_id` set, so row-level security admits that organisation's rows and no others.
//! [`SystemTx`] (role `pipewright_system`) is the greppable exception and must give a [`Reason`].

#![allow(clippy::disallowed_types)]

pub mod embedded;
mod facts;
mod kept;
mod known;
mod migrate;
pub mod paging;
mod session;
mod turns;

pub use facts::{Facts, facts};
pub use kept::{Kept, by_one_plan, is_worth_keeping, kept};
pub use migrate::{ANEW, MigrateError, migrate, pending_migrations, redo_all};
pub use session::{Alive, SessionRow};

use crate::{
    error::{AppError, AppResult},
    kernel::{MemberId, OrgId},
};
use actix_web::web;
use anyhow::{Context, anyhow};
use chrono::{DateTime, Utc};
use diesel::{
    connection::{AnsiTransactionManager, Connection as _, SimpleConnection, TransactionManager},
    prelude::*,
    r2d2::{ConnectionManager, CustomizeConnection, Error as R2d2Error, Pool, PooledConnection},
};
use known::{Definitions, Known};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use turns::Turns;

/// Handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Pools>);

struct Pools {
    primary: Pool<ConnectionManager<PgConnection>>,
    replica: Option<Pool<ConnectionManager<PgConnection>>>,
    turns: Turns,
    known: Known,
    url: String,
}

type Pooled = PooledConnection<ConnectionManager<PgConnection>>;

/// Why code needs to see beyond one organisation.
#[derive(Clone, Copy, Debug)]
pub enum Reason {
    SignIn,
    SignUp,
    Sessions,
    Invitations,
    /// Whose a public web form is.
    WebForms,
    /// Whose a calendar feed is, or an invitation that a guest answers.
    Calendars,
    Jobs,
    Mail,
    Sweep,
    CommandLine,
    Health,
}

/// Something a transaction can be opened for: an organisation and, mostly, who acts in it.
pub trait Tenant {
    fn org_id(&self) -> OrgId;
    fn member_id(&self) -> Option<MemberId>;
    /// How often its definitions had changed when the request began, if the request is to change nothing; see [`OrgTx::known`].
    fn definitions(&self) -> Option<i64> {
        None
    }
}

impl Tenant for OrgId {
    fn org_id(&self) -> OrgId {
        *self
    }
    fn member_id(&self) -> Option<MemberId> {
        None
    }
}

/// What a [`Tenant`] says, to be taken to another thread.
#[derive(Clone, Copy)]
struct Whose {
    org: OrgId,
    by: Option<MemberId>,
    definitions: Option<i64>,
}

impl Whose {
    fn of(tenant: &impl Tenant) -> Self {
        Self { org: tenant.org_id(), by: tenant.member_id(), definitions: tenant.definitions() }
    }
}

/// A transaction inside one organisation.
pub struct OrgTx<'a> {
    conn: &'a mut PgConnection,
    org: OrgId,
    by: Option<MemberId>,
    cause: Option<serde_json::Value>,
    known: Option<Arc<Definitions>>,
    /// When the organisation's newest event was, once somebody asked. Whatever is counted after that is at least as new.
    newest: Option<Option<DateTime<Utc>>>,
}

/// A transaction across organisations.
pub struct SystemTx<'a> {
    conn: &'a mut PgConnection,
}

/// Either kind: for the backbone (jobs, mail), which serves both.
pub trait Tx {
    /// The connection, for Diesel's `load`, `execute` and so on.
    fn conn(&mut self) -> &mut PgConnection;
}

impl Tx for OrgTx<'_> {
    fn conn(&mut self) -> &mut PgConnection {
        self.conn
    }
}

impl Tx for SystemTx<'_> {
    fn conn(&mut self) -> &mut PgConnection {
        self.conn
    }
}

impl OrgTx<'_> {
    pub fn org_id(&self) -> OrgId {
        self.org
    }

    /// Who acts; `None` when the program itself does.
    pub fn by(&self) -> Option<MemberId> {
        self.by
    }

    /// From here on every event of this transaction says why it came about: the members of this object stand in its data.
    pub fn because(&mut self, cause: serde_json::Value) {
        self.cause = Some(cause);
    }

    /// See [`OrgTx::because`].
    pub fn cause(&self) -> Option<&serde_json::Value> {
        self.cause.as_ref()
    }

    /// Work whose failure undoes only itself, and leaves the transaction usable: a savepoint.
    pub fn attempt<T>(&mut self, work: impl FnOnce(&mut OrgTx) -> AppResult<T>) -> AppResult<T> {
        AnsiTransactionManager::begin_transaction(self.conn)?;
        match work(self) {
            Ok(value) => {
                AnsiTransactionManager::commit_transaction(self.conn)?;
                Ok(value)
            }
            Err(error) => {
                AnsiTransactionManager::rollback_transaction(self.conn)?;
                Err(error)
            }
        }
    }

    /// From here on no statement of this transaction takes longer: for what people may ask, however hopeless.
    pub fn limit_time(&mut self, most: Duration) -> AppResult<()> {
        let sql = format!("SET LOCAL statement_timeout = {}", most.as_millis());
        self.conn.batch_execute(&sql).map_err(AppError::from)
    }

    /// Whether statements may walk an index row by row. Not to is quicker when nearly every row would be looked at: the table is read
    /// from end to end, by several processes at once.
    pub fn walk_indexes(&mut self, walk: bool) -> AppResult<()> {
        let on = if walk { "on" } else { "off" };
        let sql = format!("SET LOCAL enable_indexscan = {on}; SET LOCAL enable_indexonlyscan = {on}");
        self.conn.batch_execute(&sql).map_err(AppError::from)
    }

    /// Lets one statement or transaction run longer than a page may (imports, bulk work).
    pub fn without_time_limit(&mut self) -> AppResult<()> {
        self.conn.batch_execute("SET LOCAL statement_timeout = 0").map_err(AppError::from)
    }
}

impl Db {
    /// Opens the pools. Connections are made as they are needed, so an absent database is found by the first use, not here.
    pub fn connect(url: &str, replica_url: Option<&str>, size: u32) -> anyhow::Result<Self> {
        let pool = |url: &str| {
            Pool::builder()
                .max_size(size)
                .min_idle(Some(1))
                .connection_timeout(Duration::from_secs(5))
                .test_on_check_out(false)
                .error_handler(Box::new(Log))
                .connection_customizer(Box::new(Session))
                .build_unchecked(ConnectionManager::<PgConnection>::new(url))
        };
        Ok(Self(Arc::new(Pools {
            primary: pool(url),
            replica: replica_url.map(pool),
            turns: Turns::for_pool(size),
            known: Known::default(),
            url: url.to_owned(),
        })))
    }

    /// Runs `work` in one transaction of that organisation, off the async threads, when it is its turn. Commits when it returns `Ok`.
    pub async fn org<T: Send + 'static>(
        &self,
        tenant: &impl Tenant,
        work: impl FnOnce(&mut OrgTx) -> AppResult<T> + Send + 'static,
    ) -> AppResult<T> {
        let (db, whose) = (self.clone(), Whose::of(tenant));
        self.0.turns.take(block(move || db.run_org(&db.0.primary, whose, work))).await
    }

    /// Like [`Db::org`], for reports and dashboards: read-only, on the replica when there is one.
    pub async fn org_read<T: Send + 'static>(
        &self,
        tenant: &impl Tenant,
        work: impl FnOnce(&mut OrgTx) -> AppResult<T> + Send + 'static,
    ) -> AppResult<T> {
        let (db, mut whose) = (self.clone(), Whose::of(tenant));
        if self.0.replica.is_some() {
            // It may be behind the count.
            whose.definitions = None;
        }
        let read = move || db.run_org(db.0.replica.as_ref().unwrap_or(&db.0.primary), whose, work);
        self.0.turns.take(block(read)).await
    }

    /// Runs `work` in one transaction across organisations.
    pub async fn system<T: Send + 'static>(
        &self,
        reason: Reason,
        work: impl FnOnce(&mut SystemTx) -> AppResult<T> + Send + 'static,
    ) -> AppResult<T> {
        let db = self.clone();
        self.0.turns.take(block(move || db.system_now(reason, work))).await
    }

    /// [`Db::org`] for threads of our own: workers, the command line.
    pub fn org_now<T>(&self, tenant: &impl Tenant, work: impl FnOnce(&mut OrgTx) -> AppResult<T>) -> AppResult<T> {
        self.run_org(&self.0.primary, Whose::of(tenant), work)
    }

    /// [`Db::system`] for threads of our own.
    pub fn system_now<T>(&self, reason: Reason, work: impl FnOnce(&mut SystemTx) -> AppResult<T>) -> AppResult<T> {
        tracing::trace!(?reason, "system transaction");
        let mut conn = begin(&self.0.primary, "SET LOCAL ROLE pipewright_system")?;
        end(&mut conn, |conn| work(&mut SystemTx { conn }))
    }

    fn run_org<T>(
        &self,
        pool: &Pool<ConnectionManager<PgConnection>>,
        Whose { org, by, definitions }: Whose,
        work: impl FnOnce(&mut OrgTx) -> AppResult<T>,
    ) -> AppResult<T> {
        let known = definitions.map(|count| self.0.known.of(org, count));
        // An OrgId is a UUID, so its text form cannot carry SQL.
        let settings = format!("SET LOCAL ROLE pipewright_app; SET LOCAL app.org_id = '{org}'");
        let mut conn = begin(pool, &settings)?;
        end(&mut conn, |conn| work(&mut OrgTx { conn, org, by, cause: None, known, newest: None }))
    }

    /// A connection of its own, outside the pools and past any transaction pooler: for LISTEN.
    pub fn dedicated(&self) -> anyhow::Result<PgConnection> {
        PgConnection::establish(&self.0.url).context("cannot connect to the database")
    }

    /// Cancels the statement that a process of the database is working on, if it is one of ours. Whoever knows the process makes
    /// sure that it still works for them.
    pub fn cancel_statement(&self, pid: i32) -> anyhow::Result<()> {
        let mut conn = self.dedicated()?;
        diesel::sql_query("SELECT pg_cancel_backend($1)")
            .bind::<diesel::sql_types::Integer, _>(pid)
            .execute(&mut conn)?;
        Ok(())
    }

    /// See [`pending_migrations`].
    pub fn pending_migrations(&self) -> Result<Vec<String>, MigrateError> {
        pending_migrations(&self.0.url)
    }

    /// Connections in use and idle, for metrics.
    pub fn pool_state(&self) -> (u32, u32) {
        let state = self.0.primary.state();
        (state.connections - state.idle_connections, state.idle_connections)
    }
}

async fn block<T: Send + 'static>(work: impl FnOnce() -> AppResult<T> + Send + 'static) -> AppResult<T> {
    let span = tracing::Span::current();
    web::block(move || span.in_scope(work))
        .await
        .map_err(|_| AppError::Internal(anyhow!("the worker thread was cancelled")))?
}

fn checkout(pool: &Pool<ConnectionManager<PgConnection>>) -> AppResult<Pooled> {
    pool.get().context("no database connection within 5 s").map_err(AppError::Internal)
}

/// One round trip opens the transaction, drops to the role and names the tenant. After the server restarted, every idle connection
/// of the pool is dead and shows it only now: nothing has been done yet, so the next one may be tried.
fn begin(pool: &Pool<ConnectionManager<PgConnection>>, settings: &str) -> AppResult<Pooled> {
    let sql = format!("BEGIN; {settings}; SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '10s'");
    for _ in 0..pool.max_size() {
        let mut conn = checkout(pool)?;
        match AnsiTransactionManager::begin_transaction_sql(&mut *conn, &sql) {
            Ok(()) => return Ok(conn),
            Err(error) if AnsiTransactionManager::is_broken_transaction_manager(&mut *conn) => {
                tracing::debug!(%error, "dropping a dead connection");
            }
            Err(error) => {
                // BEGIN itself succeeded, a setting did not: the connection must not go back inside a failed transaction.
                let _ = conn.batch_execute("ROLLBACK");
                return Err(error.into());
            }
        }
    }
    let mut conn = checkout(pool)?;
    AnsiTransactionManager::begin_transaction_sql(&mut *conn, &sql)?;
    Ok(conn)
}

/// Does the work and commits, or rolls back. A panic leaves the connection marked broken, so that the pool closes it.
fn end<T>(conn: &mut PgConnection, work: impl FnOnce(&mut PgConnection) -> AppResult<T>) -> AppResult<T> {
    match work(conn) {
        Ok(value) => {
            AnsiTransactionManager::commit_transaction(conn)?;
            Ok(value)
        }
        Err(error) => {
            if let Err(rollback) = AnsiTransactionManager::rollback_transaction(conn) {
                tracing::warn!(error = %rollback, "rollback failed; the connection will be closed");
            }
            Err(error)
        }
    }
}

/// What every pooled connection starts with.
#[derive(Debug)]
struct Session;

impl CustomizeConnection<PgConnection, R2d2Error> for Session {
    fn on_acquire(&self, conn: &mut PgConnection) -> Result<(), R2d2Error> {
        conn.batch_execute(
            "SET TIME ZONE 'UTC'; SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '5min'",
        )
        .map_err(R2d2Error::QueryError)
    }
}

static LEAVING: AtomicBool = AtomicBool::new(false);

/// The process is about to end: the pool's threads may still be connecting while the libraries go away beneath them, which is no failure.
pub fn leave() {
    LEAVING.store(true, Ordering::Relaxed);
}

#[derive(Debug)]
struct Log;

impl<E: std::error::Error> diesel::r2d2::HandleError<E> for Log {
    fn handle_error(&self, error: E) {
        if !LEAVING.load(Ordering::Relaxed) {
            tracing::warn!(%error, "database connection failed");
        }
    }
}
