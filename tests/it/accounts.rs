//! Sign-in and out, sessions, one's organisations.

use crate::support::{Client, PASSWORD, Page, TestApp};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query, sql_types::Text};

/// A mail as kept.
#[derive(QueryableByName, Debug, Clone)]
pub struct Mail {
    #[diesel(sql_type = Text)]
    pub template: String,
    #[diesel(sql_type = Text)]
    pub recipient: String,
    #[diesel(sql_type = Text)]
    pub subject: String,
    #[diesel(sql_type = Text)]
    pub body_text: String,
}

impl Mail {
    /// The path of the link in it.
    pub fn path(&self) -> String {
        let start = self.body_text.find("http://pipewright.test").unwrap() + "http://pipewright.test".len();
        self.body_text[start..].split_whitespace().next().unwrap().to_owned()
    }
}

/// Runs the jobs and reads every mail there is, oldest first.
pub async fn mails(app: &TestApp) -> Vec<Mail> {
    while app.run_jobs().await > 0 {}
    let mut conn = PgConnection::establish(app.database_url()).unwrap();
    sql_query("SELECT template, recipient, subject, body_text FROM mails ORDER BY id").load(&mut conn).unwrap()
}

pub async fn last_mail(app: &TestApp, template: &str) -> Mail {
    let all = mails(app).await;
    all.iter().rfind(|m| m.template == template).unwrap_or_else(|| panic!("no {template} among {all:?}")).clone()
}

pub fn execute(app: &TestApp, sql: &str) -> usize {
    sql_query(sql).execute(&mut PgConnection::establish(app.database_url()).unwrap()).unwrap()
}

/// What a stranger can compare: status, headers that are not random, and the page without its tokens and what they typed.
pub fn shape(page: &Page, typed: &str) -> (u16, Vec<String>, String) {
    let random = ["x-request-id", "content-security-policy", "date", "set-cookie", "content-length"];
    let mut headers: Vec<String> = page
        .headers
        .iter()
        .filter(|(n, _)| !random.contains(&n.as_str()))
        .map(|(n, v)| format!("{n}: {v:?}"))
        .collect();
    headers.sort();
    let mut body = page.body.replace(typed, "TYPED");
    for token in ["name=\"csrf-token\" content=\"", "name=\"csrf_token\" value=\"", "name=\"csp-nonce\" content=\""] {
        while let Some(value) = page.between(token, "\"").filter(|v| body.contains(*v)) {
            body = body.replace(value, "RANDOM");
        }
    }
    (page.status(), headers, body)
}

pub async fn is_signed_in(client: &Client) -> bool {
    client.get("/settings/profile").await.status() == 200
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_and_out() {
    let app = TestApp::start().await;
    app.org("aurelia").await;
    let page = app.get("/login?next=%2Fdeals%3Fq%3Dx").await;
    assert_eq!(page.status(), 200);
    assert!(page.contains("value=\"/deals?q=x\""));
    assert_eq!(app.get("/settings/profile").await.location.as_deref(), Some("/login?next=%2Fsettings%2Fprofile"));

    let good = [("email", " Admin@Aurelia.test "), ("password", PASSWORD), ("next", "/deals?q=x")];
    let page = app.post("/login", &good).await;
    assert_eq!((page.status(), page.location.as_deref()), (303, Some("/deals?q=x")));
    assert_eq!(app.get("/login").await.location.as_deref(), Some("/"), "signed in already");
    let evil = app.new_client();
    let page = evil.post("/login", &[good[0], good[1], ("next", "https://evil.test/")]).await;
    assert_eq!(page.location.as_deref(), Some("/"));

    app.get("/settings/profile").await;
    let old_token = app.csrf().await;
    let page = app.post("/logout", &[]).await;
    assert_eq!((page.status(), page.location.as_deref()), (303, Some("/login")));
    assert!(!is_signed_in(&app).await);
    let replayed = app.post_raw("/login", &[("csrf_token", &old_token), good[0], good[1]]).await;
    assert_eq!(replayed.status(), 403, "a token of an ended session");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_need_their_own_token() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (admin, rep) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await);
    let rep_token = rep.csrf().await;
    assert_eq!(admin.post_raw("/logout", &[]).await.status(), 403);
    assert_eq!(admin.post_raw("/logout", &[("csrf_token", &rep_token)]).await.status(), 403);
    assert_eq!(admin.post_raw("/logout", &[("csrf_token", "")]).await.status(), 403);
    let stranger = app.new_client();
    assert_eq!(stranger.post_raw("/login", &[("email", "a@b.test"), ("password", "x")]).await.status(), 403);
    assert!(is_signed_in(&admin).await);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_and_an_unknown_address_look_the_same() {
    let app = TestApp::start().await;
    app.org("aurelia").await;
    let client = app.new_client();
    let known = client.post("/login", &[("email", "rep@aurelia.test"), ("password", "wrong-password")]).await;
    let unknown = client.post("/login", &[("email", "nobody@aurelia.test"), ("password", "wrong-password")]).await;
    assert_eq!(known.status(), 422);
    assert_eq!(shape(&known, "rep@aurelia.test"), shape(&unknown, "nobody@aurelia.test"));
    assert!(known.contains("value=\"rep@aurelia.test\""), "the address typed is kept");
    for bad in ["", "not an address", "ﬀ@ﬃ", "'; DROP TABLE users; --"] {
        assert_eq!(client.post("/login", &[("email", bad), ("password", "x")]).await.status(), 422);
    }
    let endless = "x".repeat(100_000);
    assert_eq!(client.post("/login", &[("email", "rep@aurelia.test"), ("password", &endless)]).await.status(), 422);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_attempts_are_stopped_per_account_and_per_address() {
    let app = TestApp::start().await;
    app.org("aurelia").await;
    for email in ["rep@aurelia.test", "nobody@aurelia.test"] {
        for _ in 0..10 {
            assert_eq!(app.post("/login", &[("email", email), ("password", "wrong")]).await.status(), 422);
        }
        let page = app.post("/login", &[("email", email), ("password", PASSWORD)]).await;
        assert_eq!(page.status(), 429, "{email}");
        assert!(page.header("retry-after").and_then(|s| s.parse::<u64>().ok()).is_some_and(|s| (1..=300).contains(&s)));
    }
    // A success forgets the failures before it.
    for _ in 0..3 {
        for _ in 0..6 {
            app.post("/login", &[("email", "admin@aurelia.test"), ("password", "wrong")]).await;
        }
        app.new_client().sign_in("admin@aurelia.test", PASSWORD).await;
    }
    // One address tries many accounts; another one, behind the proxy, has its own count.
    let mut stopped = false;
    for i in 0..120 {
        let email = format!("n{i}@aurelia.test");
        stopped = app.post("/login", &[("email", &email), ("password", "wrong")]).await.status() == 429;
        if stopped {
            break;
        }
    }
    assert!(stopped);
    let token = app.csrf().await;
    let request = app.http().post(app.url("/login")).header("X-Forwarded-For", "1.2.3.4, 203.0.113.9");
    let form = [("csrf_token", token.as_str()), ("email", "x@aurelia.test"), ("password", "wrong")];
    assert_eq!(app.read(request.form(&form).send().await.unwrap()).await.status(), 422);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sign_ins_at_once_are_let_in_and_many_guesses_are_not() {
    let app = TestApp::start().await;
    app.org("aurelia").await;
    let crowd = |password: &'static str| {
        let clients: Vec<Client> = (0..16).map(|_| app.new_client()).collect();
        async move {
            let attempts = clients.iter().map(|c| async move {
                c.post("/login", &[("email", "rep@aurelia.test"), ("password", password)]).await
            });
            let pages = futures_util::future::join_all(attempts).await;
            pages.iter().map(Page::status).collect::<Vec<_>>()
        }
    };
    assert_eq!(crowd(PASSWORD).await, vec![303; 16]);
    let guesses = crowd("wrong").await;
    let heard = guesses.iter().filter(|status| **status == 422).count();
    assert!(heard <= 10 && guesses.iter().all(|status| [422, 429].contains(status)), "{guesses:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_rotate_and_end() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let cookie = |page: &Page| {
        let all = page.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap().to_owned());
        all.into_iter().find(|c| c.starts_with("pw_session=")).map(|c| c.split(';').next().unwrap().to_owned())
    };
    let client = app.new_client();
    let fields = [("email", "rep@aurelia.test"), ("password", PASSWORD)];
    let first = cookie(&client.post("/login", &fields).await).expect("a session cookie");
    let page = client.get("/settings/profile").await;
    assert_eq!(page.status(), 200);
    let again = cookie(&client.post("/login", &fields).await).expect("a new session cookie");
    assert_ne!(first, again);
    let old = app.http().get(app.url("/settings/profile")).header("Cookie", &first).send().await.unwrap();
    assert_eq!(old.status(), 303, "the key from before the sign-in is worth nothing");

    // Idle for longer than 7 days, then older than 30, then the member deactivated.
    for (what, sql) in [
        ("idle", "UPDATE sessions SET last_seen_at = now() - interval '7 days 1 minute'"),
        ("absolute", "UPDATE sessions SET created_at = now() - interval '30 days 1 minute'"),
        ("expired", "UPDATE sessions SET expires_at = now() - interval '1 second'"),
    ] {
        let client = app.signed_in(&org, "manager").await;
        assert!(is_signed_in(&client).await);
        execute(&app, sql);
        assert!(!is_signed_in(&client).await, "{what}");
        execute(&app, "DELETE FROM sessions");
    }
    let client = app.signed_in(&org, "manager").await;
    execute(
        &app,
        "UPDATE sessions SET created_at = now() - interval '29 days', last_seen_at = now() - interval '6 days'",
    );
    assert!(is_signed_in(&client).await, "neither idle nor too old");
    execute(&app, &format!("UPDATE members SET deactivated_at = now() WHERE id = '{}'", org.manager));
    assert!(!is_signed_in(&client).await, "deactivated");
    let fresh = app.new_client();
    let page = fresh.post("/login", &[("email", "manager@aurelia.test"), ("password", PASSWORD)]).await;
    assert_eq!(page.status(), 422);
    assert!(page.contains("belongs to no organisation"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switching_organisations() {
    let app = TestApp::start().await;
    let (a, b) = (app.org("aurelia").await, app.org("brightwater").await);
    let rep = a.rep;
    execute(
        &app,
        &format!(
            "INSERT INTO members (org_id, id, role_id, name, email)
             SELECT '{}', '{rep}', (SELECT id FROM roles WHERE org_id = '{}' AND key = 'viewer'), 'Rep', 'rep@aurelia.test'",
            b.id, b.id
        ),
    );
    let client = app.signed_in(&a, "rep").await;
    let page = client.get("/settings/profile").await;
    assert!(page.contains("aurelia Ltd</span>") && page.contains("brightwater Ltd"));
    let b_id = b.id.to_string();
    let page = client.post("/session/organisation", &[("organisation_id", &b_id)]).await;
    assert_eq!((page.status(), page.location.as_deref()), (303, Some("/")));
    let stale = client.post("/session/organisation", &[("organisation_id", &b_id)]).await;
    assert_eq!(stale.status(), 403, "tokens change with the session");
    let page = client.get("/settings/profile").await;
    assert_eq!(page.between("<span class=\"org-name truncate\" dir=\"auto\">", "<"), Some("brightwater Ltd"));
    // The next sign-in opens where they worked last.
    let again = app.signed_in(&a, "rep").await;
    assert!(again.get("/settings/profile").await.contains("dir=\"auto\">brightwater Ltd</span>"));
    // Never into somebody else's.
    let other = app.signed_in(&a, "admin").await;
    other.get("/settings/profile").await;
    for id in [b_id.as_str(), "nonsense", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(other.post("/session/organisation", &[("organisation_id", id)]).await.status(), 404);
    }
    app.stop().await;
}
