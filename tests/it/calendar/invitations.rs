//! Guests: invited over a real mail server, answering without an account, told of what changes.

use super::{
    feed::{events, read, text},
    plan,
};
use crate::support::{
    Client, Org, TestApp,
    smtp::{Mode, Received, SmtpServer},
};
use calcard::icalendar::{ICalendarComponent, ICalendarParameterName, ICalendarParameterValue, ICalendarProperty as P};
use mail_parser::{MessageParser, MimeHeaders};

struct Mail {
    to: String,
    subject: String,
    words: String,
    method: String,
    event: ICalendarComponent,
    reply_to: String,
}

fn parse(received: &Received) -> Mail {
    let message = MessageParser::default().parse(received.data.as_bytes()).unwrap();
    let kind = |part: &mail_parser::MessagePart| {
        part.content_type().map(|t| format!("{}/{}", t.ctype(), t.subtype().unwrap_or_default()))
    };
    let object = message
        .parts
        .iter()
        .find(|p| kind(p).as_deref() == Some("text/calendar"))
        .unwrap_or_else(|| panic!("{}", received.data));
    let method = object.content_type().unwrap().attribute("method").unwrap().to_owned();
    let calendar = object.text_contents().unwrap();
    assert!(calendar.contains(&format!("METHOD:{method}\r\n")), "{calendar}");
    let file = message.attachments().find(|p| p.attachment_name() == Some("invite.ics")).unwrap();
    assert_eq!(std::str::from_utf8(file.contents()).unwrap().trim(), calendar.trim());
    let parsed = read(calendar);
    let event = events(&parsed)[0].clone();
    let address = |field: Option<&mail_parser::Address>| field.unwrap().first().unwrap().address().unwrap().to_owned();
    Mail {
        to: received.to.clone(),
        subject: message.subject().unwrap().to_owned(),
        words: message.body_text(0).unwrap().into_owned(),
        method,
        event,
        reply_to: address(message.reply_to()),
    }
}

/// Sends what is due, and says what came since.
async fn delivered(app: &TestApp, server: &SmtpServer, before: &mut usize) -> Vec<Mail> {
    // Cancellations wait for second thoughts.
    app.sql("UPDATE jobs SET run_at = now() WHERE status = 'queued'").await;
    app.run_jobs().await;
    let all = server.received();
    let new = all[*before..].iter().map(parse).collect();
    *before = all.len();
    new
}

/// Whom it names, and what they answered.
fn attendees(event: &ICalendarComponent) -> Vec<String> {
    let told = |entry: &calcard::icalendar::ICalendarEntry| {
        let address = entry.calendar_address().unwrap();
        match entry.parameter(&ICalendarParameterName::Partstat) {
            Some(ICalendarParameterValue::Partstat(standing)) => format!("{address} {standing:?}"),
            other => panic!("{address}: {other:?}"),
        }
    };
    event.properties(&P::Attendee).map(told).collect()
}

fn sequence(event: &ICalendarComponent) -> i64 {
    event.property(&P::Sequence).unwrap().values[0].as_integer().unwrap()
}

/// The links a guest has: the address at which they answer.
fn answer_path(mail: &Mail) -> String {
    let link =
        mail.words.lines().find_map(|line| line.strip_prefix("Accept: ")).unwrap_or_else(|| panic!("{}", mail.words));
    let path = link.trim().strip_prefix("http://pipewright.test").unwrap();
    path.strip_suffix("?answer=accepted").unwrap().to_owned()
}

async fn contact(client: &Client, org: &Org, first: &str, email: &str) -> String {
    let owner = org.rep.to_string();
    let made = client
        .post("/contacts", &[("first_name", first), ("last_name", "Guest"), ("email", email), ("owner_id", &owner)])
        .await;
    made.location.unwrap_or_else(|| panic!("{}", made.body)).rsplit('/').next().unwrap().to_owned()
}

async fn start() -> (TestApp, SmtpServer, Org, Client) {
    let server = SmtpServer::start(Mode::Accept).await;
    let app = TestApp::start_with(&[("SMTP_URL", &server.url()), ("MAIL_FROM", "Sales <sales@pipewright.test>")]).await;
    let org = app.org("hosts").await;
    let rep = app.signed_in(&org, "rep").await;
    (app, server, org, rep)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_are_invited_answer_and_are_told_of_changes() {
    let (app, server, org, rep) = start().await;
    let (mut seen, owner) = (0, org.rep.to_string());
    let ada = contact(&rep, &org, "Ada", "Ada@Example.com").await;
    let fields = [
        ("subject", "Lens; review, 2"),
        ("on", "2031-03-05"),
        ("time", "10:00"),
        ("minutes", "60"),
        ("owner_id", owner.as_str()),
        ("contact_id", &ada),
        ("location", "Room 1"),
        ("description", "<p>She haggles</p>"),
    ];
    let id = plan(&rep, &app, &org, &fields).await;
    let page = rep.get(&format!("/activities/{id}")).await;
    assert!(page.contains("Invited by mail") && page.contains("ada@example.com"), "{}", page.body);

    // Invited: two mails, each with an object of its own. Sent twice, they are two.
    let guests = format!("/activities/{id}/guests");
    let form = [("guest", ada.as_str()), ("guest_email", "bob@example.org"), ("guest_message", "Bring\nthe drawings")];
    for _ in 0..2 {
        assert_eq!(rep.post(&guests, &form).await.status(), 303);
    }
    let mails = delivered(&app, &server, &mut seen).await;
    assert_eq!(mails.iter().map(|m| m.to.as_str()).collect::<Vec<_>>(), ["ada@example.com", "bob@example.org"]);
    let first = &mails[0];
    assert_eq!(
        (first.method.as_str(), sequence(&first.event), first.reply_to.as_str()),
        ("REQUEST", 0, "rep@hosts.test")
    );
    assert_eq!(first.event.uid(), Some(format!("{id}@pipewright").as_str()));
    assert_eq!(text(&first.event, &P::Summary), "Lens; review, 2");
    assert!(
        first.subject.contains("Lens; review, 2")
            && first.subject.contains("Wednesday 5 Mar 2031, 10:00 – 11:00 (Europe/Amsterdam)"),
        "{}",
        first.subject
    );
    assert!(first.words.contains("Room 1") && first.words.contains("the drawings"), "{}", first.words);
    for mail in &mails {
        assert!(!mail.words.contains("haggles") && !text(&mail.event, &P::Description).contains("haggles"));
        // Each learns of the other, in words and as their program reads it.
        assert_eq!(attendees(&mail.event), ["ada@example.com NeedsAction", "bob@example.org NeedsAction"]);
    }
    assert!(first.words.contains("Also invited: bob@example.org"), "{}", first.words);
    assert!(mails[1].words.contains("Also invited: Ada Guest"), "{}", mails[1].words);

    // A link only opens a page: programs that look at links answer for nobody.
    let path = answer_path(first);
    let guest = app.new_client();
    for _ in 0..3 {
        let page = guest.get(&format!("{path}?answer=declined")).await;
        assert!(
            page.status() == 200 && page.contains("Lens; review, 2") && page.contains("opening this page did not"),
            "{}",
            page.body
        );
        assert!(
            page.header("set-cookie").is_none()
                && page.header("content-security-policy").unwrap().contains("default-src 'none'")
        );
        assert!(!page.contains("haggles") && !page.contains("bob@"));
    }
    assert_eq!(app.value("SELECT count(*) FROM activity_guests WHERE answer IS NOT NULL").await, "0");
    let answered = guest.post_raw(&path, &[("answer", "accepted"), ("comment", "With pleasure")]).await;
    assert_eq!((answered.status(), answered.location.as_deref()), (303, Some(path.as_str())));
    assert!(guest.get(&path).await.contains("Your answer is kept: Accepted."));
    let page = rep.get(&format!("/activities/{id}")).await;
    assert!(
        page.contains("Accepted") && page.contains("With pleasure") && page.contains("No answer yet"),
        "{}",
        page.body
    );
    assert_eq!(app.value("SELECT count(*) FROM notices WHERE kind = 'responded'").await, "1");
    for bad in ["", "maybe"] {
        assert_eq!(guest.post_raw(&path, &[("answer", bad)]).await.status(), 422);
    }
    let forged = format!("/rsvp/{}A", &path["/rsvp/".len()..path.len() - 1]);
    assert!(
        [404, 200].contains(&guest.get(&forged).await.status()) && guest.get("/rsvp/nonsense").await.status() == 404
    );

    // What does not concern them is not told; another place is; another time asks anew.
    rep.post(&format!("/activities/{id}/status"), &[("status", "in_progress")]).await;
    assert!(delivered(&app, &server, &mut seen).await.is_empty());
    let version = app.value(&format!("SELECT version FROM activities WHERE id = '{id}'")).await;
    let kind = super::type_id(&app, &org, "meeting").await;
    let mut edit = fields.to_vec();
    edit[6] = ("location", "Room 2");
    edit.extend([("version", version.as_str()), ("type_id", kind.as_str())]);
    assert_eq!(rep.post(&format!("/activities/{id}"), &edit).await.status(), 303);
    let mails = delivered(&app, &server, &mut seen).await;
    assert_eq!(
        mails.iter().map(|m| (m.method.as_str(), sequence(&m.event))).collect::<Vec<_>>(),
        [("REQUEST", 1), ("REQUEST", 1)]
    );
    assert!(mails[0].subject.starts_with("Changed: ") && text(&mails[0].event, &P::Location) == "Room 2");
    for mail in &mails {
        let told = ["ada@example.com Accepted", "bob@example.org NeedsAction"];
        assert_eq!(attendees(&mail.event), told, "what they answered so far");
    }
    assert!(guest.get(&path).await.contains("Accepted"));
    let version = app.value(&format!("SELECT version FROM activities WHERE id = '{id}'")).await;
    rep.post_partial(
        &format!("/activities/{id}/time"),
        &[("version", &version), ("on", "2031-03-06"), ("time", "11:00")],
    )
    .await;
    let mails = delivered(&app, &server, &mut seen).await;
    assert_eq!(mails.iter().map(|m| sequence(&m.event)).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(attendees(&mails[0].event), ["ada@example.com NeedsAction", "bob@example.org NeedsAction"]);
    assert!(!guest.get(&path).await.contains("Your answer is kept"), "the answer was to another time");

    // One is invited no longer; then all of it is off, and on again.
    let bob = app.value("SELECT id FROM activity_guests WHERE email = 'bob@example.org'").await;
    assert_eq!(rep.post(&format!("{guests}/removal"), &[("guest", &bob)]).await.status(), 303);
    let mails = delivered(&app, &server, &mut seen).await;
    assert_eq!(
        mails.iter().map(|m| (m.to.as_str(), m.method.as_str(), sequence(&m.event))).collect::<Vec<_>>(),
        [("bob@example.org", "CANCEL", 3)]
    );
    assert_eq!(attendees(&mails[0].event), ["bob@example.org NeedsAction"], "for Ada it goes on");
    rep.post(&format!("/activities/{id}/completion"), &[("as", "cancelled")]).await;
    let mails = delivered(&app, &server, &mut seen).await;
    assert_eq!(
        mails.iter().map(|m| (m.to.as_str(), m.method.as_str(), sequence(&m.event))).collect::<Vec<_>>(),
        [("ada@example.com", "CANCEL", 4)]
    );
    assert!(mails[0].subject.starts_with("Cancelled: ") && !mails[0].words.contains("/rsvp/"));
    assert!(guest.get(&path).await.contains("called off"));
    assert_eq!(guest.post_raw(&path, &[("answer", "accepted")]).await.status(), 409);
    rep.post(&format!("/activities/{id}/completion/undo"), &[]).await;
    let mails = delivered(&app, &server, &mut seen).await;
    assert_eq!(mails.iter().map(|m| (m.method.as_str(), sequence(&m.event))).collect::<Vec<_>>(), [("REQUEST", 5)]);
    rep.post(&format!("/activities/{id}/deletion"), &[]).await;
    let mails = delivered(&app, &server, &mut seen).await;
    assert_eq!(mails.iter().map(|m| (m.method.as_str(), sequence(&m.event))).collect::<Vec<_>>(), [("CANCEL", 6)]);
    // Deleted and taken back at once: nobody hears of it. Changed meanwhile, they hear of the change.
    rep.post(&format!("/activities/{id}/deletion/undo"), &[]).await;
    assert_eq!(delivered(&app, &server, &mut seen).await.len(), 1, "it was called off, and is on again");
    rep.post(&format!("/activities/{id}/deletion"), &[]).await;
    app.run_jobs().await;
    rep.post(&format!("/activities/{id}/deletion/undo"), &[]).await;
    assert_eq!(delivered(&app, &server, &mut seen).await.len(), 0);
    assert!(!guest.get(&path).await.contains("called off"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_of_what_repeats_are_invited_to_one_date_or_to_all_that_follow() {
    let (app, server, org, rep) = start().await;
    let (mut seen, owner) = (0, org.rep.to_string());
    let first = app.value("SELECT current_date + 3").await;
    let kind = super::type_id(&app, &org, "meeting").await;
    let fields = [
        ("type_id", kind.as_str()),
        ("subject", "Weekly review"),
        ("owner_id", &owner),
        ("on", &first),
        ("time", "10:00"),
        ("repeat", "weekly"),
        ("repeat_end", "count"),
        ("repeat_count", "4"),
    ];
    let path = rep.post("/activities", &fields).await.location.unwrap();
    let page = rep.get(&path).await;
    assert!(page.contains("not to the whole series") && page.contains("This and the 3 later dates"), "{}", page.body);
    let guests = format!("{path}/guests");
    assert_eq!(rep.post(&guests, &[("guest_email", "one@example.org"), ("guest_scope", "this")]).await.status(), 303);
    assert_eq!(delivered(&app, &server, &mut seen).await.len(), 1);
    let all = [("guest_email", "all@example.org"), ("guest_scope", "later")];
    assert_eq!(rep.post(&guests, &all).await.status(), 303);
    assert!(rep.get(&path).await.contains("4 invitations are on the way"));
    let mails = delivered(&app, &server, &mut seen).await;
    assert_eq!(mails.len(), 4);
    assert!(mails.iter().all(|mail| mail.to == "all@example.org" && mail.method == "REQUEST"));
    assert_eq!(
        app.value("SELECT count(DISTINCT activity_id) FROM activity_guests WHERE email = 'all@example.org'").await,
        "4"
    );
    // Many to many dates would be a flood; and what is over by now is no later date.
    let many = (0..40).map(|n| format!("p{n}@example.org")).collect::<Vec<_>>().join(",");
    let refused = rep.post(&guests, &[("guest_email", many.as_str()), ("guest_scope", "later")]).await;
    assert!(refused.status() == 422 && refused.contains("160 invitations at once"), "{}", refused.body);
    app.sql("UPDATE activities SET start_at = now() - interval '3 days' WHERE occurs_on = (SELECT max(occurs_on) FROM activities)").await;
    let page = rep.get(&path).await;
    assert!(page.contains("This and the 2 later dates"), "{}", page.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_be_invited_and_what_a_bad_server_does() {
    let (app, server, org, rep) = start().await;
    let owner = org.rep.to_string();
    let shy = contact(&rep, &org, "Shy", "shy@example.com").await;
    app.sql("UPDATE contacts SET do_not_contact = true").await;
    let undated = plan(&rep, &app, &org, &[("subject", "Some day"), ("on", ""), ("owner_id", &owner)]).await;
    let dated = plan(&rep, &app, &org, &[("subject", "A day"), ("on", "2031-03-05"), ("owner_id", &owner)]).await;
    let over = [("subject", "Long ago"), ("on", "2020-03-05"), ("time", "10:00"), ("owner_id", owner.as_str())];
    let over = plan(&rep, &app, &org, &over).await;
    assert!(rep.get(&format!("/activities/{over}")).await.contains("once it has a new time"));
    let refused = [
        (&over, [("guest_email", "a@example.com"), ("guest", "")], "It is over"),
        (&undated, [("guest_email", "a@example.com"), ("guest", "")], "Give it a day first"),
        (&dated, [("guest_email", "nobody"), ("guest", "")], "is no e-mail address"),
        (&dated, [("guest_email", ""), ("guest", "")], "Say whom to invite"),
        (&dated, [("guest_email", ""), ("guest", shy.as_str())], "asked not to be contacted"),
        (&dated, [("guest_email", "Shy@example.com"), ("guest", "")], "asked not to be contacted"),
    ];
    for (id, fields, why) in refused {
        let page = rep.post(&format!("/activities/{id}/guests"), &fields).await;
        assert!(page.status() == 422 && page.contains(why), "{why}: {} {}", page.status(), page.body);
        // What somebody typed does not become a capital letter for standing first.
        assert_eq!(page.contains("is-quoted"), why == "is no e-mail address", "{why}");
    }
    let viewer = app.signed_in(&org, "viewer").await;
    assert_eq!(
        viewer.post(&format!("/activities/{dated}/guests"), &[("guest_email", "a@example.com")]).await.status(),
        403
    );
    assert_eq!(app.value("SELECT count(*) FROM activity_guests").await, "0");

    // A server that puts off is asked again, and takes each once.
    server.set(Mode::Greylist);
    let many = "a@example.com, b@example.com; c@example.com";
    assert_eq!(rep.post(&format!("/activities/{dated}/guests"), &[("guest_email", many)]).await.status(), 303);
    app.run_jobs().await;
    assert!(server.received().is_empty());
    app.sql("UPDATE jobs SET run_at = now() WHERE status = 'queued'").await;
    app.run_jobs().await;
    assert_eq!(server.received().len(), 3);
    let all_day = parse(&server.received()[0]);
    assert!(
        all_day.subject.ends_with("Wednesday 5 Mar 2031") && !all_day.words.contains("00:00"),
        "{}",
        all_day.subject
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_and_goes_is_told_and_nobody_else() {
    let (app, server, org, rep) = start().await;
    let (mut seen, owner) = (0, org.rep.to_string());
    let fields = [("subject", "Lens review"), ("on", "2031-03-05"), ("time", "10:00"), ("owner_id", owner.as_str())];
    let id = plan(&rep, &app, &org, &fields).await;
    let guests = format!("/activities/{id}/guests");
    let invite = async |email: &str| {
        assert_eq!(rep.post(&guests, &[("guest_email", email)]).await.status(), 303, "{email}");
    };
    let remove = async |email: &str| {
        let guest = app.value(&format!("SELECT id FROM activity_guests WHERE email = '{email}'")).await;
        assert_eq!(rep.post(&format!("{guests}/removal"), &[("guest", &guest)]).await.status(), 303);
    };
    let told = |mails: &[Mail]| -> Vec<(String, String, i64)> {
        let one = |mail: &Mail| (mail.to.clone(), mail.method.clone(), sequence(&mail.event));
        let mut all: Vec<_> = mails.iter().map(one).collect();
        all.sort();
        all
    };
    let of = |to: &str, method: &str, n: i64| (to.to_owned(), method.to_owned(), n);
    invite("ada@example.com, bob@example.org").await;
    delivered(&app, &server, &mut seen).await;

    // RFC 5546, 3.2.2.2 and 3.2.5: one more is invited, one less is called off; for the others nothing changed that they would act on.
    invite("cy@example.net").await;
    let mails = delivered(&app, &server, &mut seen).await;
    assert_eq!(told(&mails), [of("cy@example.net", "REQUEST", 0)]);
    assert_eq!(attendees(&mails[0].event).len(), 3, "who else comes");
    assert_eq!(mails[0].event.uid(), Some(format!("{id}@pipewright").as_str()));
    remove("bob@example.org").await;
    let mails = delivered(&app, &server, &mut seen).await;
    assert_eq!(told(&mails), [of("bob@example.org", "CANCEL", 1)]);

    // Together with another place, all hear of it, and of who comes now.
    let version = app.value(&format!("SELECT version FROM activities WHERE id = '{id}'")).await;
    let mut edit = fields.to_vec();
    let kind = super::type_id(&app, &org, "meeting").await;
    edit.extend([("location", "Room 2"), ("version", version.as_str()), ("type_id", kind.as_str())]);
    assert_eq!(rep.post(&format!("/activities/{id}"), &edit).await.status(), 303);
    let mails = delivered(&app, &server, &mut seen).await;
    assert_eq!(told(&mails), [of("ada@example.com", "REQUEST", 2), of("cy@example.net", "REQUEST", 2)]);
    assert!(mails.iter().all(|mail| attendees(&mail.event).len() == 2));

    // Invited again, the invitation stands above what called them off, whichever arrives last.
    invite("bob@example.org").await;
    assert_eq!(told(&delivered(&app, &server, &mut seen).await), [of("bob@example.org", "REQUEST", 3)]);
    remove("bob@example.org").await;
    app.run_jobs().await;
    invite("bob@example.org").await;
    let mails = delivered(&app, &server, &mut seen).await;
    assert_eq!(told(&mails), [of("bob@example.org", "REQUEST", 5)], "what called them off was held back");
    app.stop().await;
}
