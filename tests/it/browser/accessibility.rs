//! axe-core on every page, in both themes, and a console without complaints.

use super::driver::{Browser, Script};
use crate::support::{PASSWORD, TestApp, routes};
use pipewright::features::seeds;

const AXE: &str = include_str!("../../browser/axe.min.js");
const RUN: &str = "
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ['violations'] }).then(
  (found) => done(found.violations.map((v) => v.id + ': ' + v.help + ' ' + v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join(' | '))),
  (error) => done(['axe broke: ' + error]));";

/// What axe finds wrong with the page as it stands, in both themes.
pub(super) async fn violations(browser: &Browser) -> Vec<String> {
    browser.driver.execute(AXE, Vec::new()).await.unwrap();
    // Colours fade in: what is half way would be found too pale.
    let still = "document.getAnimations().forEach((a) => { try { a.finish() } catch {} });";
    let mut found = Vec::new();
    for theme in ["light", "dark"] {
        browser.js(&format!("{still} document.documentElement.dataset.bsTheme = '{theme}'; {still}")).await;
        let result = browser.driver.execute_async(RUN, Vec::new()).await.unwrap().json().clone();
        found.extend(result.as_array().unwrap().iter().map(|v| format!("[{theme}] {}", v.as_str().unwrap())));
    }
    found
}

/// Opens the page and says what axe and the console have against it.
pub(super) async fn look(browser: &Browser, path: &str) -> Vec<String> {
    browser.go(path).await;
    let mut wrong: Vec<String> = violations(browser).await.into_iter().map(|v| format!("{path} {v}")).collect();
    let expected = |c: &String| path == "/no-such-page" && c.contains("404");
    let complaints = browser.complaints().await.into_iter().filter(|c| !expected(c));
    wrong.extend(complaints.map(|c| format!("{path} console: {c}")));
    wrong
}

async fn sign_in(browser: &Browser, email: &str, password: &str) {
    browser.go("/login").await;
    browser.fill("email", email).await;
    browser.fill("password", password).await;
    browser.submit("Sign in").await;
    browser.complaints().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_accessible_and_quiet_in_both_themes() {
    let app = TestApp::start().await;
    let org = app.org("axe").await;
    let ours = app.belongings(&org).await;
    let admin = app.signed_in(&org, "admin").await;
    let mut wrong = Vec::new();
    let browser = Browser::open(&app.base, Script::On).await;
    for path in ["/login", "/signup", "/password-reset", "/no-such-page", "/signup/sent", "/password-reset/sent"] {
        wrong.extend(look(&browser, path).await);
    }
    sign_in(&browser, "admin@axe.test", PASSWORD).await;
    let mut pages = 0;
    for route in routes::all().iter().filter(|r| r.method == "GET" && r.path != "/live" && !r.path.contains("{token}"))
    {
        let path = route.with(&ours);
        let answer = admin.get(&path).await;
        // Fragments are seen on their pages.
        if answer.status() != 200 || !answer.body.contains("<html") || route.path.ends_with("/body") {
            continue;
        }
        pages += 1;
        wrong.extend(look(&browser, &path).await);
    }
    let pair = "SELECT '/leads/' || a_id || '/merge?with=' || b_id || '&pair=' || id FROM duplicate_pairs LIMIT 1";
    for path in ["/duplicates?type=lead".to_owned(), app.value(pair).await] {
        wrong.extend(look(&browser, &path).await);
    }
    browser.close().await;
    assert!(wrong.is_empty(), "{} pages, {} complaints:\n{}", pages, wrong.len(), wrong.join("\n"));
    assert!(pages > 20, "only {pages} pages were looked at");
    app.stop().await;
}

/// Records in every state they have, with much on them; lists and a board that are full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_full_old_closed_or_archived_is_accessible_too() {
    let app = TestApp::start().await;
    let db = app.db.clone();
    tokio::task::spawn_blocking(move || seeds::demo(&db)).await.unwrap().unwrap();
    let admin = app.new_client();
    admin.sign_in("admin@demo.test", "pipewright-demo").await;
    app.run_jobs().await;
    let mut paths: Vec<String> =
        ["/", "/pipeline", "/deals", "/contacts", "/companies", "/search?q=an"].map(str::to_owned).into();
    paths.extend(
        [
            "/quality",
            "/reports/losses?period=twelve_months",
            "/settings/competitors",
            "/mails?who=all",
            "/mails?folder=drafts&who=all",
            "/mails/templates",
            "/mailings",
            "/quality/normalisation?type=contact&part=names&part=phones",
            "/contacts?view=all&sort=completeness&columns=name,completeness",
            "/settings/completeness?type=deal",
            "/settings/rules/new?type=deal&kind=expression",
            "/settings/rules/new?type=contact&kind=format",
        ]
        .map(str::to_owned),
    );
    let busiest = "ORDER BY (SELECT count(*) FROM events e WHERE e.record_id = r.id) DESC, id LIMIT 1";
    for (noun, which) in [
        ("deals", "status = 'open'"),
        ("deals", "status = 'won'"),
        ("deals", "status = 'lost'"),
        ("companies", "true"),
        ("contacts", "true"),
    ] {
        let id = app.value(&format!("SELECT id FROM {noun} r WHERE {which} {busiest}")).await;
        paths.push(format!("/{noun}/{id}"));
    }
    let pipeline = app.value("SELECT id FROM pipelines ORDER BY position, id LIMIT 1").await;
    for kind in
        ["forecast", "forecast?unit=quarter", "calendar", "timeline", "timeline?group_by=company&zoom=year", "look"]
    {
        paths.push(format!("/pipeline/{pipeline}/{kind}"));
    }
    let rows = app.value("SELECT id FROM saved_views WHERE name = 'Board by owner'").await;
    paths.push(format!("/pipeline/{pipeline}?view={rows}"));
    for noun in ["deals", "companies", "contacts"] {
        let id = app.value(&format!("SELECT id FROM {noun} ORDER BY id DESC LIMIT 1")).await;
        admin.get(&format!("/{noun}/{id}")).await;
        let archived = admin.post(&format!("/{noun}/{id}/archival"), &[]).await;
        assert_eq!(archived.status(), 303, "{noun}: {}", archived.body);
        paths.push(format!("/{noun}/{id}"));
    }
    let browser = Browser::open(&app.base, Script::On).await;
    sign_in(&browser, "admin@demo.test", "pipewright-demo").await;
    let mut wrong = Vec::new();
    for path in paths {
        wrong.extend(look(&browser, &path).await);
    }
    browser.close().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    app.stop().await;
}
