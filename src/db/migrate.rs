//! Brings a database to this binary's schema, and refuses to work with one that is half way or newer.
//!
//! Several processes may start at once: an advisory lock lets one migrate while the others wait. Roles and extensions are made
//! by the connecting role, everything else by `pipewright_owner`.

use diesel::{connection::SimpleConnection, prelude::*};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");
const BOOTSTRAP: &str = include_str!("../../migrations/bootstrap.sql");
const REPLACEABLE: &str = include_str!("../../migrations/replaceable.sql");
const SYSTEM_FUNCTIONS: &str = include_str!("../../migrations/system_functions.sql");
/// Any constant will do, as long as every Pipewright uses the same.
const LOCK: i64 = 0x7069_7065;
const OLDEST: i32 = 140_000;
/// What to do about a database that cannot hold every text.
pub const ANEW: &str = "create it anew: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0";

#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error("cannot connect to the database: {0}")]
    Connect(#[from] ConnectionError),
    #[error("PostgreSQL {0} is too old: 14 or newer is needed")]
    TooOld(i32),
    #[error("the database keeps text as {0}: {ANEW}")]
    Encoding(String),
    #[error("the database was migrated by a newer Pipewright ({0}); start that one, or restore a backup")]
    Newer(String),
    #[error(
        "migrating failed, nothing was changed: {0}. If the role of DATABASE_URL may not create roles or tables, run `pipewright migrate` once with one that may"
    )]
    Failed(String),
}

/// Runs what is missing; returns the versions it ran. Needs no rights at all when nothing is missing. `login` names another role
/// that will work with the database; it gets the two roles it may put on, and nothing else.
pub fn migrate(url: &str, login: Option<&str>) -> Result<Vec<String>, MigrateError> {
    let mut conn = PgConnection::establish(url)?;
    check_server(&mut conn)?;
    conn.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).map_err(failed)?;
    if let Some(version) = unknown_version(&mut conn)? {
        return Err(MigrateError::Newer(version));
    }
    if missing(&mut conn)?.is_empty() && functions_are_current(&mut conn)? {
        return Ok(Vec::new());
    }
    conn.batch_execute(BOOTSTRAP).map_err(failed)?;
    if let Some(login) = login {
        conn.batch_execute(&format!("GRANT pipewright_app, pipewright_system TO \"{login}\"")).map_err(failed)?;
    }
    conn.batch_execute("SET client_min_messages = warning; SET ROLE pipewright_owner").map_err(failed)?;
    let ran = conn.run_pending_migrations(MIGRATIONS).map_err(failed)?;
    let ran = ran.iter().map(ToString::to_string).collect();
    let replace = format!(
        "BEGIN; {REPLACEABLE}; RESET ROLE; {SYSTEM_FUNCTIONS}; COMMENT ON SCHEMA app IS '{}'; COMMIT",
        functions_fingerprint()
    );
    conn.batch_execute(&replace).map_err(failed)?;
    Ok(ran)
}

/// What the database lacks of this binary's schema: empty when it is current.
pub fn pending_migrations(url: &str) -> Result<Vec<String>, MigrateError> {
    let mut conn = PgConnection::establish(url)?;
    check_server(&mut conn)?;
    if let Some(version) = unknown_version(&mut conn)? {
        return Err(MigrateError::Newer(version));
    }
    let mut missing = missing(&mut conn)?;
    if missing.is_empty() && !functions_are_current(&mut conn)? {
        missing.push("functions".into());
    }
    Ok(missing)
}

/// Undoes and redoes every migration: shows that each `down.sql` fits its `up.sql`. For `bin/check`, on a throwaway database.
pub fn redo_all(url: &str) -> Result<(), MigrateError> {
    migrate(url, None)?;
    let mut conn = PgConnection::establish(url)?;
    conn.batch_execute("SET ROLE pipewright_owner").map_err(failed)?;
    conn.revert_all_migrations(MIGRATIONS).map_err(failed)?;
    conn.batch_execute("RESET ROLE; DROP SCHEMA app CASCADE").map_err(failed)?;
    drop(conn);
    migrate(url, None).map(drop)
}

fn failed(error: impl std::fmt::Display) -> MigrateError {
    MigrateError::Failed(error.to_string())
}

fn missing(conn: &mut PgConnection) -> Result<Vec<String>, MigrateError> {
    let applied = applied_versions(conn)?;
    Ok(known_versions()?.into_iter().filter(|v| !applied.contains(v)).collect())
}

fn functions_fingerprint() -> String {
    use sha2::{Digest, Sha256};
    let digest =
        Sha256::new().chain_update(BOOTSTRAP).chain_update(REPLACEABLE).chain_update(SYSTEM_FUNCTIONS).finalize();
    format!("pipewright {}", hex::encode(&digest[..12]))
}

/// The fingerprint of the functions last created is kept as the comment on their schema.
fn functions_are_current(conn: &mut PgConnection) -> Result<bool, MigrateError> {
    let comment: Option<String> = diesel::select(diesel::dsl::sql::<
        diesel::sql_types::Nullable<diesel::sql_types::Text>,
    >("obj_description(to_regnamespace('app'), 'pg_namespace')"))
    .get_result(conn)
    .map_err(failed)?;
    Ok(comment.as_deref() == Some(functions_fingerprint().as_str()))
}

fn check_server(conn: &mut PgConnection) -> Result<(), MigrateError> {
    use diesel::sql_types::{Integer, Text};
    let facts = "current_setting('server_version_num')::int, current_setting('server_encoding')";
    let (number, encoding): (i32, String) =
        diesel::select(diesel::dsl::sql::<(Integer, Text)>(facts)).get_result(conn).map_err(failed)?;
    match encoding.as_str() {
        _ if number < OLDEST => Err(MigrateError::TooOld(number / 10_000)),
        "UTF8" => Ok(()),
        _ => Err(MigrateError::Encoding(encoding)),
    }
}

fn known_versions() -> Result<Vec<String>, MigrateError> {
    let migrations = diesel::migration::MigrationSource::<diesel::pg::Pg>::migrations(&MIGRATIONS);
    let migrations = migrations.map_err(|e| MigrateError::Failed(e.to_string()))?;
    Ok(migrations.iter().map(|m| m.name().version().to_string()).collect())
}

fn applied_versions(conn: &mut PgConnection) -> Result<Vec<String>, MigrateError> {
    diesel::table! { __diesel_schema_migrations (version) { version -> Text, } }
    let exists: bool = diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>(
        "to_regclass('__diesel_schema_migrations') IS NOT NULL",
    ))
    .get_result(conn)
    .map_err(|e| MigrateError::Failed(e.to_string()))?;
    if !exists {
        return Ok(Vec::new());
    }
    __diesel_schema_migrations::table
        .select(__diesel_schema_migrations::version)
        .load(conn)
        .map_err(|e| MigrateError::Failed(e.to_string()))
}

fn unknown_version(conn: &mut PgConnection) -> Result<Option<String>, MigrateError> {
    let known = known_versions()?;
    Ok(applied_versions(conn)?.into_iter().find(|v| !known.contains(v)))
}
