//! Names and bytes that mean harm: what they say of themselves is never believed.

use super::{added, bytes, enter, header, png, send};
use crate::support::TestApp;

/// Every size a PNG may claim, in few bytes: a canvas of 60,000 by 60,000.
fn bomb() -> Vec<u8> {
    let mut bytes = png(1, 1);
    bytes[16..20].copy_from_slice(&60_000u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&60_000u32.to_be_bytes());
    // The header's checksum, so that only the size is absurd.
    let crc = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(!0, step)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_files_do_no_harm() {
    let app = TestApp::start().await;
    let org = app.org("hostile").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM files; DELETE FROM file_blobs").await;
    let rep = enter(&app, &org, "rep").await;
    let place = format!("/deals/{}/files", ours.deal);
    for (sent, kept) in [
        ("../../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("..", "file"),
        ("invoice\u{202e}gpj.exe", "invoicegpj.exe"),
        ("עסקה.txt", "עסקה.txt"),
        ("<img src=x onerror=alert(1)>.txt", "<img src=x onerror=alert(1)>.txt"),
    ] {
        added(&rep, &app, &place, sent, b"text").await;
        assert_eq!(app.value("SELECT name FROM files ORDER BY created_at DESC LIMIT 1").await, kept);
    }
    let page = rep.get(&place).await;
    assert!(
        !page.contains("<img src=x") && page.contains("&lt;img src=x") | page.contains("&#60;img src=x"),
        "{}",
        page.body
    );
    let long = format!("{}.pdf", "n".repeat(400));
    added(&rep, &app, &place, &long, b"%PDF-1.4").await;
    assert_eq!(app.value("SELECT char_length(name) FROM files ORDER BY created_at DESC LIMIT 1").await, "200");
    // Nothing, and no file at all, are told apart from a file.
    let page = send(&rep, &place, "e", &[("empty.txt", b"")]).await;
    assert!(page.status() == 422 && page.contains("empty.txt is empty"), "{}", page.body);
    let page = send(&rep, &place, "e", &[]).await;
    assert!(page.status() == 422 && page.contains("Choose a file first"), "{}", page.body);
    // A drawing with a script, a page that calls itself a picture: neither is ever opened in our name.
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(document.cookie)</script></svg>";
    for (name, content) in [("logo.svg", svg.as_slice()), ("photo.png", b"<!DOCTYPE html><script>alert(1)</script>")] {
        let file = added(&rep, &app, &place, name, content).await;
        let (_, headers, _) = bytes(&rep, &format!("{file}/content")).await;
        assert_eq!(header(&headers, "content-type"), "application/octet-stream", "{name}");
        assert!(header(&headers, "content-disposition").starts_with("attachment"), "{name}");
        assert!(header(&headers, "content-security-policy").contains("sandbox"), "{name}");
        assert!(!rep.get(&file).await.contains("<iframe"), "{name}");
    }
    // A picture of sixty thousand by sixty thousand, and one that is damaged, stay without a small one.
    let file = added(&rep, &app, &place, "bomb.png", &bomb()).await;
    let damaged = added(&rep, &app, &place, "damaged.png", &png(50, 50)[..60]).await;
    app.run_jobs().await;
    for file in [&file, &damaged] {
        assert_eq!(bytes(&rep, &format!("{file}/thumbnail?version=1")).await.0, 404);
        assert_eq!(rep.get(file).await.status(), 200);
    }
    assert_eq!(app.value("SELECT count(*) FROM jobs WHERE kind LIKE 'files.%'").await, "0");
    // A form that breaks off, and one that is none.
    let token = rep.csrf().await;
    let half = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"half.txt\"\r\n\r\nhalf";
    let request = rep.http().post(rep.url(&place)).header("X-CSRF-Token", token);
    let answer = request.header("Content-Type", "multipart/form-data; boundary=x").body(half).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(app.value("SELECT count(*) FROM files WHERE name = 'half.txt'").await, "0");
    app.stop().await;
}
