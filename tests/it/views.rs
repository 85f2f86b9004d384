//! Saved views: kept, changed, shared, pinned, opened by default, deleted and brought back; told of new matches; what was looked at
//! lately.

use crate::support::{Client, TestApp};

const LEADS: &str = "filter=%7B%22all%22%3A%5B%7B%22rule%22%3A%7B%22key%22%3A%22owner_id%22%2C%22op%22%3A%22is%22%2C%22values%22%3A%5B%22me%22%5D%7D%7D%5D%7D";

async fn save(client: &Client, name: &str, more: &[(&str, &str)]) -> String {
    let list = if more.iter().any(|(n, _)| *n == "list") { &[][..] } else { &[("list", LEADS)] };
    let fields = [&[("record", "contact"), ("name", name)], list, more].concat();
    let page = client.post("/views", &fields).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    page.location.unwrap().split("view=").nth(1).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_is_kept_shared_pinned_and_brought_back() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    app.sql(&format!(
        "INSERT INTO contacts (org_id, id, first_name, owner_id) VALUES ('{0}', gen_random_uuid(), 'Mine', '{1}'), ('{0}', gen_random_uuid(), 'Theirs', '{2}')",
        org.id, org.admin, org.rep
    ))
    .await;
    let (admin, rep, stranger) =
        (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await, app.signed_in(&other, "admin").await);
    let form = admin.get("/views/new?record=contact&list=owner%3Dme").await;
    assert!(form.status() == 200 && form.contains("Who may open it"), "{}", form.body);
    assert_eq!(admin.post("/views", &[("record", "contact"), ("list", ""), ("name", "")]).await.status(), 422);
    let id = save(&admin, "My people", &[("pinned", "true"), ("columns", "true")]).await;
    let page = admin.get(&format!("/contacts?view={id}")).await;
    assert!(page.contains("My people") && page.contains("Mine") && !page.contains("Theirs"), "{}", page.body);
    assert!(!page.contains("modified") && page.contains(&format!("href=\"/contacts?view={id}\"")), "{}", page.body);
    assert!(admin.get("/").await.contains("My people"), "it is in the sidebar");
    // Changed, it says so, and can be saved.
    let changed = format!("/contacts?owner=me&view={id}&edited=1");
    let page = admin.get(&changed).await;
    assert!(page.contains("modified") && page.contains("Save changes"), "{}", page.body);
    assert_eq!(admin.post(&format!("/views/{id}/query"), &[("list", "sort=-created_at")]).await.status(), 303);
    let page = admin.get(&format!("/contacts?view={id}")).await;
    assert!(page.contains("Theirs") && page.contains("aria-sort=\"descending\""), "{}", page.body);
    admin.post(&format!("/views/{id}/query"), &[("list", LEADS)]).await;

    // Private: not found for anybody else, whatever their role.
    let manager = app.signed_in(&org, "manager").await;
    for client in [&rep, &manager, &stranger] {
        assert_eq!(client.get(&format!("/contacts?view={id}")).await.status(), 404);
        assert_eq!(client.get(&format!("/views/{id}/edit")).await.status(), 404);
        assert_eq!(client.post(&format!("/views/{id}/deletion"), &[]).await.status(), 404);
    }
    assert!(!rep.get("/views").await.contains("My people"));
    // Shared: each sees their own people; nobody else changes it, but may pin it.
    let shared =
        admin.post(&format!("/views/{id}"), &[("name", "Our people"), ("sharing", "all"), ("pinned", "true")]).await;
    assert_eq!(shared.status(), 303, "{}", shared.body);
    let page = rep.get(&format!("/contacts?view={id}")).await;
    assert!(page.contains("Our people") && page.contains("Theirs") && !page.contains("Mine"), "{}", page.body);
    assert!(rep.get("/views?record=contact").await.contains("by <span"));
    assert_eq!(rep.post(&format!("/views/{id}/query"), &[("list", "")]).await.status(), 403);
    assert_eq!(rep.post(&format!("/views/{id}/deletion"), &[]).await.status(), 403);
    assert_eq!(
        rep.post(&format!("/views/{id}"), &[("name", "Hijacked"), ("sharing", "private"), ("pinned", "true")])
            .await
            .status(),
        303
    );
    let home = rep.get("/").await;
    assert!(home.contains("Our people") && !home.contains("Hijacked"), "{}", home.body);
    assert_eq!(stranger.get(&format!("/contacts?view={id}")).await.status(), 404);
    assert_eq!(rep.get(&format!("/deals?view={id}")).await.status(), 404, "a view of contacts is none of deals");

    // The default of a role: the list from the menu is it; without it by name.
    let role = app.value(&format!("SELECT id FROM roles WHERE org_id = '{}' AND key = 'rep'", org.id)).await;
    let default = [("name", "Our people"), ("sharing", "private"), ("roles", "1"), ("role", role.as_str())];
    assert_eq!(admin.post(&format!("/views/{id}"), &default).await.status(), 422);
    let default =
        [("name", "Our people"), ("sharing", "all"), ("pinned", "true"), ("roles", "1"), ("role", role.as_str())];
    assert_eq!(admin.post(&format!("/views/{id}"), &default).await.status(), 303);
    let page = rep.get("/contacts").await;
    assert!(page.contains("Our people") && !page.contains("Mine"), "{}", page.body);
    let page = rep.get("/contacts?view=all").await;
    assert!(page.contains("Mine") && page.contains("Theirs"), "{}", page.body);
    assert!(admin.get("/contacts").await.contains("Theirs"));
    // Deleted, and brought back by whoever may.
    assert_eq!(admin.post(&format!("/views/{id}/deletion"), &[]).await.status(), 303);
    assert_eq!(admin.get(&format!("/contacts?view={id}")).await.status(), 404);
    assert!(rep.get("/contacts").await.contains("Mine"), "no default any more");
    assert_eq!(rep.post(&format!("/views/{id}/deletion/undo"), &[]).await.status(), 404);
    assert_eq!(admin.post(&format!("/views/{id}/deletion/undo"), &[]).await.status(), 303);
    assert_eq!(rep.get(&format!("/contacts?view={id}")).await.status(), 200);
    // Order of the pinned ones.
    let second = save(&admin, "Second", &[("pinned", "true")]).await;
    assert_eq!(admin.post("/views/order", &[("order", &format!("{second},{id}"))]).await.status(), 303);
    let home = admin.get("/").await;
    assert!(home.body.find("Second") < home.body.find("Our people"), "{}", home.body);
    assert_eq!(admin.post("/views/order", &[("order", "x")]).await.status(), 400);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_are_told_once_and_lately_is_ones_own() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let contact = |name: &str, lifecycle: &str| {
        format!(
            "INSERT INTO contacts (org_id, id, first_name, lifecycle) VALUES ('{}', gen_random_uuid(), '{name}', '{lifecycle}')",
            org.id
        )
    };
    app.sql(&contact("Known", "customer")).await;
    app.sql(&contact("Later", "lead")).await;
    let admin = app.signed_in(&org, "admin").await;
    let page = admin
        .post(
            "/views",
            &[
                ("record", "contact"),
                ("list", "lifecycle=customer"),
                ("name", "Customers"),
                ("pinned", "true"),
                ("watched", "true"),
            ],
        )
        .await;
    let address = page.location.unwrap();
    let look = async || {
        app.sql("UPDATE view_watches SET watermark = watermark - interval '4 minutes'").await;
        app.sql(&format!(
            "INSERT INTO jobs (org_id, kind, key) VALUES ('{}', 'views.watch', 'views.watch') ON CONFLICT DO NOTHING",
            org.id
        ))
        .await;
        app.run_jobs().await;
    };
    look().await;
    assert_eq!(app.value("SELECT fresh FROM view_watches").await, "0", "what matched already is not new");
    app.sql(&contact("New", "customer")).await;
    app.sql("UPDATE contacts SET lifecycle = 'customer', updated_at = now() WHERE first_name = 'Later'").await;
    app.sql("UPDATE contacts SET updated_at = now() WHERE first_name = 'Known'").await;
    look().await;
    look().await;
    assert_eq!(app.value("SELECT fresh FROM view_watches").await, "2");
    assert!(admin.get("/").await.contains("2<span class=\"vh\"> new"));
    assert_eq!(
        app.value("SELECT string_agg(subject, '|') FROM mails WHERE template = 'notices'").await,
        "Customers: 2 new contacts"
    );
    // Looking takes the count away; the next mail waits an hour.
    assert_eq!(admin.get(&address).await.status(), 200);
    assert_eq!(app.value("SELECT fresh FROM view_watches").await, "0");
    app.sql(&contact("Newer", "customer")).await;
    look().await;
    assert_eq!(app.value("SELECT fresh FROM view_watches").await, "1");
    assert_eq!(app.value("SELECT count(*) FROM mails WHERE template = 'notices'").await, "1");

    // Lately: records opened and words searched for, of this person alone.
    let id = app.value("SELECT id FROM contacts WHERE first_name = 'Known'").await;
    assert_eq!(admin.get(&format!("/contacts/{id}")).await.status(), 200);
    assert_eq!(admin.get("/search?q=known+people").await.status(), 200);
    let lately = admin.get_partial("/recent").await;
    assert!(lately.contains("Known") && lately.contains("known people"), "{}", lately.body);
    let rep = app.signed_in(&org, "rep").await;
    assert!(!rep.get_partial("/recent").await.contains("Known"));
    app.stop().await;
}

/// A default view that asks for a hidden field, or one retired since, shows the rest and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_outlives_its_fields() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let (admin, rep) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await);
    for (label, roles) in [("Rank", &["administrator"][..]), ("Grade", &["administrator", "rep"][..])] {
        let mut field = vec![("type", "contact"), ("kind", "text"), ("label", label)];
        field.extend(roles.iter().flat_map(|role| [("viewers", *role), ("editors", *role)]));
        assert_eq!(admin.post("/settings/fields", &field).await.status(), 303);
    }
    for (name, grade) in [("Ann", "A"), ("Bob", "B")] {
        assert_eq!(rep.post("/contacts", &[("last_name", name), ("c_grade", grade)]).await.status(), 303);
    }
    let rule = |key: &str, value: &str| format!(r#"{{"rule":{{"key":"{key}","op":"is","values":["{value}"]}}}}"#);
    let filter = format!(r#"{{"all":[{},{}]}}"#, rule("c_rank", "1"), rule("c_grade", "A"));
    let list: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("sort", "c_rank,c_grade")
        .append_pair("filter", &filter)
        .finish();
    let id = save(&admin, "Best", &[("list", list.as_str())]).await;
    let role = app.value(&format!("SELECT id FROM roles WHERE org_id = '{}' AND key = 'rep'", org.id)).await;
    let default = [("name", "Best"), ("sharing", "all"), ("roles", "1"), ("role", role.as_str())];
    assert_eq!(admin.post(&format!("/views/{id}"), &default).await.status(), 303);

    // What was just added is told once.
    rep.get("/").await;
    let hidden = rep.get("/contacts").await;
    assert!(hidden.status() == 200 && hidden.contains("without that part"), "{}", hidden.body);
    assert!(hidden.contains("Ann") && !hidden.contains("Bob"), "{}", hidden.body);
    let grade =
        app.value(&format!("SELECT id FROM custom_fields WHERE org_id = '{}' AND key = 'c_grade'", org.id)).await;
    assert_eq!(admin.post(&format!("/settings/fields/{grade}/retirement"), &[]).await.status(), 303);
    let retired = rep.get("/contacts").await;
    assert!(retired.status() == 200 && retired.contains("Ann") && retired.contains("Bob"), "{}", retired.body);
    // Whoever sees all that is left loses no more than what is gone.
    let admins = admin.get(&format!("/contacts?view={id}")).await;
    assert!(admins.status() == 200 && !admins.contains("Ann"), "{}", admins.body);
    app.stop().await;
}

/// So does a board, and every other way of looking at a pipeline.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_outlives_its_fields() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let (admin, rep) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await);
    for label in ["Rank", "Grade"] {
        let mut field = vec![("type", "deal"), ("kind", "text"), ("label", label)];
        field.extend(["administrator", "rep"].iter().flat_map(|role| [("viewers", *role), ("editors", *role)]));
        assert_eq!(admin.post("/settings/fields", &field).await.status(), 303);
    }
    let of = |what: &str| format!("SELECT id FROM {what} WHERE org_id = '{}' ORDER BY position LIMIT 1", org.id);
    let (pipeline, stage) = (app.value(&of("pipelines")).await, app.value(&of("stages")).await);
    for (name, grade) in [("Ann", "A"), ("Bob", "B")] {
        let deal = [("name", name), ("stage_id", &*stage), ("c_grade", grade), ("expected_close_on", "2031-04-05")];
        assert_eq!(rep.post("/deals/new", &deal).await.status(), 303);
    }
    let rule = |key: &str, value: &str| format!(r#"{{"rule":{{"key":"{key}","op":"is","values":["{value}"]}}}}"#);
    let filter = format!(r#"{{"all":[{},{}]}}"#, rule("c_rank", "1"), rule("c_grade", "A"));
    let role = app.value(&format!("SELECT id FROM roles WHERE org_id = '{}' AND key = 'rep'", org.id)).await;
    let mut views = Vec::new();
    for kind in ["calendar", "forecast", "timeline", "board"] {
        let pairs = [("kind", kind), ("pipeline", &pipeline), ("filter", &filter)];
        let list = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let to = admin.post("/views", &[("record", "deal"), ("list", &list), ("name", kind)]).await.location.unwrap();
        let id = to.split("view=").nth(1).unwrap().to_owned();
        let default = [("name", kind), ("sharing", "all"), ("roles", "1"), ("role", role.as_str())];
        assert_eq!(admin.post(&format!("/views/{id}"), &default).await.status(), 303);
        views.push(to);
    }
    rep.get("/").await;
    let whole = rep.get(&views[3]).await;
    assert!(whole.status() == 200 && !whole.contains("Ann") && !whole.contains("without that part"), "{}", whole.body);
    let rank = app.value(&format!("SELECT id FROM custom_fields WHERE org_id = '{}' AND key = 'c_rank'", org.id)).await;
    assert_eq!(admin.post(&format!("/settings/fields/{rank}/retirement"), &[]).await.status(), 303);
    // The last of them is what the menu opens.
    assert_eq!(rep.get("/deals").await.location.as_deref(), Some(views[3].as_str()));
    for view in &views {
        let rest = rep.get(view).await;
        assert!(rest.status() == 200 && rest.contains("shown without that part"), "{view}: {}", rest.body);
        assert!(*view != views[3] || rest.contains("Ann"), "{view}: {}", rest.body);
        assert!(!rest.contains("Bob"), "{view}: {}", rest.body);
    }
    // What it asks for further is without it, too.
    let of_april = format!("{}&from=2031-04-01&to=2031-04-30", views[0].replace("calendar?", "calendar/deals?"));
    let told = rep.get(&of_april).await;
    assert!(told.status() == 200 && told.contains("Ann") && !told.contains("Bob"), "{}", told.body);
    app.stop().await;
}
