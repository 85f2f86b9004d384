//! Sign-in and out, organisations, sessions.

use crate::support::{PASSWORD, TestApp};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_and_out() {
    let app = TestApp::start().await;
    let _org = app.org("aurelia").await;
    let page = app.get("/login?next=%2Fdeals%3Fq%3Dx").await;
    assert_eq!(page.status(), 200);
    assert!(page.contains("value=\"/deals?q=x\""));
    let good = [("email", " Admin@Aurelia.test "), ("password", PASSWORD), ("next", "/deals?q=x")];
    let page = app.post("/login", &good).await;
    assert_eq!((page.status(), page.location.as_deref()), (303, Some("/deals?q=x")));
    let page = app.get("/login").await;
    assert_eq!((page.status(), page.location.as_deref()), (303, Some("/")), "signed in already");
    app.stop().await;
}
