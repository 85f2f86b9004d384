//! Undoing a whole import: what was changed is as before, what was created is gone, what somebody touched since is left.

use super::{import, import_with, texts, wizard::begin};
use crate::support::TestApp;
use pipewright::{features::imports::Options, kernel::RecordType};

const CONTACTS: &str = "SELECT concat_ws('|', first_name, last_name, title, email, other_emails::text, lifecycle, \
    (company_id IS NOT NULL)::text, (deleted_at IS NULL)::text) AS t FROM contacts ORDER BY email";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restores_removes_and_leaves() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let client = app.signed_in(&org, "admin").await;
    let old = b"contact id,email,first name,title,lifecycle\n1,a@x.test,Ann,CEO,lead\n2,b@x.test,Bob,CTO,customer\n3,c@x.test,Cid,COO,lead\n";
    assert_eq!(import(&app, &org, RecordType::Contact, old).await, Ok((3, 0, 0, 0)));
    let before = texts(&app, CONTACTS).await;
    let new = b"contact id,email,first name,title,email 2,company,lifecycle\n\
        1,a@x.test,Anna,Boss,ann@home.test,Acme,customer\n2,b@x.test,Bob,,,,\n3,c@x.test,Cyd,Chief,,Acme,\n\
        4,d@x.test,Dot,,,Acme,\n5,e@x.test,Eve,,,Zeta,\n6,f@x.test,Fay,,,,\n";
    assert_eq!(import(&app, &org, RecordType::Contact, new).await, Ok((3, 2, 1, 0)));
    // Since then: one changed by hand, one has a note, one company has a person of its own.
    let id = |name: &str| {
        let sql = format!("SELECT id::text AS t FROM contacts WHERE first_name = '{name}'");
        let app = &app;
        async move { texts(app, &sql).await.remove(0) }
    };
    let (cyd, eve) = (id("Cyd").await, id("Eve").await);
    texts(
        &app,
        &format!(
            "UPDATE contacts SET title = 'Retired', version = version + 1 WHERE id = '{cyd}' RETURNING title AS t"
        ),
    )
    .await;
    texts(&app, &format!("INSERT INTO notes (org_id, id, contact_id, body_html) SELECT org_id, gen_random_uuid(), id, 'x' FROM contacts WHERE id = '{eve}' RETURNING id::text AS t")).await;
    let here = format!(
        "/imports/{}",
        texts(&app, "SELECT id::text AS t FROM imports ORDER BY created_at DESC LIMIT 1").await[0]
    );
    assert!(client.get(&here).await.contains("Undo this import"));
    assert_eq!(client.post(&format!("{here}/undo"), &[]).await.status(), 303);
    assert_eq!(client.post(&format!("{here}/undo"), &[]).await.status(), 409);
    assert!(client.get(&here).await.contains("every 1s"));
    app.run_jobs().await;

    let after = texts(&app, CONTACTS).await;
    assert_eq!(after[..2], before[..2]);
    assert_eq!(after[2], "Cyd||Retired|c@x.test|{}|lead|true|true");
    assert_eq!(
        after[3..],
        ["Dot||d@x.test|{}|lead|true|false", "Eve||e@x.test|{}|lead|true|true", "Fay||f@x.test|{}|lead|false|false"]
    );
    // Acme stays for Cyd, Zeta for Eve.
    assert_eq!(
        texts(&app, "SELECT name AS t FROM companies WHERE deleted_at IS NULL ORDER BY 1").await,
        ["Acme", "Zeta"]
    );
    let page = client.get(&here).await;
    for part in [
        "Undone",
        "1 record has its old values",
        "2 are in the bin",
        "4 were left",
        "1 was changed since",
        "1 has notes",
        "2 has contacts",
    ] {
        assert!(page.contains(part), "{part} is missing: {}", page.body);
    }
    assert!(!page.contains("Undo this import"));
    let left = client.get(&format!("{here}/records/left")).await;
    assert!(left.contains("Cyd") && left.contains("Eve") && left.contains("Zeta"), "{}", left.body);
    let told = texts(
        &app,
        "SELECT kind || ' ' || changes::text AS t FROM events WHERE data ? 'undo' AND kind LIKE 'contact.%' ORDER BY 1",
    )
    .await;
    assert_eq!(told.len(), 3);
    assert!(told[2].contains(r#""title": ["Boss", "CEO"]"#), "{told:?}");
    let titles = texts(&app, "SELECT title AS t FROM search_documents WHERE record_type = 'contact' ORDER BY 1").await;
    assert_eq!(titles, ["Ann", "Bob", "Cyd", "Eve"]);
    // Imported again, it does what it did.
    assert_eq!(import(&app, &org, RecordType::Contact, new).await, Ok((0, 4, 2, 0)));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deals_go_back_where_they_stood() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let client = app.signed_in(&org, "admin").await;
    let deals = |text: &'static str| import(&app, &org, RecordType::Deal, text.as_bytes());
    assert_eq!(
        deals("deal id,deal name,stage,amount\n1,One,Qualified,100\n2,Two,Proposal,50\n").await,
        Ok((2, 0, 0, 0))
    );
    let state = "SELECT concat_ws('|', d.name, s.name, d.status, trim_scale(d.amount)::text, d.position, d.custom::text) AS t FROM deals d \
        JOIN stages s ON s.id = d.stage_id WHERE d.deleted_at IS NULL ORDER BY d.number";
    let (before, totals) = (
        texts(&app, state).await,
        "SELECT sum(deals)::text || ' ' || trim_scale(sum(amount))::text AS t FROM deal_totals",
    );
    assert_eq!(texts(&app, totals).await, ["2 150"]);
    assert_eq!(deals("deal id,deal name,stage,amount,product,company\n1,One,Negotiation,120,Saw,Acme\n2,Two,Won,50,,\n3,Three,Qualified,7,,\n").await, Ok((1, 2, 0, 0)));
    let here = texts(&app, "SELECT id::text AS t FROM imports ORDER BY created_at DESC LIMIT 1").await.remove(0);
    client.post(&format!("/imports/{here}/undo"), &[]).await;
    app.run_jobs().await;
    assert_eq!(texts(&app, state).await, before);
    assert_eq!(texts(&app, totals).await, ["2 150"]);
    assert_eq!(texts(&app, "SELECT count(*)::text AS t FROM companies WHERE deleted_at IS NULL").await, ["0"]);
    app.stop().await;
}

/// Tags that the import gave are taken again, those that were there stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_go_as_they_came() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let client = app.signed_in(&org, "admin").await;
    let sent = client.post("/contacts", &[("last_name", "Bell"), ("email", "a@x.test"), ("tags", "vip")]).await;
    assert_eq!(sent.status(), 303, "{}", sent.body);
    let tags = "SELECT c.last_name || ' ' || string_agg(t.name, ',' ORDER BY t.name) AS t FROM contacts c JOIN record_tags r ON r.record_id = c.id \
        JOIN tags t ON t.id = r.tag_id WHERE c.deleted_at IS NULL GROUP BY c.id, c.last_name ORDER BY 1";
    let before = texts(&app, tags).await;
    let file = b"email,last name,title\na@x.test,Bell,CEO\nb@x.test,Orr,CTO\n";
    let here = begin(&client, "contact", "fair.csv", file).await;
    client.get(&format!("{here}/columns")).await;
    assert_eq!(client.post(&format!("{here}/rules"), &[("tags", "fair, vip")]).await.status(), 303);
    app.run_jobs().await;
    client.post(&format!("{here}/start"), &[]).await;
    app.run_jobs().await;
    let given = texts(&app, tags).await;
    assert_eq!(given.last().map(String::as_str), Some("Orr fair,vip"), "{given:?} of {before:?}");
    assert!(given[0].contains("fair"), "{given:?}");
    assert_eq!(client.post(&format!("{here}/undo"), &[]).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(texts(&app, tags).await, before);
    app.stop().await;
}

/// Rows in error make no pipeline and no stage. What was made for the others is told, and goes with them once nothing stands in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_come_and_go_with_their_rows() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let client = app.signed_in(&org, "admin").await;
    let deals = |text: &'static str| import(&app, &org, RecordType::Deal, text.as_bytes());
    let places =
        "SELECT p.name || ': ' || s.name AS t FROM stages s JOIN pipelines p ON p.id = s.pipeline_id ORDER BY 1";
    let undone = async || {
        let last = "SELECT id::text AS t FROM imports ORDER BY created_at DESC LIMIT 1";
        let here = format!("/imports/{}", texts(&app, last).await.remove(0));
        let done = client.get(&here).await;
        assert_eq!(client.post(&format!("{here}/undo"), &[]).await.status(), 303);
        app.run_jobs().await;
        (done, client.get(&here).await)
    };
    let before = texts(&app, places).await;
    assert_eq!(deals("deal name,stage,amount\nT1,Typoo,abc\n").await, Ok((0, 0, 0, 1)));
    assert_eq!(texts(&app, places).await, before);

    let file = "deal name,pipeline,stage,amount\nA,Fairs,Booked,10\nB,Fairs,Lapsed,abc\nC,,Qualified,5\nD,,Proposal,5\nE,,Security review,7\n";
    assert_eq!(deals(file).await, Ok((4, 0, 0, 1)));
    assert_eq!(texts(&app, places).await.len(), before.len() + 2, "Booked and Security review");
    let (done, gone) = undone().await;
    let made = "stage Security review in New business, pipeline Fairs, stage Booked in Fairs";
    assert!(done.contains(made), "{}", done.body);
    assert!(gone.contains("Removed as empty: "), "{}", gone.body);
    assert!(gone.contains("pipeline Fairs, stage Security review in New business</span>"), "{}", gone.body);
    assert_eq!(texts(&app, places).await, before);

    assert_eq!(deals(file).await, Ok((4, 0, 0, 1)));
    let touched = "UPDATE deals SET amount = 11, version = version + 1 WHERE name = 'A' AND deleted_at IS NULL RETURNING name AS t";
    texts(&app, touched).await;
    let (_, left) = undone().await;
    assert!(left.contains("still there: <span dir=\"auto\">pipeline Fairs, which is in use</span>"), "{}", left.body);
    assert!(texts(&app, places).await.contains(&"Fairs: Booked".to_owned()), "somebody's deal stands there");
    app.stop().await;
}

/// Products that an import made go with it, but for those that others sell or somebody changed; and come back with their deals.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn products_go_with_their_deals() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let client = app.signed_in(&org, "admin").await;
    app.sql(&format!("INSERT INTO products (org_id, id, name) VALUES ('{}', gen_random_uuid(), 'Old')", org.id)).await;
    assert_eq!(
        import(&app, &org, RecordType::Deal, b"deal id,deal name,stage,amount\n9,Mine,Qualified,1\n").await,
        Ok((1, 0, 0, 0))
    );
    let file = b"deal id,deal name,stage,amount,product\n1,One,Qualified,10,Saw\n2,Two,Qualified,20,Axe\n3,Three,Qualified,30,Hoe\n4,Four,Qualified,40,Old\n";
    let options: Options = serde_json::from_value(serde_json::json!({ "products": "create" })).unwrap();
    let run = || import_with(&app, &org, RecordType::Deal, "test.csv", file, options.clone());
    assert_eq!(run().await, Ok((4, 0, 0, 0)));
    let lines = "SELECT l.name || ' ' || coalesce(p.name, '-') AS t FROM deal_lines l LEFT JOIN products p ON p.id = l.product_id \
        JOIN deals d ON d.id = l.deal_id WHERE d.name <> 'Mine' ORDER BY l.name";
    let sold = texts(&app, lines).await;
    assert_eq!(sold, ["Axe Axe", "Hoe Hoe", "Old Old", "Saw Saw"]);
    app.sql(
        "INSERT INTO deal_lines (org_id, id, deal_id, position, product_id, name, quantity, unit_price, period_net) \
           SELECT d.org_id, gen_random_uuid(), d.id, 0, p.id, p.name, 1, 5, 5 FROM deals d JOIN products p ON p.name = 'Axe' WHERE d.name = 'Mine'; \
         UPDATE products SET unit = 'kg', version = version + 1 WHERE name = 'Hoe'",
    )
    .await;
    let here = format!(
        "/imports/{}",
        texts(&app, "SELECT id::text AS t FROM imports ORDER BY created_at DESC LIMIT 1").await[0]
    );
    assert_eq!(client.post(&format!("{here}/undo"), &[]).await.status(), 303);
    app.run_jobs().await;
    let catalogue = "SELECT name AS t FROM products ORDER BY name";
    assert_eq!(texts(&app, catalogue).await, ["Axe", "Hoe", "Old"]);
    let page = client.get(&here).await;
    for part in [
        "Removed as unused: <span dir=\"auto\">product Saw</span>",
        "product Axe, which is on deals; product Hoe, which was changed since</span>",
    ] {
        assert!(page.contains(part), "{part} is missing: {}", page.body);
    }
    assert_eq!(
        texts(&app, "SELECT changes::text AS t FROM events WHERE kind = 'product.deleted'").await,
        ["{\"name\": [\"Saw\", null]}"]
    );
    assert_eq!(texts(&app, lines).await, ["Axe Axe", "Hoe Hoe", "Old Old", "Saw -"]);
    assert_eq!(run().await, Ok((0, 4, 0, 0)));
    assert_eq!(texts(&app, lines).await, sold);
    assert_eq!(run().await, Ok((0, 0, 4, 0)));
    app.stop().await;
}

/// One import over another, both taken back, the later one first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imports_are_undone_backwards() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let client = app.signed_in(&org, "admin").await;
    let first = b"contact id,email,first name\n1,a@x.test,Ann\n";
    assert_eq!(import(&app, &org, RecordType::Contact, first).await, Ok((1, 0, 0, 0)));
    let before = texts(&app, CONTACTS).await;
    for (name, title, counts) in [("Anna", "CEO", (1, 1, 0, 0)), ("Anne", "CTO", (0, 2, 0, 0))] {
        let file = format!("contact id,email,first name,title\n1,a@x.test,{name},{title}\n2,{name}@x.test,{name},\n");
        assert_eq!(import(&app, &org, RecordType::Contact, file.as_bytes()).await, Ok(counts));
    }
    let imports = texts(&app, "SELECT id::text AS t FROM imports ORDER BY created_at DESC, id DESC LIMIT 2").await;
    for import in &imports {
        assert_eq!(client.post(&format!("/imports/{import}/undo"), &[]).await.status(), 303);
        app.run_jobs().await;
    }
    assert_eq!(texts(&app, "SELECT DISTINCT undone->>'left' AS t FROM imports WHERE undone IS NOT NULL").await, ["0"]);
    let alive = format!("SELECT t FROM ({CONTACTS}) c WHERE t LIKE '%|true'");
    assert_eq!(texts(&app, &alive).await, before);
    let told = "SELECT changes->>'title' AS t FROM events WHERE data ? 'undo' AND changes ? 'title' ORDER BY id";
    assert_eq!(texts(&app, told).await, ["[\"CTO\", \"CEO\"]", "[\"CEO\", null]"]);
    app.stop().await;
}

/// A competitor that an import made stays for a deal in the bin, which may come back; not for one that the undo itself sent there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn competitors_stay_for_deals_in_the_bin() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let client = app.signed_in(&org, "admin").await;
    let mine = b"deal id,deal name,stage,amount\n9,Mine,Qualified,1\n";
    assert_eq!(import(&app, &org, RecordType::Deal, mine).await, Ok((1, 0, 0, 0)));
    let file = b"deal id,deal name,stage,amount,competitors\n1,One,Qualified,10,Nord\n2,Two,Qualified,20,Sud\n";
    assert_eq!(import(&app, &org, RecordType::Deal, file).await, Ok((2, 0, 0, 0)));
    let all = "SELECT name AS t FROM competitors ORDER BY name";
    assert_eq!(texts(&app, all).await, ["Nord", "Sud"]);
    app.sql(
        "INSERT INTO deal_competitors (org_id, deal_id, competitor_id) \
           SELECT d.org_id, d.id, c.id FROM deals d JOIN competitors c ON c.name = 'Nord' WHERE d.name = 'Mine'; \
         UPDATE deals SET deleted_at = now() WHERE name = 'Mine'",
    )
    .await;
    let last = "SELECT id::text AS t FROM imports ORDER BY created_at DESC LIMIT 1";
    let here = format!("/imports/{}", texts(&app, last).await[0]);
    assert_eq!(client.post(&format!("{here}/undo"), &[]).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(texts(&app, all).await, ["Nord"]);
    let page = client.get(&here).await;
    assert!(page.contains("competitor Nord, which is on deals"), "{}", page.body);
    app.stop().await;
}
