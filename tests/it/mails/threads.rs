//! Threads by Message-ID; mails follow their contact into a merge, and go for good with it.

use super::Post;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_refers_to_what_it_answers() {
    let post = Post::start(&[]).await;
    let first = post.send(&[("cc", "ben@example.com"), ("subject", "Offer"), ("body", "<div>Our offer</div>")]).await;
    post.later().await;
    let form = post.rep.get(&format!("/mails/new?reply={first}&all=1")).await;
    assert!(
        form.contains("value=\"Re: Offer\"") && form.contains("ben@example.com") && form.contains("blockquote"),
        "{}",
        form.body
    );
    let reply = first.to_string();
    let second = post.send(&[("reply", &reply), ("subject", "Re: Offer"), ("body", "<div>And more</div>")]).await;
    post.later().await;
    let again = second.to_string();
    let third = post.send(&[("reply", &again), ("subject", "Re: Offer"), ("body", "<div>The end</div>")]).await;
    post.later().await;
    let mails = post.server.received();
    let last = mails.last().unwrap();
    assert_eq!(last.header("In-Reply-To").unwrap(), format!("<{second}@pipewright.test>"));
    assert_eq!(last.header("References").unwrap(), format!("<{first}@pipewright.test> <{second}@pipewright.test>"));
    assert_eq!(post.app.value("SELECT count(DISTINCT thread_id) FROM mail_messages").await, "1");
    assert!(post.rep.get(&format!("/mails/{third}")).await.contains("Same thread"));
    post.app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_go_along_with_a_merge_and_end_with_their_contact() {
    let post = Post::start(&[]).await;
    let twin = post.contact("Augusta", Some("augusta@example.com"), "").await;
    let to_both = post.send(&[("cc", "augusta@example.com"), ("subject", "Both"), ("body", "x")]).await;
    let (contact, to) = (twin.to_string(), "augusta@example.com");
    let to_one = post.send(&[("contact_id", &contact), ("to", to), ("subject", "One"), ("body", "x")]).await;
    post.app.sql(&format!("UPDATE mail_messages SET contact_id = '{twin}' WHERE id = '{to_one}'")).await;
    post.later().await;
    let admin = post.app.signed_in(&post.org, "admin").await;
    let with = post.ada.to_string();
    let form = [("with", contact.as_str()), ("survivor", "a"), ("version_a", "1"), ("version_b", "1")];
    let merged = admin.post(&format!("/contacts/{with}/merge"), &form).await;
    assert_eq!(merged.status(), 303, "{}", merged.body);
    let page = post.rep.get(&format!("/contacts/{with}")).await;
    assert!(page.contains(&format!("/mails/{to_one}")) && page.contains(&format!("/mails/{to_both}")), "{}", page.body);
    // Gone for good: the mail to her alone, and her place among the recipients of the other.
    let ben = post.contact("Ben", Some("ben@example.com"), "").await;
    let both = post.send(&[("cc", "ben@example.com"), ("subject", "Two"), ("body", "x")]).await;
    let alone = post
        .send(&[("contact_id", &ben.to_string()), ("to", "ben@example.com"), ("subject", "Alone"), ("body", "x")])
        .await;
    post.later().await;
    assert_eq!(admin.post(&format!("/contacts/{ben}/deletion"), &[]).await.status(), 303);
    let ids = ben.to_string();
    let purged = admin.post("/bin/purge", &[("record_type", "contact"), ("ids", &ids), ("confirm", "delete")]).await;
    assert_eq!(purged.status(), 303, "{}", purged.body);
    let left = |id: Uuid| format!("SELECT count(*) FROM mail_recipients WHERE message_id = '{id}'");
    assert_eq!(post.app.value(&left(alone)).await, "0");
    assert_eq!(post.app.value(&left(both)).await, "1");
    post.app.stop().await;
}
