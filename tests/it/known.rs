//! Figures that are counted once until something happens: anew after an event, and for each reader what they may see.

use crate::support::{Page, TestApp};
use std::time::{Duration, Instant};

/// Well within the ten seconds for which a figure may be shown though nothing new happened.
const SOON: Duration = Duration::from_secs(7);

fn open(page: &Page) -> &str {
    let before = page.body.split_once(" open deals</span>").unwrap_or_else(|| panic!("{}", page.body)).0;
    before.rsplit('>').next().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_figure_is_counted_anew_once_something_happened() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (rep, (pipeline, stages)) = (app.signed_in(&org, "rep").await, app.stages(&org));
    rep.add_deal(&stages[0], "One", &[("amount", "10")]).await;
    let today = app.value("SELECT (now() AT TIME ZONE 'Europe/Amsterdam')::date").await;
    let at = format!("/pipeline/{pipeline}/history?on={today}");
    let counted = Instant::now();
    assert_eq!(open(&rep.get(&at).await), "1");
    // Behind everybody's back, without an event: it is known still.
    app.alter(&format!(
        "INSERT INTO deals (org_id, id, number, name, pipeline_id, stage_id, position, amount, currency, owner_id)
         VALUES ('{}', app.uuid7(), 9, 'Silent', '{pipeline}', '{}', 'z', 5, 'EUR', '{}')",
        org.id, stages[0], org.rep
    ));
    let again = rep.get(&at).await;
    if counted.elapsed() < SOON {
        assert_eq!(open(&again), "1", "counted once");
    }
    // An event, of whatever: each figure is counted anew at once, whoever asks.
    rep.add_deal(&stages[0], "Two", &[("amount", "20")]).await;
    assert_eq!(open(&rep.get(&at).await), "3");
    assert_eq!(open(&app.signed_in(&org, "admin").await.get(&at).await), "3");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subtotals_are_those_of_what_the_reader_may_see_by_then() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (rep, (_, stages)) = (app.signed_in(&org, "rep").await, app.stages(&org));
    let (mine, hers) = (org.rep.to_string(), org.admin.to_string());
    for (owner, amount) in [(&mine, "10"), (&hers, "700"), (&hers, "77")] {
        rep.add_deal(&stages[0], "Deal", &[("amount", amount), ("owner_id", owner)]).await;
    }
    let at = "/deals?view=all&group=owner_id";
    assert!(rep.get(at).await.contains("€777"));
    // No event tells of it, and nothing that processes keep depends on it.
    app.alter(&format!("UPDATE roles SET visibility = 'own' WHERE org_id = '{}' AND key = 'rep'", org.id));
    let narrowed = rep.get(at).await;
    assert!(narrowed.contains("€10") && !narrowed.contains("€777"), "{}", narrowed.body);
    assert!(app.signed_in(&org, "admin").await.get(at).await.contains("€777"));
    app.stop().await;
}
