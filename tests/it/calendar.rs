//! The calendar through HTTP: what stands when for whom, moved and refused, people side by side, and what other programs read.

mod feed;
mod imports;
mod invitations;

use crate::support::{Client, Org, Page, TestApp};
use pipewright::kernel::MemberId;
use serde_json::Value;

pub(super) async fn type_id(app: &TestApp, org: &Org, key: &str) -> String {
    app.value(&format!("SELECT id FROM activity_types WHERE org_id = '{}' AND key = '{key}'", org.id)).await
}

/// Planned by the quick form; its id.
pub(super) async fn plan(client: &Client, app: &TestApp, org: &Org, fields: &[(&str, &str)]) -> String {
    let meeting = type_id(app, org, "meeting").await;
    let mut all = vec![("type_id", meeting.as_str())];
    all.extend_from_slice(fields);
    let answer = client.post_partial("/calendar/activities", &all).await;
    assert_eq!(answer.status(), 201, "{}", answer.body);
    let told: Value = serde_json::from_str(&answer.body).unwrap();
    told["i"].as_str().unwrap().to_owned()
}

async fn entries(client: &Client, query: &str) -> Vec<Value> {
    let page = client.get(&format!("/calendar/entries?{query}")).await;
    assert_eq!(page.status(), 200, "{}", page.body);
    serde_json::from_str::<Value>(&page.body).unwrap().as_array().unwrap().clone()
}

async fn zone(app: &TestApp, member: MemberId, zone: &str) {
    app.sql(&format!("UPDATE users SET time_zone = '{zone}' WHERE id = '{member}'")).await;
}

async fn start_at(app: &TestApp, id: &str) -> String {
    app.value(&format!(
        "SELECT to_char(start_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM activities WHERE id = '{id}'"
    ))
    .await
}

async fn version(app: &TestApp, id: &str) -> String {
    app.value(&format!("SELECT version FROM activities WHERE id = '{id}'")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_planned_stands_in_its_days_and_moves() {
    let app = TestApp::start().await;
    let org = app.org("days").await;
    let rep = app.signed_in(&org, "rep").await;
    let owner = org.rep.to_string();
    let of = |on: &'static str, time: &'static str, minutes: &'static str, subject: &'static str| {
        [("subject", subject), ("on", on), ("time", time), ("minutes", minutes), ("owner_id", "")]
    };
    let mut fields = of("2031-03-04", "14:30", "60", "Lens <b>review</b>");
    fields[4].1 = &owner;
    let review = plan(&rep, &app, &org, &fields).await;
    let mut fields = of("2031-03-06", "", "", "All day long");
    fields[4].1 = &owner;
    let day = plan(&rep, &app, &org, &fields).await;
    let mut fields = of("2031-02-26", "09:00", "10080", "A week abroad");
    fields[4].1 = &owner;
    plan(&rep, &app, &org, &fields).await;

    // The page of every view, and what its script reads.
    for (view, what) in [
        ("week", "Lens \\u003cb>review"),
        ("month", "All day long"),
        ("agenda", "Lens &#60;b&#62;review"),
        ("day", "Lens \\u003cb>"),
    ] {
        let page = rep.get(&format!("/calendar?view={view}&date=2031-03-04")).await;
        assert!(page.status() == 200 && page.contains(what), "{view} {}", page.body);
        assert!(!page.contains("<b>review"), "{view}");
    }
    assert!(rep.get("/calendar?view=month&date=2031-03-04").await.contains("<noscript>"));
    let found = entries(&rep, "from=2031-03-03&to=2031-03-10").await;
    let told: Vec<_> = found.iter().map(|e| (e["s"].as_str().unwrap(), e["e"].as_str().unwrap_or(""))).collect();
    assert_eq!(
        told,
        [("2031-02-26T09:00", "2031-03-05T09:00"), ("2031-03-04T14:30", "2031-03-04T15:30"), ("2031-03-06", "")]
    );
    assert_eq!((found[1]["i"].as_str(), found[1]["v"].as_i64()), (Some(review.as_str()), Some(1)));
    assert!(entries(&rep, "from=2031-03-10&to=2031-03-17").await.is_empty());
    for bad in ["from=2031-03-10&to=2031-03-10", "from=2031-03-10&to=2032-03-10", "from=x&to=y"] {
        assert_eq!(rep.get(&format!("/calendar/entries?{bad}")).await.status(), 422, "{bad}");
    }

    // Dragged: its length stays. Sent again from what was seen before, it is refused and stays.
    let time = format!("/activities/{review}/time");
    let moved = rep.post_partial(&time, &[("version", "1"), ("on", "2031-03-05"), ("time", "10:15")]).await;
    assert_eq!((moved.status(), moved.body.as_str()), (200, r#"{"v":2}"#));
    assert_eq!(start_at(&app, &review).await, "2031-03-05 09:15");
    let late = rep.post_partial(&time, &[("version", "1"), ("on", "2031-03-07"), ("time", "10:15")]).await;
    assert!(late.status() == 409 && late.contains("Someone else changed it"), "{}", late.body);
    assert_eq!(start_at(&app, &review).await, "2031-03-05 09:15");
    // Resized, then made a day, then taken back.
    let longer = [("version", "2"), ("on", "2031-03-05"), ("time", "10:15"), ("minutes", "90")];
    assert_eq!(rep.post_partial(&time, &longer).await.status(), 200);
    let whole = rep.post_partial(&time, &[("version", "3"), ("on", "2031-03-08"), ("time", ""), ("minutes", "")]).await;
    let undo: Value = serde_json::from_str(whole.header("hx-trigger").unwrap()).unwrap();
    let facts = format!("SELECT concat_ws(' ', start_at, due_on, minutes) FROM activities WHERE id = '{review}'");
    assert_eq!(app.value(&facts).await, "2031-03-08");
    assert_eq!(rep.post_partial(undo["toast"]["undo"].as_str().unwrap(), &[]).await.status(), 200);
    assert_eq!(start_at(&app, &review).await, "2031-03-05 09:15");
    assert!(app.value(&facts).await.ends_with(" 90"));
    // Without a script the same form leads back.
    let v = version(&app, &day).await;
    let plain = rep.post(&format!("/activities/{day}/time"), &[("version", &v), ("on", "2031-03-07")]).await;
    assert_eq!((plain.status(), plain.location.as_deref()), (303, Some("/calendar")));
    // What is done stays where it was, and is still shown.
    rep.post(&format!("/activities/{day}/completion"), &[]).await;
    let closed = rep.post_partial(&format!("/activities/{day}/time"), &[("version", "9"), ("on", "2031-03-09")]).await;
    assert_eq!(closed.status(), 409);
    let found = entries(&rep, "from=2031-03-07&to=2031-03-08").await;
    assert!(found.len() == 1 && found[0]["x"] == true, "{found:?}");
    for (field, value) in [("on", ""), ("on", "2031-02-30"), ("time", "25:00"), ("minutes", "0")] {
        let mut fields = vec![("version", "9"), ("on", "2031-03-05"), ("time", "10:15")];
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));
        assert_eq!(rep.post_partial(&time, &fields).await.status(), 422, "{field} {value}");
    }
    // A role that only sees may not.
    let viewer = app.signed_in(&org, "viewer").await;
    assert_eq!(viewer.post_partial(&time, &[("version", "5"), ("on", "2031-03-05")]).await.status(), 403);
    assert_eq!(viewer.get("/calendar").await.status(), 200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_change_keep_the_time_of_day() {
    let app = TestApp::start().await;
    let org = app.org("clocks").await;
    let rep = app.signed_in(&org, "rep").await;
    let owner = org.rep.to_string();
    // The day before a change, the day after, and the moments that nine o'clock is on both.
    let cases = [
        ("Europe/Amsterdam", "2026-10-24", "2026-10-26", "2026-10-24 07:00", "2026-10-26 08:00"),
        ("America/New_York", "2027-03-13", "2027-03-15", "2027-03-13 14:00", "2027-03-15 13:00"),
        ("Australia/Lord_Howe", "2026-10-03", "2026-10-05", "2026-10-02 22:30", "2026-10-04 22:00"),
    ];
    for (name, before, after, was, is) in cases {
        zone(&app, org.rep, name).await;
        let fields = [("subject", name), ("on", before), ("time", "09:00"), ("minutes", "60"), ("owner_id", &owner)];
        let id = plan(&rep, &app, &org, &fields).await;
        assert_eq!(start_at(&app, &id).await, was, "{name}");
        let path = format!("/activities/{id}/time");
        let moved = rep.post_partial(&path, &[("version", "1"), ("on", after), ("time", "09:00")]).await;
        assert_eq!(moved.status(), 200, "{}", moved.body);
        assert_eq!(start_at(&app, &id).await, is, "{name}");
        let next = app.value(&format!("SELECT '{after}'::date + 1")).await;
        let found = entries(&rep, &format!("from={after}&to={next}")).await;
        assert_eq!(found.len(), 1, "{name} {found:?}");
        assert_eq!(
            (&found[0]["s"], &found[0]["e"]),
            (&format!("{after}T09:00").into(), &format!("{after}T10:00").into())
        );
    }
    // An hour the clocks show twice: the second of the two stays the second when only its length changes.
    zone(&app, org.rep, "Europe/Amsterdam").await;
    let fields =
        [("subject", "Twice"), ("on", "2026-10-25"), ("time", "02:30"), ("minutes", "30"), ("owner_id", &owner)];
    let id = plan(&rep, &app, &org, &fields).await;
    app.sql(&format!("UPDATE activities SET start_at = '2026-10-25T01:30Z' WHERE id = '{id}'")).await;
    let path = format!("/activities/{id}/time");
    rep.post_partial(&path, &[("version", "1"), ("on", "2026-10-25"), ("time", "02:30"), ("minutes", "45")]).await;
    assert_eq!(start_at(&app, &id).await, "2026-10-25 01:30");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn colleagues_are_busy_and_free_together() {
    let app = TestApp::start().await;
    let org = app.org("team").await;
    let other = app.org("elsewhere").await;
    let (rep, manager) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "manager").await);
    let (mine, theirs) = (org.rep.to_string(), org.manager.to_string());
    let meeting = |subject: &'static str, time: &'static str, minutes: &'static str, owner: &str| {
        let owner: &'static str = Box::leak(owner.to_owned().into_boxed_str());
        [("subject", subject), ("on", "2031-03-04"), ("time", time), ("minutes", minutes), ("owner_id", owner)]
    };
    plan(&manager, &app, &org, &meeting("Salary talk", "09:00", "120", &theirs)).await;
    let shared = plan(&manager, &app, &org, &meeting("Team lunch", "12:00", "60", &theirs)).await;
    let joins = [("member_id", mine.as_str())];
    assert_eq!(manager.post(&format!("/activities/{shared}/participants"), &joins).await.status(), 303);
    plan(&rep, &app, &org, &meeting("Call with Ada", "14:00", "60", &mine)).await;
    app.sql(&format!("UPDATE roles SET visibility = 'own' WHERE org_id = '{}' AND key = 'rep'", org.id)).await;

    // Their own calendar has what they take part in; the other one says no more than busy.
    let own = entries(&rep, "from=2031-03-04&to=2031-03-05").await;
    let titles = |found: &[Value]| found.iter().map(|e| e["t"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(titles(&own), ["Team lunch", "Call with Ada"]);
    let both = format!("from=2031-03-04&to=2031-03-05&person={mine}&person={theirs}");
    let found = entries(&rep, &both).await;
    assert_eq!(titles(&found), ["Busy", "Team lunch", "Call with Ada"]);
    assert_eq!(
        found[0],
        serde_json::json!({"t": "Busy", "s": "2031-03-04T09:00", "e": "2031-03-04T11:00", "p": [1], "b": true})
    );
    assert_eq!(found[1]["p"], serde_json::json!([0, 1]));
    assert_eq!(titles(&entries(&manager, &both).await), ["Salary talk", "Team lunch", "Call with Ada"]);
    // Another organisation's people have no calendar here.
    assert!(entries(&rep, &format!("from=2031-03-04&to=2031-03-05&person={}", other.rep)).await.is_empty());
    for view in ["agenda", "people", "week"] {
        let page = rep.get(&format!("/calendar?view={view}&date=2031-03-04&person={mine}&person={theirs}")).await;
        assert!(
            page.contains("Busy") && page.contains("Call with Ada") && !page.contains("Salary"),
            "{view} {}",
            page.body
        );
    }

    // Side by side: rows of quarters, and when both are free within both their hours.
    app.sql(&format!("UPDATE organisations SET work_from = 480, work_to = 1020 WHERE id = '{}'", org.id)).await;
    let saved =
        manager.post("/settings/calendar", &[("work_from", "09:00"), ("work_to", "16:00"), ("feed_alarm", "")]).await;
    assert_eq!(saved.status(), 303, "{}", saved.body);
    let people = format!("/calendar?view=people&date=2031-03-04&person={mine}&person={theirs}&length=60");
    let page = rep.get(&people).await;
    let free: Vec<&str> =
        page.body.split("class=\"num\">").skip(1).filter_map(|rest| rest.split("</span>").next()).collect();
    let free: Vec<&str> = free.into_iter().filter(|text| text.contains('–')).take(4).collect();
    assert_eq!(free, ["11:00 – 12:00", "13:00 – 14:00", "15:00 – 16:00", "09:00 – 10:00"], "{}", page.body);
    assert!(
        page.contains(&format!("&amp;with={theirs}")) || page.contains(&format!("&#38;with={theirs}")),
        "{}",
        page.body
    );
    // In another zone the same hours are other moments.
    zone(&app, org.manager, "America/New_York").await;
    let page = rep.get(&people).await;
    assert!(page.contains("15:00 – 22:00 · New York"), "{}", page.body);
    // From a suggestion to a meeting with both.
    let form = rep.get(&format!("/activities/new?on=2031-03-05&time=09:00&minutes=60&with={theirs}")).await;
    assert!(form.contains("Manager team") && form.contains("value=\"60\""), "{}", form.body);
    let with = [
        ("subject", "Both"),
        ("on", "2031-03-05"),
        ("time", "09:00"),
        ("minutes", "60"),
        ("owner_id", &mine),
        ("with", &theirs),
    ];
    plan(&rep, &app, &org, &with).await;
    assert_eq!(titles(&entries(&manager, "from=2031-03-05&to=2031-03-06").await), ["Both"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_looks_at_is_remembered() {
    let app = TestApp::start().await;
    let org = app.org("kept").await;
    let rep = app.signed_in(&org, "rep").await;
    let current = |page: &Page| page.between("aria-current=\"page\">", "</a>").map(str::to_owned);
    assert!(rep.get("/calendar").await.contains("data-cal-view=\"week\" title=\"Week\" aria-current"));
    let call = type_id(&app, &org, "call").await;
    let manager = org.manager.to_string();
    let said = [
        ("view", "agenda"),
        ("person", ""),
        ("person", &manager),
        ("type", ""),
        ("type", &call),
        ("date", "2031-03-04"),
    ];
    let chosen = rep.post("/calendar/choice", &said).await;
    assert_eq!(chosen.location.as_deref(), Some("/calendar?view=agenda&date=2031-03-04"));
    let page = rep.get("/calendar").await;
    assert!(page.contains("data-cal-view=\"agenda\" title=\"Agenda\" aria-current"), "{:?}", current(&page));
    assert!(
        page.contains(&format!("value=\"{manager}\" checked")) && page.contains(&format!("value=\"{call}\" checked"))
    );
    // The script says only which view; people and types stay.
    assert_eq!(rep.post_partial("/calendar/choice", &[("view", "month")]).await.status(), 204);
    let kept = "SELECT value FROM preferences WHERE key = 'calendar'";
    assert_eq!(app.value(kept).await, format!(r#"{{"view": "month", "types": ["{call}"], "people": ["{manager}"]}}"#));
    // Oneself alone is what everybody begins with; strangers are nobody.
    let stranger = app.org("stranger").await.rep.to_string();
    rep.post(
        "/calendar/choice",
        &[("view", "nonsense"), ("person", &org.rep.to_string()), ("person", &stranger), ("type", "")],
    )
    .await;
    assert_eq!(app.value(kept).await, r#"{"view": "month", "types": [], "people": []}"#);
    assert_eq!(rep.get("/calendar?date=tomorrow").await.status(), 422);
    app.stop().await;
}
