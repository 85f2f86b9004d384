//! The board under a finger: a card held and carried to another stage and onto the bar of outcomes, a swipe that only scrolls, and a phone,
//! whose columns come in from the edge.

use super::driver::{Browser, Script};
use crate::support::{Org, PASSWORD, TestApp};
use serde_json::{Value, json};
use std::time::Duration;

/// Long enough for a card to be taken up.
const HOLD: Duration = Duration::from_millis(320);

struct Finger<'b> {
    browser: &'b Browser,
    at: (f64, f64),
}

impl<'b> Finger<'b> {
    async fn down(browser: &'b Browser, css: &str, rest: Duration) -> Self {
        let finger = Self { browser, at: middle(browser, css).await };
        finger.send("touchStart").await;
        tokio::time::sleep(rest).await;
        if rest >= HOLD {
            browser.until("the card is taken up", &format!("document.querySelector('{css}.sortable-chosen')")).await;
        }
        finger
    }

    async fn send(&self, kind: &str) {
        let points = if kind == "touchEnd" { json!([]) } else { json!([{ "x": self.at.0, "y": self.at.1 }]) };
        self.browser.devtools("Input.dispatchTouchEvent", json!({ "type": kind, "touchPoints": points })).await;
    }

    /// In so many steps, as a hand goes.
    async fn to(&mut self, (x, y): (f64, f64), steps: u8) {
        let from = self.at;
        for step in 1..=steps {
            let part = f64::from(step) / f64::from(steps);
            self.at = (from.0 + (x - from.0) * part, from.1 + (y - from.1) * part);
            self.send("touchMove").await;
            tokio::time::sleep(Duration::from_millis(16)).await;
        }
    }

    async fn up(self) {
        tokio::time::sleep(Duration::from_millis(120)).await;
        self.send("touchEnd").await;
    }
}

async fn middle(browser: &Browser, css: &str) -> (f64, f64) {
    browser.find(css).await;
    let place = browser
        .js(&format!("const r = document.querySelector('{css}').getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]"))
        .await;
    let number = |at: usize| place[at].as_f64().unwrap();
    (number(0), number(1))
}

/// A board of three open deals in the first stage, in that window. Returns the stages in order.
async fn board(app: &TestApp, org: &Org, browser: &Browser, (width, height): (u32, u32)) -> Vec<String> {
    let phone = width < 600;
    let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
    browser.devtools("Emulation.setDeviceMetricsOverride", screen).await;
    browser.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": true, "maxTouchPoints": 1 })).await;
    let rep = app.signed_in(org, "rep").await;
    let (pipeline, stages) = app.stages(org);
    for name in ["Three", "Two", "One"] {
        rep.add_deal(&stages[0], name, &[]).await;
    }
    browser.go("/login").await;
    browser.fill("email", &format!("rep@{}.test", org.slug)).await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
    browser.go(&format!("/pipeline/{pipeline}")).await;
    browser.until("cards can be dragged", "window.Sortable?.get(document.querySelector('.cards'))").await;
    stages
}

fn card(name: &str) -> String {
    format!("[data-deal-id][data-name=\"{name}\"]")
}

async fn stands_in(app: &TestApp, browser: &Browser, name: &str, stage: &str) {
    let saved = format!("document.querySelector('[data-stage-id=\"{stage}\"] {}:not(.saving)')", card(name));
    browser.until(&format!("{name} in its new stage"), &saved).await;
    assert_eq!(app.value(&format!("SELECT stage_id FROM deals WHERE name = '{name}'")).await, stage);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_is_carried_by_a_finger() {
    let app = TestApp::start().await;
    let org = app.org("touch").await;
    let browser = Browser::open(&app.base, Script::On).await;
    let stages = board(&app, &org, &browser, (1280, 900)).await;

    let mut finger = Finger::down(&browser, &card("One"), HOLD).await;
    let place = middle(&browser, &format!("[data-stage-id=\"{}\"] .cards", stages[1])).await;
    finger.to(place, 14).await;
    assert_eq!(browser.js("return document.body.classList.contains('dragging')").await, true);
    finger.up().await;
    stands_in(&app, &browser, "One", &stages[1]).await;

    // Held so long that the browser would offer a menu.
    let mut finger = Finger::down(&browser, &card("Two"), Duration::from_millis(1_100)).await;
    let place = middle(&browser, &format!("[data-stage-id=\"{}\"] .cards", stages[2])).await;
    finger.to(place, 14).await;
    finger.up().await;
    stands_in(&app, &browser, "Two", &stages[2]).await;

    // A swipe is no move, nor does it open the deal.
    let mut finger = Finger::down(&browser, &card("Three"), Duration::ZERO).await;
    let (x, y) = finger.at;
    finger.to((x, y - 160.0), 8).await;
    finger.to(middle(&browser, &format!("[data-stage-id=\"{}\"] .cards", stages[1])).await, 8).await;
    finger.up().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(browser.js("return document.body.classList.contains('dragging')").await, false);
    assert_eq!(app.value("SELECT stage_id FROM deals WHERE name = 'Three'").await, stages[0]);
    assert!(browser.path().await.starts_with("/pipeline/"));

    // Onto the bar that shows meanwhile.
    let mut finger = Finger::down(&browser, &card("Three"), HOLD).await;
    let (x, y) = finger.at;
    finger.to((x + 30.0, y + 20.0), 4).await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    finger.to(middle(&browser, "[data-drop-zone=won]").await, 14).await;
    finger.up().await;
    browser.until("the deal is won", &format!("!document.querySelector('{}')", card("Three"))).await;
    assert_eq!(app.value("SELECT status FROM deals WHERE name = 'Three'").await, "won");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_phone_columns_come_in_from_the_edge() {
    let app = TestApp::start().await;
    let org = app.org("phone").await;
    let browser = Browser::open(&app.base, Script::On).await;
    let stages = board(&app, &org, &browser, (390, 800)).await;
    let mut finger = Finger::down(&browser, &card("One"), HOLD).await;
    let (_, y) = finger.at;
    finger.to((380.0, y + 10.0), 12).await;
    // Held at the edge until the next column is under the finger.
    let there = format!(
        "return document.elementFromPoint(200, {y})?.closest('[data-stage-id]')?.dataset.stageId === '{}'",
        stages[1]
    );
    let mut found = Value::Bool(false);
    for _ in 0..300 {
        found = browser.js(&there).await;
        if found == true {
            break;
        }
        finger.to((381.0, y + 10.0), 1).await;
        finger.to((380.0, y + 10.0), 1).await;
    }
    assert_eq!(found, true, "the board does not scroll under a finger at its edge");
    finger.to((200.0, y + 20.0), 10).await;
    finger.up().await;
    stands_in(&app, &browser, "One", &stages[1]).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}
