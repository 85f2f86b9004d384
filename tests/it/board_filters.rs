//! A filter of a pipeline that cannot be understood: told at its field, the rest of it in force.

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_understood_is_told_at_its_field() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = app.signed_in(&org, "rep").await;
    let (pipeline, stages) = app.stages(&org);
    let board = format!("/pipeline/{pipeline}");
    for (name, amount) in [("Cheap thing", "100"), ("Dear thing", "90000"), ("Other", "90000")] {
        rep.add_deal(&stages[0], name, &[("amount", amount)]).await;
    }
    rep.get(&format!("{board}?q=dear")).await;
    let long = "x".repeat(101);
    for at in ["", "/forecast", "/calendar", "/timeline"] {
        for (wrong, field, typed) in [
            ("amount_min=10x", "amount_min", "10x"),
            ("amount_max=-5", "amount_max", "-5"),
            (&format!("amount_min=abc&tag={}", stages[0]), "amount_min", "abc"),
        ] {
            let page = rep.get(&format!("{board}{at}?q=thing&owner=me&{wrong}")).await;
            assert_eq!(page.status(), 422, "{at} {wrong}");
            let form = page.between("class=\"menu board-filters\" open", "</form>").unwrap();
            assert!(form.contains(&format!("id=\"f-{field}-error\"")) && form.contains("number"), "{form}");
            assert!(form.contains(&format!("value=\"{typed}\"")) && form.contains("value=\"thing\""), "{form}");
            assert!(form.contains("value=\"me\" selected"), "{form}");
            assert!(page.contains("2 open deals"), "{at} {wrong}: {}", page.body);
        }
        let page = rep.get(&format!("{board}{at}?q={long}")).await;
        assert!(page.status() == 422 && page.contains("f-q-error") && page.contains(&long), "{}", page.body);
    }
    // It is not what the board comes back to, and its parts are refused as they were.
    assert_eq!(rep.get(&board).await.location.unwrap(), format!("{board}?q=dear"));
    assert_eq!(rep.get_partial(&format!("{board}/stages/{}/cards?amount_min=abc", stages[0])).await.status(), 422);
    app.stop().await;
}
