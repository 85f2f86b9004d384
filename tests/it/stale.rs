//! Saves that come too late, compared three ways: what only others changed is kept, what only the form changes is one's own, and what
//! both changed is theirs to choose.

use crate::{
    companies::add,
    support::{Page, TestApp},
};

fn version(page: &Page) -> String {
    page.between("name=\"version\" value=\"", "\"").unwrap().to_owned()
}

/// The two sides of a conflict.
fn sides(page: &Page) -> (String, String) {
    let all = page.between("conflict-cols", "form-actions").unwrap();
    let (theirs, mine) = all.split_once("Yours, not saved").unwrap();
    (theirs.to_owned(), mine.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_keeps_what_it_did_not_touch() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (one, two) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "admin").await);
    let path = add(&one, &[("name", "Brightwater"), ("city", "Gent"), ("country", "BE"), ("employees", "1200")]).await;
    let v = version(&one.get(&format!("{path}/edit")).await);
    fn form<'a>(v: &'a str, city: &'a str, phone: &'a str) -> Vec<(&'a str, &'a str)> {
        let same = [("name", "Brightwater"), ("country", "BE"), ("employees", "1200")];
        [&[("version", v), ("city", city), ("phone", phone)], &same[..]].concat()
    }

    // Another field of theirs: saving keeps both.
    assert_eq!(two.post(&path, &form(&v, "Leuven", "")).await.status(), 303);
    let told = one.post(&path, &form(&v, "Gent", "+3292345678")).await;
    assert_eq!(told.status(), 409, "{}", told.body);
    let (theirs, mine) = sides(&told);
    assert!(theirs.contains("<del>Gent</del>") && theirs.contains("Leuven") && theirs.contains("Admin"), "{theirs}");
    assert!(mine.contains("Phone") && mine.contains("9 234 56 78") && !mine.contains("City"), "{mine}");
    assert!(!theirs.contains("differs") && !mine.contains("differs") && mine.contains("saving keeps both"), "{mine}");
    assert!(told.contains("name=\"city\" type=\"text\" value=\"Leuven\""), "{}", told.body);
    let v = version(&told);
    assert_eq!(one.post(&path, &form(&v, "Leuven", "+3292345678")).await.status(), 303);
    let kept = "SELECT city || ' ' || phone || ' ' || employees AS value FROM companies";
    assert_eq!(app.texts(kept), ["Leuven +3292345678 1200"]);

    // The same field of both, over several saves of theirs: one is chosen, and the form holds mine.
    let v = version(&one.get(&format!("{path}/edit")).await);
    for city in ["Antwerpen", "Brugge"] {
        let now = version(&two.get(&format!("{path}/edit")).await);
        assert_eq!(two.post(&path, &form(&now, city, "+3292345678")).await.status(), 303);
    }
    let told = one.post(&path, &form(&v, "Mechelen", "+3292345678")).await;
    let (theirs, mine) = sides(&told);
    assert!(theirs.contains("<del>Leuven</del>") && theirs.contains("differs\">Brugge"), "{theirs}");
    assert!(mine.contains("differs\">Mechelen") && mine.contains("Both changed City"), "{mine}");
    assert!(told.contains("value=\"Mechelen\"") && !mine.contains("Phone"), "{}", told.body);

    // What they changed to what mine says is no conflict.
    let told = one.post(&path, &form(&v, "Brugge", "+3292345678")).await;
    assert!(told.status() == 409 && sides(&told).1.contains("says nothing else"), "{}", told.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boxes_links_amounts_and_stages_too() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (one, two) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "admin").await);
    let path = one.post("/contacts", &[("last_name", "Rossi"), ("company", "Halden")]).await.location.unwrap();
    let edit = one.get(&format!("{path}/edit")).await;
    let (v, halden) = (version(&edit), edit.between("name=\"company_id\" value=\"", "\"").unwrap().to_owned());
    let linked = [("version", v.as_str()), ("last_name", "Rossi"), ("company_id", &halden), ("company", "Halden")];
    let theirs = [&linked[..], &[("do_not_contact", "on"), ("title", "CFO")]].concat();
    assert_eq!(two.post(&path, &theirs).await.status(), 303);
    let told =
        one.post(&path, &[&linked[..2], &[("company", "Elsewhere"), ("company_id", ""), ("title", "")]].concat()).await;
    let (_, mine) = sides(&told);
    assert!(mine.contains("Company") && mine.contains("Elsewhere") && !mine.contains("Title"), "{mine}");
    let ticked = told.between("name=\"do_not_contact\"", ">").unwrap();
    assert!(ticked.contains("checked") && told.contains("value=\"CFO\""), "{}", told.body);

    let made = one.post("/deals", &[("name", "Pilot"), ("amount", "900.50")]).await;
    let (path, other) = (made.location.unwrap(), [("source", "Fair"), ("probability", "")]);
    let v = version(&one.get(&format!("{path}/edit")).await);
    let form = |name, amount| {
        [&[("version", v.as_str()), ("name", name), ("amount", amount), ("currency", "EUR")], &other[..]].concat()
    };
    assert_eq!(two.post(&path, &form("Pilot, second", "900.5000")).await.status(), 303);
    let told = one.post(&path, &form("Pilot", "777")).await;
    let (theirs, mine) = sides(&told);
    assert!(theirs.contains("Pilot, second") && mine.contains("€777.00") && !mine.contains("Pilot"), "{theirs}{mine}");
    assert!(told.contains("value=\"Pilot, second\"") && told.contains("value=\"777\""), "{}", told.body);

    let (pipeline, stages) = app.stages(&org);
    let (at, page) =
        (format!("/settings/stages/{}", stages[0]), two.get(&format!("/settings/pipelines/{pipeline}")).await);
    let probability = page.between("name=\"probability\" value=\"", "\"").unwrap().to_owned();
    let stage =
        |name, color| [("version", "1"), ("name", name), ("color", color), ("probability", probability.as_str())];
    let first = app.texts(&format!("SELECT name AS value FROM stages WHERE id = '{}'", stages[0])).remove(0);
    assert_eq!(two.post(&at, &stage("Theirs", "pink")).await.status(), 303);
    let told = two.post(&at, &stage(&first, "teal")).await;
    let (theirs, mine) = sides(&told);
    assert!(theirs.contains("Theirs") && mine.contains("teal") && !mine.contains(&first), "{theirs}{mine}");
    assert!(told.status() == 409 && told.contains("name=\"name\" value=\"Theirs\""), "{}", told.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amount_is_compared_as_its_writer_means_it() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (one, two) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "admin").await);
    app.sql("UPDATE users SET locale = 'de-DE'").await;
    let path = one.post("/deals", &[("name", "Pumpen"), ("amount", "50")]).await.location.unwrap();
    let v = version(&one.get(&format!("{path}/edit")).await);
    fn form<'a>(v: &'a str, name: &'a str, amount: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![("version", v), ("name", name), ("amount", amount), ("currency", "EUR"), ("probability", "")]
    }
    assert_eq!(two.post(&path, &form(&v, "Pumpen, neu", "50,00")).await.status(), 303);
    // Fifty thousand, where fifty is kept: that is a change, not the same number once more.
    let told = one.post(&path, &form(&v, "Pumpen", "50.000")).await;
    let (theirs, mine) = sides(&told);
    assert!(theirs.contains("Pumpen, neu") && mine.contains("50.000,00"), "{theirs}{mine}");
    assert!(told.status() == 409 && told.contains("value=\"50.000\""), "{}", told.body);
    assert_eq!(one.post(&path, &form(&version(&told), "Pumpen, neu", "50.000")).await.status(), 303);
    assert_eq!(app.texts("SELECT name || ' ' || trim_scale(amount) AS value FROM deals"), ["Pumpen, neu 50000"]);
    app.stop().await;
}
