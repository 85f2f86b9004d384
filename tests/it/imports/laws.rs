//! Whatever the file: its rows add up, and a second time nothing happens.

use super::{Counts, import_with};
use crate::support::TestApp;
use pipewright::{features::imports::Options, kernel::RecordType};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

/// A cell of each column, good and bad, from so few values that rows meet.
fn row() -> impl Strategy<Value = Vec<&'static str>> {
    let pick = |cells: &'static [&'static str]| proptest::sample::select(cells);
    let row = (
        pick(&["", "", "1", "2", "3"]),
        pick(&["", "Ann", "Bob", "bob", "=1", "\"q\"", "a\tb\\"]),
        pick(&["", "", "Orr", "Élan", "Elan"]),
        pick(&["", "", "a@x.test", "A@X.test", "b@x.test", "bad"]),
        pick(&["", "", "c@x.test", "d@x.test ::: c@x.test"]),
        pick(&["", "Acme", "ACME", "Ácme", "Zeta, Inc"]),
        pick(&["", "", "acme.com", "zeta.example", "no domain"]),
        pick(&["", "lead", "Customer", "nonsense"]),
        pick(&["", "", "+31201234567", "+31207654321"]),
    );
    row.prop_map(|(a, b, c, d, e, f, g, h, i)| vec![a, b, c, d, e, f, g, h, i])
}

/// The usual rules and others, with everything that may become of a match.
fn options() -> impl Strategy<Value = Options> {
    let rules = proptest::sample::select(vec![
        r#"[]"#,
        r#"["email"]"#,
        r#"["phone", "email"]"#,
        r#"["name"]"#,
        r#"["external_id", "phone", "name"]"#,
        r#"["email", "phone", "name"]"#,
    ]);
    let on_match = proptest::sample::select(vec!["update", "fill_blanks", "skip", "create"]);
    let related = proptest::sample::select(vec!["create", "link_only"]);
    (rules, on_match, related).prop_map(|(rules, on_match, related)| {
        let json = format!(r#"{{"match_by": {rules}, "on_match": "{on_match}", "related": "{related}"}}"#);
        serde_json::from_str(&json).unwrap()
    })
}

fn csv(rows: &[Vec<&str>]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header =
        ["id", "first name", "last name", "email", "email 2", "company", "company domain", "lifecycle", "phone"];
    writer.write_record(header).unwrap();
    for row in rows {
        writer.write_record(row).unwrap();
    }
    writer.into_inner().unwrap()
}

fn total((created, updated, skipped, failed): Counts) -> usize {
    usize::try_from(created + updated + skipped + failed).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_add_up_and_repetition_changes_nothing() {
    let app = TestApp::start().await;
    let mut runner = TestRunner::new(Config::default());
    for n in 0..48 {
        let org = app.org(&format!("org-{n}")).await;
        let options = options().new_tree(&mut runner).unwrap().current();
        let mut files = Vec::new();
        // What another file left behind changes nothing about it.
        for size in [8, 24] {
            let rows = proptest::collection::vec(row(), 1..size).new_tree(&mut runner).unwrap().current();
            files.push((csv(&rows), rows.len()));
        }
        for (file, rows) in &files {
            let text = String::from_utf8_lossy(file);
            let run = || import_with(&app, &org, RecordType::Contact, "test.csv", file, options.clone());
            let first = run().await.unwrap();
            assert_eq!(total(first), *rows, "{first:?} of\n{text}");
            assert!(first.2 >= 0);
            let second = run().await.unwrap();
            let expected = (0, 0, first.0 + first.1 + first.2, first.3);
            assert_eq!(second, expected, "after {first:?} by {options:?} of\n{text}");
        }
    }
    app.stop().await;
}
