//! Teams and roles: who is in which, and whose records they therefore see.

use super::{ask, enter, role_id, run};
use crate::support::TestApp;
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn teams_and_roles_decide_whose_records_are_seen() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let admin = enter(&app, &org, "admin").await;
    let (rep, viewer, manager) = (org.rep.to_string(), org.viewer.to_string(), org.manager.to_string());
    let created = admin
        .post(
            "/settings/teams",
            &[("name", "North"), ("manager_id", &manager), ("members", &rep), ("members", &viewer)],
        )
        .await;
    assert_eq!(created.status(), 303, "{}", created.body);
    let taken = admin.post("/settings/teams", &[("name", "NORTH")]).await;
    assert_eq!(taken.status(), 422);
    assert!(taken.contains("another team&#39;s name"), "{}", taken.body);
    assert_eq!(
        admin.post("/settings/teams", &[("name", "South"), ("members", &other.rep.to_string())]).await.status(),
        422
    );

    for (name, owner) in [("Mine", &rep), ("Of my team", &viewer), ("Elsewhere", &manager)] {
        run(
            &app,
            &org,
            format!("INSERT INTO companies (id, name, owner_id) VALUES (app.uuid7(), '{name}', '{owner}')"),
        )
        .await;
    }
    let browser = app.signed_in(&org, "rep").await;
    let sees = async || {
        let list = browser.get("/companies").await;
        ["Mine<", "Of my team<", "Elsewhere<"].map(|name| list.contains(name))
    };
    assert_eq!(sees().await, [true, true, true]);

    let rep_role = role_id(&app, &org, "rep").await;
    let page = admin.get(&format!("/settings/roles/{rep_role}")).await;
    assert!(page.contains("value=\"deals.export\""), "{}", page.body);
    let seen = page.between("name=\"seen\" value=\"", "\"").unwrap().to_owned();
    let path = format!("/settings/roles/{rep_role}");
    for forged in [("visibility", "bogus"), ("permissions", "hack.all")] {
        let may = async || app.actor(&org, org.rep).await.permissions().into_iter().collect::<BTreeSet<_>>();
        let before = may().await;
        let refused = admin.post(&path, &[("seen", seen.as_str()), ("permissions", "deals.edit"), forged]).await;
        assert!(refused.status() == 422 && refused.contains("nothing was saved"), "{}", refused.body);
        assert_eq!(may().await, before);
    }
    let fields = [
        ("seen", seen.as_str()),
        ("visibility", "team"),
        ("permissions", "deals.edit"),
        ("permissions", "companies.view"),
    ];
    assert_eq!(admin.post(&path, &fields).await.status(), 303);
    let actor = app.actor(&org, org.rep).await;
    let mut expected = vec![org.rep.0, org.viewer.0];
    expected.sort();
    let mut visible = actor.visible_owners().unwrap();
    visible.sort();
    assert_eq!(visible, expected);
    assert!(
        actor.may("deals.edit") && actor.may("deals.view") && !actor.may("contacts.view") && !actor.may("deals.create")
    );

    assert_eq!(sees().await, [true, true, false]);

    // The same form once more: someone changed the role since it was opened.
    let stale = admin.post(&path, &[("seen", seen.as_str()), ("visibility", "own")]).await;
    assert_eq!(stale.status(), 409);
    assert!(app.actor(&org, org.rep).await.visible_owners().unwrap().len() == 2);
    let seen = stale.between("name=\"seen\" value=\"", "\"").unwrap().to_owned();
    assert_eq!(
        admin
            .post(&path, &[("seen", seen.as_str()), ("visibility", "own"), ("permissions", "companies.view")])
            .await
            .status(),
        303
    );
    assert_eq!(app.actor(&org, org.rep).await.visible_owners(), Some(vec![org.rep.0]));
    assert_eq!(sees().await, [true, false, false]);
    let events =
        ask(&app, &org, "SELECT changes->>'visibility' AS value FROM events WHERE kind = 'role.updated' ORDER BY at")
            .await;
    assert_eq!(events, [r#"["all", "team"]"#, r#"["team", "own"]"#]);
    assert_eq!(admin.post(&format!("{path}/defaults"), &[]).await.status(), 303);
    assert_eq!(app.actor(&org, org.rep).await.visible_owners(), None);
    assert!(app.actor(&org, org.rep).await.may("deals.create"));

    // Administrator keeps the right to administer whatever is ticked.
    let own = role_id(&app, &org, "administrator").await;
    let page = admin.get(&format!("/settings/roles/{own}")).await;
    let seen = page.between("name=\"seen\" value=\"", "\"").unwrap().to_owned();
    assert_eq!(
        admin.post(&format!("/settings/roles/{own}"), &[("seen", seen.as_str()), ("visibility", "all")]).await.status(),
        303
    );
    assert_eq!(admin.get("/settings/roles").await.status(), 200);

    let team = ask(&app, &org, "SELECT id::text AS value FROM teams").await.remove(0);
    let path = format!("/settings/teams/{team}");
    let seen = admin.get(&path).await.between("name=\"seen\" value=\"", "\"").unwrap().to_owned();
    let renamed = [("seen", seen.as_str()), ("name", "Nord"), ("members", &rep)];
    assert_eq!(admin.post(&path, &renamed).await.status(), 303);
    assert_eq!(admin.post(&path, &renamed).await.status(), 303, "sent twice, it is said once");
    // From the form as it was before: told, nothing saved; sent once more, it is a choice.
    let late = [("name", "Northern"), ("members", viewer.as_str())];
    let stale = admin.post(&path, &[("seen", seen.as_str()), late[0], late[1]]).await;
    assert!(
        stale.status() == 409 && stale.contains("Name: Nord<") && stale.contains("Members: Rep aurelia<"),
        "{}",
        stale.body
    );
    assert!(stale.contains("value=\"Northern\"") && stale.contains("Manager: nobody<"));
    assert_eq!(ask(&app, &org, "SELECT name AS value FROM teams").await, ["Nord"]);
    let seen = stale.between("name=\"seen\" value=\"", "\"").unwrap().to_owned();
    let bad = admin.post(&path, &[("seen", seen.as_str()), ("name", "")]).await;
    assert!(bad.status() == 422 && bad.contains(&seen), "a refused form stays as old as it is");
    assert_eq!(admin.post(&path, &[("seen", seen.as_str()), late[0], late[1]]).await.status(), 303);
    assert_eq!(admin.post(&format!("/settings/teams/{team}/deletion"), &[]).await.status(), 303);
    let events = ask(
        &app,
        &org,
        "SELECT kind || ' ' || (changes->>'name') AS value FROM events WHERE record_type = 'team' ORDER BY at",
    )
    .await;
    assert_eq!(
        events,
        [
            r#"team.created [null, "North"]"#,
            r#"team.updated ["North", "Nord"]"#,
            r#"team.updated ["Nord", "Northern"]"#,
            r#"team.deleted ["Northern", null]"#
        ]
    );
    app.stop().await;
}
