//! The frame around every page: what only a browser shows.

use super::driver::{Browser, Script};
use crate::support::{PASSWORD, TestApp};

/// The row of settings goes to where one is, and leaves the page at its top: its title and buttons are seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_far_down_the_settings_opens_at_its_top() {
    let app = TestApp::start().await;
    app.org("frame").await;
    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "admin@frame.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
    browser.go("/settings/jobs").await;
    browser.until("the page", "document.querySelector('.subnav [aria-current]') !== null").await;
    browser.until("its top", "window.scrollY === 0").await;
}
