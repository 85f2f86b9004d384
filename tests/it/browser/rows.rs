//! Cards dragged and carried by keyboard from one row of the board to another.

use super::{
    accessibility::violations,
    driver::{Browser, Script},
};
use crate::support::{PASSWORD, TestApp};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_is_dragged_carried_and_sent_to_another_row() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = app.signed_in(&org, "rep").await;
    let (pipeline, stages) = app.stages(&org);
    for (name, priority) in [("Dragged", "low"), ("Carried", "low"), ("Sent", "low"), ("Stays", "urgent")] {
        rep.add_deal(&stages[0], name, &[("priority", priority)]).await;
    }
    let list = format!("kind=board&pipeline={pipeline}");
    let look = [("list", list.as_str()), ("lanes", "priority"), ("do", "me")];
    assert_eq!(rep.post(&format!("/pipeline/{pipeline}/look"), &look).await.status(), 303);
    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "rep@aurelia.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
    browser.go(&format!("/pipeline/{pipeline}?reset=1")).await;
    let inside = |row: &str, stage: &str, name: &str| {
        format!(
            "document.querySelector('[data-row=\"{row}\"] [data-stage-id=\"{stage}\"] [data-name=\"{name}\"]:not(.saving)')"
        )
    };
    browser.until("the rows", &inside("low", &stages[0], "Carried")).await;

    // By keyboard: picked up in the row of low ones, carried beyond its end, dropped.
    browser.js("document.querySelector('[data-name=\"Carried\"]').focus()").await;
    for key in [" ", "\u{E00E}", "\u{E014}", " "] {
        browser.driver.action_chain().send_keys(key).perform().await.unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    browser.until("the carried card", &inside("normal", &stages[1], "Carried")).await;
    // By mouse.
    let card = browser.find("[data-name=\"Dragged\"] .deal-foot").await;
    let target = browser.find(&format!("[data-row=\"normal\"] [data-stage-id=\"{}\"] .cards", stages[0])).await;
    let pace = Some(Duration::from_millis(25));
    let actions = browser.driver.action_chain_with_delay(pace, pace);
    let held = actions.move_to_element_center(&card).click_and_hold().move_by_offset(8, -8).move_by_offset(10, -20);
    held.move_to_element_center(&target).move_by_offset(4, 4).move_by_offset(-4, -4).release().perform().await.unwrap();
    browser.until("the dragged card", &inside("normal", &stages[0], "Dragged")).await;
    // From the menu.
    browser.js("document.querySelector('[data-name=\"Sent\"] [data-deal-menu]').click()").await;
    browser.click("#deal-menu [data-to-row=\"urgent\"]").await;
    browser.until("the sent card", &inside("urgent", &stages[0], "Sent")).await;
    let is = "SELECT string_agg(name || ' ' || priority, ', ' ORDER BY name) AS value FROM deals";
    assert_eq!(app.texts(is), ["Carried normal, Dragged normal, Sent urgent, Stays urgent"]);

    // Many rows: further ones come as one scrolls, and their cards are as the first.
    app.sql(&format!(
        "INSERT INTO companies (org_id, id, name) SELECT '{}', gen_random_uuid(), 'Company ' || n FROM generate_series(1, 9) n",
        org.id
    ))
    .await;
    for company in app.texts("SELECT id::text AS value FROM companies ORDER BY name") {
        rep.add_deal(&stages[0], "Of a company", &[("company_id", &company)]).await;
    }
    let look = [("list", list.as_str()), ("lanes", "company"), ("do", "me")];
    assert_eq!(rep.post(&format!("/pipeline/{pipeline}/look"), &look).await.status(), 303);
    let page = rep.get(&format!("/pipeline/{pipeline}?reset=1")).await;
    assert_eq!(page.body.matches("class=\"lane\"").count(), 4, "{}", page.body);
    browser.go(&format!("/pipeline/{pipeline}?reset=1")).await;
    for rows in [8, 10] {
        browser.js("document.querySelector('.lane-more')?.scrollIntoView()").await;
        browser.until("further rows", &format!("document.querySelectorAll('.lane').length >= {rows}")).await;
    }
    let alike = "[...document.querySelectorAll('.lane .deal-name a')].every(a => a.tabIndex === -1) && !document.querySelector('.lane-more')";
    browser.until("cards as the first", alike).await;
    assert_eq!(violations(&browser).await, Vec::<String>::new());
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}
