//! Who may own records: members whose role changes some. Nobody else is offered, nor taken by a form, a change of many or a hand-over.

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_change_no_records_owns_none() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = app.signed_in(&org, "admin").await;
    let (viewer, rep) = (org.viewer.to_string(), org.rep.to_string());
    let offered = |viewer: &str| format!("<option value=\"{viewer}\"");
    let deal = admin.post("/deals", &[("name", "Pilot")]).await.location.unwrap();
    for at in ["/deals/new", "/contacts/new", "/leads/new", &format!("{deal}/edit"), &format!("{deal}/clone")] {
        let page = admin.get(at).await;
        assert!(page.contains(&offered(&rep)) && !page.contains(&offered(&viewer)), "{at}: {}", page.body);
    }
    let inline = admin.get_partial(&format!("{deal}/fields/owner_id")).await;
    assert!(inline.contains(&offered(&rep)) && !inline.contains(&offered(&viewer)), "{}", inline.body);
    // Lists are still narrowed to what they own.
    assert!(admin.get("/deals").await.contains(&viewer));

    for (at, name) in [("/deals", "name"), ("/companies", "name"), ("/contacts", "last_name"), ("/leads", "last_name")]
    {
        let refused = admin.post(at, &[(name, "Theirs"), ("owner_id", &viewer)]).await;
        assert!(refused.status() == 422 && refused.contains("may not edit records"), "{at}: {}", refused.body);
    }
    let manager = org.manager.to_string();
    assert_eq!(admin.post("/companies", &[("name", "Acme"), ("owner_id", &manager)]).await.status(), 303);
    let give = format!("/settings/members/{manager}/hand-over");
    let refused = admin.post(&give, &[("hand_over_to", &viewer)]).await;
    assert!(refused.status() == 422 && refused.contains("may not edit records"), "{}", refused.body);
    assert_eq!(app.texts("SELECT DISTINCT owner_id::text AS value FROM deals"), [org.admin.to_string()]);

    // A role that is given the right has it from the next click on; who owned before stays, and may stay in a form.
    let role = app.texts("SELECT id::text AS value FROM roles WHERE key = 'viewer'").remove(0);
    let seen = async |granted: &[(&str, &str)]| {
        let at = format!("/settings/roles/{role}");
        let page = admin.get(&at).await;
        let seen = page.between("name=\"seen\" value=\"", "\"").unwrap().to_owned();
        let saved = admin.post(&at, &[&[("seen", seen.as_str()), ("visibility", "all")], granted].concat()).await;
        assert_eq!(saved.status(), 303, "{}", saved.body);
    };
    seen(&[("permissions", "deals.edit")]).await;
    assert!(admin.get("/deals/new").await.contains(&offered(&viewer)));
    let theirs = admin.post("/deals", &[("name", "Theirs"), ("owner_id", &viewer)]).await;
    assert_eq!(theirs.status(), 303, "{}", theirs.body);
    seen(&[("permissions", "deals.view")]).await;
    let at = theirs.location.unwrap();
    let form = admin.get(&format!("{at}/edit")).await;
    assert!(form.contains(&format!("<option value=\"{viewer}\" selected")), "{}", form.body);
    let version = form.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let kept = [("version", version.as_str()), ("name", "Theirs still"), ("owner_id", &viewer), ("currency", "EUR")];
    assert_eq!(admin.post(&at, &kept).await.status(), 303);
    app.stop().await;
}
