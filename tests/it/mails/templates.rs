//! Templates: their fields are checked while the writer is there, custom ones too; seen with a real contact; inserted into a mail.

use super::Post;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_are_checked_previewed_shared_and_inserted() {
    let post = Post::start(&[]).await;
    post.app
        .sql(&format!(
            "INSERT INTO custom_fields (org_id, id, record_type, key, label, kind, section, position)
               VALUES ('{}', gen_random_uuid(), 'contact', 'c_drink', 'Drink', 'text', 'More', 1);
             UPDATE contacts SET custom = '{{\"c_drink\": \"<i>tea</i>\"}}' WHERE id = '{}'",
            post.org.id, post.ada
        ))
        .await;
    let form = |body: &'static str| {
        [
            ("id", ""),
            ("name", "Welcome"),
            ("subject", "Hi {{ contact.first_name }}"),
            ("body", body),
            ("shared", "true"),
        ]
    };
    for (body, told) in [
        (
            "<div>{{ contact.c_dring }}</div>",
            "There is no field “contact.c_dring”. Did you mean {{ contact.c_drink }}?",
        ),
        ("<div>{{ contact.name </div>", "has no end"),
        ("<div>{{ <b>contact</b>.name }}</div>", "is formatted in part"),
    ] {
        let refused = post.rep.post("/mails/templates", &form(body)).await;
        assert!(refused.status() == 422 && refused.contains(told), "{body}: {}", refused.body);
    }
    let body = "<div>Would you like {{ contact.c_drink | coffee }}, {{ sender.first_name }} asks. {{ deal.amount | Any sum }}.</div>";
    assert_eq!(post.rep.post("/mails/templates", &form(body)).await.status(), 303);
    let id = post.app.value("SELECT id FROM mail_templates").await;

    let ada = post.ada.to_string();
    let mut asked = form(body).to_vec();
    asked.extend([("template", id.as_str()), ("contact_id", ada.as_str())]);
    let preview = post.rep.post("/mails/templates/preview", &asked).await;
    assert!(preview.contains("Would you like &lt;i&gt;tea&lt;/i&gt;, Rep asks. Any sum."), "{}", preview.body);

    // Everybody may use what is shared; only its author, and who looks after templates, changes it.
    let manager = post.app.signed_in(&post.org, "manager").await;
    assert!(manager.get("/mails/templates").await.contains("Welcome"));
    let mut changed = form("<div>Changed</div>").to_vec();
    changed.push(("version", "1"));
    assert_eq!(manager.post(&format!("/mails/templates/{id}"), &changed).await.status(), 303);
    assert_eq!(manager.post(&format!("/mails/templates/{id}"), &changed).await.status(), 409, "an older page");
    post.app.sql("UPDATE mail_templates SET shared = false").await;
    assert_eq!(manager.get(&format!("/mails/templates/{id}")).await.status(), 404);

    post.app.sql(&format!("UPDATE mail_templates SET body_html = '{body}'")).await;
    let mail = uuid::Uuid::now_v7().to_string();
    let inserted = post
        .rep
        .post(
            "/mails",
            &[
                ("id", &mail),
                ("contact_id", &ada),
                ("to", "ada@example.com"),
                ("body", "<div>-- Rep</div>"),
                ("template", &id),
                ("action", "template"),
            ],
        )
        .await;
    assert!(
        inserted.contains("value=\"Hi Ada\"") && inserted.contains("Would you like &#38;lt;i&#38;gt;tea"),
        "{}",
        inserted.body
    );
    assert!(inserted.contains("-- Rep"));

    assert_eq!(post.rep.post(&format!("/mails/templates/{id}/deletion"), &[]).await.status(), 303);
    assert!(!post.rep.get("/mails/templates").await.contains(">Welcome</a>"));
    post.rep.post(&format!("/mails/templates/{id}/deletion/undo"), &[]).await;
    assert!(post.rep.get("/mails/templates").await.contains(">Welcome</a>"));
    post.app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signatures_stand_under_new_mails_and_values_are_said_in_words() {
    let post = Post::start(&[]).await;
    assert_eq!(
        post.rep
            .post("/settings/signature", &[("body", "<div>Rep, <script>x</script><b>Sales</b></div>")])
            .await
            .status(),
        303
    );
    let page = post.rep.get("/mails/new").await;
    assert!(page.contains("&#60;div&#62;Rep, &#60;b&#62;Sales"), "{}", page.body);
    let deal = uuid::Uuid::now_v7();
    post.app
        .sql(&format!(
            "INSERT INTO deals (org_id, id, number, name, company_id, pipeline_id, stage_id, position, amount, currency, owner_id, expected_close_on)
             SELECT '{0}', '{deal}', 1, 'Looms', '{1}', s.pipeline_id, s.id, 'a0', 1234.5, 'EUR', '{2}', '2027-03-04' FROM stages s WHERE s.org_id = '{0}' ORDER BY s.position LIMIT 1",
            post.org.id, post.company, post.org.rep
        ))
        .await;
    let deal = deal.to_string();
    post.send(&[
        ("deal_id", &deal),
        ("subject", "{{ deal.name }}"),
        ("body", "<div>{{ deal.amount }}; {{ deal.company }}; {{ deal.owner }}; {{ deal.expected_close_on }}; {{ contact.lifecycle }}; {{ organisation.name }}</div>"),
    ])
    .await;
    post.later().await;
    let mail = post.server.received().remove(0);
    let parsed = mail_parser::MessageParser::default().parse(mail.data.as_bytes()).unwrap();
    let text = parsed.body_text(0).unwrap().trim().to_owned();
    assert_eq!(text, "€1,234.50; Analytical <Engines>; Rep post; 4 Mar 2027; Lead; post Ltd");
    assert!(post.rep.get(&format!("/deals/{deal}")).await.contains("Looms</a>"));
    post.app.stop().await;
}
