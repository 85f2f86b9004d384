//! Mentions by keyboard, in a text area and in the editor; reactions in place.

use super::{
    accessibility,
    driver::{Browser, Script},
};
use crate::support::{PASSWORD, TestApp};
use thirtyfour::Key;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn colleagues_are_mentioned_by_keyboard_and_reactions_stay_in_place() {
    let app = TestApp::start().await;
    let org = app.org("ping").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM comments; DELETE FROM events WHERE kind = 'comment.added'").await;
    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "rep@ping.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;

    // In a comment: letters, an arrow, Enter; the text goes on behind the name.
    browser.go(&format!("/deals/{}", ours.deal)).await;
    browser.click("[data-tab=composer-comment]").await;
    browser.until("the field", "document.querySelector('#f-comment').dataset.mentionsReady").await;
    let field = browser.find("#f-comment").await;
    field.send_keys("Look @m").await.unwrap();
    browser
        .until("the names", "document.querySelector('#composer-comment .mention-list:not([hidden]) [role=option]')")
        .await;
    let wrong = accessibility::violations(&browser).await;
    assert!(wrong.is_empty(), "{wrong:?}");
    field.send_keys(Key::Down + Key::Up).await.unwrap();
    field.send_keys(Key::Enter + "please").await.unwrap();
    browser.until("the name", "document.querySelector('#f-comment').value === 'Look @Manager ping please'").await;
    browser.submit("Save comment").await;
    browser
        .until(
            "the chip",
            "document.querySelector('#timeline .rich a[href^=\"/feed?who=\"]')?.textContent === '@Manager ping'",
        )
        .await;
    assert_eq!(app.value("SELECT member_id FROM post_mentions").await, org.manager.to_string());

    // A reaction, in place.
    browser.click("#timeline .reactions summary").await;
    browser.click("#timeline .reaction-choices button").await;
    browser
        .until("the reaction", "document.querySelector('#timeline .reaction.is-mine')?.textContent.includes('1')")
        .await;
    browser.click("#timeline .reaction.is-mine").await;
    browser.until("it is taken back", "!document.querySelector('#timeline .reaction.is-mine')").await;

    // In the editor of a note.
    browser.go(&format!("/deals/{}", ours.deal)).await;
    browser.until("the editor", "document.querySelector('#composer-note trix-editor')?.editor && document.querySelector('#composer-note trix-editor').dataset.mentionsReady").await;
    let editor = browser.find("#composer-note trix-editor").await;
    editor.click().await.unwrap();
    editor.send_keys("Ask @adm").await.unwrap();
    browser
        .until("the names", "document.querySelector('#composer-note .mention-list:not([hidden]) [role=option]')")
        .await;
    editor.send_keys(Key::Enter + "first").await.unwrap();
    browser.until("the link", "document.querySelector('#composer-note trix-editor a[href^=\"/feed?who=\"]')?.textContent === '@Admin ping'").await;
    browser.submit("Save note").await;
    browser.until("the note", "document.querySelector('#timeline')?.textContent.includes('@Admin ping')").await;
    let note = app.value("SELECT body_html FROM notes ORDER BY created_at DESC LIMIT 1").await;
    assert!(note.contains("@Admin ping</a>") && note.contains("first") && !note.contains("first</a>"), "{note}");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_half_typed_outlasts_the_page() {
    let app = TestApp::start().await;
    let org = app.org("half").await;
    let ours = app.belongings(&org).await;
    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "rep@half.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;

    let page = format!("/deals/{}", ours.deal);
    let editor = "document.querySelector('#composer-note trix-editor')?.editor";
    let noted = "document.querySelector('#composer-note [name=body]')?.value";
    browser.go(&page).await;
    browser.until("the editor", editor).await;
    browser.find("#composer-note trix-editor").await.send_keys("She wants two").await.unwrap();
    browser.until("the note", &format!("{noted}?.includes('She wants two')")).await;
    browser.click("[data-tab=composer-comment]").await;
    browser.find("#f-comment").await.send_keys("Call her").await.unwrap();
    browser.go("/contacts").await;

    // On another record there is nothing of it; here it stands again.
    browser.go(&format!("/contacts/{}", ours.contact)).await;
    browser.until("the editor", editor).await;
    browser.until("nothing in it", &format!("{noted} === ''")).await;
    browser.go(&page).await;
    browser.until("the comment", "document.querySelector('#f-comment')?.value === 'Call her'").await;
    browser.until("the note", &format!("{editor}.getDocument().toString().includes('She wants two')")).await;
    browser.until("its text", &format!("{noted}?.includes('She wants two')")).await;

    // Sent, it is gone from the form.
    browser.submit("Save note").await;
    browser.until("the note", "document.querySelector('#timeline')?.textContent.includes('She wants two')").await;
    browser.until("an empty editor", &format!("{editor} && {noted} === ''")).await;
    browser.until("the comment still", "document.querySelector('#f-comment')?.value === 'Call her'").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    // Sent without arriving, because the session had ended, it stands here still.
    app.sql("DELETE FROM sessions").await;
    browser.click("[data-tab=composer-comment]").await;
    browser.submit("Save comment").await;
    browser.go("/login").await;
    browser.fill("email", "rep@half.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
    browser.go(&page).await;
    browser.until("the comment again", "document.querySelector('#f-comment')?.value === 'Call her'").await;
    assert_eq!(app.value("SELECT count(*) FROM comments WHERE body_html LIKE '%Call her%'").await, "0");

    // Whoever signs out leaves nothing of it for the next one.
    browser.js("document.querySelector('form[action=\"/logout\"]').requestSubmit()").await;
    let kept = "Object.keys(sessionStorage).some((key) => key.startsWith('draft '))";
    browser.until("nothing of it", &format!("location.pathname === '/login' && !{kept}")).await;
    app.stop().await;
}
