//! Work over many records at once, through HTTP: what is changed, what is left and why, undo, jobs that are cancelled or killed.

use crate::support::{Client, Org, Page, TestApp};

/// So many contacts of that owner, named `name 1` …; their ids in order.
async fn contacts(app: &TestApp, org: &Org, owner: &str, name: &str, count: usize) -> Vec<String> {
    app.alter(&format!(
        "INSERT INTO contacts (org_id, id, first_name, last_name, owner_id)
         SELECT '{}', gen_random_uuid(), '{name}', n::text, '{owner}' FROM generate_series(1, {count}) n",
        org.id
    ));
    app.texts(&format!(
        "SELECT id::text AS value FROM contacts WHERE org_id = '{}' AND first_name = '{name}' ORDER BY id",
        org.id
    ))
}

fn fields<'a>(action: &'a str, ids: &'a [String], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![("record_type", "contact"), ("action", action)];
    fields.extend(ids.iter().map(|id| ("ids", id.as_str())));
    fields.extend_from_slice(more);
    fields
}

async fn post(client: &Client, action: &str, ids: &[String], more: &[(&str, &str)]) -> Page {
    client.post("/operations", &fields(action, ids, more)).await
}

/// What the next page says, and where its Undo posts to.
async fn toast(client: &Client, page: &Page) -> (String, Option<String>) {
    assert_eq!(page.status(), 303, "{}", page.body);
    let next = client.get(page.location.as_deref().unwrap()).await;
    let snack = next.between("data-toast>", "</div>").unwrap_or_default();
    let text = snack.split("<p dir=\"auto\">").nth(1).and_then(|s| s.split("</p>").next()).unwrap_or_default();
    let undo = snack.split("action=\"").nth(1).and_then(|s| s.split('"').next()).map(str::to_owned);
    (text.to_owned(), undo)
}

/// The operation of that kind begun last.
fn undo_of(app: &TestApp, kind: &str) -> String {
    app.texts(&format!(
        "SELECT id::text AS value FROM operations WHERE kind = '{kind}' ORDER BY created_at DESC LIMIT 1"
    ))
    .remove(0)
}

fn count(app: &TestApp, condition: &str) -> String {
    app.texts(&format!("SELECT count(*)::text AS value FROM contacts WHERE {condition}")).remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_ones_are_done_at_once_and_undone() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (rep, admin) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "admin").await);
    let (rep_id, admin_id) = (org.rep.to_string(), org.admin.to_string());
    let mine = contacts(&app, &org, &rep_id, "Mine", 3).await;
    let theirs = contacts(&app, &other, &other.admin.to_string(), "Foreign", 1).await;

    // A field: parsed as in a form, the same value twice is no change.
    let wrong = post(&rep, "edit", &mine, &[("field", "phone"), ("value", "banana")]).await;
    assert_eq!(wrong.status(), 422);
    assert!(wrong.contains("country code") && wrong.contains("value=\"banana\""), "{}", wrong.body);
    for (field, value) in [("lifecycle", "emperor"), ("created_at", "2020-01-01"), ("nothing", "x"), ("owner_id", "x")]
    {
        let page = post(&rep, "edit", &mine, &[("field", field), ("value", value)]).await;
        assert_eq!(page.status(), 422, "{field}: {}", page.body);
    }
    let page = post(&rep, "edit", &mine[..1], &[("field", "lifecycle"), ("value", "customer")]).await;
    assert_eq!(toast(&rep, &page).await.0, "1 contact changed");
    let page = post(&rep, "edit", &mine, &[("field", "lifecycle"), ("value", "customer")]).await;
    let (told, undo) = toast(&rep, &page).await;
    assert_eq!(told, "2 contacts changed, 1 already so");
    assert_eq!(count(&app, "lifecycle = 'customer' AND version >= 2"), "3");
    let show = rep.get(&format!("/contacts/{}", mine[1])).await;
    assert!(show.contains("Lifecycle: Lead → Customer"), "{}", show.body);
    // Undone: those two are as they were, the one of before is not.
    let back = rep.post(&undo.clone().unwrap(), &[]).await;
    assert_eq!(toast(&rep, &back).await.0, "Undone: 2 contacts as before");
    assert_eq!(count(&app, "lifecycle = 'customer'"), "1");
    let show = rep.get(&format!("/contacts/{}", mine[1])).await;
    assert!(show.contains("Undone: Set Lifecycle of contacts to “Customer”"), "{}", show.body);
    assert_eq!(rep.post(&undo.unwrap(), &[]).await.status(), 303, "a second undo does nothing");

    // Several values: added, removed, replaced; clearing what must not be empty is refused for those alone.
    let page =
        post(&rep, "edit", &mine, &[("field", "other_emails"), ("mode", "add"), ("value", "a@x.test\nB@x.test")]).await;
    assert_eq!(toast(&rep, &page).await.0, "3 contacts changed");
    let page = post(&rep, "edit", &mine, &[("field", "other_emails"), ("mode", "remove"), ("value", "a@x.test")]).await;
    assert_eq!(toast(&rep, &page).await.0, "3 contacts changed");
    assert_eq!(count(&app, "other_emails = '{b@x.test}'"), "3");
    app.alter(&format!("UPDATE contacts SET last_name = '' WHERE id = '{}'", mine[0]));
    let page = post(&rep, "edit", &mine, &[("field", "first_name"), ("mode", "clear")]).await;
    assert_eq!(toast(&rep, &page).await.0, "2 contacts changed, 1 would have neither name nor e-mail");
    let page = post(&rep, "edit", &mine, &[("field", "lifecycle"), ("mode", "clear")]).await;
    assert_eq!(page.status(), 422);
    let page = post(&rep, "edit", &mine, &[("field", "company_id"), ("value", "Halden Optics")]).await;
    assert_eq!(toast(&rep, &page).await.0, "3 contacts changed");
    assert!(rep.get(&format!("/contacts/{}", mine[2])).await.contains("Halden Optics"));

    // Foreign, absent and hidden records are all the same: not found.
    app.alter("UPDATE roles SET visibility = 'own' WHERE key = 'rep'");
    let hidden = contacts(&app, &org, &admin_id, "Hidden", 1).await;
    let mixed = [mine[0].clone(), hidden[0].clone(), theirs[0].clone(), uuid::Uuid::now_v7().to_string()];
    let page = post(&rep, "archive", &mixed, &[("back", "/contacts?owner=me")]).await;
    assert_eq!(page.location.as_deref(), Some("/contacts?owner=me"));
    let (told, undo) = toast(&rep, &page).await;
    assert_eq!(told, "1 contact archived, 3 not found");
    assert_eq!(count(&app, "archived_at IS NOT NULL"), "1");
    let page = post(&rep, "archive", &mixed[..1], &[]).await;
    assert_eq!(toast(&rep, &page).await, ("Nothing changed, 1 already archived".into(), None));
    rep.post(&undo.unwrap(), &[]).await;
    assert_eq!(count(&app, "archived_at IS NOT NULL"), "0");
    // Search follows: what is archived is not found.
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM search_documents WHERE record_type = 'contact'"), ["3"]);

    // Handing over: the rep loses sight of them, and can still take it back. A stranger can do neither.
    let page = post(&rep, "assign", &mine, &[("value", &admin_id), ("back", "//evil.test/")]).await;
    assert_eq!(page.location.as_deref(), Some("/contacts"));
    let (told, undo) = toast(&rep, &page).await;
    assert_eq!(told, "3 contacts assigned");
    assert_eq!(rep.get(&format!("/contacts/{}", mine[0])).await.status(), 404);
    let undo = undo.unwrap();
    let stranger = app.signed_in(&other, "admin").await;
    assert_eq!(stranger.post(&undo, &[]).await.status(), 404);
    let manager = app.signed_in(&org, "manager").await;
    assert_eq!(manager.post(&undo, &[]).await.status(), 404, "not theirs");
    rep.post(&undo, &[]).await;
    assert_eq!(rep.get(&format!("/contacts/{}", mine[0])).await.status(), 200);
    assert!(admin.get("/operations").await.contains("Set Owner to Admin aurelia of contacts"));
    assert!(!stranger.get("/operations").await.contains("Set Owner"));

    // Nothing chosen, nonsense, no right.
    assert_eq!(toast(&rep, &post(&rep, "archive", &[], &[]).await).await.0, "Select some records first");
    assert_eq!(post(&rep, "explode", &mine, &[]).await.status(), 400);
    assert_eq!(post(&rep, "archive", &["x".into()], &[]).await.status(), 400);
    let viewer = app.signed_in(&org, "viewer").await;
    assert_eq!(post(&viewer, "archive", &mine, &[]).await.status(), 403);
    app.alter("UPDATE roles SET permissions = array_remove(permissions, 'contacts.delete') WHERE key = 'rep'");
    assert_eq!(post(&rep, "delete", &mine, &[]).await.status(), 403);

    // The same form sent twice is one operation; another button of the same page is another.
    let key = uuid::Uuid::now_v7().to_string();
    let first = post(&rep, "archive", &mine[1..2], &[("request_key", &key)]).await;
    let again = post(&rep, "archive", &mine[1..2], &[("request_key", &key)]).await;
    assert_eq!(first.location, again.location);
    assert_eq!(toast(&rep, &again).await.0, "1 contact archived");
    let page = post(&rep, "restore", &mine[1..2], &[("request_key", &key)]).await;
    assert_eq!(toast(&rep, &page).await.0, "1 contact restored");
    rep.post(&format!("/operations/{}/undo", undo_of(&app, "archive")), &[]).await;
    let third = post(&rep, "archive", &mine[1..2], &[("request_key", &key)]).await;
    assert_eq!(toast(&rep, &third).await.0, "1 contact archived", "undone, then asked for again");
    let chooser = rep.post("/operations/new", &fields("edit", &mine, &[("field", "lifecycle")])).await;
    assert!(chooser.contains("Edit 3 contacts") && chooser.contains("Qualified"), "{}", chooser.body);
    let page = post(&admin, "delete", &mine, &[]).await;
    let (told, undo) = toast(&admin, &page).await;
    assert_eq!(told, "3 contacts deleted");
    assert_eq!(admin.get(&format!("/contacts/{}", mine[0])).await.status(), 404);
    admin.post(&undo.unwrap(), &[]).await;
    assert_eq!(admin.get(&format!("/contacts/{}", mine[0])).await.status(), 200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_ones_are_jobs_that_can_be_cancelled_killed_and_undone() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = app.signed_in(&org, "rep").await;
    let all = contacts(&app, &org, &org.rep.to_string(), "Many", 1_200).await;
    let page = post(&rep, "edit", &all, &[("field", "city"), ("value", "Utrecht")]).await;
    let path = page.location.unwrap();
    assert!(path.starts_with("/operations/"), "{path}");
    assert_eq!(count(&app, "city = 'Utrecht'"), "0");
    let id = path.rsplit('/').next().unwrap().to_owned();
    let progress = rep.get_partial(&path).await;
    assert!(progress.contains("Waiting") && progress.contains("0 of 1,200"), "{}", progress.body);

    // Killed after its first piece: the transaction of the second is rolled back, then it goes on with what is left.
    app.alter(
        "CREATE FUNCTION trip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF (SELECT done FROM operations LIMIT 1) >= 500 THEN RAISE EXCEPTION 'killed'; END IF; RETURN NULL; END $$",
    );
    app.alter("CREATE TRIGGER trip AFTER UPDATE ON contacts FOR EACH STATEMENT EXECUTE FUNCTION trip()");
    app.run_jobs().await;
    assert_eq!(count(&app, "city = 'Utrecht'"), "500");
    let progress = rep.get(&path).await;
    assert!(progress.contains("500 of 1,200") && progress.contains("a second"), "{}", progress.body);
    app.alter("DROP TRIGGER trip ON contacts");
    app.alter("UPDATE jobs SET run_at = now()");
    app.run_jobs().await;
    assert_eq!(count(&app, "city = 'Utrecht' AND version = 2"), "1200", "each exactly once");
    assert_eq!(
        app.texts(&format!(
            "SELECT concat_ws(' ', status, total, done, changed, skipped) AS value FROM operations WHERE id = '{id}'"
        )),
        ["done 1200 1200 1200 0"]
    );
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM events WHERE kind = 'contact.updated'"), ["1200"]);

    // Two are touched since, one is gone: undo leaves those and says so.
    for id in &all[..2] {
        let field = rep.get_partial(&format!("/contacts/{id}/fields/title")).await;
        let v = field.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
        rep.post_partial(&format!("/contacts/{id}/fields/title"), &[("version", &v), ("title", "CFO")]).await;
    }
    let undone = rep.post(&format!("{path}/undo"), &[]).await;
    assert_eq!(undone.location.as_deref(), Some(path.as_str()));
    assert!(rep.get(&path).await.contains("Being undone"));
    app.run_jobs().await;
    assert_eq!(count(&app, "city = 'Utrecht'"), "2");
    assert_eq!(count(&app, "city IS NULL AND version = 3"), "1198");
    let page = rep.get(&path).await;
    for told in ["Undone", "1,198", "changed since, last by Rep aurelia"] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }

    // Cancelled before it begins, and between two pieces.
    let path = post(&rep, "archive", &all, &[]).await.location.unwrap();
    assert_eq!(rep.post(&format!("{path}/cancellation"), &[]).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(count(&app, "archived_at IS NOT NULL"), "0");
    assert!(rep.get(&path).await.contains("Cancelled after 0 of 1,200"));
    let path = post(&rep, "archive", &all, &[]).await.location.unwrap();
    app.alter(
        "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           UPDATE operations SET cancel_requested = true WHERE status = 'running'; RETURN NULL; END $$",
    );
    app.alter("CREATE TRIGGER stop AFTER UPDATE ON contacts FOR EACH STATEMENT EXECUTE FUNCTION stop()");
    app.run_jobs().await;
    app.alter("DROP TRIGGER stop ON contacts");
    let page = rep.get(&path).await;
    assert!(page.contains("Cancelled after 500 of 1,200"), "{}", page.body);
    assert_eq!(count(&app, "archived_at IS NOT NULL"), "500");
    rep.post(&format!("{path}/undo"), &[]).await;
    app.run_jobs().await;
    assert_eq!(count(&app, "archived_at IS NOT NULL"), "0");

    // Whoever lost the right meanwhile does not go on.
    let path = post(&rep, "archive", &all, &[]).await.location.unwrap();
    app.alter("UPDATE roles SET permissions = array_remove(permissions, 'contacts.edit') WHERE key = 'rep'");
    app.run_jobs().await;
    assert_eq!(count(&app, "archived_at IS NOT NULL"), "0");
    assert!(rep.get(&path).await.contains("does not let you edit contacts"));
    app.stop().await;
}

/// The organisation's own fields: set, added to, taken from, cleared, undone; formulas follow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_fields() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = app.signed_in(&org, "admin").await;
    let ids = contacts(&app, &org, &org.admin.to_string(), "Mine", 3).await;
    let field = |key: &str, label: &str, kind: &str, options: &str| {
        app.alter(&format!(
            "INSERT INTO custom_fields (org_id, id, record_type, key, label, kind, options, section, position)
             VALUES ('{}', gen_random_uuid(), 'contact', '{key}', '{label}', '{kind}', '{options}', 'Details', 0)",
            org.id
        ));
    };
    field("c_shoe", "Shoe size", "integer", "{}");
    field("c_likes", "Likes", "choices", r#"{"choices":[{"key":"tea","label":"Tea"},{"key":"cake","label":"Cake"}]}"#);
    let custom = |condition: &str| count(&app, condition);

    let chooser = admin.post("/operations/new", &fields("edit", &ids, &[("field", "c_likes")])).await;
    assert!(chooser.contains("Shoe size") && chooser.contains("Cake"), "{}", chooser.body);
    let page = post(&admin, "edit", &ids, &[("field", "c_shoe"), ("value", "wide")]).await;
    assert_eq!(page.status(), 422, "{}", page.body);
    let page = post(&admin, "edit", &ids, &[("field", "c_shoe"), ("value", "42")]).await;
    let (told, undo) = toast(&admin, &page).await;
    assert_eq!(told, "3 contacts changed");
    assert_eq!(custom("custom->'c_shoe' = '42'"), "3");
    assert!(admin.get(&format!("/contacts/{}", ids[0])).await.contains("Shoe size"));
    admin.post(&undo.unwrap(), &[]).await;
    assert_eq!(custom("custom ? 'c_shoe'"), "0");

    let likes = |mode: &'static str, value: &'static str| [("field", "c_likes"), ("mode", mode), ("value", value)];
    assert_eq!(
        toast(&admin, &post(&admin, "edit", &ids[..1], &likes("add", "tea")).await).await.0,
        "1 contact changed"
    );
    assert_eq!(
        toast(&admin, &post(&admin, "edit", &ids, &likes("add", "tea")).await).await.0,
        "2 contacts changed, 1 already so"
    );
    post(&admin, "edit", &ids, &likes("add", "cake")).await;
    assert_eq!(custom(r#"custom->'c_likes' @> '["tea","cake"]'"#), "3");
    post(&admin, "edit", &ids[..1], &likes("remove", "tea")).await;
    assert_eq!(custom(r#"custom->'c_likes' = '["cake"]'"#), "1");
    post(&admin, "edit", &ids, &likes("clear", "")).await;
    assert_eq!(custom("custom ? 'c_likes'"), "0");
    app.stop().await;
}

/// All that match: only what the reader sees, as it was when it began, whatever the change makes of the filter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_match() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (rep, admin) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "admin").await);
    app.alter("UPDATE roles SET visibility = 'own' WHERE key = 'rep'");
    contacts(&app, &org, &org.rep.to_string(), "Mine", 300).await;
    contacts(&app, &org, &org.admin.to_string(), "Theirs", 40).await;
    let list = rep.get("/contacts?lifecycle=lead").await;
    for told in ["all 300 that match", "name=\"ids\"", "value=\"archive\"", "value=\"segment\""] {
        assert!(list.contains(told), "{told}: {}", list.body);
    }
    assert!(!app.signed_in(&org, "viewer").await.get("/contacts").await.contains("name=\"ids\""));
    let all = |matching: &'static str| [("scope", "matching"), ("matching", matching)];
    let edit = [("field", "lifecycle"), ("value", "customer")];

    // More than are done at once: a job, which finds what matches when it begins, and goes through those.
    let page = post(&rep, "edit", &[], &[&all("lifecycle=lead")[..], &edit[..]].concat()).await;
    let path = page.location.unwrap();
    assert!(path.starts_with("/operations/"), "{path}");
    app.run_jobs().await;
    assert_eq!(count(&app, "lifecycle = 'customer'"), "300");
    assert_eq!(
        count(&app, "lifecycle = 'customer' AND first_name = 'Theirs'"),
        "0",
        "an own-only rep's are theirs alone"
    );
    assert_eq!(
        app.texts("SELECT concat_ws(' ', status, total, done, changed) AS value FROM operations"),
        ["done 300 300 300"]
    );
    assert!(rep.get(&path).await.contains("Set Lifecycle of contacts to “Customer”"));
    rep.post(&format!("{path}/undo"), &[]).await;
    app.run_jobs().await;
    assert_eq!(count(&app, "lifecycle = 'lead'"), "340");

    // Few: at once, through the page that asks for more.
    let filter = "filter=%7B%22all%22%3A%5B%7B%22rule%22%3A%7B%22key%22%3A%22first_name%22%2C%22op%22%3A%22is%22%2C%22values%22%3A%5B%22Theirs%22%5D%7D%7D%5D%7D";
    let chooser = admin.post("/operations/new", &fields("edit", &[], &all(filter))).await;
    assert!(
        chooser.contains("Edit 40 contacts") && chooser.contains("name=\"scope\" value=\"matching\""),
        "{}",
        chooser.body
    );
    let page = post(&admin, "edit", &[], &[&all(filter)[..], &edit[..]].concat()).await;
    assert_eq!(toast(&admin, &page).await.0, "40 contacts changed");
    assert_eq!(post(&admin, "archive", &[], &all("filter=damaged")).await.status(), 400);
    assert_eq!(post(&admin, "archive", &[], &all("lifecycle=emperor")).await.status(), 400);
    app.stop().await;
}

/// Deals that come back to the board find free places there; its totals stay right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deals_leave_the_board_and_come_back() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = app.signed_in(&org, "admin").await;
    let (_, stages) = app.stages(&org);
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(admin.add_deal(&stages[0], &format!("Deal {n}"), &[("amount", "100")]).await);
    }
    let with = |action: &'static str, ids: &[String]| {
        let mut all = vec![("record_type".to_owned(), "deal".to_owned()), ("action".to_owned(), action.to_owned())];
        all.extend(ids.iter().map(|id| ("ids".to_owned(), id.clone())));
        all
    };
    let send = async |fields: Vec<(String, String)>| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        admin.post("/operations", &fields).await
    };
    let (told, undo) = toast(&admin, &send(with("archive", &ids[..3])).await).await;
    assert_eq!(told, "3 deals archived");
    // Others take their places meanwhile.
    admin.add_deal(&stages[0], "New", &[("amount", "7")]).await;
    app.alter("UPDATE deals SET position = (SELECT position FROM deals d WHERE d.name = 'Deal 0') WHERE name = 'New'");
    let back = admin.post(&undo.unwrap(), &[]).await;
    assert_eq!(toast(&admin, &back).await.0, "Undone: 3 deals as before");
    let mut edit = with("edit", &ids);
    edit.extend([("field".to_owned(), "amount".to_owned()), ("value".to_owned(), "1,250.50".to_owned())]);
    assert_eq!(toast(&admin, &send(edit).await).await.0, "4 deals changed");
    assert_eq!(app.totals_differ(), Vec::<String>::new());
    let show = admin.get(&format!("/deals/{}", ids[0])).await;
    assert!(show.contains("Amount €100.00 → €1,250.50"), "{}", show.body);
    app.stop().await;
}
