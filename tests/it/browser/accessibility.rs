//! axe-core on every page, in both themes, and a console without complaints.

use super::driver::{Browser, Script};
use crate::support::{PASSWORD, TestApp, routes};
use serde_json::Value;

const AXE: &str = include_str!("../../browser/axe.min.js");
const RUN: &str = "
const done = arguments[arguments.length - 1];
const rules = arguments[0];
const options = { resultTypes: ['violations'] };
if (rules.length) options.runOnly = { type: 'rule', values: rules };
axe.run(document, options).then(
  (found) => done(found.violations.map((v) => v.id + ': ' + v.help + ' ' + v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join(' | '))),
  (error) => done(['axe broke: ' + error]));";

/// What axe finds wrong with the page as it stands, in both themes.
async fn violations(browser: &Browser) -> Vec<String> {
    browser.driver.execute(AXE, Vec::new()).await.unwrap();
    // Colours fade in: what is half way would be found too pale.
    let still = "const s = document.createElement('link'); document.getAnimations().forEach((a) => { try { a.finish() } catch {} });";
    browser.js(still).await;
    let mut found = Vec::new();
    for (theme, rules) in [("light", Value::from(Vec::<String>::new())), ("dark", Value::from(vec!["color-contrast"]))]
    {
        browser.js(&format!("document.documentElement.dataset.bsTheme = '{theme}'; document.getAnimations().forEach((a) => {{ try {{ a.finish() }} catch {{}} }});")).await;
        let result = browser.driver.execute_async(RUN, vec![rules]).await.unwrap().json().clone();
        found.extend(result.as_array().unwrap().iter().map(|v| format!("[{theme}] {}", v.as_str().unwrap())));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_accessible_and_quiet_in_both_themes() {
    let app = TestApp::start().await;
    let org = app.org("axe").await;
    let ours = app.belongings(&org).await;
    let admin = app.signed_in(&org, "admin").await;
    let mut wrong = Vec::new();
    let browser = Browser::open(&app.base, Script::On).await;

    let mut public = vec!["/login".to_owned(), "/signup".into(), "/password-reset".into(), "/no-such-page".into()];
    public.extend(["/signup/sent".to_owned(), "/password-reset/sent".into()]);
    for path in public {
        browser.go(&path).await;
        wrong.extend(violations(&browser).await.into_iter().map(|v| format!("{path} {v}")));
        let expected = |c: &String| path == "/no-such-page" && c.contains("404");
        wrong.extend(
            browser.complaints().await.into_iter().filter(|c| !expected(c)).map(|c| format!("{path} console: {c}")),
        );
    }
    browser.go("/login").await;
    browser.fill("email", "admin@axe.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
    browser.complaints().await;
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
        browser.go(&path).await;
        wrong.extend(violations(&browser).await.into_iter().map(|v| format!("{path} {v}")));
        wrong.extend(browser.complaints().await.into_iter().map(|c| format!("{path} console: {c}")));
    }
    browser.close().await;
    assert!(wrong.is_empty(), "{} pages, {} complaints:\n{}", pages, wrong.len(), wrong.join("\n"));
    assert!(pages > 20, "only {pages} pages were looked at");
    app.stop().await;
}
