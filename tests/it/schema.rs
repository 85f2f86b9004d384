//! `src/schema.rs` says what the migrations make, and every migration can be undone and redone.

use crate::support::{TestDatabase, sql};
use diesel::{PgConnection, connection::SimpleConnection};
use pipewright::db::{Db, migrate};
use std::{collections::BTreeMap, path::Path};

/// Columns in order, each `name Type`.
type Tables = BTreeMap<String, Vec<String>>;

/// Columns that only SQL reads, left out of src/schema.rs by hand.
const ONLY_SQL: &[&str] = &[
    "leads name_key Text",
    "leads external_id Nullable<Text>",
    "companies territory_id Nullable<Uuid>",
    "deals territory_id Nullable<Uuid>",
    "leads territory_id Nullable<Uuid>",
];

/// Reads the `table!` blocks as Diesel writes them: `name (key) {` and `column -> Type,` lines.
fn declared() -> Tables {
    let source = include_str!("../../src/schema.rs");
    let mut tables = Tables::new();
    for block in source.split("diesel::table! {").skip(1) {
        let block = block.split("\n}").next().unwrap();
        let mut lines = block.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '/']));
        let head = lines.next().unwrap();
        let name = head.split([' ', '(']).next().unwrap().to_owned();
        let columns = lines.filter_map(|line| line.strip_suffix(',')?.split_once(" -> "));
        tables.insert(name, columns.map(|(column, kind)| format!("{column} {kind}")).collect());
    }
    tables
}

fn migrated(conn: &mut PgConnection) -> Tables {
    let query = "
        SELECT c.relname || ' ' || a.attname || ' ' || CASE WHEN a.attnotnull THEN t.name ELSE 'Nullable<' || t.name || '>' END AS line
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        CROSS JOIN LATERAL (SELECT CASE format_type(a.atttypid, NULL)
          WHEN 'uuid' THEN 'Uuid' WHEN 'text' THEN 'Text' WHEN 'timestamp with time zone' THEN 'Timestamptz'
          WHEN 'integer' THEN 'Int4' WHEN 'smallint' THEN 'Int2' WHEN 'bigint' THEN 'Int8' WHEN 'numeric' THEN 'Numeric'
          WHEN 'character' THEN 'Bpchar' WHEN 'jsonb' THEN 'Jsonb' WHEN 'boolean' THEN 'Bool' WHEN 'bytea' THEN 'Bytea'
          WHEN 'date' THEN 'Date' WHEN 'time without time zone' THEN 'Time' WHEN 'text[]' THEN 'Array<Nullable<Text>>' WHEN 'smallint[]' THEN 'Array<Nullable<Int2>>'
          WHEN 'uuid[]' THEN 'Array<Nullable<Uuid>>'
          ELSE 'unknown: ' || format_type(a.atttypid, NULL) END AS name) t
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname <> '__diesel_schema_migrations'
          -- Read by SQL alone (see diesel.toml).
          AND a.attname <> 'completeness'
        ORDER BY c.relname, a.attnum";
    let mut tables = Tables::new();
    for line in sql::lines(conn, query) {
        let (table, column) = line.split_once(' ').unwrap();
        if ONLY_SQL.contains(&line.as_str()) {
            continue;
        }
        tables.entry(table.to_owned()).or_default().push(column.to_owned());
    }
    tables
}

/// Everything that a migration can make, in words.
fn catalogue(conn: &mut PgConnection) -> Vec<String> {
    sql::lines(
        conn,
        "SELECT line FROM (
           SELECT concat_ws(' ', 'column', c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
             pg_get_expr(d.adbin, d.adrelid)) AS line
           FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
           WHERE c.relnamespace IN ('public'::regnamespace, 'app'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm')
           UNION ALL SELECT concat_ws(' ', 'table', oid::regclass, relowner::regrole, relrowsecurity, relforcerowsecurity,
             (SELECT string_agg(acl::text, ',' ORDER BY acl::text) FROM unnest(relacl) acl))
           FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
           UNION ALL SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid))
           FROM pg_constraint WHERE connamespace = 'public'::regnamespace
           UNION ALL SELECT concat_ws(' ', 'index', pg_get_indexdef(indexrelid))
           FROM pg_index WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
           UNION ALL SELECT concat_ws(' ', 'policy', polrelid::regclass, polname, polroles::regrole[], pg_get_expr(polqual, polrelid),
             pg_get_expr(polwithcheck, polrelid)) FROM pg_policy
           UNION ALL SELECT concat_ws(' ', 'trigger', pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
           UNION ALL SELECT concat_ws(' ', 'function', p.oid::regprocedure, p.proowner::regrole, p.prosecdef, md5(p.prosrc),
             (SELECT string_agg(acl::text, ',' ORDER BY acl::text) FROM unnest(p.proacl) acl))
           FROM pg_proc p WHERE pronamespace = 'app'::regnamespace
         ) all_of_it ORDER BY line COLLATE \"C\"",
    )
}

#[test]
fn schema_rs_equals_the_migrated_database() {
    let database = TestDatabase::create_now();
    let (declared, migrated) = (declared(), migrated(&mut sql::connect(&database.url)));
    assert!(declared.len() > 20, "{declared:?}");
    for (table, columns) in &migrated {
        assert_eq!(declared.get(table), Some(columns), "src/schema.rs and the migrations differ on `{table}`");
    }
    let too_many: Vec<_> = declared.keys().filter(|table| !migrated.contains_key(*table)).collect();
    assert!(too_many.is_empty(), "only in src/schema.rs: {too_many:?}");
}

#[test]
fn every_migration_can_be_undone_and_redone() {
    let database = TestDatabase::create_now();
    let before = catalogue(&mut sql::connect(&database.url));
    assert!(before.len() > 500, "{} lines", before.len());
    pipewright::db::redo_all(&database.url).unwrap();
    let after = catalogue(&mut sql::connect(&database.url));
    let lost: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
    let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    assert!(lost.is_empty() && new.is_empty(), "lost {lost:#?}\nnew {new:#?}");
    // A second start finds nothing to do, and a newer program's database is refused.
    assert_eq!(pipewright::db::migrate(&database.url, None).unwrap(), Vec::<String>::new());
    assert_eq!(pipewright::db::pending_migrations(&database.url).unwrap(), Vec::<String>::new());
    let mut conn = sql::connect(&database.url);
    conn.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')").unwrap();
    assert!(pipewright::db::migrate(&database.url, None).unwrap_err().to_string().contains("newer Pipewright"));
}

/// The first migrations, which everybody's oldest database has.
const FIRST: &str = "20261120000005";

/// Takes the migrations after [`FIRST`] back, the latest first.
fn downgrade(conn: &mut PgConnection) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let version = |name: &str| name.split('_').next().unwrap().replace('-', "");
    let mut later: Vec<String> =
        names.filter(|name| name.starts_with("20") && version(name).as_str() > FIRST).collect();
    later.sort();
    assert!(later.len() > 5, "{later:?}");
    for name in later.iter().rev() {
        let down = std::fs::read_to_string(folder.join(name).join("down.sql")).unwrap();
        let version = version(name);
        conn.batch_execute(&format!(
            "SET ROLE pipewright_owner; BEGIN; {down}; DELETE FROM __diesel_schema_migrations WHERE version = '{version}'; COMMIT; RESET ROLE"
        ))
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn a_database_of_an_earlier_version_is_brought_up_with_all_its_records() {
    let database = TestDatabase::create_now();
    let db = Db::connect(&database.url, None, 2).unwrap();
    assert!(pipewright::features::seeds::demo(&db).unwrap());
    drop(db);
    let mut conn = sql::connect(&database.url);
    downgrade(&mut conn);
    assert!(!pipewright::db::pending_migrations(&database.url).unwrap().is_empty());
    // Every row in the columns of that time.
    let tables = [
        "users",
        "members",
        "organisations",
        "pipelines",
        "stages",
        "companies",
        "contacts",
        "deals",
        "notes",
        "events",
    ];
    let questions = tables.map(|table| {
        let columns = sql::lines(
            &mut conn,
            &format!("SELECT quote_ident(attname) AS line FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped"),
        );
        let row = columns.join(", ");
        format!("SELECT '{table} ' || count(*) || ' ' || coalesce(md5(string_agg(r::text, '' ORDER BY r::text)), '') AS line FROM (SELECT {row} FROM {table}) r")
    });
    let read = |conn: &mut PgConnection| questions.iter().flat_map(|q| sql::lines(conn, q)).collect::<Vec<_>>();
    let before = read(&mut conn);
    assert!(before.iter().all(|line| !line.contains(" 0 ")), "{before:?}");
    migrate(&database.url, None).unwrap();
    assert_eq!(read(&mut sql::connect(&database.url)), before);
}
