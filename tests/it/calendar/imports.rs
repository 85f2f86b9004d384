//! Files of other calendars: looked at, taken over once, taken back; and files that nobody should take over.

use super::feed;
use crate::support::{Client, Page, TestApp};
use reqwest::multipart::{Form, Part};

async fn upload(client: &Client, bytes: impl Into<Vec<u8>>) -> Page {
    let part = Part::bytes(bytes.into()).file_name("calendar.ics");
    let request = client.http().post(client.url("/calendar/imports")).header("X-CSRF-Token", client.csrf().await);
    client.read(request.multipart(Form::new().part("file", part)).send().await.unwrap()).await
}

/// Looked at and imported; what the message said.
async fn import(client: &Client, text: &str) -> Page {
    let looked = upload(client, text).await;
    assert_eq!(looked.status(), 303, "{}", looked.body);
    let path = looked.location.unwrap();
    let preview = client.get(&path).await;
    assert_eq!(preview.status(), 200, "{}", preview.body);
    let done = client.post(&path, &[]).await;
    assert_eq!(done.status(), 303, "{}", done.body);
    preview
}

fn calendar(events: &str) -> String {
    let zone = "BEGIN:VTIMEZONE\nTZID:Europe/Amsterdam\nBEGIN:STANDARD\nDTSTART:19961027T030000\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\n\
                TZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:19810329T020000\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\n\
                TZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nEND:DAYLIGHT\nEND:VTIMEZONE\n";
    format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Test//EN\n{zone}{events}END:VCALENDAR\n").replace('\n', "\r\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_calendars_events_come_once_and_can_go_again() {
    let app = TestApp::start().await;
    let org = app.org("taken").await;
    let rep = app.signed_in(&org, "rep").await;
    let days = app.value("SELECT string_agg(to_char(current_date + d, 'YYYYMMDD'), ' ' ORDER BY n) FROM unnest('{5,-20,-66,800}'::int[]) WITH ORDINALITY x(d, n)").await;
    let days: Vec<&str> = days.split(' ').collect();
    let [next, past, week, far] = days[..] else { panic!("{days:?}") };
    let events = format!(
        "BEGIN:VEVENT\nUID:one@x\nDTSTAMP:20260101T000000Z\nSUMMARY:Board\\, with \\\"us\\\"\nDTSTART;TZID=Europe/Amsterdam:{next}T100000\n\
         DTEND;TZID=Europe/Amsterdam:{next}T113000\nLOCATION:Room 1\\nUpstairs\nDESCRIPTION:Bring <b>figures</b>\\nand cake\nURL:javascript:alert(1)\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:two@x\nDTSTAMP:20260101T000000Z\nSUMMARY:Holiday\nDTSTART;VALUE=DATE:{past}\nDTEND;VALUE=DATE:{next}\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:three@x\nDTSTAMP:20260101T000000Z\nSUMMARY:Weekly\nDTSTART;TZID=Europe/Amsterdam:{week}T090000\nDURATION:PT30M\n\
         RRULE:FREQ=WEEKLY;COUNT=12\nEXDATE;TZID=Europe/Amsterdam:{week}T090000\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:four@x\nDTSTAMP:20260101T000000Z\nSUMMARY:Far\nDTSTART:{far}T090000Z\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:five@x\nDTSTAMP:20260101T000000Z\nSUMMARY:Off\nSTATUS:CANCELLED\nDTSTART:{next}T090000Z\nEND:VEVENT\n\
         BEGIN:VTODO\nUID:six@x\nDTSTAMP:20260101T000000Z\nSUMMARY:Do\nEND:VTODO\n\
         BEGIN:VEVENT\nUID:seven@x\nDTSTAMP:20260101T000000Z\nSUMMARY:Every second\nDTSTART:{next}T090000Z\nRRULE:FREQ=SECONDLY\nEND:VEVENT\n"
    );
    let file = calendar(&events);
    let preview = import(&rep, &file).await;
    // One, the holiday, eleven weeks, and the one that would repeat each second.
    assert!(preview.contains("<dt>New</dt><dd class=\"num\">14</dd>"), "{}", preview.body);
    for (why, count) in [
        ("more than a year away", 1),
        ("cancelled", 1),
        ("to-dos and journals", 1),
        ("repeat more often than daily", 1),
    ] {
        assert!(
            preview.contains(&format!("Left out: {why}</dt><dd class=\"num\">{count}</dd>")),
            "{why} {}",
            preview.body
        );
    }
    assert!(!preview.contains("<b>figures"));
    let one = app.value("SELECT subject || '|' || minutes || '|' || location || '|' || coalesce(video_url, '-') || '|' || to_char(start_at AT TIME ZONE 'Europe/Amsterdam', 'HH24:MI') FROM activities WHERE subject LIKE 'Board%'").await;
    assert_eq!(one, "Board, with \"us\"|90|Room 1 Upstairs|-|10:00");
    let notes = app.value("SELECT description FROM activities WHERE subject LIKE 'Board%'").await;
    assert!(notes.contains("figures") && notes.contains("cake") && !notes.contains("<b>figures"), "{notes}");
    let weeks = "SELECT count(*) || ' ' || count(*) FILTER (WHERE status = 'done') || ' ' || count(DISTINCT to_char(start_at AT TIME ZONE 'Europe/Amsterdam', 'HH24:MI')) FROM activities WHERE subject = 'Weekly'";
    assert_eq!(app.value(weeks).await, "11 9 1");
    let holiday =
        app.value("SELECT due_on IS NOT NULL AND minutes = 25 * 1440 FROM activities WHERE subject = 'Holiday'").await;
    assert_eq!(holiday, "true");
    assert_eq!(app.value(&format!("SELECT count(*) FROM activities WHERE owner_id = '{}'", org.rep)).await, "14");

    // The same file brings nothing; taken back, and brought again.
    let again = import(&rep, &file).await;
    assert!(again.contains("<dt>New</dt><dd class=\"num\">0</dd>") && again.contains("nothing new"), "{}", again.body);
    let op = app.value("SELECT id FROM operations WHERE changed = 14").await;
    let touched = app.value("SELECT id FROM activities WHERE subject LIKE 'Board%'").await;
    rep.post(&format!("/activities/{touched}/completion"), &[("outcome", "Went well")]).await;
    let undone = rep.post(&format!("/operations/{op}/undo"), &[]).await;
    assert_eq!(undone.status(), 303, "{}", undone.body);
    assert_eq!(
        app.value("SELECT status || restored || left_alone FROM operations WHERE changed = 14").await,
        "undone131"
    );
    assert_eq!(
        app.value("SELECT string_agg(subject, ',') FROM activities WHERE deleted_at IS NULL").await,
        "Board, with \"us\""
    );
    assert!(rep.get(&format!("/operations/{op}")).await.contains("Undone"));
    let back = import(&rep, &file).await;
    assert!(back.contains("<dt>New</dt><dd class=\"num\">13</dd>"), "{}", back.body);

    // One's own feed brings nothing at all.
    let made = rep.post("/settings/calendar/feed", &[]).await;
    let address = made.between("id=\"feed-address\">http://pipewright.test", "<").unwrap().to_owned();
    let feed = app.new_client().get(&address).await.body;
    assert_eq!(feed::events(&feed::read(&feed)).len(), 14);
    assert!(import(&rep, &feed).await.contains("<dt>New</dt><dd class=\"num\">0</dd>"));
    // A colleague's import is their own; nobody sees another's file.
    let manager = app.signed_in(&org, "manager").await;
    let waiting = upload(&rep, file.as_bytes()).await.location.unwrap();
    assert_eq!((manager.get(&waiting).await.status(), manager.post(&waiting, &[]).await.status()), (404, 404));
    assert!(import(&manager, &file).await.contains("<dt>New</dt><dd class=\"num\">14</dd>"));
    let viewer = app.signed_in(&org, "viewer").await;
    assert_eq!(viewer.get("/calendar/imports/new").await.status(), 403);
    app.stop().await;
}

/// What a rule makes of a start in UTC is in UTC, wherever the reader is; so are its exceptions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sent_or_opened_again_it_leads_to_what_came_of_it() {
    let app = TestApp::start().await;
    let org = app.org("twice").await;
    let rep = app.signed_in(&org, "rep").await;
    let today = app.value("SELECT to_char(current_date, 'YYYYMMDD')").await;
    let event = format!("BEGIN:VEVENT\nUID:one@x\nSUMMARY:Once\nDTSTART:{today}T090000Z\nEND:VEVENT\n");
    let path = upload(&rep, calendar(&event)).await.location.unwrap();
    assert_eq!(rep.post(&path, &[]).await.location.as_deref(), Some("/calendar"));
    for again in [rep.post(&path, &[]).await, rep.get(&path).await] {
        let result = again.location.unwrap_or_else(|| panic!("{}", again.body));
        assert!(result.starts_with("/operations/"), "{result}");
        assert_eq!(rep.get(&result).await.status(), 200);
    }
    assert_eq!(app.value("SELECT count(*) FROM activities").await, "1");
    let stranger = app.signed_in(&org, "admin").await;
    assert_eq!(stranger.get(&path).await.status(), 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_starts_in_utc_keeps_its_hour_and_its_exceptions() {
    let app = TestApp::start().await;
    let org = app.org("utc").await;
    let rep = app.signed_in(&org, "rep").await;
    let days = app.value("SELECT string_agg(to_char(current_date + d, 'YYYYMMDD'), ' ' ORDER BY d) FROM unnest('{5,12,19}'::int[]) d").await;
    let days: Vec<&str> = days.split(' ').collect();
    let rule = format!(
        "BEGIN:VEVENT\nUID:utc@x\nSUMMARY:Weekly\nDTSTART:{0}T100000Z\nDTEND:{0}T103000Z\nRRULE:FREQ=WEEKLY;COUNT=3\nEXDATE:{1}T100000Z\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:utc@x\nSUMMARY:Moved\nRECURRENCE-ID:{2}T100000Z\nDTSTART:{2}T120000Z\nDTEND:{2}T123000Z\nEND:VEVENT\n",
        days[0], days[1], days[2]
    );
    import(&rep, &calendar(&rule)).await;
    let told = "SELECT string_agg(subject || to_char(start_at AT TIME ZONE 'UTC', ' YYYYMMDD HH24:MI ') || minutes, ', ' ORDER BY start_at) FROM activities";
    assert_eq!(app.value(told).await, format!("Weekly {} 10:00 30, Moved {} 12:00 30", days[0], days[2]));
    app.stop().await;
}

/// A later file of the same events changes what nobody touched here, and takes away what it calls off; an older one changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_file_changes_what_nobody_touched_here() {
    let app = TestApp::start().await;
    let org = app.org("changed").await;
    let rep = app.signed_in(&org, "rep").await;
    let days = app.value("SELECT string_agg(to_char(current_date + d, 'YYYYMMDD'), ' ' ORDER BY n) FROM unnest('{5,6,-8}'::int[]) WITH ORDINALITY x(d, n)").await;
    let days: Vec<&str> = days.split(' ').collect();
    let [next, after, week] = days[..] else { panic!("{days:?}") };
    let event = |uid: &str, subject: &str, day: &str, hour: u8, more: &str| {
        format!(
            "BEGIN:VEVENT\nUID:{uid}@x\nSUMMARY:{subject}\nDTSTART;TZID=Europe/Amsterdam:{day}T{hour:02}0000\nDURATION:PT1H\n{more}END:VEVENT\n"
        )
    };
    let rule = "RRULE:FREQ=WEEKLY;COUNT=6\n";
    let first = calendar(
        &[
            event("board", "Board", next, 10, "SEQUENCE:2\n"),
            event("mine", "Mine", next, 11, ""),
            event("off", "Off", next, 12, ""),
            event("kept", "Kept", next, 13, ""),
            event("weekly", "Weekly", week, 9, rule),
        ]
        .concat(),
    );
    import(&rep, &first).await;
    let state = "SELECT string_agg(subject || ' ' || to_char(start_at AT TIME ZONE 'Europe/Amsterdam', 'DD HH24') || ' ' || status, ', ' ORDER BY start_at, subject)
                 FROM activities WHERE deleted_at IS NULL";
    let before = app.value(state).await;
    assert_eq!(before.matches("Weekly").count(), 6, "{before}");
    // Somebody wrote the outcome of one here, which no file knows.
    let mine = app.value("SELECT id FROM activities WHERE subject = 'Mine'").await;
    assert_eq!(rep.post(&format!("/activities/{mine}/completion"), &[("outcome", "Went well")]).await.status(), 303);
    let before = app.value(state).await;
    let later = calendar(
        &[
            event("board", "Board, moved", after, 15, "SEQUENCE:3\nLOCATION:Room 2\n"),
            event("mine", "Mine, moved", after, 11, "SEQUENCE:1\n"),
            event("off", "Off", next, 12, "STATUS:CANCELLED\nSEQUENCE:1\n"),
            event("kept", "Kept", next, 13, ""),
            // An hour later from the first on: what was stays, what is to come moves.
            event("weekly", "Weekly", week, 10, rule),
        ]
        .concat(),
    );
    let preview = import(&rep, &later).await;
    for told in [
        "<dt>New</dt><dd class=\"num\">4</dd>",
        "<dt>Changed by the file</dt><dd class=\"num\">1</dd>",
        "<dt>Called off by the file</dt><dd class=\"num\">5</dd>",
        "<dt>Left as changed here</dt><dd class=\"num\">1</dd>",
        "Board, moved",
    ] {
        assert!(preview.contains(told), "{told}: {}", preview.body);
    }
    let board = "SELECT subject || '|' || location || '|' || to_char(start_at AT TIME ZONE 'Europe/Amsterdam', 'YYYYMMDD HH24') || '|' || version FROM activities WHERE subject LIKE 'Board%'";
    assert_eq!(app.value(board).await, format!("Board, moved|Room 2|{after} 15|2"));
    let now = app.value(state).await;
    assert!(now.contains("Mine ") && !now.contains("Mine, moved") && !now.contains("Off"), "{now}");
    assert_eq!((now.matches("Weekly").count(), now.matches(" 10 open").count()), (6, 4), "{now}");
    assert!(rep.get("/calendar").await.contains("4 activities imported, 1 changed, 5 taken away"));
    let history = app
        .value("SELECT changes->'subject'->>1 FROM events WHERE kind = 'activity.updated' AND changes ? 'subject'")
        .await;
    assert_eq!(history, "Board, moved");
    // The same again, and the older file, bring nothing back of what the later one says.
    assert!(import(&rep, &later).await.contains("nothing new"));
    let older = calendar(&event("board", "Board", next, 10, "SEQUENCE:2\n"));
    assert!(import(&rep, &older).await.contains("nothing new"));
    // Taken back: all is as it was; and the later file changes it again.
    let op = app.value("SELECT id FROM operations WHERE changed = 10 ORDER BY created_at DESC LIMIT 1").await;
    let undone = rep.post(&format!("/operations/{op}/undo"), &[]).await;
    assert_eq!(undone.status(), 303, "{}", undone.body);
    assert_eq!(app.value(state).await, before);
    assert!(import(&rep, &later).await.contains("Changed by the file"));
    assert_eq!(app.value(state).await, now);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_calendar_is_refused_with_the_reason() {
    let app = TestApp::start().await;
    let org = app.org("hostile").await;
    let rep = app.signed_in(&org, "rep").await;
    rep.get("/calendar/imports/new").await;
    let today = app.value("SELECT to_char(current_date, 'YYYYMMDD')").await;
    let event = |n: usize, rule: &str| {
        format!("BEGIN:VEVENT\nUID:{n}@x\nSUMMARY:E\nDTSTART:{today}T090000Z\n{rule}END:VEVENT\n")
    };
    let utf16: Vec<u8> =
        [0xFF, 0xFE].into_iter().chain(calendar("").encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let many: String = (0..5_001).map(|n| event(n, "")).collect();
    let daily: String = (0..200).map(|n| event(n, "RRULE:FREQ=DAILY\n")).collect();
    let forever: String = (0..501).map(|n| event(n, "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31\n")).collect();
    let deep = format!("BEGIN:VCALENDAR\r\n{}", "BEGIN:VEVENT\r\n".repeat(4_000));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "is needed"),
        (b"BEGIN:VCARD\r\nEND:VCARD\r\n".to_vec(), "is no calendar"),
        (b"<html>".to_vec(), "is no calendar"),
        (utf16, "UTF-16"),
        (calendar("").replace("Test", "T\u{e9}st").chars().map(|c| c as u8).collect(), "not in UTF-8"),
        (calendar("").replace("Test", "T\0st").into_bytes(), "NUL"),
        (calendar(&many).into_bytes(), "more than 5000 events"),
        (calendar(&daily).into_bytes(), "repeats too often"),
        (vec![b'x'; 5 * 1024 * 1024], "too large"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\n".to_vec(), "breaks off"),
        (deep.into_bytes(), "breaks off"),
        (calendar(&forever).into_bytes(), "more than 500 events that go on repeating"),
    ];
    for (bytes, why) in cases {
        let refused = upload(&rep, bytes).await;
        assert_eq!(refused.status(), 422, "{why}: {:?} {}", refused.location, refused.body);
        assert!(refused.contains(why), "{why}: {}", refused.body);
    }
    assert_eq!(app.value("SELECT count(*) FROM calendar_uploads").await, "0");
    // Odd, but a calendar: no identity, no title, no time, an unknown zone, a rule that never comes true.
    let odd = format!(
        "BEGIN:VEVENT\nDTSTART;TZID=Nowhere/At All:{today}T090000\nEND:VEVENT\nBEGIN:VEVENT\nSUMMARY:No time\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:never\nDTSTART:{today}T090000Z\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31\nEND:VEVENT\n"
    );
    let preview = import(&rep, &calendar(&odd)).await;
    assert!(preview.contains("Untitled") && preview.contains("without a time that can be read"), "{}", preview.body);
    app.stop().await;
}
