//! One database per test, copied from a template that is migrated once per run.

use diesel::{Connection, PgConnection, RunQueryDsl, connection::SimpleConnection, sql_query};
use std::sync::{
    Mutex, OnceLock,
    atomic::{AtomicUsize, Ordering},
};
use url::Url;

static TEMPLATE: OnceLock<String> = OnceLock::new();
static COUNT: AtomicUsize = AtomicUsize::new(0);
/// Copies of a template must not run side by side.
static COPYING: Mutex<()> = Mutex::new(());

pub struct TestDatabase {
    pub url: String,
    name: String,
}

fn server() -> String {
    std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL is not set: run the tests with bin/test")
}

fn url_of(database: &str) -> String {
    let mut url = Url::parse(&server()).expect("TEST_DATABASE_URL is a URL");
    url.set_path(&format!("/{database}"));
    url.to_string()
}

fn admin() -> PgConnection {
    super::cryptography();
    PgConnection::establish(&server()).expect("the test server answers")
}

fn template() -> &'static str {
    TEMPLATE.get_or_init(|| {
        let name = format!("it_{}_template", std::process::id());
        let mut conn = admin();
        conn.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).unwrap();
        conn.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        pipewright::db::migrate(&url_of(&name), None).expect("the template migrates");
        name
    })
}

impl TestDatabase {
    pub async fn create() -> Self {
        tokio::task::spawn_blocking(Self::create_now).await.unwrap()
    }

    /// A database without anything in it.
    pub fn create_empty() -> Self {
        let name = format!("it_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        sql_query(format!("CREATE DATABASE {name}")).execute(&mut admin()).expect("a database is made");
        Self { url: url_of(&name), name }
    }

    /// An empty, migrated database.
    pub fn create_now() -> Self {
        let copying = COPYING.lock().unwrap_or_else(|e| e.into_inner());
        let template = template();
        let name = format!("it_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        sql_query(format!("CREATE DATABASE {name} TEMPLATE {template}"))
            .execute(&mut admin())
            .expect("the template copies");
        drop(copying);
        Self { url: url_of(&name), name }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let _ = admin().batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}
