//! One's own settings: profile, picture, password, address, sessions.

use crate::{
    accounts::{execute, is_signed_in, last_mail, mails, shape},
    support::{Client, PASSWORD, Page, TestApp},
};
use reqwest::multipart::{Form, Part};

const STRONG: &str = "copper-lantern-drifts";

async fn upload(client: &Client, bytes: Vec<u8>) -> Page {
    let token = client.csrf().await;
    let part = Part::bytes(bytes).file_name("me.png").mime_str("image/png").unwrap();
    let form = Form::new().text("csrf_token", token).part("avatar", part);
    let request = client.http().post(client.url("/settings/profile/avatar")).header("Accept", "text/html");
    client.read(request.multipart(form).send().await.unwrap()).await
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(width, height).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profile_and_picture() {
    let app = TestApp::start().await;
    let (a, b) = (app.org("aurelia").await, app.org("brightwater").await);
    let rep = app.signed_in(&a, "rep").await;
    let location = rep.get("/settings").await.location.unwrap();
    assert_eq!(location, "/settings/profile");
    let admin = app.signed_in(&a, "admin").await;
    assert_eq!(admin.get("/settings").await.location.as_deref(), Some("/settings/organisation"));

    let good = [("name", "Rosa Ødegård"), ("time_zone", "America/New_York"), ("locale", "sv-SE"), ("theme", "dark")];
    rep.get("/settings/profile").await;
    assert_eq!(rep.post("/settings/profile", &good).await.status(), 303);
    let page = rep.get("/settings/profile").await;
    assert!(page.contains("value=\"Rosa Ødegård\"") && page.contains("data-theme=\"dark\""));
    assert!(page.contains("<option value=\"America/New_York\" selected>"));
    assert_eq!(execute(&app, "SELECT 1 FROM members WHERE name = 'Rosa Ødegård'"), 1);
    assert_eq!(execute(&app, "SELECT 1 FROM events WHERE kind = 'member.updated' AND changes ? 'name'"), 1);
    let page = rep
        .post("/settings/profile", &[("name", ""), ("time_zone", "Mars/Base"), ("locale", "xx"), ("theme", "pink")])
        .await;
    assert!(page.status() == 422 && page.contains("f-name-error") && page.contains("f-time_zone-error"));
    let request = rep.http().post(rep.url("/settings/theme")).header("Referer", rep.url("/deals?q=1"));
    let token = rep.csrf().await;
    let page =
        rep.read(request.form(&[("csrf_token", token.as_str()), ("theme", "light")]).send().await.unwrap()).await;
    assert_eq!((page.status(), page.location.as_deref()), (303, Some("/deals?q=1")));

    rep.get("/settings/profile").await;
    let page = upload(&rep, png(600, 300)).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    let page = rep.get("/settings/profile").await;
    let url = format!("/avatars/{}{}", a.rep, page.between(&format!("/avatars/{}", a.rep), "\"").unwrap());
    let picture = admin.http().get(admin.url(&url)).send().await.unwrap();
    assert_eq!(picture.status(), 200);
    assert!(picture.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    let etag = picture.headers()["etag"].clone();
    let read = image::load_from_memory(&picture.bytes().await.unwrap()).unwrap();
    assert_eq!((read.width(), read.height()), (256, 256));
    let again = admin.http().get(admin.url(&url)).header("If-None-Match", etag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    let stranger = app.signed_in(&b, "admin").await;
    assert_eq!(stranger.get(&url).await.status(), 404, "another organisation's");
    assert_eq!(app.new_client().get(&url).await.status(), 303);
    assert_eq!(rep.get("/avatars/nonsense").await.status(), 404);

    rep.get("/settings/profile").await;
    for (what, bytes) in [
        ("text", b"<svg onload=alert(1)>".to_vec()),
        ("nothing", vec![]),
        ("cut off", png(600, 300)[..100].to_vec()),
        ("too large", vec![0; 6 * 1024 * 1024]),
    ] {
        let page = upload(&rep, bytes).await;
        assert!(page.status() == 422 && page.contains("f-avatar-error"), "{what}: {}", page.status());
    }
    assert_eq!(rep.post("/settings/profile/avatar/removal", &[]).await.status(), 303);
    assert_eq!(rep.get(&url).await.status(), 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn password_and_sessions() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (here, there) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "rep").await);
    let path = "/settings/security/password";
    let page = here.get("/settings/security").await;
    assert!(page.contains("Where you are signed in") && page.contains("This browser") && page.contains("127.0.0.1"));
    let page = here.post(path, &[("current_password", "wrong"), ("new_password", STRONG)]).await;
    assert!(page.status() == 422 && page.contains("f-current_password-error"));
    let page = here.post(path, &[("current_password", PASSWORD), ("new_password", "password123")]).await;
    assert!(page.status() == 422 && page.contains("f-new_password-error"));
    assert!(is_signed_in(&there).await);
    let page = here.post(path, &[("current_password", PASSWORD), ("new_password", STRONG)]).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    assert!(is_signed_in(&here).await && !is_signed_in(&there).await);
    assert_eq!(last_mail(&app, "password_changed").await.recipient, "rep@aurelia.test");

    // One browser, then all the others.
    let (second, third) = (app.new_client(), app.new_client());
    second.sign_in("rep@aurelia.test", STRONG).await;
    let page = here.get("/settings/security").await;
    let id = page.between("/settings/security/sessions/", "/removal").filter(|id| id.len() == 64);
    let id =
        id.or_else(|| page.body.split("/settings/security/sessions/").nth(2)?.split('/').next()).unwrap().to_owned();
    let end = format!("/settings/security/sessions/{id}/removal");
    let stranger = app.signed_in(&org, "admin").await;
    stranger.get("/settings/security").await;
    assert_eq!(stranger.post(&end, &[]).await.status(), 404, "not theirs to end");
    assert_eq!(here.post(&end, &[]).await.status(), 303);
    assert!(is_signed_in(&here).await && !is_signed_in(&second).await);
    third.sign_in("rep@aurelia.test", STRONG).await;
    here.get("/settings/security").await;
    assert_eq!(here.post("/settings/security/sessions/removal", &[]).await.status(), 303);
    assert!(is_signed_in(&here).await && !is_signed_in(&third).await && is_signed_in(&stranger).await);

    here.get("/settings/security").await;
    let mut stopped = false;
    for _ in 0..15 {
        stopped |= here.post(path, &[("current_password", "wrong"), ("new_password", STRONG)]).await.status() == 429;
    }
    assert!(stopped, "guessing the current password is limited");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_address_is_confirmed_before_it_counts() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = app.signed_in(&org, "rep").await;
    rep.get("/settings/security").await;
    let path = "/settings/security/email";
    let page = rep.post(path, &[("new_email", "nonsense"), ("email_password", PASSWORD)]).await;
    assert!(page.status() == 422 && page.contains("f-new_email-error"));
    let page = rep.post(path, &[("new_email", "rosa@aurelia.test"), ("email_password", "wrong")]).await;
    assert!(
        page.status() == 422 && page.contains("f-email_password-error") && page.contains("value=\"rosa@aurelia.test\"")
    );

    let taken = rep.post(path, &[("new_email", "admin@aurelia.test"), ("email_password", PASSWORD)]).await;
    let free = rep.post(path, &[("new_email", "rosa@aurelia.test"), ("email_password", PASSWORD)]).await;
    assert_eq!(shape(&taken, "-"), shape(&free, "-"));
    let all: Vec<_> = mails(&app).await.into_iter().map(|m| (m.template, m.recipient)).collect();
    assert!(all.contains(&("address_wanted".into(), "admin@aurelia.test".into())));
    let page = rep.get("/settings/security").await;
    assert!(page.contains("No mail leaves this installation, so no link reaches rosa@aurelia.test"), "{}", page.body);
    assert!(page.contains("<code>pipewright email-link</code>"), "nothing is promised that cannot be");
    assert!(all.contains(&("change_email".into(), "rosa@aurelia.test".into())));
    assert_eq!(execute(&app, "SELECT 1 FROM users WHERE email = 'rosa@aurelia.test'"), 0, "not yet");

    let link = last_mail(&app, "change_email").await.path();
    assert_eq!(rep.get(&link).await.status(), 200);
    assert_eq!(rep.post(&link, &[]).await.status(), 303);
    let notice = last_mail(&app, "email_changed").await;
    assert_eq!(notice.recipient, "rep@aurelia.test");
    assert!(notice.body_text.contains("rosa@aurelia.test"));
    app.new_client().sign_in("rosa@aurelia.test", PASSWORD).await;
    assert_eq!(execute(&app, "SELECT 1 FROM members WHERE email = 'rosa@aurelia.test'"), 1);
    assert_eq!(rep.get(&link).await.status(), 410);

    // Taken between the request and the click: as dead as any other link.
    rep.get("/settings/security").await;
    rep.post(path, &[("new_email", "late@aurelia.test"), ("email_password", PASSWORD)]).await;
    let link = last_mail(&app, "change_email").await.path();
    execute(&app, "UPDATE users SET email = 'late@aurelia.test' WHERE email = 'viewer@aurelia.test'");
    assert_eq!(rep.get(&link).await.status(), 200);
    assert_eq!(rep.post(&link, &[]).await.status(), 410);
    app.stop().await;
}
