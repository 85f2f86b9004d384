//! Settings of pipelines: their stages, where deals go when one is removed, and the reasons deals are lost for.

use crate::support::{TestApp, cards};

const SETTINGS: &str = "/settings/pipelines";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stages_added_edited_ordered_and_removed_with_their_deals() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = app.signed_in(&org, "admin").await;
    let (pipeline, stages) = app.stages(&org);
    let at = format!("{SETTINGS}/{pipeline}");
    let mut deals = vec![];
    for i in 0..6 {
        deals.push(admin.add_deal(&stages[i % 2], &format!("Deal {i}"), &[("amount", "10.5")]).await);
    }
    admin.post(&format!("/deals/{}/closure", deals[1]), &[("outcome", "won")]).await;

    // Every form shows what there is, and refuses what cannot be.
    let page = admin.get(&at).await;
    let name = app.texts("SELECT name AS value FROM pipelines").remove(0);
    assert!(page.contains(&format!("name=\"name\" type=\"text\" value=\"{name}\"")), "{}", page.body);
    assert!(admin.get(SETTINGS).await.contains("name=\"name\" type=\"text\" value=\"\""));
    let stage = |name, probability| {
        vec![("name", name), ("color", "pink"), ("probability", probability), ("rotting_days", "9")]
    };
    for bad in [stage("", "10"), stage("Signed", "101"), stage("Signed", ""), stage("Qualified", "5")] {
        let page = admin.post(&format!("{at}/stages"), &bad).await;
        assert!(page.status() == 422 && page.contains("invalid-feedback"), "{bad:?}: {}", page.body);
    }
    assert_eq!(admin.post(&format!("{at}/stages"), &stage("Signed", "95")).await.status(), 303);
    let signed = app.texts("SELECT id::text AS value FROM stages WHERE name = 'Signed'").remove(0);
    assert_eq!(admin.post(&format!("/settings/stages/{signed}"), &stage("Agreed", "90")).await.status(), 303);
    assert_eq!(admin.post(&format!("/settings/stages/{signed}"), &stage("Qualified", "90")).await.status(), 422);
    assert_eq!(admin.post(&at, &[("name", "Sales")]).await.status(), 303);
    assert!(admin.get(&format!("/pipeline/{pipeline}")).await.contains("Agreed"));

    // Order: a step up, and all of them at once; a list that is not this pipeline's is refused.
    admin.post(&format!("/settings/stages/{signed}/shift"), &[("step", "up")]).await;
    let (_, now) = app.stages(&org);
    assert_eq!(now.iter().position(|s| *s == signed), Some(stages.len() - 1));
    let mut wanted = now.clone();
    wanted.reverse();
    assert_eq!(admin.post_partial(&format!("{at}/order"), &[("order", &wanted.join(","))]).await.status(), 204);
    assert_eq!(app.stages(&org).1, wanted);
    assert_eq!(admin.post_partial(&format!("{at}/order"), &[("order", &stages[0])]).await.status(), 409);
    assert_eq!(admin.post_partial(&format!("{at}/order"), &[("order", "x")]).await.status(), 422);

    // Removed: its open and closed deals go on top of the target, in their order; positions stay unique and totals exact.
    let removal = format!("/settings/stages/{}/removal", stages[1]);
    assert!(admin.get(&removal).await.contains("go to"));
    assert_eq!(admin.post(&removal, &[]).await.status(), 422);
    assert_eq!(admin.post(&removal, &[("target", &stages[1])]).await.status(), 422);
    assert_eq!(admin.post(&removal, &[("target", &stages[0])]).await.status(), 303);
    assert_eq!(
        app.texts("SELECT stage_id::text AS value FROM deals GROUP BY stage_id"),
        [stages[0].clone()],
        "open and closed"
    );
    let first = |i: usize| deals[i].clone();
    let board = admin.get(&format!("/pipeline/{pipeline}")).await;
    assert_eq!(cards(&board), [first(5), first(3), first(4), first(2), first(0)]);
    let doubles =
        "SELECT position AS value FROM deals WHERE status = 'open' GROUP BY stage_id, position HAVING count(*) > 1";
    assert_eq!(app.texts(doubles), Vec::<String>::new());
    assert_eq!(app.totals_differ(), Vec::<String>::new());
    assert_eq!(
        app.texts("SELECT count(*)::text AS value FROM events WHERE kind = 'deal.moved' AND changes ? 'stage_id'"),
        ["3"]
    );
    assert!(admin.get(&format!("/deals/{}", deals[1])).await.contains("Won"));

    // A whole pipeline: not the last one; its deals go to a stage of another.
    let deletion = format!("{at}/deletion");
    assert_eq!(admin.post(&deletion, &[]).await.status(), 409);
    assert_eq!(admin.post(SETTINGS, &[("name", "Sales")]).await.status(), 422);
    let second = admin.post(SETTINGS, &[("name", "Renewals")]).await.location.unwrap();
    let second = second.rsplit('/').next().unwrap().to_owned();
    let target = app.texts(&format!("SELECT id::text AS value FROM stages WHERE pipeline_id = '{second}'")).remove(0);
    assert_eq!(admin.post(&deletion, &[]).await.status(), 422);
    assert_eq!(admin.post(&deletion, &[("target", &stages[0])]).await.status(), 422);
    assert_eq!(admin.post(&deletion, &[("target", &target)]).await.status(), 303);
    assert_eq!(app.texts("SELECT pipeline_id::text AS value FROM deals GROUP BY 1"), std::slice::from_ref(&second));
    assert_eq!(cards(&admin.get(&format!("/pipeline/{second}")).await).len(), 5);
    let told = "SELECT DISTINCT (changes->'pipeline_id'->0->>'name') || ' to ' || (changes->'pipeline_id'->1->>'name') AS value
        FROM events WHERE kind = 'deal.moved' AND changes ? 'pipeline_id'";
    assert_eq!(app.texts(told), ["Sales to Renewals"]);
    let page = admin.get(&format!("/deals/{}", deals[0])).await;
    assert!(page.contains("Renewals") && page.contains("Pipeline"), "the timeline says both: {}", page.body);
    assert_eq!((app.totals_differ(), app.texts(doubles)), (vec![], vec![]));
    let last = format!("/settings/stages/{target}/removal");
    assert_eq!(admin.post(&last, &[("target", &target)]).await.status(), 409);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_administrators_and_only_their_own() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let admin = app.signed_in(&org, "admin").await;
    let ((pipeline, stages), (theirs, their_stages)) = (app.stages(&org), app.stages(&other));
    admin.add_deal(&stages[0], "Ours", &[]).await;
    let stage = [("name", "Mine now"), ("color", "red"), ("probability", "1")];
    let (id, order) = (&their_stages[0], their_stages.join(","));
    for (path, fields) in [
        (format!("{SETTINGS}/{theirs}"), &stage[..]),
        (format!("{SETTINGS}/{theirs}/stages"), &stage),
        (format!("{SETTINGS}/{theirs}/order"), &[("order", order.as_str())]),
        (format!("{SETTINGS}/{theirs}/deletion"), &[]),
        (format!("/settings/stages/{id}"), &stage),
        (format!("/settings/stages/{id}/shift"), &[("step", "down")]),
        (format!("/settings/stages/{id}/removal"), &[("target", stages[0].as_str())]),
    ] {
        let page = admin.post(&path, fields).await;
        assert_eq!(page.status(), 404, "{path}: {}", page.body);
    }
    assert_eq!(admin.get(&format!("{SETTINGS}/{theirs}")).await.status(), 404);
    assert_eq!(admin.get(&format!("/settings/stages/{id}/removal")).await.status(), 404);
    // Our stage's deals cannot be sent to theirs.
    assert_eq!(admin.post(&format!("/settings/stages/{}/removal", stages[0]), &[("target", id)]).await.status(), 422);
    assert_eq!(app.stages(&other).1, their_stages);

    for who in ["rep", "viewer"] {
        let client = app.signed_in(&org, who).await;
        client.get("/deals").await;
        assert_eq!(client.get(SETTINGS).await.status(), 403);
        assert_eq!(client.post(&format!("{SETTINGS}/{pipeline}"), &[("name", "x")]).await.status(), 403);
        assert_eq!(client.post(&format!("/settings/stages/{}", stages[0]), &stage).await.status(), 403);
        assert_eq!(client.post("/settings/lost-reasons", &[("lost_reasons", "x")]).await.status(), 403);
    }
    for (reasons, status) in [("", 422), (" Price \nprice\n\nTiming", 303)] {
        assert_eq!(admin.post("/settings/lost-reasons", &[("lost_reasons", reasons)]).await.status(), status);
    }
    let kept = format!("SELECT array_to_string(lost_reasons, '|') AS value FROM organisations WHERE id = '{}'", org.id);
    assert_eq!(app.texts(&kept), ["Price|Timing"]);
    app.stop().await;
}
