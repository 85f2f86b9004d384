//! Whom deals are made with and against comes back from an export: people with their parts, competitors, the one that a deal was lost to.

use super::{download, enter, whole};
use crate::{
    imports::import,
    support::{Client, Org, TestApp},
};
use pipewright::kernel::RecordType;

/// Everybody beside the deals of that organisation, by name.
async fn beside(app: &TestApp, org: &Org) -> (String, String) {
    let people = format!(
        "SELECT string_agg(concat_ws(' ', d.name, c.first_name, c.last_name, c.email, p.role, p.influence, p.stance), ' | ' \
           ORDER BY d.name, c.name_key, c.email, p.role) \
         FROM deal_contacts p JOIN deals d ON d.id = p.deal_id JOIN contacts c ON c.id = p.contact_id WHERE p.org_id = '{}'",
        org.id
    );
    let rivals = format!(
        "SELECT string_agg(concat_ws(' ', d.name, k.name, d.lost_to = k.id), ' | ' ORDER BY d.name, k.name) \
         FROM deal_competitors x JOIN deals d ON d.id = x.deal_id JOIN competitors k ON k.id = x.competitor_id WHERE x.org_id = '{}'",
        org.id
    );
    (app.value(&people).await, app.value(&rivals).await)
}

async fn deals_file(admin: &Client) -> String {
    String::from_utf8(download(admin, &whole("deal", "csv")).await).unwrap()
}

/// A deal that was lost and one that is open, with people who share names and addresses.
async fn fill(app: &TestApp, org: &Org, admin: &Client) {
    for contact in [
        [("first_name", "Ann"), ("last_name", "Bell"), ("email", "ann@x.test")],
        [("first_name", "Bob \"B\""), ("last_name", "Orr; (user) <x>"), ("email", "")],
        [("first_name", "Cid"), ("last_name", "Orr"), ("email", "cid@x.test")],
        [("first_name", "Dot"), ("last_name", "Orr"), ("email", "dot@x.test")],
        [("first_name", "Eve"), ("last_name", "Twin"), ("email", "")],
        [("first_name", "Eve"), ("last_name", "Twin"), ("email", "")],
        [("first_name", ""), ("last_name", ""), ("email", "nameless@x.test")],
    ] {
        assert_eq!(admin.post("/contacts", &contact).await.status(), 303);
    }
    for name in ["Beta; & Co", "Gamma"] {
        assert_eq!(admin.post("/settings/competitors", &[("name", name)]).await.status(), 303);
    }
    let stage =
        app.value(&format!("SELECT id FROM stages WHERE org_id = '{}' ORDER BY position LIMIT 1", org.id)).await;
    for name in ["Big", "Small"] {
        assert_eq!(admin.post("/deals/new", &[("name", name), ("stage_id", &stage)]).await.status(), 303);
    }
    app.sql(&format!(
        "UPDATE contacts SET email = 'office@x.test' WHERE org_id = '{0}' AND first_name IN ('Cid', 'Dot');
         UPDATE deals SET status = 'lost', closed_at = now(), lost_reason = 'Other', lost_to = k.id FROM competitors k
           WHERE deals.org_id = '{0}' AND deals.name = 'Big' AND k.name = 'Gamma';
         INSERT INTO deal_competitors (org_id, deal_id, competitor_id) SELECT d.org_id, d.id, k.id FROM deals d JOIN competitors k USING (org_id)
           WHERE d.org_id = '{0}' AND (d.name = 'Big' OR k.name <> 'Gamma');
         INSERT INTO deal_contacts (org_id, deal_id, contact_id, role, influence, stance)
           SELECT d.org_id, d.id, c.id, (ARRAY['decision_maker', 'champion', 'other', 'blocker', 'user'])[n % 5 + 1],
             CASE WHEN n % 2 = 0 THEN 'high' END, CASE WHEN n % 3 = 0 THEN 'opposes' END
           FROM deals d JOIN (SELECT *, row_number() OVER (ORDER BY id) AS n FROM contacts WHERE org_id = '{0}') c USING (org_id)
           WHERE d.name = 'Big' OR c.first_name IN ('Ann', 'Dot')",
        org.id
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_and_competitors_come_back() {
    let app = TestApp::start().await;
    let (org, copy) = (app.org("from").await, app.org("to").await);
    let admin = enter(&app, &org, "admin").await;
    fill(&app, &org, &admin).await;
    let before = beside(&app, &org).await;
    let file = deals_file(&admin).await;
    assert!(file.contains("Ann Bell <ann@x.test> (Champion"), "{file}");
    assert_eq!(import(&app, &org, RecordType::Deal, file.as_bytes()).await, Ok((0, 0, 2, 0)), "{file}");
    assert_eq!(beside(&app, &org).await, before, "{file}");

    // Lost, changed, and brought back; undo takes all of it back again.
    app.sql(&format!(
        "DELETE FROM deal_contacts WHERE org_id = '{0}' AND contact_id IN (SELECT id FROM contacts WHERE first_name IN ('Dot', 'Bob \"B\"'));
         UPDATE deal_contacts SET role = 'legal', influence = 'low' WHERE org_id = '{0}' AND role IN ('champion', 'decision_maker');
         DELETE FROM deal_competitors WHERE org_id = '{0}'; UPDATE deals SET lost_to = NULL WHERE org_id = '{0}'; DELETE FROM competitors WHERE name = 'Gamma'",
        org.id
    ))
    .await;
    let damaged = beside(&app, &org).await;
    let contacts = "SELECT count(*)::text FROM contacts";
    let count = app.value(contacts).await;
    assert_eq!(import(&app, &org, RecordType::Deal, file.as_bytes()).await, Ok((0, 2, 0, 0)));
    // Nothing was said of an influence that nobody had: it stays as it was set meanwhile.
    let (people, rivals) = beside(&app, &org).await;
    assert_eq!(people.replace(" low", ""), before.0, "{damaged:?}");
    assert_eq!((rivals, app.value(contacts).await), (before.1.clone(), count));
    let here = app.value("SELECT id::text FROM imports ORDER BY created_at DESC, id DESC LIMIT 1").await;
    let page = admin.get(&format!("/imports/{here}")).await;
    assert!(page.contains("the competitor Gamma"), "{}", page.body);
    assert_eq!(import(&app, &org, RecordType::Deal, file.as_bytes()).await, Ok((0, 0, 2, 0)));
    assert_eq!(admin.post(&format!("/imports/{here}/undo"), &[]).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(beside(&app, &org).await, damaged);
    assert_eq!(app.texts("SELECT name AS value FROM competitors"), ["Beta; & Co"]);
    let page = admin.get(&format!("/imports/{here}")).await;
    assert!(page.contains("Removed as unused: <span dir=\"auto\">competitor Gamma</span>"), "{}", page.body);

    // Elsewhere, after its contacts.
    let everybody = String::from_utf8(download(&admin, &whole("contact", "csv")).await).unwrap();
    let (everybody, file) = (everybody.replace("admin@from.test", ""), file.replace("admin@from.test", ""));
    assert_eq!(import(&app, &copy, RecordType::Contact, everybody.as_bytes()).await, Ok((7, 0, 0, 0)), "{everybody}");
    for counts in [(2, 0, 0, 0), (0, 0, 2, 0)] {
        assert_eq!(import(&app, &copy, RecordType::Deal, file.as_bytes()).await, Ok(counts), "{file}");
        let (people, rivals) = beside(&app, &copy).await;
        // Two of one name and no address are one there.
        let one = |people: &str| {
            people.split(" | ").filter(|p| !p.contains("Eve Twin")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!((one(&people), rivals), (one(&before.0), before.1.clone()), "{file}");
    }
    app.stop().await;
}

/// Whoever may export a deal and not see its people takes their names away, not their addresses; and brings nobody a double.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_are_for_those_who_see_them() {
    let app = TestApp::start().await;
    let org = app.org("from").await;
    let admin = enter(&app, &org, "admin").await;
    fill(&app, &org, &admin).await;
    app.sql(&format!(
        "UPDATE deals SET owner_id = '{1}' WHERE org_id = '{0}'; UPDATE contacts SET owner_id = '{1}' WHERE org_id = '{0}' AND first_name = 'Cid';
         UPDATE roles SET visibility = 'own', permissions = permissions || '{{deals.export,deals.import}}' WHERE org_id = '{0}' AND key = 'rep'",
        org.id, org.rep
    ))
    .await;
    let rep = enter(&app, &org, "rep").await;
    let file = deals_file(&rep).await;
    assert!(file.contains("Ann Bell (Champion") && file.contains("Cid Orr <office@x.test>"), "{file}");
    assert!(!file.contains("ann@x.test"), "{file}");
    let (before, count) = (beside(&app, &org).await, app.value("SELECT count(*)::text FROM contacts").await);
    let sent = crate::imports::upload(&rep, &[("record_type", "deal")], file.as_bytes()).await;
    app.run_jobs().await;
    let page = rep.get(&sent.location.unwrap()).await;
    assert!(!page.contains("Rows in error"), "{}", page.body);
    assert_eq!(
        (beside(&app, &org).await, app.value("SELECT count(*)::text FROM contacts").await),
        (before, count),
        "{}",
        page.body
    );
    app.stop().await;
}
