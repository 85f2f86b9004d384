//! Notes through HTTP: written, sanitised, edited, deleted and back, by the right people.

use crate::support::{Client, Org, TestApp};

/// Signed in, with the token of a page.
async fn enter(app: &TestApp, org: &Org, who: &str) -> Client {
    let client = app.signed_in(org, who).await;
    client.get("/contacts").await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_from_writing_to_deletion_and_back() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = enter(&app, &org, "rep").await;
    let path = rep.post("/companies", &[("name", "Brightwater")]).await.location.unwrap();
    let id = path.rsplit('/').next().unwrap().to_owned();
    let on = |body: &str| {
        [
            ("record_type".to_owned(), "company".to_owned()),
            ("record_id".to_owned(), id.clone()),
            ("body".to_owned(), body.to_owned()),
        ]
    };
    let write = async |client: &Client, body: &str| {
        let fields = on(body);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        client.post("/notes", &fields).await
    };
    let saved = write(
        &rep,
        "<div>Budget <strong>confirmed</strong><script>alert(1)</script><a href=\"javascript:alert(1)\">x</a></div>",
    )
    .await;
    assert_eq!(saved.location.as_deref(), Some(format!("{path}#timeline").as_str()), "{}", saved.body);
    assert_eq!(write(&rep, "plain <i>\nsecond line").await.status(), 303);
    let page = rep.get(&path).await;
    assert!(
        page.contains("Budget <strong>confirmed</strong>")
            && !page.contains("alert(1)")
            && !page.contains("javascript:"),
        "{}",
        page.body
    );
    assert!(page.contains("plain &lt;i&gt;<br>second line"), "{}", page.body);
    assert_eq!(write(&rep, "<div><br></div>").await.status(), 422);
    let long = write(&rep, &"long ".repeat(30_000)).await;
    assert_eq!(long.status(), 422);
    assert!(long.contains("at most 100 kB") && long.contains("long long"));
    assert_eq!(rep.post("/notes", &[("record_type", "planet"), ("record_id", &id), ("body", "x")]).await.status(), 404);

    let note = page.between("id=\"note-", "\"").unwrap().to_owned();
    let form = rep.get(&format!("/notes/{note}/edit")).await;
    assert!(form.contains("name=\"version\" value=\"1\"") && form.contains("second line"), "{}", form.body);
    assert_eq!(rep.post(&format!("/notes/{note}"), &[("version", "1"), ("body", "changed words")]).await.status(), 303);
    let stale = rep.post(&format!("/notes/{note}"), &[("version", "1"), ("body", "my words")]).await;
    assert_eq!(stale.status(), 409);
    assert!(
        stale.contains("changed words") && stale.contains("my words") && stale.contains("value=\"2\""),
        "{}",
        stale.body
    );
    let notes = rep.get(&format!("{path}?timeline=notes")).await;
    assert!(
        notes.contains("changed words") && notes.contains("edited") && !notes.contains("Created"),
        "{}",
        notes.body
    );

    // Nobody but the author changes the words, and no one else is offered to; who may delete such records may delete it.
    let admin = enter(&app, &org, "admin").await;
    assert!(rep.get(&path).await.contains(&format!("href=\"/notes/{note}/edit\"")));
    let theirs = admin.get(&path).await;
    assert!(
        !theirs.contains(&format!("/notes/{note}/edit\"")) && theirs.contains(&format!("/notes/{note}/deletion")),
        "{}",
        theirs.body
    );
    let refused = admin.get(&format!("/notes/{note}/edit")).await;
    assert!(refused.status() == 403 && refused.contains("Only its author can change this note."), "{}", refused.body);
    assert_eq!(admin.post(&format!("/notes/{note}"), &[("version", "2"), ("body", "put in")]).await.status(), 403);
    let viewer = enter(&app, &org, "viewer").await;
    assert_eq!(viewer.get(&format!("/notes/{note}/edit")).await.status(), 403);
    assert_eq!(viewer.post(&format!("/notes/{note}/deletion"), &[]).await.status(), 403);
    assert_eq!(write(&viewer, "x").await.status(), 403);
    assert_eq!(admin.post(&format!("/notes/{note}/deletion"), &[]).await.status(), 303);
    let page = admin.get(&path).await;
    assert!(!page.contains("changed words") && page.contains(&format!("/notes/{note}/deletion/undo")), "{}", page.body);
    assert_eq!(rep.get(&format!("/notes/{note}/edit")).await.status(), 404);
    assert_eq!(admin.post(&format!("/notes/{note}/deletion/undo"), &[]).await.status(), 303);
    assert!(rep.get(&path).await.contains("changed words"));
    app.stop().await;
}
