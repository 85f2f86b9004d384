//! Files through HTTP: added, shown, renamed, in versions, shared by link, binned and swept; seen by the right people; whatever they
//! claim to be.

mod bucket;
mod hostile;
mod scanner;

use crate::support::{Client, Org, Page, TestApp};
use reqwest::multipart::{Form, Part};

pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(width, height).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// As a browser without a script sends them, in one form.
pub(crate) async fn send(client: &Client, path: &str, batch: &str, files: &[(&str, &[u8])]) -> Page {
    let mut form = Form::new().text("csrf_token", client.csrf().await).text("batch", batch.to_owned());
    for (name, bytes) in files {
        let part = Part::bytes(bytes.to_vec()).file_name((*name).to_owned()).mime_str("text/html").unwrap();
        form = form.part("file", part);
    }
    client
        .read(client.http().post(client.url(path)).header("Accept", "text/html").multipart(form).send().await.unwrap())
        .await
}

/// Adds one; its address.
async fn added(client: &Client, app: &TestApp, path: &str, name: &str, bytes: &[u8]) -> String {
    let page = send(client, path, name, &[(name, bytes)]).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    format!("/files/{}", app.value("SELECT id FROM files ORDER BY created_at DESC, id DESC LIMIT 1").await)
}

async fn bytes(client: &Client, path: &str) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
    let response = client.http().get(client.url(path)).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap().to_vec())
}

fn header<'a>(headers: &'a reqwest::header::HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

async fn enter(app: &TestApp, org: &Org, who: &str) -> Client {
    let client = app.signed_in(org, who).await;
    client.get("/contacts").await;
    client
}

/// The count of blobs in the folder of files, and of what was left half written.
fn on_disk(dir: &std::path::Path) -> usize {
    let orgs = std::fs::read_dir(dir.join("files")).unwrap();
    orgs.map(|org| std::fs::read_dir(org.unwrap().path()).unwrap().count()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_kept_shown_and_given_back_as_they_were() {
    let app = TestApp::start().await;
    let org = app.org("kept").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM files; DELETE FROM file_blobs").await;
    let rep = enter(&app, &org, "rep").await;
    let picture = png(900, 600);
    for (noun, id) in
        [("companies", ours.company), ("contacts", ours.contact), ("leads", ours.lead), ("activities", ours.activity)]
    {
        let page = send(&rep, &format!("/{noun}/{id}/files"), "1", &[("plan.txt", b"the plan")]).await;
        assert_eq!((page.status(), page.location.unwrap()), (303, format!("/{noun}/{id}")));
        assert!(rep.get(&format!("/{noun}/{id}")).await.contains("plan.txt"), "{noun}");
    }
    // Several at once; sent twice they are there once; each with its size and its place in the timeline.
    let deal = format!("/deals/{}", ours.deal);
    for _ in 0..2 {
        let both: [(&str, &[u8]); 2] = [("Angebot für Müller.pdf", b"%PDF-1.4 offer"), ("site.png", &picture)];
        assert_eq!(send(&rep, &format!("{deal}/files"), "both", &both).await.status(), 303);
    }
    assert_eq!(app.value("SELECT count(*) FROM files WHERE deal_id IS NOT NULL").await, "2");
    let page = rep.get(&deal).await;
    assert!(page.contains("Angebot für Müller.pdf") && page.contains("Added site.png"), "{}", page.body);
    assert!(rep.get_partial(&format!("{deal}/timeline?timeline=files")).await.contains("Added site.png"));
    assert!(!rep.get_partial(&format!("{deal}/timeline?timeline=notes")).await.contains("Added site.png"));
    // The picture gets a small one, from a job; both are shown in the page, the text is only handed over.
    app.run_jobs().await;
    let id = app.value("SELECT id FROM files WHERE name = 'site.png'").await;
    let (status, headers, small) = bytes(&rep, &format!("/files/{id}/thumbnail?version=1")).await;
    assert_eq!((status, header(&headers, "content-type")), (200, "image/png"));
    assert_eq!(image::load_from_memory(&small).unwrap().width(), 480);
    let (_, headers, whole) = bytes(&rep, &format!("/files/{id}/content")).await;
    assert_eq!(whole, picture);
    assert!(header(&headers, "content-security-policy").contains("sandbox"));
    assert!(header(&headers, "content-disposition").starts_with("inline"));
    assert_eq!(header(&headers, "x-content-type-options"), "nosniff");
    let (_, headers, _) = bytes(&rep, &format!("/files/{id}/content?download=1")).await;
    assert!(header(&headers, "content-disposition").starts_with("attachment"));
    let pdf = app.value("SELECT id FROM files WHERE name LIKE '%.pdf'").await;
    let (_, headers, body) = bytes(&rep, &format!("/files/{pdf}/content")).await;
    assert_eq!((header(&headers, "content-type"), body.as_slice()), ("application/pdf", b"%PDF-1.4 offer".as_slice()));
    assert!(header(&headers, "content-disposition").contains("filename*=UTF-8''Angebot%20f%C3%BCr%20M%C3%BCller.pdf"));
    let policy = header(&headers, "content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("; sandbox"), "no origin of ours: {policy}");
    assert!(!policy.contains("allow-same-origin") && !policy.contains("script-src"), "{policy}");
    assert_eq!(header(&headers, "x-content-type-options"), "nosniff");
    assert!(rep.get(&format!("/files/{pdf}")).await.contains("<iframe"));
    let sha = "SELECT sha256 FROM file_blobs b JOIN file_versions v ON v.blob_id = b.id JOIN files f ON f.id = v.file_id WHERE f.name LIKE '%.pdf'";
    use sha2::Digest;
    assert_eq!(app.value(sha).await, hex::encode(sha2::Sha256::digest(b"%PDF-1.4 offer")));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_names_and_the_bin() {
    let dir = tempfile::tempdir().unwrap();
    let app = TestApp::start_with(&[("DATA_DIR", dir.path().to_str().unwrap())]).await;
    let org = app.org("versions").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM files; DELETE FROM file_blobs").await;
    let rep = enter(&app, &org, "rep").await;
    let place = format!("/deals/{}/files", ours.deal);
    let file = added(&rep, &app, &place, "offer.txt", b"first").await;
    assert_eq!(send(&rep, &format!("{file}/versions"), "", &[("whatever.txt", b"second")]).await.status(), 303);
    // The same bytes again are no new version.
    send(&rep, &format!("{file}/versions"), "", &[("offer.txt", b"second")]).await;
    assert_eq!(app.value("SELECT count(*) FROM file_versions").await, "2");
    assert_eq!(bytes(&rep, &format!("{file}/content")).await.2, b"second");
    assert_eq!(bytes(&rep, &format!("{file}/content?version=1")).await.2, b"first");
    assert_eq!(rep.post(&format!("{file}/versions/restoration"), &[("number", "1")]).await.status(), 303);
    assert_eq!(bytes(&rep, &format!("{file}/content")).await.2, b"first");
    assert_eq!(rep.post(&format!("{file}/versions/restoration"), &[("number", "9")]).await.status(), 404);
    // Renamed; a stale form is told so and keeps its words.
    let version = app.value("SELECT version FROM files").await;
    let said = [("name", "Final offer.txt"), ("version", version.as_str())];
    assert_eq!(rep.post(&file, &said).await.status(), 303);
    let stale = rep.post(&file, &[("name", "Mine.txt"), ("version", version.as_str())]).await;
    assert!(stale.status() == 409 && stale.contains("Mine.txt"), "{}", stale.body);
    let version = app.value("SELECT version FROM files").await;
    assert_eq!(rep.post(&file, &[("name", ""), ("version", version.as_str())]).await.status(), 422);
    // Into the bin and back; not found meanwhile, and gone with its bytes when it goes for good.
    assert_eq!(rep.post(&format!("{file}/deletion"), &[]).await.status(), 303);
    let page = rep.get(&place).await;
    assert!(page.contains("In the bin") && page.contains("Final offer.txt"), "{}", page.body);
    assert!(!rep.get(&format!("/deals/{}", ours.deal)).await.contains(&format!("id=\"file-{}\"", &file[7..])));
    assert_eq!(rep.post(&format!("{file}/deletion/undo"), &[]).await.status(), 303);
    assert_eq!(rep.post(&format!("{file}/purge"), &[]).await.status(), 409);
    rep.post(&format!("{file}/deletion"), &[]).await;
    assert_eq!(rep.post(&format!("{file}/purge"), &[]).await.status(), 303);
    assert_eq!(rep.get(&file).await.status(), 404);
    // The third is what was sent twice: it has no name.
    assert_eq!((on_disk(dir.path()), app.value("SELECT used_bytes FROM file_use").await.as_str()), (3, "11"));
    app.sql("UPDATE file_blobs SET created_at = now() - interval '25 hours'").await;
    app.sql(pipewright::features::files::SWEEP).await;
    app.run_jobs().await;
    assert_eq!((on_disk(dir.path()), app.value("SELECT used_bytes FROM file_use").await.as_str()), (0, "0"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sweep_takes_what_nobody_names_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let app = TestApp::start_with(&[("DATA_DIR", dir.path().to_str().unwrap())]).await;
    let org = app.org("swept").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM files; DELETE FROM file_blobs").await;
    let rep = enter(&app, &org, "rep").await;
    let place = format!("/deals/{}/files", ours.deal);
    let kept = added(&rep, &app, &place, "kept.txt", b"kept").await;
    let old = added(&rep, &app, &place, "old.txt", b"deleted long ago").await;
    let late = added(&rep, &app, &place, "late.txt", b"deleted today").await;
    rep.post(&format!("{old}/deletion"), &[]).await;
    rep.post(&format!("{late}/deletion"), &[]).await;
    app.sql("UPDATE files SET deleted_at = now() - interval '31 days' WHERE name = 'old.txt'").await;
    // An upload that broke off: written down, bytes there, named by nobody; and one that goes on.
    app.sql(&format!(
        "INSERT INTO file_blobs (org_id, id, created_at) SELECT '{0}', gen_random_uuid(), now() - interval '2 days';
         INSERT INTO file_blobs (org_id, id) SELECT '{0}', gen_random_uuid()",
        org.id
    ))
    .await;
    let lost = app.value("SELECT id FROM file_blobs WHERE created_at < now() - interval '1 day'").await;
    std::fs::write(dir.path().join(format!("files/{}/{lost}#1", org.id)), b"half").unwrap();
    app.sql("UPDATE file_blobs SET created_at = now() - interval '2 days' WHERE size IS NOT NULL").await;
    app.sql(pipewright::features::files::SWEEP).await;
    app.run_jobs().await;
    assert_eq!(on_disk(dir.path()), 2, "kept.txt and late.txt");
    assert_eq!(app.value("SELECT count(*) FROM file_blobs").await, "3");
    assert_eq!(bytes(&rep, &format!("{kept}/content")).await.2, b"kept");
    assert_eq!(rep.post(&format!("{late}/deletion/undo"), &[]).await.status(), 303);
    assert_eq!(bytes(&rep, &format!("{late}/content")).await.2, b"deleted today");
    // A deal deleted for good takes its files along.
    rep.get("/bin").await;
    let admin = enter(&app, &org, "admin").await;
    admin.post(&format!("/deals/{}/deletion", ours.deal), &[]).await;
    assert_eq!(rep.get(&kept).await.status(), 404);
    let deal = ours.deal.to_string();
    let gone = admin.post("/bin/purge", &[("record_type", "deal"), ("ids", &deal), ("confirm", "delete")]).await;
    assert_eq!(gone.status(), 303, "{}", gone.body);
    assert_eq!(app.value("SELECT count(*) FROM files").await, "0");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_do_what_with_them() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("ours").await, app.org("theirs").await);
    let ours = app.belongings(&org).await;
    let rep = enter(&app, &org, "rep").await;
    let place = format!("/deals/{}/files", ours.deal);
    let file = added(&rep, &app, &place, "secret.txt", b"secret").await;
    let viewer = enter(&app, &org, "viewer").await;
    assert_eq!(bytes(&viewer, &format!("{file}/content")).await.0, 200);
    assert_eq!(send(&viewer, &place, "", &[("x.txt", b"x")]).await.status(), 403);
    for (path, fields) in [
        ("", vec![("name", "x")]),
        ("/deletion", vec![]),
        ("/link", vec![]),
        ("/versions/restoration", vec![("number", "1")]),
    ] {
        assert_eq!(viewer.post(&format!("{file}{path}"), &fields).await.status(), 403, "{path}");
    }
    assert_eq!(send(&viewer, &format!("{file}/versions"), "", &[("x.txt", b"x")]).await.status(), 403);
    let stranger = enter(&app, &other, "admin").await;
    assert_eq!(bytes(&stranger, &format!("{file}/content")).await.0, 404);
    assert_eq!(send(&stranger, &place, "", &[("x.txt", b"x")]).await.status(), 404);
    assert_eq!(stranger.get(&place).await.status(), 404);
    // Whoever sees only their own records does not see the files of others'.
    app.sql(&format!(
        "UPDATE roles SET visibility = 'own' WHERE key = 'rep'; UPDATE deals SET owner_id = '{}'",
        org.admin
    ))
    .await;
    assert_eq!(rep.get(&file).await.status(), 404);
    assert_eq!(bytes(&rep, &format!("{file}/content")).await.0, 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_quota_and_links() {
    let app = TestApp::start_with(&[("FILES_QUOTA_MB", "50")]).await;
    let org = app.org("limits").await;
    let ours = app.belongings(&org).await;
    let admin = enter(&app, &org, "admin").await;
    let place = format!("/deals/{}/files", ours.deal);
    let refused = admin.post("/settings/files", &[("max_mb", "0"), ("quota_mb", "51")]).await;
    assert!(refused.status() == 422 && refused.contains("must be a whole number from 1 to 50"), "{}", refused.body);
    assert_eq!(admin.post("/settings/files", &[("max_mb", "1"), ("quota_mb", "1")]).await.status(), 303);
    let large = vec![7u8; (1 << 20) + 1];
    let page = send(&admin, &place, "a", &[("large.bin", &large), ("small.bin", &large[..600_000])]).await;
    assert!(page.status() == 422 && page.contains("large.bin is larger than the 1 MB"), "{}", page.body);
    assert!(page.contains("Kept: small.bin"), "{}", page.body);
    let page = send(&admin, &place, "b", &[("more.bin", &large[..600_000])]).await;
    assert!(page.status() == 422 && page.contains("more.bin does not fit"), "{}", page.body);
    let page = admin.get("/settings/files").await;
    assert!(page.contains("600 kB of 1.0 MB"), "{}", page.body);
    // A link for people without an account: for this version, until it is over or the file is gone.
    admin.post("/settings/files", &[("max_mb", "10"), ("quota_mb", "50")]).await;
    let file = added(&admin, &app, &place, "shared.html", b"<script>alert(1)</script>").await;
    let page = admin.post(&format!("{file}/link"), &[("days", "7")]).await;
    let link = page.between("id=\"file-link\">http://pipewright.test", "<").unwrap().to_owned();
    let nobody = app.new_client();
    let (status, headers, body) = bytes(&nobody, &link).await;
    assert_eq!((status, body.as_slice()), (200, b"<script>alert(1)</script>".as_slice()));
    assert_eq!(header(&headers, "content-type"), "application/octet-stream");
    assert!(
        header(&headers, "content-disposition").starts_with("attachment")
            && header(&headers, "content-security-policy").contains("sandbox")
    );
    let forged = format!("{}AAAA", &link[..link.len() - 4]);
    assert_eq!(nobody.get(&forged).await.status(), 404);
    admin.post(&format!("{file}/deletion"), &[]).await;
    assert_eq!(nobody.get(&link).await.status(), 404);
    app.stop().await;
}
