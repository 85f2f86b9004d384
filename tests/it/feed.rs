//! The feed through HTTP: what happened, asked for in parts, a page after the other, and only what the reader may see.

use crate::support::{Client, Org, TestApp};
use uuid::Uuid;

async fn enter(app: &TestApp, org: &Org, who: &str) -> Client {
    let client = app.signed_in(org, who).await;
    client.get("/contacts").await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_tells_what_happened_to_whoever_may_see_it() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("news").await, app.org("elsewhere").await);
    let ours = app.belongings(&org).await;
    app.belongings(&other).await;
    app.sql("DELETE FROM events").await;
    let (rep, admin) = (enter(&app, &org, "rep").await, enter(&app, &org, "admin").await);
    let empty = rep.get("/feed").await;
    assert!(empty.contains("Nothing happened"), "{}", empty.body);
    let deal = ours.deal.to_string();
    rep.post("/notes", &[("record_type", "deal"), ("record_id", &deal), ("body", "A note to read")]).await;
    let id = Uuid::now_v7().to_string();
    admin
        .post(
            "/comments",
            &[("on", "companies"), ("on_id", &ours.company.to_string()), ("id", &id), ("body", "A comment to read")],
        )
        .await;
    admin.post(&format!("/activities/{}/completion", ours.activity), &[("outcome", "Fine")]).await;
    rep.post(&format!("/deals/{deal}/closure"), &[("outcome", "won")]).await;
    let all = rep.get("/feed").await;
    for told in ["A note to read", "A comment to read", "Activity of news", "Won", "Deal of news", "Company of news"] {
        assert!(all.contains(told), "{told}: {}", all.body);
    }
    assert!(!all.contains("elsewhere"), "{}", all.body);
    // By person, by kind, by record.
    let by = rep.get(&format!("/feed?who={}", org.admin)).await;
    assert!(by.contains("A comment to read") && !by.contains("A note to read"), "{}", by.body);
    let notes = rep.get("/feed?what=notes").await;
    assert!(
        notes.contains("A note to read") && !notes.contains("Won") && !notes.contains("Activity of news"),
        "{}",
        notes.body
    );
    let deals = rep.get("/feed?type=deal&what=changes").await;
    assert!(deals.contains("Won") && !deals.contains("A comment to read"), "{}", deals.body);
    assert!(rep.get("/feed?type=activity").await.contains("Activity of news"));
    // Older than the days that are asked for.
    app.sql("UPDATE events SET at = at - interval '3 days' WHERE kind = 'note.added'").await;
    assert!(!rep.get("/feed?days=1").await.contains("A note to read"));
    assert!(rep.get("/feed?days=7").await.contains("A note to read"));
    // Whoever sees only their own does not hear of others' records.
    app.sql(&format!(
        "UPDATE roles SET visibility = 'own' WHERE key = 'rep'; UPDATE deals SET owner_id = '{}' WHERE org_id = '{}'",
        org.admin, org.id
    ))
    .await;
    let own = rep.get("/feed").await;
    assert!(!own.contains("A note to read") && own.contains("A comment to read"), "{}", own.body);
    app.sql("UPDATE roles SET permissions = array_remove(permissions, 'companies.view') WHERE key = 'rep'").await;
    assert!(!rep.get("/feed").await.contains("A comment to read"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_goes_on_page_by_page_and_skips_nothing() {
    let app = TestApp::start().await;
    let org = app.org("long").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM events").await;
    app.sql(&format!(
        "INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, data)
         SELECT '{}', now() - n * interval '1 minute', '{}', 'file.added', 'deal', '{}', jsonb_build_object('title', 'Added file ' || n || '.') FROM generate_series(1, 95) n",
        org.id, org.rep, ours.deal
    ))
    .await;
    let rep = enter(&app, &org, "rep").await;
    let (mut next, mut seen, mut pages) = (Some("/feed?what=files".to_owned()), Vec::new(), 0);
    while let Some(path) = next {
        let page = rep.get(&path).await;
        seen.extend(
            page.body.split("Added file ").skip(1).map(|rest| rest.split('.').next().unwrap().parse::<u32>().unwrap()),
        );
        next =
            page.between("feed-more\"><a href=\"", "\"").map(|href| href.replace("&amp;", "&").replace("&#38;", "&"));
        pages += 1;
    }
    assert_eq!((seen, pages), ((1..=95).collect::<Vec<u32>>(), 3));
    app.stop().await;
}
