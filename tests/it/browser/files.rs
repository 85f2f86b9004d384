//! Files dropped and chosen, several at once, with their progress; cancelled, refused and tried again; the same without a script.

use super::{
    accessibility,
    driver::{Browser, Script},
};
use crate::support::{PASSWORD, TestApp};
use serde_json::json;

async fn sign_in(browser: &Browser, email: &str) {
    browser.go("/login").await;
    browser.fill("email", email).await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_dropped_with_progress_and_refused_in_words() {
    let app = TestApp::start().await;
    let org = app.org("drop").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM files; DELETE FROM file_blobs").await;
    let browser = Browser::open(&app.base, Script::On).await;
    sign_in(&browser, "rep@drop.test").await;
    browser.go(&format!("/deals/{}", ours.deal)).await;
    browser.until("the upload", "document.querySelector('[data-upload][data-ready]')").await;
    // Two at once, dropped; what the progress said is remembered.
    browser
        .js("window.said = [];
             const list = document.querySelector('[data-uploads]');
             new MutationObserver(() => list.querySelectorAll('progress').forEach((bar) => window.said.push(bar.getAttribute('aria-label') + ' ' + bar.value)))
               .observe(list, { subtree: true, childList: true, attributes: true, characterData: true });
             const data = new DataTransfer();
             data.items.add(new File([new Uint8Array(3000000)], 'large.bin'));
             data.items.add(new File(['some words'], 'Grüße & more.txt'));
             document.querySelector('[data-drop]').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));")
        .await;
    browser
        .until(
            "both files",
            "document.querySelectorAll('#file-list li').length === 2 && !document.querySelector('[data-uploads] li')",
        )
        .await;
    browser.until("progress was shown", "window.said.some((line) => line.startsWith('Uploading large.bin'))").await;
    assert!(browser.text().await.contains("Grüße & more.txt"));
    assert_eq!(app.value("SELECT count(*) FROM files").await, "2");
    // Refused: the reason stands at the file; after there is room, trying again keeps it once.
    app.sql("UPDATE file_use SET max_mb = 1").await;
    browser
        .js("const data = new DataTransfer();
             data.items.add(new File([new Uint8Array(2000000)], 'heavy.bin'));
             const input = document.querySelector('[data-upload] input[type=file]');
             input.files = data.files; input.dispatchEvent(new Event('change', { bubbles: true }));")
        .await;
    browser
        .until(
            "the refusal",
            "document.querySelector('[data-uploads] li')?.textContent.includes('larger than the 1 MB')",
        )
        .await;
    let wrong = accessibility::violations(&browser).await;
    assert!(wrong.is_empty(), "{wrong:?}");
    app.sql("UPDATE file_use SET max_mb = 100").await;
    browser.js("[...document.querySelectorAll('[data-uploads] button')].find((b) => b.textContent === 'Try again').click()").await;
    browser.until("the third", "document.querySelectorAll('#file-list li').length === 3").await;
    // The refusal itself is a failed request, which browsers complain of.
    let complaints: Vec<_> = browser.complaints().await.into_iter().filter(|c| !c.contains("422")).collect();
    assert_eq!(complaints, Vec::<String>::new());
    // A picture is shown, a PDF in a frame, and nothing complains.
    app.sql("DELETE FROM files").await;
    let (png, pdf) = (crate::files::png(60, 40), red_page());
    let rep = app.signed_in(&org, "rep").await;
    rep.get("/contacts").await;
    let place = format!("/deals/{}/files", ours.deal);
    crate::files::send(&rep, &place, "shown", &[("photo.png", &png), ("offer.pdf", &pdf)]).await;
    let id = app.value("SELECT id FROM files WHERE name = 'photo.png'").await;
    browser.go(&format!("/files/{id}")).await;
    browser.until("the picture", "document.querySelector('.file-view img')?.naturalWidth === 60").await;
    // The viewer draws the page, though it stands in a sandbox.
    let id = app.value("SELECT id FROM files WHERE name = 'offer.pdf'").await;
    browser.go(&format!("/files/{id}")).await;
    browser.find(".file-view iframe").await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while red(&browser).await < 2_000 {
        assert!(std::time::Instant::now() < deadline, "nothing red is drawn: {}", browser.text().await);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}

/// A PDF of one page that is red all over.
fn red_page() -> Vec<u8> {
    let drawn = "1 0 0 rg 0 0 300 200 re f";
    format!(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
         3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<<>>>>endobj\n\
         4 0 obj<</Length {}>>stream\n{drawn}\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
        drawn.len()
    )
    .into_bytes()
}

/// How much of the window is pure red.
async fn red(browser: &Browser) -> usize {
    let shot = browser.driver.screenshot_as_png().await.unwrap();
    let pixels = image::load_from_memory(&shot).unwrap().to_rgb8();
    pixels.pixels().filter(|pixel| pixel.0[0] > 240 && pixel.0[1] < 20 && pixel.0[2] < 20).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_script_the_form_sends_them() {
    let app = TestApp::start().await;
    let org = app.org("plain").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM files; DELETE FROM file_blobs").await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plain words.txt");
    std::fs::write(&path, "words").unwrap();
    let browser = Browser::open(&app.base, Script::Off).await;
    sign_in(&browser, "rep@plain.test").await;
    browser.go(&format!("/deals/{}", ours.deal)).await;
    browser.find("[data-upload] input[type=file]").await.send_keys(path.to_str().unwrap()).await.unwrap();
    browser.submit("Upload").await;
    assert!(browser.text().await.contains("plain words.txt"));
    assert_eq!(json!(app.value("SELECT count(*) FROM files").await), json!("1"));
    browser.close().await;
    app.stop().await;
}
