//! A web form inside somebody else's page: shown and sent there when the page's site is on the form's list, and nowhere else.

use super::driver::{Browser, Script};
use crate::support::TestApp;
use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

/// Somebody's site, one page large; answers its origin. Ends with the process.
fn site(page: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n";
            let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{page}", page.len());
        }
    });
    origin
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_in_a_frame_works_on_its_sites_and_nowhere_else() {
    let app = TestApp::start().await;
    let org = app.org("framed").await;
    let admin = app.signed_in(&org, "admin").await;
    let token = "t".repeat(43);
    let page = |title: &str| {
        format!(
            "<!doctype html><title>{title}</title><h1>Our site</h1><iframe title=form width=600 height=700 src='{}/f/{token}'></iframe>",
            app.base
        )
    };
    let (known, unknown) = (site(page("known")), site(page("unknown")));
    admin.get("/settings/web-forms/new").await;
    let made = admin
        .post(
            "/settings/web-forms",
            &[
                ("name", "Framed"),
                ("heading", "Write to us"),
                ("show", "last_name"),
                ("show", "email"),
                ("show", "country"),
                ("required", "email"),
                ("consent_text", "You may answer me."),
                ("thanks", "We will write back."),
                ("origins", &known),
                ("active", "true"),
            ],
        )
        .await;
    assert_eq!(made.status(), 303, "{}", made.body);
    app.sql(&format!("UPDATE web_forms SET token = '{token}'")).await;

    let browser = Browser::open(&app.base, Script::Off).await;
    browser.driver.goto(&known).await.unwrap();
    browser.driver.enter_frame(0).await.unwrap();
    browser.find("input[name=email]").await;
    browser.fill("last_name", "Okonkwo").await;
    browser.fill("email", "ada@okonkwo.example").await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    browser.click("input[name=consent]").await;
    browser.click("form button").await;
    browser.find(".public-thanks").await;
    assert!(browser.driver.source().await.unwrap().contains("We will write back."));
    assert_eq!(app.value("SELECT concat_ws('|', last_name, email) FROM leads").await, "Okonkwo|ada@okonkwo.example");
    assert_eq!(app.value("SELECT page FROM web_submissions").await, format!("{known}/"));

    browser.driver.goto(&unknown).await.unwrap();
    browser.driver.enter_frame(0).await.unwrap();
    assert!(
        !browser.driver.source().await.unwrap().contains("Write to us"),
        "framed by a site that is not on the list"
    );
    browser.close().await;
    app.stop().await;
}

/// axe and both widths: see `accessibility` for the pages behind the sign-in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_form_is_accessible_also_with_errors() {
    let app = TestApp::start().await;
    let org = app.org("public").await;
    let ours = app.belongings(&org).await;
    app.sql(&format!(
        "UPDATE web_forms SET heading = 'Talk to us', consent_text = 'You may answer.', fields =
           '[{{\"key\": \"email\", \"label\": \"E-mail\", \"required\": true}}, {{\"key\": \"country\", \"label\": \"Country\", \"required\": true}},
             {{\"key\": \"description\", \"label\": \"Words\", \"required\": false}}]' WHERE id = '{}'",
        ours.web_form
    ))
    .await;
    let token = app.value("SELECT token FROM web_forms").await;
    let browser = Browser::open(&app.base, Script::On).await;
    let path = format!("/f/{token}");
    let mut wrong = super::accessibility::look(&browser, &path).await;
    browser.click("form button").await;
    browser.find(".form-errors").await;
    wrong.extend(super::accessibility::violations(&browser).await);
    browser.complaints().await;
    wrong.extend(super::accessibility::look(&browser, &format!("{path}/thanks")).await);
    browser.close().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    app.stop().await;
}
