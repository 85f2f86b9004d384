//! An open record page shows what a colleague does to it, and leaves alone what one is writing.

use super::driver::{Browser, Script};
use crate::{
    files,
    support::{PASSWORD, TestApp},
};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_page_shows_what_others_do_and_keeps_what_one_types() {
    let app = TestApp::start().await;
    let org = app.org("fresh").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM notes").await;
    let admin = app.signed_in(&org, "admin").await;
    admin.get("/contacts").await;
    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "rep@fresh.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;

    let path = format!("/deals/{}", ours.deal);
    browser.go(&path).await;
    browser.click("[data-tab=composer-comment]").await;
    browser.until("the field", "document.querySelector('#f-comment').dataset.mentionsReady").await;
    browser.find("#f-comment").await.send_keys("Half a sent").await.unwrap();
    browser.until("the stream", "document.querySelector('#timeline')").await;
    let (deal, says) = (ours.deal.to_string(), |n: u8| format!("Word {n} of the administrator"));
    let shown = |text: &str, place: &str| format!("document.querySelector('{place}')?.textContent.includes('{text}')");
    let comment = async |on: &str, on_id: &str, body: &str| {
        let id = Uuid::now_v7().to_string();
        let sent = admin.post("/comments", &[("on", on), ("on_id", on_id), ("id", &id), ("body", body)]).await;
        assert_eq!(sent.status(), 303, "{}", sent.body);
        id
    };
    // A comment, a note, a pin, a plan, a file, a moved card: each without a reload.
    browser.js("window.sameDocument = true").await;
    let said = comment("deals", &deal, &says(1)).await;
    browser.until("the comment", &shown(&says(1), "#timeline")).await;
    let noted = admin.post("/notes", &[("record_type", "deal"), ("record_id", &deal), ("body", &says(2))]).await;
    assert_eq!(noted.status(), 303, "{}", noted.body);
    browser.until("the note", &shown(&says(2), "#timeline")).await;
    assert_eq!(admin.post(&format!("/comments/{said}/pin"), &[]).await.status(), 303);
    browser.until("the pin", &shown(&says(1), "#pinned")).await;
    let kind = ours.activity_type.to_string();
    let plan =
        [("type_id", kind.as_str()), ("subject", "Call them back"), ("deal_id", deal.as_str()), ("on", "2031-01-01")];
    assert_eq!(admin.post("/activities", &plan).await.status(), 303);
    browser.until("the plan", &shown("Call them back", "#plan")).await;
    assert_eq!(files::send(&admin, &format!("{path}/files"), "x", &[("terms.txt", b"x")]).await.status(), 303);
    browser.until("the file", &shown("terms.txt", "#files")).await;
    let renamed = [("name", "Renamed by another"), ("version", "1")];
    let saved = admin.post_partial(&format!("{path}/fields/name"), &renamed).await;
    assert_eq!(saved.status(), 200, "{}", saved.body);
    browser.until("the name", &shown("Renamed by another", "#record-title")).await;
    browser
        .until("what was typed", "document.querySelector('#f-comment').value === 'Half a sent' && window.sameDocument")
        .await;

    // A reply that is being written stays, in an entry that others write under; left, it shows theirs.
    let reply = "#timeline details.reply textarea";
    browser.click("#timeline details.reply summary").await;
    browser.find(reply).await.send_keys("My view").await.unwrap();
    let noted = app.value("SELECT id FROM notes").await;
    comment("notes", &noted, &says(3)).await;
    comment("deals", &deal, &says(4)).await;
    browser.until("the other comment", &shown(&says(4), "#timeline")).await;
    browser.until("the reply", &format!("document.querySelector('{reply}').value === 'My view' && document.activeElement === document.querySelector('{reply}')")).await;
    browser.js("document.querySelector('#timeline details.reply textarea').value = ''; document.querySelector('#timeline details.reply').open = false; document.activeElement.blur()").await;
    browser.until("theirs", &shown(&says(3), "#timeline")).await;

    // The filter of the timeline is kept; what is deleted goes.
    browser.click("#timeline .seg a[hx-get$='timeline=files']").await;
    browser.until("files alone", &format!("!({})", shown(&says(4), "#timeline"))).await;
    assert_eq!(files::send(&admin, &format!("{path}/files"), "y", &[("annex.txt", b"x")]).await.status(), 303);
    browser.until("the second file", &shown("Added annex.txt", "#timeline")).await;
    browser.until("still files alone", &format!("!({})", shown(&says(4), "#timeline"))).await;

    // An activity's thread and what it consists of.
    let activity = ours.activity.to_string();
    browser.go(&format!("/activities/{activity}")).await;
    browser.find("#f-comment").await.send_keys("Mine").await.unwrap();
    let said = comment("activities", &activity, &says(5)).await;
    browser.until("in the thread", &shown(&says(5), "#comments")).await;
    let item = admin.post(&format!("/activities/{activity}/checklist"), &[("text", "Bring the lens")]).await;
    assert_eq!(item.status(), 303, "{}", item.body);
    browser.until("the item", &shown("Bring the lens", "#checklist")).await;
    assert_eq!(admin.post(&format!("/comments/{said}/deletion"), &[]).await.status(), 303);
    browser.until("it is gone", &format!("!({})", shown(&says(5), "#comments"))).await;
    browser.until("mine is there", "document.querySelector('#f-comment').value === 'Mine'").await;

    // A contact, too, hears of what is planned with it.
    let contact = ours.contact.to_string();
    browser.go(&format!("/contacts/{contact}")).await;
    let plan = [
        ("type_id", kind.as_str()),
        ("subject", "Lunch with them"),
        ("contact_id", contact.as_str()),
        ("on", "2031-01-02"),
    ];
    assert_eq!(admin.post("/activities", &plan).await.status(), 303);
    browser.until("their plan", &shown("Lunch with them", "#plan")).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}
