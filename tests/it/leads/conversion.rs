//! What comes of leads that nobody has, what is linked and what goes along.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_of_a_lead_that_nobody_has_goes_to_whom_the_rules_say() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = enter(&app, &org, "admin").await;
    let (_, stages) = app.stages(&org);
    for (covers, source, to) in [("deal", "Fair", org.rep), ("company", "Web", org.manager)] {
        let to = format!("member:{to}");
        let rule = [("name", source), ("covers", covers), ("source", source), ("to", to.as_str())];
        let rule = if covers == "deal" { &rule[..] } else { &[rule[0], rule[1], ("country", "CZ"), rule[3]] };
        assert_eq!(admin.post("/settings/assignment", rule).await.status(), 303);
    }
    for (name, source, country) in [("Deal", "Fair", "CZ"), ("Company", "Web", "CZ"), ("Nobody", "Web", "DE")] {
        let lead = [("last_name", name), ("source", source), ("country", country), ("owner_id", "")];
        let path = add(&admin, &lead).await;
        let form = [
            ("version", "1"),
            ("company", name),
            ("contact", "new"),
            ("with_deal", "true"),
            ("deal_name", name),
            ("stage_id", stages[0].as_str()),
        ];
        let done = admin.post(&format!("{path}/conversion"), &form).await;
        assert_eq!(done.status(), 303, "{}", done.body);
    }
    let owners = "SELECT concat_ws(' ', d.name, (SELECT count(DISTINCT o) FROM unnest(ARRAY[d.owner_id, c.owner_id, p.owner_id]) o), r.key,
          (SELECT name FROM assignment_rules WHERE id = d.territory_id), (SELECT name FROM assignment_rules WHERE id = c.territory_id)) AS value
        FROM deals d JOIN companies c ON c.id = d.company_id JOIN contacts p ON p.company_id = c.id
        JOIN members m ON m.id = d.owner_id JOIN roles r ON r.id = m.role_id ORDER BY d.number";
    assert_eq!(app.texts(owners), ["Deal 1 rep Fair", "Company 1 manager Web", "Nobody 1 administrator"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversion_links_what_is_there_and_keeps_what_was_touched() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = enter(&app, &org, "rep").await;
    let company = rep.post("/companies", &[("name", "Tatra"), ("domain", "tatra.example")]).await.location.unwrap();
    let contact =
        rep.post("/contacts", &[("last_name", "Zielinski"), ("email", "t.z@tatra.example")]).await.location.unwrap();
    let path = add(
        &rep,
        &[
            ("last_name", "Z."),
            ("company_name", "TATRA machines"),
            ("domain", "tatra.example"),
            ("email", "t.z@tatra.example"),
        ],
    )
    .await;
    let form = rep.get(&format!("{path}/conversion")).await;
    assert!(form.contains("value=\"Tatra\"") && form.contains(id(&company)), "by its domain: {}", form.body);
    assert!(form.contains(&format!("value=\"{}\" selected", id(&contact))), "by the address: {}", form.body);
    let fields = [("version", "1"), ("company", "Tatra"), ("company_id", id(&company)), ("contact", id(&contact))];
    assert_eq!(rep.post(&format!("{path}/conversion"), &fields).await.status(), 303);
    assert_eq!(app.value("SELECT count(*) FROM contacts").await, "1");
    assert_eq!(rep.post(&format!("{path}/conversion/undo"), &[]).await.status(), 303);
    assert_eq!(app.value("SELECT count(*) FROM contacts WHERE deleted_at IS NULL").await, "1", "what was there stays");

    // Made, then touched: the conversion stays, and says why.
    let path = add(&rep, &[("first_name", "Saga"), ("company_name", "Halmstad Glass")]).await;
    let fields = [("version", "1"), ("company", "Halmstad Glass"), ("contact", "new")];
    assert_eq!(rep.post(&format!("{path}/conversion"), &fields).await.status(), 303);
    let made = app.value("SELECT id FROM companies WHERE name = 'Halmstad Glass'").await;
    rep.post("/contacts", &[("last_name", "Later"), ("company_id", &made), ("company", "Halmstad Glass")]).await;
    rep.post(&format!("{path}/conversion/undo"), &[]).await;
    let page = rep.get(&path).await;
    assert!(page.contains("cannot be undone") && page.contains("Converted"), "{}", page.body);
    assert_eq!(app.value("SELECT count(*) FROM contacts WHERE first_name = 'Saga' AND deleted_at IS NULL").await, "1");
    // A company without a person makes no contact.
    let path = add(&rep, &[("company_name", "Savonia Doors"), ("phone", "+358 17 123456")]).await;
    assert!(!rep.get(&format!("{path}/conversion")).await.contains("A new contact"));
    let page = rep.post(&format!("{path}/conversion"), &[("version", "1"), ("contact", "new")]).await;
    assert_eq!(page.status(), 422);
    let page = rep.post(&format!("{path}/conversion"), &[("version", "1"), ("company", "Savonia Doors")]).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    assert_eq!(app.value("SELECT phone FROM companies WHERE name = 'Savonia Doors'").await, "+35817123456");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_fields_go_along_and_what_is_here_already_is_shown() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = enter(&app, &org, "admin").await;
    for (record, label) in
        [("lead", "Interest"), ("contact", "INTEREST"), ("lead", "Region no."), ("deal", "Region No.")]
    {
        let field = [
            ("type", record),
            ("kind", "text"),
            ("label", label),
            ("viewers", "administrator"),
            ("editors", "administrator"),
            ("section", "More"),
        ];
        let made = admin.post("/settings/fields", &field).await;
        assert_eq!(made.status(), 303, "{}", made.body);
    }
    let fields = [
        ("last_name", "Vega"),
        ("phone", "+34 600 111 222"),
        ("c_interest", "Pumps <3"),
        ("c_region_no", "7"),
        ("score", "-1"),
    ];
    let negative = admin.post("/leads", &fields).await;
    assert_eq!(negative.status(), 422);
    assert!(negative.contains("must be a whole number from 0"), "{}", negative.body);
    admin.post("/contacts", &[("last_name", "Other"), ("phone", "+34 600 111 222")]).await;
    admin.post("/companies", &[("name", "Vega Motors"), ("domain", "vega.example")]).await;
    let more = [("company_name", "VEGA"), ("domain", "vega.example"), ("campaign", "Spring"), ("postal_code", "28001")];
    let path = add(&admin, &[&fields[..4], &more].concat()).await;
    let form = admin.get(&format!("{path}/conversion")).await;
    for told in
        ["Contact: INTEREST", "Pumps", "Deal: Region No.", "same number", "same website", "value=\"Vega Motors\""]
    {
        assert!(form.contains(told), "{told}: {}", form.body);
    }
    let stage = app.value("SELECT id FROM stages ORDER BY position LIMIT 1").await;
    let fields = [
        ("version", "1"),
        ("company", "Vega Motors"),
        ("contact", "new"),
        ("with_deal", "true"),
        ("deal_name", "Vega"),
        ("stage_id", stage.as_str()),
        ("carry", "contact:c_interest"),
        ("carry", "company:c_nothing"),
    ];
    let done = admin.post(&format!("{path}/conversion"), &fields).await;
    assert_eq!(done.status(), 303, "{}", done.body);
    let kept = "SELECT concat_ws('|', c.custom->>'c_interest', c.postal_code, d.custom::text) FROM contacts c, deals d WHERE c.last_name = 'Vega'";
    assert_eq!(app.value(kept).await, "Pumps <3|28001|{}");
    assert_eq!(app.value("SELECT count(*) FROM companies").await, "1");
    // Filtered by what became of it.
    let by = |has: bool, name: &str| {
        let filter = format!(
            r#"{{"related":{{"relation":"contact","has":{has},"filter":{{"rule":{{"key":"last_name","op":"is","values":["{name}"]}}}}}}}}"#
        );
        format!("/leads?archived=1&filter={}", url_encode(&filter))
    };
    assert!(admin.get(&by(true, "Vega")).await.contains(&path));
    assert!(!admin.get(&by(true, "Nobody")).await.contains(&path));
    assert!(admin.get(&by(false, "Nobody")).await.contains(&path));
    app.stop().await;
}

fn url_encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Whatever somebody did with what came of it, and be it but a call they planned, keeps the conversion; what came along does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_worked_with_keeps_the_conversion() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = enter(&app, &org, "rep").await;
    let (_, stages) = app.stages(&org);
    let call = app.value("SELECT id FROM activity_types WHERE name = 'Call' LIMIT 1").await;
    let plan = async |about: &str, record: &str| {
        let new = Uuid::now_v7().to_string();
        let fields =
            [("id", new.as_str()), (about, record), ("type_id", &call), ("on", "2027-03-01"), ("subject", "Call")];
        let planned = rep.post("/activities", &fields).await;
        assert_eq!(planned.status(), 303, "{}", planned.body);
    };
    for (name, reason) in [("Contact", "has activities"), ("Deal", "has activities"), ("Tag", "was tagged since")] {
        let path = add(&rep, &[("first_name", "Ada"), ("last_name", name), ("company_name", name)]).await;
        plan("lead_id", id(&path)).await;
        assert_eq!(say(&rep, "leads", id(&path), "Of before").await.status(), 303);
        let form = [
            ("version", "1"),
            ("company", name),
            ("contact", "new"),
            ("with_deal", "true"),
            ("deal_name", name),
            ("stage_id", stages[0].as_str()),
        ];
        let done = rep.post(&format!("{path}/conversion"), &form).await;
        assert_eq!(done.status(), 303, "{}", done.body);
        let contact = app.value(&format!("SELECT id FROM contacts WHERE last_name = '{name}'")).await;
        let deal = app.value(&format!("SELECT id FROM deals WHERE name = '{name}'")).await;
        match name {
            "Contact" => plan("contact_id", &contact).await,
            "Deal" => plan("deal_id", &deal).await,
            _ => assert_eq!(rep.post(&format!("/contacts/{contact}/tags"), &[("tag", "vip")]).await.status(), 303),
        }
        rep.post(&format!("{path}/conversion/undo"), &[]).await;
        let page = rep.get(&path).await;
        let told = format!("{reason}, so the conversion cannot be undone");
        assert!(page.contains(&told), "{name}: {told}: {}", page.body);
        let gone = "SELECT count(*) FROM contacts WHERE deleted_at IS NOT NULL";
        assert_eq!(app.value(gone).await, "0", "{name}");
        // Without it, what the lead brought along is no hindrance.
        app.sql(&format!(
            "DELETE FROM activities WHERE lead_id IS NULL; DELETE FROM record_tags WHERE record_id = '{contact}'"
        ))
        .await;
        assert_eq!(rep.post(&format!("{path}/conversion/undo"), &[]).await.status(), 303);
        assert_eq!(app.value(gone).await, "1", "{name}: {}", rep.get(&path).await.body);
        app.sql("DELETE FROM contacts WHERE deleted_at IS NOT NULL").await;
    }
    app.stop().await;
}
