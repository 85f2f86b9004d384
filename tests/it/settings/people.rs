//! Members: their roles, deactivation and hand-over, invitations passed on by hand.

use super::{Text, ask, enter, is_in, role_id, run};
use crate::support::{Client, TestApp};
use diesel::{prelude::*, sql_query};
use pipewright::{db::Tx, kernel::MemberId};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_takes_effect_on_the_next_click_and_an_administrator_always_remains() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = enter(&app, &org, "admin").await;
    let manager = enter(&app, &org, "manager").await;
    let (administrator, rep) = (role_id(&app, &org, "administrator").await, role_id(&app, &org, "rep").await);
    let set = async |client: &Client, who: MemberId, role: &str| {
        client.post(&format!("/settings/members/{who}/role"), &[("role_id", role)]).await.status()
    };
    // The last administrator, by themself and by someone else who may administer.
    assert_eq!(set(&admin, org.admin, &rep).await, 409);
    assert_eq!(admin.post(&format!("/settings/members/{}/deactivation", org.admin), &[]).await.status(), 409);
    assert_eq!(manager.get("/settings/members").await.status(), 403);
    let manager_role = role_id(&app, &org, "manager").await;
    let page = admin.get(&format!("/settings/roles/{manager_role}")).await;
    let seen = page.between("name=\"seen\" value=\"", "\"").unwrap().to_owned();
    let fields = [("seen", seen.as_str()), ("visibility", "all"), ("permissions", "organisation.administer")];
    assert_eq!(admin.post(&format!("/settings/roles/{manager_role}"), &fields).await.status(), 303);
    assert_eq!(manager.get("/settings/members").await.status(), 200, "effective at once");
    assert_eq!(set(&manager, org.admin, &rep).await, 409);
    assert_eq!(manager.post(&format!("/settings/members/{}/deactivation", org.admin), &[]).await.status(), 409);

    // Two administrators demote each other at the same moment: one wins.
    assert_eq!(set(&admin, org.manager, &administrator).await, 303);
    let (one, two) = tokio::join!(set(&admin, org.manager, &rep), set(&manager, org.admin, &rep));
    let mut both = [one, two];
    both.sort_unstable();
    assert!(both == [303, 409] || both == [303, 403], "{both:?}");
    let left = ask(
        &app,
        &org,
        "SELECT m.name AS value FROM members m JOIN roles r ON r.id = m.role_id WHERE r.key = 'administrator'",
    )
    .await;
    assert_eq!(left.len(), 1);
    let loser = if left[0].starts_with("Admin") { &manager } else { &admin };
    assert_eq!(loser.get("/settings/members").await.status(), 403);
    let told =
        ask(&app, &org, "SELECT changes::text AS value FROM events WHERE kind = 'member.updated' ORDER BY at").await;
    assert!(told[0].contains("Administrator") && told[0].contains("Manager"), "{told:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deactivation_ends_access_at_once_and_hands_over() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let admin = enter(&app, &org, "admin").await;
    let (rep, again) = (enter(&app, &org, "rep").await, enter(&app, &org, "rep").await);
    let rep_id = org.rep;
    run(&app, &org, format!(
        "INSERT INTO companies (id, name, owner_id) SELECT app.uuid7(), 'C' || n, '{rep_id}' FROM generate_series(1, 3) n"
    ))
    .await;
    run(&app, &org, format!("INSERT INTO contacts (id, last_name, owner_id) VALUES (app.uuid7(), 'X', '{rep_id}')"))
        .await;
    run(&app, &org, format!(
        "INSERT INTO deals (id, number, name, pipeline_id, stage_id, position, currency, owner_id, status, closed_at, amount)
         SELECT app.uuid7(), n, 'D' || n, s.pipeline_id, s.id, 'a' || n, 'EUR', '{rep_id}', CASE WHEN n = 1 THEN 'won' ELSE 'open' END,
           CASE WHEN n = 1 THEN now() END, 100
         FROM generate_series(1, 3) n, (SELECT * FROM stages ORDER BY position LIMIT 1) s"
    ))
    .await;
    run(
        &app,
        &org,
        "INSERT INTO search_documents (record_type, record_id, owner_id, title, folded_title, haystack)
         SELECT 'company', id, owner_id, name, name, name FROM companies"
            .into(),
    )
    .await;
    let page = admin.get(&format!("/settings/members/{rep_id}")).await;
    assert!(page.contains("3 companies, 1 contact, 2 open deals and 1 closed deal"), "{}", page.body);
    assert!(is_in(&rep).await && is_in(&again).await);

    // Someone of another organisation cannot take over; nothing happens at all then.
    let path = format!("/settings/members/{rep_id}/deactivation");
    let refused = admin.post(&path, &[("hand_over_to", &other.admin.to_string())]).await;
    assert_eq!(refused.status(), 422);
    assert!(is_in(&rep).await, "rolled back");

    let done = admin.post(&path, &[("hand_over_to", &org.manager.to_string())]).await;
    assert_eq!(done.status(), 303, "{}", done.body);
    assert!(!is_in(&rep).await && !is_in(&again).await);
    assert_eq!(
        app.new_client()
            .post("/login", &[("email", "rep@aurelia.test"), ("password", crate::support::PASSWORD)])
            .await
            .status(),
        422
    );
    let sessions = app.db.system(pipewright::db::Reason::Sessions, move |tx| {
        Ok(sql_query(format!("SELECT count(*)::text AS value FROM sessions WHERE user_id = '{rep_id}'"))
            .get_result::<Text>(tx.conn())?)
    });
    assert_eq!(sessions.await.unwrap().value, "0");

    let owned = ask(
        &app,
        &org,
        "
        SELECT m.email || ' ' || count(*) AS value FROM (
          SELECT owner_id, version FROM companies UNION ALL SELECT owner_id, version FROM contacts UNION ALL
          SELECT owner_id, version FROM deals) r JOIN members m ON m.id = r.owner_id GROUP BY m.email ORDER BY 1",
    )
    .await;
    assert_eq!(owned, ["manager@aurelia.test 6", "rep@aurelia.test 1"], "the won deal stays with who won it");
    let events = ask(
        &app,
        &org,
        "
        SELECT kind || ' ' || count(*) || ' ' || min(changes->'owner_id'->1->>'name') AS value FROM events
        WHERE data->>'bulk' = 'hand_over' GROUP BY kind ORDER BY 1",
    )
    .await;
    assert_eq!(
        events,
        ["company.updated 3 Manager aurelia", "contact.updated 1 Manager aurelia", "deal.updated 2 Manager aurelia"]
    );
    let found =
        ask(&app, &org, "SELECT DISTINCT m.email AS value FROM search_documents d JOIN members m ON m.id = d.owner_id")
            .await;
    assert_eq!(found, ["manager@aurelia.test"]);
    let totals = ask(&app, &org, "SELECT m.email || ' ' || sum(deals) AS value FROM deal_totals t JOIN members m ON m.id = t.owner_id GROUP BY m.email HAVING sum(deals) <> 0").await;
    assert_eq!(totals, ["manager@aurelia.test 2"]);

    assert!(admin.get("/settings/members?status=deactivated").await.contains("rep@aurelia.test"));
    assert_eq!(
        admin
            .post(
                &format!("/settings/members/{rep_id}/hand-over"),
                &[("hand_over_to", &org.admin.to_string()), ("closed_deals", "true")]
            )
            .await
            .status(),
        303
    );
    assert_eq!(admin.post(&format!("/settings/members/{rep_id}/reactivation"), &[]).await.status(), 303);
    assert!(is_in(&enter(&app, &org, "rep").await).await);
    let told = ask(&app, &org, "SELECT kind AS value FROM events WHERE record_type = 'member' ORDER BY at, id").await;
    assert_eq!(told, ["member.deactivated", "member.handed_over", "member.handed_over", "member.reactivated"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn much_is_handed_over_by_a_job() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = enter(&app, &org, "admin").await;
    let (rep, manager) = (org.rep, org.manager);
    run(&app, &org, format!(
        "INSERT INTO contacts (id, last_name, owner_id) SELECT app.uuid7(), 'X' || n, '{rep}' FROM generate_series(1, 2300) n"
    ))
    .await;
    run(&app, &org, format!("INSERT INTO companies (id, name, owner_id) VALUES (app.uuid7(), 'C', '{rep}')")).await;
    let owners = "SELECT m.email || ' ' || count(*) AS value FROM contacts c JOIN members m ON m.id = c.owner_id GROUP BY m.email ORDER BY 1";
    let path = format!("/settings/members/{rep}/deactivation");
    assert_eq!(admin.post(&path, &[("hand_over_to", &rep.to_string())]).await.status(), 422, "judged at once");
    let left = admin.post(&path, &[("hand_over_to", &manager.to_string())]).await;
    assert_eq!(left.status(), 303, "{}", left.body);
    let page = admin.get(&format!("/settings/members/{rep}")).await;
    assert!(page.contains("2,301 records are being handed over in the background"), "{}", page.body);
    assert!(page.contains("Look again") && !page.contains("name=\"hand_over_to\""), "not offered twice");
    assert_eq!(ask(&app, &org, owners).await, ["rep@aurelia.test 2300"]);
    assert!(admin.get("/settings/jobs?status=queued").await.contains("Hand over what a member owns"));

    app.run_jobs().await;
    assert_eq!(ask(&app, &org, owners).await, ["manager@aurelia.test 2300"]);
    assert!(!admin.get(&format!("/settings/members/{rep}")).await.contains("Look again"));
    let told = "SELECT m.name || ' ' || (e.data->>'contacts') || ' ' || (e.data->>'companies') AS value
        FROM events e JOIN members m ON m.id = e.actor_id WHERE e.kind = 'member.handed_over'";
    assert_eq!(ask(&app, &org, told).await, ["Admin aurelia 2300 1"]);
    let each =
        "SELECT count(*)::text AS value FROM events WHERE kind = 'contact.updated' AND data->>'bulk' = 'hand_over'";
    assert_eq!(ask(&app, &org, each).await, ["2300"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_passed_on_by_hand_makes_a_member_of_the_team() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (admin, stranger) = (enter(&app, &org, "admin").await, enter(&app, &other, "admin").await);
    assert_eq!(admin.post("/settings/teams", &[("name", "North")]).await.status(), 303);
    let team = ask(&app, &org, "SELECT id::text AS value FROM teams").await.remove(0);
    let role = role_id(&app, &org, "viewer").await;
    let invite = async |client: &Client, email: &str, role: &str| {
        client.post("/settings/invitations", &[("email", email), ("role_id", role), ("team_id", &team)]).await
    };
    assert!(admin.get("/settings/invitations/new").await.contains("No mail server is set up"));
    let bad = invite(&admin, "nobody", &role).await;
    assert_eq!(bad.status(), 422);
    assert!(bad.contains("value=\"nobody\"") && bad.contains("f-email-error"));
    assert_eq!(invite(&stranger, "new@aurelia.test", &role).await.status(), 422, "another organisation's role");
    assert_eq!(invite(&admin, "new@aurelia.test", &role).await.status(), 303);
    assert_eq!(invite(&admin, "new@aurelia.test", &role).await.status(), 422, "one at a time");

    let invitation = ask(&app, &org, "SELECT id::text AS value FROM invitations").await.remove(0);
    let (resend, revoke) = (
        format!("/settings/invitations/{invitation}/resend"),
        format!("/settings/invitations/{invitation}/revocation"),
    );
    assert_eq!(stranger.post(&resend, &[]).await.status(), 404);
    assert_eq!(stranger.post(&revoke, &[]).await.status(), 404);
    run(&app, &org, "UPDATE invitations SET expires_at = now() - interval '1 hour'".into()).await;
    assert!(admin.get("/settings/members").await.contains("Expired"));
    app.run_jobs().await;
    assert_eq!(admin.post(&resend, &[]).await.status(), 303);
    app.run_jobs().await;
    let mails = ask(&app, &org, "SELECT id::text AS value FROM mails ORDER BY created_at, id").await;
    let link = async |mail: &str| {
        let page = admin.get(&format!("/settings/mail/{mail}")).await;
        page.between("<code id=\"link-1\">http://pipewright.test", "<").map(str::to_owned).expect("the link is shown")
    };
    let (void, link) = (link(&mails[0]).await, link(&mails[1]).await);
    let guest = app.new_client();
    assert_ne!(guest.get(&void).await.status(), 200);
    assert_eq!(guest.get(&link).await.status(), 200);
    let joined = guest.post(&link, &[("name", "Nell New"), ("password", "a long enough secret phrase")]).await;
    assert_eq!(joined.status(), 303, "{}", joined.body);
    let members = admin.get("/settings/members").await;
    assert!(members.contains("Nell New") && members.contains("North") && !members.contains("id=\"invitations\""));
    let joined = ask(
        &app,
        &org,
        "SELECT r.key AS value FROM members m JOIN roles r ON r.id = m.role_id WHERE m.name = 'Nell New'",
    )
    .await;
    assert_eq!(joined, ["viewer"]);

    assert_eq!(invite(&admin, "late@aurelia.test", &role).await.status(), 303);
    let second = ask(&app, &org, "SELECT id::text AS value FROM invitations WHERE accepted_at IS NULL").await.remove(0);
    assert_eq!(admin.post(&format!("/settings/invitations/{second}/revocation"), &[]).await.status(), 303);
    assert_eq!(admin.post(&format!("/settings/invitations/{second}/resend"), &[]).await.status(), 404);
    app.stop().await;
}
