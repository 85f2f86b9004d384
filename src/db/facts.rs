//! What `pipewright doctor` asks a database about itself.

use diesel::{prelude::*, sql_types};
use std::time::{Duration, SystemTime};

/// How a database presents itself to the role that DATABASE_URL names.
#[derive(Debug, Clone, QueryableByName)]
pub struct Facts {
    /// As in `SHOW server_version_num`: 150018 is 15.18.
    #[diesel(sql_type = sql_types::Integer)]
    pub version_num: i32,
    #[diesel(sql_type = sql_types::Text)]
    pub login: String,
    /// Superuser or BYPASSRLS: row-level security would not hold it, were its role not put down first.
    #[diesel(sql_type = sql_types::Bool)]
    pub all_powerful: bool,
    /// The roles of ours that exist but that the login may not put on.
    #[diesel(sql_type = sql_types::Array<sql_types::Text>)]
    pub out_of_reach: Vec<String>,
    #[diesel(sql_type = sql_types::Text)]
    pub database: String,
    /// The login may make schemas and extensions in it, as the first migration does.
    #[diesel(sql_type = sql_types::Bool)]
    pub may_create: bool,
    /// The login may let others create in its schema `public`.
    #[diesel(sql_type = sql_types::Bool)]
    pub holds_public: bool,
    #[diesel(sql_type = sql_types::Array<sql_types::Text>)]
    pub missing: Vec<String>,
    #[diesel(sql_type = sql_types::Text)]
    pub encoding: String,
    #[diesel(sql_type = sql_types::Bool)]
    pub read_only: bool,
    #[diesel(sql_type = sql_types::Double)]
    seconds: f64,
}

impl Facts {
    /// The database's clock when it answered.
    pub fn clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::try_from_secs_f64(self.seconds).unwrap_or_default()
    }
}

/// Gives up after five seconds of silence, unless the URL says otherwise.
pub fn facts(url: &str) -> Result<Facts, String> {
    let url = match (url.contains("connect_timeout"), url.contains('?')) {
        (true, _) => url.to_owned(),
        (false, true) => format!("{url}&connect_timeout=5"),
        (false, false) => format!("{url}?connect_timeout=5"),
    };
    let mut conn = PgConnection::establish(&url).map_err(|error| error.to_string())?;
    let sql = "
        SELECT current_setting('server_version_num')::int AS version_num, current_user::text AS login,
          (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS all_powerful,
          ARRAY(SELECT r.rolname::text FROM pg_roles r WHERE r.rolname IN ('pipewright_owner', 'pipewright_app', 'pipewright_system')
            AND NOT pg_has_role(current_user, r.oid,
              CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) ORDER BY r.rolname) AS out_of_reach,
          current_database()::text AS database,
          has_database_privilege(current_user, current_database(), 'CREATE') AS may_create,
          has_schema_privilege(current_user, 'public', 'CREATE WITH GRANT OPTION') AS holds_public,
          ARRAY(SELECT w.name FROM unnest(ARRAY['pipewright_owner', 'pipewright_app', 'pipewright_system']) AS w (name)
            WHERE NOT EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname = w.name)) AS missing,
          current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS read_only,
          extract(epoch FROM clock_timestamp())::float8 AS seconds";
    diesel::sql_query(sql).get_result(&mut conn).map_err(|error| error.to_string())
}
