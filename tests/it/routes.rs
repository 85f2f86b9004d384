//! The route walk: every route as nobody, as the least role, with another organisation's ids, and without a CSRF token.

use crate::support::{Belongings, Client, Page, TestApp, routes, routes::Route};
use std::collections::BTreeMap;

/// For everybody, signed in or not: the ways in.
const PUBLIC: &[&str] = &[
    "GET /login",
    "POST /login",
    "POST /logout",
    "GET /signup",
    "POST /signup",
    "GET /signup/sent",
    "GET /verify-email/{token}",
    "POST /verify-email/{token}",
    "GET /password-reset",
    "POST /password-reset",
    "GET /password-reset/sent",
    "GET /password-reset/{token}",
    "POST /password-reset/{token}",
    "GET /invitations/{token}",
    "POST /invitations/{token}",
    "GET /d/{token}",
    "GET /f/{token}",
    "GET /f/{token}/thanks",
    "POST /f/{token}",
    "GET /m/u/{token}",
    "POST /m/u/{token}",
    "POST /m/u/{token}/undo",
    "GET /m/o/{token}",
    "GET /m/c/{token}",
    "GET /calendar/feed/{token}",
    "GET /rsvp/{token}",
    "POST /rsvp/{token}",
];

/// Public forms are sent from other people's pages: no session, no cookie, and so no CSRF token (see tests/it/web_forms.rs).
const TOKENLESS: &[&str] = &["POST /f/{token}", "POST /m/u/{token}", "POST /m/u/{token}/undo", "POST /rsvp/{token}"];

/// Writes that concern nobody but the person: any role may.
const PERSONAL: &[&str] = &[
    "/login",
    "/logout",
    "/signup",
    "/session/",
    "/verify-email/",
    "/password-reset",
    "/settings/profile",
    "/settings/calendar",
    "/calendar/choice",
    "/pipeline/{pipeline}/look",
    "/pipeline/{pipeline}/stages/{stage}/fold",
    "/settings/security",
    "/settings/theme",
    "/settings/celebration",
    "/settings/notifications",
    "/notifications/",
    "/follows",
    "/activities/{id}/reminder",
    "/settings/email-verification",
    "/invitations/{token}",
    "/f/{token}",
    "/m/u/{token}",
    "/settings/signature",
    "/rsvp/{token}",
    "/preferences",
    "/views",
    "/companies/columns",
    "/contacts/columns",
    "/leads/columns",
    "/deals/columns",
];

async fn send(client: &Client, route: &Route, path: &str, token: Option<&str>) -> Page {
    send_form(client, route, path, token, "").await
}

async fn send_form(client: &Client, route: &Route, path: &str, token: Option<&str>, body: &str) -> Page {
    let method = reqwest::Method::from_bytes(route.method.as_bytes()).unwrap();
    let mut request = client.http().request(method.clone(), client.url(path)).header("Accept", "text/html");
    if method != reqwest::Method::GET {
        request = match token {
            Some(token) => request.header("X-CSRF-Token", token),
            None => request,
        };
        request = request.header("Content-Type", "application/x-www-form-urlencoded").body(body.to_owned());
    }
    client.read(request.send().await.unwrap()).await
}

fn is_public(route: &Route) -> bool {
    PUBLIC.contains(&route.name().as_str())
}

fn is_personal(route: &Route) -> bool {
    PERSONAL.iter().any(|start| route.path.starts_with(start))
}

/// Streams never end and downloads are not pages: both are tested where they are made.
fn is_stream(route: &Route) -> bool {
    route.path == "/live"
}

fn assert_none(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_in_and_no_form_works_without_its_token() {
    let app = TestApp::start().await;
    let org = app.org("walked").await;
    let ours = app.belongings(&org).await;
    let routes = routes::all();
    let nobody = app.new_client();
    let token = nobody.csrf().await;
    let mut wrong = Vec::new();
    for route in routes.iter().filter(|route| !is_public(route)) {
        let page = send(&nobody, route, &route.with(&ours), Some(&token)).await;
        let turned_away = page.status() == 401
            || page.status() == 303
                && page.location.as_deref().is_some_and(|to| to == "/login" || to.starts_with("/login?next="));
        if !turned_away || page.contains("of walked") {
            wrong.push(format!("{}: {} {:?}", route.name(), page.status(), page.location));
        }
    }
    assert_none("open to everybody", wrong);

    let admin = app.signed_in(&org, "admin").await;
    let mut wrong = Vec::new();
    for route in routes.iter().filter(|r| r.method != "GET" && !TOKENLESS.contains(&r.name().as_str())) {
        for (client, token) in
            [(&admin, None), (&admin, Some("forged")), (&admin, Some(token.as_str())), (&nobody, None)]
        {
            let page = send(client, route, &route.with(&ours), token).await;
            if page.status() != 403 {
                wrong.push(format!("{} with token {token:?}: {}", route.name(), page.status()));
            }
        }
    }
    assert_none("accepted without its CSRF token", wrong);
    assert_eq!(app.value("SELECT count(*) FROM deals WHERE deleted_at IS NULL AND archived_at IS NULL").await, "1");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_organisations_ids_are_not_found() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("walker").await, app.org("hidden").await);
    let theirs = app.belongings(&other).await;
    let ours = app.belongings(&org).await;
    let before = app.value(FINGERPRINT).await;
    let admin = app.signed_in(&org, "admin").await;
    let token = admin.csrf().await;
    let nobody = Belongings::of_nobody();
    // A form that would do, as far as one can do for all.
    let form = format!(
        "name=Taken&version=1&role={r}&role_id={r}&stage_id={s}&pipeline_id={p}&pipeline={p}&company_id={c}&contact_id={k}&owner_id={m}&to={m}\
         &member_id={m}&manager_id={m}&body=x&body_html=x&outcome=won&email=x@example.com&first_name=A&last_name=B&color=blue&probability=5&value=Taken",
        r = ours.role,
        s = ours.stage,
        p = ours.pipeline,
        c = ours.company,
        k = ours.contact,
        m = org.rep
    );
    let mut wrong = Vec::new();
    for route in routes::all().iter().filter(|route| route.names_something()) {
        let theirs = send_form(&admin, route, &route.with(&theirs), Some(&token), &form).await;
        let absent = send_form(&admin, route, &route.with(&nobody), Some(&token), &form).await;
        // Nothing of theirs, and no telling it from what does not exist. A form may be refused before its record is looked for.
        let silent = route.path == "/avatars/{member}" || route.method != "GET" && theirs.status() == 422;
        if theirs.contains("hidden") || theirs.status() != absent.status() || theirs.status() != 404 && !silent {
            wrong.push(format!(
                "{}: {} with their id, {} with nobody's",
                route.name(),
                theirs.status(),
                absent.status()
            ));
        }
    }
    // A pipeline of ours with a stage of theirs.
    for route in
        routes::all().iter().filter(|route| route.path.contains("{pipeline}") && route.path.contains("{stage}"))
    {
        let mixed = Belongings { stage: theirs.stage, ..ours.clone() };
        let page = send(&admin, route, &route.with(&mixed), Some(&token)).await;
        if page.status() != 404 {
            wrong.push(format!("{} mixed: {}", route.name(), page.status()));
        }
    }
    // Ours in every list, theirs in none.
    for route in routes::all()
        .iter()
        .filter(|r| r.method == "GET" && !r.names_something() && !is_stream(r) && !r.path.contains("{token}"))
    {
        let path =
            if route.path.starts_with("/search") { format!("{}?q=hidden", route.path) } else { route.path.clone() };
        let page = send(&admin, route, &path, None).await;
        let leaks = page.body.contains("of hidden") || page.body.contains("hidden.test");
        if leaks || page.status() >= 400 && route.path != "/organisation/logo" {
            wrong.push(format!("{}: {}{}", route.name(), page.status(), if leaks { ", and it leaks" } else { "" }));
        }
    }
    assert_none("leaks or tells", wrong);
    assert_eq!(app.value(FINGERPRINT).await, before, "something of theirs was changed");
    app.stop().await;
}

/// What the other organisation has.
const FINGERPRINT: &str = "SELECT md5(string_agg(x::text, '|' ORDER BY x::text)) FROM (
  SELECT c.*::text AS x FROM companies c UNION ALL SELECT c.*::text FROM contacts c UNION ALL SELECT l.*::text FROM leads l UNION ALL SELECT d.*::text FROM deals d
  UNION ALL SELECT a.*::text FROM activities a UNION ALL SELECT t.*::text FROM activity_types t UNION ALL SELECT p.*::text FROM activity_participants p
  UNION ALL SELECT i.*::text FROM activity_checklist i UNION ALL SELECT n.*::text FROM notes n UNION ALL SELECT t.*::text FROM teams t UNION ALL SELECT r.*::text FROM roles r
  UNION ALL SELECT m.*::text FROM members m UNION ALL SELECT i.*::text FROM invitations i UNION ALL SELECT s.*::text FROM stages s
  UNION ALL SELECT w.*::text FROM web_forms w UNION ALL SELECT s.*::text FROM web_submissions s UNION ALL SELECT a.*::text FROM assignment_rules a
  UNION ALL SELECT m.*::text FROM mail_messages m UNION ALL SELECT r.*::text FROM mail_recipients r UNION ALL SELECT t.*::text FROM mail_templates t
  UNION ALL SELECT m.*::text FROM mailings m UNION ALL SELECT a.*::text FROM mail_addresses a UNION ALL SELECT s.*::text FROM mail_signatures s
  UNION ALL SELECT f.*::text FROM files f UNION ALL SELECT c.*::text FROM comments c UNION ALL SELECT r.*::text FROM post_reactions r
  UNION ALL SELECT j.*::text FROM jobs j) x WHERE x LIKE '%' || (SELECT id::text FROM organisations WHERE slug = 'hidden') || '%'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_changes_nothing_and_sees_no_settings() {
    let app = TestApp::start().await;
    let org = app.org("viewed").await;
    let ours = app.belongings(&org).await;
    let viewer = app.signed_in(&org, "viewer").await;
    let token = viewer.csrf().await;
    let (mut wrong, mut reads) = (Vec::new(), BTreeMap::new());
    for route in routes::all().iter().filter(|route| !is_personal(route) && !is_stream(route)) {
        let page = send(&viewer, route, &route.with(&ours), Some(&token)).await;
        if route.method != "GET" {
            // Which record a note or comment is for stands in the form, and this one names none.
            let nowhere = ["/notes", "/comments"].contains(&route.path.as_str()) && page.status() == 404;
            if page.status() != 403 && !nowhere {
                wrong.push(format!("{}: {}", route.name(), page.status()));
            }
            continue;
        }
        reads.insert(route.name(), page.status());
        let administers = route.path.starts_with("/settings/")
            || route.path.ends_with("/new")
            || route.path.ends_with("/edit")
            || route.path.ends_with("/conversion")
            || route.path.starts_with("/imports")
            || route.path.starts_with("/exports");
        if page.status() >= 500 || administers && page.status() != 403 {
            wrong.push(format!("{}: {}", route.name(), page.status()));
        }
    }
    assert_none("a viewer may", wrong);
    assert_eq!(reads.get("GET /companies/{id}"), Some(&200), "{reads:?}");
    app.stop().await;
}

/// An administrator of their own organisation finds everything, and nothing breaks on the way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_finds_every_page() {
    let app = TestApp::start().await;
    let org = app.org("whole").await;
    let ours = app.belongings(&org).await;
    let admin = app.signed_in(&org, "admin").await;
    let token = admin.csrf().await;
    let mut wrong = Vec::new();
    for route in routes::all().iter().filter(|route| !is_stream(route) && !route.path.contains("{token}")) {
        if route.path == "/logout" {
            continue;
        }
        let page = send(&admin, route, &route.with(&ours), Some(&token)).await;
        let fine = match route.method.as_str() {
            "GET" => {
                page.status() < 400
                    || [
                        "/organisation/logo",
                        "/avatars/{member}",
                        "/exports/{id}/file",
                        // Whoever looks at a file of a calendar has just sent it.
                        "/calendar/imports/{id}",
                        // Nobody changes another's words.
                        "/comments/{id}/edit",
                        "/notes/{id}/edit",
                        "/files/{id}/content",
                        "/files/{id}/thumbnail",
                        // Parts of pages, of a span that is asked for.
                        "/pipeline/{pipeline}/calendar/deals",
                        "/pipeline/{pipeline}/forecast/cards",
                    ]
                    .contains(&route.path.as_str())
            }
            _ => page.status() < 500,
        };
        if !fine {
            wrong.push(format!("{}: {}", route.name(), page.status()));
        }
    }
    assert_none("broken", wrong);
    app.stop().await;
}

/// What a path does not answer is refused with what it does answer; a path that is not there is not found, whatever is asked of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_a_path_has_not_is_refused_with_those_it_has() {
    let app = TestApp::start().await;
    let org = app.org("methods").await;
    let ours = app.belongings(&org).await;
    let admin = app.signed_in(&org, "admin").await;
    let token = admin.csrf().await;
    let public = ["/d/", "/f/", "/m/", "/rsvp/", "/calendar/feed/"];
    let put = async |path: &str| {
        let asked = admin.http().put(admin.url(path)).header("X-CSRF-Token", &token).send().await.unwrap();
        let allowed = asked.headers().get("allow").map_or("", |value| value.to_str().unwrap()).to_owned();
        (asked.status().as_u16(), allowed)
    };
    let mut wrong = Vec::new();
    for route in routes::all().iter().filter(|route| !public.iter().any(|start| route.path.starts_with(start))) {
        let (status, allowed) = put(&route.with(&ours)).await;
        if status != 405 || !allowed.split(", ").any(|method| method == route.method) {
            wrong.push(format!("{}: {status}, Allow: {allowed}", route.name()));
        }
    }
    assert_none("said otherwise", wrong);
    assert_eq!(put("/deals/new").await.1, "GET, HEAD, POST");
    assert_eq!(put("/").await.0, 405);
    for nowhere in ["/nowhere", "/deals/a/b/c/d", "/static/nothing.css"] {
        assert_eq!(put(nowhere).await.0, 404, "{nowhere}");
    }
    app.stop().await;
}
