//! The demo organisation, and Home over it: every figure against a plain count.

use crate::support::{PASSWORD, TestApp};
use diesel::{Connection, PgConnection, RunQueryDsl, sql_query, sql_types};
use pipewright::features::seeds;

#[derive(diesel::QueryableByName)]
struct Text {
    #[diesel(sql_type = sql_types::Text)]
    t: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn demo_is_made_once_and_home_says_what_is_in_it() {
    let app = TestApp::start().await;
    for first in [true, false] {
        let db = app.db.clone();
        assert_eq!(tokio::task::spawn_blocking(move || seeds::demo(&db)).await.unwrap().unwrap(), first);
    }
    let mut conn = PgConnection::establish(app.database_url()).unwrap();
    let mut ask = |sql: &str| sql_query(sql).get_result::<Text>(&mut conn).unwrap().t;
    assert_eq!(
        ask(
            "SELECT concat_ws(' ', (SELECT count(*) FROM companies), (SELECT count(*) FROM contacts), (SELECT count(*) FROM leads), (SELECT count(*) FROM deals), (SELECT count(*) FROM search_documents)) AS t"
        ),
        "45 126 60 144 375"
    );
    let later = [
        "events WHERE at",
        "companies WHERE greatest(created_at, updated_at)",
        "contacts WHERE greatest(created_at, updated_at)",
        "leads WHERE greatest(created_at, updated_at)",
        "deals WHERE greatest(created_at, updated_at, stage_entered_at, closed_at)",
        "notes WHERE greatest(created_at, updated_at)",
        "activities WHERE greatest(created_at, updated_at, closed_at)",
    ];
    for later in later {
        assert_eq!(ask(&format!("SELECT count(*)::text AS t FROM {later} > now()")), "0", "{later} later than now");
    }
    let odd = "SELECT count(*)::text AS t FROM deals d WHERE version <> (SELECT max(version) FROM events e WHERE e.record_id = d.id)
        OR version <> (SELECT count(version) FROM events e WHERE e.record_id = d.id)
        OR created_at > stage_entered_at OR stage_entered_at > coalesce(closed_at, now())";
    assert_eq!(ask(odd), "0", "deals whose history is another");

    let pasts = "SELECT concat_ws(' ', count(*) > 150, count(*) FILTER (WHERE s.amount IS DISTINCT FROM (e.changes #>> '{amount,1}')::numeric)) AS t
        FROM events e JOIN deal_states s ON s.deal_id = e.record_id AND s.valid_from <= e.at AND (s.valid_to > e.at OR s.valid_to IS NULL)
        WHERE e.record_type = 'deal' AND e.changes ? 'amount'";
    assert_eq!(ask(pasts), "t 0", "past days and the history of values");
    let told = "SELECT count(*)::text AS t FROM deals d WHERE amount IS DISTINCT FROM (SELECT (e.changes #>> '{amount,1}')::numeric
        FROM events e WHERE e.record_id = d.id AND e.changes ? 'amount' ORDER BY e.version DESC LIMIT 1)";
    assert_eq!(ask(told), "0", "deals worth something else than their history says");

    let planned = "SELECT count(*)::text AS t FROM deals d WHERE next_activity_at IS DISTINCT FROM
        (SELECT min(a.at) FROM activities a WHERE a.deal_id = d.id AND a.closed_at IS NULL AND a.deleted_at IS NULL)";
    assert_eq!(ask(planned), "0", "deals whose next activity is another");

    let manager = app.new_client();
    manager.sign_in("manager@demo.test", PASSWORD).await;
    let home = manager.get("/").await;
    assert_eq!(home.status(), 200);
    let open = ask("SELECT count(*)::text AS t FROM deals WHERE status = 'open'");
    assert!(home.contains(&format!("{open} deals")), "open deals: {open}");
    let won = ask(
        "SELECT count(*)::text AS t FROM deals WHERE status = 'won' AND closed_at >= date_trunc('month', now() AT TIME ZONE 'Europe/Amsterdam') AT TIME ZONE 'Europe/Amsterdam'",
    );
    let words = if won == "1" { "1 deal;".to_owned() } else { format!("{won} deals;") };
    assert!(home.contains(&words), "won this month: {won}");
    let stale = ask("SELECT d.id::text AS t FROM deals d JOIN stages s ON s.id = d.stage_id WHERE d.status = 'open'
        AND d.stage_entered_at < now() - make_interval(days => s.rotting_days) ORDER BY d.stage_entered_at LIMIT 1");
    assert!(home.contains(&format!("/deals/{stale}")), "the deal that stands longest");
    assert!(home.contains("data-chart") && home.contains("Won by person"));
    let idle = ask(
        "SELECT id::text AS t FROM deals WHERE status = 'open' AND next_activity_at IS NULL ORDER BY stage_entered_at LIMIT 1",
    );
    assert!(
        home.contains(&format!("/deals/{idle}?compose=activity")),
        "the deal without a next step that stands longest"
    );
    assert!(home.contains("The team's load") && home.contains("Overdue and due today"));

    let rep = app.new_client();
    rep.sign_in("rep@demo.test", PASSWORD).await;
    let home = rep.get("/").await;
    let own = ask(
        "SELECT count(*)::text AS t FROM deals d JOIN members m ON m.id = d.owner_id WHERE d.status = 'open' AND m.email = 'rep@demo.test'",
    );
    assert!(home.contains(&format!("{own} deals")), "own open deals: {own}");
    assert!(!home.contains("Won by person"));
    // Who only reads owns nothing: they see what there is, and are offered nothing they may not do.
    let viewer = app.new_client();
    viewer.sign_in("viewer@demo.test", "pipewright-demo").await;
    let home = viewer.get("/").await;
    assert!(
        home.contains(&format!("{open} deals")) && !home.contains("Won by person") && !home.contains("your open deals")
    );
    let board = viewer.get(viewer.get("/pipeline").await.location.as_deref().unwrap()).await;
    assert!(!board.contains("can-add") && !board.contains("id=\"quick-add\""));

    let fresh = app.org("fresh").await;
    let admin = app.signed_in(&fresh, "admin").await;
    assert!(admin.get("/").await.contains("Your pipeline starts here"));
    // A new organisation is told what to do next, and where it can bring what it has.
    let board = admin.get("/pipeline").await.location.unwrap();
    assert!(admin.get(&board).await.contains("href=\"/imports/new?type=deals\""));
    assert!(admin.get("/contacts").await.contains("href=\"/imports/new?type=contacts\""));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scale_has_lines_that_agree_with_amounts_and_competitors_that_deals_were_lost_to() {
    let app = TestApp::start().await;
    let db = app.db.clone();
    tokio::task::spawn_blocking(move || seeds::scale(&db, 60, 20, 300)).await.unwrap().unwrap();
    let counts = "SELECT concat_ws(' ', count(*), count(*) FILTER (WHERE amount IS DISTINCT FROM l.net AND l.n > 0),
          count(*) FILTER (WHERE amount_from = 'lines'), count(l.n) FILTER (WHERE status = 'won') > 50,
          count(l.n) BETWEEN 400 AND 550, count(lost_to) BETWEEN 10 AND 120,
          count(*) FILTER (WHERE lost_to IS NOT NULL AND (status <> 'lost' OR NOT EXISTS (
            SELECT 1 FROM deal_competitors c WHERE c.deal_id = d.id AND c.competitor_id = d.lost_to)))) AS value
        FROM deals d LEFT JOIN (SELECT deal_id, count(*) AS n, sum(net) AS net FROM deal_lines GROUP BY 1) l ON l.deal_id = d.id";
    assert_eq!(app.texts(counts), ["750 0 0 t t t 0"]);
    assert_eq!(app.texts("SELECT (count(*) > 90)::text AS value FROM deal_competitors"), ["true"]);
    let admin = app.new_client();
    admin.sign_in("admin@scale.test", PASSWORD).await;
    let report = admin.get("/reports/sales?when=ever").await;
    assert!(report.between("id=\"by-product\"", "</section>").unwrap().contains("Product "), "{}", report.body);
    app.stop().await;
}
