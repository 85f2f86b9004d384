//! Files that go along with mail, to one and to many: sent up, kept with the draft, read back from the wire; too large, infected,
//! somebody else's.

use super::Post;
use crate::{
    files,
    support::{Client, Page},
};
use mail_parser::MimeHeaders;
use uuid::Uuid;

/// Sends a file up for a mail; its id.
async fn uploaded(client: &Client, name: &str, bytes: &[u8]) -> String {
    let line = files::send(client, "/mails/attachments", "x", &[(name, bytes)]).await;
    assert_eq!(line.status(), 200, "{}", line.body);
    assert!(line.contains(name) && line.contains("checked"), "{}", line.body);
    line.between("name=\"attach\" value=\"", "\"").unwrap().to_owned()
}

async fn write(post: &Post, form: Vec<(String, String)>) -> Page {
    post.rep.post("/mails", &form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>()).await
}

/// Written with these files it is not sent.
async fn refused(post: &Post, files: &[&str], told: &str) -> Page {
    let id = Uuid::now_v7().to_string();
    let mut form =
        vec![("id", id.as_str()), ("to", "ada@example.com"), ("subject", "S"), ("body", "B"), ("action", "send")];
    form.extend(files.iter().map(|file| ("attach", *file)));
    let page = post.rep.post("/mails", &form).await;
    assert!(page.status() == 422 && page.contains(told), "{told}: {} {}", page.status(), page.body);
    page
}

/// Name, type and bytes of each file in a mail as it came over the wire.
fn parts(data: &str) -> Vec<(String, String, Vec<u8>)> {
    let parsed = mail_parser::MessageParser::default().parse(data.as_bytes()).unwrap();
    let of = |part: &mail_parser::MessagePart| {
        let kind = part.content_type().unwrap();
        let kind = format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default());
        (part.attachment_name().unwrap().to_owned(), kind, part.contents().to_vec())
    };
    parsed.attachments().map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_go_along_as_they_are_and_stay_with_the_draft() {
    let post = Post::start(&[]).await;
    post.rep.get("/mails").await;
    let picture = files::png(30, 20);
    let place = format!("/contacts/{}/files", post.ada);
    assert_eq!(
        files::send(&post.rep, &place, "b", &[("price list.txt", b"1 engine: 17,000\n.\n2 engines: 30,000\n")])
            .await
            .status(),
        303
    );
    let filed = post.app.value("SELECT id FROM files WHERE contact_id IS NOT NULL").await;
    let (offer, shot) = (
        uploaded(&post.rep, "Angebot für Müller.pdf", b"%PDF-1.4 \r\n.\r\n\x00\xff offer").await,
        uploaded(&post.rep, "shot.png", &picture).await,
    );
    // The record's files are offered; what was sent up is there again when the draft is opened, and goes when it is unticked.
    let new = post.rep.get(&format!("/mails/new?contact_id={}", post.ada)).await;
    assert!(new.contains("price list.txt"), "{}", new.body);
    let id = Uuid::now_v7().to_string();
    let ada = post.ada.to_string();
    let base = [
        ("id", id.as_str()),
        ("contact_id", ada.as_str()),
        ("to", "ada@example.com"),
        ("subject", "Offer"),
        ("body", "See below."),
    ];
    let with = |files: &[&str], action: &str| {
        let mut form: Vec<(String, String)> = base.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        form.extend(files.iter().map(|file| ("attach".to_owned(), (*file).to_owned())));
        form.push(("action".into(), action.to_owned()));
        form
    };
    assert_eq!(write(&post, with(&[&offer, &shot, &filed], "draft")).await.status(), 303);
    let draft = post.rep.get(&format!("/mails/{id}/edit")).await;
    for file in [&offer, &shot, &filed] {
        assert!(draft.contains(&format!("value=\"{file}\" checked")), "{}", draft.body);
    }
    assert_eq!(write(&post, with(&[&offer, &filed], "draft")).await.status(), 303);
    let draft = post.rep.get(&format!("/mails/{id}/edit")).await;
    assert!(draft.contains("Angebot für Müller.pdf") && !draft.contains("shot.png"), "{}", draft.body);
    // Twice the same file is one.
    assert_eq!(write(&post, with(&[&offer, &filed, &offer], "send")).await.status(), 303);
    post.later().await;
    let mails = post.server.received();
    assert_eq!(mails.len(), 1);
    let mut got = parts(&mails[0].data);
    got.sort();
    assert_eq!(got[0].0, "Angebot für Müller.pdf");
    assert_eq!(
        (got[0].1.as_str(), got[0].2.as_slice()),
        ("application/pdf", b"%PDF-1.4 \r\n.\r\n\x00\xff offer".as_slice())
    );
    assert_eq!(
        (got[1].0.as_str(), got[1].2.as_slice()),
        ("price list.txt", b"1 engine: 17,000\n.\n2 engines: 30,000\n".as_slice())
    );
    assert_eq!(got.len(), 2);
    let shown = post.rep.get(&format!("/mails/{id}")).await;
    assert!(shown.contains(&format!("href=\"/files/{offer}\"")) && shown.contains("price list.txt"), "{}", shown.body);
    post.app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_go_along_is_refused_and_nothing_infected_leaves() {
    let post = Post::start(&[]).await;
    let admin = post.app.signed_in(&post.org, "admin").await;
    admin.get("/mails").await;
    post.rep.get("/mails").await;
    let theirs = uploaded(&admin, "salaries.txt", b"secret").await;
    let (one, two) = (uploaded(&post.rep, "one.txt", b"1").await, uploaded(&post.rep, "two.txt", b"2").await);
    // A colleague's own file is not there, for me; and nothing of it is told.
    let page = refused(&post, &[&theirs, &one], "A file is not there any more").await;
    assert!(!page.contains("salaries") && page.contains(&format!("value=\"{one}\" checked")), "{}", page.body);
    let size = |id: &str, size: i64| {
        format!(
            "UPDATE file_blobs SET size = {size} WHERE id = (SELECT blob_id FROM file_versions WHERE file_id = '{id}')"
        )
    };
    post.app.sql(&size(&one, 11 << 20)).await;
    post.app.sql(&size(&two, 10 << 20)).await;
    refused(&post, &[&one, &two], "too large for mail together: at most 20.0 MB").await;
    post.app.sql(&format!("{}; {}", size(&one, 1), size(&two, 1))).await;
    let scan = |id: &str, state: &str| {
        format!(
            "UPDATE file_blobs SET scan = '{state}' WHERE id = (SELECT blob_id FROM file_versions WHERE file_id = '{id}')"
        )
    };
    post.app.sql(&scan(&one, "infected")).await;
    refused(&post, &[&one], "one.txt: This file is in quarantine").await;
    // Found only after it was given to be sent: while the scanner looks it waits, and then it does not go.
    let (a, b) = (
        post.send(&[("subject", "A"), ("body", "x"), ("attach", two.as_str())]).await,
        post.send(&[("subject", "B"), ("body", "x")]).await,
    );
    post.app.sql(&scan(&two, "waiting")).await;
    post.later().await;
    assert_eq!(post.status(a).await, "scheduled: ada@example.com queued");
    assert_eq!(post.status(b).await, "sent: ada@example.com sent");
    post.app.sql(&scan(&two, "infected")).await;
    post.later().await;
    assert_eq!(
        post.app.value(&format!("SELECT status || ': ' || error FROM mail_messages WHERE id = '{a}'")).await,
        "failed: two.txt: This file is in quarantine: the virus scanner found something in it."
    );
    assert_eq!(post.server.received().len(), 1);
    post.app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailing_takes_files_to_everybody() {
    let post = Post::start(&[]).await;
    post.contact("Ben", Some("ben@example.com"), "").await;
    post.rep.get("/mails").await;
    let file = uploaded(&post.rep, "programme.txt", b"9:00 coffee").await;
    let id = Uuid::now_v7();
    let form = |action: &'static str| {
        let mut form = super::bulk::form(&id);
        form.last_mut().unwrap().1 = action.to_owned();
        form.push(("attach", file.clone()));
        form
    };
    let page = post.rep.post("/mailings/new", &super::bulk::fields(&form("preview"))).await;
    assert!(page.contains(&format!("value=\"{file}\" checked")), "kept by a preview: {}", page.body);
    let infected = "UPDATE file_blobs SET scan = 'infected'";
    post.app.sql(infected).await;
    let page = post.rep.post("/mailings", &super::bulk::fields(&form("send"))).await;
    assert!(page.status() == 422 && page.contains("programme.txt: This file is in quarantine"), "{}", page.body);
    post.app.sql("UPDATE file_blobs SET scan = 'clean'").await;
    assert_eq!(post.rep.post("/mailings", &super::bulk::fields(&form("send"))).await.status(), 303);
    // What nobody attached is swept after two days; this is a mailing's.
    post.app.sql("UPDATE files SET created_at = now() - interval '3 days'").await;
    post.app
        .sql(&format!("SET ROLE pipewright_system; {}; RESET ROLE", pipewright::features::mails::SWEEP_FILES))
        .await;
    post.later().await;
    let mails = post.server.received();
    assert_eq!(mails.len(), 2);
    for mail in &mails {
        assert_eq!(parts(&mail.data), [("programme.txt".to_owned(), "text/plain".to_owned(), b"9:00 coffee".to_vec())]);
    }
    assert!(post.rep.get(&format!("/mailings/{id}")).await.contains("programme.txt"));
    let message = post.app.value(&format!("SELECT id FROM mail_messages WHERE mailing_id = '{id}' LIMIT 1")).await;
    assert!(post.rep.get(&format!("/mails/{message}")).await.contains("programme.txt"));
    // Found out on the way: nobody gets it.
    let id = Uuid::now_v7();
    let mut form = form("send");
    form[0].1 = id.to_string();
    assert_eq!(post.rep.post("/mailings", &super::bulk::fields(&form)).await.status(), 303);
    post.app.sql(infected).await;
    post.later().await;
    assert_eq!(post.server.received().len(), 2);
    let page = post.rep.get(&format!("/mailings/{id}")).await;
    assert!(page.contains("Failed") && page.contains("programme.txt: This file is in quarantine"), "{}", page.body);
    post.app.stop().await;
}
