//! Web forms through HTTP: made, shown, framed and sent by strangers; what looks like spam, what comes twice, what is too much.

mod assignment;

use crate::support::{Client, TestApp};
use std::time::Duration;

const SITE: &str = "https://www.hafenkontor.example";

/// A browser that keeps nothing, at an address of its own: tests share the machine's.
struct Stranger {
    http: reqwest::Client,
    base: String,
    address: String,
}

impl Stranger {
    fn new(app: &TestApp, address: &str) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, base: app.base.clone(), address: address.to_owned() }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.base)).header("Referer", format!("{SITE}/contact")).send().await.unwrap()
    }

    async fn post(&self, path: &str, origin: Option<&str>, fields: &[(&str, &str)]) -> reqwest::Response {
        let mut request = self.http.post(format!("{}{path}", self.base)).header("X-Forwarded-For", &self.address);
        if let Some(origin) = origin {
            request = request.header("Origin", origin).header("Referer", format!("{origin}/contact"));
        }
        request.form(fields).send().await.unwrap()
    }
}

async fn make(admin: &Client, more: &[(&str, &str)]) -> (String, String) {
    admin.get("/settings/web-forms/new").await;
    let mut fields = vec![
        ("name", "Website contact"),
        ("heading", "Talk to us"),
        ("show", "first_name"),
        ("show", "last_name"),
        ("show", "company_name"),
        ("show", "email"),
        ("show", "description"),
        ("required", "last_name"),
        ("required", "email"),
        ("label_description", "How can we help?"),
        ("order_email", "0"),
        ("source", "Website"),
        ("campaign", "Autumn"),
        ("origins", "https://www.hafenkontor.example/contact\nshop.hafenkontor.example"),
        ("active", "true"),
    ];
    fields.retain(|(name, _)| !more.iter().any(|(other, _)| other == name && *name != "show"));
    fields.extend_from_slice(more);
    let made = admin.post("/settings/web-forms", &fields).await;
    assert_eq!(made.status(), 303, "{}", made.body);
    let settings = made.location.unwrap();
    let page = admin.get(&settings).await;
    let token = page.between("http://pipewright.test/f/", "\"").unwrap().to_owned();
    assert_eq!(token.len(), 43, "{token}");
    (settings, format!("/f/{token}"))
}

fn stamp(page: &str) -> String {
    let after = page.split_once("name=\"stamp\" value=\"").unwrap().1;
    after.split_once('"').unwrap().0.to_owned()
}

async fn opened(stranger: &Stranger, form: &str) -> String {
    let page = stranger.get(form).await;
    assert_eq!(page.status(), 200);
    stamp(&page.text().await.unwrap())
}

async fn leads(app: &TestApp) -> String {
    app.value("SELECT count(*) FROM leads").await
}

async fn waiting(app: &TestApp) -> String {
    app.value("SELECT count(*) FROM web_submissions WHERE lead_id IS NULL").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_is_made_framed_sent_and_becomes_a_lead() {
    let app = TestApp::start().await;
    let org = app.org("forms").await;
    let admin = app.signed_in(&org, "admin").await;
    assert!(admin.get("/settings/web-forms").await.contains("No web forms yet"));
    let wrong = admin
        .post(
            "/settings/web-forms",
            &[("name", ""), ("show", "city"), ("redirect_url", "javascript:alert(1)"), ("origins", "https://a;b\nx y")],
        )
        .await;
    assert_eq!(wrong.status(), 422);
    for told in ["is required", "must have the e-mail", "must be a web address", "is not the address of a site"] {
        assert!(wrong.contains(told), "{told}: {}", wrong.body);
    }
    let consent = "Keep my details <b>to answer</b> me";
    let (settings, form) = make(&admin, &[("consent_text", consent), ("thanks", "Danke, we will call.")]).await;
    let page = admin.get(&settings).await;
    for told in ["&#60;iframe src=", "How can we help?", "reply_by_fax", "Sites that hold the form"] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }
    let twice = admin.post("/settings/web-forms", &[("name", "WEBSITE contact"), ("show", "email")]).await;
    assert_eq!(twice.status(), 422, "{}", twice.body);

    // What a stranger sees: framed by those sites alone, no cookie, no script.
    let stranger = Stranger::new(&app, "203.0.113.7");
    let shown = stranger.get(&form).await;
    assert_eq!(shown.status(), 200);
    let policy = shown.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let framed_by = "frame-ancestors https://www.hafenkontor.example https://shop.hafenkontor.example";
    assert!(
        policy.contains(framed_by) && policy.contains("default-src 'none'") && !policy.contains("script-src"),
        "{policy}"
    );
    assert!(shown.headers().get("x-frame-options").is_none() && shown.headers().get("set-cookie").is_none());
    let body = shown.text().await.unwrap();
    assert!(!body.contains("<script") && !body.contains("csrf"), "{body}");
    assert!(body.contains("Keep my details &lt;b&gt;") || body.contains("Keep my details &#60;b&#62;"), "{body}");
    assert!(body.find("name=\"email\"").unwrap() < body.find("name=\"first_name\"").unwrap(), "in its own order");
    let stamp = stamp(&body);
    tokio::time::sleep(Duration::from_millis(2_200)).await;

    // What is missing comes back, with what was written.
    let page = format!("{SITE}/contact");
    let own = Some(app.base.as_str());
    let half = stranger
        .post(&form, own, &[("stamp", &stamp), ("page", &page), ("first_name", "Łucja"), ("email", "nobody")])
        .await;
    assert_eq!(half.status(), 422);
    let half = half.text().await.unwrap();
    for told in ["Łucja", "is required", "your consent", "value=\"nobody\"", &stamp, &page] {
        assert!(half.contains(told), "{told}: {half}");
    }
    let whole = [
        ("stamp", stamp.as_str()),
        ("page", page.as_str()),
        ("reply_by_fax", ""),
        ("first_name", "Łucja"),
        ("last_name", "Kowalska"),
        ("company_name", "Młyn"),
        ("email", "Lucja@Mlyn.example"),
        ("description", "Two pumps, please."),
        ("consent", "yes"),
    ];
    // A double click.
    let (one, two) = tokio::join!(stranger.post(&form, own, &whole), stranger.post(&form, own, &whole));
    for answer in [one, two] {
        assert_eq!(answer.status(), 303);
        assert_eq!(answer.headers()["location"], format!("{form}/thanks").as_str());
        assert!(answer.headers().get("set-cookie").is_none());
    }
    assert!(stranger.get(&format!("{form}/thanks")).await.text().await.unwrap().contains("Danke, we will call."));
    assert_eq!((leads(&app).await.as_str(), waiting(&app).await.as_str()), ("1", "0"));
    let lead = app
        .value("SELECT concat_ws('|', first_name, email, source, campaign, status, currency, created_by) FROM leads")
        .await;
    assert_eq!(lead, "Łucja|lucja@mlyn.example|Website|Autumn|new|EUR");
    assert_eq!(app.value("SELECT consent_text FROM web_submissions").await, consent);
    let id = app.value("SELECT id FROM leads").await;
    let seen = admin.get(&format!("/leads/{id}")).await;
    for told in ["Came in through Website contact", "Agreed to", "https://www.hafenkontor.example/contact", "Autumn"] {
        assert!(seen.contains(told), "{told}: {}", seen.body);
    }
    assert!(admin.get("/search?q=kowalska").await.contains(&id), "search finds it");
    assert!(admin.get("/leads").await.contains("Autumn"));

    // Off: not found, like one that never was.
    let version = admin.get(&settings).await.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let off = [("version", version.as_str()), ("name", "Website contact"), ("show", "email")];
    assert_eq!(admin.post(&settings, &off).await.status(), 303);
    assert_eq!(admin.post(&settings, &off).await.status(), 409, "saved over somebody else's");
    assert_eq!(stranger.get(&form).await.status(), 404);
    assert_eq!(stranger.post(&form, own, &whole).await.status(), 404);
    assert_eq!(admin.get(&format!("{form}x")).await.status(), 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_looks_like_spam_waits_in_quarantine_and_gets_the_same_answer() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("spammed").await, app.org("elsewhere").await);
    let admin = app.signed_in(&org, "admin").await;
    let (_, form) = make(&admin, &[]).await;
    let (stranger, own) = (Stranger::new(&app, "203.0.113.8"), Some(app.base.as_str()));
    let stamp = opened(&stranger, &form).await;
    let other_form = make(&admin, &[("name", "Another")]).await.1;
    let of_another = opened(&stranger, &other_form).await;
    let forged = format!("{}x", &stamp[..stamp.len() - 1]);
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    let fresh = opened(&stranger, &form).await;
    let mut answers = Vec::new();
    for (n, (origin, stamp, name, trap)) in [
        (own, stamp.as_str(), "Honest", ""),
        (own, fresh.as_str(), "Quick", ""),
        (own, forged.as_str(), "Forger", ""),
        (own, of_another.as_str(), "Swapper", ""),
        (own, stamp.as_str(), "Replayed", ""),
        (own, "", "Bare", ""),
        (None, "", "Headless", ""),
        (Some("https://spam.example"), "", "Elsewhere", ""),
        (Some(SITE), "", "Trapped", "555"),
        (Some(SITE), "", "Visit https://casino.example now", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("p{n}@example.com");
        let fields = [("stamp", stamp), ("last_name", name), ("email", &email), ("reply_by_fax", trap)];
        let answer = stranger.post(&form, origin, &fields).await;
        answers.push((answer.status(), answer.headers()["location"].clone()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!((leads(&app).await.as_str(), waiting(&app).await.as_str()), ("1", "9"));
    let page = admin.get("/leads/quarantine").await;
    for told in [
        "faster than anybody types",
        "stamp was forged",
        "with other words",
        "not on the form",
        "do not see was filled in",
        "a link where a name goes",
        "Headless",
    ] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }
    // Let in, thrown away, and nobody else's.
    let id = |name: &str| format!("SELECT id FROM web_submissions WHERE answers->>'last_name' = '{name}'");
    let (bare, trapped) = (app.value(&id("Bare")).await, app.value(&id("Trapped")).await);
    let stranger_admin = app.signed_in(&other, "admin").await;
    assert!(!stranger_admin.get("/leads/quarantine").await.contains("Bare"));
    assert_eq!(stranger_admin.post(&format!("/leads/quarantine/{bare}/admission"), &[]).await.status(), 404);
    let admitted = admin.post(&format!("/leads/quarantine/{bare}/admission"), &[]).await;
    let lead = admin.get(&admitted.location.unwrap()).await;
    assert!(lead.contains("Bare") && lead.contains("Let in though"), "{}", lead.body);
    assert_eq!(admin.post(&format!("/leads/quarantine/{bare}/admission"), &[]).await.status(), 404, "once");
    assert_eq!(admin.post(&format!("/leads/quarantine/{trapped}/deletion"), &[]).await.status(), 303);
    assert_eq!((leads(&app).await.as_str(), waiting(&app).await.as_str()), ("2", "7"));
    // Who sees only their own sees neither unowned leads nor this.
    app.sql("UPDATE roles SET visibility = 'own' WHERE key = 'rep'").await;
    let rep = app.signed_in(&org, "rep").await;
    assert!(!rep.get("/leads/quarantine").await.contains("anybody types"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_of_ones_own_posts_across_sites_and_known_addresses_are_noted() {
    let app = TestApp::start().await;
    let org = app.org("crossing").await;
    let admin = app.signed_in(&org, "admin").await;
    admin.post("/contacts", &[("last_name", "Secretive"), ("email", "ana@mill.example")]).await;
    let next = "https://www.hafenkontor.example/thanks?from=form";
    admin.get("/settings/fields/new?type=lead&kind=choice").await;
    let field = [
        ("type", "lead"),
        ("kind", "choice"),
        ("label", "Interest"),
        ("section", "More"),
        ("viewers", "administrator"),
        ("editors", "administrator"),
        ("new_choices", "Pumps\nValves"),
    ];
    let made = admin.post("/settings/fields", &field).await;
    assert_eq!(made.status(), 303, "{}", made.body);
    let (_, form) = make(
        &admin,
        &[
            ("redirect_url", next),
            ("show", "c_interest"),
            ("show", "country"),
            ("show", "phone"),
            ("show", "postal_code"),
        ],
    )
    .await;
    let stranger = Stranger::new(&app, "203.0.113.9");
    let key = app.value("SELECT options->'choices'->0->>'key' FROM custom_fields").await;
    let fields = [
        ("last_name", "Costa"),
        ("email", "Ana@Mill.example"),
        ("c_interest", key.as_str()),
        ("country", "PT"),
        ("phone", "+351 210 123 456"),
        ("postal_code", "1000-001"),
    ];
    let sent = stranger.post(&form, Some(SITE), &fields).await;
    assert_eq!((sent.status().as_u16(), sent.headers()["location"].to_str().unwrap()), (303, next));
    let lead = app.value("SELECT concat_ws('|', country, postal_code, custom->>'c_interest') FROM leads").await;
    assert_eq!(lead, format!("PT|1000-001|{key}"));
    let wrong = stranger
        .post(&form, Some(SITE), &[("last_name", "X"), ("email", "x@y.example"), ("c_interest", "Boats")])
        .await;
    assert_eq!(wrong.status(), 422);
    assert!(wrong.text().await.unwrap().contains("is not one of the choices"));
    let again = stranger
        .post(&form, Some("https://shop.hafenkontor.example"), &[("last_name", "Costa"), ("email", "ana@mill.example")])
        .await;
    assert_eq!(again.status(), 303);
    let titles =
        app.value("SELECT string_agg(data->>'title', ' / ' ORDER BY at) FROM events WHERE kind = 'lead.created'").await;
    assert!(
        titles.contains("; a contact has the same") && titles.contains("another open lead, a contact has"),
        "{titles}"
    );
    assert!(!titles.contains("Secretive"), "a name that not everybody may see");
    let newest = app.value("SELECT id FROM leads ORDER BY id DESC LIMIT 1").await;
    let page = admin.get(&format!("/leads/{newest}")).await;
    assert!(page.contains("The same e-mail address") && page.contains("Secretive"), "{}", page.body);
    // Merged, the one that stays has what both came in with.
    let oldest = app.value("SELECT id FROM leads ORDER BY id LIMIT 1").await;
    let sides = admin.get(&format!("/leads/{oldest}/merge?with={newest}")).await;
    let version = |which: &str| sides.between(&format!("name=\"version_{which}\" value=\""), "\"").unwrap().to_owned();
    let fields = [("with", newest.clone()), ("version_a", version("a")), ("version_b", version("b"))];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let merged = admin.post(&format!("/leads/{oldest}/merge"), &fields).await;
    assert_eq!(merged.status(), 303, "{}", merged.body);
    let of_whom = "SELECT string_agg(DISTINCT l.deleted_at IS NULL || '|' || l.id, ',') FROM web_submissions s JOIN leads l ON l.id = s.lead_id";
    assert_eq!(app.value(of_whom).await, app.value("SELECT 'true|' || id FROM leads WHERE deleted_at IS NULL").await);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abuse_is_refused_clearly() {
    let app = TestApp::start().await;
    let org = app.org("abused").await;
    let admin = app.signed_in(&org, "admin").await;
    let (_, form) = make(&admin, &[]).await;
    let stranger = Stranger::new(&app, "203.0.113.10");
    let raw = async |path: &str, kind: &str, body: Vec<u8>| {
        let url = format!("{}{path}", app.base);
        let request = stranger
            .http
            .post(url)
            .header("X-Forwarded-For", "203.0.113.11")
            .header("Content-Type", kind)
            .header("Origin", SITE);
        request.body(body).send().await.map(|answer| answer.status().as_u16())
    };
    let plain = "application/x-www-form-urlencoded";
    assert_eq!(raw(&form, plain, b"last_name=a%00b&email=a@b.example".to_vec()).await.unwrap(), 400);
    assert_eq!(raw(&form, plain, b"last_name=%ff%fe&email=a@b.example".to_vec()).await.unwrap(), 400);
    assert_eq!(raw(&form, "multipart/form-data; boundary=x", b"--x--".to_vec()).await.unwrap(), 415);
    assert_eq!(raw(&form, "application/json", b"{}".to_vec()).await.unwrap(), 415);
    // The answer may come before the body is through, and the sender notices the closed connection first.
    let large = raw(&form, plain, [b"last_name=".as_slice(), &vec![b'a'; 10 << 20]].concat()).await;
    assert!(large.as_ref().is_err() || large.as_ref().is_ok_and(|status| *status == 413), "{large:?}");
    assert_eq!(raw(&form, plain, [b"last_name=".as_slice(), &vec![b'a'; 70_000]].concat()).await.unwrap(), 413);
    assert_eq!(
        raw(&form, plain, [b"email=a@b.example&last_name=".as_slice(), &vec![b'a'; 60_000]].concat()).await.unwrap(),
        422
    );
    for path in ["/f/x", "/f/%00", "/f/..%2f..", &format!("/f/{}", "A".repeat(43)), &format!("/f/{}", "é".repeat(43))]
    {
        assert_eq!(raw(path, plain, b"last_name=a".to_vec()).await.unwrap(), 404, "{path}");
    }
    assert_eq!(leads(&app).await, "0");

    // A hundred posts: most are told when to come back; another address is not punished for it.
    let (mut refused, mut taken) = (0, 0);
    for n in 0..100 {
        let answer =
            stranger.post(&form, Some(SITE), &[("last_name", "Flood"), ("email", &format!("f{n}@example.com"))]).await;
        match answer.status().as_u16() {
            429 => {
                let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
                assert!((1..=300).contains(&wait), "{wait}");
                let again = answer.text().await.unwrap();
                assert!(again.contains("What you typed is below") && again.contains("@example.com"), "{again}");
                refused += 1;
            }
            303 => taken += 1,
            status => panic!("{status}"),
        }
    }
    assert!(refused >= 70 && (10..=30).contains(&taken), "{refused} refused, {taken} taken");
    let neighbour = Stranger::new(&app, "203.0.113.99");
    let answer = neighbour.post(&form, Some(SITE), &[("last_name", "Calm"), ("email", "calm@example.com")]).await;
    assert_eq!(answer.status(), 303);
    app.stop().await;
}
