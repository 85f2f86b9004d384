//! The organisation's own fields in files: found by their labels, made on the spot, read like forms read them, undone, and out and in
//! again unchanged.

use super::{import, import_with, texts, upload, wizard};
use crate::support::{Client, Org, TestApp};
use pipewright::{features::imports::Options, kernel::RecordType};

async fn define(admin: &Client, record: &str, kind: &str, label: &str, more: &[(&str, &str)]) {
    let mut form = vec![("type", record), ("kind", kind), ("label", label)];
    for role in ["administrator", "manager", "rep", "viewer"] {
        form.extend([("viewers", role), ("editors", role)]);
    }
    form.extend_from_slice(more);
    let page = admin.post("/settings/fields", &form).await;
    assert_eq!(page.status(), 303, "{label}: {}", page.body);
}

/// Every record of a table with its own fields, as one text.
async fn all(app: &TestApp, org: &Org, table: &str, name: &str) -> Vec<String> {
    let sql = format!(
        "SELECT {name} || ' ' || custom::text AS t FROM {table} WHERE org_id = '{}' AND deleted_at IS NULL ORDER BY 1",
        org.id
    );
    texts(app, &sql).await
}

fn options(json: &str) -> Options {
    serde_json::from_str(json).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_found_and_made_in_the_wizard() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let admin = app.signed_in(&org, "admin").await;
    define(&admin, "contact", "integer", "Shoe size", &[]).await;
    define(&admin, "contact", "choices", "Colours", &[("new_choices", "Red\nGreen")]).await;
    define(&admin, "contact", "formula", "Twice", &[("formula", "c_shoe_size * 2"), ("result", "integer")]).await;
    assert_eq!(
        import(&app, &org, RecordType::Contact, b"email,name,shoe size\nann@x.test,Ann Bell,36\n").await,
        Ok((1, 0, 0, 0))
    );

    let file = "E-mail;Name;shoe SIZE;colours;Joined;Plan;Fee\n\
        ann@x.test;Ann Bell;38;red, rot;03.04.2026;gold;1.234,50\n\
        bob@x.test;Bob Orr;many;Green;14.04.2026;silver;12,00\n\
        cid@x.test;Cid Ell;40;;15.04.2026;gold;7,25\n";
    let here = wizard::begin(&admin, "contact", "people.csv", file.as_bytes()).await;
    let page = admin.get(&format!("{here}/columns")).await;
    let fields = wizard::selected(&page, "field-");
    let keys: Vec<&str> = fields.iter().map(|(_, key)| key.as_str()).collect();
    assert_eq!(keys, ["email", "full_name", "c_shoe_size", "c_colours", "", "", ""], "{}", page.body);
    let kinds: Vec<String> = wizard::selected(&page, "new-kind-").into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds[4..], ["date", "text", "decimal"]);
    // Nobody but an administrator adds fields.
    let manager = app.signed_in(&org, "manager").await;
    let theirs = wizard::begin(&manager, "contact", "people.csv", file.as_bytes()).await;
    assert!(!manager.get(&format!("{theirs}/columns")).await.contains("New field"));
    let mut form = fields.clone();
    form[4].1 = "new".into();
    assert_eq!(wizard::post(&manager, &format!("{theirs}/columns"), &form).await.status(), 303);
    let made = "SELECT label || ' ' || kind AS t FROM custom_fields ORDER BY position";
    assert_eq!(texts(&app, made).await.len(), 3);

    // A name that is taken is said beside it, and nothing is made; then one is made by name, the rest as they are.
    let more = |label: &str| {
        [
            ("new-label-4", label),
            ("new-kind-4", "date"),
            ("new-kind-5", "choice"),
            ("new-kind-6", "money"),
            ("keep_rest", "true"),
        ]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
    };
    let taken =
        wizard::post(&admin, &format!("{here}/columns"), &[form.clone(), more("Shoe size").to_vec()].concat()).await;
    assert_eq!(taken.status(), 422);
    assert!(
        taken.contains("is the name of another field") && taken.contains("value=\"new\" selected"),
        "{}",
        taken.body
    );
    assert_eq!(texts(&app, made).await.len(), 3);
    let sent = wizard::post(&admin, &format!("{here}/columns"), &[form, more("Member since").to_vec()].concat()).await;
    assert_eq!(sent.status(), 303, "{}", sent.body);
    assert_eq!(texts(&app, made).await[3..], ["Member since date", "Plan choice", "Fee money"]);

    // Words of choices get a meaning; what cannot be read is an error of its row.
    let values = admin.get(&format!("{here}/values")).await;
    assert!(values.contains("rot") && !values.contains(">red<"), "{}", values.body);
    assert_eq!(
        admin.post(&format!("{here}/values"), &[("cell-3-0", "rot"), ("value-3-0", "green")]).await.status(),
        303
    );
    assert_eq!(admin.post(&format!("{here}/rules"), &[("on_match", "update")]).await.status(), 303);
    app.run_jobs().await;
    let check = admin.get(&format!("{here}/check")).await;
    assert_eq!(wizard::tiles(&check), [1, 1, 0, 1], "{}", check.body);
    for part in ["Shoe size", "must be a number", "Member since", "Gold"] {
        assert!(check.contains(part) || check.contains(&part.to_lowercase()), "{part} is missing: {}", check.body);
    }
    admin.post(&format!("{here}/start"), &[]).await;
    app.run_jobs().await;
    let after = [
        r#"ann@x.test {"c_fee": {"amount": "1234.5", "currency": "EUR"}, "c_plan": "gold", "c_twice": 76, "c_colours": ["red", "green"], "c_shoe_size": 38, "c_member_since": "2026-04-03"}"#,
        r#"cid@x.test {"c_fee": {"amount": "7.25", "currency": "EUR"}, "c_plan": "gold", "c_twice": 80, "c_shoe_size": 40, "c_member_since": "2026-04-15"}"#,
    ];
    assert_eq!(all(&app, &org, "contacts", "email").await, after);
    let told =
        texts(&app, "SELECT (changes->'c_shoe_size')::text AS t FROM events WHERE kind = 'contact.updated'").await;
    assert_eq!(told, ["[36, 38]"]);

    // The same again changes nothing, whoever reads it; undone, all is as it was.
    let again = wizard::begin(&admin, "contact", "people.csv", file.as_bytes()).await;
    let keys = wizard::selected(&admin.get(&format!("{again}/columns")).await, "field-");
    assert_eq!(keys[4].1, "", "its name is another than the heading");
    assert_eq!((keys[5].1.as_str(), keys[6].1.as_str()), ("c_plan", "c_fee"));
    assert_eq!(
        import(&app, &org, RecordType::Contact, file.replace("red, rot", "red,green").as_bytes()).await,
        Ok((0, 0, 2, 1))
    );
    assert_eq!(admin.post(&format!("{here}/undo"), &[]).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(all(&app, &org, "contacts", "email").await, [r#"ann@x.test {"c_twice": 72, "c_shoe_size": 36}"#]);

    // Fields stay when what they were made for is given up: that is said. So is how dates are read that nothing decides.
    let file = b"email,renewal,notes to self\na@y.test,01/02/2027,x\nb@y.test,03/04/2027,y\n";
    let given_up = wizard::begin(&admin, "contact", "more.csv", file).await;
    let fields = [("field-0", "email"), ("field-1", "c_member_since"), ("field-2", ""), ("keep_rest", "true")];
    assert_eq!(admin.post(&format!("{given_up}/columns"), &fields).await.status(), 303);
    let columns = admin.get(&format!("{given_up}/columns")).await;
    assert!(columns.contains("Day first, since nothing tells"), "{}", columns.body);
    assert_eq!(admin.post(&format!("{given_up}/removal"), &[]).await.status(), 303);
    let gone = admin.get("/imports").await;
    assert!(gone.contains("Fields made for it stay: notes to self"), "{}", gone.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn laws_of_fields_hold_for_files() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("acme").await, app.org("globex").await);
    let admin = app.signed_in(&org, "admin").await;
    define(&admin, "company", "text", "Tax id", &[("unique", "true")]).await;
    define(&admin, "company", "record", "Reseller", &[("record", "company")]).await;
    define(&admin, "company", "member", "Coach", &[]).await;
    let company = |text: &'static str, json: &'static str| {
        import_with(&app, &org, RecordType::Company, "x.csv", text.as_bytes(), options(json))
    };
    assert_eq!(import(&app, &other, RecordType::Company, b"name,tax id\nSecret,T1\n").await, Ok((1, 0, 0, 0)));

    // What only one may have: another one's, twice in the file, and one's own.
    assert_eq!(company("name,Tax ID\nAcme,T1\nZeta,T2\n", "{}").await, Ok((2, 0, 0, 0)));
    assert_eq!(company("name,tax id\nAcme,t1\nNew,T2\nOne,T3\nTwo,T3\nZeta,T4\n", "{}").await, Ok((1, 2, 0, 2)));
    let errors =
        texts(&app, "SELECT line || ' ' || field || ' ' || message AS t FROM import_errors ORDER BY line").await;
    assert_eq!(
        errors,
        ["3 Tax id is already that of another company", "5 Tax id is in an earlier row, of another company"]
    );
    assert_eq!(company("name,tax id\nAcme,t1\nNew,T2\nOne,T3\nTwo,T3\nZeta,T4\n", "{}").await, Ok((1, 0, 3, 1)));
    // Kept as it is, nothing is taken.
    assert_eq!(company("name,tax id\nAcme,T4\n", r#"{"on_match": "fill_blanks"}"#).await, Ok((0, 0, 1, 0)));
    assert_eq!(company("name,tax id\nAcme,T4\n", r#"{"on_match": "skip"}"#).await, Ok((0, 0, 1, 0)));

    // Links by name, to what one may see; people by name or address.
    let linked = "name,reseller,coach\nAcme,ZETA,rep@acme.test\nOne,Secret,\nNew,,Nobody\nTwo,Acme,Rep acme\n";
    assert_eq!(company(linked, "{}").await, Ok((1, 1, 0, 2)));
    assert_eq!(company(linked, "{}").await, Ok((0, 0, 2, 2)));
    let names = "SELECT c.name || ' ' || r.name || ' ' || m.name AS t FROM companies c JOIN companies r ON r.id::text = c.custom->>'c_reseller' \
         JOIN members m ON m.id::text = c.custom->>'c_coach' ORDER BY 1";
    assert_eq!(texts(&app, names).await, ["Acme Zeta Rep acme", "Two Acme Rep acme"]);
    let told = "SELECT changes->'c_reseller'->1->>'name' AS t FROM events WHERE changes ? 'c_reseller' ORDER BY 1";
    assert_eq!(texts(&app, told).await, ["Acme", "Zeta"]);

    // Rows of one record put together field by field; blanks filled; what a new record must have.
    define(&admin, "contact", "text", "Badge", &[("required", "true")]).await;
    define(&admin, "contact", "bool", "Member", &[("default", "true")]).await;
    define(&admin, "contact", "decimal", "Weight", &[]).await;
    let contact = |text: &'static str, json: &'static str| {
        import_with(&app, &org, RecordType::Contact, "x.csv", text.as_bytes(), options(json))
    };
    let rows = "email,badge,weight\na@x.test,A1,\na@x.test,,\"70,5\"\nb@x.test,,80\n";
    assert_eq!(contact(rows, "{}").await, Ok((1, 1, 0, 1)));
    assert_eq!(contact(rows, "{}").await, Ok((0, 0, 2, 1)));
    assert_eq!(
        all(&app, &org, "contacts", "email").await,
        [r#"a@x.test {"c_badge": "A1", "c_member": true, "c_weight": "70.5"}"#]
    );
    assert_eq!(
        contact("email,badge,weight,member\na@x.test,A2,71,no\n", r#"{"on_match": "fill_blanks"}"#).await,
        Ok((0, 0, 1, 0))
    );
    assert_eq!(contact("email,weight,member\na@x.test,71,no\n", "{}").await, Ok((0, 1, 0, 0)));
    assert_eq!(
        all(&app, &org, "contacts", "email").await,
        [r#"a@x.test {"c_badge": "A1", "c_member": false, "c_weight": "71"}"#]
    );

    // Undone after somebody else took the value: the record stays, and it is said why.
    let last = "SELECT id::text AS t FROM imports WHERE record_type = 'company' ORDER BY created_at DESC, id DESC";
    assert_eq!(company("name,tax id\nAcme,T9\n", "{}").await, Ok((0, 1, 0, 0)));
    let id = texts(&app, last).await.remove(0);
    assert_eq!(company("name,tax id\nThief,T1\n", "{}").await, Ok((1, 0, 0, 0)));
    assert_eq!(admin.post(&format!("/imports/{id}/undo"), &[]).await.status(), 303);
    app.run_jobs().await;
    let page = admin.get(&format!("/imports/{id}")).await;
    assert!(page.contains("a value that only one record may have"), "{}", page.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_fields_come_back_from_exports() {
    let app = TestApp::start().await;
    let (org, copy) = (app.org("from").await, app.org("to").await);
    let (admin, theirs) = (app.signed_in(&org, "admin").await, app.signed_in(&copy, "admin").await);
    for admin in [&admin, &theirs] {
        for kind in ["text", "long_text", "integer", "decimal", "date", "date_time", "bool", "email", "phone", "url"] {
            define(admin, "contact", kind, &format!("My {kind}"), &[]).await;
        }
        define(admin, "contact", "money", "My money", &[("own_currency", "true")]).await;
        define(admin, "contact", "choices", "My choices", &[("new_choices", "Red, dark\nGreen; light\nNULL")]).await;
        define(admin, "contact", "choice", "My choice", &[("new_choices", "NULL\n=1+1")]).await;
        define(admin, "contact", "record", "My link", &[("record", "company")]).await;
    }
    assert_eq!(import(&app, &copy, RecordType::Company, b"name\n\"=Acme, \"\"Ltd\"\"\"\n").await, Ok((1, 0, 0, 0)));
    assert_eq!(import(&app, &org, RecordType::Company, b"name\n\"=Acme, \"\"Ltd\"\"\"\n").await, Ok((1, 0, 0, 0)));
    let contact = [
        ("last_name", "One"),
        ("c_my_text", "NULL"),
        ("c_my_long_text", "'=1\nטקסט, \"x\""),
        ("c_my_integer", "-12345"),
        ("c_my_decimal", "1.234"),
        ("c_my_date", "2026-02-03"),
        ("c_my_date_time", "2026-02-03T04:05"),
        ("c_my_bool", "false"),
        ("c_my_email", "a@x.test"),
        ("c_my_phone", "+390612345678"),
        ("c_my_url", "https://x.example/?a=1,2"),
        ("c_my_money", "0.125"),
        ("c_my_money__currency", "USD"),
        ("c_my_choices", "red_dark"),
        ("c_my_choices", "green_light"),
        ("c_my_choices", "null"),
        ("c_my_choice", "null"),
        ("c_my_link", "=Acme, \"Ltd\""),
    ];
    let sent = admin.post("/contacts", &contact).await;
    assert_eq!(sent.status(), 303, "{}", sent.body);
    assert_eq!(
        admin.post("/contacts", &[("last_name", "Two"), ("c_my_choice", "1_1"), ("c_my_text", "\\N")]).await.status(),
        303
    );
    let everything = |org: &Org| {
        format!(
            "SELECT string_agg(last_name || (c.custom - 'c_my_link')::text || coalesce(k.name, ''), ' | ' ORDER BY last_name) FROM contacts c \
             LEFT JOIN companies k ON k.id::text = c.custom->>'c_my_link' WHERE c.org_id = '{}'",
            org.id
        )
    };
    for format in ["csv", "xlsx"] {
        let fields = [
            ("record_type", "contact"),
            ("scope", "matching"),
            ("matching", ""),
            ("columns", "all"),
            ("format", format),
        ];
        let token = admin.csrf().await;
        let form = [vec![("csrf_token", token.as_str())], fields.to_vec()].concat();
        let file = admin.http().post(admin.url("/exports")).form(&form).send().await.unwrap().bytes().await.unwrap();
        let name = format!("contacts.{format}");
        let expected = if format == "csv" { (2, 0, 0, 0) } else { (0, 0, 2, 0) };
        let done = import_with(&app, &copy, RecordType::Contact, &name, &file, Options::default()).await;
        let errors = texts(&app, "SELECT line || ' ' || field || ' ' || message AS t FROM import_errors").await;
        assert_eq!(done, Ok(expected), "{format}: {errors:?} {}", String::from_utf8_lossy(&file));
        assert_eq!(app.value(&everything(&org)).await, app.value(&everything(&copy)).await, "{format}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_new_records_must_have_is_asked_before() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let admin = app.signed_in(&org, "admin").await;
    define(&admin, "contact", "choice", "Zone", &[("required", "true"), ("new_choices", "North\nSouth")]).await;
    define(&admin, "contact", "member", "Coach", &[("required", "true")]).await;
    define(&admin, "contact", "text", "Serial", &[("required", "true"), ("unique", "true")]).await;
    define(&admin, "contact", "text", "Tier", &[("required", "true"), ("default", "Basic")]).await;
    let file = b"email,s. no.,zone\na@x.test,S1,North\nb@x.test,S2,\n";

    // Nobody is told row by row what nobody was asked: an import at once becomes one step by step.
    let sent = upload(&admin, &[("record_type", "contact")], file).await;
    let here = sent.location.unwrap();
    assert!(here.ends_with("/columns"), "{here}");
    let columns = admin.get(&here).await;
    for part in ["New contacts must have", ">Coach<", ">Serial<"] {
        assert!(columns.contains(part), "{part} is missing: {}", columns.body);
    }
    assert!(!columns.contains("<strong dir=\"auto\">Tier"), "{}", columns.body);
    let here = here.trim_end_matches("/columns").to_owned();
    let fields = [("field-0", "email"), ("field-1", ""), ("field-2", "")];
    assert_eq!(admin.post(&format!("{here}/columns"), &fields).await.status(), 303);
    let rules = admin.get(&format!("{here}/rules")).await;
    for part in [
        "What new contacts must have and no column holds",
        "name=\"c_zone\"",
        "name=\"c_coach\"",
        "must be another one for each",
    ] {
        assert!(rules.contains(part), "{part} is missing: {}", rules.body);
    }
    assert!(!rules.contains("name=\"c_serial\"") && !rules.contains("name=\"c_tier\""), "{}", rules.body);

    // What has a column is not asked; a value that cannot be is said at its field and the others are kept.
    let fields = [("field-0", "email"), ("field-1", "c_serial"), ("field-2", "")];
    assert_eq!(admin.post(&format!("{here}/columns"), &fields).await.status(), 303);
    let coach = org.rep.to_string();
    let wrong = admin.post(&format!("{here}/rules"), &[("c_zone", "West"), ("c_coach", &coach)]).await;
    assert_eq!(wrong.status(), 422);
    assert!(
        wrong.contains("is not one of the choices") && wrong.contains(&format!("value=\"{coach}\" selected")),
        "{}",
        wrong.body
    );
    // Left empty, the check tells which rows that costs.
    assert_eq!(admin.post(&format!("{here}/rules"), &[("c_zone", ""), ("c_coach", &coach)]).await.status(), 303);
    app.run_jobs().await;
    let check = admin.get(&format!("{here}/check")).await;
    assert_eq!(wizard::tiles(&check), [0, 0, 0, 2], "{}", check.body);
    assert_eq!(admin.post(&format!("{here}/rules"), &[("c_zone", "south"), ("c_coach", &coach)]).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(wizard::tiles(&admin.get(&format!("{here}/check")).await), [2, 0, 0, 0]);
    assert!(admin.get(&format!("{here}/rules")).await.contains("value=\"south\" selected"));
    admin.post(&format!("{here}/start"), &[]).await;
    app.run_jobs().await;
    let kept = format!(r#"{{"c_tier": "Basic", "c_zone": "south", "c_coach": "{coach}", "c_serial": "S"#);
    let all = all(&app, &org, "contacts", "email").await;
    assert!(all.len() == 2 && all.iter().all(|row| row.contains(&kept)), "{all:?}");
    let told = "SELECT DISTINCT changes->'c_coach'->1->>'name' AS t FROM events WHERE kind = 'contact.created'";
    assert_eq!(texts(&app, told).await, ["Rep acme"]);
    app.stop().await;
}
