//! The calendar in a browser: dragged, stretched, refused and taken back, moved by keyboard, planned in a slot, followed in another tab,
//! and a list without a script.

use super::driver::{Browser, Script};
use crate::support::{Org, PASSWORD, TestApp};
use serde_json::json;
use std::time::Duration;
use thirtyfour::Key;

/// A Wednesday.
const DAY: &str = "2031-03-05";
const WEEK: &str = "/calendar?view=week&date=2031-03-05";

async fn sign_in(browser: &Browser, org: &Org) {
    browser.go("/login").await;
    browser.fill("email", &format!("rep@{}.test", org.slug)).await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
}

async fn meeting(app: &TestApp, org: &Org, subject: &str, at: &str) -> String {
    let id = uuid::Uuid::now_v7().to_string();
    app.sql(&format!(
        "INSERT INTO activities (org_id, id, type_id, class, subject, owner_id, start_at, minutes)
         SELECT '{0}', '{id}', id, 'activity', '{subject}', '{1}', '{at}', 60 FROM activity_types WHERE org_id = '{0}' AND key = 'meeting'",
        org.id, org.rep
    ))
    .await;
    id
}

async fn when(app: &TestApp, id: &str) -> String {
    let sql = "SELECT to_char(start_at AT TIME ZONE 'Europe/Amsterdam', 'MM-DD HH24:MI') || ' ' || minutes FROM activities WHERE id = ";
    app.value(&format!("{sql}'{id}'")).await
}

/// Drags from the middle of one element by so many pixels.
async fn drag(browser: &Browser, css: &str, (x, y): (i64, i64)) {
    let element = browser.find(css).await;
    let pace = Some(Duration::from_millis(30));
    let actions = browser.driver.action_chain_with_delay(pace, pace);
    actions
        .move_to_element_center(&element)
        .click_and_hold()
        .move_by_offset(x / 2, y / 2)
        .move_by_offset(x - x / 2, y - y / 2)
        .move_by_offset(0, 1)
        .release()
        .perform()
        .await
        .unwrap();
}

async fn number(browser: &Browser, script: &str) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "pixels")]
    let pixels = browser.js(script).await.as_f64().unwrap().round() as i64;
    pixels
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dragged_stretched_refused_and_by_keyboard() {
    let app = TestApp::start().await;
    let org = app.org("dragged").await;
    let id = meeting(&app, &org, "Lens review", "2031-03-05T10:00+01:00").await;
    let browser = Browser::open(&app.base, Script::On).await;
    sign_in(&browser, &org).await;
    browser.go(WEEK).await;
    let event = format!(".fc-event[data-id=\"{id}\"]");
    browser.find(&event).await;
    let column = "return document.querySelectorAll('.fc-timegrid-col[data-date]')[1].getBoundingClientRect().left \
                  - document.querySelectorAll('.fc-timegrid-col[data-date]')[0].getBoundingClientRect().left";
    let half_hour = "return document.querySelector('.fc-timegrid-slot-lane').getBoundingClientRect().height";
    let (column, half_hour) = (number(&browser, column).await, number(&browser, half_hour).await);

    // To the next day, an hour later; then half an hour longer.
    drag(&browser, &event, (column, 2 * half_hour)).await;
    browser.until("what it says", "document.querySelector('[data-toast]')?.textContent.includes('11:00')").await;
    assert_eq!(when(&app, &id).await, "03-06 11:00 60");
    browser.js(&format!("document.querySelector('{event} .fc-event-resizer-end').style.display = 'block'")).await;
    drag(&browser, &format!("{event} .fc-event-resizer-end"), (0, half_hour)).await;
    browser.until("the second message", "document.querySelectorAll('[data-toast]').length === 2").await;
    assert_eq!(when(&app, &id).await, "03-06 11:00 90");
    // Taken back where one stands.
    browser.click("#toasts [data-toast]:last-of-type form button").await;
    browser.until("the message", "document.querySelector('#toasts').textContent.includes('old time')").await;
    assert_eq!(when(&app, &id).await, "03-06 11:00 60");
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    // Somebody else was faster: it goes back, and says so.
    browser.go(WEEK).await;
    browser.find(&event).await;
    app.sql(&format!("UPDATE activities SET version = version + 1 WHERE id = '{id}'")).await;
    drag(&browser, &event, (column, 0)).await;
    browser
        .until(
            "why not",
            "document.querySelector('[data-toast].snack-danger')?.textContent.includes('Someone else changed it')",
        )
        .await;
    browser
        .until(
            "its old place",
            &format!("document.querySelector('[data-date=\"2031-03-06\"] .fc-event[data-id=\"{id}\"]')"),
        )
        .await;
    assert_eq!(when(&app, &id).await, "03-06 11:00 60");
    let refused = browser.complaints().await;
    assert!(refused.iter().all(|c| c.contains("409")), "{refused:?}");

    // By keyboard: a day back, a quarter later, and a quarter longer.
    browser.js(&format!("document.querySelector('{event}').focus()")).await;
    for (shift, key, then) in [
        (false, Key::Left, "03-05 11:00 60"),
        (false, Key::Down, "03-05 11:15 60"),
        (true, Key::Down, "03-05 11:15 75"),
    ] {
        let keys = browser.driver.action_chain().key_down(Key::Alt);
        let keys = if shift { keys.key_down(Key::Shift) } else { keys };
        keys.send_keys(key).key_up(Key::Shift).key_up(Key::Alt).perform().await.unwrap();
        for _ in 0..100 {
            if when(&app, &id).await == then {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(when(&app, &id).await, then);
        browser.until("its focus", &format!("document.activeElement?.dataset.id === '{id}'")).await;
    }
    // Enter opens it, with the form that moves it.
    browser.driver.action_chain().send_keys(Key::Enter).perform().await.unwrap();
    browser.until("the dialog", "document.getElementById('calendar-entry').open").await;
    browser
        .js("document.getElementById('m-on').value = '2031-03-07'; document.getElementById('m-time').value = '16:00'")
        .await;
    browser.click("[data-cal-move] button").await;
    browser
        .until(
            "its new day",
            &format!("document.querySelector('[data-date=\"2031-03-07\"] .fc-event[data-id=\"{id}\"]')"),
        )
        .await;
    assert_eq!(when(&app, &id).await, "03-07 16:00 75");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planned_in_a_slot_seen_elsewhere_and_listed_without_a_script() {
    let app = TestApp::start().await;
    let org = app.org("slots").await;
    let browser = Browser::open(&app.base, Script::On).await;
    sign_in(&browser, &org).await;
    browser.go(WEEK).await;
    browser.find(".fc-timegrid-slot-lane").await;

    // A slot is a day and a time.
    let nine = ".fc-timegrid-slot-lane[data-time=\"09:00:00\"]";
    let lane = browser.find(nine).await;
    browser.driver.action_chain().move_to_element_center(&lane).click().perform().await.unwrap();
    browser.until("the form", "document.getElementById('calendar-new').open").await;
    let said = browser
        .js("return ['on', 'time', 'minutes'].map((n) => document.querySelector(`#calendar-new [name=${n}]`).value)")
        .await;
    assert_eq!(said[1], "09:00", "{said}");
    browser.driver.action_chain().send_keys("Call Ada").perform().await.unwrap();
    browser.driver.action_chain().send_keys(Key::Enter).perform().await.unwrap();
    browser
        .until(
            "it stands there",
            "[...document.querySelectorAll('.fc-event')].some((e) => e.textContent.includes('Call Ada'))",
        )
        .await;
    assert_eq!(app.value("SELECT owner_id FROM activities").await, org.rep.to_string());

    // Another tab, or a colleague, plans: it appears by itself.
    let other = app.signed_in(&org, "manager").await;
    let (kind, owner) = (
        app.value(&format!("SELECT id FROM activity_types WHERE org_id = '{}' AND key = 'meeting'", org.id)).await,
        org.rep.to_string(),
    );
    let fields = [
        ("type_id", kind.as_str()),
        ("subject", "From elsewhere"),
        ("on", DAY),
        ("time", "14:00"),
        ("owner_id", &owner),
    ];
    assert_eq!(other.post_partial("/calendar/activities", &fields).await.status(), 201);
    browser
        .until(
            "the other one",
            "[...document.querySelectorAll('.fc-event')].some((e) => e.textContent.includes('From elsewhere'))",
        )
        .await;

    // So it does in the list of days and side by side, which the server draws.
    for (view, subject) in [("agenda", "In the list"), ("people", "Side by side")] {
        browser.go(&format!("/calendar?view={view}&date={DAY}")).await;
        browser.find("#calendar-days").await;
        browser.js("document.body.dataset.same = 'page'").await;
        let fields = fields.map(|(name, value)| (name, if name == "subject" { subject } else { value }));
        assert_eq!(other.post_partial("/calendar/activities", &fields).await.status(), 201);
        browser
            .until(subject, &format!("document.getElementById('calendar-days').innerHTML.includes('{subject}')"))
            .await;
        assert_eq!(browser.js("return document.body.dataset.same").await, "page");
    }
    browser.go(WEEK).await;

    // Month and back, remembered; the address says where one is.
    browser.click("[data-cal-view=month]").await;
    browser
        .until("the month", "document.querySelector('.fc-dayGridMonth-view') && location.search.includes('view=month')")
        .await;
    browser.click("[data-cal-step=next]").await;
    browser.until("April", "document.getElementById('cal-title').textContent.includes('April 2031')").await;
    browser.go("/calendar").await;
    browser.until("the month again", "document.querySelector('.fc-dayGridMonth-view')").await;
    // Side by side: a free cell is a time too.
    browser.go("/calendar?view=people&date=2031-03-05").await;
    browser.click("td.cal-free").await;
    browser.until("the form", "document.getElementById('calendar-new').open").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;

    let plain = Browser::open(&app.base, Script::Off).await;
    sign_in(&plain, &org).await;
    plain.go(WEEK).await;
    let text = plain.text().await;
    assert!(text.contains("Call Ada") && text.contains("14:00") && text.contains("From elsewhere"), "{text}");
    plain.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_read_one_below_the_other_on_a_phone() {
    let app = TestApp::start().await;
    let org = app.org("narrow").await;
    app.sql(&format!(
        "INSERT INTO activities (org_id, id, type_id, class, subject, owner_id, start_at, minutes)
         SELECT '{0}', app.uuid7(), t.id, 'activity', s.subject, s.owner::uuid, s.at::timestamptz, 15 FROM activity_types t,
           (VALUES ('Short talk about the lenses', '{1}', '2031-03-05 10:00+01'), ('Boss time', '{2}', '2031-03-05 11:15+01')) s(subject, owner, at)
         WHERE t.org_id = '{0}' AND t.key = 'meeting'",
        org.id, org.rep, org.manager
    ))
    .await;
    let browser = Browser::open(&app.base, Script::On).await;
    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": false });
    browser.devtools("Emulation.setDeviceMetricsOverride", phone).await;
    browser.go("/login").await;
    browser.fill("email", &format!("manager@{}.test", org.slug)).await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
    browser.go(&format!("/calendar?view=people&date={DAY}")).await;
    browser.click(".cal-choice > summary").await;
    browser.click(&format!(".cal-choice input[name=person][value=\"{}\"]", org.rep)).await;
    browser.submit("Show").await;
    let text = browser.text().await;
    assert!(text.contains("10:00 – 10:15") && text.contains("Short talk about the lenses"), "{text}");
    assert!(text.contains("11:15 – 11:30") && text.contains("Boss time"), "{text}");
    let shown = "document.querySelector('.cal-people').offsetHeight > 0 && document.querySelector('.cal-team-scroll').offsetHeight === 0";
    browser.until("the list, and no table", shown).await;
    let wide = browser.js("return document.documentElement.scrollWidth - innerWidth").await;
    assert!(wide.as_i64().unwrap() <= 0, "sideways by {wide}");
    // No word is cut off: a line has the room that its words need.
    let cut = "return [...document.querySelectorAll('.cal-stretches li')].filter((li) => li.scrollWidth > li.clientWidth + 1).length";
    assert_eq!(browser.js(cut).await, 0);
    let wrong = super::accessibility::violations(&browser).await;
    assert!(wrong.is_empty(), "{wrong:?}");
    // What is free is a time to plan at, with that person.
    browser.click(&format!("#person-{} .cal-free a", org.rep)).await;
    browser.until("the form", "location.pathname === '/activities/new'").await;
    let with = format!("document.querySelector('input[name=with][value=\"{}\"]')?.checked", org.rep);
    browser.until("with them", &with).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}
