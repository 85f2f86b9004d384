//! Sign-up, confirming an address, a forgotten password.

use crate::{
    accounts::{execute, is_signed_in, last_mail, mails, shape},
    support::{PASSWORD, TestApp, process},
};

const STRONG: &str = "copper-lantern-drifts";
/// Nothing listens there: mails wait in their jobs, and sign-up behaves as with a mail server.
const SMTP: (&str, &str) = ("SMTP_URL", "smtp://127.0.0.1:9?tls=none");

fn sign_up<'a>(email: &'a str, password: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("organisation", "Northwind"),
        ("name", "Ada Byron"),
        ("email", email),
        ("password", password),
        ("currency", "GBP"),
        ("time_zone", "Europe/London"),
        ("locale", "nl"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_mail_server_the_founder_is_signed_in() {
    let app = TestApp::start().await;
    app.org("aurelia").await;
    assert_eq!(app.get("/signup").await.status(), 200);
    let page = app.post("/signup", &sign_up("Ada@Northwind.test", STRONG)).await;
    assert_eq!((page.status(), page.location.as_deref()), (303, Some("/?first=1")));
    let page = app.get("/settings/profile").await;
    assert!(page.contains("Northwind") && page.contains("Ada Byron"));
    assert!(
        page.contains("<option value=\"Europe/London\" selected>")
            && page.contains("<option value=\"nl-NL\" selected>")
    );
    let mail = last_mail(&app, "verify_email").await;
    assert_eq!(mail.recipient, "ada@northwind.test");
    assert_eq!(execute(&app, "SELECT 1 FROM events WHERE kind = 'member.joined' AND data->>'by' = 'sign_up'"), 1);

    // A known address: same answer, nobody signed in, its owner told.
    let stranger = app.new_client();
    let page = stranger.post("/signup", &sign_up("rep@aurelia.test", STRONG)).await;
    assert_eq!((page.status(), page.location.as_deref()), (303, Some("/?first=1")));
    assert!(!is_signed_in(&stranger).await);
    let sign_in = stranger.get("/?first=1").await.location.unwrap();
    assert!(stranger.get(&sign_in).await.contains("If there was an account with your address before"));
    assert_eq!(last_mail(&app, "already_registered").await.recipient, "rep@aurelia.test");
    assert_eq!(execute(&app, "SELECT 1 FROM organisations"), 2, "the rehearsal left nothing");
    assert_eq!(execute(&app, "SELECT 1 FROM users WHERE email LIKE '%rehearsal%'"), 0);

    // Whoever knows the password founds a second organisation.
    let again = app.new_client();
    again.post("/signup", &sign_up("ada@northwind.test", STRONG)).await;
    let page = again.get("/settings/profile").await;
    assert!(page.status() == 200 && page.contains("id=\"menu-org\""));
    assert_eq!(execute(&app, "SELECT 1 FROM organisations WHERE slug IN ('northwind', 'northwind-2')"), 2);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_mail_server_the_address_is_confirmed_first() {
    let app = TestApp::start_with(&[SMTP]).await;
    app.org("aurelia").await;
    let new = app.post("/signup", &sign_up("ada@northwind.test", STRONG)).await;
    let known = app.new_client().post("/signup", &sign_up("rep@aurelia.test", STRONG)).await;
    assert_eq!((new.status(), new.location.as_deref()), (303, Some("/signup/sent")));
    assert_eq!(shape(&new, "-"), shape(&known, "-"));
    assert!(!is_signed_in(&app).await);
    // Neither does the sign-in afterwards tell which it was.
    let new = app.post("/login", &[("email", "ada@northwind.test"), ("password", STRONG)]).await;
    let known = app.post("/login", &[("email", "rep@aurelia.test"), ("password", STRONG)]).await;
    assert_eq!(new.status(), 422);
    assert_eq!(shape(&new, "ada@northwind.test"), shape(&known, "rep@aurelia.test"));

    let mail = last_mail(&app, "verify_email").await;
    insta::assert_snapshot!(mail.body_text.replace(&mail.path(), "/verify-email/TOKEN"), @r"
    Hello Ada Byron,

    please confirm that this is your e-mail address. The link works for three days.

    Confirm address: http://pipewright.test/verify-email/TOKEN

    If this was not you, you can ignore this mail: nothing changes.

    Pipewright
    ");
    // A mail scanner opens the link; the person presses the button.
    for _ in 0..2 {
        let page = app.get(&mail.path()).await;
        assert!(page.status() == 200 && page.contains("ada@northwind.test"));
    }
    let page = app.post(&mail.path(), &[]).await;
    assert_eq!((page.status(), page.location.as_deref()), (303, Some("/login?email=ada%40northwind.test")));
    app.sign_in("ada@northwind.test", STRONG).await;
    assert!(is_signed_in(&app).await);
    for dead in [mail.path(), "/verify-email/forged".into(), format!("/verify-email/{}", "x".repeat(5000))] {
        assert_eq!(app.get(&dead).await.status(), 410);
        assert_eq!(app.post(&dead, &[]).await.status(), 410);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_up_says_what_is_wrong_beside_the_field() {
    let app = TestApp::start().await;
    let page = app
        .post(
            "/signup",
            &[("email", "ada"), ("password", "password123"), ("organisation", "Nord"), ("currency", "XYZ")],
        )
        .await;
    assert_eq!(page.status(), 422);
    for id in ["f-name-error", "f-email-error", "f-password-error"] {
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
    assert!(page.contains("is too easy to guess. This is") && page.contains("value=\"Nord\""));
    assert!(!page.contains("password123"), "a password is never sent back");
    for (password, why) in [("short", "at least 10"), (&"x".repeat(201), "at most 200"), ("northwind1", "guess")] {
        let page = app.post("/signup", &sign_up("ada@northwind.test", password)).await;
        assert!(page.status() == 422 && page.contains(why), "{password}");
    }
    for _ in 0..5 {
        let client = app.new_client();
        assert_eq!(client.post("/signup", &sign_up("ada@northwind.test", STRONG)).await.status(), 303);
    }
    let page = app.new_client().post("/signup", &sign_up("ada@northwind.test", STRONG)).await;
    assert_eq!(page.status(), 429);
    assert!(page.header("retry-after").is_some());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_password() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let elsewhere = app.signed_in(&org, "rep").await;
    let known = app.post("/password-reset", &[("email", "rep@aurelia.test")]).await;
    let unknown = app.post("/password-reset", &[("email", "nobody@aurelia.test")]).await;
    assert_eq!((known.status(), known.location.as_deref()), (303, Some("/password-reset/sent")));
    assert_eq!(shape(&known, "-"), shape(&unknown, "-"));
    assert_eq!(app.post("/password-reset", &[("email", "x")]).await.status(), 422);
    let all = mails(&app).await;
    assert_eq!(all.iter().map(|m| m.recipient.as_str()).collect::<Vec<_>>(), ["rep@aurelia.test"]);
    let path = all[0].path();
    let hashes =
        execute(&app, &format!("SELECT 1 FROM auth_tokens WHERE token_hash = '{}'", path.rsplit('/').next().unwrap()));
    assert_eq!(hashes, 0, "only the hash is kept");

    assert_eq!(app.get(&path).await.status(), 200);
    let page = app.post(&path, &[("password", "password123")]).await;
    assert!(page.status() == 422 && page.contains("f-password-error"));
    let page = app.post(&path, &[("password", STRONG)]).await;
    assert_eq!((page.status(), page.location.as_deref()), (303, Some("/login")));
    assert!(!is_signed_in(&elsewhere).await, "every session ended");
    assert_eq!(last_mail(&app, "password_changed").await.recipient, "rep@aurelia.test");
    let old = app.post("/login", &[("email", "rep@aurelia.test"), ("password", PASSWORD)]).await;
    assert_eq!(old.status(), 422);
    app.new_client().sign_in("rep@aurelia.test", STRONG).await;

    // Used, forged, expired, or made for something else.
    assert_eq!(app.get(&path).await.status(), 410);
    assert_eq!(app.post(&path, &[("password", STRONG)]).await.status(), 410);
    assert_eq!(app.get("/password-reset/forged").await.status(), 410);
    app.post("/password-reset", &[("email", "rep@aurelia.test")]).await;
    let path = last_mail(&app, "reset_password").await.path();
    assert_eq!(app.get(&path.replace("password-reset", "verify-email")).await.status(), 410);
    execute(&app, "UPDATE auth_tokens SET expires_at = now() - interval '1 second'");
    assert_eq!(app.post(&path, &[("password", STRONG)]).await.status(), 410);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_password_where_no_mail_is_sent() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let elsewhere = app.signed_in(&org, "rep").await;
    assert!(
        app.get("/password-reset/sent").await.contains("Ask whoever runs it"),
        "nothing is promised that cannot be"
    );
    let data_dir = process::scratch();
    let settings = [("DATABASE_URL", app.database_url()), ("PUBLIC_URL", "https://sales.example.com")];
    let run = async |email: &str| process::run(data_dir.path(), &settings, &["password-link", email]).await;

    let unknown = run("nobody@aurelia.test").await;
    assert!(!unknown.success && unknown.err.contains("there is no account with the address nobody@aurelia.test"));
    assert!(!run("nonsense").await.success);
    let made = run(" Rep@Aurelia.test ").await;
    assert!(made.success, "{}", made.err);
    assert!(made.err.contains("rep@aurelia.test") && made.err.contains("once, for one hour"), "{}", made.err);
    let path = made.out.trim().strip_prefix("https://sales.example.com").expect("the link alone, under PUBLIC_URL");
    assert_eq!(execute(&app, "SELECT 1 FROM auth_tokens WHERE expires_at > now() + interval '61 minutes'"), 0);
    assert_eq!(
        app.value("SELECT kind || ' ' || (data->>'by') FROM events WHERE record_type = 'member'").await,
        "member.password_link command_line"
    );

    assert!(is_signed_in(&elsewhere).await, "nothing changes before it is used");
    assert_eq!(app.get(path).await.status(), 200);
    assert_eq!(app.post(path, &[("password", STRONG)]).await.status(), 303);
    assert!(!is_signed_in(&elsewhere).await);
    assert_eq!(app.post(path, &[("password", STRONG)]).await.status(), 410, "once");
    app.new_client().sign_in("rep@aurelia.test", STRONG).await;

    // Another address, in the same way.
    let run = async |from: &str, to: &str| process::run(data_dir.path(), &settings, &["email-link", from, to]).await;
    assert!(run("rep@aurelia.test", "admin@aurelia.test").await.err.contains("is the address of an account already"));
    assert!(!run("nobody@aurelia.test", "rosa@aurelia.test").await.success);
    let made = run("rep@aurelia.test", "rosa@aurelia.test").await;
    assert!(made.success && made.err.contains("once, for three days"), "{}", made.err);
    let path = made.out.trim().strip_prefix("https://sales.example.com").expect("the link alone, under PUBLIC_URL");
    assert_eq!(execute(&app, "SELECT 1 FROM events WHERE kind = 'member.email_link' AND actor_id IS NULL"), 1);
    assert!(app.get(path).await.contains("rosa@aurelia.test"));
    assert_eq!(app.post(path, &[]).await.status(), 303);
    app.new_client().sign_in("rosa@aurelia.test", STRONG).await;
    app.stop().await;
}
