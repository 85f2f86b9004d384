//! Data quality through HTTP: validation rules on every way of writing a record, and who may make them.

use crate::support::{Client, Org, Page, TestApp};

mod completeness;
mod normalise;
mod rules;

async fn enter(app: &TestApp, org: &Org, who: &str) -> Client {
    let client = app.signed_in(org, who).await;
    client.get("/contacts").await;
    client
}

/// A rule in force; `fields` beside type, kind, field and message.
async fn try_rule(admin: &Client, record: &str, field: &str, message: &str, fields: &[(&str, &str)]) -> Page {
    let mut form = vec![("type", record), ("field", field), ("message", message), ("active", "true")];
    form.extend_from_slice(fields);
    admin.post("/settings/rules", &form).await
}

async fn rule(app: &TestApp, admin: &Client, record: &str, field: &str, message: &str, fields: &[(&str, &str)]) {
    let page = try_rule(admin, record, field, message, fields).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    app.run_jobs().await;
}

async fn add(client: &Client, noun: &str, fields: &[(&str, &str)]) -> String {
    let page = client.post(&format!("/{noun}"), fields).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    page.location.unwrap()
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}
