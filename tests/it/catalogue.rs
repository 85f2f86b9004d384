//! Tenancy, read off the database itself: what a new table forgets, this finds.

use crate::support::{TestApp, TestDatabase, sql};
use diesel::{Connection, PgConnection, connection::SimpleConnection};
use pipewright::{
    db::Tx,
    kernel::{CompanyId, OrgId},
    schema::companies,
};

/// Tables without row-level security. No tenant role may touch them, which is checked too.
const OUTSIDE: &[(&str, &str)] = &[
    ("__diesel_schema_migrations", "which migrations ran; everybody may read it"),
    ("users", "a person belongs to several organisations; tenants see `members`"),
    ("user_avatars", "belongs to users"),
    ("sessions", "read before the organisation is known"),
    ("auth_tokens", "read before anybody is signed in"),
];

/// Tables whose key does not lead with the organisation.
const KEYS_OF_THEIR_OWN: &[(&str, &str)] = &[
    ("organisations", "its id is the tenant"),
    ("jobs", "a job may belong to the installation instead of an organisation"),
    ("mails", "so may a mail: somebody signing up has no organisation yet"),
];

fn quoted(list: &[(&str, &str)]) -> String {
    list.iter().map(|(name, _)| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

const TABLES: &str =
    "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public' AND c.relkind IN ('r', 'p')";

#[test]
fn every_table_is_fenced() {
    let database = TestDatabase::create_now();
    let mut conn = sql::connect(&database.url);
    let mut none = |what: &str, query: String| {
        assert_eq!(sql::lines(&mut conn, &query), Vec::<String>::new(), "{what}");
    };
    let (outside, own_keys) = (quoted(OUTSIDE), quoted(KEYS_OF_THEIR_OWN));
    none(
        "tables without forced row-level security",
        format!(
            "SELECT c.relname::text AS line FROM {TABLES} WHERE NOT (c.relrowsecurity AND c.relforcerowsecurity) AND c.relname NOT IN ({outside})"
        ),
    );
    none(
        "tables whose policies are not exactly: pipewright_app by its organisation, pipewright_system by everything",
        format!(
            "SELECT c.relname::text AS line FROM {TABLES} WHERE c.relname NOT IN ({outside}) AND (
               SELECT coalesce(string_agg(concat_ws(' ', p.polname, p.polroles::regrole[]::text, p.polcmd, p.polpermissive,
                 pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)), '; ' ORDER BY p.polname), '')
               FROM pg_policy p WHERE p.polrelid = c.oid
             ) NOT IN (
               'system {{pipewright_system}} * t true true; tenant {{pipewright_app}} * t (org_id = ( SELECT app.org() AS org)) (org_id = ( SELECT app.org() AS org))',
               'system {{pipewright_system}} * t true true; tenant {{pipewright_app}} * t (id = ( SELECT app.org() AS org)) (id = ( SELECT app.org() AS org))')"
        ),
    );
    none(
        "fenced tables without org_id",
        format!(
            "SELECT c.relname::text AS line FROM {TABLES} WHERE c.relname NOT IN ({outside}, 'organisations')
             AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_id')"
        ),
    );
    none(
        "tenant tables whose primary key does not lead with org_id, or whose org_id may be null or has no default",
        format!(
            "SELECT c.relname::text AS line FROM {TABLES} WHERE c.relname NOT IN ({outside}, {own_keys}) AND NOT EXISTS (
               SELECT 1 FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
               JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
               WHERE k.conrelid = c.oid AND k.contype = 'p' AND a.attname = 'org_id' AND a.attnotnull
                 AND pg_get_expr(d.adbin, d.adrelid) = 'app.org()')"
        ),
    );
    none(
        "foreign keys between tenant tables that leave the organisation out on one side",
        format!(
            "SELECT k.conname::text AS line FROM pg_constraint k
             JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
             WHERE k.contype = 'f' AND c.relnamespace = 'public'::regnamespace
               AND c.relname NOT IN ({outside}) AND f.relname NOT IN ({outside})
               AND NOT EXISTS (
                 SELECT 1 FROM unnest(k.conkey, k.confkey) AS pair (mine, theirs)
                 JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.mine
                 JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = pair.theirs
                 WHERE a.attname = 'org_id' AND b.attname = CASE f.relname WHEN 'organisations' THEN 'id' ELSE 'org_id' END)"
        ),
    );
    none(
        "unique constraints and indexes of tenant tables that would let one organisation feel another's values",
        format!(
            "SELECT i.indexrelid::regclass::text AS line FROM pg_index i JOIN {TABLES} ON c.oid = i.indrelid
             WHERE i.indisunique AND c.relname NOT IN ({outside}) AND pg_get_indexdef(i.indexrelid) NOT LIKE '%(org_id%'
               AND pg_get_indexdef(i.indexrelid) NOT LIKE '%(COALESCE(org_id%'
               -- Ids and token hashes are random: nobody meets another's. Slugs are for the whole installation, like user names.
               AND i.indexrelid::regclass::text NOT IN
                 ('organisations_pkey', 'organisations_slug_key', 'jobs_pkey', 'mails_pkey', 'invitations_token_hash_key', 'web_forms_token_key')"
        ),
    );
}

#[test]
fn roles_are_what_the_design_says() {
    let database = TestDatabase::create_now();
    let mut conn = sql::connect(&database.url);
    let mut one = |query: &str| sql::value(&mut conn, query);
    assert_eq!(
        one(
            "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolname LIKE 'pipewright%' AND (rolbypassrls OR rolsuper OR rolcanlogin AND rolinherit)"
        ),
        ""
    );
    for (member, role) in
        [("app", "system"), ("app", "owner"), ("system", "app"), ("system", "owner"), ("owner", "system")]
    {
        let member_of = format!("SELECT pg_has_role('pipewright_{member}', 'pipewright_{role}', 'MEMBER')");
        assert_eq!(one(&member_of), "false", "pipewright_{member} is a member of pipewright_{role}");
    }
    // What is outside the fence is out of a tenant's reach; organisations it may neither make nor end.
    for (table, _) in OUTSIDE {
        let read = if *table == "__diesel_schema_migrations" { "" } else { "SELECT, " };
        let any = format!(
            "SELECT has_table_privilege('pipewright_app', '{table}', '{read}INSERT, UPDATE, DELETE') OR has_any_column_privilege('pipewright_app', '{table}', '{read}INSERT, UPDATE')"
        );
        assert_eq!(one(&any), "false", "pipewright_app may touch {table}");
    }
    assert_eq!(one("SELECT has_table_privilege('pipewright_app', 'organisations', 'INSERT, DELETE')"), "false");
    // Everything belongs to pipewright_owner, but for the search function, which must see past row-level security's planner.
    let strange = "SELECT string_agg(oid::regclass || ' of ' || relowner::regrole, ', ') FROM pg_class
        WHERE relnamespace IN ('public'::regnamespace, 'app'::regnamespace) AND relowner::regrole::text <> 'pipewright_owner'";
    assert_eq!(one(strange), "");
    let definers = "SELECT string_agg(proname || ' of ' || proowner::regrole, ', ' ORDER BY proname) FROM pg_proc
        WHERE prosecdef AND pronamespace IN ('public'::regnamespace, 'app'::regnamespace)";
    assert_eq!(
        one(definers),
        "end_sessions of pipewright_system, ensure_event_partitions of pipewright_owner, holding of pipewright_system, likely of pipewright_system, linking of pipewright_system, matching of pipewright_system, member_zones of pipewright_system, search of pipewright_system, search_all of pipewright_system, session of pipewright_system, those of pipewright_system"
    );
    assert_eq!(
        one(
            "SELECT count(*) FROM pg_proc WHERE prosecdef AND pronamespace = 'app'::regnamespace AND NOT proconfig::text LIKE '%search_path=public, pg_temp%'"
        ),
        "0"
    );
}

/// A login like the private server's `pipewright`: it owns nothing, inherits nothing and may put on the two roles.
#[test]
fn a_login_of_its_own_can_do_nothing_but_put_on_the_two_roles() {
    let database = TestDatabase::create_now();
    let login = format!("qa_login_{}", std::process::id());
    let mut admin = sql::connect(&database.url);
    admin.batch_execute(&format!("DROP ROLE IF EXISTS {login}; CREATE ROLE {login} LOGIN NOINHERIT PASSWORD 'x'; GRANT pipewright_app, pipewright_system TO {login}")).unwrap();
    let as_login = |statements: &str| {
        let mut conn = sql::connect(&database.url);
        conn.batch_execute(&format!("SET SESSION AUTHORIZATION {login}; {statements}")).map_err(|e| e.to_string())
    };
    assert!(as_login("SET ROLE pipewright_app").is_ok());
    assert!(as_login("SET ROLE pipewright_system; SELECT count(*) FROM deals").is_ok());
    assert!(as_login("SELECT * FROM app.session('x', now(), now(), now())").is_ok());
    for refused in [
        "SET ROLE pipewright_app; SELECT * FROM app.session('x', now(), now(), now())",
        "SET ROLE pipewright_app; SELECT app.actor(gen_random_uuid(), gen_random_uuid())",
        "SELECT app.actor(gen_random_uuid(), gen_random_uuid())",
        "SELECT count(*) FROM deals",
        "SELECT count(*) FROM users",
        "CREATE TABLE mine (id int)",
        "ALTER TABLE deals DISABLE ROW LEVEL SECURITY",
        "SET ROLE pipewright_owner",
        "SET ROLE pipewright_app; SELECT count(*) FROM users",
        "SET ROLE pipewright_app; SET row_security = off; SELECT count(*) FROM deals",
        "SET ROLE pipewright_app; SELECT count(*) FROM deals", // no organisation named
        "SET ROLE pipewright_app; SELECT app.search('a', '{deal}', NULL, 5)",
        "SET ROLE pipewright_app; TRUNCATE deals",
        "SET ROLE pipewright_system; TRUNCATE deals",
        "SET ROLE pipewright_system; DROP TABLE deals",
    ] {
        assert!(as_login(refused).is_err(), "allowed: {refused}");
    }
    assert_eq!(
        sql::value(
            &mut admin,
            &format!("SELECT count(*) FROM pg_shdepend WHERE refobjid = '{login}'::regrole AND deptype = 'o'")
        ),
        "0"
    );
    admin.batch_execute(&format!("DROP OWNED BY {login}; DROP ROLE {login}")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_organisation_cannot_reach_another() {
    let app = TestApp::start().await;
    let (ours, theirs) = (app.org("ours").await, app.org("theirs").await);
    let company = |org: OrgId, name: &'static str| {
        let db = app.db.clone();
        async move {
            let id = CompanyId::new();
            let insert = db.org(&org, move |tx| {
                diesel::RunQueryDsl::execute(
                    diesel::insert_into(companies::table).values((
                        diesel::ExpressionMethods::eq(companies::id, id.0),
                        diesel::ExpressionMethods::eq(companies::name, name),
                    )),
                    tx.conn(),
                )?;
                Ok(())
            });
            insert.await.unwrap();
            id
        }
    };
    let (mine, foreign) = (company(ours.id, "Ours").await, company(theirs.id, "Theirs").await);
    app.sql(&format!(
        "INSERT INTO search_documents (org_id, record_type, record_id, title, folded_title, haystack)
         VALUES ('{o}', 'company', '{mine}', 'Ours', 'ours', 'ours shared'), ('{t}', 'company', '{foreign}', 'Theirs', 'theirs', 'theirs shared')",
        o = ours.id, t = theirs.id
    ))
    .await;

    let run = |statements: String| {
        let (db, org) = (app.db.clone(), ours.id);
        async move { db.org(&org, move |tx| Ok(tx.conn().batch_execute(&statements)?)).await }
    };
    let read = |query: String| {
        let (db, org) = (app.db.clone(), ours.id);
        async move { db.org(&org, move |tx| Ok(sql::value(tx.conn(), &query))).await.unwrap() }
    };
    // Reading, changing and deleting what is theirs finds nothing.
    assert_eq!(read("SELECT string_agg(name, ',') FROM companies".into()).await, "Ours");
    assert_eq!(read("SELECT count(DISTINCT org_id) FROM members".into()).await, "1");
    assert_eq!(read("SELECT string_agg(name, ',') FROM organisations".into()).await, "ours Ltd");
    assert_eq!(
        read("SELECT string_agg(title, ',') FROM app.search('shared', '{company}', NULL, 10)".into()).await,
        "Ours"
    );
    run(format!(
        "UPDATE companies SET name = 'Stolen' WHERE id = '{foreign}'; DELETE FROM companies WHERE id = '{foreign}'"
    ))
    .await
    .unwrap();
    assert_eq!(app.value(&format!("SELECT name FROM companies WHERE id = '{foreign}'")).await, "Theirs");

    for refused in [
        format!("INSERT INTO companies (org_id, id, name) VALUES ('{}', app.uuid7(), 'Planted')", theirs.id),
        format!("UPDATE companies SET org_id = '{}' WHERE id = '{mine}'", theirs.id),
        format!("UPDATE companies SET parent_id = '{foreign}' WHERE id = '{mine}'"),
        format!("UPDATE companies SET owner_id = '{}' WHERE id = '{mine}'", theirs.rep),
        format!("INSERT INTO notes (id, company_id, body_html) VALUES (app.uuid7(), '{foreign}', 'x')"),
        format!("INSERT INTO team_members (team_id, member_id) VALUES (app.uuid7(), '{}')", theirs.rep),
        format!("INSERT INTO jobs (org_id, kind) VALUES ('{}', 'x')", theirs.id),
        format!(
            "INSERT INTO events (org_id, kind, record_type, record_id) VALUES ('{}', 'x', 'x', app.uuid7())",
            theirs.id
        ),
        format!("UPDATE organisations SET id = app.uuid7() WHERE id = '{}'", ours.id),
        "SELECT count(*) FROM users".into(),
        "SELECT count(*) FROM sessions".into(),
        "SELECT count(*) FROM auth_tokens".into(),
    ] {
        let answer = run(refused.clone()).await;
        assert!(answer.is_err(), "allowed: {refused}");
    }
    // A key in use by one organisation does not swallow the job of another.
    for org in [ours.id, theirs.id] {
        let enqueue = app
            .db
            .org(&org, |tx| pipewright::jobs::enqueue(tx, pipewright::jobs::Job::new("nothing", &())?.key("same")));
        enqueue.await.unwrap();
    }
    assert_eq!(app.value("SELECT count(*) FROM jobs WHERE key = 'same'").await, "2");
    app.stop().await;
}

/// Not one query runs when the transaction's organisation was never set: the check that the type system already makes.
#[test]
fn forgetting_the_organisation_raises() {
    let database = TestDatabase::create_now();
    let mut conn = PgConnection::establish(&database.url).unwrap();
    let tables = sql::lines(
        &mut conn,
        &format!(
            "SELECT c.relname::text AS line FROM {TABLES} WHERE c.relrowsecurity AND has_table_privilege('pipewright_app', c.oid, 'SELECT') AND NOT c.relispartition"
        ),
    );
    assert!(tables.len() > 20, "{tables:?}");
    for table in tables {
        for statement in [
            format!("SELECT * FROM {table}"),
            format!("UPDATE {table} SET {} = DEFAULT", if table == "organisations" { "name" } else { "org_id" }),
        ] {
            let answer = conn.batch_execute(&format!("BEGIN; SET LOCAL ROLE pipewright_app; {statement}"));
            let text = answer.err().map(|e| e.to_string()).unwrap_or_default();
            assert!(
                text.contains("app.org_id") || text.contains("invalid input syntax for type uuid"),
                "{statement}: {text:?}"
            );
            conn.batch_execute("ROLLBACK").unwrap();
        }
    }
}
