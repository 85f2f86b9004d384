//! Rows that fit several records alike are told, and written over none of them.

use super::{
    import, import_with, texts,
    wizard::{accept, begin},
};
use crate::support::TestApp;
use pipewright::{features::imports::Options, kernel::RecordType};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_several_is_not_taken_at_random() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let admin = app.signed_in(&org, "admin").await;
    let two = b"deal id,deal name,company,stage,amount\n1,Renewal,Acme,Qualified,10\n2,Renewal,Acme,Qualified,20\n3,Other,Acme,Qualified,30\n";
    assert_eq!(import(&app, &org, RecordType::Deal, two).await, Ok((3, 0, 0, 0)));
    let amounts = "SELECT trim_scale(amount)::text AS t FROM deals ORDER BY external_id";
    let file = b"deal name,company,stage,amount\nRenewal,Acme,Qualified,99\nOther,Acme,Qualified,31\nRenewal,Zeta,Qualified,5\n";
    let why = "are those of 2 deals here: add a column with its Pipewright ID, or with its id in the other system, to say which one is meant";

    // The check says what the import does.
    let here = begin(&admin, "deal", "deals.csv", file).await;
    let check = accept(&app, &admin, &here).await;
    assert!(check.contains(why) && check.contains("Renewal · Acme"), "{}", check.body);
    for counts in [(1, 1, 0, 1), (0, 0, 2, 1)] {
        assert_eq!(import(&app, &org, RecordType::Deal, file).await, Ok(counts));
        assert_eq!(
            texts(&app, "SELECT DISTINCT field || ' ' || message AS t FROM import_errors").await,
            [format!("Name and company {why}")]
        );
    }
    assert_eq!(texts(&app, amounts).await, ["10", "20", "31", "5"]);
    // With an id it is clear; skipped, it is no matter which.
    let clear = b"deal id,deal name,company,stage,amount\n2,Renewal,Acme,Qualified,99\n";
    assert_eq!(import(&app, &org, RecordType::Deal, clear).await, Ok((0, 1, 0, 0)));
    assert_eq!(texts(&app, amounts).await, ["10", "99", "31", "5"]);
    let skip: Options = serde_json::from_value(serde_json::json!({ "on_match": "skip" })).unwrap();
    assert_eq!(import_with(&app, &org, RecordType::Deal, "a.csv", file, skip).await, Ok((0, 0, 3, 0)));

    // People who share an address.
    for first in ["Ann", "Bob"] {
        assert_eq!(admin.post("/contacts", &[("first_name", first), ("last_name", "Bell")]).await.status(), 303);
    }
    app.sql("UPDATE contacts SET email = 'office@acme.example' WHERE last_name = 'Bell'").await;
    let people = b"email,first name,title\noffice@acme.example,Ann,CEO\nnew@acme.example,Cid,CTO\n";
    for counts in [(1, 0, 0, 1), (0, 0, 1, 1)] {
        assert_eq!(import(&app, &org, RecordType::Contact, people).await, Ok(counts));
    }
    assert_eq!(
        texts(&app, "SELECT concat_ws(' ', first_name, title) AS t FROM contacts ORDER BY 1").await,
        ["Ann", "Bob", "Cid CTO"]
    );
    app.stop().await;
}

/// What the file itself changes does not make clear the second time what was not the first time; and nothing else of the same key comes in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_unclear_stays_so() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let other = app.org("globex").await;
    let both = b"id,name\na,Acme\nb,Acme\n";
    for (org, file, counts) in [
        (&org, &b"id,name,domain,industry\n,Acme,,Paper\na,Acme,acme.example,\n"[..], [(0, 1, 0, 1), (0, 0, 1, 1)]),
        (
            &other,
            b"id,name,domain,industry\n,Acme,acme.test,\n,New name,acme.test,Wood\n",
            [(0, 0, 0, 2), (0, 0, 0, 2)],
        ),
    ] {
        assert_eq!(import(&app, org, RecordType::Company, both).await, Ok((2, 0, 0, 0)));
        for counts in counts {
            let done = import(&app, org, RecordType::Company, file).await;
            let told = texts(&app, "SELECT line || ' ' || field || ' ' || message AS t FROM import_errors").await;
            assert_eq!(done, Ok(counts), "{told:#?}");
        }
    }
    assert_eq!(
        texts(&app, "SELECT concat_ws(' ', external_id, name, domain, industry) AS t FROM companies ORDER BY 1").await,
        ["a Acme", "a Acme acme.example", "b Acme", "b Acme"]
    );
    app.stop().await;
}
