//! Health, tenancy and the catalogue.

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_readiness() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/healthz").await.status(), 200);
    assert_eq!(app.get("/readyz").await.status(), 200);
    // HEAD is as GET, without the body; a stream ends at once.
    let client = app.new_client();
    for path in ["/healthz", "/login", "/static/js/app.js", "/nowhere"] {
        let (get, head) = (
            client.http().get(client.url(path)).send().await.unwrap(),
            client.http().head(client.url(path)).send().await.unwrap(),
        );
        assert_eq!(head.status(), get.status(), "{path}");
        assert_eq!(head.headers().get("content-type"), get.headers().get("content-type"), "{path}");
        assert_eq!(head.bytes().await.unwrap().len(), 0, "{path}");
    }
    let org = app.org("head").await;
    let rep = app.signed_in(&org, "rep").await;
    assert_eq!(rep.http().head(rep.url("/live")).send().await.unwrap().status(), 200);
    app.stop().await;
}
