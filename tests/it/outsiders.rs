//! What somebody is not told who looks from outside: of contacts that are not theirs to see, and after they have signed out.

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_participant_is_not_told_of_contacts_that_are_not_theirs() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (admin, rep) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await);
    let contact = admin
        .post("/contacts", &[("last_name", "Secretsson"), ("title", "Buyer"), ("company", "Hidden Ltd")])
        .await
        .location
        .unwrap();
    app.alter(&format!(
        "INSERT INTO activities (org_id, id, type_id, class, subject, owner_id)
         SELECT org_id, gen_random_uuid(), id, 'activity', 'Together', '{}' FROM activity_types WHERE org_id = '{}' AND key = 'meeting'",
        org.admin, org.id
    ));
    let at = format!("/activities/{}", app.texts("SELECT id::text AS value FROM activities").remove(0));
    let with = format!("{at}/participants");
    for whom in [("contact_id", contact.rsplit('/').next().unwrap()), ("member_id", &org.rep.to_string())] {
        let added =
            admin.post(&with, &[whom, ("contact", if whom.0 == "contact_id" { "Secretsson" } else { "" })]).await;
        assert_eq!(added.status(), 303, "{}", added.body);
    }
    let whole = rep.get(&at).await;
    assert!(whole.contains("Secretsson") && whole.contains("Buyer · Hidden Ltd"), "{}", whole.body);
    // Of a contact that is theirs the company still need not be.
    app.alter(&format!("UPDATE contacts SET owner_id = '{}'", org.rep));
    app.alter("UPDATE roles SET visibility = 'own' WHERE key = 'rep'");
    let half = rep.get(&at).await;
    assert!(half.contains("Secretsson") && !half.contains("Hidden Ltd"), "{}", half.body);
    app.alter(&format!("UPDATE contacts SET owner_id = '{}'", org.admin));
    assert_eq!(rep.get(&contact).await.status(), 404);
    let told = rep.get(&at).await;
    assert!(told.status() == 200 && told.contains("Together"), "{}", told.body);
    for hidden in ["Secretsson", "Buyer", "Hidden Ltd"] {
        assert!(!told.contains(hidden), "{hidden}: {}", told.body);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_before_signing_out_is_sent_to_sign_in() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = app.signed_in(&org, "rep").await;
    let (_, stages) = app.stages(&org);
    let deal = rep.add_deal(&stages[0], "Pilot", &[]).await;
    let before = rep.csrf().await;
    assert_eq!(rep.post("/logout", &[]).await.status(), 303);
    let moved = rep
        .http()
        .post(rep.url(&format!("/deals/{deal}/position")))
        .header("HX-Request", "true")
        .header("X-CSRF-Token", &before)
        .form(&[("stage_id", &stages[1])])
        .send()
        .await
        .unwrap();
    assert_eq!((moved.status().as_u16(), moved.headers()["hx-redirect"].to_str().unwrap()), (401, "/login"));
    app.stop().await;
}
