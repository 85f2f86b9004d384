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
    let edited = |name, version| [stage(name, "90"), vec![("version", version)]].concat();
    assert_eq!(admin.post(&format!("/settings/stages/{signed}"), &edited("Agreed", "1")).await.status(), 303);
    assert_eq!(admin.post(&format!("/settings/stages/{signed}"), &edited("Qualified", "2")).await.status(), 422);
    assert_eq!(admin.post(&at, &[("name", "Sales"), ("version", "1")]).await.status(), 303);
    assert!(admin.get(&format!("/pipeline/{pipeline}")).await.contains("Agreed"));

    // Order: a step up, and all of them at once; a list that is not this pipeline's is refused.
    admin.post(&format!("/settings/stages/{signed}/shift"), &[("step", "up")]).await;
    let (_, now) = app.stages(&org);
    assert_eq!(now.iter().position(|s| *s == signed), Some(stages.len() - 1));
    let mut wanted = now.clone();
    wanted.reverse();
    let (was, then) = (now.join(","), wanted.join(","));
    let order = format!("{at}/order");
    assert_eq!(admin.post_partial(&order, &[("order", &then), ("was", &was)]).await.status(), 204);
    assert_eq!(app.stages(&org).1, wanted);
    assert_eq!(admin.post_partial(&order, &[("order", &stages[0]), ("was", &then)]).await.status(), 409);
    assert_eq!(admin.post_partial(&order, &[("order", "x"), ("was", &then)]).await.status(), 422);
    // Ordered by somebody else meanwhile.
    let mut other = now.clone();
    other.rotate_left(1);
    let refused = admin.post_partial(&order, &[("order", &other.join(",")), ("was", &was)]).await;
    assert!(refused.status() == 409 && refused.contains("changed the stages meanwhile"), "{}", refused.body);
    assert_eq!(app.stages(&org).1, wanted);

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
async fn a_stale_form_is_told_what_changed_and_by_whom() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (first, second) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "admin").await);
    let (pipeline, stages) = app.stages(&org);
    let who = app.texts(&format!("SELECT name AS value FROM members WHERE id = '{}'", org.admin)).remove(0);
    let (at, stage) = (format!("{SETTINGS}/{pipeline}"), format!("/settings/stages/{}", stages[0]));
    let page = first.get(&at).await;
    assert_eq!(page.body.matches("name=\"version\" value=\"1\"").count(), 2 + stages.len(), "{}", page.body);

    let fields = |name, version| [("name", name), ("color", "pink"), ("probability", "33"), ("version", version)];
    assert_eq!(first.post(&stage, &fields("Theirs", "1")).await.status(), 303);
    let told = second.post(&stage, &fields("Mine", "1")).await;
    assert_eq!(told.status(), 409, "{}", told.body);
    assert!(told.contains(&format!("{who} changed this while you were editing")), "{}", told.body);
    for text in ["Theirs", "value=\"Mine\"", "name=\"version\" value=\"2\"", "Save mine", "Probability in %"] {
        assert!(told.contains(text), "{text}: {}", told.body);
    }
    assert_eq!(app.texts(&format!("SELECT name AS value FROM stages WHERE id = '{}'", stages[0])), ["Theirs"]);
    // The same again is no conflict; sending it knowingly overwrites.
    assert_eq!(second.post(&stage, &fields("Theirs", "1")).await.status(), 303);
    assert_eq!(second.post(&stage, &fields("Mine", "2")).await.status(), 303);

    assert_eq!(first.post(&at, &[("name", "Theirs"), ("version", "1")]).await.status(), 303);
    let told = second.post(&at, &[("name", "Mine"), ("version", "1")]).await;
    assert!(told.status() == 409 && told.contains(&who) && told.contains("Theirs"), "{}", told.body);
    assert_eq!(second.post(&at, &[("name", "Mine"), ("version", "2")]).await.status(), 303);

    let before = app.texts("SELECT array_to_string(lost_reasons, E'\n') AS value FROM organisations").remove(0);
    let reasons = |text, seen| [("lost_reasons", text), ("seen", seen)];
    let path = "/settings/lost-reasons";
    assert_eq!(first.post(path, &reasons("Price\nTiming", &before)).await.status(), 303);
    let told = second.post(path, &reasons("Price\nNo need", &before)).await;
    assert!(told.status() == 409 && told.contains(&who) && told.contains("Price, Timing"), "{}", told.body);
    assert!(told.contains("name=\"seen\" value=\"Price\nTiming\"") && told.contains("Price\nNo need"), "{}", told.body);
    assert_eq!(second.post(path, &reasons("Price\nNo need", "Price\nTiming")).await.status(), 303);
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
        (format!("{SETTINGS}/{theirs}/order"), &[("order", order.as_str()), ("was", order.as_str())]),
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
    let kept = format!("SELECT array_to_string(lost_reasons, '|') AS value FROM organisations WHERE id = '{}'", org.id);
    let seen = app.texts(&kept).remove(0).replace('|', "\n");
    for (reasons, status) in [("", 422), (" Price \nprice\n\nTiming", 303)] {
        let fields = [("lost_reasons", reasons), ("seen", seen.as_str())];
        assert_eq!(admin.post("/settings/lost-reasons", &fields).await.status(), status);
    }
    assert_eq!(app.texts(&kept), ["Price|Timing"]);
    app.stop().await;
}
