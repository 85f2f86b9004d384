//! What rows name beside themselves: companies by their id in the other system, tags, the country that their phone numbers are of; and
//! numbers within the bounds that forms have.

use super::{import, texts, upload};
use crate::support::TestApp;
use pipewright::kernel::RecordType;

const TAGGED: &str = "SELECT c.email || ' ' || string_agg(t.name, ', ' ORDER BY t.name_key) AS t FROM contacts c \
    JOIN record_tags x ON x.record_id = c.id JOIN tags t ON t.id = x.tag_id WHERE c.deleted_at IS NULL GROUP BY c.email ORDER BY 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_are_tags() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let admin = app.signed_in(&org, "admin").await;
    assert_eq!(admin.post("/settings/tags", &[("name", "Key account"), ("color", "blue")]).await.status(), 303);

    let file = "email,labels\na@x.test,VIP; key  ACCOUNT\nb@x.test,vip ::: * myContacts ::: * Friends\nc@x.test,\n\
                a@x.test,Fair 2026\nd@x.test,A name of far more than the fifty characters that a tag may have\n";
    assert_eq!(import(&app, &org, RecordType::Contact, file.as_bytes()).await, Ok((3, 1, 0, 1)));
    assert_eq!(texts(&app, TAGGED).await, ["a@x.test Fair 2026, Key account, VIP", "b@x.test Friends, VIP"]);
    let told = "SELECT (changes->'tags')::text AS t FROM events WHERE changes ? 'tags' ORDER BY 1";
    assert_eq!(
        texts(&app, told).await,
        ["[null, [\"Fair 2026\", \"Key account\", \"VIP\"]]", "[null, [\"Friends\", \"VIP\"]]"]
    );
    assert_eq!(import(&app, &org, RecordType::Contact, file.as_bytes()).await, Ok((0, 0, 4, 1)));

    // A tag that a record lacks changes it; taken back, it is gone again and the others are there still.
    let more = b"email,labels\na@x.test,\"Vip, New\"\nb@x.test,Vip\nc@x.test,New\n";
    let sent = upload(&admin, &[("record_type", "contact")], more).await;
    let here = sent.location.unwrap();
    app.run_jobs().await;
    assert_eq!(texts(&app, "SELECT created || ' ' || updated || ' ' || skipped AS t FROM imports ORDER BY created_at DESC, id DESC LIMIT 1").await, ["0 2 1"]);
    assert_eq!(
        texts(&app, TAGGED).await,
        ["a@x.test Fair 2026, Key account, New, VIP", "b@x.test Friends, VIP", "c@x.test New"]
    );
    let id = texts(&app, "SELECT id::text AS t FROM contacts WHERE email = 'a@x.test'").await.remove(0);
    let history = admin.get(&format!("/contacts/{id}/history")).await;
    assert!(history.contains("Tags") && history.contains("New"), "{}", history.body);
    assert_eq!(admin.post(&format!("{here}/undo"), &[]).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(texts(&app, TAGGED).await, ["a@x.test Fair 2026, Key account, VIP", "b@x.test Friends, VIP"]);

    // Every kind of record has them, and an export of our own brings them back.
    for (record, file) in [
        (RecordType::Company, "name,tags\nAcme,VIP\n"),
        (RecordType::Lead, "name,label\nAnn Bell,VIP\n"),
        (RecordType::Deal, "name,stage,categories\nBig,New,VIP;Hot\n"),
    ] {
        assert_eq!(import(&app, &org, record, file.as_bytes()).await, Ok((1, 0, 0, 0)), "{record}");
    }
    let kinds = "SELECT record_type || ' ' || count(*) AS t FROM record_tags GROUP BY record_type ORDER BY 1";
    assert_eq!(texts(&app, kinds).await, ["company 1", "contact 5", "deal 2", "lead 1"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn companies_are_known_by_their_id() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let admin = app.signed_in(&org, "admin").await;
    let companies = b"account id,name,parent id\nA1,Acme,\nA2,Acme,P1\nP1,Group,\nA4,Lost,P9\n";
    assert_eq!(import(&app, &org, RecordType::Company, companies).await, Ok((4, 0, 0, 0)));
    assert_eq!(import(&app, &org, RecordType::Company, companies).await, Ok((0, 0, 4, 0)));
    let parents =
        "SELECT c.external_id || ' ' || p.external_id AS t FROM companies c JOIN companies p ON p.id = c.parent_id";
    assert_eq!(texts(&app, parents).await, ["A2 P1"]);

    // Of two of one name the id tells which; one that nobody has is made under the name, or is no link without one.
    let people = b"email,account id,account name\nx@x.test,A2,Acme\ny@x.test,A3,Acme\nz@x.test,A9,\nw@x.test,,acme\n";
    assert_eq!(import(&app, &org, RecordType::Contact, people).await, Ok((4, 0, 0, 0)));
    let linked = "SELECT concat_ws(' ', c.email, k.name, coalesce(k.external_id, 'no id')) AS t FROM contacts c \
        LEFT JOIN companies k ON k.id = c.company_id WHERE c.email <> 'w@x.test' ORDER BY c.email";
    assert_eq!(texts(&app, linked).await, ["x@x.test Acme A2", "y@x.test Acme A3", "z@x.test no id"]);
    assert_eq!(import(&app, &org, RecordType::Contact, people).await, Ok((0, 0, 4, 0)));
    let deals = b"opportunity id,name,stage,amount,account id\nD1,Big,New,5,A1\n";
    assert_eq!(import(&app, &org, RecordType::Deal, deals).await, Ok((1, 0, 0, 0)));
    let deal = "SELECT k.external_id AS t FROM deals d JOIN companies k ON k.id = d.company_id";
    assert_eq!(texts(&app, deal).await, ["A1"]);

    // The result offers companies that were made for rows, when there are any.
    for (file, made) in [("email,company\nq@x.test,Acme\n", false), ("email,company\nr@x.test,Brand new\n", true)] {
        let here = upload(&admin, &[("record_type", "contact")], file.as_bytes()).await.location.unwrap();
        app.run_jobs().await;
        let page = admin.get(&here).await;
        assert!(page.contains("1 row read"), "{}", page.body);
        assert_eq!(page.contains("companies created for them"), made, "{}", page.body);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phone_numbers_are_of_the_rows_country() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let file = "last name,phone,mobile,country\nBerlin,030 123456,,Germany\nParis,01 42 68 53 00,06 12 34 56 78,FR\n\
                Rome,+31 20 123 4567,06 1234 5678,Italy\nHome,020 7946 0958,,\n";
    assert_eq!(import(&app, &org, RecordType::Contact, file.as_bytes()).await, Ok((4, 0, 0, 0)));
    let numbers =
        "SELECT concat_ws(' ', last_name, phone, array_to_string(other_phones, ' ')) AS t FROM contacts ORDER BY 1";
    assert_eq!(
        texts(&app, numbers).await,
        [
            "Berlin +4930123456 ",
            "Home +442079460958 ",
            "Paris +33142685300 +33612345678",
            "Rome +31201234567 +390612345678"
        ]
    );
    let companies = "name,phone,country\nWien AG,01 2345678,AT\n";
    assert_eq!(import(&app, &org, RecordType::Company, companies.as_bytes()).await, Ok((1, 0, 0, 0)));
    assert_eq!(texts(&app, "SELECT phone AS t FROM companies").await, ["+4312345678"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_keep_their_bounds_everywhere() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let admin = app.signed_in(&org, "admin").await;
    let leads = b"email,score,estimated value\na@x.test,2000000,\nb@x.test,-5,\nc@x.test,50,\nd@x.test,1,-3\ne@x.test,1000000,10\n";
    assert_eq!(import(&app, &org, RecordType::Lead, leads).await, Ok((2, 0, 0, 3)));
    let errors = "SELECT line || ' ' || field || ' ' || message AS t FROM import_errors ORDER BY line";
    assert_eq!(
        texts(&app, errors).await,
        [
            "2 Score must be a whole number from 0 to 1000000",
            "3 Score must be a whole number, 0 or more",
            "5 Estimated value must not be negative"
        ]
    );
    let deals = b"name,stage,probability\nA,New,101\nB,New,-1\nC,New,100\n";
    assert_eq!(import(&app, &org, RecordType::Deal, deals).await, Ok((1, 0, 0, 2)));

    let id = texts(&app, "SELECT id::text AS t FROM leads WHERE email = 'c@x.test'").await.remove(0);
    for wrong in ["-1", "1000001", "1.5"] {
        let cell = [("value", wrong), ("score", wrong), ("version", "1")];
        assert_eq!(admin.post_partial(&format!("/leads/{id}/fields/score"), &cell).await.status(), 422, "{wrong}");
        let bulk = [("record_type", "lead"), ("action", "edit"), ("ids", &*id), ("field", "score"), ("value", wrong)];
        let sent = admin.post("/operations", &bulk).await;
        assert_eq!(sent.status(), 422, "{wrong}");
        assert!(sent.contains("from 0 to 1000000"), "{}", sent.body);
    }
    assert_eq!(texts(&app, "SELECT score::text AS t FROM leads ORDER BY email").await, ["50", "1000000"]);

    // Numbers of one's own may be below zero, and are found by it.
    let mut form = vec![("type", "lead"), ("kind", "decimal"), ("label", "Balance"), ("listed", "true")];
    form.extend(["administrator", "manager", "rep", "viewer"].iter().flat_map(|r| [("viewers", *r), ("editors", *r)]));
    assert_eq!(admin.post("/settings/fields", &form).await.status(), 303);
    let balances = "email,balance\nc@x.test,-1234.56789\ne@x.test,7\n";
    assert_eq!(import(&app, &org, RecordType::Lead, balances.as_bytes()).await, Ok((0, 2, 0, 0)));
    for (op, value, found) in
        [("lt", "-1,000", "c@x.test"), ("is", "\u{2212}1234.56789", "c@x.test"), ("gt", "-5", "e@x.test")]
    {
        let filter = format!(r#"{{"all":[{{"rule":{{"key":"c_balance","op":"{op}","values":["{value}"]}}}}]}}"#);
        let query: String =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", &filter).finish();
        let list = admin.get(&format!("/leads?{query}")).await;
        let other = if found == "c@x.test" { "e@x.test" } else { "c@x.test" };
        assert!(list.contains(found) && !list.contains(other), "{op} {value}: {}", list.body);
    }
    app.stop().await;
}

/// People that rows of deals name are found by search, measured and compared like any others; Pipedrive's have their names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_of_deals_are_people() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let admin = app.signed_in(&org, "admin").await;
    let file = b"Person - Name,Person - Email (Work),Organization - Name,Deal - Title,Deal - Value\n\
                 Zenobia Quill,zq@quill.test,Quill,Ink,100\n";
    assert_eq!(import(&app, &org, RecordType::Deal, file).await, Ok((1, 0, 0, 0)));
    app.run_jobs().await;
    assert!(admin.get("/search?q=zenobia").await.contains("Zenobia Quill"));
    let person = "SELECT first_name || ' ' || last_name || ' ' || (completeness IS NOT NULL) AS t FROM contacts";
    assert_eq!(texts(&app, person).await, ["Zenobia Quill true"]);

    // What our own export has and nobody writes by hand is nothing else by its looks.
    let ours = "Name,Stage,Closed by,Completeness\nBig,New,rep@acme.test,40\nBigger,New,rep@acme.test,50\n";
    let here = super::wizard::begin(&admin, "deal", "deals.csv", ours.as_bytes()).await;
    let columns = admin.get(&format!("{here}/columns")).await;
    let chosen: Vec<String> = super::wizard::selected(&columns, "field-").into_iter().map(|(_, key)| key).collect();
    assert_eq!(chosen, ["name", "stage_id", "", ""]);
    assert!(columns.contains("Pipewright keeps this by itself"), "{}", columns.body);
    app.stop().await;
}
