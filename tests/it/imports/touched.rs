//! Undo leaves what people worked with since, whatever they did, and says so; what is gone already it tells, too.

use super::{import, texts};
use crate::support::{Client, TestApp};
use pipewright::kernel::RecordType;
use uuid::Uuid;

async fn one(app: &TestApp, sql: &str) -> String {
    texts(app, sql).await.into_iter().next().unwrap_or_else(|| panic!("nothing: {sql}"))
}

async fn id(app: &TestApp, table: &str, name: &str) -> String {
    one(app, &format!("SELECT id::text AS t FROM {table} WHERE name_key = '{name}' ORDER BY created_at DESC LIMIT 1"))
        .await
}

/// Undoes the latest import; its page.
async fn undo(app: &TestApp, client: &Client) -> String {
    let here = one(app, "SELECT '/imports/' || id AS t FROM imports ORDER BY created_at DESC LIMIT 1").await;
    assert_eq!(client.post(&format!("{here}/undo"), &[]).await.status(), 303);
    app.run_jobs().await;
    client.get(&here).await.body
}

async fn plan(app: &TestApp, client: &Client, about: &str, record: &str) {
    let call = one(app, "SELECT id::text AS t FROM activity_types WHERE name = 'Call' LIMIT 1").await;
    let new = Uuid::now_v7().to_string();
    let fields =
        [("id", new.as_str()), (about, record), ("type_id", call.as_str()), ("on", "2027-03-01"), ("subject", "Call")];
    let planned = client.post("/activities", &fields).await;
    assert_eq!(planned.status(), 303, "{}", planned.body);
}

async fn say(client: &Client, on: &str, on_id: &str) {
    let id = Uuid::now_v7().to_string();
    let said = client.post("/comments", &[("on", on), ("on_id", on_id), ("id", &id), ("body", "Look")]).await;
    assert_eq!(said.status(), 303, "{}", said.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_people_worked_with_stays() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let client = app.signed_in(&org, "admin").await;
    let old = client.post("/contacts", &[("last_name", "Old"), ("email", "old@x.test")]).await.location.unwrap();
    one(&app, "INSERT INTO tags (org_id, id, name) SELECT id, gen_random_uuid(), 'fair' FROM organisations WHERE slug = 'acme' RETURNING id::text AS t").await;

    // Contacts, one for each thing that can be done with them; the file itself tags them all.
    let names = ["planned", "said", "filed", "tagged", "listed", "followed", "mailed", "invited", "selling", "plain"];
    let rows: String = names.iter().map(|name| format!("{name}@x.test,{name},fair\n")).collect();
    let file = format!("email,last name,tags\n{rows}");
    assert_eq!(import(&app, &org, RecordType::Contact, file.as_bytes()).await, Ok((10, 0, 0, 0)));
    let of = |name: &'static str| id(&app, "contacts", name);
    plan(&app, &client, "contact_id", &of("planned").await).await;
    say(&client, "contacts", &of("said").await).await;
    let tagged = client.post(&format!("/contacts/{}/tags", of("tagged").await), &[("tag", "vip")]).await;
    assert_eq!(tagged.status(), 303, "{}", tagged.body);
    let behind = format!(
        "WITH o AS (SELECT id AS org FROM organisations WHERE slug = 'acme'), \
           f AS (INSERT INTO files (org_id, id, name, contact_id) SELECT org, gen_random_uuid(), 'plan.txt', '{filed}' FROM o), \
           s AS (INSERT INTO segments (org_id, id, record_type, name) SELECT org, gen_random_uuid(), 'contact', 'Fair' FROM o RETURNING org_id, id), \
           m AS (INSERT INTO segment_members (org_id, segment_id, record_id) SELECT org_id, id, '{listed}' FROM s), \
           w AS (INSERT INTO follows (org_id, member_id, record_type, record_id) SELECT org, '{member}', 'contact', '{followed}' FROM o), \
           l AS (INSERT INTO mail_messages (org_id, id, author_id, status, subject, body_html, message_header, thread_id, sent_at) \
             SELECT org, '{mail}', '{member}', 'sent', 'Hello', '', '<1@x.test>', '{mail}', now() FROM o RETURNING org_id, id) \
         INSERT INTO mail_recipients (org_id, id, message_id, kind, name, email, contact_id, status, sent_at) \
           SELECT org_id, gen_random_uuid(), id, 'to', '', 'mailed@x.test', '{mailed}', 'sent', now() FROM l RETURNING email AS t",
        filed = of("filed").await,
        listed = of("listed").await,
        followed = of("followed").await,
        mailed = of("mailed").await,
        member = org.rep,
        mail = Uuid::now_v7(),
    );
    one(&app, &behind).await;
    let stage = one(&app, "SELECT id::text AS t FROM stages ORDER BY position LIMIT 1").await;
    let deal = client.add_deal(&stage, "Ours", &[]).await;
    plan(&app, &client, "deal_id", &deal).await;
    let invited = format!(
        "INSERT INTO activity_participants (org_id, id, activity_id, contact_id) SELECT org_id, gen_random_uuid(), id, '{}' \
         FROM activities WHERE deal_id = '{deal}' RETURNING 'x' AS t",
        of("invited").await
    );
    one(&app, &invited).await;
    let part = client.post(&format!("/deals/{deal}/contacts"), &[("contact_id", &of("selling").await)]).await;
    assert_eq!(part.status(), 303, "{}", part.body);
    let page = undo(&app, &client).await;
    assert!(page.contains("1 is in the bin") && page.contains("9 were left"), "{page}");
    for reason in [
        "1 has activities",
        "1 has comments",
        "1 has files",
        "1 was tagged since",
        "1 was put into a segment",
        "1 is followed",
        "1 was written to",
        "1 takes part in an activity",
        "1 takes part in a deal",
    ] {
        assert!(page.contains(&format!("<li>{reason}</li>")), "{reason}: {page}");
    }
    let gone = "SELECT last_name AS t FROM contacts WHERE deleted_at IS NOT NULL ORDER BY 1";
    assert_eq!(texts(&app, gone).await, ["plain"]);

    // Deals: what they are made of leaves their version as it was.
    let file = "deal name,amount,contact\nPeople,1,Ann Bell\nLines,2,\nRivals,3,\nPlanned,4,\nPlain,5,Bob Orr\n";
    assert_eq!(import(&app, &org, RecordType::Deal, file.as_bytes()).await, Ok((5, 0, 0, 0)));
    let of = |name: &'static str| id(&app, "deals", name);
    let part = client
        .post(&format!("/deals/{}/contacts", of("people").await), &[("contact_id", old.rsplit('/').next().unwrap())])
        .await;
    assert_eq!(part.status(), 303, "{}", part.body);
    let line = [("product", "Saw"), ("unit_price", "1"), ("quantity", "1")];
    let added = client.post_partial(&format!("/deals/{}/lines", of("lines").await), &line).await;
    assert_eq!(added.status(), 200, "{}", added.body);
    client.get("/settings/competitors").await;
    assert_eq!(client.post("/settings/competitors", &[("name", "Nordpack")]).await.status(), 303);
    let rival = one(&app, "SELECT id::text AS t FROM competitors").await;
    let said = client.post(&format!("/deals/{}/competitors", of("rivals").await), &[("competitor_id", &rival)]).await;
    assert_eq!(said.status(), 303, "{}", said.body);
    plan(&app, &client, "deal_id", &of("planned").await).await;
    let page = undo(&app, &client).await;
    let left = "SELECT name AS t FROM deals WHERE deleted_at IS NULL AND name <> 'Ours' ORDER BY 1";
    assert_eq!(texts(&app, left).await, ["Lines", "People", "Planned", "Rivals"], "{page}");
    assert!(page.contains("1 has activities"), "{page}");

    // Leads and companies.
    assert_eq!(
        import(&app, &org, RecordType::Lead, b"last name,email\nCalled,c@l.test\nTold,t@l.test\nIdle,i@l.test\n").await,
        Ok((3, 0, 0, 0))
    );
    plan(&app, &client, "lead_id", &id(&app, "leads", "called").await).await;
    say(&client, "leads", &id(&app, "leads", "told").await).await;
    let page = undo(&app, &client).await;
    assert!(
        page.contains("1 is in the bin") && page.contains("1 has activities") && page.contains("1 has comments"),
        "{page}"
    );
    assert_eq!(import(&app, &org, RecordType::Company, b"name\nCalled\nIdle\n").await, Ok((2, 0, 0, 0)));
    plan(&app, &client, "company_id", &id(&app, "companies", "called").await).await;
    let page = undo(&app, &client).await;
    assert!(page.contains("1 is in the bin") && page.contains("1 has activities"), "{page}");
    app.stop().await;
}

/// Every record that the import made or changed is told of; taking a merge back says that the import is undone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merged_and_deleted_records_are_told() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let client = app.signed_in(&org, "admin").await;
    assert_eq!(client.post("/contacts", &[("last_name", "Old"), ("email", "old@x.test")]).await.status(), 303);
    let file =
        b"email,last name,title\nold@x.test,Old,CEO\nann@x.test,Ann,CTO\nbea@x.test,Bea,CTO\ncid@x.test,Cid,CFO\n";
    assert_eq!(import(&app, &org, RecordType::Contact, file).await, Ok((3, 1, 0, 0)));
    let of = |name: &'static str| id(&app, "contacts", name);
    let (old, ann, bea) = (of("old").await, of("ann").await, of("bea").await);
    let merge = [("with", ann.as_str()), ("version_a", "2"), ("version_b", "1")];
    let merged = client.post(&format!("/contacts/{old}/merge"), &merge).await;
    assert_eq!(merged.status(), 303, "{}", merged.body);
    assert_eq!(client.post(&format!("/contacts/{bea}/deletion"), &[("version", "1")]).await.status(), 303);
    let page = undo(&app, &client).await;
    assert!(page.contains("1 is in the bin") && page.contains("3 were left"), "{page}");
    for reason in ["1 was changed since", "1 went into another record by a merge", "1 was in the bin already"] {
        assert!(page.contains(reason), "{reason}: {page}");
    }
    let here = one(&app, "SELECT '/imports/' || id AS t FROM imports ORDER BY created_at DESC LIMIT 1").await;
    let created = client.get(&format!("{here}/records/created")).await;
    assert!(
        created.contains("went into another record by a merge") && created.contains("in the bin"),
        "{}",
        created.body
    );
    let merge = one(&app, "SELECT id::text AS t FROM merges").await;
    let back = client.post(&format!("/merges/{merge}/undo"), &[]).await;
    assert_eq!(back.status(), 303, "{}", back.body);
    let told = client.get(back.location.as_deref().unwrap()).await;
    assert!(told.contains("The import of test.csv was undone meanwhile"), "{}", told.body);
    app.stop().await;
}
