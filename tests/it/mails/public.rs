//! What recipients reach: unsubscribing in one click, opens and clicks where they are counted, and nothing for whoever guesses.

use super::Post;
use uuid::Uuid;

async fn mailing(post: &Post) -> crate::support::smtp::Received {
    let id = Uuid::now_v7().to_string();
    let ada = post.ada.to_string();
    let form = [
        ("id", id.as_str()),
        ("record_type", "contact"),
        ("ids", ada.as_str()),
        ("subject", "News"),
        (
            "body",
            "<div><a href=\"https://shop.example/?a=1&amp;b=2\">look</a> <a href=\"https://other.example/\">or there</a></div>",
        ),
        ("action", "send"),
    ];
    let sent = post.rep.post("/mailings", &form).await;
    assert_eq!(sent.status(), 303, "{}", sent.body);
    post.later().await;
    post.server.received().pop().unwrap()
}

/// The path of an address of ours in a mail's HTML.
fn link<'a>(html: &'a str, kind: &str) -> &'a str {
    let start = html.find(&format!("/m/{kind}/")).unwrap_or_else(|| panic!("no {kind}: {html}"));
    html[start..].split(['"', '>', ' ']).next().unwrap()
}

fn html(mail: &crate::support::smtp::Received) -> String {
    let parsed = mail_parser::MessageParser::default().parse(mail.data.as_bytes()).unwrap();
    parsed.body_html(0).unwrap().into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsubscribing_takes_one_click_and_is_respected() {
    let post = Post::start(&[]).await;
    let mail = mailing(&post).await;
    let text = html(&mail);
    assert!(!text.contains("/m/o/") && !text.contains("/m/c/"), "nothing is counted unless the organisation says so");
    let path = link(&text, "u").to_owned();
    let stranger = post.app.new_client();
    // Looking unsubscribes nobody: mail programs look in advance.
    let asked = stranger.get(&path).await;
    assert!(asked.status() == 200 && asked.contains("no more mail of this kind from post Ltd"), "{}", asked.body);
    assert_eq!(post.app.value("SELECT count(*) FROM mail_addresses").await, "0");
    // RFC 8058: a POST without cookies, from nowhere.
    let one_click =
        stranger.http().post(stranger.url(&path)).form(&[("List-Unsubscribe", "One-Click")]).send().await.unwrap();
    assert_eq!(one_click.status(), 200);
    assert_eq!(
        post.app.value("SELECT unsubscribed_at IS NOT NULL FROM mail_addresses WHERE email = 'ada@example.com'").await,
        "true"
    );
    assert!(stranger.get(&path).await.contains("You are unsubscribed"), "opened again, it says so");
    let contact = post.rep.get(&format!("/contacts/{}", post.ada)).await;
    assert!(
        contact.contains("unsubscribed from mail to many") && contact.contains("Unsubscribed: ada@example.com"),
        "{}",
        contact.body
    );
    // Out of the next mailing, but not out of reach.
    let ada = post.ada.to_string();
    let page = post.rep.post("/mailings/new", &[("record_type", "contact"), ("ids", &ada)]).await;
    assert!(page.contains("1 unsubscribed") && page.contains("Mail to 0 contacts"), "{}", page.body);
    post.send(&[("subject", "Your question"), ("body", "x")]).await;
    // A mistake is taken back.
    let back = stranger.http().post(stranger.url(&format!("{path}/undo"))).send().await.unwrap();
    assert_eq!(back.status(), 200);
    assert!(back.text().await.unwrap().contains("You get mail again"));
    assert_eq!(
        post.app.value("SELECT unsubscribed_at IS NULL FROM mail_addresses WHERE email = 'ada@example.com'").await,
        "true"
    );
    post.app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opens_and_clicks_are_counted_and_lead_nowhere_else() {
    let post = Post::start(&[]).await;
    post.app
        .sql(&format!(
            "INSERT INTO mail_settings (org_id, count_opens, count_clicks) VALUES ('{}', true, true)",
            post.org.id
        ))
        .await;
    let mail = mailing(&post).await;
    let text = html(&mail);
    assert!(!text.contains("https://shop.example"), "{text}");
    let stranger = post.app.new_client();
    let pixel = stranger.get(link(&text, "o")).await;
    assert_eq!((pixel.status(), pixel.header("content-type")), (200, Some("image/gif")));
    assert_eq!(pixel.header("cross-origin-resource-policy"), Some("cross-origin"));
    let path = link(&text, "c").to_owned();
    for _ in 0..2 {
        let clicked = stranger.get(&path).await;
        assert_eq!((clicked.status(), clicked.location.as_deref()), (303, Some("https://shop.example/?a=1&b=2")));
    }
    assert_eq!(post.app.value("SELECT opens || ' ' || clicks FROM mail_recipients").await, "1 2");
    assert_eq!(post.app.value("SELECT string_agg(clicks::text, ',' ORDER BY place) FROM mail_links").await, "2,0");
    // Who never got it is not said not to have opened it.
    let shown = format!("/mails/{}", post.app.value("SELECT id FROM mail_messages").await);
    post.app.sql("UPDATE mail_recipients SET opens = 0").await;
    assert!(post.rep.get(&shown).await.contains("not seen to be opened"));
    post.app.sql("UPDATE mail_recipients SET status = 'refused'").await;
    assert!(!post.rep.get(&shown).await.contains("not seen to be opened"));
    // Forged, of another kind, of a mail that is gone: one answer.
    let (before, rest) = path.split_at(path.len() - 4);
    let forged = format!("{before}{}{}", if rest.starts_with('A') { "B" } else { "A" }, &rest[1..]);
    let other = path.replace("/m/c/", "/m/u/");
    let mut answers =
        vec![stranger.get(&forged).await, stranger.get(&other).await, stranger.get("/m/c/no-such-token").await];
    post.app.sql("DELETE FROM mail_messages").await;
    answers.push(stranger.get(&path).await);
    for answer in &answers {
        assert_eq!(answer.status(), 404);
        assert!(answer.header("location").is_none());
    }
    assert_eq!(stranger.get("/m/o/no-such-token").await.status(), 200, "a picture, whatever the token is worth");
    let mut limited = 0;
    for _ in 0..40 {
        limited += usize::from(stranger.get(&path).await.status() == 429);
    }
    assert!(limited > 0, "nobody asks without end");
    post.app.stop().await;
}
