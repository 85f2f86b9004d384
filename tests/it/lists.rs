//! Lists: filters, sorting and paging over empty values, columns, groups, the builder without a script, selections.

mod laws;
mod plans;

use crate::support::{Client, Org, TestApp};
use pipewright::{features::records::list::Selection, kernel::RecordType};
use std::collections::BTreeSet;

pub(super) fn query(filter: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish()
}

/// The names in a list's rows, in order.
fn names(body: &str) -> Vec<String> {
    let rows = body.split("class=\"main-link").skip(1);
    rows.filter_map(|part| Some(part.split("dir=\"auto\">").nth(1)?.split('<').next()?.to_owned())).collect()
}

async fn listed(client: &Client, path: &str) -> Vec<String> {
    let page = client.get(path).await;
    assert_eq!(page.status(), 200, "{path}: {}", page.body);
    names(&page.body)
}

/// Companies with deals and contacts, in one organisation; one company of the other.
async fn filled(app: &TestApp, org: &Org, other: &Org) {
    let (o, rep, admin) = (org.id, org.rep, org.admin);
    app.sql(&format!(
        "INSERT INTO companies (org_id, id, name, industry, employees, annual_revenue, owner_id, updated_at)
           VALUES ('{o}', '00000000-0000-0000-0000-0000000000a1', 'Alpha', 'Food', 10, 5000, '{rep}', now() - interval '40 days'),
                  ('{o}', '00000000-0000-0000-0000-0000000000a2', 'Beta', NULL, NULL, NULL, '{rep}', now() - interval '40 days'),
                  ('{o}', '00000000-0000-0000-0000-0000000000a3', 'Gamma', 'Energy', 200, 90000, '{admin}', now()),
                  ('{o}', '00000000-0000-0000-0000-0000000000a4', 'Délta', 'food', 50, NULL, '{admin}', now() - interval '40 days');
         INSERT INTO companies (org_id, id, name, owner_id) VALUES ('{}', '00000000-0000-0000-0000-0000000000b1', 'Foreign', '{}');
         INSERT INTO deals (org_id, id, number, name, company_id, pipeline_id, stage_id, position, amount, currency, owner_id, status, closed_at)
         SELECT '{o}', ('00000000-0000-0000-0000-0000000000d' || n)::uuid, n, 'Deal ' || n, ('00000000-0000-0000-0000-0000000000a' || c)::uuid,
           s.pipeline_id, s.id, 'a' || n, a, cur, owner::uuid, st, CASE WHEN st <> 'open' THEN now() END
         FROM (VALUES (1, 1, 20000, 'EUR', 'open', '{rep}'), (2, 2, 20000, 'USD', 'open', '{rep}'), (3, 3, 50000, 'EUR', 'open', '{rep}'),
                      (4, 4, 12000, 'EUR', 'open', '{admin}'), (5, 2, 99000, 'EUR', 'won', '{rep}'), (6, 1, NULL, 'EUR', 'open', '{rep}')) v (n, c, a, cur, st, owner),
           (SELECT pipeline_id, id FROM stages WHERE org_id = '{o}' ORDER BY position LIMIT 1) s",
        other.id, other.admin
    ))
    .await;
}

const SPOKEN: &str = r#"{"all":[{"related":{"relation":"deals","has":true,"filter":{"all":[{"rule":{"key":"status","op":"is","values":["open"]}},{"rule":{"key":"amount","op":"gt","values":["10000","EUR"]}}]}}},{"rule":{"key":"updated_at","op":"days_ago","values":["30"]}}]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_say_what_the_issue_asks_and_leak_nothing() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    filled(&app, &org, &other).await;
    let admin = app.signed_in(&org, "admin").await;
    // "Companies with an open deal over 10k and no change in 30 days."
    let address = format!("/companies?{}", query(SPOKEN));
    assert_eq!(listed(&admin, &address).await, ["Alpha", "Délta"]);
    let page = admin.get(&address).await;
    assert!(
        page.contains("2 companies") && page.contains("Has a deal where Status is Open and Amount &#62; €10,000.00"),
        "{}",
        page.body
    );
    assert!(page.contains("Changed more than 30 days ago"), "{}", page.body);
    // Removing a chip leaves the other rule.
    let chip =
        page.body.split("class=\"chip-x\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    assert_eq!(listed(&admin, &chip).await, ["Alpha", "Beta", "Délta"]);
    for (filter, expected) in [
        (r#"{"all":[{"related":{"relation":"deals","has":false,"filter":{"all":[]}}}]}"#, vec![]),
        (
            r#"{"all":[{"related":{"relation":"deals","has":false,"filter":{"all":[{"rule":{"key":"amount","op":"gt","values":["10000","EUR"]}}]}}}]}"#,
            vec![],
        ),
        (r#"{"all":[{"rule":{"key":"industry","op":"is","values":["FOOD"]}}]}"#, vec!["Alpha", "Délta"]),
        (r#"{"all":[{"rule":{"key":"industry","op":"is_not","values":["food"]}}]}"#, vec!["Beta", "Gamma"]),
        (r#"{"all":[{"rule":{"key":"industry","op":"empty"}}]}"#, vec!["Beta"]),
        (
            r#"{"any":[{"rule":{"key":"name","op":"begins","values":["DEL"]}},{"rule":{"key":"employees","op":"ge","values":["200"]}}]}"#,
            vec!["Délta", "Gamma"],
        ),
        (
            r#"{"all":[{"rule":{"key":"annual_revenue","op":"between","values":["1","90000","EUR"]}}]}"#,
            vec!["Alpha", "Gamma"],
        ),
        (r#"{"all":[{"rule":{"key":"owner_id","op":"any_of","values":["me"]}}]}"#, vec!["Délta", "Gamma"]),
        (r#"{"all":[{"rule":{"key":"name","op":"contains","values":["'); DROP TABLE companies; --"]}}]}"#, vec![]),
    ] {
        assert_eq!(listed(&admin, &format!("/companies?{}", query(filter))).await, expected, "{filter}");
    }
    // The old parameters go with it.
    let mine = format!("/companies?owner=me&{}", query(SPOKEN));
    assert_eq!(listed(&admin, &mine).await, ["Délta"]);
    // A rep who sees their own records only does not learn of other people's deals.
    app.sql("UPDATE roles SET visibility = 'own' WHERE key = 'rep'").await;
    let rep = app.signed_in(&org, "rep").await;
    assert_eq!(listed(&rep, &address).await, ["Alpha"]);
    let gamma = r#"{"all":[{"related":{"relation":"company","has":true,"filter":{"all":[{"rule":{"key":"name","op":"is","values":["Gamma"]}}]}}}]}"#;
    assert_eq!(listed(&rep, &format!("/deals?{}", query(gamma))).await, Vec::<String>::new());
    app.sql("UPDATE roles SET permissions = array_remove(permissions, 'deals.view') WHERE key = 'rep'").await;
    let page = rep.get(&address).await;
    assert_eq!(page.status(), 422);
    assert!(
        page.contains("There are no such related records for you") && names(&page.body).is_empty(),
        "{}",
        page.body
    );
    // Another organisation's companies are nobody's.
    let stranger = app.signed_in(&other, "admin").await;
    assert_eq!(listed(&stranger, &address).await, Vec::<String>::new());
    // Bad input: said, and never a 500.
    for (path, status) in [
        ("filter=%7B".to_owned(), 400),
        ("filter=%00".to_owned(), 400),
        ("sort=-amount".to_owned(), 400),
        ("group=phone".to_owned(), 400),
        ("after=WyJhIiwiYiJd".to_owned(), 400),
        (
            query(&format!(
                "{}{}{}",
                r#"{"all":["#.repeat(60),
                r#"{"rule":{"key":"name","op":"empty"}}"#,
                "]}".repeat(60)
            )),
            400,
        ),
        (query(&format!(r#"{{"all":[{}]}}"#, vec![r#"{"rule":{"key":"name","op":"empty"}}"#; 51].join(","))), 400),
        (query(r#"{"all":[{"rule":{"key":"created_at","op":"last_days","values":["99999999999"]}}]}"#), 422),
        (query(r#"{"all":[{"rule":{"key":"employees","op":"gt","values":["many"]}}]}"#), 422),
        (query(r#"{"all":[{"rule":{"key":"nonsense","op":"is","values":["x"]}}]}"#), 422),
        (query(r#"{"all":[{"rule":{"key":"owner_id","op":"is","values":["x"]}}]}"#), 422),
    ] {
        assert_eq!(admin.get(&format!("/companies?{path}")).await.status(), status, "{path}");
    }
    app.stop().await;
}

/// Every row of every page.
async fn walked(client: &Client, address: &str) -> Vec<String> {
    let (mut seen, mut next, mut first) = (Vec::new(), Some(address.to_owned()), true);
    while let Some(path) = next {
        let page = if first { client.get(&path).await } else { client.get_partial(&path).await };
        assert_eq!(page.status(), 200, "{path}: {}", page.body);
        seen.extend(names(&page.body));
        next = page.between("hx-get=\"", "\"").map(|href| href.replace("&#38;", "&"));
        first = false;
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_visits_each_row_once_empty_ones_last() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    app.sql(&format!(
        "INSERT INTO deals (org_id, id, number, name, pipeline_id, stage_id, position, amount, currency, expected_close_on, status)
         SELECT '{0}', gen_random_uuid(), n, 'Deal ' || n, s.pipeline_id, s.id, 'a' || n, CASE WHEN n % 3 > 0 THEN (n % 7) * 10.5 END, 'EUR',
           CASE WHEN n % 4 > 0 THEN date '2026-01-01' + n % 5 END, 'open'
         FROM generate_series(1, 170) n, (SELECT pipeline_id, id FROM stages WHERE org_id = '{0}' ORDER BY position LIMIT 1) s", org.id)).await;
    let admin = app.signed_in(&org, "admin").await;
    let amount = |name: &String| {
        let n: i64 = name.trim_start_matches("Deal ").parse().unwrap();
        (n % 3 > 0).then_some(n % 7)
    };
    let close = |name: &String| {
        let n: i64 = name.trim_start_matches("Deal ").parse().unwrap();
        (n % 4 > 0).then_some(n % 5)
    };
    for sort in [
        "amount",
        "-amount",
        "expected_close_on",
        "-expected_close_on",
        "amount,-expected_close_on,name",
        "-expected_close_on,amount",
        "-number",
        "closed_at",
        "-updated_at,amount",
    ] {
        let rows = walked(&admin, &format!("/deals?sort={sort}")).await;
        assert_eq!((rows.len(), rows.iter().collect::<BTreeSet<_>>().len()), (170, 170), "{sort}");
        let empties = rows.iter().position(|r| amount(r).is_none());
        match sort {
            "amount" | "-amount" => {
                let at = empties.unwrap();
                assert!(rows[at..].iter().all(|r| amount(r).is_none()), "{sort}");
                let sorted = rows[..at].windows(2).all(|w| {
                    if sort == "amount" { amount(&w[0]) <= amount(&w[1]) } else { amount(&w[0]) >= amount(&w[1]) }
                });
                assert!(sorted, "{sort}: {rows:?}");
            }
            "amount,-expected_close_on,name" => {
                for w in rows.windows(2) {
                    if amount(&w[0]) == amount(&w[1]) {
                        let (a, b) = (close(&w[0]), close(&w[1]));
                        assert!(b.is_none() || (a.is_some() && a >= b), "{w:?}");
                    }
                }
            }
            _ => {}
        }
    }
    // In groups: subtotals, and each group's rows by themselves.
    let page = admin.get("/deals?group=expected_close_on").await;
    assert!(page.contains("January 2026") && page.contains("No expected close") && page.contains("€"), "{}", page.body);
    let rows = page.between("data-rows=\"", "\"").unwrap().replace("&#38;", "&");
    let group = admin.get_partial(&rows).await;
    assert!(group.status() == 200 && group.contains("id=\"group-") && group.contains("load-more"), "{}", group.body);
    let more = group.between("hx-get=\"", "\"").unwrap().replace("&#38;", "&");
    let more = admin.get_partial(&more).await;
    assert!(more.contains("hx-target=\"#group-") && names(&more.body).len() == 50, "{}", more.body);
    // Selections: everything that matches, in batches, and ticked ones.
    let actor = app.actor(&org, org.admin).await;
    let seen = app
        .db
        .org(&actor.clone(), move |tx| {
            let selection = Selection::matching(tx, &actor, RecordType::Deal, "sort=-amount&filter=%7B%22all%22%3A%5B%7B%22rule%22%3A%7B%22key%22%3A%22amount%22%2C%22op%22%3A%22not_empty%22%7D%7D%5D%7D")?;
            let (mut seen, mut batches) = (BTreeSet::new(), 0);
            pipewright::features::records::list::batches(tx, &actor, &selection, 50, |_, ids| {
                seen.extend(ids.to_vec());
                batches += 1;
                Ok(())
            })?;
            assert_eq!(selection.total(tx, &actor)?, 114);
            let again = Selection::restore(tx, &actor, RecordType::Deal, &selection.keep())?;
            assert_eq!(again.total(tx, &actor)?, 114);
            Ok((seen.len(), batches))
        })
        .await
        .unwrap();
    assert_eq!(seen, (114, 3));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_and_builder_work_without_a_script() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    filled(&app, &org, &other).await;
    let admin = app.signed_in(&org, "admin").await;
    // Columns: chosen, in order, wide; only for this person.
    let page = admin.get("/companies/columns?list=q%3Dx").await;
    assert!(page.status() == 200 && page.contains("Annual revenue"), "{}", page.body);
    let saved = admin
        .post(
            "/companies/columns",
            &[
                ("list", "owner=me"),
                ("column", "city"),
                ("column", "name"),
                ("column", "annual_revenue"),
                ("column", "nonsense"),
                ("do", "save"),
            ],
        )
        .await;
    assert_eq!((saved.status(), saved.location.as_deref()), (303, Some("/companies?owner=me")));
    assert_eq!(admin.post("/companies/columns/width", &[("column", "city"), ("width", "333")]).await.status(), 204);
    assert_eq!(admin.post("/companies/columns/width", &[("column", "city"), ("width", "wide")]).await.status(), 422);
    let page = admin.get("/companies").await;
    let heads: Vec<&str> = page.body.split("data-column=\"").skip(1).map(|p| p.split('"').next().unwrap()).collect();
    assert_eq!(heads, ["name", "city", "annual_revenue"]);
    assert!(page.contains("<col width=\"333\">") && page.contains("€90,000.00"), "{}", page.body);
    let moved = admin
        .post(
            "/companies/columns",
            &[
                ("list", ""),
                ("column", "name"),
                ("column", "city"),
                ("column", "annual_revenue"),
                ("move", "down:city"),
            ],
        )
        .await;
    assert_eq!(moved.location.as_deref(), Some("/companies/columns?list="));
    let page = admin.get("/companies").await;
    assert!(page.body.find("data-column=\"annual_revenue\"") < page.body.find("data-column=\"city\""));
    let rep = app.signed_in(&org, "rep").await;
    assert!(rep.get("/companies").await.contains("data-column=\"industry\""));
    admin.post("/companies/columns", &[("list", ""), ("do", "reset")]).await;
    assert!(admin.get("/companies").await.contains("data-column=\"industry\""));
    // A row anew, with the columns it had.
    let row = admin.get_partial("/companies/00000000-0000-0000-0000-0000000000a1/row?columns=name,employees").await;
    assert!(row.contains("Alpha") && row.body.matches("<td").count() == 2, "{}", row.body);
    assert_eq!(admin.get("/companies/00000000-0000-0000-0000-0000000000b1/row?columns=name").await.status(), 404);

    // The builder: every button sends the form, and Apply leads to the list.
    let form = |fields: &[(&str, &str)]| {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        format!("/companies/filter?{query}")
    };
    let page = admin.get(&form(&[("list", "owner=me")])).await;
    assert!(page.contains("No rules yet") && page.contains("value=\"rule@\""), "{}", page.body);
    let page = admin.get(&form(&[("list", ""), ("g", "all"), ("e", "1"), ("do", "related:deals@")])).await;
    assert!(page.contains("Has a deal") && page.contains("value=\"rule@0.0\""), "{}", page.body);
    let page = admin
        .get(&form(&[
            ("list", ""),
            ("g", "all"),
            ("rel", "deals"),
            ("has", "yes"),
            ("g", "all"),
            ("e", "1"),
            ("e", "1"),
            ("do", "rule@0.0"),
        ]))
        .await;
    assert!(page.contains("id=\"rule-0.0.0\"") && page.contains("data-new"), "{}", page.body);
    // Another field: its own comparisons and currencies.
    let page = admin
        .get(&form(&[
            ("list", ""),
            ("g", "all"),
            ("rel", "deals"),
            ("has", "yes"),
            ("g", "all"),
            ("k", "amount"),
            ("was", "name"),
            ("op", "contains"),
            ("v", "x"),
            ("e", "1"),
            ("e", "1"),
            ("do", "show"),
        ]))
        .await;
    assert!(
        page.contains("is at least") && page.contains("name=\"c\"") && !page.contains("value=\"x\""),
        "{}",
        page.body
    );
    let wrong = admin
        .get(&form(&[
            ("list", ""),
            ("g", "all"),
            ("k", "employees"),
            ("was", "employees"),
            ("op", "gt"),
            ("v", "lots"),
            ("e", "1"),
            ("do", "apply"),
        ]))
        .await;
    assert!(wrong.contains("must be a whole number") && wrong.contains("value=\"lots\""), "{}", wrong.body);
    let applied = admin
        .get(&form(&[
            ("list", "owner=me&sort=-employees"),
            ("g", "any"),
            ("k", "employees"),
            ("was", "employees"),
            ("op", "gt"),
            ("v", "10"),
            ("g", "all"),
            ("k", "industry"),
            ("was", "industry"),
            ("op", "empty"),
            ("e", "1"),
            ("e", "1"),
            ("do", "apply"),
        ]))
        .await;
    assert_eq!(applied.status(), 303, "{}", applied.body);
    assert_eq!(listed(&admin, &applied.location.unwrap()).await, ["Gamma", "Délta"]);
    app.stop().await;
}
