//! Builds the application: the same builder for production and for tests.

use crate::{
    config::Config,
    db::Db,
    features,
    files::Files,
    jobs::{Registry, Running, Workers},
    live::Hub,
    mailer::{self, Post},
    routes,
    web::{
        carried, csrf,
        csrf::CsrfKey,
        errors, headers, metrics,
        sessions::{self, PgSessions},
    },
};
use actix_session::{
    SessionMiddleware,
    config::{PersistentSession, TtlExtensionPolicy},
};
use actix_web::{
    App, HttpServer,
    cookie::{Key, SameSite, time::Duration},
    dev::ServerHandle,
    middleware::{Compress, from_fn},
    web,
};
use anyhow::Context;
use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
};
use tracing_actix_web::TracingLogger;

/// Seconds that requests in flight get to finish.
const SHUTDOWN_SECS: u64 = 5;

/// A running application: HTTP server, live listener, workers.
pub struct Application {
    pub address: SocketAddr,
    pub db: Db,
    pub hub: Hub,
    pub workers: Workers,
    server: ServerHandle,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
    listener: thread::JoinHandle<()>,
    running: Running,
}

/// Every kind of background job there is.
pub fn registry() -> Registry {
    let mut registry = Registry::default();
    mailer::register(&mut registry);
    features::register_jobs(&mut registry);
    registry
}

/// Database, hub and job registry without an HTTP server: for `worker` and the command line.
pub fn backbone(config: Arc<Config>, database_url: &str) -> anyhow::Result<Workers> {
    let replica = config.read_database_url.as_ref().map(|url| url.expose().to_owned());
    let db = Db::connect(database_url, replica.as_deref(), config.db_pool_size)?;
    let (post, files) = (Post::open(&config)?, Files::open(&config)?);
    Ok(Workers { db, config, hub: Hub::default(), post, files, registry: Arc::new(registry()) })
}

impl Application {
    /// Binds, starts everything and returns at once. `database_url` is already migrated.
    pub async fn start(config: Config, database_url: &str) -> anyhow::Result<Self> {
        metrics::handle();
        let config = Arc::new(config);
        let workers = backbone(config.clone(), database_url)?;
        let (db, hub) = (workers.db.clone(), workers.hub.clone());
        let listener = hub.listen(db.clone()).context("cannot start the live listener")?;
        let running = workers.clone().start(config.workers).context("cannot start the workers")?;
        let socket = TcpListener::bind(config.bind).with_context(|| format!("cannot listen on {}", config.bind))?;
        let address = socket.local_addr()?;

        let secret = config.secret_key.expose().as_bytes();
        let cookie_key = Key::derive_from(secret);
        let secure = config.public_url.scheme() == "https";
        let csrf_key = web::Data::new(CsrfKey::new(secret, secure));
        let (app_db, app_hub, app_config) =
            (web::Data::new(db.clone()), web::Data::new(hub.clone()), web::Data::from(config.clone()));
        let app_post = web::Data::new(workers.post.clone());
        let limits = web::Data::new(crate::web::limits::Limits::default());
        let files = web::Data::new(workers.files.clone());
        let lately = web::Data::new(features::views::recent::Lately::default());
        let server = HttpServer::new(move || {
            let session = SessionMiddleware::builder(PgSessions(app_db.get_ref().clone()), cookie_key.clone())
                .cookie_name("pw_session".into())
                .cookie_secure(secure)
                .cookie_http_only(true)
                .cookie_same_site(SameSite::Lax)
                .session_lifecycle(
                    PersistentSession::default()
                        .session_ttl(Duration::seconds(sessions::ABSOLUTE.num_seconds()))
                        .session_ttl_extension_policy(TtlExtensionPolicy::OnStateChanges),
                )
                .build();
            App::new()
                .app_data(app_db.clone())
                .app_data(app_hub.clone())
                .app_data(app_config.clone())
                .app_data(csrf_key.clone())
                .app_data(limits.clone())
                .app_data(app_post.clone())
                .app_data(files.clone())
                .app_data(lately.clone())
                .app_data(web::PayloadConfig::new(csrf::FORM_LIMIT))
                .configure(routes::public_files)
                .service(routes::pages().wrap(from_fn(csrf::guard)).wrap(session).wrap(from_fn(carried::scope)))
                .wrap(from_fn(errors::render))
                .wrap(from_fn(headers::secure))
                .wrap(Compress::default())
                .wrap(from_fn(headers::head))
                .wrap(from_fn(metrics::measure))
                .wrap(TracingLogger::default())
        })
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_SECS)
        .workers(thread::available_parallelism().map_or(2, usize::from).clamp(2, 16))
        .listen(socket)?
        .run();
        let handle = server.handle();
        let serving = tokio::spawn(server);
        Ok(Self { address, db, hub, workers, server: handle, serving, listener, running })
    }

    /// Stops accepting, lets requests and jobs in flight finish, ends the live streams.
    pub async fn stop(self) {
        // Streams first: the server would otherwise wait for them in vain.
        self.hub.stop();
        let running = self.running;
        let jobs = tokio::task::spawn_blocking(move || running.stop());
        self.server.stop(true).await;
        let _ = self.serving.await;
        let _ = jobs.await;
        let listener = self.listener;
        let _ = tokio::task::spawn_blocking(move || listener.join()).await;
    }
}
