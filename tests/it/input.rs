//! Bad input over every form: a clear 4xx, never a 500, and nothing kept that should not be.

use crate::support::{Client, TestApp, routes};
use reqwest::header::{CONTENT_TYPE, HeaderValue};

/// Field names of all forms there are; each form takes what it knows.
const FIELDS: &[&str] = &[
    "name",
    "first_name",
    "last_name",
    "email",
    "other_emails",
    "phone",
    "other_phones",
    "domain",
    "industry",
    "employees",
    "annual_revenue",
    "country",
    "company",
    "company_id",
    "contact",
    "contact_id",
    "owner_id",
    "parent_id",
    "amount",
    "currency",
    "probability",
    "expected_close_on",
    "stage_id",
    "pipeline_id",
    "pipeline",
    "after_id",
    "before_id",
    "position",
    "outcome",
    "lost_reason",
    "lost_note",
    "version",
    "id",
    "role_id",
    "team_id",
    "manager_id",
    "member_id",
    "to",
    "value",
    "key",
    "body",
    "body_html",
    "color",
    "rotting_days",
    "priority",
    "forecast_override",
    "forecast_category",
    "card_limit",
    "period",
    "on",
    "unit",
    "category",
    "seen",
    "lanes",
    "field",
    "folded",
    "list",
    "description",
    "source",
    "lifecycle",
    "role",
    "title",
    "theme",
    "locale",
    "time_zone",
    "fiscal_year_start",
    "working_days",
    "permissions",
    "visibility",
    "organisation",
    "organisation_id",
    "password",
    "current_password",
    "token",
    "next",
    "q",
    "slug",
];

/// Values nobody means well with, urlencoded.
fn hostile() -> Vec<(&'static str, String)> {
    vec![
        ("empty", String::new()),
        ("invalid UTF-8", "%FF%FE%80".into()),
        ("NUL", "a%00b".into()),
        ("300 kB", "x".repeat(300_000)),
        ("negative", "-1".into()),
        ("overflow", "99999999999999999999999999999999999999".into()),
        ("float trouble", "1e400".into()),
        ("not a number", "NaN".into()),
        ("year 99999", "99999-12-31".into()),
        ("no such day", "2026-02-30".into()),
        ("negative year", "-0001-01-01".into()),
        ("nil id", "00000000-0000-0000-0000-000000000000".into()),
        ("forged id", "01890a5d-ac96-774b-bcce-b302099a8057".into()),
        ("no id", "1%3B+DROP+TABLE+deals".into()),
        ("markup", "%3Cscript%3Ealert(1)%3C%2Fscript%3E".into()),
        ("pattern", "%25_%5C%27%22%5C".into()),
        ("direction marks", "%E2%80%AE%E2%80%8F%F0%9F%92%A9%EF%BF%BF".into()),
        ("line breaks", "a%0D%0ASet-Cookie:+x=1%0D%0A%0D%0Ab".into()),
    ]
}

async fn post(client: &Client, path: &str, token: &str, kind: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
    let request =
        client.http().post(client.url(path)).header("X-CSRF-Token", token).header(CONTENT_TYPE, kind).body(body);
    let answer = request.send().await.unwrap_or_else(|e| panic!("{path}: {e}"));
    let status = answer.status().as_u16();
    (status, answer.text().await.unwrap_or_default())
}

const FORM: &str = "application/x-www-form-urlencoded";

fn assert_none(found: Vec<String>) {
    assert!(found.is_empty(), "{} answers:\n  {}", found.len(), found.join("\n  "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_form_breaks_on_hostile_values() {
    let app = TestApp::start().await;
    let org = app.org("input").await;
    let ours = app.belongings(&org).await;
    let admin = app.signed_in(&org, "admin").await;
    let token = admin.csrf().await;
    let mut wrong = Vec::new();
    let forms: Vec<_> = routes::all().into_iter().filter(|route| route.method == "POST").collect();
    for route in forms.iter().filter(|route| !["/logout", "/session/organisation"].contains(&route.path.as_str())) {
        // What ends this session or this person's rights comes at its own peril in other tests.
        if route.path.contains("sessions") || route.path.contains("deactivation") {
            continue;
        }
        let path = route.with(&ours);
        for (what, value) in hostile() {
            // One long value is enough: together they would only be refused for their size.
            let names: Vec<&str> = if value.len() > 1_000 { vec!["name", "value"] } else { FIELDS.to_vec() };
            let body: Vec<String> = names.iter().map(|name| format!("{name}={value}")).collect();
            let (status, text) = post(&admin, &path, &token, FORM, body.join("&")).await;
            if status >= 500 {
                wrong.push(format!("{} with {what}: {status}", route.name()));
            }
            if text.contains("<script>alert(1)") {
                wrong.push(format!("{} with {what}: echoed as markup", route.name()));
            }
        }
        for (kind, body) in [
            ("application/json", "{\"name\": [1"),
            ("text/plain", "name=x"),
            ("multipart/form-data", "no boundary"),
            (
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../etc/passwd\"\r\n\r\nx",
            ),
            ("application/octet-stream", "\u{0}\u{1}"),
            (FORM, "&&==&%&name=%zz&name"),
        ] {
            let (status, _) = post(&admin, &path, &token, kind, body).await;
            if status >= 500 {
                wrong.push(format!("{} as {kind}: {status}", route.name()));
            }
        }
    }
    assert_none(wrong);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sizes_tokens_addresses_and_headers_have_their_limits() {
    let app = TestApp::start().await;
    let org = app.org("limits").await;
    let ours = app.belongings(&org).await;
    let admin = app.signed_in(&org, "admin").await;
    let token = admin.csrf().await;
    let mut wrong = Vec::new();
    // A name of ten megabytes.
    for path in ["/companies", "/deals/new", "/settings/teams"] {
        let answer = admin.http().post(admin.url(path)).header("X-CSRF-Token", &token).header(CONTENT_TYPE, FORM);
        // The server may answer and close before it has read everything.
        if let Ok(answer) = answer.body(format!("name={}", "x".repeat(10_000_000))).send().await
            && answer.status() != 413
        {
            wrong.push(format!("{path} with 10 MB: {}", answer.status()));
        }
        let answer = admin.post_raw(path, &[("csrf_token", &token), ("name", &"x".repeat(1_200_000))]).await;
        if answer.status() != 413 {
            wrong.push(format!("{path} with 1.2 MB: {}", answer.status()));
        }
    }
    // Addresses.
    for route in routes::all().iter().filter(|r| r.method == "GET" && r.path != "/live" && !r.path.contains("{token}"))
    {
        let path = route.with(&ours);
        for query in [
            "after=garbage",
            "after=%FF",
            "after=eyJhIjoxfQ",
            "cursor=%00",
            "q=%00",
            "q=%FF%FE",
            "sort=nonsense&dir=up",
            "page=-1",
            "limit=99999999999999999999",
            "owner=1;DROP",
            "owner_id=x&team=x&stage=x&status=x",
            "from=99999-01-01&to=x",
            "amount_min=1e999&min=NaN",
            "before=x",
            "close=x",
            "ids=x,y,z",
            "id=x",
        ] {
            let page = admin.get(&format!("{path}?{query}")).await;
            if page.status() >= 500 {
                wrong.push(format!("{path}?{query}: {}", page.status()));
            }
        }
        let long = admin.get(&format!("{path}?q={}", "ä".repeat(4_000))).await;
        if long.status() >= 500 {
            wrong.push(format!("{path} with a long query: {}", long.status()));
        }
        if route.names_something() {
            for id in [
                "x",
                "00000000-0000-0000-0000-00000000000g",
                "..%2F..%2Fetc",
                "%00",
                "%FF",
                "1%27--",
                &"9".repeat(3_000),
            ] {
                let garbage = route
                    .path
                    .split('/')
                    .map(|part| if part.starts_with('{') { id } else { part })
                    .collect::<Vec<_>>()
                    .join("/");
                let page = admin.get(&garbage).await;
                if !(400..500).contains(&page.status()) {
                    wrong.push(format!("{garbage:.80}: {}", page.status()));
                }
            }
        }
    }
    // Headers.
    let garbage = HeaderValue::from_bytes(b"\xff\xfe\x80 garbage").unwrap();
    for name in [
        "accept",
        "cookie",
        "user-agent",
        "x-csrf-token",
        "hx-request-type",
        "hx-target",
        "x-tab-id",
        "referer",
        "accept-language",
        "if-none-match",
        "range",
        "x-request-id",
        "content-type",
        "accept-encoding",
        "x-forwarded-for",
        "origin",
    ] {
        for request in
            [admin.http().get(admin.url("/companies")), admin.http().post(admin.url("/companies")).body("name=x")]
        {
            let status = request.header(name, &garbage).send().await.unwrap().status().as_u16();
            if status >= 500 {
                wrong.push(format!("header {name}: {status}"));
            }
        }
    }
    let forged = app.new_client();
    for cookie in [
        "pw_session=garbage",
        "pw_session=",
        "pw_csrf=%FF; pw_flash=%FF",
        "pw_flash=garbage; flash=eyJ4",
        &format!("pw_session={}", "a".repeat(4_000)),
    ] {
        let answer = forged
            .http()
            .get(forged.url("/companies"))
            .header("cookie", cookie)
            .header("accept", "text/html")
            .send()
            .await
            .unwrap();
        if answer.status() != 303 {
            wrong.push(format!("cookie {cookie:.40}: {}", answer.status()));
        }
    }
    assert_none(wrong);

    // Tokens: of another person, of the time before signing in, of a session that ended.
    let rep = app.signed_in(&org, "rep").await;
    let foreign = rep.csrf().await;
    let before = app.value("SELECT count(*) FROM companies").await;
    for stolen in [foreign.as_str(), "", "x", &app.new_client().csrf().await] {
        let refused = admin.post_raw("/companies", &[("csrf_token", stolen), ("name", "Forged")]).await;
        assert!(refused.status() == 403 && refused.contains("reload the page and send it again"), "{}", refused.body);
    }
    assert_eq!(rep.post("/logout", &[]).await.status(), 303);
    assert_ne!(rep.post_raw("/companies", &[("csrf_token", &foreign), ("name", "Replayed")]).await.status(), 200);
    assert_eq!(app.value("SELECT count(*) FROM companies").await, before);

    // A form sent twice makes one record.
    let page = admin.get("/deals/new").await;
    let id = page.between("name=\"id\" value=\"", "\"").expect("the form carries the new record's id").to_owned();
    let stage = ours.stage.to_string();
    let fields = [("csrf_token", token.as_str()), ("id", id.as_str()), ("name", "Twice"), ("stage_id", stage.as_str())];
    let (one, two) = tokio::join!(admin.post_raw("/deals/new", &fields), admin.post_raw("/deals/new", &fields));
    for answer in [one, two, admin.post_raw("/deals/new", &fields).await] {
        assert!(answer.status() < 500, "{}: {}", answer.status(), answer.body);
    }
    assert_eq!(app.value("SELECT count(*) FROM deals WHERE name = 'Twice'").await, "1");
    for (path, field, count) in [
        ("/companies", "name", "SELECT count(*) FROM companies WHERE name = 'Twice'"),
        ("/contacts", "last_name", "SELECT count(*) FROM contacts WHERE last_name = 'Twice'"),
        ("/leads", "last_name", "SELECT count(*) FROM leads WHERE last_name = 'Twice'"),
    ] {
        let page = admin.get(&format!("{path}/new")).await;
        let id = page.between("name=\"id\" value=\"", "\"").expect("the form carries the new record's id").to_owned();
        let fields = [("csrf_token", token.as_str()), ("id", id.as_str()), (field, "Twice")];
        let (one, two) = tokio::join!(admin.post_raw(path, &fields), admin.post_raw(path, &fields));
        for answer in [one, two, admin.post_raw(path, &fields).await] {
            assert_eq!(answer.location, Some(format!("{path}/{id}")), "{}: {}", answer.status(), answer.body);
        }
        assert_eq!(app.value(count).await, "1", "{path}");
    }
    app.stop().await;
}
