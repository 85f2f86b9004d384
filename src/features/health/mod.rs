//! `/healthz` (the process is up), `/readyz` (database reachable, migrations current) and `/metrics` on a listener of its own.

use crate::{
    db::{Db, Reason, Tx},
    jobs,
    web::metrics,
};
use actix_web::{
    App, HttpResponse, HttpServer,
    web::{self, Data, ServiceConfig, get},
};
use diesel::prelude::*;
use std::net::SocketAddr;

pub fn configure(cfg: &mut ServiceConfig) {
    cfg.route("/healthz", get().to(healthz)).route("/readyz", get().to(readyz));
}

async fn healthz() -> &'static str {
    "ok"
}

/// 503 with the reason until the database answers and has this binary's schema.
async fn readyz(db: Data<Db>) -> HttpResponse {
    let reachable = db.system(Reason::Health, |tx| Ok(diesel::sql_query("SELECT 1").execute(tx.conn())?)).await;
    if let Err(error) = reachable {
        tracing::warn!(%error, "not ready");
        return not_ready("database not reachable");
    }
    match web::block(move || db.pending_migrations()).await {
        Ok(Ok(pending)) if pending.is_empty() => HttpResponse::Ok().body("ready"),
        Ok(Ok(pending)) => not_ready(format!("migrations missing: {}", pending.join(", "))),
        _ => not_ready("migrations cannot be checked"),
    }
}

fn not_ready(reason: impl Into<String>) -> HttpResponse {
    HttpResponse::ServiceUnavailable().content_type("text/plain; charset=utf-8").body(reason.into())
}

/// Serves `/metrics` on `bind`, apart from the public listener.
pub fn serve_metrics(bind: SocketAddr, db: Db) -> anyhow::Result<()> {
    let db = Data::new(db);
    let server = HttpServer::new(move || App::new().app_data(db.clone()).route("/metrics", get().to(render)))
        .workers(1)
        .disable_signals()
        .bind(bind)?
        .run();
    tokio::spawn(server);
    Ok(())
}

async fn render(db: Data<Db>) -> HttpResponse {
    let (busy, idle) = db.pool_state();
    ::metrics::gauge!("db_connections_busy").set(busy);
    ::metrics::gauge!("db_connections_idle").set(idle);
    match db.system(Reason::Health, jobs::depth).await {
        Ok(depth) => {
            ::metrics::gauge!("jobs", "state" => "due").set(depth.due as f64);
            ::metrics::gauge!("jobs", "state" => "later").set(depth.later as f64);
            ::metrics::gauge!("jobs", "state" => "running").set(depth.running as f64);
            ::metrics::gauge!("jobs", "state" => "dead").set(depth.dead as f64);
            ::metrics::gauge!("jobs_oldest_due_seconds").set(depth.oldest_seconds);
        }
        Err(error) => tracing::warn!(%error, "the queue cannot be measured"),
    }
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(metrics::handle().render())
}
