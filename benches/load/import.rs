//! CSV import against a bare COPY of the same file into a table with the same indexes and constraints.

use super::{Figure, process};
use diesel::{Connection, PgConnection, connection::SimpleConnection, pg::CopyFormat, prelude::ExecuteCopyFromDsl};
use std::{
    fmt::Write,
    process::{Command, Stdio},
    time::Instant,
};

pub const ROWS: usize = 100_000;

diesel::table! {
    bench_copy (email) {
        first_name -> Text,
        last_name -> Text,
        email -> Text,
        phone -> Text,
        company -> Text,
    }
}

pub fn compare(database: &str) -> Vec<Figure> {
    let text = file();
    let path = std::env::temp_dir().join(format!("pipewright-bench-{}.csv", std::process::id()));
    std::fs::write(&path, &text).unwrap();
    let (copied, lean) = copy(database, &text);
    let started = Instant::now();
    let output = Command::new(process::binary())
        .args(["import", "contacts"])
        .arg(&path)
        .args(["--org", "scale"])
        .env("DATABASE_URL", database)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .expect("the binary starts");
    let imported = ROWS as f64 / started.elapsed().as_secs_f64();
    let _ = std::fs::remove_file(&path);
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
        return vec![Figure::new("CSV import", format!("failed: {why}"), "≥ 25 % of COPY", Some(false))];
    }
    let share = imported / copied * 100.0;
    let what = format!("CSV import, {ROWS} contacts, rows per second, against COPY into a table like contacts");
    let measured = format!("{imported:.0} of {copied:.0}: {share:.0} % (COPY into three indexes: {lean:.0})");
    vec![Figure::new(what, measured, "≥ 25 %", Some(share >= 25.0))]
}

pub fn file() -> String {
    let mut text = String::from("First name,Last name,Email,Phone,Company\n");
    let tag = std::process::id();
    for i in 0..ROWS {
        let _ = writeln!(text, "Bench{i},Import,bench{i}.{tag}@bench.example,+3161{:07},Bench Company {}", i, i % 500);
    }
    text
}

/// Rows per second of COPY into a table like `contacts`: its columns, indexes, constraints and references, empty. And into one with
/// three indexes and nothing else, for comparison.
fn copy(database: &str, text: &str) -> (f64, f64) {
    let like = "CREATE TABLE bench_copy (LIKE contacts INCLUDING ALL, company text);
        ALTER TABLE bench_copy ALTER id SET DEFAULT gen_random_uuid(),
          ADD FOREIGN KEY (org_id) REFERENCES organisations, ADD FOREIGN KEY (org_id, company_id) REFERENCES companies (org_id, id),
          ADD FOREIGN KEY (org_id, owner_id) REFERENCES members (org_id, id);
        SELECT set_config('app.org_id', (SELECT id::text FROM organisations WHERE slug = 'scale'), false)";
    let lean = "CREATE TABLE bench_copy (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), first_name text, last_name text, email text, phone text, company text);
        CREATE INDEX ON bench_copy (email); CREATE INDEX ON bench_copy (last_name, first_name, id)";
    (copy_into(database, like, text), copy_into(database, lean, text))
}

fn copy_into(database: &str, table: &str, text: &str) -> f64 {
    let mut conn = PgConnection::establish(database).unwrap();
    conn.batch_execute("DROP TABLE IF EXISTS bench_copy").unwrap();
    conn.batch_execute(table).unwrap();
    let body = text.split_once('\n').map_or("", |(_, rows)| rows);
    let started = Instant::now();
    diesel::copy_from(bench_copy::table)
        .from_raw_data(
            (bench_copy::first_name, bench_copy::last_name, bench_copy::email, bench_copy::phone, bench_copy::company),
            |out| {
                std::io::Write::write_all(out, body.as_bytes())
                    .map_err(|e| diesel::result::Error::DeserializationError(e.into()))
            },
        )
        .with_format(CopyFormat::Csv)
        .execute(&mut conn)
        .unwrap();
    let rate = ROWS as f64 / started.elapsed().as_secs_f64();
    let _ = conn.batch_execute("DROP TABLE bench_copy");
    rate
}
