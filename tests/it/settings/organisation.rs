//! The organisation's own settings and its logo.

use super::{ask, enter};
use crate::support::{Client, TestApp};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_organisation_is_changed_and_a_stale_save_is_told() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (first, second) = (enter(&app, &org, "admin").await, enter(&app, &org, "admin").await);
    let page = first.get("/settings/organisation").await;
    assert!(page.contains("--org aurelia</code>"), "{}", page.body);
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
