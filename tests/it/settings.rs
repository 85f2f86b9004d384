//! Settings: the organisation, its people and their access, outgoing mail, background jobs.

mod backstage;
mod organisation;
mod people;
mod teams;

use crate::support::{Client, Org, TestApp};
use diesel::{QueryableByName, prelude::*, sql_query, sql_types};
use pipewright::db::Tx;

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = sql_types::Text)]
    value: String,
}

/// The first column `value` of a query inside the organisation, as text.
async fn ask(app: &TestApp, org: &Org, sql: &'static str) -> Vec<String> {
    let rows = app.db.org(&org.id, move |tx| Ok(sql_query(sql).load::<Text>(tx.conn())?)).await.unwrap();
    rows.into_iter().map(|row| row.value).collect()
}

async fn run(app: &TestApp, org: &Org, sql: String) {
    app.db.org(&org.id, move |tx| Ok(sql_query(sql).execute(tx.conn())?)).await.unwrap();
}

async fn role_id(app: &TestApp, org: &Org, key: &'static str) -> String {
    let mut found = ask(
        app,
        org,
        match key {
            "administrator" => "SELECT id::text AS value FROM roles WHERE key = 'administrator'",
            "manager" => "SELECT id::text AS value FROM roles WHERE key = 'manager'",
            "viewer" => "SELECT id::text AS value FROM roles WHERE key = 'viewer'",
            _ => "SELECT id::text AS value FROM roles WHERE key = 'rep'",
        },
    )
    .await;
    found.remove(0)
}

/// Signed in, with the CSRF token of a settings page where the role may open one.
async fn enter(app: &TestApp, org: &Org, who: &str) -> Client {
    let client = app.signed_in(org, who).await;
    client.get("/settings/roles").await;
    client
}

/// Whether the browser's session still opens pages.
async fn is_in(client: &Client) -> bool {
    client.get("/healthz").await;
    client.get("/organisation/logo").await.status() != 303
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_administrators_and_only_their_own_organisation() {
    let app = TestApp::start().await;
    let (a, b) = (app.org("aurelia").await, app.org("borealis").await);
    let (admin, viewer, stranger) =
        (enter(&app, &a, "admin").await, enter(&app, &a, "viewer").await, enter(&app, &b, "admin").await);
    let team = admin.post("/settings/teams", &[("name", "North")]).await;
    assert_eq!(team.status(), 303, "{}", team.body);
    let team = ask(&app, &a, "SELECT id::text AS value FROM teams").await.remove(0);
    let role = role_id(&app, &a, "rep").await;
    let member = a.rep.to_string();
    let pages = [
        "/settings/organisation".to_owned(),
        "/settings/members".into(),
        format!("/settings/members/{member}"),
        "/settings/teams".into(),
        "/settings/teams/new".into(),
        format!("/settings/teams/{team}"),
        "/settings/roles".into(),
        format!("/settings/roles/{role}"),
        "/settings/mail".into(),
        "/settings/jobs".into(),
    ];
    for page in &pages {
        assert_eq!(admin.get(page).await.status(), 200, "{page}");
        assert_eq!(viewer.get(page).await.status(), 403, "{page}");
        assert_eq!(app.new_client().get(page).await.status(), 303, "{page}");
        let foreign = page.rsplit('/').next().is_some_and(|last| last.len() == 36);
        assert_eq!(stranger.get(page).await.status(), if foreign { 404 } else { 200 }, "{page}");
    }
    for (path, fields) in [
        (format!("/settings/members/{member}/role"), vec![("role_id", role.as_str())]),
        (format!("/settings/members/{member}/deactivation"), vec![]),
        (format!("/settings/members/{member}/reactivation"), vec![]),
        (format!("/settings/members/{member}/hand-over"), vec![("hand_over_to", member.as_str())]),
        (format!("/settings/teams/{team}"), vec![("name", "Mine now")]),
        (format!("/settings/teams/{team}/deletion"), vec![]),
        (format!("/settings/roles/{role}"), vec![("visibility", "own")]),
        (format!("/settings/roles/{role}/defaults"), vec![]),
        (format!("/settings/jobs/{member}/retry"), vec![]),
        (format!("/settings/jobs/{member}/discard"), vec![]),
    ] {
        assert_eq!(stranger.post(&path, &fields).await.status(), 404, "{path}");
        assert!([403, 404].contains(&viewer.post(&path, &fields).await.status()), "{path}");
    }
    assert_eq!(admin.get("/settings/members/nonsense").await.status(), 404);
    app.stop().await;
}
