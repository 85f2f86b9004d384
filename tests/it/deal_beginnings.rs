//! New deals from a template, a contact, a mail and one line in the palette.

use crate::support::{Page, TestApp};
use chrono::NaiveDate;
use pipewright::{
    features::deals::{Quick, parse_quick},
    kernel::numbers::DecimalMark,
};
use proptest::prelude::*;

fn last(page: &Page) -> String {
    let path = page.location.as_deref().unwrap_or_else(|| panic!("{} {}", page.status(), page.body));
    path.split(['?', '#']).next().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_enough_at_the_list_s_own_address() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (rep, viewer) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "viewer").await);
    let (_, stages) = app.stages(&org);
    let made = rep.post("/deals", &[("name", "Pilot")]).await;
    let row = "SELECT d.name || ' ' || d.stage_id || ' ' || d.currency || ' ' || m.email AS value FROM deals d \
               JOIN members m ON m.id = d.owner_id ORDER BY d.number";
    let first = format!("Pilot {} EUR rep@aurelia.test", stages[0]);
    assert_eq!((made.status(), app.texts(row)), (303, vec![first.clone()]), "{}", made.body);
    assert_eq!(rep.get(&format!("/deals/{}", last(&made))).await.status(), 200);
    // As from the form: a stage of one's own, sent twice and made once, refused with the words kept.
    let id = uuid::Uuid::now_v7().to_string();
    let form = [("id", id.as_str()), ("name", "Second"), ("stage_id", &stages[1]), ("currency", "USD")];
    for _ in 0..2 {
        assert_eq!(rep.post("/deals", &form).await.location, Some(format!("/deals/{id}")));
    }
    assert_eq!(app.texts(row), [first, format!("Second {} USD rep@aurelia.test", stages[1])]);
    let refused = rep.post("/deals", &[("name", ""), ("amount", "much")]).await;
    assert!(refused.status() == 422 && refused.contains("f-name-error") && refused.contains("value=\"much\""));
    assert_eq!(rep.post("/deals", &[("name", "Nowhere"), ("stage_id", &id)]).await.status(), 422);
    assert_eq!(viewer.post("/deals", &[("name", "Not mine to add")]).await.status(), 403);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_fills_the_form_in_and_brings_tasks_lines_and_the_contact() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("other").await);
    let ours = app.belongings(&org).await;
    let admin = app.signed_in(&org, "admin").await;
    let (_, stages) = app.stages(&org);
    let at = "/settings/deal-templates";
    let rep = app.signed_in(&org, "rep").await;
    assert_eq!(rep.get(at).await.status(), 403);
    let wrong = [("title", "Kept"), ("stage_id", stages[2].as_str()), ("amount", "much"), ("close_in", "-1")];
    let refused = admin.post(at, &wrong).await;
    assert!(
        refused.status() == 422 && refused.contains("value=\"Kept\"") && refused.contains("f-amount-error"),
        "{}",
        refused.body
    );
    let tasks = ours.activity_template.to_string();
    let form = [
        ("title", "Renewal"),
        ("stage_id", stages[2].as_str()),
        ("name", "{company}: renewal"),
        ("amount", "2500"),
        ("currency", "EUR"),
        ("close_in", "30"),
        ("source", "Renewals"),
        ("tasks_id", &tasks),
        ("contact_role", "champion"),
    ];
    assert_eq!(admin.post(at, &form).await.status(), 303);
    assert_eq!(admin.post(at, &form).await.status(), 422, "a name is used once");
    let id = app.value("SELECT id FROM deal_templates WHERE name = 'Renewal'").await;
    let stranger = app.signed_in(&other, "admin").await;
    assert_eq!(stranger.get(&format!("/deals/new?template={id}")).await.status(), 404);

    // From the contact's page, with the template: what is known is filled in.
    let contact = ours.contact;
    assert!(rep.get(&format!("/contacts/{contact}")).await.contains(&format!("/deals/new?contact_id={contact}")));
    let page = rep.get(&format!("/deals/new?contact_id={contact}&template={id}")).await;
    for told in ["Company of aurelia: renewal", "value=\"2500\"", "value=\"Renewals\"", "name=\"template\""] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }
    let deal = page.between("name=\"id\" value=\"", "\"").unwrap().to_owned();
    let contact = contact.to_string();
    let company = ours.company.to_string();
    let new = [
        ("id", deal.as_str()),
        ("template", &id),
        ("contact_id", &contact),
        ("stage_id", &stages[2]),
        ("name", "Company of aurelia: renewal"),
        ("company", "Company of aurelia"),
        ("company_id", &company),
        ("amount", "2500"),
    ];
    for _ in 0..2 {
        assert_eq!(last(&rep.post("/deals/new", &new).await), deal);
    }
    let about = format!(
        "SELECT concat_ws(' ', (SELECT role FROM deal_contacts WHERE deal_id = '{deal}'), (SELECT count(*) FROM activities WHERE deal_id = '{deal}'),
           (SELECT count(*) FROM deals WHERE id = '{deal}'))"
    );
    assert_eq!(app.value(&about).await, "champion 1 1");
    // Chosen on a form that is being filled in: what was typed stays; what the form and another template filled in makes way.
    let visit = [("title", "Visit"), ("stage_id", stages[1].as_str()), ("name", "{company} visit"), ("amount", "90")];
    assert_eq!(admin.post(at, &visit).await.status(), 303);
    let other_id = app.value("SELECT id FROM deal_templates WHERE name = 'Visit'").await;
    rep.get("/deals/new").await;
    let begun = [("id", ""), ("stage_id", &stages[0]), ("name", ""), ("source", "A friend"), ("begin", &id)];
    let page = rep.post("/deals/new", &begun).await;
    for told in [
        "value=\"{company}: renewal\"",
        "{company} becomes",
        "value=\"2500\"",
        "value=\"A friend\"",
        &format!("value=\"{}\" selected", stages[2]),
    ] {
        assert!(page.status() == 200 && page.contains(told), "{told}: {}", page.body);
    }
    let renewal = [
        ("template", id.as_str()),
        ("begin", other_id.as_str()),
        ("stage_id", &stages[2]),
        ("name", "{company}: renewal"),
        ("amount", "2500"),
        ("source", "A friend"),
        ("description", "Typed"),
    ];
    let page = rep.post("/deals/new", &renewal).await;
    for told in ["{company} visit", "value=\"90\"", "A friend", "Typed", &format!("value=\"{}\" selected", stages[1])] {
        assert!(page.status() == 200 && page.contains(told), "{told}: {}", page.body);
    }
    assert_eq!(app.value("SELECT count(*) FROM deals WHERE source = 'A friend'").await, "0");
    // The company is named when the deal is made.
    let named = [
        ("template", other_id.as_str()),
        ("stage_id", &stages[1]),
        ("name", "{company} visit"),
        ("company", "Company of aurelia"),
        ("company_id", &company),
    ];
    let made = last(&rep.post("/deals/new", &named).await);
    assert_eq!(app.value(&format!("SELECT name FROM deals WHERE id = '{made}'")).await, "Company of aurelia visit");
    // Retired, it is offered no more.
    assert!(rep.get("/search?q=renewal").await.contains("New deal: Renewal"));
    assert_eq!(admin.post(&format!("{at}/{id}/retirement"), &[]).await.status(), 303);
    assert_eq!(rep.get(&format!("/deals/new?template={id}")).await.status(), 404);
    assert!(!rep.get("/search?q=renewal").await.contains("New deal: Renewal"));

    // From a mail: subject, company, contact, and the mail is the deal's.
    let mail = ours.message.to_string();
    app.sql(&format!(
        "UPDATE mail_messages SET deal_id = NULL, subject = 'Re: AW: Pallets for spring' WHERE id = '{mail}'"
    ))
    .await;
    let page = admin.get(&format!("/deals/new?mail_id={mail}")).await;
    for told in ["value=\"Pallets for spring\"", "Company of aurelia", &format!("value=\"{contact}\"")] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }
    let new = [
        ("name", "Pallets for spring"),
        ("stage_id", stages[0].as_str()),
        ("mail_id", &mail),
        ("contact_id", &contact),
    ];
    let deal = last(&admin.post("/deals/new", &new).await);
    assert_eq!(app.value(&format!("SELECT deal_id FROM mail_messages WHERE id = '{mail}'")).await, deal);
    assert!(admin.get(&format!("/mails/{mail}")).await.contains(&format!("/deals/new?mail_id={mail}")));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_line_in_the_palette_is_understood_and_shown_before_anything_is_made() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    app.belongings(&org).await;
    let (admin, viewer) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "viewer").await);
    let q = "/search?q=deal%20company%20of%20aurelia%2012k%20EUR%20by%202031-03-31";
    let found = admin.get_partial(q).await;
    for told in ["New deal: company of aurelia", "€12,000.00", "with Company of aurelia"] {
        assert!(found.contains(told), "{told}: {}", found.body);
    }
    assert!(!viewer.get_partial(q).await.contains("New deal"));
    let href = found.between("href=\"/deals/new?", "\"").unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let page = admin.get(&format!("/deals/new?{href}")).await;
    for told in ["value=\"company of aurelia\"", "value=\"12000\"", "value=\"2031-03-31\""] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }
    assert_eq!(app.value("SELECT count(*) FROM deals").await, "1");
    assert!(admin.get(q).await.contains("New deal: company of aurelia"), "without a script, too");
    app.stop().await;
}

#[test]
fn lines_say_name_amount_currency_and_day_in_any_order() {
    let today = NaiveDate::from_ymd_opt(2026, 11, 29).unwrap();
    let said = |line: &str| {
        parse_quick(line, today, DecimalMark::Point).map(|Quick { name, amount, currency, close }| {
            let amount = amount.map(|a| a.normalize().to_string()).unwrap_or_default();
            let currency = currency.map(|c| c.code().to_owned()).unwrap_or_default();
            format!("{name}|{amount}|{currency}|{}", close.map(|day| day.to_string()).unwrap_or_default())
        })
    };
    for (line, expected) in [
        ("deal Acme 12k EUR next month", "Acme|12000|EUR|2026-12-31"),
        ("Deal: Acme Foods €1.5M in 3 weeks", "Acme Foods|1500000|EUR|2026-12-20"),
        ("deal 7 Seas 2,500.50 by 2027-02-01", "7 Seas|2500.5||2027-02-01"),
        ("deal Acme 12k usd next month", "Acme|12000|USD|2026-12-31"),
        ("deal Acme 12 top pumps", "Acme top pumps|12||"),
        ("deal Next week fair $900 tomorrow", "Next week fair|900|USD|2026-11-30"),
        ("deal Acme q1", "Acme|||2027-03-31"),
        ("deal Acme in march", "Acme|||2027-03-31"),
        ("deal Acme 12k $", "Acme|12000|USD|"),
        ("deal Acme 12.5k € 31.12.2026", "Acme 31.12.2026|12500|EUR|"),
        ("deal Acme", "Acme|||"),
        ("deal EUR 500 Expo", "Expo|500|EUR|"),
    ] {
        assert_eq!(said(line).as_deref(), Some(expected), "{line}");
    }
    for nothing in ["deal", "deals Acme", "Acme 12k", "", "deal:"] {
        assert_eq!(said(nothing), None, "{nothing}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn no_line_breaks_it(line in "(deal )?[a-zA-Z0-9€$.,' q\u{0}-\u{ff}\u{4e00}-\u{4e05}]{0,60}( (next month|in 99999999999 days|in 1000 months|q4|12k EUR|999999999999999999999m))?") {
        let today = NaiveDate::from_ymd_opt(2026, 2, 28).unwrap();
        if let Some(quick) = parse_quick(&line, today, DecimalMark::Point) {
            prop_assert!(!quick.name.is_empty() && quick.name.chars().count() <= 200);
        }
    }
}
