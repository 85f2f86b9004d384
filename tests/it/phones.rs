//! Phone numbers without a country code: of the record's country, else of the organisation's; refused where no such number can be.

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_of_its_record_s_country_else_the_organisation_s() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    // A Briton in an organisation of Amsterdam.
    app.alter("UPDATE organisations SET locale = 'nl-NL'");
    let rep = app.signed_in(&org, "rep").await;
    let phones = "SELECT phone AS value FROM contacts ORDER BY id DESC LIMIT 1";
    for (country, typed, kept) in [
        ("", "020-1234567", "+31201234567"),
        ("NL", "06 1234 5678", "+31612345678"),
        ("GB", "020 7946 0018", "+442079460018"),
        ("Germany", "030 123456", "+4930123456"),
        ("DE", "+31 (0)20 123 4567", "+31201234567"),
    ] {
        let made = rep.post("/contacts", &[("last_name", "Rossi"), ("phone", typed), ("country", country)]).await;
        assert_eq!(
            (made.status(), app.texts(phones)),
            (303, vec![kept.to_owned()]),
            "{country} {typed}: {}",
            made.body
        );
    }
    for (country, typed) in [("GB", "020-1234567"), ("GB", "0612345678"), ("", "1234567890123"), ("", "12345678")] {
        for (at, name) in [("/contacts", "last_name"), ("/companies", "name"), ("/leads", "last_name")] {
            let refused = rep.post(at, &[(name, "Rossi"), ("phone", typed), ("country", country)]).await;
            let told = refused.contains("f-phone-error") && refused.contains(&format!("value=\"{typed}\""));
            assert!(refused.status() == 422 && told, "{at} {country} {typed}: {}", refused.body);
        }
    }
    // In place, and as it is shown: at home as it is dialled there, whoever reads.
    let path = rep.post("/companies", &[("name", "Halden"), ("country", "BE")]).await.location.unwrap();
    let field = rep.get_partial(&format!("{path}/fields/phone")).await;
    let version = field.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let saved =
        rep.post_partial(&format!("{path}/fields/phone"), &[("version", &version), ("phone", "09 234 56 78")]).await;
    assert!(saved.status() == 200 && saved.contains("tel:+3292345678"), "{}", saved.body);
    let path = rep.post("/companies", &[("name", "Haven"), ("phone", "+31201234567")]).await.location.unwrap();
    assert!(rep.get(&path).await.contains("020 123 4567"));
    app.stop().await;
}
