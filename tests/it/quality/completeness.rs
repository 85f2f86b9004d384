//! Completeness: measured at every write and by the job, shown, sorted, filtered; what counts is the administrator's to say.

use super::*;
use crate::imports::{import, texts};
use pipewright::kernel::RecordType;

async fn score(app: &TestApp, path: &str) -> String {
    let noun = path.split('/').nth(1).unwrap();
    app.value(&format!("SELECT coalesce(completeness::text, 'none') FROM {noun} WHERE id = '{}'", id(path))).await
}

/// The kept totals against a plain sum.
async fn totals_differ(app: &TestApp) -> Vec<String> {
    let plain: Vec<String> = ["companies", "contacts", "leads", "deals"]
        .iter()
        .map(|t| {
            format!(
                "SELECT org_id, '{t}' AS record_type, owner_id, count(*) AS n, count(completeness) AS m, coalesce(sum(completeness), 0) AS p \
                 FROM {t} WHERE archived_at IS NULL AND deleted_at IS NULL GROUP BY 1, 2, 3"
            )
        })
        .collect();
    let kept = "SELECT org_id, record_type, owner_id, sum(records) AS n, sum(measured) AS m, sum(points) AS p FROM record_totals \
        GROUP BY 1, 2, 3 HAVING sum(records) <> 0 OR sum(measured) <> 0 OR sum(points) <> 0";
    let plain = plain.join(" UNION ALL ");
    let differing = "SELECT row_to_json(d)::text AS t FROM ((SELECT * FROM plain EXCEPT SELECT * FROM kept) \
        UNION ALL (SELECT * FROM kept EXCEPT SELECT * FROM plain)) d";
    texts(app, &format!("WITH plain AS ({plain}), kept AS ({kept}) {differing}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_measured_shown_and_listed() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (admin, rep) = (enter(&app, &org, "admin").await, enter(&app, &org, "rep").await);
    // Weights of a contact: 1 + 2 + 3 + 2 + 1 + 3 + 1 + 2 = 15.
    let poor = add(&rep, "contacts", &[("last_name", "Poor"), ("lifecycle", "lead")]).await;
    let owner = org.rep.to_string();
    let fair = [
        ("first_name", "Fay"),
        ("last_name", "Fair"),
        ("email", "f@x.test"),
        ("owner_id", &owner),
        ("lifecycle", "lead"),
    ];
    let fair = add(&rep, "contacts", &fair).await;
    assert_eq!((score(&app, &poor).await.as_str(), score(&app, &fair).await.as_str()), ("13", "53"));
    let page = admin.get(&poor).await;
    assert!(
        page.contains("13% complete") && page.contains(&format!("href=\"{poor}/edit#f-company\"")),
        "{}",
        page.body
    );
    // In place, in bulk, undone: measured each time.
    let set = [("version", "1"), ("phone", "+31201234567")];
    assert_eq!(rep.post_partial(&format!("{fair}/fields/phone"), &set).await.status(), 200);
    assert_eq!(score(&app, &fair).await, "67");
    let bulk =
        [("record_type", "contact"), ("action", "edit"), ("ids", id(&fair)), ("field", "country"), ("value", "NL")];
    assert_eq!(rep.post("/operations", &bulk).await.status(), 303);
    assert_eq!(score(&app, &fair).await, "73");
    let op = app.value("SELECT id FROM operations ORDER BY created_at DESC LIMIT 1").await;
    assert_eq!(rep.post(&format!("/operations/{op}/undo"), &[]).await.status(), 303);
    assert_eq!(score(&app, &fair).await, "67");

    let filter = |below: &str| {
        let json =
            format!("{{\"all\":[{{\"rule\":{{\"key\":\"completeness\",\"op\":\"lt\",\"values\":[\"{below}\"]}}}}]}}");
        url::form_urlencoded::Serializer::new("/contacts?view=all&".to_owned()).append_pair("filter", &json).finish()
    };
    let list = admin.get(&filter("60")).await;
    assert!(list.contains("Poor") && !list.contains("Fay Fair"), "{}", list.body);
    let list = admin.get("/contacts?view=all&sort=-completeness&columns=name,completeness").await;
    let (a, b) = (list.body.find("Fay Fair").unwrap(), list.body.find(">Poor").unwrap());
    assert!(a < b && list.contains("67"), "{}", list.body);

    // Imports measure what they make, and a job what they change.
    let csv = "First name,Last name,E-mail,Phone\nIvy,New,ivy@x.test,\nFay,Fair,f@x.test,+31201234568\n";
    assert_eq!(import(&app, &org, RecordType::Contact, csv.as_bytes()).await, Ok((1, 1, 0, 0)));
    let scores = "SELECT first_name || ' ' || coalesce(completeness::text, 'none') AS t FROM contacts ORDER BY 1";
    assert_eq!(texts(&app, scores).await, [" 13", "Fay 67", "Ivy 40"]);
    app.run_jobs().await;
    app.sql("UPDATE contacts SET completeness = NULL WHERE first_name = 'Ivy'; DELETE FROM jobs").await;

    // What counts is the administrator's to say; every record is measured anew.
    let form = admin.get("/settings/completeness?type=contact").await;
    assert!(form.contains("name=\"weight_email\"") && !form.contains("weight_created_at"), "{}", form.body);
    let wanted = [
        ("type", "contact"),
        ("version", "0"),
        ("weight_email", "1"),
        ("incomplete_below", "50"),
        ("stale_after", "30"),
    ];
    for (name, value) in
        [("weight_email", "9"), ("weight_email", "-1"), ("incomplete_below", ""), ("stale_after", "99999")]
    {
        let mut wrong: Vec<_> = wanted.iter().copied().filter(|(n, _)| *n != name).collect();
        wrong.push((name, value));
        assert_eq!(admin.post("/settings/completeness", &wrong).await.status(), 422, "{name} {value}");
    }
    assert_eq!(rep.post("/settings/completeness", &wanted).await.status(), 403);
    assert_eq!(admin.post("/settings/completeness", &wanted).await.status(), 303);
    assert_eq!(admin.post("/settings/completeness", &wanted[..3]).await.status(), 422);
    let stale =
        [&wanted[..1], &[("version", "0"), ("weight_email", "2"), ("incomplete_below", "50"), ("stale_after", "30")]]
            .concat();
    assert_eq!(admin.post("/settings/completeness", &stale).await.status(), 409);
    app.run_jobs().await;
    assert_eq!(texts(&app, scores).await, [" 0", "Fay 100", "Ivy 100"]);
    assert_eq!(totals_differ(&app).await, Vec::<String>::new());
    assert_eq!(rep.post(&format!("{fair}/archival"), &[]).await.status(), 303);
    app.sql("SELECT app.fold_totals()").await;
    assert_eq!(totals_differ(&app).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_leads_to_lists_of_what_the_reader_sees() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (admin, rep) = (enter(&app, &org, "admin").await, enter(&app, &org, "rep").await);
    let viewer = enter(&app, &org, "viewer").await;
    let theirs = enter(&app, &other, "admin").await;
    add(&theirs, "contacts", &[("last_name", "Foreign"), ("lifecycle", "lead")]).await;
    let (me, boss) = (org.rep.to_string(), org.admin.to_string());
    let mine = add(&rep, "contacts", &[("last_name", "Mine"), ("owner_id", &me), ("lifecycle", "lead")]).await;
    add(&admin, "contacts", &[("last_name", "Hers"), ("owner_id", &boss), ("lifecycle", "lead")]).await;
    app.sql(&format!("UPDATE contacts SET updated_at = now() - interval '300 days' WHERE id = '{}'", id(&mine))).await;
    rule(
        &app,
        &admin,
        "contact",
        "email",
        "Every contact needs an e-mail address.",
        &[("kind", "expression"), ("expression", "email != null")],
    )
    .await;
    app.sql(&format!("UPDATE roles SET visibility = 'own' WHERE org_id = '{}' AND key = 'rep'", org.id)).await;

    assert_eq!(viewer.get("/quality").await.status(), 403);
    assert!(!viewer.get("/contacts").await.contains("href=\"/quality\""));
    let figures = |page: &Page| -> Vec<String> {
        let part = page.between("id=\"quality-contact\"", "</section>").unwrap();
        part.split("tile-value num\">").skip(1).map(|t| t.split('<').next().unwrap().to_owned()).collect()
    };
    let hers = admin.get("/quality").await;
    assert_eq!(figures(&hers), ["2", "27%", "2", "1"], "{}", hers.body);
    let his = rep.get("/quality").await;
    assert_eq!(figures(&his), ["1", "27%", "1", "1"], "{}", his.body);
    assert!(!his.contains("/settings/rules") && hers.contains("/settings/rules"));
    assert!(his.contains("Every contact needs an e-mail address."));
    for page in [&hers, &his] {
        let part = page.between("id=\"quality-contact\"", "</section>").unwrap();
        let hrefs = part
            .split("href=\"")
            .skip(1)
            .map(|h| h.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&"));
        for href in hrefs.filter(|href| href.starts_with("/contacts")) {
            let list = rep.get(&href).await;
            assert!(
                list.status() == 200 && list.contains("Mine") && !list.contains(">Hers") && !list.contains("Foreign"),
                "{href}: {}",
                list.body
            );
        }
    }
}
