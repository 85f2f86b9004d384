//! Deals copied, split and linked, through HTTP: what comes along, amounts that add up to the last decimal, no circles, nothing named that
//! one may not see, and undo.

use crate::support::{Page, TestApp};
use pipewright::features::deals::equal_shares;
use proptest::prelude::*;
use rust_decimal::Decimal;

fn last(page: &Page) -> String {
    let path = page.location.as_deref().unwrap_or_else(|| panic!("{} {}", page.status(), page.body));
    path.split(['?', '#']).next().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_brings_what_was_chosen_and_nothing_else() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("other").await);
    let ours = app.belongings(&org).await;
    let admin = app.signed_in(&org, "admin").await;
    let (_, stages) = app.stages(&org);
    let deal = ours.deal;
    app.sql(&format!(
        "INSERT INTO custom_fields (org_id, id, record_type, key, label, kind, section, position)
           VALUES ('{0}', gen_random_uuid(), 'deal', 'c_floor', 'Floor', 'text', 'More', 1);
         UPDATE deals SET custom = '{{\"c_floor\": \"Third\"}}', source = 'Fair', next_step = 'Call', next_step_on = current_date - 3 WHERE id = '{deal}';
         INSERT INTO deal_contacts (org_id, deal_id, contact_id, role) VALUES ('{0}', '{deal}', '{1}', 'champion');
         INSERT INTO competitors (org_id, id, name, retired_at) VALUES ('{0}', app.uuid7(), 'Nordpack', NULL), ('{0}', app.uuid7(), 'Gone Ltd', now());
         INSERT INTO deal_competitors (org_id, deal_id, competitor_id, strengths) SELECT '{0}', '{deal}', id, 'Cheap' FROM competitors;
         INSERT INTO record_tags (org_id, record_type, record_id, tag_id) VALUES ('{0}', 'deal', '{deal}', '{2}')",
        org.id, ours.contact, ours.tag
    ))
    .await;
    let at = format!("/deals/{deal}/clone");
    let page = admin.get(&at).await;
    assert!(page.contains("Deal of aurelia (copy)") && page.contains("What comes along"), "{}", page.body);
    let refused = admin.post(&at, &[("name", ""), ("stage_id", &stages[1]), ("along", "notes")]).await;
    assert!(refused.status() == 422 && refused.contains("value=\"notes\" checked"), "{}", refused.body);

    // Bare: the fields alone. Sent twice it is one.
    let bare = uuid::Uuid::now_v7().to_string();
    let form = [("id", bare.as_str()), ("name", "Bare"), ("stage_id", &stages[1])];
    for _ in 0..2 {
        assert_eq!(last(&admin.post(&at, &form).await), bare);
    }
    let about = |id: &str| {
        format!(
            "SELECT concat_ws(' ', d.name, d.amount, d.source, d.custom->>'c_floor', d.number,
               (SELECT string_agg(role, ',') FROM deal_contacts WHERE deal_id = d.id),
               (SELECT string_agg(c.name || ' ' || x.strengths, ',' ORDER BY c.name) FROM deal_competitors x JOIN competitors c ON c.id = x.competitor_id WHERE x.deal_id = d.id),
               (SELECT count(*) FROM record_tags WHERE record_id = d.id),
               (SELECT count(*) FROM activities WHERE deal_id = d.id), (SELECT count(*) FROM notes WHERE deal_id = d.id),
               (SELECT count(*) FROM follows WHERE record_id = d.id)) FROM deals d WHERE id = '{id}'"
        )
    };
    assert_eq!(app.value(&about(&bare)).await, "Bare 1000.0000 Fair 1001 0 0 0 0");
    // What was to happen next still is, on no day that has passed.
    let step = format!("SELECT concat(next_step, next_step_on) FROM deals WHERE id = '{bare}'");
    assert_eq!(app.value(&step).await, "Call");
    let whole = [("name", "Whole"), ("stage_id", stages[0].as_str()), ("expected_close_on", "2031-04-01")];
    let along = ["contacts", "competitors", "custom", "tags", "activities", "notes", "followers", "files"];
    let form: Vec<_> = whole.into_iter().chain(along.map(|key| ("along", key))).collect();
    let whole = last(&admin.post(&at, &form).await);
    assert_eq!(
        app.value(&about(&whole)).await,
        "Whole 1000.0000 Fair Third 1002 champion Competitor of aurelia Cheap,Nordpack Cheap 1 1 1 1"
    );
    let page = admin.get(&format!("/deals/{whole}")).await;
    assert!(page.contains("Copied from D-1") && page.contains("Note of aurelia"), "{}", page.body);
    assert!(admin.get(&format!("/deals/{deal}")).await.contains("Copied to D-1002"));

    // Another organisation's deal is not there, and neither is one that is not to be seen.
    let stranger = app.signed_in(&other, "admin").await;
    for path in ["clone", "split", "links/new"] {
        assert_eq!(stranger.get(&format!("/deals/{deal}/{path}")).await.status(), 404);
    }
    let viewer = app.signed_in(&org, "viewer").await;
    assert_eq!(viewer.get(&at).await.status(), 403);
    assert!(app.totals_differ().is_empty());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_split_adds_up_exactly_and_is_undone_as_one() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = app.signed_in(&org, "admin").await;
    let (_, stages) = app.stages(&org);
    let deal = admin.add_deal(&stages[1], "Three sites", &[("amount", "1000"), ("company", "Brightwater Foods")]).await;
    let at = format!("/deals/{deal}/split");
    let page = admin.get(&format!("{at}?parts=3")).await;
    for amount in ["333.34", "333.33"] {
        assert!(page.contains(&format!("value=\"{amount}\"")), "{amount}: {}", page.body);
    }
    let version = page.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let form = |amounts: [&'static str; 3]| {
        let rows = [("name_1", "Site A"), ("name_2", "Site B"), ("name_3", "Site C")];
        let amounts = ["amount_1", "amount_2", "amount_3"].into_iter().zip(amounts);
        rows.into_iter().chain(amounts).chain([("parts", "3"), ("version", version.as_str())]).collect::<Vec<_>>()
    };
    for (amounts, told) in [
        (["500", "300", "199.9999"], "The amounts come to 999.9999 EUR: 0.0001 EUR of €1,000.00 is left over."),
        (["500", "300", "200.01"], "€0.01 more than €1,000.00"),
        (["500", "300", "much"], "f-amount_3-error"),
    ] {
        let refused = admin.post(&at, &form(amounts)).await;
        assert!(refused.status() == 422 && refused.contains(told), "{told}: {}", refused.body);
        assert!(refused.contains("value=\"Site B\""), "the words are kept");
    }
    // One more keeps what was typed; the further deal is worth what is left over, or all are made equal where nobody typed.
    for (amounts, fourth) in [(["500", "300", "150.5"], "49.5"), (["333.34", "333.33", "333.33"], "250")] {
        let mut four = form(amounts);
        four.push(("again", "4"));
        let page = admin.post(&at, &four).await;
        let value = page.between("name=\"amount_4\" type=\"text\" value=\"", "\"");
        assert_eq!((page.status(), value), (200, Some(fourth)), "{}", page.body);
        assert!(page.contains("value=\"Site B\"") && page.contains("name=\"parts\" value=\"4\""), "{}", page.body);
    }
    let done = admin.post(&at, &form(["500.5", "300.25", "199.25"])).await;
    assert_eq!(done.status(), 303, "{}", done.body);
    assert_eq!(admin.post(&at, &form(["500.5", "300.25", "199.25"])).await.status(), 409);
    let all = "SELECT concat_ws(' ', d.name, trim_scale(d.amount), c.name, d.stage_id = (SELECT stage_id FROM deals WHERE number = 1001)) AS value
        FROM deals d JOIN companies c ON c.id = d.company_id WHERE d.deleted_at IS NULL ORDER BY d.number";
    let split =
        ["Site A 500.5 Brightwater Foods t", "Site B 300.25 Brightwater Foods t", "Site C 199.25 Brightwater Foods t"];
    assert_eq!(app.texts(all), split);
    let page = admin.get(&format!("/deals/{deal}")).await;
    assert!(
        page.contains("Split off") && page.contains("Site C") && page.contains("D-1002, D-1003 split off"),
        "{}",
        page.body
    );
    assert!(app.totals_differ().is_empty());

    let op = app.value("SELECT id FROM operations").await;
    assert_eq!(admin.post(&format!("/operations/{op}/undo"), &[]).await.status(), 303);
    assert_eq!(app.texts(all), ["Three sites 1000 Brightwater Foods t"]);
    assert!(!admin.get(&format!("/deals/{deal}")).await.contains("Site C"));
    assert!(app.totals_differ().is_empty());

    // Nothing to share.
    let poor = admin.add_deal(&stages[0], "No amount", &[]).await;
    assert!(admin.get(&format!("/deals/{poor}/split")).await.contains("has no amount to share"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_show_on_both_pages_make_no_circle_and_name_nothing_hidden() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (admin, rep) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await);
    let (_, stages) = app.stages(&org);
    let (mine, boss) = (org.rep.to_string(), org.admin.to_string());
    let add = async |name: &str, owner: &str, amount: &str| {
        admin.add_deal(&stages[0], name, &[("owner_id", owner), ("amount", amount)]).await
    };
    let whole = add("Framework", &mine, "100").await;
    let (one, two) = (add("First call-off", &mine, "40.25").await, add("Secret call-off", &boss, "60").await);
    let link = async |deal: &str, kind: &str, other: &str| {
        admin.post(&format!("/deals/{deal}/links"), &[("kind", kind), ("deal", other)]).await
    };
    assert_eq!(link(&one, "part_of", "D-1001").await.status(), 303);
    assert_eq!(link(&whole, "has_part", "secret call-off").await.status(), 303);
    for (deal, kind, other, told) in [
        (&one, "related", "D-1001", "is linked to this one already"),
        (&one, "related", "D-1002", "is this one"),
        (&one, "related", "D-4711", "is not one of your deals"),
        (&one, "cousin", "D-1003", "is not one of the choices"),
    ] {
        let refused = link(deal, kind, other).await;
        assert!(refused.status() == 422 && refused.contains(told), "{told}: {}", refused.body);
    }
    // No circle over three, and one whole only.
    let deep = add("Deep", &mine, "5").await;
    assert_eq!(link(&deep, "part_of", "D-1002").await.status(), 303);
    let refused = link(&deep, "has_part", "D-1001").await;
    assert!(refused.status() == 422 && refused.contains("would be part of itself"), "{}", refused.body);
    let refused = link(&deep, "part_of", "D-1003").await;
    assert!(refused.status() == 422 && refused.contains("part of another deal already"), "{}", refused.body);

    // Who sees both sees both, with what they come to; who sees one is told of no other, in the history either.
    let page = admin.get(&format!("/deals/{whole}")).await;
    for told in ["First call-off", "Secret call-off", "together €100.25"] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }
    assert!(admin.get(&format!("/deals/{two}")).await.contains("Framework"));
    app.sql(&format!("UPDATE roles SET visibility = 'own' WHERE org_id = '{}' AND key = 'rep'", org.id)).await;
    for path in [format!("/deals/{whole}"), format!("/deals/{whole}/history")] {
        let page = rep.get(&path).await;
        assert!(page.status() == 200 && !page.contains("Secret") && !page.contains("100.25"), "{}", page.body);
    }
    assert!(rep.get(&format!("/deals/{whole}")).await.contains("1 more that you do not see"));
    let refused = rep.post(&format!("/deals/{one}/links"), &[("kind", "related"), ("deal", "Secret call-off")]).await;
    assert_eq!(refused.status(), 422);
    assert_eq!(rep.post(&format!("/deals/{whole}/links/removal"), &[("deal_id", &two)]).await.status(), 404);

    // Taken away, and back.
    let gone = admin.post(&format!("/deals/{whole}/links/removal"), &[("deal_id", &one)]).await;
    assert_eq!(gone.status(), 303);
    assert!(!admin.get(&format!("/deals/{one}")).await.contains("Framework"));
    let back = format!("/deals/{whole}/links?kind=has_part&deal_id={one}");
    assert_eq!(admin.post(&back, &[]).await.status(), 303);
    assert_eq!(app.value("SELECT count(*) FROM deal_links WHERE kind = 'child'").await, "3");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_recurs_stays_with_the_first_or_is_shared_as_chosen() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = app.signed_in(&org, "admin").await;
    let (_, stages) = app.stages(&org);
    let plain = admin.add_deal(&stages[0], "Plain", &[("amount", "10")]).await;
    assert!(!admin.get(&format!("/deals/{plain}/split")).await.contains("name=\"recurring\""), "nothing recurs");
    let all = "SELECT concat_ws(' ', d.name, trim_scale(d.amount), trim_scale(d.mrr), trim_scale(d.arr), d.term_months, trim_scale(d.one_off)) AS value
        FROM deals d WHERE d.deleted_at IS NULL AND d.name <> 'Plain' ORDER BY d.number";
    let more = [("amount", "1000"), ("arr", "1000"), ("term_months", "24"), ("one_off", "0.05")];
    let deal = admin.add_deal(&stages[1], "Whole", &more).await;
    let at = format!("/deals/{deal}/split");
    let form = |recurring: &'static str, version: &str| -> Vec<(String, String)> {
        let rows = [("name_1", "A"), ("name_2", "B"), ("name_3", "C"), ("amount_1", "600"), ("amount_2", "200")];
        let rest = [("amount_3", "200"), ("parts", "3"), ("recurring", recurring), ("version", version)];
        rows.into_iter().chain(rest).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    };
    let send = async |recurring: &'static str| {
        let page = admin.get(&at).await;
        assert!(page.contains("Is shared like the amount"), "{}", page.body);
        let form = form(recurring, page.between("name=\"version\" value=\"", "\"").unwrap());
        admin.post(&at, &form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>()).await
    };
    assert_eq!(send("both").await.status(), 422);
    for (choice, expected) in [
        ("first", ["A 600 83.3333 1000 24 0.05", "B 200", "C 200"]),
        ("share", ["A 600 50 600 24 0.03", "B 200 16.6667 200 24 0.01", "C 200 16.6667 200 24 0.01"]),
    ] {
        let done = send(choice).await;
        assert_eq!(done.status(), 303, "{}", done.body);
        assert_eq!(app.texts(all), expected, "{choice}");
        let op = app.value("SELECT id FROM operations ORDER BY created_at DESC LIMIT 1").await;
        assert_eq!(admin.post(&format!("/operations/{op}/undo"), &[]).await.status(), 303);
        assert_eq!(app.texts(all), ["Whole 1000 83.3333 1000 24 0.05"], "undone");
    }
    app.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn shares_add_up_and_differ_by_one_coin(units in 1i64..10_000_000_000_000, scale in 0u32..=4, digits in 0u32..=3, parts in 2usize..=12) {
        let whole = Decimal::new(units, scale);
        let shares = equal_shares(whole, parts, digits);
        prop_assert_eq!(shares.len(), parts);
        prop_assert_eq!(shares.iter().sum::<Decimal>(), whole);
        let coin = Decimal::new(1, digits.max(whole.normalize().scale()));
        let (most, least) = (shares.iter().max().unwrap(), shares.iter().min().unwrap());
        prop_assert!(*most - *least <= coin, "{shares:?}");
    }
}
