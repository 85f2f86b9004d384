//! Whatever the file: its rows add up, and a second time nothing happens.

use super::{Counts, import};
use crate::support::TestApp;
use pipewright::kernel::RecordType;
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
    );
    row.prop_map(|(a, b, c, d, e, f, g, h)| vec![a, b, c, d, e, f, g, h])
}

fn csv(rows: &[Vec<&str>]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["id", "first name", "last name", "email", "email 2", "company", "company domain", "lifecycle"];
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
    for n in 0..24 {
        let org = app.org(&format!("org-{n}")).await;
        let rows = proptest::collection::vec(row(), 1..24).new_tree(&mut runner).unwrap().current();
        let file = csv(&rows);
        let text = String::from_utf8_lossy(&file);
        let first = import(&app, &org, RecordType::Contact, &file).await.unwrap();
        assert_eq!(total(first), rows.len(), "{first:?} of\n{text}");
        assert!(first.2 >= 0);
        let second = import(&app, &org, RecordType::Contact, &file).await.unwrap();
        assert_eq!(second, (0, 0, first.0 + first.1 + first.2, first.3), "after {first:?} of\n{text}");
    }
    app.stop().await;
}
