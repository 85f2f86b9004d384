//! The import wizard by keyboard alone: every step reached and left, looked at by axe in both themes, nothing in the console.

use super::{
    accessibility::violations,
    driver::{Browser, Script},
};
use crate::support::{PASSWORD, TestApp};

const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";
const FILE: &str = "First name;Last name;E-mail;Kind;Favourite colour\n\
    Ada;Bell;ada@x.test;Stammkunde;red\nBob;Orr;bob@x.test;Stammkunde;green\nCid;Ell;no address;lead;red\n";

async fn press(browser: &Browser, keys: &str) {
    browser.driver.active_element().await.unwrap().send_keys(keys).await.unwrap();
}

/// Goes on with the tab key until it stands there.
async fn tab_to(browser: &Browser, css: &str) {
    for _ in 0..150 {
        if browser.js(&format!("return document.activeElement.matches({css:?})")).await == true {
            return;
        }
        // Not to the element: a file input would take the key for a file's name.
        browser.driver.action_chain().send_keys(TAB).perform().await.unwrap();
    }
    panic!("the keyboard does not reach {css} on {}:\n{}", browser.path().await, browser.text().await);
}

async fn step(browser: &Browser, name: &str) {
    browser.until(name, &format!("location.pathname.endsWith({name:?}) && document.readyState === 'complete'")).await;
}

async fn look(browser: &Browser, what: &str, wrong: &mut Vec<String>) {
    wrong.extend(violations(browser).await.into_iter().map(|v| format!("{what}: {v}")));
    wrong.extend(browser.complaints().await.into_iter().map(|c| format!("{what}, console: {c}")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wizard_by_keyboard() {
    let app = TestApp::start().await;
    app.org("keys").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("people.csv");
    std::fs::write(&file, FILE).unwrap();
    let (browser, mut wrong) = (Browser::open(&app.base, Script::On).await, Vec::new());
    browser.go("/login").await;
    browser.fill("email", "admin@keys.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
    browser.complaints().await;

    // What the file holds has to be said: nothing is chosen beforehand.
    browser.go("/imports/new").await;
    look(&browser, "upload", &mut wrong).await;
    assert_eq!(browser.js("return document.querySelector('[name=record_type]').matches(':invalid')").await, true);
    tab_to(&browser, "[name=record_type]").await;
    press(&browser, "Contacts").await;
    tab_to(&browser, "[name=file]").await;
    press(&browser, file.to_str().unwrap()).await;
    tab_to(&browser, "[name=step_by_step]").await;
    press(&browser, ENTER).await;

    step(&browser, "/file").await;
    look(&browser, "file", &mut wrong).await;
    tab_to(&browser, "main .btn-primary").await;
    press(&browser, ENTER).await;

    // A field of one's own, made where it is missed.
    step(&browser, "/columns").await;
    look(&browser, "columns", &mut wrong).await;
    tab_to(&browser, "[name=field-3]").await;
    press(&browser, "Lifecycle").await;
    tab_to(&browser, "[name=field-4]").await;
    press(&browser, "New field").await;
    browser.until("its name is asked for", "document.querySelector('[name=new-label-4]').checkVisibility()").await;
    assert_eq!(browser.js("return document.querySelector('[name=new-label-4]').value").await, "Favourite colour");
    look(&browser, "columns with a new field", &mut wrong).await;
    tab_to(&browser, "[name=new-kind-4]").await;
    press(&browser, "One of").await;
    tab_to(&browser, "main .btn-primary").await;
    press(&browser, ENTER).await;

    step(&browser, "/values").await;
    look(&browser, "values", &mut wrong).await;
    tab_to(&browser, "[name=value-3-0]").await;
    press(&browser, "Customer").await;
    tab_to(&browser, "main .btn-primary").await;
    press(&browser, ENTER).await;

    step(&browser, "/rules").await;
    look(&browser, "rules", &mut wrong).await;
    tab_to(&browser, "[name=tags]").await;
    press(&browser, "fair").await;
    tab_to(&browser, "main .btn-primary").await;
    press(&browser, ENTER).await;

    step(&browser, "/check").await;
    look(&browser, "check under way", &mut wrong).await;
    app.run_jobs().await;
    browser.until("the trial", "document.body.innerText.includes('Import now')").await;
    look(&browser, "check", &mut wrong).await;
    assert_eq!(app.value("SELECT count(*) FROM contacts").await, "0");
    tab_to(&browser, "form[action$='/start'] button").await;
    press(&browser, ENTER).await;

    browser.until("under way", "!location.pathname.endsWith('/check')").await;
    look(&browser, "under way", &mut wrong).await;
    app.run_jobs().await;
    browser.until("the result", "document.body.innerText.includes('Undo this import')").await;
    look(&browser, "result", &mut wrong).await;
    let people = "SELECT string_agg(first_name || ' ' || lifecycle || ' ' || (custom->>'c_favourite_colour'), ', ' ORDER BY first_name) \
                  FROM contacts WHERE deleted_at IS NULL";
    assert_eq!(app.value(people).await, "Ada customer red, Bob customer green");
    tab_to(&browser, "form[action$='/undo'] button").await;
    press(&browser, ENTER).await;
    // Asked once more.
    browser.until("asked once more", "document.querySelector('dialog[open] .btn-danger')").await;
    tab_to(&browser, "dialog[open] .btn-danger").await;
    press(&browser, ENTER).await;
    browser.until("undoing", "!document.body.innerText.includes('Undo this import')").await;
    app.run_jobs().await;
    browser.until("undone", "document.body.innerText.includes('Undone')").await;
    look(&browser, "undone", &mut wrong).await;
    assert_eq!(app.value("SELECT count(*) FROM contacts WHERE deleted_at IS NULL").await, "0");
    browser.close().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    app.stop().await;
}
