//! Tags: on records of every type, by typing; in settings; in bulk; found by search; within one organisation.

use crate::support::{Page, TestApp};

fn records(app: &TestApp, tag: &str) -> String {
    app.texts(&format!(
        "SELECT count(*)::text AS value FROM record_tags x JOIN tags t ON t.id = x.tag_id WHERE t.name = '{tag}' AND t.deleted_at IS NULL"
    ))
    .remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_record_by_typing_and_in_settings() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (ours, theirs) = (app.belongings(&org).await, app.belongings(&other).await);
    let (rep, admin) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "admin").await);

    for (noun, id) in [("companies", ours.company), ("contacts", ours.contact), ("deals", ours.deal)] {
        let at = format!("/{noun}/{id}");
        let form = rep.get_partial(&format!("{at}/tags/new")).await;
        assert!(form.contains("Tag of aurelia") && !form.contains("borealis"), "{}", form.body);
        let reply = rep.post_partial(&format!("{at}/tags"), &[("tag", "VIP; Key   account; vip")]).await;
        assert_eq!(reply.status(), 200, "{}", reply.body);
        assert!(reply.contains("VIP") && reply.contains("Key account"), "{}", reply.body);
        assert_eq!(rep.post(&format!("{at}/tags"), &[("tag", "vip")]).await.status(), 303, "once more is no change");
        let page = rep.get(&at).await;
        assert!(page.contains("Tags: Key account, VIP") || page.contains("→ Key account,"), "{}", page.body);
    }
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM tags WHERE name_key = 'vip'"), ["1"]);
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM events WHERE kind LIKE '%.tagged'"), ["3"]);
    assert_eq!(records(&app, "VIP"), "3");
    // Search finds by tag.
    assert!(rep.get("/search?q=key+account").await.contains("Contact of aurelia"));

    // Lists show and filter by them; the board too.
    let id = app.texts("SELECT id::text AS value FROM tags WHERE name = 'VIP'").remove(0);
    let by = |op: &str, values: &str| {
        let filter = format!("{{\"all\":[{{\"rule\":{{\"key\":\"tags\",\"op\":\"{op}\",\"values\":[{values}]}}}}]}}");
        url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", &filter).finish()
    };
    let with = rep.get(&format!("/contacts?{}&columns=name,tags", by("any_of", &format!("\"{id}\"")))).await;
    assert!(
        with.contains("Contact of aurelia") && with.contains("Tags is VIP") && with.contains("Key account"),
        "{}",
        with.body
    );
    for without in [by("none_of", &format!("\"{id}\"")), by("empty", "")] {
        assert!(!rep.get(&format!("/contacts?{without}")).await.contains("Contact of aurelia"), "{without}");
    }
    let board = rep.get(&format!("/pipeline/{}?tag={id}", ours.pipeline)).await;
    assert!(board.contains("Deal of aurelia") && board.contains("deal-tags"), "{}", board.body);
    let other_tag = format!("/pipeline/{}?tag={}", ours.pipeline, ours.tag);
    assert!(!rep.get(&other_tag).await.contains("data-deal-id="), "no deal has it");

    // Removed by a click; wrong names; no right to make new ones.
    let at = format!("/contacts/{}", ours.contact);
    let reply = rep.post_partial(&format!("{at}/tags/{id}/removal"), &[]).await;
    assert!(reply.status() == 200 && !reply.contains(">VIP<"), "{}", reply.body);
    assert_eq!(rep.post_partial(&format!("{at}/tags"), &[("tag", " ; ")]).await.status(), 422);
    assert_eq!(rep.post_partial(&format!("{at}/tags"), &[("tag", &"x".repeat(51))]).await.status(), 422);
    assert_eq!(rep.post_partial(&format!("/contacts/{}/tags", theirs.contact), &[("tag", "VIP")]).await.status(), 404);
    assert_eq!(rep.post_partial(&format!("{at}/tags/{}/removal", theirs.tag), &[]).await.status(), 404);
    app.alter("UPDATE roles SET permissions = array_remove(permissions, 'tags.create') WHERE key = 'rep'");
    assert_eq!(rep.post_partial(&format!("{at}/tags"), &[("tag", "New one")]).await.status(), 422);
    assert_eq!(rep.post_partial(&format!("{at}/tags"), &[("tag", "Vip")]).await.status(), 200);
    assert_eq!(rep.get("/settings/tags").await.status(), 403);

    // Settings: counts, a name twice, renamed, merged, deleted and back.
    let list = admin.get("/settings/tags").await;
    assert!(list.contains("VIP") && !list.contains("borealis"), "{}", list.body);
    assert_eq!(admin.post("/settings/tags", &[("name", "v.i.p")]).await.status(), 303);
    assert_eq!(admin.post("/settings/tags", &[("name", "VÍP")]).await.status(), 422);
    assert_eq!(admin.post("/settings/tags", &[("name", "a;b")]).await.status(), 422);
    let wrong = admin.post(&format!("/settings/tags/{id}"), &[("name", "Key account"), ("color", "red")]).await;
    assert!(wrong.status() == 422 && wrong.contains("merge"), "{}", wrong.body);
    let good = admin.post(&format!("/settings/tags/{id}"), &[("name", "Very important"), ("color", "red")]).await;
    assert_eq!(good.status(), 303, "{}", good.body);
    app.run_jobs().await;
    assert!(rep.get("/search?q=very+important").await.contains("Contact of aurelia"));
    let key = app.texts("SELECT id::text AS value FROM tags WHERE name = 'Key account'").remove(0);
    for wrong in [id.as_str(), "", "x", &theirs.tag.to_string()] {
        let page = admin.post(&format!("/settings/tags/{id}/merger"), &[("into", wrong)]).await;
        assert_eq!(page.status(), 422, "{wrong}: {}", page.body);
    }
    assert_eq!(admin.post(&format!("/settings/tags/{id}/merger"), &[("into", &key)]).await.status(), 303);
    assert_eq!(records(&app, "Key account"), "3", "each record keeps one");
    let merged = rep.get(&format!("/contacts?{}", by("any_of", &format!("\"{id}\"")))).await;
    assert!(merged.contains("Contact of aurelia"), "a filter by the one that went means the other: {}", merged.body);
    assert_eq!(records(&app, "Very important"), "0");
    assert_eq!(admin.post(&format!("/settings/tags/{id}/deletion/undo"), &[]).await.status(), 404, "merged is merged");
    assert_eq!(admin.post(&format!("/settings/tags/{key}/deletion"), &[]).await.status(), 303);
    app.run_jobs().await;
    assert!(!rep.get(&at).await.contains(">Key account<"));
    assert!(!rep.get("/search?q=key+account").await.contains("Contact of aurelia"));
    assert_eq!(admin.post(&format!("/settings/tags/{key}/deletion/undo"), &[]).await.status(), 303);
    assert!(rep.get(&at).await.contains(">Key account<"));
    assert_eq!(admin.post(&format!("/settings/tags/{key}/deletion"), &[]).await.status(), 303);
    assert_eq!(admin.post("/settings/tags", &[("name", "Key account")]).await.status(), 303);
    assert_eq!(admin.post(&format!("/settings/tags/{key}/deletion/undo"), &[]).await.status(), 409);
    assert_eq!(records(&app, "Tag of borealis"), "1", "theirs are theirs");
    // What is in the bin is counted no more.
    let counted = |page: &Page| -> i64 {
        page.body
            .split("<td class=\"end num\">")
            .skip(1)
            .map(|cell| cell.split('<').next().unwrap().parse::<i64>().unwrap())
            .sum()
    };
    let before = counted(&admin.get("/settings/tags").await);
    app.alter(&format!(
        "INSERT INTO record_tags (org_id, record_type, record_id, tag_id) SELECT org_id, 'contact', '{}', id FROM tags \
        WHERE org_id = '{}' AND name = 'Key account' AND deleted_at IS NULL",
        ours.contact, org.id
    ));
    let more = counted(&admin.get("/settings/tags").await);
    assert!(more > before, "{more}");
    app.alter(&format!("UPDATE contacts SET deleted_at = now() WHERE id = '{}'", ours.contact));
    assert!(counted(&admin.get("/settings/tags").await) < more);
    // What is deleted for good takes its tags along.
    app.alter(&format!("DELETE FROM notes WHERE contact_id = '{0}'; ", ours.contact));
    app.alter(&format!("DELETE FROM contacts WHERE id = '{}'", ours.contact));
    assert_eq!(
        app.texts(&format!("SELECT count(*)::text AS value FROM record_tags WHERE record_id = '{}'", ours.contact)),
        ["0"]
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_bulk_with_undo() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let ours = app.belongings(&org).await;
    let rep = app.signed_in(&org, "rep").await;
    app.alter(&format!(
        "INSERT INTO contacts (org_id, id, last_name, owner_id)
         SELECT '{}', gen_random_uuid(), 'Many ' || n, '{}' FROM generate_series(1, 3) n",
        org.id, org.rep
    ));
    let ids = app.texts("SELECT id::text AS value FROM contacts WHERE last_name LIKE 'Many%' ORDER BY id");
    let (contact, tag) = (ours.contact.to_string(), ours.tag.to_string());
    let mut fields = vec![("record_type", "contact"), ("action", "tag"), ("ids", contact.as_str())];
    fields.extend(ids.iter().map(|id| ("ids", id.as_str())));
    let chooser = rep.post("/operations/new", &fields).await;
    assert!(chooser.contains("Tag 4 contacts") && chooser.contains("Tag of aurelia"), "{}", chooser.body);
    let with = |more: &[(&'static str, &'static str)]| [&fields[..], more].concat();
    assert_eq!(rep.post("/operations", &with(&[("value", " ")])).await.status(), 422);
    assert_eq!(rep.post("/operations", &with(&[("value", "Nobody's"), ("mode", "remove")])).await.status(), 422);

    let page = rep.post("/operations", &with(&[("value", "Tag of aurelia; Fair 2026")])).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    let told = rep.get("/contacts").await;
    assert!(told.contains("4 contacts tagged"), "{}", told.body);
    assert_eq!((records(&app, "Fair 2026"), records(&app, "Tag of aurelia")), ("4".into(), "4".into()));
    // The one that had a tag before keeps it when this is undone; one that was edited since gives its tags back all the same.
    let field = rep.get_partial(&format!("/contacts/{}/fields/title", ids[0])).await;
    let v = field.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let saved =
        rep.post_partial(&format!("/contacts/{}/fields/title", ids[0]), &[("version", &v), ("title", "CFO")]).await;
    assert_eq!(saved.status(), 200, "tags make no form stale: {}", saved.body);
    let undo = told.between("<form method=\"post\" action=\"/operations/", "\"").unwrap().to_owned();
    assert_eq!(rep.post(&format!("/operations/{undo}"), &[]).await.status(), 303);
    assert_eq!((records(&app, "Fair 2026"), records(&app, "Tag of aurelia")), ("0".into(), "1".into()));

    let page = rep.post("/operations", &with(&[("value", "tag of AURELIA"), ("mode", "remove")])).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    let told = rep.get("/contacts").await;
    assert!(told.contains("1 contact untagged, 3 already so"), "{}", told.body);
    assert_eq!(app.texts(&format!("SELECT count(*)::text AS value FROM record_tags WHERE tag_id = '{tag}'")), ["0"]);
    app.stop().await;
}

/// Marks that turn the direction of writing show a name as another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_hold_no_marks_that_turn_them_round() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = app.signed_in(&org, "admin").await;
    admin.get("/contacts").await;
    let turned = "\u{202e}evil";
    let field = [
        ("type", "contact"),
        ("kind", "text"),
        ("label", turned),
        ("viewers", "administrator"),
        ("editors", "administrator"),
        ("section", "More"),
    ];
    let view = [("record", "contact"), ("name", turned), ("sharing", "private")];
    let tag = [("name", turned), ("color", "blue")];
    for (path, form) in [("/settings/fields", &field[..]), ("/views", &view), ("/settings/tags", &tag)] {
        let page = admin.post(path, form).await;
        assert_eq!(page.status(), 422, "{path}");
        assert!(page.contains("turn the direction of writing"), "{path}: {}", page.body);
    }
    // What only says which way a word runs is part of it.
    assert_eq!(admin.post("/settings/tags", &[("name", "\u{200f}שלום"), ("color", "blue")]).await.status(), 303);
    app.stop().await;
}
