//! Who sees and edits a field; one that is renamed, retired, restored, turned into another kind.

use super::{ROLES, add, custom, define, enter, id_of, try_define};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sees_and_who_edits() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("eyes").await, app.org("elsewhere").await);
    let (admin, rep) = (enter(&app, &org, "admin").await, enter(&app, &org, "rep").await);
    let secret: &[(&str, &str)] =
        &[("viewers", "administrator"), ("editors", "administrator"), ("default", "Confidential one")];
    define(&admin, "contact", "text", "Secret margin", secret).await;
    define(
        &admin,
        "contact",
        "text",
        "Score",
        &[("editors", "administrator"), ("default", "seven"), ("required", "true")],
    )
    .await;
    let refused =
        try_define(&admin, "contact", "text", "Found", &[("viewers", "administrator"), ("searchable", "true")]).await;
    assert!(refused.status() == 422 && refused.contains("everyone may see"), "{}", refused.body);

    let path = add(&rep, &[("last_name", "Rossi"), ("c_secret_margin", "forged"), ("c_score", "forged")]).await;
    assert_eq!(custom(&app, &org, "contacts").await, r#"{"c_score": "seven", "c_secret_margin": "Confidential one"}"#);
    let version = admin
        .get_partial(&format!("{path}/fields/c_secret_margin"))
        .await
        .between("name=\"version\" value=\"", "\"")
        .unwrap()
        .to_owned();
    let form = [("version", version.as_str()), ("c_secret_margin", "Confidential two")];
    assert_eq!(admin.post_partial(&format!("{path}/fields/c_secret_margin"), &form).await.status(), 200);
    assert!(admin.get(&path).await.contains("Confidential two"));
    for page in [
        path.clone(),
        format!("{path}/edit"),
        format!("{path}?timeline=changes"),
        "/contacts".into(),
        "/contacts/new".into(),
    ] {
        let page = rep.get(&page).await;
        assert_eq!(page.status(), 200);
        assert!(!page.contains("Confidential") && !page.contains("Secret margin"), "{}", page.body);
    }
    // A stale form of the rep's tells nothing of it either.
    let stale = rep.post(&path, &[("version", "1"), ("last_name", "Rossi"), ("lifecycle", "lead")]).await;
    assert!(stale.status() == 409 && !stale.contains("Confidential"), "{}", stale.body);
    assert_eq!(rep.get_partial(&format!("{path}/fields/c_secret_margin")).await.status(), 404);
    assert_eq!(rep.get_partial(&format!("{path}/fields/c_secret_margin/value")).await.status(), 404);
    assert_eq!(rep.get_partial(&format!("{path}/fields/c_score")).await.status(), 404);
    assert!(rep.get_partial(&format!("{path}/fields/c_score/value")).await.contains("seven"));
    let form = [
        ("version", "2"),
        ("last_name", "Rossi"),
        ("lifecycle", "lead"),
        ("c_score", "nine"),
        ("c_secret_margin", "x"),
    ];
    assert_eq!(rep.post(&path, &form).await.status(), 303);
    assert_eq!(custom(&app, &org, "contacts").await, r#"{"c_score": "seven", "c_secret_margin": "Confidential two"}"#);

    // Settings are the administrators'; another organisation has neither the field nor its key.
    let id = id_of(&app, &org, "c_score").await;
    for at in ["/settings/fields", "/settings/fields/new", &format!("/settings/fields/{id}")] {
        assert_eq!(rep.get(at).await.status(), 403, "{at}");
    }
    let stranger = enter(&app, &other, "admin").await;
    assert_eq!(stranger.get(&format!("/settings/fields/{id}")).await.status(), 404);
    assert_eq!(stranger.post(&format!("/settings/fields/{id}/retirement"), &[]).await.status(), 404);
    let theirs = add(&stranger, &[("last_name", "Bianchi"), ("c_score", "ten")]).await;
    assert_eq!(custom(&app, &other, "contacts").await, "{}");
    assert_eq!(stranger.get_partial(&format!("{theirs}/fields/c_score")).await.status(), 404);
    app.stop().await;
}

/// A formula is never seen by more people than what it reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn formulas_tell_nobody_more() {
    const ADMIN: [(&str, &str); 2] = [("viewers", "administrator"), ("editors", "administrator")];
    let app = TestApp::start().await;
    let org = app.org("quiet").await;
    let admin = enter(&app, &org, "admin").await;
    define(&admin, "contact", "text", "Secret", &ADMIN).await;
    define(&admin, "contact", "text", "Open", &[]).await;
    let formula = |text: &'static str| vec![("formula", text), ("result", "text")];
    let leak = try_define(&admin, "contact", "formula", "Loud", &formula(r#"c_secret + "!""#)).await;
    assert!(leak.status() == 422 && leak.contains("reads Secret"), "{}", leak.body);
    define(&admin, "contact", "formula", "Low", &[&formula(r#"c_secret + "!""#)[..], &ADMIN].concat()).await;
    define(&admin, "contact", "formula", "Loud", &formula(r#"c_open + "!""#)).await;
    // Narrowed afterwards.
    let path = format!("/settings/fields/{}", id_of(&app, &org, "c_open").await);
    let version = admin.get(&path).await.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let fewer = [("type", "contact"), ("kind", "text"), ("label", "Open"), ("version", version.as_str())];
    let fewer = [&fewer[..], &ADMIN].concat();
    let refused = admin.post(&path, &fewer).await;
    assert!(refused.status() == 422 && refused.contains("the formula Loud"), "{}", refused.body);
    // Nor does a field take the name of what the program shows.
    for label in ["Tags", "Completeness", "Pipewright ID"] {
        let page = try_define(&admin, "contact", "text", label, &[]).await;
        assert!(page.status() == 422 && page.contains("name of a built-in field"), "{label}: {}", page.body);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renamed_retired_restored_and_turned() {
    let app = TestApp::start().await;
    let org = app.org("change").await;
    let admin = enter(&app, &org, "admin").await;
    define(&admin, "contact", "choice", "Level", &[("new_choices", "High\nLow")]).await;
    define(&admin, "contact", "integer", "Seats", &[]).await;
    let path = add(&admin, &[("last_name", "Rossi"), ("c_level", "high"), ("c_seats", "12")]).await;
    let at = format!("/settings/fields/{}", id_of(&app, &org, "c_level").await);
    let everyone: Vec<(&str, &str)> =
        ["viewers", "editors"].iter().flat_map(|n| ROLES.map(|role| (*n, role))).collect();
    let form = |more: &[(&'static str, &'static str)]| [more, &everyone].concat();

    let renamed = form(&[
        ("version", "1"),
        ("kind", "choice"),
        ("label", "Importance"),
        ("choice_label_high", "Very high"),
        ("choice_color_high", "red"),
        ("choice_retired_high", "true"),
        ("choice_label_low", "Low"),
        ("choice_order_low", "1"),
        ("choice_order_high", "2"),
        ("new_choices", "Middle"),
    ]);
    assert_eq!(admin.post(&at, &renamed).await.status(), 303);
    assert!(admin.get(&path).await.contains("Very high"));
    assert!(!admin.get("/contacts/new").await.contains("Very high"), "retired choices are not offered");
    assert!(admin.get(&format!("{path}/edit")).await.contains("Very high"), "but stay where they stand");
    assert_eq!(admin.post(&at, &renamed).await.status(), 409, "made from an older version");
    assert!(admin.get("/settings/fields?type=contact").await.contains("c_level"));

    assert_eq!(admin.post(&format!("{at}/retirement"), &[]).await.status(), 303);
    let page = admin.get(&path).await;
    assert!(!page.contains("<dt>Importance"), "{}", page.body);
    let saved = admin
        .post(&path, &[("version", "1"), ("last_name", "Rossi-B"), ("lifecycle", "lead"), ("c_level", "low")])
        .await;
    assert_eq!(saved.status(), 303);
    assert_eq!(admin.post(&format!("{at}/retirement/undo"), &[]).await.status(), 303);
    assert!(admin.get(&path).await.contains("Very high"), "the value was kept");

    // One of may become many of; a number never becomes a date.
    let many =
        form(&[("version", "4"), ("kind", "choices"), ("label", "Importance"), ("choice_label_high", "Very high")]);
    let turned = admin.post(&at, &many).await;
    assert_eq!(turned.status(), 303, "{}", turned.body);
    assert_eq!(custom(&app, &org, "contacts").await, r#"{"c_level": ["high"], "c_seats": 12}"#);
    let seats = format!("/settings/fields/{}", id_of(&app, &org, "c_seats").await);
    let refused = admin.post(&seats, &form(&[("version", "1"), ("kind", "date"), ("label", "Seats")])).await;
    assert!(refused.status() == 422 && refused.contains("may become decimal number only"), "{}", refused.body);
    assert_eq!(
        admin.post(&seats, &form(&[("version", "1"), ("kind", "decimal"), ("label", "Seats")])).await.status(),
        303
    );
    assert!(admin.get(&path).await.contains("12"));
    assert_eq!(admin.post(&format!("{seats}/place"), &[("to", "up")]).await.status(), 303);
    assert_eq!(app.value("SELECT string_agg(key, ' ' ORDER BY position) FROM custom_fields").await, "c_seats c_level");
    app.stop().await;
}
