//! The command line: serve · worker · migrate · seed · import · password-link · email-link · doctor.

use crate::{
    app::{self, Application},
    config::{Config, LogFormat},
    db::{self, embedded::Embedded},
    features,
    kernel::text::one_line,
    web,
};
use anyhow::{Context, bail};
use clap::{Parser, Subcommand, ValueEnum};
use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    net::TcpListener,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};
use tokio::signal::unix::{SignalKind, signal};

const DEMO: &str = "Sign in as admin@demo.test with the password pipewright-demo";

#[derive(Parser)]
#[command(name = "pipewright", version, about = "A fast, live sales platform: one binary over Postgres.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the pages (and work through background jobs).
    Serve {
        /// Create the demo organisation first, if it is not there.
        #[arg(long)]
        demo: bool,
    },
    /// Work through background jobs only.
    Worker,
    /// Bring the database to this version's schema.
    Migrate,
    /// Create example data.
    Seed {
        #[command(subcommand)]
        what: Seed,
    },
    /// Import a CSV, Excel or vCard file into an organisation.
    Import {
        what: ImportWhat,
        /// The file; `-` reads standard input.
        file: PathBuf,
        /// Slug of the organisation.
        #[arg(long)]
        org: String,
        /// Deals: the pipeline they go into, made if there is none of that name.
        #[arg(long)]
        pipeline: Option<String>,
        /// Import rows whose owner is not a member, without an owner, instead of reporting them.
        #[arg(long)]
        leave_unknown_owners: bool,
    },
    /// Print a one-time link to set a new password, for someone who forgot theirs where no mail is sent.
    PasswordLink {
        /// The address the person signs in with.
        email: String,
    },
    /// Print a one-time link that makes another address someone's own, where no mail is sent.
    EmailLink {
        /// The address the person signs in with.
        email: String,
        /// The one they want to sign in with.
        new_email: String,
    },
    /// Check database, roles, migrations, mail, storage and clock.
    Doctor,
    /// Undo and redo every migration (destroys all data; for development).
    #[command(hide = true)]
    MigrateRedo,
}

#[derive(Subcommand)]
enum Seed {
    /// A believable small company: organisation `demo`.
    Demo,
    /// A large synthetic organisation: `scale`.
    Scale {
        #[arg(long, default_value_t = 1_000_000)]
        contacts: u64,
        #[arg(long, default_value_t = 100_000)]
        companies: u64,
        /// Open deals; half as many again are added closed.
        #[arg(long, default_value_t = 200_000)]
        deals: u64,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum ImportWhat {
    Contacts,
    Companies,
    Leads,
    Deals,
}

/// Runs the command; errors are one clear line on standard error.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if matches!(cli.command, Command::Doctor) {
        return crate::doctor::run();
    }
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(errors) => {
            for error in errors {
                eprintln!("pipewright: {error}");
            }
            return ExitCode::from(2);
        }
    };
    start_log(&config);
    let ended = run(cli.command, config);
    crate::db::leave();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pipewright: {}", in_one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// A line on standard output. Nobody reading it any more (`| head`) is no failure of ours.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// The error with its causes; one that says nothing new is left out.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(|cause| one_line(&cause.to_string())) {
        if !told.contains(&cause) {
            let joint = if told.is_empty() { "" } else { ": " };
            told = format!("{told}{joint}{cause}");
        }
    }
    told
}

fn run(command: Command, config: Config) -> anyhow::Result<()> {
    match command {
        Command::Serve { demo } => serve(config, demo),
        Command::Worker => worker(config),
        Command::Migrate => {
            let database = Database::for_command(&config)?;
            let ran = database.migrate()?;
            say(if ran.is_empty() { "up to date".to_owned() } else { ran.join("\n") });
            Ok(())
        }
        Command::MigrateRedo => {
            let database = Database::for_command(&config)?;
            Ok(db::redo_all(&database.admin_url)?)
        }
        Command::Seed { what } => {
            let database = Database::for_command(&config)?;
            database.migrate()?;
            let workers = app::backbone(Arc::new(config), &database.url)?;
            match what {
                Seed::Demo => {
                    let new = features::seeds::demo(&workers.db)?;
                    features::seeds::demo_files(&workers.db, &workers.files)?;
                    say(if new { DEMO } else { "The demo organisation is there already; nothing was changed." });
                    Ok(())
                }
                Seed::Scale { contacts, companies, deals } => {
                    features::seeds::scale(&workers.db, contacts, companies, deals)
                }
            }
        }
        Command::Import { what, file, org, pipeline, leave_unknown_owners } => {
            let database = Database::for_command(&config)?;
            database.migrate()?;
            let workers = app::backbone(Arc::new(config), &database.url)?;
            let record = match what {
                ImportWhat::Contacts => crate::kernel::RecordType::Contact,
                ImportWhat::Companies => crate::kernel::RecordType::Company,
                ImportWhat::Leads => crate::kernel::RecordType::Lead,
                ImportWhat::Deals => crate::kernel::RecordType::Deal,
            };
            let options = features::imports::Options { pipeline, leave_unknown_owners, ..Default::default() };
            features::imports::command_line(&workers.db, &workers.config, record, (&file, &org), options)
        }
        Command::PasswordLink { email } => {
            let database = Database::for_command(&config)?;
            database.migrate()?;
            let workers = app::backbone(Arc::new(config), &database.url)?;
            features::accounts::password_link(&workers.db, &workers.config, &email)
        }
        Command::EmailLink { email, new_email } => {
            let database = Database::for_command(&config)?;
            database.migrate()?;
            let workers = app::backbone(Arc::new(config), &database.url)?;
            features::accounts::email_link(&workers.db, &workers.config, &email, &new_email)
        }
        Command::Doctor => Ok(()),
    }
}

/// The database a command works on: the one named by DATABASE_URL, or the private server under DATA_DIR.
pub(crate) struct Database {
    pub url: String,
    pub admin_url: String,
    embedded: Option<Embedded>,
}

impl Database {
    /// For `serve`: owns the private server, or refuses when another process does.
    fn for_server(config: &Config) -> anyhow::Result<Self> {
        Self::open(config, Embedded::start)
    }

    /// For every other command: beside a running server, uses its database.
    pub(crate) fn for_command(config: &Config) -> anyhow::Result<Self> {
        Self::open(config, Embedded::attach_or_start)
    }

    fn open(
        config: &Config,
        start: impl FnOnce(&std::path::Path) -> Result<Embedded, db::embedded::EmbeddedError>,
    ) -> anyhow::Result<Self> {
        if let Some(url) = &config.database_url {
            let url = url.expose().to_owned();
            return Ok(Self { admin_url: url.clone(), url, embedded: None });
        }
        let server = start(&config.data_dir)?;
        Ok(Self { url: server.app_url(), admin_url: server.admin_url(), embedded: Some(server) })
    }

    fn migrate(&self) -> anyhow::Result<Vec<String>> {
        let login = self.embedded.is_some().then_some(db::embedded::APP_ROLE);
        Ok(db::migrate(&self.admin_url, login)?)
    }

    pub(crate) fn stop(self) {
        if let Some(server) = self.embedded {
            server.stop();
        }
    }
}

fn serve(config: Config, demo: bool) -> anyhow::Result<()> {
    config.print_masked();
    let database = Database::for_server(&config)?;
    // A start that cannot succeed changes nothing.
    drop(TcpListener::bind(config.bind).with_context(|| format!("cannot listen on {}", config.bind))?);
    for version in database.migrate()? {
        tracing::info!(version, "migrated");
    }
    let metrics_bind = config.metrics_bind;
    let public_url = config.public_url.clone();
    let served = actix_web::rt::System::new().block_on(async {
        let url = database.url.clone();
        let app = Application::start(config, &url).await?;
        if let Some(bind) = metrics_bind {
            features::health::serve_metrics(bind, app.db.clone())?;
        }
        if demo {
            let (db, files) = (app.db.clone(), app.workers.files.clone());
            let seed = move || features::seeds::demo(&db).and_then(|_| features::seeds::demo_files(&db, &files));
            tokio::task::spawn_blocking(seed).await.context("seeding the demo broke off")??;
        }
        say(format!("\nPipewright is at {public_url} (listening on {})", app.address));
        if demo {
            say(format!("{DEMO}\n"));
        }
        wait_for_signal().await?;
        tracing::info!("stopping");
        app.stop().await;
        anyhow::Ok(())
    });
    database.stop();
    tracing::info!("stopped");
    served
}

fn worker(config: Config) -> anyhow::Result<()> {
    let database = Database::for_command(&config)?;
    let pending = db::pending_migrations(&database.admin_url)?;
    if !pending.is_empty() {
        bail!("the database is not migrated ({} to go): run `pipewright migrate`", pending.len());
    }
    let count = config.workers.max(1);
    actix_web::rt::System::new().block_on(async {
        let workers = app::backbone(Arc::new(config), &database.url)?;
        let hub = workers.hub.clone();
        let listener = hub.listen(workers.db.clone())?;
        let running = workers.start(count)?;
        tracing::info!(count, "working through jobs");
        wait_for_signal().await?;
        hub.stop();
        tokio::task::spawn_blocking(move || {
            running.stop();
            listener.join()
        })
        .await
        .context("stopping the workers broke off")?
        .map_err(|_| anyhow::anyhow!("the live listener panicked"))
    })?;
    database.stop();
    Ok(())
}

async fn wait_for_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn start_log(config: &Config) {
    let filter = tracing_subscriber::EnvFilter::new(&config.log_filter);
    let ansi = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi);
    match config.log_format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Text => builder.compact().with_target(false).init(),
    }
    web::metrics::handle();
}
