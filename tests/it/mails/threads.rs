//! Threads by Message-ID; mails follow their contact into a merge, and go for good with it.

use super::Post;
use crate::{live::Stream, support::smtp::Mode};
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

/// Whether open pages of that mail, or of that record, were told to fetch themselves anew; and what else is said meanwhile.
async fn heard(stream: &mut Stream, id: Uuid) -> bool {
    let (mut wait, mut found) = (5_000, false);
    while let Some(event) = stream.within(wait).await {
        if event.starts_with("event: records") && event.contains(&id.to_string()) {
            (wait, found) = (300, true);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_pages_of_a_thread_hear_what_becomes_of_its_mails() {
    let post = Post::start(&[]).await;
    let first = post.send(&[("subject", "Offer"), ("body", "<div>Our offer</div>")]).await;
    post.later().await;
    let mut stream = Stream::open(&post.rep).await;
    let reply = first.to_string();
    let second = post.send(&[("reply", &reply), ("subject", "Re: Offer"), ("body", "<div>And more</div>")]).await;
    assert!(heard(&mut stream, first).await, "a page of the thread shows what was added to it");
    // Taken back, given again, put off, sent: each told to pages of both, and to the contact's.
    for (what, label) in [("taken back", "Draft"), ("given", "Scheduled"), ("put off", "Put off"), ("sent", "Sent")] {
        match what {
            "taken back" => {
                assert_eq!(post.rep.post(&format!("/mails/{second}/cancellation"), &[]).await.status(), 303);
            }
            "given" => {
                let (id, contact) = (second.to_string(), post.ada.to_string());
                let form = [
                    ("id", id.as_str()),
                    ("contact_id", &contact),
                    ("action", "send"),
                    ("to", "ada@example.com"),
                    ("subject", "Re: Offer"),
                    ("body", "<div>And more</div>"),
                ];
                let sent = post.rep.post("/mails", &form).await;
                assert_eq!(sent.status(), 303, "{}", sent.body);
            }
            "put off" => {
                post.server.set(Mode::Say("451 4.3.0 later"));
                post.later().await;
            }
            _ => {
                post.server.set(Mode::Accept);
                post.later().await;
            }
        }
        assert!(heard(&mut stream, second).await, "{what}");
        let page = post.rep.get(&format!("/mails/{second}")).await;
        if label == "Draft" {
            assert_eq!(page.status(), 303);
            continue;
        }
        for part in ["mail-head", "mail-notices", "mail-delivery"] {
            assert!(page.contains(&format!("id=\"{part}\" data-refresh")), "{part}: {}", page.body);
        }
        assert!(page.contains(label), "{label}: {}", page.body);
    }
    let third = post.send(&[("subject", "Another"), ("body", "x")]).await;
    assert!(heard(&mut stream, third).await);
    post.later().await;
    assert!(heard(&mut stream, post.ada).await, "a timeline shows what was sent");
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
