//! Comments, mentions, reactions, pins and earlier texts, through HTTP.

use crate::support::{Client, Org, Page, TestApp};
use uuid::Uuid;

async fn enter(app: &TestApp, org: &Org, who: &str) -> Client {
    let client = app.signed_in(org, who).await;
    client.get("/contacts").await;
    client
}

async fn say(client: &Client, on: &str, on_id: &str, body: &str) -> Page {
    let id = Uuid::now_v7().to_string();
    client.post("/comments", &[("on", on), ("on_id", on_id), ("id", &id), ("body", body)]).await
}

/// The latest comment's address.
async fn latest(app: &TestApp) -> String {
    format!("/comments/{}", app.value("SELECT id FROM comments ORDER BY created_at DESC, id DESC LIMIT 1").await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comments_on_records_activities_and_notes() {
    let app = TestApp::start().await;
    let org = app.org("talks").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM comments; DELETE FROM events WHERE kind = 'comment.added'").await;
    let (rep, admin) = (enter(&app, &org, "rep").await, enter(&app, &org, "admin").await);
    // On every kind of record, on an activity that is done, and under a note.
    app.sql("UPDATE activities SET status = 'done', closed_at = now()").await;
    for (noun, id) in [
        ("companies", ours.company),
        ("contacts", ours.contact),
        ("leads", ours.lead),
        ("deals", ours.deal),
        ("activities", ours.activity),
    ] {
        let page = say(&rep, noun, &id.to_string(), "<b>Looks</b> good & well").await;
        let place = page.location.clone().unwrap_or_else(|| panic!("{noun}: {} {}", page.status(), page.body));
        assert!(place.starts_with(&format!("/{noun}/{id}#comment-")), "{place}");
        let shown = rep.get(&format!("/{noun}/{id}")).await;
        assert!(shown.contains("&lt;b&gt;Looks&lt;/b&gt; good &amp; well"), "{noun}: {}", shown.body);
    }
    app.sql(&format!("INSERT INTO events (org_id, kind, record_type, record_id, data) VALUES ('{}', 'note.added', 'deal', '{}', '{{\"note_id\": \"{}\"}}')", org.id, ours.deal, ours.note)).await;
    let page = say(&admin, "notes", &ours.note.to_string(), "Under the note").await;
    assert!(page.location.unwrap().starts_with(&format!("/deals/{}#comment-", ours.deal)));
    let deal = rep.get(&format!("/deals/{}", ours.deal)).await;
    assert!(deal.contains("class=\"replies\"") && deal.contains("Under the note"), "{}", deal.body);
    assert!(
        rep.get_partial(&format!("/deals/{}/timeline?timeline=notes", ours.deal)).await.contains("good &amp; well")
    );
    // Sent twice it is one; nothing is nothing; what is nobody's is not found.
    let id = Uuid::now_v7().to_string();
    let deal_id = ours.deal.to_string();
    for _ in 0..2 {
        rep.post("/comments", &[("on", "deals"), ("on_id", &deal_id), ("id", &id), ("body", "Only once")]).await;
    }
    assert_eq!(app.value("SELECT count(*) FROM comments WHERE body_html LIKE '%Only once%'").await, "1");
    let empty = say(&rep, "deals", &deal_id, "  ").await;
    assert!(empty.status() == 422 && empty.contains("is empty: write something first"), "{}", empty.body);
    assert_eq!(say(&rep, "deals", &Uuid::now_v7().to_string(), "x").await.status(), 404);
    let viewer = enter(&app, &org, "viewer").await;
    assert_eq!(say(&viewer, "deals", &deal_id, "x").await.status(), 403);
    let stranger = enter(&app, &app.org("others").await, "admin").await;
    assert_eq!(say(&stranger, "notes", &ours.note.to_string(), "x").await.status(), 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_before_stays_readable_and_deleting_is_taken_back() {
    let app = TestApp::start().await;
    let org = app.org("edits").await;
    let ours = app.belongings(&org).await;
    let (rep, manager) = (enter(&app, &org, "rep").await, enter(&app, &org, "manager").await);
    say(&rep, "deals", &ours.deal.to_string(), "First words").await;
    let comment = latest(&app).await;
    assert_eq!(rep.post(&comment, &[("version", "1"), ("body", "Second words")]).await.status(), 303);
    let stale = rep.post(&comment, &[("version", "1"), ("body", "Third words")]).await;
    assert!(stale.status() == 409 && stale.contains("Third words") && stale.contains("Second words"), "{}", stale.body);
    let before = rep.get(&format!("{comment}/edits")).await;
    assert!(
        before.contains("First words") && before.contains("Second words") && before.contains("Rep edits"),
        "{}",
        before.body
    );
    // A note keeps its earlier texts as well.
    let note = format!("/notes/{}", ours.note);
    assert_eq!(rep.post(&note, &[("version", "1"), ("body", "New words")]).await.status(), 303);
    assert!(rep.get(&format!("{note}/edits")).await.contains("Note of edits"));
    // Its words are its author's alone; who may delete such records may delete it.
    assert_eq!(manager.get(&format!("{comment}/edit")).await.status(), 403);
    assert_eq!(manager.post(&comment, &[("version", "2"), ("body", "Put in")]).await.status(), 403);
    let page = manager.get(&format!("/deals/{}", ours.deal)).await;
    assert!(
        !page.contains(&format!("{comment}/edit\"")) && page.contains(&format!("{comment}/deletion\"")),
        "{}",
        page.body
    );
    assert_eq!(manager.post(&format!("{comment}/deletion"), &[]).await.status(), 303);
    assert_eq!(manager.post(&format!("{comment}/deletion/undo"), &[]).await.status(), 303);
    say(&manager, "deals", &ours.deal.to_string(), "The manager's").await;
    let theirs = latest(&app).await;
    app.sql("UPDATE roles SET permissions = array_remove(permissions, 'deals.delete') WHERE key = 'rep'").await;
    assert_eq!(rep.get(&format!("{theirs}/edit")).await.status(), 403);
    assert_eq!(rep.post(&format!("{theirs}/deletion"), &[]).await.status(), 403);
    assert_eq!(rep.post(&format!("{comment}/deletion"), &[]).await.status(), 303);
    assert!(!rep.get(&format!("/deals/{}", ours.deal)).await.contains("Second words"));
    assert_eq!(rep.get(&format!("{comment}/edits")).await.status(), 404);
    assert_eq!(rep.post(&format!("{comment}/deletion/undo"), &[]).await.status(), 303);
    assert!(rep.get(&format!("/deals/{}", ours.deal)).await.contains("Second words"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mentions_are_kept_as_ids_and_told_once() {
    let app = TestApp::start().await;
    let org = app.org("names").await;
    let ours = app.belongings(&org).await;
    let rep = enter(&app, &org, "rep").await;
    let manager = org.manager.to_string();
    let told = format!("SELECT count(*) FROM notices WHERE kind = 'mention' AND member_id = '{manager}'");
    // By name, as one types it without a script.
    say(&rep, "deals", &ours.deal.to_string(), "Please look, @manager names and @nobody; me@manager.test").await;
    let comment = latest(&app).await;
    let kept = app.value("SELECT body_html FROM comments ORDER BY created_at DESC LIMIT 1").await;
    assert!(
        kept.contains(&format!("<a href=\"/feed?who={manager}\"")) && kept.contains("@nobody; me@manager.test"),
        "{kept}"
    );
    assert_eq!(app.value("SELECT string_agg(member_id::text, ',') FROM post_mentions").await, manager);
    assert_eq!(app.value(&told).await, "1");
    // Edited, nobody is told again; who is mentioned anew is; who no longer is, is forgotten.
    let admin = org.admin.to_string();
    let both = format!("<div>@Manager names, <a href=\"/feed?who={admin}\">@old name</a></div>");
    assert_eq!(rep.post(&comment, &[("version", "1"), ("body", &both)]).await.status(), 303);
    assert_eq!(
        (app.value(&told).await.as_str(), app.value("SELECT count(*) FROM post_mentions").await.as_str()),
        ("1", "2")
    );
    assert!(
        app.value("SELECT body_html FROM comments ORDER BY created_at DESC LIMIT 1").await.contains("@Admin names</a>")
    );
    rep.post(&comment, &[("version", "2"), ("body", "Never mind")]).await;
    assert_eq!(app.value("SELECT count(*) FROM post_mentions").await, "0");
    // In a note from the editor; a link to a stranger, or anywhere else of ours, is none.
    let stranger = Uuid::now_v7();
    let body = format!(
        "<div><a href=\"/feed?who={manager}\">@x</a> <a href=\"/feed?who={stranger}\">@who</a> <a href=\"/logout\">out</a></div>"
    );
    let said = [("record_type", "deal"), ("record_id", &ours.deal.to_string()), ("body", &body)];
    assert_eq!(rep.post("/notes", &said).await.status(), 303);
    let kept = app.value("SELECT body_html FROM notes ORDER BY created_at DESC LIMIT 1").await;
    assert!(
        kept.contains("@Manager names</a>") && !kept.contains(&stranger.to_string()) && !kept.contains("/logout"),
        "{kept}"
    );
    assert_eq!(app.value(&told).await, "2");
    // Names as one types them; those who left are not offered.
    app.sql(&format!("UPDATE members SET deactivated_at = now() WHERE id = '{admin}'")).await;
    let offered = rep.get_partial("/mentions?q=m").await;
    assert!(offered.contains("Manager names") && !offered.contains("Admin"), "{}", offered.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reactions_and_pins() {
    let app = TestApp::start().await;
    let org = app.org("cheers").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM comments; DELETE FROM events WHERE kind = 'comment.added'").await;
    let (rep, admin) = (enter(&app, &org, "rep").await, enter(&app, &org, "admin").await);
    say(&rep, "deals", &ours.deal.to_string(), "We won the tender").await;
    let comment = latest(&app).await;
    let reactions = format!("{comment}/reactions");
    assert_eq!(rep.post_partial(&reactions, &[("emoji", "🎉")]).await.status(), 200);
    let both = admin.post_partial(&reactions, &[("emoji", "🎉")]).await;
    assert!(
        both.contains("Celebrate: Rep cheers, Admin cheers") && both.contains("aria-pressed=\"true\""),
        "{}",
        both.body
    );
    assert_eq!(app.value("SELECT count(*) FROM notices WHERE kind = 'reaction'").await, "1");
    admin.post(&reactions, &[("emoji", "🎉")]).await;
    assert_eq!(app.value("SELECT count(*) FROM post_reactions").await, "1");
    assert_eq!(rep.post(&reactions, &[("emoji", "<script>")]).await.status(), 422);
    // Pinned, it stands first; a comment under a note does not.
    assert_eq!(rep.post(&format!("{comment}/pin"), &[]).await.status(), 303);
    assert_eq!(rep.post(&format!("/notes/{}/pin", ours.note), &[]).await.status(), 303);
    let deal = rep.get(&format!("/deals/{}", ours.deal)).await;
    let pinned = deal.between("pinned-title", "id=\"composer\"").unwrap();
    assert!(pinned.contains("We won the tender") && pinned.contains("Note of cheers"), "{pinned}");
    assert_eq!(rep.post(&format!("/notes/{}/pin/undo", ours.note), &[]).await.status(), 303);
    say(&rep, "notes", &ours.note.to_string(), "Below").await;
    assert_eq!(rep.post(&format!("{}/pin", latest(&app).await), &[]).await.status(), 409);
    let viewer = enter(&app, &org, "viewer").await;
    assert_eq!(viewer.post(&format!("{comment}/pin"), &[]).await.status(), 403);
    assert_eq!(viewer.post(&reactions, &[("emoji", "🎉")]).await.status(), 403);
    app.stop().await;
}
