//! The wizard: drafts, steps, choices, trials, templates, cancelling; who sees whose.

use super::{import, texts};
use crate::support::{Client, Page, TestApp};
use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};
use pipewright::kernel::RecordType;

/// Uploads a file as a draft; returns its address.
pub async fn begin(client: &Client, record: &str, name: &str, file: &[u8]) -> String {
    let form = reqwest::multipart::Form::new()
        .text("csrf_token", client.csrf().await)
        .text("record_type", record.to_owned())
        .text("step_by_step", "true");
    let part = reqwest::multipart::Part::bytes(file.to_vec()).file_name(name.to_owned());
    let request = client.http().post(client.url("/imports/new")).header("Accept", "text/html");
    let sent = client.read(request.multipart(form.part("file", part)).send().await.unwrap()).await;
    assert_eq!(sent.status(), 303, "{}", sent.body);
    let to = sent.location.unwrap();
    to.strip_suffix("/file").unwrap_or_else(|| panic!("sent to {to}")).to_owned()
}

/// The selected option of every select named `prefix…`, as a browser would post it.
pub fn selected(page: &Page, prefix: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for select in page.body.split("<select").skip(1) {
        let Some(name) = between(select, "name=\"", "\"").filter(|n| n.starts_with(prefix)) else { continue };
        let body = select.split("</select>").next().unwrap();
        let first = between(body, "<option value=\"", "\"").unwrap_or_default();
        let chosen = body.split("<option ").find(|o| o.split('>').next().unwrap().ends_with("selected"));
        let value = chosen.and_then(|o| between(o, "value=\"", "\"")).unwrap_or(first);
        found.push((name.to_owned(), value.to_owned()));
    }
    found
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let start = text.find(before)? + before.len();
    Some(&text[start..start + text[start..].find(after)?])
}

pub async fn post(client: &Client, path: &str, fields: &[(String, String)]) -> Page {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    client.post(path, &fields).await
}

/// Goes through every step with what is suggested, up to the trial. Returns its page.
pub async fn accept(app: &TestApp, client: &Client, here: &str) -> Page {
    let file = client.get(&format!("{here}/file")).await;
    assert_eq!(file.status(), 200, "{}", file.body);
    let columns = client.get(&format!("{here}/columns")).await;
    let sent = post(client, &format!("{here}/columns"), &selected(&columns, "field-")).await;
    assert_eq!(sent.status(), 303, "{}", sent.body);
    let values = client.get(&format!("{here}/values")).await;
    if values.status() == 200 {
        assert_eq!(client.post(&format!("{here}/values"), &[]).await.status(), 303);
    }
    assert_eq!(client.get(&format!("{here}/rules")).await.status(), 200);
    assert_eq!(client.post(&format!("{here}/rules"), &[]).await.status(), 303);
    app.run_jobs().await;
    client.get(&format!("{here}/check")).await
}

/// The four tiles of a trial or a result.
pub fn tiles(page: &Page) -> Vec<i64> {
    let tiles = page.body.split("tile-value num\">").skip(1);
    tiles
        .map(|t| t.split('<').next().unwrap().replace([',', '.', '\u{a0}', '\u{202f}', ' '], "").parse().unwrap())
        .collect()
}

const PEOPLE: &str = "Vorname;Family name;Mail;Firm;Kind;Keeper\n\
    Ann;Bell;ann@x.test;Acme;Stammkunde;rep@acme.test\n\
    Bob;Orr;bob@x.test;Acme;Stammkunde;Jemand\n\
    Cid;;not an address;Zeta;lead;\n\
    Dot;Ell;dot@x.test;Zeta;Neuling;Jemand\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn step_by_step() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let client = app.signed_in(&org, "manager").await;
    assert_eq!(
        import(&app, &org, RecordType::Contact, b"email,first name,title\nann@x.test,Anna,CEO\n").await,
        Ok((1, 0, 0, 0))
    );
    let here = begin(&client, "contact", "leute.csv", PEOPLE.as_bytes()).await;
    assert!(client.get("/imports").await.contains("Draft"));
    assert_eq!(client.get(&here).await.location.as_deref(), Some(format!("{here}/file").as_str()));
    let file = client.get(&format!("{here}/file")).await;
    assert!(file.contains("UTF-8, semicolons, headings on line 1") && file.contains("ann@x.test"), "{}", file.body);

    // What the headings say is suggested; the rest is chosen.
    let columns = client.get(&format!("{here}/columns")).await;
    let suggested: Vec<String> = selected(&columns, "field-").into_iter().map(|(_, field)| field).collect();
    assert_eq!(suggested, ["", "last_name", "email", "", "", ""]);
    let twice = [("field-0", "first_name"), ("field-1", "first_name")];
    let twice = client.post(&format!("{here}/columns"), &twice).await;
    assert_eq!(twice.status(), 422);
    assert!(twice.contains("another column is First name already"), "{}", twice.body);
    let fields = [
        ("field-0", "first_name"),
        ("field-1", "last_name"),
        ("field-2", "email"),
        ("field-3", "company_id"),
        ("field-4", "lifecycle"),
        ("field-5", "owner_id"),
    ];
    let sent = client.post(&format!("{here}/columns"), &fields).await;
    assert_eq!(sent.location.as_deref(), Some(format!("{here}/values").as_str()), "{}", sent.body);
    // Left and come back to.
    assert_eq!(client.get(&here).await.location.as_deref(), Some(format!("{here}/columns").as_str()));
    assert_eq!(selected(&client.get(&format!("{here}/columns")).await, "field-")[3].1, "company_id");

    let values = client.get(&format!("{here}/values")).await;
    for part in ["Stammkunde", "2 rows", "Neuling", "1 row", "Jemand"] {
        assert!(values.contains(part), "{part} is missing: {}", values.body);
    }
    assert!(!values.contains("rep@acme.test</label>"));
    let meanings = [
        ("cell-4-0", "Stammkunde"),
        ("value-4-0", "customer"),
        ("cell-4-1", "Neuling"),
        ("value-4-1", "\u{2205}"),
        ("cell-5-0", "Jemand"),
        ("value-5-0", "\u{2205}"),
    ];
    let sent = client.post(&format!("{here}/values"), &meanings).await;
    assert_eq!(sent.location.as_deref(), Some(format!("{here}/rules").as_str()));
    let bad = client.post(&format!("{here}/rules"), &[("on_match", "nonsense")]).await;
    assert_eq!(bad.status(), 422);
    let rules = [("match_1", "email"), ("on_match", "fill_blanks"), ("owner", "nobody"), ("template", "Leute")];
    assert_eq!(client.post(&format!("{here}/rules"), &rules).await.status(), 303);
    assert!(client.get(&format!("{here}/check")).await.contains("every 1s"));
    assert_eq!(client.post(&format!("{here}/columns"), &fields).await.status(), 303, "under way: not to be changed");
    app.run_jobs().await;

    // The trial has written nothing and says what the import then does.
    let check = client.get(&format!("{here}/check")).await;
    assert_eq!(tiles(&check), [2, 1, 0, 1], "{}", check.body);
    for part in ["4 rows read", "must be an e-mail address", "2 companies would be created", "Last name", "Bell"] {
        assert!(check.contains(part), "{part} is missing: {}", check.body);
    }
    assert_eq!(texts(&app, "SELECT count(*)::text AS t FROM contacts").await, ["1"]);
    assert_eq!(texts(&app, "SELECT count(*)::text AS t FROM companies").await, ["0"]);
    assert!(client.get(&format!("{here}/errors.csv")).await.contains("not an address"));
    assert_eq!(client.post(&format!("{here}/start"), &[]).await.status(), 303);
    app.run_jobs().await;
    let done = client.get(&here).await;
    assert_eq!(tiles(&done), [2, 1, 0, 1], "{}", done.body);
    let people = texts(
        &app,
        "SELECT concat_ws('|', first_name, last_name, title, lifecycle, coalesce(m.name, 'nobody')) AS t \
        FROM contacts c LEFT JOIN members m ON m.id = c.owner_id AND m.org_id = c.org_id ORDER BY c.email",
    )
    .await;
    assert_eq!(people, ["Anna|Bell|CEO|lead|Rep acme", "Bob|Orr|customer|nobody", "Dot|Ell|lead|nobody"]);
    let created = client.get(&format!("{here}/records/created")).await;
    assert!(created.contains("Bob Orr") && !created.contains("Anna"), "{}", created.body);
    assert!(client.get(&format!("{here}/records/updated")).await.contains("Anna Bell"));
    assert!(client.get(&format!("{here}/records/companies")).await.contains("Zeta"));
    assert_eq!(client.get(&format!("{here}/records/nonsense")).await.status(), 404);

    // The same headings again: the template fills the choices in, and nothing is left to do.
    let again = begin(&client, "contact", "leute-2.csv", PEOPLE.as_bytes()).await;
    let columns = client.get(&format!("{again}/columns")).await;
    assert!(columns.contains("the template") && columns.contains("Leute"), "{}", columns.body);
    assert_eq!(selected(&columns, "field-")[3].1, "company_id");
    let check = accept_rest(&app, &client, &again).await;
    assert_eq!(tiles(&check), [0, 0, 3, 1], "{}", check.body);
    assert!(check.contains("nothing to import"));
    let gone = client.post(&format!("{again}/removal"), &[]).await;
    assert_eq!(gone.location.as_deref(), Some("/imports"));
    assert_eq!(client.get(&format!("{again}/check")).await.status(), 404);
    let list = client.get("/imports").await;
    let template = between(&list.body, "name=\"template\" value=\"", "\"").unwrap().to_owned();
    assert_eq!(client.post("/imports/templates", &[("template", &template)]).await.status(), 303);
    assert!(!client.get("/imports").await.contains("Leute"));
    app.stop().await;
}

/// From the columns on, with what is there.
async fn accept_rest(app: &TestApp, client: &Client, here: &str) -> Page {
    let rules = client.get(&format!("{here}/rules")).await;
    let mut fields = selected(&rules, "match_");
    fields.extend(selected(&rules, "owner"));
    fields.push(("on_match".into(), "fill_blanks".into()));
    assert_eq!(post(client, &format!("{here}/rules"), &fields).await.status(), 303);
    app.run_jobs().await;
    client.get(&format!("{here}/check")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_and_broken() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let client = app.signed_in(&org, "admin").await;
    let here = begin(&client, "company", "firms.csv", b"name,country\nInitech,US\nInitrode,Atlantis\n").await;
    let check = accept(&app, &client, &here).await;
    assert_eq!(tiles(&check), [1, 0, 0, 1]);
    // Not begun: stopped at once, and the draft is there still.
    client.post(&format!("{here}/start"), &[]).await;
    assert_eq!(client.post(&format!("{here}/cancellation"), &[]).await.status(), 303);
    app.run_jobs().await;
    assert!(client.get(&here).await.contains("Nothing was imported"));
    assert_eq!(texts(&app, "SELECT count(*)::text AS t FROM companies").await, ["0"]);
    assert_eq!(client.post(&format!("{here}/start"), &[]).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(tiles(&client.get(&here).await), [1, 0, 0, 1]);
    // Over: neither started nor changed again, and its pages lead to the result.
    assert_eq!(client.post(&format!("{here}/start"), &[]).await.status(), 409);
    for step in ["file", "columns", "values", "rules", "check"] {
        assert_eq!(client.get(&format!("{here}/{step}")).await.location.as_deref(), Some(here.as_str()), "{step}");
    }
    let broken = begin(&client, "company", "x.csv", b"\x00\x01\x02PNG").await;
    let page = client.get(&format!("{broken}/file")).await;
    assert!(page.contains("It cannot be read like this"), "{}", page.body);
    let columns = client.get(&format!("{broken}/columns")).await;
    assert_eq!(columns.location.as_deref(), Some(format!("{broken}/file").as_str()));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_see_their_own_imports() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("acme").await, app.org("globex").await);
    let admin = app.signed_in(&org, "admin").await;
    texts(&app, "UPDATE roles SET permissions = permissions || '{contacts.import}', visibility = 'own' WHERE key = 'rep' RETURNING key AS t").await;
    let rep = app.signed_in(&org, "rep").await;
    let theirs = begin(&admin, "contact", "admin.csv", b"email,name\na@x.test,Ann\n").await;
    let own = begin(&rep, "contact", "own.csv", b"email,name\na@x.test,Ann\nb@x.test,Bob\n").await;
    let list = rep.get("/imports").await;
    assert!(list.contains("own.csv") && !list.contains("admin.csv"), "{}", list.body);
    let stranger = app.signed_in(&other, "admin").await;
    for step in ["", "/file", "/columns", "/values", "/rules", "/check", "/errors.csv", "/records/created"] {
        assert_eq!(rep.get(&format!("{theirs}{step}")).await.status(), 404, "{step}");
        assert_eq!(stranger.get(&format!("{own}{step}")).await.status(), 404, "{step}");
    }
    for step in ["columns", "values", "rules", "check", "start", "cancellation", "removal", "undo"] {
        assert_eq!(rep.post(&format!("{theirs}/{step}"), &[]).await.status(), 404, "{step}");
    }
    assert!(admin.get("/imports").await.contains("own.csv"));
    // A record of somebody else's is not theirs to change, and the trial says so.
    assert_eq!(tiles(&accept(&app, &admin, &theirs).await), [1, 0, 0, 0]);
    admin.post(&format!("{theirs}/start"), &[]).await;
    app.run_jobs().await;
    let check = accept(&app, &rep, &own).await;
    assert_eq!(tiles(&check), [1, 0, 0, 1], "{}", check.body);
    assert!(check.contains("not yours to change"));
    let rules = rep.get(&format!("{own}/rules")).await;
    assert!(!rules.contains("Nobody</option>"), "an unowned record would be lost to them");
    // Companies are not theirs to import at all.
    let form = reqwest::multipart::Form::new()
        .text("csrf_token", rep.csrf().await)
        .text("record_type", "company")
        .text("step_by_step", "true")
        .part("file", reqwest::multipart::Part::bytes(b"name\nX\n".to_vec()).file_name("c.csv"));
    let sent = rep.http().post(rep.url("/imports/new")).header("Accept", "text/html").multipart(form);
    assert_eq!(rep.read(sent.send().await.unwrap()).await.status(), 403);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_of_their_addresses_and_every_policy() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let run = |options: &str, text: &'static str| {
        let options = serde_json::from_str(options).unwrap();
        super::import_with(&app, &org, RecordType::Contact, "x.csv", text.as_bytes(), options)
    };
    assert_eq!(
        run("{}", "email,email 2,name,phone\na@x.test,home@x.test,Ann Bell,+31201234567\n").await,
        Ok((1, 0, 0, 0))
    );
    let state =
        "SELECT concat_ws('|', email, other_emails::text, title, phone) AS t FROM contacts ORDER BY created_at, id";
    // Known by the other address, whose place it keeps.
    assert_eq!(run("{}", "email,title\nHOME@x.test,CEO\n").await, Ok((0, 1, 0, 0)));
    assert_eq!(texts(&app, state).await, ["a@x.test|{home@x.test}|CEO|+31201234567"]);
    assert_eq!(run(r#"{"on_match": "skip"}"#, "email,title\na@x.test,CFO\nnew@x.test,CFO\n").await, Ok((1, 0, 1, 0)));
    assert_eq!(
        run(r#"{"on_match": "fill_blanks"}"#, "email,title,phone\na@x.test,CFO,1\nnew@x.test,CTO,+31201234560\n").await,
        Ok((0, 1, 0, 1))
    );
    let filled = texts(&app, state).await;
    assert_eq!(filled, ["a@x.test|{home@x.test}|CEO|+31201234567", "new@x.test|{}|CFO|+31201234560"]);
    assert_eq!(
        run(r#"{"match_by": ["phone"]}"#, "phone,title,name\n+31201234567,COO,Ann Bell\n").await,
        Ok((0, 1, 0, 0))
    );
    // Created anyway, once.
    let anyway = r#"{"on_match": "create"}"#;
    assert_eq!(run(anyway, "email,name\na@x.test,Ann Bell\na@x.test,Ann Bell\n").await, Ok((1, 0, 1, 0)));
    assert_eq!(run(anyway, "email,name\na@x.test,Ann Bell\na@x.test,Ann Bell\n").await, Ok((0, 0, 2, 0)));
    assert_eq!(run(anyway, "id,name\n7,Zed\n7,Zoe\n").await, Ok((1, 0, 0, 1)));
    // Linked, not made.
    let link = r#"{"related": "link_only"}"#;
    assert_eq!(run(link, "name,company\nLone Wolf,Nowhere Inc\n").await, Ok((1, 0, 0, 0)));
    assert_eq!(run(link, "name,company\nLone Wolf,Nowhere Inc\n").await, Ok((0, 0, 1, 0)));
    assert_eq!(texts(&app, "SELECT count(*)::text AS t FROM companies").await, ["0"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_tells_of_new_rows_that_look_like_records_there_are() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let (admin, rep) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await);
    for (first, last, email, phone, city) in
        [("Ann", "Bell", "ann@bell.test", "+31201234567", "Gent"), ("Bob", "Stone", "bob@stone.test", "", "Gent")]
    {
        let fields = [("first_name", first), ("last_name", last), ("email", email), ("phone", phone), ("city", city)];
        assert_eq!(admin.post("/contacts", &fields).await.status(), 303);
    }
    let file = "first name,last name,email,phone,city\n\
        Anna,Bell,anna@bell.test,+31 20 123 4567,Gent\nBob,Stone,b@stone.test,,gent\nCleo,Nobody,cleo@x.test,,Gent\n";
    let here = begin(&admin, "contact", "people.csv", file.as_bytes()).await;
    let check = accept(&app, &admin, &here).await;
    assert_eq!(tiles(&check), [3, 0, 0, 0], "{}", check.body);
    for part in ["look like records you have", "2 rows", "same phone", "line 2", "same name", "line 3", "Ann Bell"] {
        assert!(check.contains(part), "{part} is missing: {}", check.body);
    }
    // Not of records the importer does not see.
    app.alter("UPDATE roles SET visibility = 'own', permissions = permissions || '{contacts.import,contacts.create}' WHERE key = 'rep'");
    let here = begin(&rep, "contact", "people.csv", file.as_bytes()).await;
    let check = accept(&app, &rep, &here).await;
    assert!(check.contains("3 rows read") && !check.contains("look like records"), "{}", check.body);
    app.stop().await;
}

/// A statement that waits is ended at once, not at its end: here on a row that somebody else holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_in_the_middle_of_a_statement() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let client = app.signed_in(&org, "admin").await;
    assert_eq!(import(&app, &org, RecordType::Company, b"name,country\nInitech,US\n").await, Ok((1, 0, 0, 0)));
    let here = begin(&client, "company", "firms.csv", b"name,country\nInitech,NL\nInitrode,NL\n").await;
    assert_eq!(tiles(&accept(&app, &client, &here).await), [1, 1, 0, 0]);
    let url = app.database_url().to_owned();
    let held = std::thread::spawn(move || {
        let mut conn = PgConnection::establish(&url).unwrap();
        sql_query("BEGIN").execute(&mut conn).unwrap();
        sql_query("SELECT 1 FROM companies FOR UPDATE").execute(&mut conn).unwrap();
        conn
    });
    let mut holder = held.join().unwrap();
    client.post(&format!("{here}/start"), &[]).await;
    let running = app.run_jobs();
    let stop = async {
        let waits = "SELECT count(*)::text AS t FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' \
                     AND query LIKE '%UPDATE companies%'";
        while texts(&app, waits).await != ["1"] || !client.get(&here).await.contains("Updating records") {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(client.post(&format!("{here}/cancellation"), &[]).await.status(), 303);
    };
    tokio::join!(running, stop);
    assert!(client.get(&here).await.contains("Nothing was imported"));
    sql_query("ROLLBACK").execute(&mut holder).unwrap();
    assert_eq!(texts(&app, "SELECT name || country AS t FROM companies").await, ["InitechUS"]);
    assert_eq!(client.post(&format!("{here}/start"), &[]).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(tiles(&client.get(&here).await), [1, 1, 0, 0]);
    app.stop().await;
}
