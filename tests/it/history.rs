//! The history of a record: every change by field, by whom and by what; each undone when nobody changed the field since.

use crate::support::{Client, Org, Page, TestApp};

fn one(app: &TestApp, query: &str) -> String {
    app.texts(&format!("SELECT coalesce(({query})::text, '') AS value")).remove(0)
}

async fn set(client: &Client, app: &TestApp, at: &str, field: &str, more: &[(&str, &str)]) {
    let (noun, id) = at.trim_start_matches('/').split_once('/').unwrap();
    let version = one(app, &format!("SELECT version FROM {noun} WHERE id = '{id}'"));
    let mut form = vec![("version", version.as_str())];
    form.extend_from_slice(more);
    let page = client.post_partial(&format!("{at}/fields/{field}"), &form).await;
    assert_eq!(page.status(), 200, "{field}: {}", page.body);
}

/// The path that undoes the latest event of that kind.
fn undo_of(app: &TestApp, at: &str, kind: &str) -> String {
    let id = at.rsplit('/').next().unwrap();
    let event = one(
        app,
        &format!(
            "SELECT id FROM events WHERE record_id = '{id}' AND kind = '{kind}' ORDER BY at DESC, id DESC LIMIT 1"
        ),
    );
    format!("{at}/history/{event}/undo")
}

async fn define(admin: &Client, record: &str, kind: &str, label: &str, more: &[(&str, &str)]) {
    let mut form = vec![("type", record), ("kind", kind), ("label", label)];
    for name in ["viewers", "editors"] {
        form.extend(["administrator", "manager", "rep", "viewer"].map(|role| (name, role)));
    }
    form.extend_from_slice(more);
    let page = admin.post("/settings/fields", &form).await;
    assert_eq!(page.status(), 303, "{label}: {}", page.body);
}

/// Follows the redirect and reads the message that came with it.
async fn told(client: &Client, page: &Page) -> Page {
    assert_eq!(page.status(), 303, "{}", page.body);
    client.get(page.location.as_deref().unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_told_by_field_and_undone_one_by_one() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (ours, theirs) = (app.belongings(&org).await, app.belongings(&other).await);
    let (rep, admin, viewer) =
        (app.signed_in(&org, "rep").await, app.signed_in(&org, "admin").await, app.signed_in(&org, "viewer").await);
    let at = format!("/contacts/{}", ours.contact);
    let history = format!("{at}/history");
    let value = |field: &str| one(&app, &format!("SELECT {field} FROM contacts WHERE id = '{}'", ours.contact));

    // Told with names and labels, by whom, newest first; a link from the record's page.
    set(&rep, &app, &at, "title", &[("title", "Buyer")]).await;
    set(&admin, &app, &at, "title", &[("title", "Head of buying")]).await;
    set(&admin, &app, &at, "owner_id", &[("owner_id", &org.admin.to_string())]).await;
    set(&admin, &app, &at, "owner_id", &[("owner_id", &org.rep.to_string())]).await;
    let page = rep.get(&history).await;
    assert!(page.contains("<del>Buyer</del> → <ins>Head of buying</ins>"), "{}", page.body);
    assert!(!page.contains(&org.admin.to_string()[..]) || page.contains("option value"), "names, not ids");
    assert!(page.body.find("Owner:").unwrap() < page.body.find("Title:").unwrap(), "newest first");
    assert!(rep.get(&at).await.contains(&history), "the record's page leads there");
    // By field, by person; a page that is not the reader's.
    let titles = rep.get(&format!("{history}?field=title")).await;
    assert!(titles.contains("Head of buying") && !titles.contains("Owner:"), "{}", titles.body);
    let by_rep = rep.get(&format!("{history}?by={}", org.rep)).await;
    assert!(by_rep.contains("<ins>Buyer</ins>") && !by_rep.contains("<ins>Head of buying</ins>"), "{}", by_rep.body);
    assert_eq!(rep.get(&format!("/contacts/{}/history", theirs.contact)).await.status(), 404);
    assert_eq!(rep.get(&format!("{history}?after=nonsense")).await.status(), 400);

    // The first change cannot be undone: it was changed since, by whom is told, nothing is written.
    let first = one(
        &app,
        &format!(
            "SELECT id FROM events WHERE record_id = '{}' AND changes ? 'title' ORDER BY at LIMIT 1",
            ours.contact
        ),
    );
    let refused = rep.post(&format!("{history}/{first}/undo"), &[]).await;
    assert_eq!(refused.status(), 409, "{}", refused.body);
    assert!(refused.contains("Head of buying") && refused.contains("Changed since"), "{}", refused.body);
    assert_eq!(value("title"), "Head of buying");
    // The last one can; then the first as well. Undoing is a change itself, and is undone like one.
    let second = one(
        &app,
        &format!(
            "SELECT id FROM events WHERE record_id = '{}' AND changes ? 'title' ORDER BY at DESC LIMIT 1",
            ours.contact
        ),
    );
    let page = told(&rep, &rep.post(&format!("{history}/{second}/undo"), &[]).await).await;
    assert!(page.contains("Change undone"), "{}", page.body);
    assert_eq!(value("title"), "Buyer");
    assert_eq!(
        one(
            &app,
            &format!(
                "SELECT data->>'undo_of' FROM events WHERE record_id = '{}' ORDER BY at DESC LIMIT 1",
                ours.contact
            )
        ),
        second
    );
    let again = rep.post(&format!("{history}/{second}/undo"), &[]).await;
    assert!(again.status() == 409 && again.contains("set by"), "{}", again.body);
    assert_eq!(value("title"), "Buyer");
    assert_eq!(rep.post(&format!("{history}/{first}/undo"), &[]).await.status(), 303);
    assert_eq!(value("title"), "");
    assert_eq!(rep.post(&undo_of(&app, &at, "contact.updated"), &[]).await.status(), 303, "the undo undone");
    assert_eq!(value("title"), "Buyer");
    // An owner by name, back to whom it was.
    let owner = one(
        &app,
        &format!(
            "SELECT id FROM events WHERE record_id = '{}' AND changes ? 'owner_id' ORDER BY at DESC LIMIT 1",
            ours.contact
        ),
    );
    assert_eq!(admin.post(&format!("{history}/{owner}/undo"), &[]).await.status(), 303);
    assert_eq!(value("owner_id"), org.admin.to_string());

    // Who may not edit sees no Undo and is refused; another record's event is not found.
    let seen = viewer.get(&history).await;
    assert!(seen.status() == 200 && !seen.contains("/undo\""), "{}", seen.body);
    assert_eq!(viewer.post(&undo_of(&app, &at, "contact.updated"), &[]).await.status(), 403);
    let elsewhere = format!("/companies/{}/history/{second}/undo", ours.company);
    assert_eq!(admin.post(&elsewhere, &[]).await.status(), 404);
    assert_eq!(app.signed_in(&other, "admin").await.post(&format!("{history}/{second}/undo"), &[]).await.status(), 404);
    // Archived and back again.
    assert_eq!(admin.post(&format!("{at}/archival"), &[]).await.status(), 303);
    assert_eq!(admin.post(&undo_of(&app, &at, "contact.archived"), &[]).await.status(), 303);
    assert_eq!(value("archived_at"), "");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_fields_at_once_own_fields_links_and_tags() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let ours = app.belongings(&org).await;
    let (rep, admin) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "admin").await);
    define(&admin, "contact", "integer", "Score", &[]).await;
    define(&admin, "contact", "choice", "Mood", &[("new_choices", "Sunny\nGrim")]).await;
    define(&admin, "contact", "text", "Secret", &[]).await;
    let secret = one(&app, "SELECT key FROM custom_fields WHERE label = 'Secret'");
    app.alter("UPDATE custom_fields SET viewers = ARRAY['administrator'], editors = ARRAY['administrator'] WHERE label = 'Secret'");
    let at = format!("/contacts/{}", ours.contact);
    let history = format!("{at}/history");
    let value = |field: &str| one(&app, &format!("SELECT {field} FROM contacts WHERE id = '{}'", ours.contact));
    let mood = one(&app, "SELECT options->'choices'->0->>'key' FROM custom_fields WHERE label = 'Mood'");
    let version = value("version");
    let secret_key = secret.clone();
    let form = [
        ("version", version.as_str()),
        ("first_name", "Contact"),
        ("last_name", "of aurelia"),
        ("email", "contact@aurelia.test"),
        ("phone", "+31 20 123 4567"),
        ("company", ""),
        ("owner_id", &org.rep.to_string()),
        ("lifecycle", "customer"),
        ("c_score", "12"),
        ("c_mood", &mood),
        (&secret_key, "Nobody's business"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let saved = admin.post(&at, &form).await;
    assert_eq!(saved.status(), 303, "{}", saved.body);
    let page = rep.get(&history).await;
    for text in ["Score: ", "<ins>12</ins>", "<ins>Sunny</ins>", "Company of aurelia", "<ins>Customer</ins>"] {
        assert!(page.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.contains("Secret") && !page.contains("business"), "hidden from reps");
    assert!(admin.get(&history).await.contains("business"));
    let hidden = rep.get(&format!("{history}?field={secret}")).await;
    assert!(!hidden.contains("business"), "{}", hidden.body);

    // Two of its fields change again, by the rep: those stay, the others go back when asked for.
    set(&rep, &app, &at, "phone", &[("phone", "+31 20 765 4321")]).await;
    set(&rep, &app, &at, "c_score", &[("c_score", "13")]).await;
    let whole = one(
        &app,
        &format!(
            "SELECT id FROM events WHERE record_id = '{}' AND changes ? 'lifecycle' ORDER BY at DESC LIMIT 1",
            ours.contact
        ),
    );
    let refused = rep.post(&format!("{history}/{whole}/undo"), &[]).await;
    assert_eq!(refused.status(), 409);
    assert!(
        refused.contains("now <span class=\"strong\" dir=\"auto\">13</span>") && refused.contains("Undo only that"),
        "{}",
        refused.body
    );
    assert_eq!(value("lifecycle"), "customer");
    let page = rep.post(&format!("{history}/{whole}/undo"), &[("rest", "1")]).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    assert_eq!(value("lifecycle"), "lead");
    assert_eq!(value("company_id"), ours.company.to_string());
    assert_eq!(value("custom->>'c_mood'"), "");
    assert_eq!((value("custom->>'c_score'"), value("phone")), ("13".to_owned(), "+31207654321".to_owned()));
    assert_eq!(value(&format!("custom->>'{secret}'")), "Nobody's business", "what the rep cannot see stays");

    // A link to what is not there any more is told, not guessed.
    set(&rep, &app, &at, "company_id", &[("company", "Another firm"), ("company_id", "")]).await;
    app.alter(&format!("UPDATE companies SET deleted_at = now() WHERE id = '{}'", ours.company));
    let page = told(&rep, &rep.post(&undo_of(&app, &at, "contact.updated"), &[]).await).await;
    assert!(page.contains("Company was Company of aurelia"), "{}", page.body);
    // Tags, as a set.
    rep.post(&format!("{at}/tags"), &[("tag", "VIP; Press")]).await;
    assert_eq!(rep.post(&undo_of(&app, &at, "contact.tagged"), &[]).await.status(), 303);
    let tags = format!(
        "SELECT string_agg(t.name, ',') FROM record_tags x JOIN tags t ON t.id = x.tag_id WHERE x.record_id = '{}'",
        ours.contact
    );
    assert_eq!(one(&app, &tags), "Tag of aurelia");
    // By what it was done: a bulk change, and its undo.
    rep.post(
        "/operations",
        &[
            ("record_type", "contact"),
            ("action", "edit"),
            ("field", "lifecycle"),
            ("value", "customer"),
            ("ids", &ours.contact.to_string()),
        ],
    )
    .await;
    let page = rep.get(&history).await;
    assert!(page.contains("Bulk change: Set Lifecycle"), "{}", page.body);
    assert_eq!(rep.post(&undo_of(&app, &at, "contact.updated"), &[]).await.status(), 303);
    assert_eq!(value("lifecycle"), "lead");
    app.stop().await;
}

async fn deal_value(app: &TestApp, id: &str, field: &str) -> String {
    one(app, &format!("SELECT {field} FROM deals WHERE id = '{id}'"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deals_go_back_to_their_stage_and_reopen_and_leads_and_companies_too() {
    let app = TestApp::start().await;
    let org: Org = app.org("aurelia").await;
    let ours = app.belongings(&org).await;
    let rep = app.signed_in(&org, "rep").await;
    let (_, stages) = app.stages(&org);
    let id = ours.deal.to_string();
    let at = format!("/deals/{id}");
    rep.post(&format!("{at}/position"), &[("stage_id", &stages[1])]).await;
    assert_eq!(deal_value(&app, &id, "stage_id").await, stages[1]);
    let moved = undo_of(&app, &at, "deal.moved");
    assert_eq!(rep.post(&moved, &[]).await.status(), 303);
    assert_eq!(deal_value(&app, &id, "stage_id").await, stages[0]);
    set(&rep, &app, &at, "amount", &[("amount", "2500")]).await;
    assert!(rep.get(&format!("{at}/history")).await.contains("€2,500"), "money as the reader writes it");
    assert_eq!(rep.post(&undo_of(&app, &at, "deal.updated"), &[]).await.status(), 303);
    assert_eq!(deal_value(&app, &id, "trim_scale(amount)").await, "1000");
    rep.post(&format!("{at}/closure"), &[("outcome", "lost"), ("lost_reason", "Price")]).await;
    let closed = deal_value(&app, &id, "date_trunc('second', closed_at)").await;
    assert_eq!(rep.post(&undo_of(&app, &at, "deal.lost"), &[]).await.status(), 303);
    assert_eq!(deal_value(&app, &id, "status || coalesce(lost_reason, '')").await, "open");
    assert_eq!(rep.post(&undo_of(&app, &at, "deal.reopened"), &[]).await.status(), 303);
    assert_eq!(deal_value(&app, &id, "status || lost_reason").await, "lostPrice");
    let same = format!("abs(extract(epoch FROM closed_at - '{closed}'::timestamptz)) < 2");
    assert_eq!(deal_value(&app, &id, &same).await, "true", "closed when it was");

    for (at, field, table) in [
        (format!("/leads/{}", ours.lead), "title", "leads"),
        (format!("/companies/{}", ours.company), "city", "companies"),
    ] {
        let record = at.rsplit('/').next().unwrap().to_owned();
        set(&rep, &app, &at, field, &[(field, "Anything")]).await;
        let kind = if table == "leads" { "lead.updated" } else { "company.updated" };
        assert_eq!(rep.post(&undo_of(&app, &at, kind), &[]).await.status(), 303);
        assert_eq!(one(&app, &format!("SELECT {field} FROM {table} WHERE id = '{record}'")), "");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_histories_come_in_pages() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let ours = app.belongings(&org).await;
    let rep = app.signed_in(&org, "rep").await;
    app.alter(&format!(
        "INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes)
         SELECT '{}', now() - n * interval '1 minute', '{}', 'contact.updated', 'contact', '{}', 200 - n,
           jsonb_build_object('city', jsonb_build_array('Town ' || n + 1, 'Town ' || n)) FROM generate_series(1, 120) n",
        org.id, org.rep, ours.contact
    ));
    let mut next = Some(format!("/contacts/{}/history?field=city", ours.contact));
    let (mut seen, mut pages) = (0, 0);
    while let Some(at) = next {
        let page = rep.get_partial(&at).await;
        assert_eq!(page.status(), 200, "{}", page.body);
        seen += page.body.matches("id=\"change-").count();
        pages += 1;
        next = page
            .between("id=\"history-more\"><a href=\"", "\"")
            .map(|href| href.replace("&#38;", "&").replace("&amp;", "&"));
    }
    assert_eq!((seen, pages), (120, 3));
    app.stop().await;
}
