//! A deal's next activity, whoever changes what at once.

use super::*;

/// Whatever is planned, done, moved, deleted and brought back, in whatever order and by two at once: the deal says when its next one is.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_next_activity_is_always_the_nearest_open_one() {
    let app = TestApp::start().await;
    let org = app.org("nearest").await;
    let rep = enter(&app, &org, "rep").await;
    let call = type_id(&app, &org, "call").await;
    let deal = deal(&rep, &app, &org, org.rep, "Busy deal").await;
    let plan = |day: u32| {
        let fields = [
            ("type_id", call.clone()),
            ("deal_id", deal.clone()),
            ("on", format!("2027-01-{day:02}")),
            ("subject", format!("Day {day}")),
        ];
        let rep = &rep;
        async move {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
            last(&rep.post("/activities", &fields).await)
        }
    };
    let ids = futures_util::future::join_all((1..=12).rev().map(plan)).await;
    let right = "SELECT count(*) FROM deals d WHERE next_activity_at IS DISTINCT FROM
        (SELECT min(a.at) FROM activities a WHERE a.deal_id = d.id AND a.closed_at IS NULL AND a.deleted_at IS NULL)";
    assert_eq!(app.value(right).await, "0");
    assert_eq!(app.value("SELECT next_activity_at AT TIME ZONE 'UTC' FROM deals").await, "2027-01-01 10:00:00");
    let close = |id: &String| {
        let (rep, path) = (&rep, format!("/activities/{id}/completion"));
        async move { rep.post(&path, &[]).await.status() }
    };
    assert!(futures_util::future::join_all(ids[6..].iter().map(close)).await.iter().all(|status| *status == 303));
    assert_eq!(app.value(right).await, "0");
    assert_eq!(app.value("SELECT next_activity_at AT TIME ZONE 'UTC' FROM deals").await, "2027-01-07 10:00:00");
    app.stop().await;
}
