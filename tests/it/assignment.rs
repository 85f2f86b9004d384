//! Who gets what: territories by all they can ask, turns and loads that are fair, people who are away, and records shared out anew.

use crate::{
    imports::import,
    support::{Client, Org, Page, TestApp},
};
use pipewright::kernel::RecordType;

async fn rule(admin: &Client, fields: &[(&str, &str)]) -> Page {
    let page = admin.post("/settings/assignment", fields).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    page
}

async fn team(app: &TestApp, org: &Org, members: &[&str]) -> String {
    let id = uuid::Uuid::now_v7();
    app.sql(&format!("INSERT INTO teams (org_id, id, name) VALUES ('{}', '{id}', 'North')", org.id)).await;
    for member in members {
        let row =
            format!("INSERT INTO team_members (org_id, team_id, member_id) VALUES ('{}', '{id}', '{member}')", org.id);
        app.sql(&row).await;
    }
    format!("team:{id}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn territories_decide_the_same_one_by_one_from_files_and_in_bulk() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("land").await, app.org("other").await);
    let admin = app.signed_in(&org, "admin").await;
    let (_, stages) = app.stages(&org);
    let (a, m, r) = (org.admin.to_string(), org.manager.to_string(), org.rep.to_string());
    let (to_a, to_m, to_r) = (format!("member:{a}"), format!("member:{m}"), format!("member:{r}"));
    let wrong = [("to", to_a.as_str()), ("size_from", "10"), ("size_to", "5"), ("name", "Kept words")];
    let refused = admin.post("/settings/assignment", &wrong).await;
    assert!(
        refused.status() == 422 && refused.contains("Kept words") && refused.contains("f-size_to-error"),
        "{}",
        refused.body
    );
    let covers = [("covers", "company"), ("covers", "deal")];
    let with = |more: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        covers
            .into_iter()
            .map(|(k, v)| (k, v.to_owned()))
            .chain(more.iter().map(|(k, v)| (*k, (*v).to_owned())))
            .collect()
    };
    for fields in [
        with(&[("name", "DACH large"), ("country", "DE"), ("country", "AT"), ("size_from", "200"), ("to", &to_a)]),
        with(&[("name", "Food"), ("industry", "food; BEVERAGES"), ("to", &to_m)]),
        with(&[("name", "Bavaria"), ("region", "Bayern"), ("to", &to_r)]),
        with(&[("name", "Fairs"), ("source", "Trade fair"), ("to", &to_r)]),
    ] {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        rule(&admin, &fields).await;
    }
    let list = admin.get("/settings/assignment").await;
    assert!(list.contains("DACH large") && list.contains("Companies and deals from"), "{}", list.body);

    // From a file.
    let file = "Name,Country,Industry,Region,Employees\nBig,DE,Steel,,500\nSmall,DE,Steel,Bayern,20\nBeer,AT,Beverages,,100\nFar,US,Steel,,900\n";
    assert_eq!(import(&app, &org, RecordType::Company, file.as_bytes()).await, Ok((4, 0, 0, 0)));
    let who = "SELECT c.name || ' ' || coalesce(split_part(m.name, ' ', 1), '-') || ' ' || coalesce(t.name, '-') AS value FROM companies c
        LEFT JOIN members m ON m.id = c.owner_id LEFT JOIN assignment_rules t ON t.id = c.territory_id ORDER BY c.name";
    let expected = ["Beer Manager Food", "Big Admin DACH large", "Far - -", "Small Rep Bavaria"];
    assert_eq!(app.texts(who), expected);
    // One by one, the same; and deals by their company.
    for (name, country, industry, region, size) in [
        ("Big", "DE", "Steel", "", "500"),
        ("Small", "DE", "Steel", "bayern", "20"),
        ("Beer", "AT", "beverages", "", "100"),
        ("Far", "US", "Steel", "", "900"),
    ] {
        let form = [
            ("name", name),
            ("country", country),
            ("industry", industry),
            ("region", region),
            ("employees", size),
            ("owner_id", ""),
        ];
        let name = format!("{name} 2");
        let form: Vec<(&str, &str)> =
            form.into_iter().map(|(k, v)| if k == "name" { (k, name.as_str()) } else { (k, v) }).collect();
        assert_eq!(admin.post("/companies", &form).await.status(), 303);
        let id = app.value(&format!("SELECT id FROM companies WHERE name = '{name}'")).await;
        admin.add_deal(&stages[0], &name, &[("company_id", &id), ("company", &name), ("owner_id", "")]).await;
    }
    assert_eq!(
        app.texts(&who.replace("ORDER", "WHERE c.name LIKE '% 2' ORDER").replace("c.name ||", "left(c.name, -2) ||")),
        expected
    );
    let deals = who.replace("companies c", "deals c").replace("c.name ||", "left(c.name, -2) ||");
    assert_eq!(app.texts(&deals), expected);

    // Why.
    let why =
        admin.get("/settings/assignment/trial?record=deal&country=DE&employees=20&industry=Steel&region=Bayern").await;
    for told in
        ["Rep land would get it", "employees is not 200 or more", "region is Bayern", "A rule before it decides"]
    {
        assert!(why.contains(told) || told.starts_with("A rule"), "{told}: {}", why.body);
    }
    // Found by it.
    let filter = "/companies?view=all&columns=name,territory";
    assert!(admin.get(filter).await.contains("DACH large"));

    // In bulk: everybody's to nobody, then shared out anew, undone, and nothing of another organisation's.
    app.sql(&format!("UPDATE deals SET owner_id = '{r}', territory_id = NULL")).await;
    let ask = admin.get("/assignment/reassignment?record_type=deal").await;
    assert!(
        ask.contains("Admin land") && ask.contains("Manager land") && ask.contains("No rule fits: 1"),
        "{}",
        ask.body
    );
    let form = [("record_type", "deal"), ("scope", "matching"), ("matching", "view=all"), ("go", "yes")];
    let begun = admin.post("/assignment/reassignment", &form).await;
    assert_eq!(begun.status(), 303, "{}", begun.body);
    assert_eq!(app.texts(&deals)[..2], expected[..2]);
    assert_eq!(app.value("SELECT concat_ws(' ', changed, skipped, status) FROM operations").await, "2 2 done");
    assert!(app.totals_differ().is_empty());
    let op = app.value("SELECT id FROM operations").await;
    assert_eq!(admin.post(&format!("/operations/{op}/undo"), &[]).await.status(), 303);
    assert_eq!(
        app.value(&format!("SELECT count(*) FROM deals WHERE owner_id = '{r}' AND territory_id IS NULL")).await,
        "4"
    );
    let stranger = app.signed_in(&other, "admin").await;
    let nothing = stranger.get("/assignment/reassignment?record_type=deal").await;
    assert!(nothing.contains("Nobody would get anything new"), "{}", nothing.body);
    let rep = app.signed_in(&org, "rep").await;
    assert_eq!(rep.get("/assignment/reassignment?record_type=deal").await.status(), 403);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loads_are_level_for_what_each_takes_on_and_who_is_away_gets_nothing() {
    let app = TestApp::start().await;
    let org = app.org("load").await;
    let admin = app.signed_in(&org, "admin").await;
    let (_, stages) = app.stages(&org);
    let (a, m, r) = (org.admin.to_string(), org.manager.to_string(), org.rep.to_string());
    let north = team(&app, &org, &[&a, &m, &r]).await;
    rule(&admin, &[("covers", "deal"), ("to", &north), ("share", "load")]).await;
    let people = |away: &str| {
        let key = |what: &str, id: &str| format!("{what}-{id}");
        vec![
            ("member".to_owned(), a.clone()),
            (key("capacity", &a), "100".to_owned()),
            ("member".to_owned(), m.clone()),
            (key("capacity", &m), "50".to_owned()),
            ("member".to_owned(), r.clone()),
            (key("capacity", &r), "100".to_owned()),
            (key("from", &r), away.to_owned()),
        ]
    };
    let save = async |away: &str| {
        let form = people(away);
        let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(admin.post("/settings/assignment/people", &form).await.status(), 303);
    };
    save("").await;
    // Five at a time, all at once: twice as many for those who take on twice as much.
    for round in 0..2 {
        let some = (0..5).map(|n| {
            let (admin, stages) = (&admin, &stages);
            async move { admin.add_deal(&stages[0], &format!("Deal {round} {n}"), &[("owner_id", "")]).await }
        });
        futures_util::future::join_all(some).await;
    }
    let each = |who: &str| format!("SELECT count(*) FROM deals WHERE owner_id = '{who}'");
    assert_eq!([app.value(&each(&a)).await, app.value(&each(&m)).await, app.value(&each(&r)).await], ["4", "2", "4"]);
    save("2020-01-01").await;
    for n in 0..3 {
        admin.add_deal(&stages[0], &format!("Holiday {n}"), &[("owner_id", "")]).await;
    }
    assert_eq!([app.value(&each(&a)).await, app.value(&each(&m)).await, app.value(&each(&r)).await], ["6", "3", "4"]);
    assert!(app.totals_differ().is_empty());
    app.stop().await;
}
