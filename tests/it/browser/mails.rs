//! A mail written with Trix: people found as one types, a template inserted, the draft saved by itself, sent and taken back.

use super::{
    accessibility,
    driver::{Browser, Script},
};
use crate::support::{PASSWORD, TestApp};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_is_written_with_a_template_and_taken_back() {
    let app = TestApp::start().await;
    let org = app.org("letters").await;
    let ours = app.belongings(&org).await;
    app.sql(&format!(
        "UPDATE mail_templates SET name = 'Welcome', subject = 'Hello', body_html = '<div>Dear {{{{ contact.first_name }}}},</div>';
         SELECT app.reindex('{}', 'contact', ARRAY['{}']::uuid[])",
        org.id, ours.contact
    ))
    .await;
    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "rep@letters.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;

    // From the contact's page: who it is to is known.
    browser.go(&format!("/contacts/{}", ours.contact)).await;
    browser.click("a[href^='/mails/new?contact_id=']").await;
    browser.until("the editor", "document.querySelector('trix-editor')?.editor").await;
    browser.until("whom it is to", "document.querySelector('[name=to]').value.includes('contact@letters.test')").await;

    // A copy to somebody found as one types.
    let cc = browser.find("#f-cc").await;
    cc.send_keys("contact").await.unwrap();
    browser.until("somebody found", "document.querySelector('#f-cc').getAttribute('aria-expanded') === 'true'").await;
    cc.send_keys(thirtyfour::Key::Down + thirtyfour::Key::Enter).await.unwrap();
    browser.until("the copy", "document.querySelector('#f-cc').value.includes('contact@letters.test')").await;
    cc.clear().await.unwrap();

    // Enter in the subject goes on to the text, and sends and saves nothing.
    browser.find("#f-subject").await.send_keys(thirtyfour::Key::Enter).await.unwrap();
    browser.until("the text", "document.activeElement.localName === 'trix-editor'").await;

    // A template's words are filled in for whom it is to.
    browser.choose("template", "Welcome").await;
    browser.submit("Insert").await;
    browser
        .until(
            "the template",
            "document.querySelector('trix-editor')?.editor?.getDocument().toString().includes('Dear Contact,')",
        )
        .await;
    browser.until("its subject", "document.querySelector('[name=subject]').value === 'Hello'").await;

    // A field put where the cursor is; the draft is saved by itself.
    browser.click("trix-editor").await;
    browser.click(".merge-fields > summary").await;
    browser.click("[data-insert-field='{{ contact.last_name }}']").await;
    browser.until("the field", "document.querySelector('[name=body]').value.includes('{{ contact.last_name }}')").await;
    browser.until("the draft", "document.getElementById('draft-state').textContent.includes('Draft saved')").await;
    assert_eq!(
        app.value("SELECT count(*) FROM mail_messages WHERE status = 'draft' AND body_html LIKE '%Dear Contact,%'")
            .await,
        "1"
    );
    let wrong = accessibility::violations(&browser).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // Sent from here, back to the contact, and taken back.
    browser.submit("Send").await;
    browser.until("the message", "document.querySelector('[data-toast]')?.textContent.includes('Sending to')").await;
    assert_eq!(app.value("SELECT status FROM mail_messages WHERE subject = 'Hello'").await, "scheduled");
    browser.click("#toasts [data-toast] form button").await;
    browser.until("a draft again", "location.pathname.endsWith('/edit')").await;
    assert_eq!(app.value("SELECT status FROM mail_messages WHERE subject = 'Hello'").await, "draft");

    // Sent for good: without a mail server it is kept, and stands on the timeline.
    browser.submit("Send").await;
    app.sql("UPDATE jobs SET run_at = now() WHERE kind = 'mails.send'").await;
    app.run_jobs().await;
    assert_eq!(app.value("SELECT status FROM mail_messages WHERE subject = 'Hello'").await, "kept");
    browser.go(&format!("/contacts/{}?timeline=mails", ours.contact)).await;
    browser.until("it is on the timeline", "document.querySelector('#timeline-entries a[href^=\"/mails/\"]')").await;

    // The room to click is below the signature; what is typed stands above it.
    let rep = app.signed_in(&org, "rep").await;
    assert_eq!(rep.post("/settings/signature", &[("body", "<div>Rep, Sales</div>")]).await.status(), 303);
    browser.go("/mails/new").await;
    browser.until("the editor", "document.querySelector('trix-editor')?.editor").await;
    browser.click("trix-editor").await;
    browser.find("trix-editor").await.send_keys("Dear all").await.unwrap();
    let above =
        "document.querySelector('trix-editor').editor.getDocument().toString().startsWith('Dear all\\nRep, Sales')";
    browser.until("words above the signature", above).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}
