//! What every test stands on: a database of its own (copied from a migrated template), the real application on a free port,
//! and a client that keeps cookies and sends CSRF tokens as a browser would.

mod belongings;
mod board;
mod client;
mod database;
pub mod fixtures;
pub mod process;
pub mod routes;
pub mod smtp;
pub mod sql;
mod tables;

pub use belongings::Belongings;
pub use board::cards;
pub use client::{Client, Page};
pub use database::TestDatabase;
pub use fixtures::{Org, PASSWORD};
pub use tables::{plain, table};

use pipewright::{
    app::Application,
    config::Config,
    db::Db,
    jobs::{self, Workers},
};
use std::ops::Deref;
use tempfile::TempDir;

/// A running application with a database of its own. Derefs to a signed-out client.
pub struct TestApp {
    pub client: Client,
    pub base: String,
    pub db: Db,
    application: Option<Application>,
    database: TestDatabase,
    _data_dir: TempDir,
}

impl Deref for TestApp {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

/// What clients of ours need before they are built, even for plain HTTP: reqwest brings no cryptography of its own.
pub fn cryptography() {
    // Whoever came first has installed the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With further settings, as the environment would give them.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::create().await;
        let data_dir = TempDir::new().unwrap();
        let dir = data_dir.path().to_str().unwrap().to_owned();
        let config = Config::from_lookup(|name| {
            if let Some((_, value)) = settings.iter().find(|(key, _)| *key == name) {
                return Some((*value).to_owned());
            }
            match name {
                "DATABASE_URL" => Some(database.url.clone()),
                "BIND" => Some("127.0.0.1:0".to_owned()),
                "PUBLIC_URL" => Some("http://pipewright.test".to_owned()),
                "SECRET_KEY" => Some("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".to_owned()),
                "DATA_DIR" => Some(dir.clone()),
                // Jobs run when the test says so, see `run_jobs`.
                "WORKERS" => Some("0".to_owned()),
                "DB_POOL_SIZE" => Some("6".to_owned()),
                _ => None,
            }
        })
        .expect("the test configuration is right");
        let application = Application::start(config, &database.url).await.expect("the application starts");
        let base = format!("http://{}", application.address);
        Self {
            client: Client::new(&base),
            base,
            db: application.db.clone(),
            application: Some(application),
            database,
            _data_dir: data_dir,
        }
    }

    /// A further browser, with cookies of its own.
    pub fn new_client(&self) -> Client {
        Client::new(&self.base)
    }

    /// Does every due job now.
    pub async fn run_jobs(&self) -> usize {
        let workers = self.application.as_ref().unwrap().workers.clone();
        tokio::task::spawn_blocking(move || jobs::run_due(&workers)).await.unwrap()
    }

    /// What the application's workers work with, to start some or to look at the queue.
    pub fn workers(&self) -> &Workers {
        &self.application.as_ref().unwrap().workers
    }

    /// Connects to the test's database as its superuser, to look behind the scenes.
    pub fn database_url(&self) -> &str {
        &self.database.url
    }

    /// Stops the application and drops the database. A test that ends without it leaves the database to the next run's clean-up.
    pub async fn stop(mut self) {
        if let Some(application) = self.application.take() {
            application.stop().await;
        }
    }
}
