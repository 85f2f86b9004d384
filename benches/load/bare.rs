//! Pages per second against the least that could answer: an actix handler that reads the rows of the list's page with Diesel, every column
//! that the page shows, and writes them into HTML, without session, tenancy, count, CSRF, template or compression. Its statement is kept
//! prepared, as ours are.

use super::{
    Figure,
    session::{Session, ask},
};
use actix_web::{App, HttpResponse, HttpServer, web};
use diesel::{
    PgConnection, RunQueryDsl,
    r2d2::{ConnectionManager, Pool},
    sql_query, sql_types as t,
};
use pipewright::db::kept;
use std::{
    fmt::Write,
    time::{Duration, Instant},
};
use uuid::Uuid;

type Connections = Pool<ConnectionManager<PgConnection>>;
const SPAN: Duration = Duration::from_secs(6);
const CLIENTS: usize = 16;

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Text)]
    name: String,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    email: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    phone: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    company: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    title: Option<String>,
    #[diesel(sql_type = t::Text)]
    lifecycle: String,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    owner: Option<String>,
    #[diesel(sql_type = t::Timestamptz)]
    created_at: chrono::DateTime<chrono::Utc>,
}

async fn contacts(pool: web::Data<Connections>, org: web::Data<Uuid>) -> HttpResponse {
    let rows = web::block(move || {
        let mut conn = pool.get().unwrap();
        let query = sql_query(
            "SELECT p.id, p.first_name || ' ' || p.last_name AS name, p.email, p.phone, c.name AS company, p.title, p.lifecycle,
               m.name AS owner, p.created_at
             FROM (SELECT * FROM contacts WHERE org_id = $1 AND archived_at IS NULL AND deleted_at IS NULL ORDER BY name_key, id LIMIT 51) p
             LEFT JOIN companies c ON c.org_id = p.org_id AND c.id = p.company_id
             LEFT JOIN members m ON m.org_id = p.org_id AND m.id = p.owner_id ORDER BY p.name_key, p.id",
        );
        kept(query.bind::<t::Uuid, _>(**org)).load::<Row>(&mut conn).unwrap()
    })
    .await
    .unwrap();
    let mut html = String::from("<!doctype html><title>Contacts</title><table>");
    for row in rows {
        let (email, phone) = (row.email.unwrap_or_default(), row.phone.unwrap_or_default());
        let (company, title, owner) =
            (row.company.unwrap_or_default(), row.title.unwrap_or_default(), row.owner.unwrap_or_default());
        let (lifecycle, added) = (row.lifecycle, row.created_at.format("%d %b %Y"));
        let _ = write!(
            html,
            "<tr><td><a href=\"/contacts/{}\">{}</a><td>{title}<td>{company}<td>{email}<td>{phone}<td>{lifecycle}<td>{owner}<td>{added}",
            row.id, row.name
        );
    }
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html)
}

pub async fn compare(session: &Session, database: &str) -> Option<Figure> {
    let org: Uuid = ask(database, "SELECT id FROM organisations WHERE slug = 'scale'").parse().ok()?;
    let pool: Connections = Pool::builder().max_size(10).build(ConnectionManager::new(database)).ok()?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(pool.clone()))
            .app_data(web::Data::new(org))
            .route("/contacts", web::get().to(contacts))
    })
    .bind("127.0.0.1:0")
    .ok()?;
    let mut bare = session.clone();
    bare.url = format!("http://{}", server.addrs()[0]);
    let handle = server.run();
    let control = handle.handle();
    actix_web::rt::spawn(handle);
    if session.get("/contacts").await.0 != 200 {
        return None;
    }
    let (ours, theirs) = (rate(session).await, rate(&bare).await);
    control.stop(false).await;
    let share = ours / theirs * 100.0;
    let what = "pages per second, contacts list, against a bare handler";
    Some(Figure::new(what, format!("{ours:.0} of {theirs:.0}: {share:.0} %"), "≥ 40 %", Some(share >= 40.0)))
}

async fn rate(session: &Session) -> f64 {
    let started = Instant::now();
    let crowd = (0..CLIENTS).map(|_| async move {
        let mut pages = 0u32;
        while started.elapsed() < SPAN {
            session.get("/contacts").await;
            pages += 1;
        }
        pages
    });
    let pages: u32 = futures_util::future::join_all(crowd).await.into_iter().sum();
    f64::from(pages) / started.elapsed().as_secs_f64()
}
