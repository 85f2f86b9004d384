//! The private feed, read by a parser that is not the one that wrote it.

use super::{plan, type_id};
use crate::support::{Client, Page, TestApp};
use calcard::{
    Entry, Parser,
    icalendar::{ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarProperty as P},
};

pub(in crate::calendar) fn read(text: &str) -> ICalendar {
    match Parser::new(text).entry() {
        Entry::ICalendar(calendar) => calendar,
        other => panic!("{other:?} in {text}"),
    }
}

pub(in crate::calendar) fn events(calendar: &ICalendar) -> Vec<&ICalendarComponent> {
    calendar.components.iter().filter(|c| c.component_type == ICalendarComponentType::VEvent).collect()
}

pub(in crate::calendar) fn text(event: &ICalendarComponent, property: &P) -> String {
    event.property(property).and_then(|p| p.values.first()).and_then(|v| v.as_text()).unwrap_or_default().to_owned()
}

async fn make(client: &Client) -> (String, Page) {
    let page = client.post("/settings/calendar/feed", &[]).await;
    let address = page.between("id=\"feed-address\">", "<").unwrap_or_else(|| panic!("{}", page.body)).to_owned();
    (address.strip_prefix("http://pipewright.test").unwrap().to_owned(), page)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_programs_read_a_members_calendar() {
    let app = TestApp::start().await;
    let org = app.org("fed").await;
    let rep = app.signed_in(&org, "rep").await;
    let (owner, today) = (org.rep.to_string(), app.value("SELECT current_date + 3").await);
    let subject = format!("Lunch; with \\ Ada, “Zoë” & {}", "ö".repeat(80));
    let fields = [
        ("subject", subject.as_str()),
        ("on", &today),
        ("time", "12:00"),
        ("minutes", "90"),
        ("owner_id", &owner),
        ("location", "Café,\u{202e} Keizersgracht; 1"),
        ("description", "<p>Ask about <strong>lenses</strong></p>"),
        ("video_url", "https://meet.example.com/x"),
    ];
    let lunch = plan(&rep, &app, &org, &fields).await;
    let task = type_id(&app, &org, "task").await;
    let fields = [("subject", "Send offer"), ("on", &today), ("owner_id", &owner), ("type_id", &task)];
    let todo = {
        let answer = rep.post_partial("/calendar/activities", &fields).await;
        answer.between("\"i\":\"", "\"").unwrap().to_owned()
    };
    let cancelled =
        plan(&rep, &app, &org, &[("subject", "Off"), ("on", &today), ("time", "16:00"), ("owner_id", &owner)]).await;
    rep.post(&format!("/activities/{cancelled}/completion"), &[("as", "cancelled")]).await;
    // Somebody else's.
    let manager = app.signed_in(&org, "manager").await;
    plan(
        &manager,
        &app,
        &org,
        &[("subject", "Secret"), ("on", &today), ("time", "9"), ("owner_id", &org.manager.to_string())],
    )
    .await;

    assert!(rep.get("/settings/calendar").await.contains("Make an address"));
    let (address, _) = make(&rep).await;
    assert!(!rep.get("/settings/calendar").await.contains(&address), "shown once");
    assert_eq!(app.value("SELECT count(*) FROM calendar_members WHERE feed_hash = ''").await, "0");
    let nobody = app.new_client();
    let feed = nobody.get(&address).await;
    assert_eq!((feed.status(), feed.header("content-type")), (200, Some("text/calendar; charset=utf-8")));
    assert!(feed.header("set-cookie").is_none());
    assert!(
        feed.body.split("\r\n").all(|line| line.len() <= 75) && !feed.body.replace("\r\n", "").contains('\n'),
        "{}",
        feed.body
    );
    let calendar = read(&feed.body);
    let found = events(&calendar);
    assert_eq!(found.len(), 3, "{}", feed.body);
    let of = |id: &str| *found.iter().find(|e| e.uid() == Some(&format!("{id}@pipewright"))).unwrap();
    assert_eq!(text(of(&lunch), &P::Summary), subject);
    assert_eq!(text(of(&lunch), &P::Location), "Café,\u{202e} Keizersgracht; 1");
    assert!(text(of(&lunch), &P::Description).contains("Ask about lenses"), "{}", feed.body);
    for needed in [P::Dtstamp, P::Sequence, P::LastModified, P::Created, P::Dtstart, P::Dtend, P::Status] {
        assert!(found.iter().all(|e| e.has_property(&needed)), "{needed:?} in {}", feed.body);
    }
    let date = today.replace('-', "");
    assert!(feed.contains(&format!("DTSTART;VALUE=DATE:{date}\r\n")), "{}", feed.body);
    assert!(feed.contains("STATUS:CANCELLED") && feed.contains("TRANSP:TRANSPARENT") && !feed.contains("Secret"));

    // Asked again with what was known: nothing new. After a change: a higher sequence, the same identity.
    let etag = feed.header("etag").unwrap().to_owned();
    let again = |etag: String| {
        let request = nobody.http().get(nobody.url(&address)).header("If-None-Match", etag);
        async { nobody.read(request.send().await.unwrap()).await }
    };
    assert_eq!(again(etag.clone()).await.status(), 304);
    let move_it = [("version", "1"), ("on", today.as_str()), ("time", "13:00")];
    assert_eq!(rep.post_partial(&format!("/activities/{lunch}/time"), &move_it).await.status(), 200);
    let changed = again(etag).await;
    assert_eq!(changed.status(), 200);
    let calendar = read(&changed.body);
    let moved =
        events(&calendar).into_iter().find(|e| e.uid() == Some(&format!("{lunch}@pipewright"))).unwrap().clone();
    assert_eq!(moved.property(&P::Sequence).unwrap().values[0].as_integer(), Some(1));

    // Without tasks, with alarms.
    assert_eq!(rep.post("/settings/calendar", &[("feed_alarm", "15")]).await.status(), 303);
    let feed = nobody.get(&address).await;
    assert!(!feed.contains(&todo) && feed.contains("BEGIN:VALARM") && feed.contains("-PT"), "{}", feed.body);
    read(&feed.body);

    // A new address ends the old one; so do its end, and the member's.
    let (second, _) = make(&rep).await;
    assert_eq!((nobody.get(&address).await.status(), nobody.get(&second).await.status()), (404, 200));
    rep.post("/settings/calendar/feed/removal", &[]).await;
    assert_eq!(nobody.get(&second).await.status(), 404);
    let (third, _) = make(&rep).await;
    app.sql(&format!("UPDATE members SET deactivated_at = now() WHERE id = '{owner}'")).await;
    assert_eq!(nobody.get(&third).await.status(), 404);
    assert_eq!(nobody.get("/calendar/feed/nonsense.ics").await.status(), 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn working_hours_are_the_organisations_or_ones_own() {
    let app = TestApp::start().await;
    let org = app.org("hours").await;
    let rep = app.signed_in(&org, "rep").await;
    for (from, to) in [("17:00", "9:00"), ("9:00", ""), ("", "9:00"), ("9:00", "9:00"), ("x", "y")] {
        let refused = rep.post("/settings/calendar", &[("work_from", from), ("work_to", to)]).await;
        assert_eq!(refused.status(), 422, "{from} {to}");
    }
    let week = "/calendar?view=week&date=2031-03-04";
    assert!(
        rep.get(week).await.contains(r#""startTime":"09:00","endTime":"17:00""#)
            || rep.get(week).await.contains(r#""endTime":"17:00""#)
    );
    assert_eq!(rep.post("/settings/calendar", &[("work_from", "18:00"), ("work_to", "0:00")]).await.status(), 303);
    assert!(rep.get(week).await.contains(r#""endTime":"24:00""#));
    assert_eq!(rep.post("/settings/calendar", &[("work_from", ""), ("work_to", "")]).await.status(), 303);
    assert!(rep.get(week).await.contains(r#""endTime":"17:00""#));
    app.stop().await;
}
