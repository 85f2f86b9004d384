//! Who is not written to, how much is sent, and in whose name.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asked_not_to_be_contacted_is_not_and_limits_hold() {
    let post = Post::start(&[]).await;
    post.app.sql("UPDATE contacts SET other_emails = '{ada@home.example}', do_not_contact = true").await;
    let id = Uuid::now_v7().to_string();
    for to in ["ada@example.com", "Ada at home <ada@home.example>"] {
        let form = [("id", id.as_str()), ("to", to), ("subject", "Hi"), ("body", "x"), ("action", "send")];
        let refused = post.rep.post("/mails", &form).await;
        assert!(
            refused.status() == 422 && refused.contains("they asked not to be contacted"),
            "{to}: {}",
            refused.body
        );
    }
    // Their page offers to write: the form says why it is addressed to nobody.
    let begun = post.rep.get(&format!("/mails/new?contact_id={}", post.ada)).await;
    assert!(begun.contains("Ada Lovelace</span> asked not to be contacted"), "{}", begun.body);
    // Asked after it was scheduled: left out all the same.
    post.app.sql("UPDATE contacts SET do_not_contact = false").await;
    let id = post.send(&[("cc", "ben@example.com"), ("subject", "Hi"), ("body", "x")]).await;
    post.app.sql("UPDATE contacts SET do_not_contact = true").await;
    post.later().await;
    assert_eq!(post.status(id).await, "sent: ada@example.com refused, ben@example.com sent");

    post.app.sql(&format!("INSERT INTO mail_settings (org_id, daily_member) VALUES ('{}', 2)", post.org.id)).await;
    let id = Uuid::now_v7().to_string();
    let two = [
        ("id", id.as_str()),
        ("to", "c@example.com, d@example.com"),
        ("subject", "Hi"),
        ("body", "x"),
        ("action", "send"),
    ];
    let refused = post.rep.post("/mails", &two).await;
    assert!(refused.status() == 422 && refused.contains("more mail than a day allows"), "{}", refused.body);
    let viewer = post.app.signed_in(&post.org, "viewer").await;
    assert_eq!(viewer.post("/mails", &two).await.status(), 403);
    post.app.stop().await;
}

/// The sender's own address where the server may send for it; the organisation's, when it has one; headers cannot be smuggled in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_a_mail_comes_from() {
    let post = Post::start(&[("MAIL_SENDER_DOMAINS", "post.test, shared.test")]).await;
    post.send(&[("subject", "Own\r\nBcc: all@example.com"), ("body", "x")]).await;
    post.later().await;
    let own = &post.server.received()[0];
    assert_eq!(own.from, "rep@post.test");
    assert_eq!((own.header("Reply-To"), own.header("Bcc")), (None, None));
    let admin = post.app.signed_in(&post.org, "admin").await;
    let form = |address: &'static str| {
        [("version", "0"), ("from_address", address), ("daily_member", "500"), ("daily_total", "5000")]
    };
    assert_eq!(admin.post("/settings/sending", &form("boss@elsewhere.test")).await.status(), 422);
    assert_eq!(admin.post("/settings/sending", &form("team@shared.test")).await.status(), 303);
    post.app.sql("UPDATE users SET email = 'rep@private.example' WHERE email = 'rep@post.test'").await;
    post.send(&[("subject", "Shared"), ("body", "x")]).await;
    post.later().await;
    let shared = &post.server.received()[1];
    assert_eq!(shared.from, "team@shared.test");
    assert!(shared.header("Reply-To").unwrap().contains("rep@private.example"));
    post.app.stop().await;
}
