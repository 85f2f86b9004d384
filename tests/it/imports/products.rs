//! Deals' products in files: lines of what the catalogue has, under whatever spelling, at the row's amount; and again, and again.

use super::{import, import_with};
use crate::support::TestApp;
use pipewright::{features::imports::Options, kernel::RecordType};
use serde_json::json;

fn options(products: &str) -> Options {
    serde_json::from_value(json!({ "products": products })).unwrap()
}

/// Deal, amount, where it comes from; product, quantity, price, net of its lines.
fn deals(app: &TestApp) -> Vec<String> {
    app.texts(
        "SELECT concat_ws(' ', d.name, coalesce(trim_scale(d.amount)::text, '-'), d.amount_from, p.name || ' ' || trim_scale(l.quantity) || ' × ' \
           || trim_scale(l.unit_price) || ' = ' || trim_scale(l.net)) AS value \
         FROM deals d LEFT JOIN deal_lines l ON l.org_id = d.org_id AND l.deal_id = d.id LEFT JOIN products p ON p.org_id = l.org_id AND p.id = l.product_id \
         ORDER BY d.external_id",
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_becomes_a_line_once() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("acme").await, app.org("globex").await);
    app.sql(&format!(
        "INSERT INTO products (org_id, id, name, code) VALUES ('{0}', gen_random_uuid(), 'GTX Pro', 'GP-1'), ('{0}', gen_random_uuid(), 'GTX Basic', NULL),
           ('{0}', gen_random_uuid(), 'Twin', 'T1'), ('{0}', gen_random_uuid(), 'T.W.I.N.', 'T2'), ('{1}', gen_random_uuid(), 'Theirs', NULL);
         INSERT INTO product_prices (org_id, product_id, currency, price) SELECT org_id, id, 'EUR', 70 FROM products WHERE name = 'GTX Basic'",
        org.id, other.id
    ))
    .await;
    let file = "opportunity_id,name,product,quantity,stage,value\n\
        1,One,GTXPro,,Won,4514\n\
        2,Two,gp-1,3,Qualified,100\n\
        3,Three,gtx-basic,2,Qualified,\n\
        4,Four,twin,,Qualified,5\n\
        5,Five,,,Qualified,50\n";
    let first = import(&app, &org, RecordType::Deal, file.as_bytes()).await.unwrap();
    assert_eq!(first, (5, 0, 0, 0), "{:?}", app.texts("SELECT message AS value FROM import_errors"));
    let there = [
        "One 4514 lines GTX Pro 1 × 4514 = 4514",
        "Two 100 lines GTX Pro 3 × 33.3333 = 100",
        "Three - hand GTX Basic 2 × 70 = 140",
        "Four 5 lines Twin 1 × 5 = 5",
        "Five 50 hand",
    ];
    assert_eq!(deals(&app), there);
    let events = "SELECT count(*)::text AS value FROM events";
    let count = app.texts(events);
    assert_eq!(import(&app, &org, RecordType::Deal, file.as_bytes()).await.unwrap(), (0, 0, 5, 0));
    assert_eq!((deals(&app), app.texts(events)), (there.map(str::to_owned).to_vec(), count), "again, nothing changes");

    // Another amount is the one line's, too; a quantity that makes no sense is refused, and so is what nobody sells.
    let more = "opportunity_id,name,product,quantity,stage,value,mrr,arr\n\
        1,One,GTX Pro,,Won,5000,,\n\
        6,Six,GTX Pro,0,Qualified,1,,\n\
        7,Seven,Theirs,,Qualified,1,,\n\
        8,Eight,t w i n,,Qualified,1,,\n\
        9,Nine,GTX Pro,,Qualified,1,100,5000\n\
        A,Ten,GTX Pro,,Qualified,1,8.33,100\n";
    assert_eq!(import(&app, &org, RecordType::Deal, more.as_bytes()).await.unwrap(), (1, 1, 0, 4));
    assert_eq!(deals(&app)[0], "One 5000 lines GTX Pro 1 × 5000 = 5000");
    let told = app.texts("SELECT string_agg(message, ' ') AS value FROM import_errors");
    for why in ["must be more than nothing", "is not in the catalogue", "several products", "is not twelve times MRR"] {
        assert!(told[0].contains(why), "{why}: {told:?}");
    }
    assert_eq!(
        app.texts("SELECT trim_scale(mrr) || ' ' || trim_scale(arr) AS value FROM deals WHERE name = 'Ten'"),
        ["8.33 100"]
    );
    assert_eq!(import(&app, &org, RecordType::Deal, more.as_bytes()).await.unwrap(), (0, 0, 2, 4));

    // By choice they are added to the catalogue, each once however it is written; or the name is kept.
    let new =
        "opportunity_id,name,product,stage,value\nB,Eleven,New Thing,Qualified,7\nC,Twelve,newthing,Qualified,8\n";
    let named = import_with(&app, &org, RecordType::Deal, "a.csv", new.as_bytes(), options("name")).await.unwrap();
    assert_eq!(named, (2, 0, 0, 0));
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM products WHERE name ILIKE 'new%'"), ["0"]);
    let again = new.replace("B,Eleven", "D,Thirteen").replace("C,Twelve", "E,Fourteen");
    let made = import_with(&app, &org, RecordType::Deal, "b.csv", again.as_bytes(), options("create")).await.unwrap();
    assert_eq!(made, (2, 0, 0, 0));
    assert_eq!(app.texts("SELECT name AS value FROM products WHERE name ILIKE 'new%'"), ["New Thing"]);
    assert!(deals(&app).contains(&"Fourteen 8 lines New Thing 1 × 8 = 8".to_owned()));
    app.stop().await;
}
