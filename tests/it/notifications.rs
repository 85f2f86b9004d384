//! Notifications through HTTP: who is told of what, each once and in the ways they chose, as far as they may see it when they read it.

mod mails;
mod reminders;

use crate::support::{Client, Org, TestApp};
use diesel::connection::{Connection, InstrumentationEvent};
use pipewright::{
    db::Tx,
    features::notifications::{self, Kind, Notice, To},
    kernel::{MemberId, RecordType},
};
use serde_json::Value;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};
use uuid::Uuid;

/// Tells people something in a transaction of `by`'s; how many did not know.
async fn tell(app: &TestApp, org: &Org, by: MemberId, notice: Notice, to: To) -> usize {
    let by = app.actor(org, by).await;
    app.db.org(&by, move |tx| notifications::tell(tx, &notice, to)).await.unwrap()
}

fn mention(deal: Uuid) -> Notice {
    Notice::new(Kind::Mention).about((RecordType::Deal, deal))
}

/// The number at the bell.
async fn unread(client: &Client) -> String {
    let bell = client.get_partial("/notifications/bell").await;
    bell.between("<span class=\"bell-count\" aria-hidden=\"true\">", "<").unwrap_or("0").to_owned()
}

async fn browser(client: &Client) -> Vec<String> {
    let answer: Value = serde_json::from_str(&client.get("/notifications/browser").await.body).unwrap();
    answer["notices"].as_array().unwrap().iter().map(|n| n["title"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_and_followers_are_told_what_others_do() {
    let app = TestApp::start().await;
    let org = app.org("told").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM notices; DELETE FROM follows").await;
    let (admin, manager, rep) =
        (app.signed_in(&org, "admin").await, app.signed_in(&org, "manager").await, app.signed_in(&org, "rep").await);
    let deal = format!("/deals/{}", ours.deal);
    let second = app.value("SELECT id FROM stages ORDER BY position OFFSET 1 LIMIT 1").await;
    let follow = |standing: &'static str| {
        let id = ours.deal.to_string();
        let manager = &manager;
        async move { manager.post("/follows", &[("about", "deal"), ("id", &id), ("standing", standing)]).await }
    };
    assert!(rep.get(&deal).await.contains("aria-label=\"Following\""), "owners follow");
    assert!(manager.get(&deal).await.contains("aria-label=\"Not following\""));
    assert_eq!(follow("follow").await.location.as_deref(), Some(deal.as_str()));
    assert!(manager.get(&deal).await.contains("aria-label=\"Following\""));
    let page = rep.get(&deal).await;
    let followers = page.between("id=\"followers-title\"", "</section>").unwrap_or_else(|| panic!("{}", page.body));
    assert!(followers.contains("Manager told") && !followers.contains("Admin told"), "{followers}");

    let moved = admin.post(&format!("{deal}/position"), &[("stage_id", &second)]).await;
    assert_eq!(moved.status(), 303, "{}", moved.body);
    for reader in [&manager, &rep] {
        assert_eq!(unread(reader).await, "1");
        let page = reader.get("/notifications").await;
        assert!(page.contains("<b>Admin told</b> moved") && page.contains("Deal of told"), "{}", page.body);
        assert!(reader.get_partial("/notifications/panel").await.contains("Deal of told"));
    }
    assert_eq!(unread(&admin).await, "0", "nobody is told of their own doing");

    // Muted, one hears nothing but what is addressed to oneself.
    follow("mute").await;
    assert_eq!(admin.post(&format!("{deal}/closure"), &[("outcome", "won")]).await.status(), 303);
    assert_eq!((unread(&manager).await, unread(&rep).await), ("1".into(), "2".into()));
    assert!(rep.get("/notifications?kind=closed").await.contains("<b>Admin told</b> won"));
    tell(&app, &org, org.admin, mention(ours.deal).quoting("Could <you> look?"), To::people([org.manager])).await;
    let page = manager.get("/notifications?show=unread&kind=mention").await;
    assert!(page.contains("mentioned you on") && page.contains("Could &#60;you&#62; look?"), "{}", page.body);
    follow("none").await;
    assert!(manager.get(&deal).await.contains("aria-label=\"Not following\""));
    // What is not there cannot be followed.
    let id = Uuid::now_v7().to_string();
    assert_eq!(manager.post("/follows", &[("about", "deal"), ("id", &id), ("standing", "follow")]).await.status(), 404);
    assert_eq!(manager.post("/follows", &[("about", "deal"), ("id", &id), ("standing", "own")]).await.status(), 422);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_are_given_is_told_and_what_is_out_of_sight_is_not_shown() {
    let app = TestApp::start().await;
    let org = app.org("given").await;
    let ours = app.belongings(&org).await;
    app.sql(
        "DELETE FROM notices; DELETE FROM follows; UPDATE roles SET visibility = 'own' WHERE key IN ('rep', 'manager')",
    )
    .await;
    let (admin, manager, rep) =
        (app.signed_in(&org, "admin").await, app.signed_in(&org, "manager").await, app.signed_in(&org, "rep").await);
    let give = async |to: MemberId| {
        let version = app.value("SELECT version FROM deals").await;
        let path = format!("/deals/{}/fields/owner_id", ours.deal);
        let to = to.to_string();
        admin.post_partial(&path, &[("owner_id", &to), ("version", &version)]).await
    };
    let given = give(org.manager).await;
    assert_eq!(given.status(), 200, "{}", given.body);
    // Whom it became: once, though they follow now too.
    assert!(manager.get("/notifications").await.contains("<b>Admin given</b> gave you"));
    assert_eq!(unread(&manager).await, "1");
    // Who had it may not see it any more: neither shown nor counted, nor opened.
    assert_eq!(app.value(&format!("SELECT count(*) FROM notices WHERE member_id = '{}'", org.rep)).await, "1");
    assert_eq!(unread(&rep).await, "0");
    assert!(rep.get("/notifications").await.contains("Nothing yet"));
    let hidden = app.value(&format!("SELECT id FROM notices WHERE member_id = '{}'", org.rep)).await;
    assert_eq!(rep.get(&format!("/notifications/{hidden}")).await.status(), 404);
    // Back again: it is theirs, and so is the notice.
    give(org.rep).await;
    assert_eq!(unread(&rep).await, "2");
    assert_eq!(unread(&manager).await, "0");
    // Deleted: nobody's.
    assert_eq!(admin.post(&format!("/deals/{}/deletion", ours.deal), &[]).await.status(), 303);
    assert_eq!(unread(&rep).await, "0");
    // An activity planned for somebody.
    let form = [
        ("type_id", ours.activity_type.to_string()),
        ("subject", "Call them".to_owned()),
        ("owner_id", org.rep.to_string()),
        ("on", "2030-01-01".to_owned()),
    ];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(admin.post("/activities", &form).await.status(), 303);
    assert!(rep.get("/notifications").await.contains("Call them"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_gives_records_away_tells_each_owner_how_many() {
    let app = TestApp::start().await;
    let org = app.org("filed").await;
    let file = "name,owner\nA Ltd,rep@filed.test\nB Ltd,rep@filed.test\nC Ltd,manager@filed.test\nD Ltd,\n";
    let counts = crate::imports::import(&app, &org, RecordType::Company, file.as_bytes()).await.unwrap();
    assert_eq!(counts, (4, 0, 0, 0));
    let told =
        "SELECT coalesce(string_agg(m.name || ': ' || (n.params->>'many'), ', ' ORDER BY m.name), '') FROM notices n
                JOIN members m ON m.id = n.member_id WHERE n.kind = 'assigned'";
    assert_eq!(app.value(told).await, "Manager filed: 1 company, Rep filed: 2 companies");
    // The same again gives nobody anything; another owner for one of them does, and so do leads that rules give out.
    let again = file.replace("B Ltd,rep", "B Ltd,manager");
    app.sql("DELETE FROM notices").await;
    assert_eq!(crate::imports::import(&app, &org, RecordType::Company, again.as_bytes()).await.unwrap(), (0, 1, 3, 0));
    assert_eq!(app.value(told).await, "Manager filed: 1 company");
    app.sql("DELETE FROM notices").await;
    app.sql(&format!(
        "INSERT INTO assignment_rules (org_id, id, position, member_id) VALUES ('{0}', gen_random_uuid(), 1, '{1}')",
        org.id, org.rep
    ))
    .await;
    let leads = "last name,company\nAdams,Z\nBrown,Y\n";
    assert_eq!(crate::imports::import(&app, &org, RecordType::Lead, leads.as_bytes()).await.unwrap().0, 2);
    assert_eq!(app.value(told).await, "Rep filed: 2 leads");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notices_are_read_and_taken_back() {
    let app = TestApp::start().await;
    let org = app.org("reading").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM notices").await;
    let rep = app.signed_in(&org, "rep").await;
    for n in 0..45 {
        tell(&app, &org, org.admin, mention(ours.deal).once(format!("m{n}")).at("#timeline"), To::people([org.rep]))
            .await;
    }
    assert_eq!(unread(&rep).await, "45");
    let page = rep.get("/notifications").await;
    assert_eq!(page.body.matches("class=\"told is-unread\"").count(), 40);
    let older = page.between("href=\"/notifications?after=", "\"").unwrap().to_owned();
    assert_eq!(
        rep.get(&format!("/notifications?after={older}")).await.body.matches("class=\"told is-unread\"").count(),
        5
    );

    // Opened: read, and one is where it leads.
    let id = page.between("href=\"/notifications/", "\"").unwrap().to_owned();
    let id = if id.len() == 36 { id } else { app.value("SELECT id FROM notices ORDER BY id DESC LIMIT 1").await };
    let opened = rep.get(&format!("/notifications/{id}")).await;
    assert_eq!(opened.location, Some(format!("/deals/{}#timeline", ours.deal)));
    assert_eq!(unread(&rep).await, "44");
    assert_eq!(rep.post(&format!("/notifications/{id}/reading/undo"), &[]).await.status(), 303);
    assert_eq!(rep.post(&format!("/notifications/{id}/reading"), &[]).await.status(), 303);
    assert_eq!(unread(&rep).await, "44");

    // All of them, but not what came after the page was made; and back.
    let latest = app.value("SELECT id FROM notices ORDER BY id DESC LIMIT 1").await;
    tell(&app, &org, org.admin, mention(ours.deal).once("later"), To::people([org.rep])).await;
    let read = rep.post_partial("/notifications/reading", &[("upto", &latest)]).await;
    assert!(read.contains("told") && read.header("HX-Trigger").unwrap().contains("undo"), "{}", read.body);
    assert_eq!(unread(&rep).await, "1");
    let undo = read.header("HX-Trigger").unwrap();
    let undo = undo.split("\"undo\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(rep.post(&undo, &[]).await.status(), 303);
    assert_eq!(unread(&rep).await, "45");
    assert!(rep.get("/notifications?show=unread&kind=reaction").await.contains("No notifications fit"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_chooses_how_they_are_told() {
    let app = TestApp::start().await;
    let org = app.org("choice").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM notices").await;
    let rep = app.signed_in(&org, "rep").await;
    let settings = rep.get("/settings/notifications").await;
    assert!(settings.contains("name=\"centre_mention\" value=\"true\""), "{}", settings.body);
    // Wrong: the times are there still, each with what is wrong with it.
    let refused = rep.post("/settings/notifications", &[("quiet_from", "22:00"), ("lead_minutes", "15")]).await;
    assert_eq!(refused.status(), 422);
    assert!(refused.contains("value=\"22:00\"") && refused.contains("f-quiet_to-error"), "{}", refused.body);
    let form =
        [("browser_mention", "true"), ("mail_mention", "off"), ("mail_comment", "now"), ("lead_minutes", "none")];
    assert_eq!(rep.post("/settings/notifications", &form).await.status(), 303);
    let kept = rep.get("/settings/notifications").await;
    assert!(kept.contains(
        "name=\"browser_mention\" value=\"true\" aria-label=\"Someone mentions you: by the browser\" checked"
    ));
    assert!(
        !kept.contains(
            "name=\"centre_mention\" value=\"true\" aria-label=\"Someone mentions you: at the bell\" checked"
        )
    );

    // A mention goes to the browser alone, a comment to mail alone, a reaction nowhere.
    for kind in [Kind::Mention, Kind::Comment, Kind::Reaction] {
        let notice = Notice::new(kind).about((RecordType::Deal, ours.deal));
        let told = tell(&app, &org, org.admin, notice, To::people([org.rep])).await;
        assert_eq!(told, usize::from(kind != Kind::Reaction), "{kind:?}");
    }
    assert_eq!(unread(&rep).await, "0");
    assert_eq!(browser(&rep).await, ["Admin choice mentioned you on Deal of choice"]);
    app.run_jobs().await;
    assert_eq!(
        app.value("SELECT string_agg(subject, '|') FROM mails WHERE template = 'notices'").await,
        "Admin choice wrote about Deal of choice"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_are_told_by_one_statement_each_once() {
    let app = TestApp::start().await;
    let org = app.org("many").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM notices; DELETE FROM follows").await;
    app.sql(&format!(
        "WITH people AS (INSERT INTO users (id, email, name) SELECT gen_random_uuid(), 'u' || n || '@many.test', 'U ' || n
           FROM generate_series(1, 500) n RETURNING id, name, email)
         INSERT INTO members (org_id, id, role_id, name, email)
           SELECT '{0}', p.id, (SELECT id FROM roles WHERE org_id = '{0}' AND key = 'viewer'), p.name, p.email FROM people p;
         INSERT INTO follows (org_id, member_id, record_type, record_id, muted)
           SELECT org_id, id, 'deal', '{1}', name = 'U 7' FROM members WHERE name LIKE 'U %';
         UPDATE members SET deactivated_at = now() WHERE name = 'U 8';
         INSERT INTO notice_choices (org_id, member_id, kind, centre, browser, mail)
           SELECT org_id, id, 'closed', true, false, 'now' FROM members WHERE name LIKE 'U %'",
        org.id, ours.deal
    ))
    .await;
    let by = app.actor(&org, org.admin).await;
    let counted = Arc::new(AtomicUsize::new(0));
    let (statements, deal) = (counted.clone(), ours.deal);
    let begun = Instant::now();
    let told = app.db.org(&by, move |tx| {
        let seen = statements.clone();
        tx.conn().set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { .. } = event {
                seen.fetch_add(1, Ordering::SeqCst);
            }
        });
        let notice = Notice::new(Kind::Closed).about((RecordType::Deal, deal)).param("how", &"won").once("won once");
        let told = notifications::tell(tx, &notice, To::followers())?;
        let statements = seen_so_far(&statements);
        assert_eq!(notifications::tell(tx, &notice, To::followers())?, 0, "once");
        Ok((told, statements))
    });
    let (told, statements) = told.await.unwrap();
    println!("499 people told twice over in {:?}", begun.elapsed());
    // All but who muted it and who left; and the owner.
    assert_eq!((told, statements), (499, 1));
    assert_eq!(app.value("SELECT count(*) || ' ' || count(DISTINCT member_id) FROM notices").await, "499 499");
    assert_eq!(app.value("SELECT count(*) FROM jobs WHERE kind = 'notices.mail'").await, "498");
    app.stop().await;
}

/// However many there are: of each type, what they are about is asked once, by the page that shows them and by the bell on every page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_are_about_is_asked_at_once() {
    let app = TestApp::start().await;
    let org = app.org("crowd").await;
    let ours = app.belongings(&org).await;
    let rep = app.signed_in(&org, "rep").await;
    // The newest hundred are of contacts that are out of the reader's sight; older ones of a deal, a contact and an activity of theirs.
    app.sql(&format!(
        "DELETE FROM notices; UPDATE roles SET visibility = 'own' WHERE key = 'rep';
         UPDATE activities SET owner_id = '{admin}' WHERE id = '{activity}';
         UPDATE deals SET owner_id = '{rep}', name = 'Theirs' WHERE id = '{deal}';
         UPDATE activities SET deal_id = '{deal}', company_id = NULL, subject = 'About it' WHERE id = '{activity}';
         UPDATE contacts SET owner_id = '{rep}', first_name = 'Grace', last_name = 'Hopper' WHERE id = '{contact}';
         INSERT INTO contacts (org_id, id, last_name, owner_id)
           SELECT '{org}', gen_random_uuid(), 'Hidden ' || n, '{admin}' FROM generate_series(1, 100) n;
         INSERT INTO notices (org_id, id, member_id, kind, record_type, record_id, actor_id, once, centre, browser, mail)
           SELECT '{org}', app.uuid7(), '{rep}', 'mention', t.about, t.id, '{admin}', t.id::text, true, false, 'off' FROM (
             VALUES ('deal', '{deal}'::uuid), ('contact', '{contact}'), ('activity', '{activity}')) t (about, id);
         SELECT pg_sleep(0.01);
         INSERT INTO notices (org_id, id, member_id, kind, record_type, record_id, actor_id, once, centre, browser, mail)
           SELECT '{org}', app.uuid7(), '{rep}', 'mention', 'contact', id, '{admin}', id::text, true, false, 'off'
           FROM contacts WHERE last_name LIKE 'Hidden %'",
        org = org.id,
        admin = org.admin,
        rep = org.rep,
        deal = ours.deal,
        contact = ours.contact,
        activity = ours.activity,
    ))
    .await;
    assert_eq!(unread(&rep).await, "3");
    let page = rep.get("/notifications").await;
    assert_eq!(page.body.matches("class=\"told is-unread\"").count(), 3, "{}", page.body);
    assert!(["Theirs", "About it", "Grace Hopper"].iter().all(|told| page.contains(told)), "{}", page.body);
    assert!(!page.contains("Hidden"));
    // What it may be seen by is seen through the deal, and only by who may see deals.
    app.sql("UPDATE roles SET permissions = array_remove(permissions, 'deals.view') WHERE key = 'rep'").await;
    assert_eq!(unread(&rep).await, "1");
    app.sql(&format!(
        "SET track_functions = 'all';
         DO $$ DECLARE asked bigint; BEGIN
           PERFORM app.actor('{}', '{}');
           SELECT sum(calls) INTO asked FROM pg_stat_xact_user_functions WHERE funcname LIKE 'notice_title%';
           IF asked <> 1 THEN RAISE 'asked % times', asked; END IF;
         END $$",
        org.rep, org.id
    ))
    .await;
    app.stop().await;
}

fn seen_so_far(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_long_over_and_what_is_gone_leaves_no_notices() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("past").await, app.org("else").await);
    let (ours, theirs) = (app.belongings(&org).await, app.belongings(&other).await);
    app.sql(&format!("UPDATE notices SET created_at = now() - interval '91 days' WHERE id = '{}'", theirs.notice))
        .await;
    app.sql(&format!("SET ROLE pipewright_system; {}; RESET ROLE", notifications::FORGET)).await;
    assert_eq!(app.value("SELECT id FROM notices").await, ours.notice.to_string());
    // Nobody of another organisation can be told.
    assert_eq!(tell(&app, &org, org.admin, mention(ours.deal), To::people([other.rep])).await, 0);
    app.stop().await;
}
