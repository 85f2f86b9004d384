//! Settings: the organisation, its people and their access, outgoing mail, background jobs.

use crate::support::{Client, Org, TestApp};
use diesel::{QueryableByName, prelude::*, sql_query, sql_types};
use pipewright::{
    db::Tx,
    kernel::MemberId,
    mailer::{self, MailMessage},
};

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = sql_types::Text)]
    value: String,
}

/// The first column `value` of a query inside the organisation, as text.
async fn ask(app: &TestApp, org: &Org, sql: &'static str) -> Vec<String> {
    let rows = app.db.org(&org.id, move |tx| Ok(sql_query(sql).load::<Text>(tx.conn())?)).await.unwrap();
    rows.into_iter().map(|row| row.value).collect()
}

async fn run(app: &TestApp, org: &Org, sql: String) {
    app.db.org(&org.id, move |tx| Ok(sql_query(sql).execute(tx.conn())?)).await.unwrap();
}

async fn role_id(app: &TestApp, org: &Org, key: &'static str) -> String {
    let mut found = ask(
        app,
        org,
        match key {
            "administrator" => "SELECT id::text AS value FROM roles WHERE key = 'administrator'",
            "manager" => "SELECT id::text AS value FROM roles WHERE key = 'manager'",
            "viewer" => "SELECT id::text AS value FROM roles WHERE key = 'viewer'",
            _ => "SELECT id::text AS value FROM roles WHERE key = 'rep'",
        },
    )
    .await;
    found.remove(0)
}

/// Signed in, with the CSRF token of a settings page where the role may open one.
async fn enter(app: &TestApp, org: &Org, who: &str) -> Client {
    let client = app.signed_in(org, who).await;
    client.get("/settings/roles").await;
    client
}

/// Whether the browser's session still opens pages.
async fn is_in(client: &Client) -> bool {
    client.get("/healthz").await;
    client.get("/organisation/logo").await.status() != 303
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_administrators_and_only_their_own_organisation() {
    let app = TestApp::start().await;
    let (a, b) = (app.org("aurelia").await, app.org("borealis").await);
    let (admin, viewer, stranger) =
        (enter(&app, &a, "admin").await, enter(&app, &a, "viewer").await, enter(&app, &b, "admin").await);
    let team = admin.post("/settings/teams", &[("name", "North")]).await;
    assert_eq!(team.status(), 303, "{}", team.body);
    let team = ask(&app, &a, "SELECT id::text AS value FROM teams").await.remove(0);
    let role = role_id(&app, &a, "rep").await;
    let member = a.rep.to_string();
    let pages = [
        "/settings/organisation".to_owned(),
        "/settings/members".into(),
        format!("/settings/members/{member}"),
        "/settings/teams".into(),
        "/settings/teams/new".into(),
        format!("/settings/teams/{team}"),
        "/settings/roles".into(),
        format!("/settings/roles/{role}"),
        "/settings/mail".into(),
        "/settings/jobs".into(),
    ];
    for page in &pages {
        assert_eq!(admin.get(page).await.status(), 200, "{page}");
        assert_eq!(viewer.get(page).await.status(), 403, "{page}");
        assert_eq!(app.new_client().get(page).await.status(), 303, "{page}");
        let foreign = page.rsplit('/').next().is_some_and(|last| last.len() == 36);
        assert_eq!(stranger.get(page).await.status(), if foreign { 404 } else { 200 }, "{page}");
    }
    for (path, fields) in [
        (format!("/settings/members/{member}/role"), vec![("role_id", role.as_str())]),
        (format!("/settings/members/{member}/deactivation"), vec![]),
        (format!("/settings/members/{member}/reactivation"), vec![]),
        (format!("/settings/members/{member}/hand-over"), vec![("hand_over_to", member.as_str())]),
        (format!("/settings/teams/{team}"), vec![("name", "Mine now")]),
        (format!("/settings/teams/{team}/deletion"), vec![]),
        (format!("/settings/roles/{role}"), vec![("visibility", "own")]),
        (format!("/settings/roles/{role}/defaults"), vec![]),
        (format!("/settings/jobs/{member}/retry"), vec![]),
        (format!("/settings/jobs/{member}/discard"), vec![]),
        (format!("/settings/mail/{member}/body"), vec![]),
    ] {
        assert_eq!(stranger.post(&path, &fields).await.status(), 404, "{path}");
        assert!([403, 404].contains(&viewer.post(&path, &fields).await.status()), "{path}");
    }
    assert_eq!(admin.get("/settings/members/nonsense").await.status(), 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_organisation_is_changed_and_a_stale_save_is_told() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (first, second) = (enter(&app, &org, "admin").await, enter(&app, &org, "admin").await);
    let page = first.get("/settings/organisation").await;
    let version = page.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let fields = |name: &'static str, version: &str| {
        [
            ("version", version.to_owned()),
            ("name", name.into()),
            ("currency", "SEK".into()),
            ("locale", "sv-SE".into()),
            ("time_zone", "Europe/Stockholm".into()),
            ("fiscal_year_start", "5".into()),
            ("working_days", "1".into()),
            ("working_days", "6".into()),
        ]
    };
    let post = async |client: &Client, fields: &[(&str, String)]| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        client.post("/settings/organisation", &fields).await
    };
    assert_eq!(post(&first, &fields("Nordlys <AB>", &version)).await.status(), 303);
    let stale = post(&second, &fields("Aurelia", &version)).await;
    assert_eq!(stale.status(), 409);
    assert!(stale.contains("Admin aurelia changed the organisation"), "{}", stale.body);
    assert!(stale.contains("Name: Nordlys &#60;AB&#62;") && stale.contains("value=\"Aurelia\""), "{}", stale.body);
    assert_eq!(ask(&app, &org, "SELECT name AS value FROM organisations").await, ["Nordlys <AB>"]);
    // Sent once more, it is a choice.
    let version = stale.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    assert_eq!(post(&second, &fields("Aurelia", &version)).await.status(), 303);

    let changes =
        ask(&app, &org, "SELECT changes::text AS value FROM events WHERE kind = 'organisation.updated' ORDER BY at")
            .await;
    assert_eq!(changes.len(), 2);
    assert!(changes[0].contains(r#""currency": ["EUR", "SEK"]"#), "{}", changes[0]);
    assert!(changes[0].contains(r#""working_days": [[1, 2, 3, 4, 5], [1, 6]]"#), "{}", changes[0]);

    let actor = app.actor(&org, org.admin).await;
    assert_eq!((actor.org.currency.as_str(), actor.org.fiscal_year_start, actor.org.locale.tag()), ("SEK", 5, "sv-SE"));
    let saturday = "2026-11-21".parse().unwrap();
    assert!(
        actor.org.working_days.includes(saturday) && !actor.org.working_days.includes(saturday.pred_opt().unwrap())
    );

    // Who plans a deal for a day off is told so.
    let stage = ask(&app, &org, "SELECT id::text AS value FROM stages ORDER BY position LIMIT 1").await.remove(0);
    for (day, is_off) in [("2026-11-22", true), ("2026-11-21", false)] {
        let fields = [("name", "Cold chain"), ("stage_id", &*stage), ("currency", "EUR"), ("expected_close_on", day)];
        let made = second.post("/deals/new", &fields).await;
        assert_eq!(made.status(), 303, "{}", made.body);
        let deal = second.get(made.location.as_deref().unwrap()).await;
        assert_eq!(
            deal.body.matches("Sunday is not a working day; the next one is Monday").count(),
            if is_off { 2 } else { 0 }
        );
    }

    let bad = second
        .post("/settings/organisation", &[("name", "  "), ("currency", "XYZ"), ("time_zone", "Mars/Olympus")])
        .await;
    assert_eq!(bad.status(), 422);
    assert!(bad.contains("f-currency-error") && bad.contains("f-name-error") && bad.contains("f-working_days-error"));
    app.stop().await;
}

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
    assert!(!page.contains(".export"), "nothing exports yet, so there is nothing to allow");
    let seen = page.between("name=\"seen\" value=\"", "\"").unwrap().to_owned();
    let path = format!("/settings/roles/{rep_role}");
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
    assert_eq!(
        admin.post(&format!("/settings/teams/{team}"), &[("name", "Nord"), ("members", &rep)]).await.status(),
        303
    );
    assert_eq!(admin.post(&format!("/settings/teams/{team}/deletion"), &[]).await.status(), 303);
    let events = ask(
        &app,
        &org,
        "SELECT kind || ' ' || (changes->>'name') AS value FROM events WHERE record_type = 'team' ORDER BY at",
    )
    .await;
    assert_eq!(
        events,
        [r#"team.created [null, "North"]"#, r#"team.updated ["North", "Nord"]"#, r#"team.deleted ["Nord", null]"#]
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_are_listed_and_links_to_accounts_are_for_their_owners() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (admin, stranger) = (enter(&app, &org, "admin").await, enter(&app, &other, "admin").await);
    let (id, me, rep) = (org.id, org.admin, org.rep);
    app.db
        .org(&org.id, move |tx| {
            let invitation = MailMessage::Invitation {
                organisation: "Aurelia".into(),
                inviter: "Ada".into(),
                role: "Rep".into(),
                token: "INVITE-TOKEN".into(),
            };
            mailer::enqueue(tx, "new@aurelia.test", invitation)?;
            let verify = |token: &str| MailMessage::VerifyEmail { name: "<b>Ada</b>".into(), token: token.into() };
            mailer::enqueue_for(tx, id, me.into(), "admin@aurelia.test", verify("MY-TOKEN"))?;
            mailer::enqueue_for(tx, id, rep.into(), "rep@aurelia.test", verify("REP-TOKEN"))?;
            let reset = MailMessage::ResetPassword { name: "Ada".into(), token: "RESET-TOKEN".into() };
            mailer::enqueue_for(tx, id, me.into(), "admin@aurelia.test", reset)
        })
        .await
        .unwrap();
    app.run_jobs().await;
    let list = admin.get("/settings/mail").await;
    assert!(
        list.contains("No mail server is set up")
            && list.contains("new@aurelia.test")
            && list.contains("Kept, not sent")
    );
    assert!(!stranger.get("/settings/mail").await.contains("aurelia.test"));
    let mails = ask(&app, &org, "SELECT id::text AS value FROM mails ORDER BY created_at, id").await;
    for (mail, token, readable) in [
        (&mails[0], "/invitations/INVITE-TOKEN", true),
        (&mails[1], "/verify-email/MY-TOKEN", true),
        (&mails[2], "REP-TOKEN", false),
        (&mails[3], "RESET-TOKEN", false),
    ] {
        let (page, body) = (format!("/settings/mail/{mail}"), format!("/settings/mail/{mail}/body"));
        let (shown, framed) = (admin.get(&page).await, admin.get(&body).await);
        assert_eq!(shown.status(), 200);
        assert_eq!(shown.contains(token), readable, "{token}");
        assert_eq!((framed.status(), framed.contains(token)), if readable { (200, true) } else { (404, false) });
        assert_eq!(stranger.get(&page).await.status(), 404);
        assert_eq!(stranger.get(&body).await.status(), 404);
        if readable {
            assert!(shown.header("content-security-policy").unwrap().contains("frame-src 'self'"));
            assert_eq!(shown.header("x-frame-options"), Some("DENY"));
            let policy = framed.header("content-security-policy").unwrap();
            assert!(policy.starts_with("sandbox; default-src 'none'"), "{policy}");
            assert_eq!(framed.header("x-frame-options"), Some("SAMEORIGIN"));
            assert!(!framed.contains("<b>Ada</b>"));
        }
    }
    assert!(admin.get("/settings/mail?status=sent").await.contains("No mails"));
    assert_eq!(admin.get("/settings/mail?after=rubbish").await.status(), 400);
    run(&app, &org, "INSERT INTO mails (id, template, recipient, subject, body_text, body_html, message_id, created_at)
        SELECT app.uuid7(), 'invitation', 'n' || n || '@x.test', 'Old', '', '', n::text, now() - n * interval '1 day' FROM generate_series(1, 60) n".into()).await;
    let first = admin.get("/settings/mail").await;
    let next = first.between("hx-get=\"", "\"").unwrap().replace("&#38;", "&");
    let more = admin.get_partial(&next).await;
    assert!(
        more.contains("n60@x.test")
            && !more.contains("<html")
            && more.contains("hx-partial")
            && !first.contains("n60@x.test")
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_jobs_are_retried_or_discarded() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (admin, stranger) = (enter(&app, &org, "admin").await, enter(&app, &other, "admin").await);
    assert!(admin.get("/settings/jobs").await.contains("Nothing here"));
    run(&app, &org, "INSERT INTO jobs (kind, payload, status, attempts, last_error)
        SELECT 'mail.send', '{\"to\": \"ada@x.test\", \"message\": {\"token\": \"SECRET\"}}', 'dead', 12, 'connection <refused>' FROM generate_series(1, 2)".into()).await;
    let page = admin.get("/settings/jobs").await;
    assert!(
        page.contains("Send a mail to ada@x.test")
            && page.contains("12 of 12")
            && page.contains("connection &#60;refused&#62;")
    );
    assert!(!page.contains("SECRET"));
    let jobs = ask(&app, &org, "SELECT id::text AS value FROM jobs ORDER BY id").await;
    assert_eq!(stranger.post(&format!("/settings/jobs/{}/retry", jobs[0]), &[]).await.status(), 404);
    assert_eq!(stranger.post(&format!("/settings/jobs/{}/discard", jobs[0]), &[]).await.status(), 404);
    assert_eq!(admin.post(&format!("/settings/jobs/{}/retry", jobs[0]), &[]).await.status(), 303);
    assert_eq!(admin.post(&format!("/settings/jobs/{}/discard", jobs[1]), &[]).await.status(), 303);
    assert_eq!(ask(&app, &org, "SELECT status || attempts AS value FROM jobs").await, ["queued0"]);
    assert_eq!(admin.post(&format!("/settings/jobs/{}/retry", jobs[0]), &[]).await.status(), 404, "waiting already");
    let told = ask(&app, &org, "SELECT kind AS value FROM events ORDER BY at").await;
    assert_eq!(told, ["job.retried", "job.discarded"]);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_logo_is_kept_small_and_shown_to_members_only() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (admin, stranger) = (enter(&app, &org, "admin").await, enter(&app, &other, "admin").await);
    let upload = async |bytes: Vec<u8>| {
        let part = reqwest::multipart::Part::bytes(bytes).file_name("logo.png");
        let form = reqwest::multipart::Form::new().text("csrf_token", admin.csrf().await).part("logo", part);
        let request = admin.http().post(admin.url("/settings/organisation/logo")).header("Accept", "text/html");
        admin.read(request.multipart(form).send().await.unwrap()).await
    };
    let bad = upload(b"<svg onload=alert(1)>".to_vec()).await;
    assert_eq!(bad.status(), 422);
    assert!(bad.contains("f-logo-error"), "{}", bad.body);
    let mut png = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(900, 300).write_to(&mut png, image::ImageFormat::Png).unwrap();
    assert_eq!(upload(png.into_inner()).await.status(), 303);
    let page = admin.get("/settings/organisation").await;
    let address = page.between("<img class=\"logo-preview\" src=\"", "\"").unwrap().to_owned();
    let logo = admin.get(&address).await;
    assert_eq!((logo.status(), logo.header("content-type")), (200, Some("image/png")));
    assert_eq!(stranger.get(&address).await.status(), 404);
    assert_eq!(app.new_client().get(&address).await.status(), 303);
    assert_eq!(admin.post("/settings/organisation/logo/removal", &[]).await.status(), 303);
    assert_eq!(admin.get("/organisation/logo").await.status(), 404);
    app.stop().await;
}
