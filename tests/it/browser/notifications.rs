//! The bell counts along in every tab, and a browser that was told to shows what is new.

use super::driver::{Browser, Script};
use crate::support::{Org, PASSWORD, TestApp};
use pipewright::{
    features::notifications::{self, Kind, Notice, To},
    kernel::RecordType,
};
use uuid::Uuid;

/// A browser's own notifications, written down instead of shown.
const STUB: &str = "
window.shown = [];
window.Notification = class {
  static permission = 'default';
  static async requestPermission() { return (Notification.permission = 'granted'); }
  constructor(title, { body }) { window.shown.push(title + ' / ' + body); }
  addEventListener() {}
  close() {}
};";

async fn tell(app: &TestApp, org: &Org, deal: Uuid, quote: &'static str) {
    let by = app.actor(org, org.admin).await;
    let to = To::people([org.rep]);
    let told = app.db.org(&by, move |tx| {
        let notice = Notice::new(Kind::Mention).about((RecordType::Deal, deal)).quoting(quote).once(quote);
        notifications::tell(tx, &notice, to)
    });
    assert_eq!(told.await.unwrap(), 1);
}

async fn sign_in(browser: &Browser) {
    browser.go("/login").await;
    browser.fill("email", "rep@bell.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bell_counts_in_every_tab_and_the_browser_shows_what_is_new() {
    let app = TestApp::start().await;
    let org = app.org("bell").await;
    let ours = app.belongings(&org).await;
    let (one, two) = Browser::open_two(&app.base).await;
    for browser in [&one, &two] {
        sign_in(browser).await;
    }
    let count = |n: &str| format!("(document.querySelector('.bell-count')?.textContent ?? '') === '{n}'");
    two.go("/notifications").await;
    tell(&app, &org, ours.deal, "First").await;
    one.until("one at the bell", &count("1")).await;
    two.until("one in the other tab", &count("1")).await;

    // The panel: the latest, and all read at once. The other tab hears of it.
    one.click("#bell").await;
    one.until("the panel", "document.querySelector('#menu-notices .told')?.textContent.includes('First')").await;
    one.click("#menu-notices .told-head button").await;
    one.until("read", &format!("{} && !document.querySelector('#menu-notices .is-unread')", count(""))).await;
    two.until("read there too", &count("")).await;

    // The browser is asked when its owner says so, and not before.
    two.go("/settings/notifications").await;
    two.js(STUB).await;
    two.until("the switch", "document.querySelector('[data-browser-switch]:not([hidden])')").await;
    assert_eq!(two.js("return window.Notification.permission").await, "default");
    two.click("[data-browser-switch]").await;
    two.until("it is on", "document.querySelector('[data-browser-switch]').textContent === 'Turn off'").await;
    tell(&app, &org, ours.deal, "Second").await;
    two.until("it is shown", "window.shown.some((text) => text.includes('mentioned you on Deal of bell / Second'))")
        .await;
    tell(&app, &org, ours.deal, "Third").await;
    two.until("and the next, each once", "window.shown.filter((text) => /Second|Third/.test(text)).length === 2").await;
    for browser in [one, two] {
        assert_eq!(browser.complaints().await, Vec::<String>::new());
        browser.close().await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_javascript_notices_are_read_and_chosen_too() {
    let app = TestApp::start().await;
    let org = app.org("bell").await;
    let ours = app.belongings(&org).await;
    tell(&app, &org, ours.deal, "Plain").await;
    let browser = Browser::open(&app.base, Script::Off).await;
    sign_in(&browser).await;
    browser.click("#bell").await;
    browser.click("#menu-notices .told-all").await;
    browser.submit("Mark all read").await;
    assert!(browser.text().await.contains("Plain"));
    browser.go("/settings/notifications").await;
    browser.choose("mail_mention", "Every morning").await;
    browser.submit("Save notifications").await;
    assert_eq!(app.value("SELECT mail FROM notice_choices").await, "daily");
    browser.close().await;
    app.stop().await;
}
