//! Two people on one deal: who comes later is told what the first did, and loses nothing of what they typed.

use crate::support::{Client, Org, Page, TestApp};

async fn start() -> (TestApp, Org, Client, Client, Vec<String>) {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (manager, rep) = (app.signed_in(&org, "manager").await, app.signed_in(&org, "rep").await);
    let stages = app.stages(&org).1;
    (app, org, manager, rep, stages)
}

fn version(page: &Page) -> String {
    page.between("name=\"version\" value=\"", "\"").unwrap_or_else(|| panic!("{}", page.body)).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_changed_or_taken_off_meanwhile_is_told_and_the_text_kept() {
    let (app, _org, manager, rep, stages) = start().await;
    let deal = rep.add_deal(&stages[0], "Pilot", &[]).await;
    let lines = format!("/deals/{deal}/lines");
    assert_eq!(rep.post_partial(&lines, &[("product", "Sensor"), ("unit_price", "20")]).await.status(), 200);
    let line = app.value("SELECT id FROM deal_lines").await;
    let at = format!("{lines}/{line}");
    let kept = "SELECT concat_ws(' ', trim_scale(quantity), name, trim_scale(unit_price)) AS value FROM deal_lines";

    let form = rep.get_partial(&format!("{lines}?line={line}")).await;
    let seen = version(&form);
    let theirs = [("product", "Sensor"), ("unit_price", "18"), ("version", &seen)];
    assert_eq!(manager.post_partial(&at, &theirs).await.status(), 200);
    assert_eq!(manager.post_partial(&at, &theirs).await.status(), 200, "sent twice it is what it is");
    let mine = [("product", "Sensor"), ("quantity", "7"), ("unit_price", "20"), ("version", &seen)];
    for told in [rep.post_partial(&at, &mine).await, rep.post(&at, &mine).await] {
        assert_eq!(told.status(), 409);
        for words in ["Manager aurelia", "Theirs, saved", "<del>20</del>", "name=\"quantity\" value=\"7\"", "Save mine"]
        {
            assert!(told.contains(words), "{words}: {}", told.body);
        }
        assert_ne!(version(&told), seen);
    }
    assert_eq!(app.texts(kept), ["1 Sensor 18"]);
    // Sent once more it overwrites knowingly.
    let again = rep.post_partial(&at, &mine).await;
    let knowingly = version(&again);
    let mine = [mine[0], mine[1], mine[2], ("version", &knowingly)];
    assert_eq!(rep.post_partial(&at, &mine).await.status(), 200);
    assert_eq!(app.texts(kept), ["7 Sensor 20"]);
    // As it was before the form: a line that was put back bears an earlier moment.
    let seen = version(&rep.get_partial(&format!("{lines}?line={line}")).await);
    app.alter("UPDATE deal_lines SET updated_at = updated_at - interval '1 hour'");
    let late = [("product", "Sensor"), ("quantity", "8"), ("unit_price", "20"), ("version", &seen)];
    assert_eq!(rep.post_partial(&at, &late).await.status(), 409);
    assert_eq!(app.texts(kept), ["7 Sensor 20"]);

    assert_eq!(manager.post_partial(&format!("{at}/removal"), &[]).await.status(), 200);
    let twice = rep.post_partial(&format!("{at}/removal"), &[]).await;
    assert_eq!(twice.status(), 200);
    assert!(twice.header("hx-trigger").unwrap().contains("Sensor was taken off already by Manager aurelia"));
    assert_eq!(rep.post(&format!("{at}/removal"), &[]).await.status(), 303);
    let typed = [("product", "Sensor"), ("quantity", "9"), ("unit_price", "19"), ("version", &knowingly)];
    for gone in [rep.post_partial(&at, &typed).await, rep.post(&at, &typed).await] {
        assert_eq!(gone.status(), 409);
        assert!(gone.contains("Sensor was taken off meanwhile by Manager aurelia"), "{}", gone.body);
        assert!(gone.contains("name=\"quantity\" value=\"9\""), "{}", gone.body);
    }
    let never = format!("{lines}/{deal}");
    assert_eq!(rep.post_partial(&never, &typed).await.status(), 404);
    assert_eq!(rep.post_partial(&format!("{never}/removal"), &[]).await.status(), 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_of_a_competitor_is_not_overwritten_unseen() {
    let (app, _org, manager, rep, stages) = start().await;
    assert_eq!(manager.post("/settings/competitors", &[("name", "Nordpack")]).await.status(), 303);
    let rival = app.value("SELECT id FROM competitors").await;
    let deal = rep.add_deal(&stages[0], "Pilot", &[]).await;
    let at = format!("/deals/{deal}/competitors");
    let kept = "SELECT concat_ws(' / ', strengths, weaknesses) AS value FROM deal_competitors";
    let new = |strong: &'static str| [("competitor_id", rival.as_str()), ("seen", "none"), ("strengths", strong)];
    assert_eq!(rep.post(&at, &new("Cheap")).await.status(), 303);
    assert_eq!(rep.post(&at, &new("Cheap")).await.status(), 303, "the form sent twice");

    // Named by a colleague meanwhile: the empty form wipes nothing.
    let told = manager.post(&at, &new("")).await;
    assert!(told.status() == 409 && told.contains("on this deal already, named by Rep aurelia"), "{}", told.body);
    assert_eq!(app.texts(kept), ["Cheap"]);

    let page = manager.get(&format!("/deals/{deal}")).await;
    assert!(page.contains("name=\"was_strengths\" value=\"Cheap\""), "{}", page.body);
    let seen = [("competitor_id", rival.as_str()), ("seen", "notes"), ("was_strengths", "Cheap")];
    let theirs = [&seen[..], &[("strengths", "Cheap"), ("weaknesses", "Slow")]].concat();
    assert_eq!(manager.post(&at, &theirs).await.status(), 303);
    // Each changed something else: nobody is asked, and both are kept.
    let other = [&seen[..], &[("strengths", "Cheap, known")]].concat();
    assert_eq!(rep.post(&at, &other).await.status(), 303);
    assert_eq!(app.texts(kept), ["Cheap, known / Slow"]);
    let back = [&seen[..2], &[("was_strengths", "Cheap, known"), ("was_weaknesses", "Slow")], &theirs[3..]].concat();
    assert_eq!(manager.post(&at, &back).await.status(), 303);
    let theirs = [&back[..2], &[("was_strengths", "Cheap"), ("was_weaknesses", "Slow")]].concat();
    let theirs = [&theirs[..], &[("strengths", "Cheapest"), ("weaknesses", "Slow, late")]].concat();
    assert_eq!(manager.post(&at, &theirs).await.status(), 303);

    // Both changed the strengths; the weaknesses are theirs, also in the form that asks.
    let mine = [&seen[..], &[("was_weaknesses", "Slow"), ("strengths", "Cheap and near"), ("weaknesses", "Slow")]];
    let mine = mine.concat();
    let told = rep.post(&at, &mine).await;
    assert!(
        told.status() == 409 && told.contains("Manager aurelia") && told.contains("Save replaces theirs"),
        "{}",
        told.body
    );
    let asking = format!("stack wide\" method=\"post\" action=\"{at}\"");
    let form = told.between(&asking, "</form>").unwrap_or_else(|| panic!("{}", told.body));
    let value = |name: &str| {
        let (_, rest) = form.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let (strong, weak) = (value("was_strengths"), value("was_weaknesses"));
    assert_eq!([&strong[..], &weak], ["Cheapest", "Slow, late"]);
    assert!(form.contains(">Cheap and near</textarea>") && form.contains(">Slow, late</textarea>"), "{form}");
    assert_eq!(app.texts(kept), ["Cheapest / Slow, late"]);
    let knowingly = [&seen[..2], &[("was_strengths", &strong[..]), ("was_weaknesses", &weak)]].concat();
    let knowingly = [&knowingly[..], &[("strengths", "Cheap and near"), ("weaknesses", &weak)]].concat();
    assert_eq!(rep.post(&at, &knowingly).await.status(), 303);
    assert_eq!(app.texts(kept), ["Cheap and near / Slow, late"]);

    assert_eq!(manager.post(&format!("{at}/{rival}/removal"), &[]).await.status(), 303);
    let gone = rep.post(&at, &mine).await;
    assert!(gone.status() == 409 && gone.contains("took Nordpack off this deal meanwhile"), "{}", gone.body);
    assert!(gone.contains(">Cheap and near</textarea>"), "{}", gone.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deal_that_somebody_closed_meanwhile_is_shown_as_it_is() {
    let (app, _org, manager, rep, stages) = start().await;
    let deal = rep.add_deal(&stages[0], "Pilot", &[]).await;
    let at = format!("/deals/{deal}");
    let closure = format!("{at}/closure");
    let lost = |reason, note| [("outcome", "lost"), ("lost_reason", reason), ("lost_note", note)];
    assert_eq!(manager.post(&closure, &lost("Price", "Too dear")).await.status(), 303);
    assert_eq!(rep.post(&closure, &lost("Price", "Too dear")).await.status(), 303, "the same once more");

    // Another reason is not dropped in silence.
    let told = rep.post(&closure, &lost("Bad timing", "Next year")).await;
    assert_eq!(told.status(), 422);
    let form = told.between("id=\"why\"", "</details>").unwrap_or_else(|| panic!("{}", told.body));
    for words in [
        "Lost already",
        "Manager aurelia",
        "Price – Too dear",
        "value=\"Bad timing\" selected",
        ">Next year</textarea>",
    ] {
        assert!(form.contains(words), "{words}: {form}");
    }
    let dialog = rep.post_partial(&closure, &lost("Bad timing", "Next year")).await;
    assert!(dialog.status() == 422 && dialog.contains("Lost already"), "{}", dialog.body);

    // A button of a page that stood open: the deal's page, with the reason above it.
    let won = [("outcome", "won")];
    let stage = [("stage_id", stages[1].as_str())];
    for (path, fields) in [("closure", &won), ("position", &stage), ("pipeline", &stage), ("passage", &won)] {
        let told = rep.post(&format!("{at}/{path}"), fields).await;
        assert_eq!(told.status(), 409, "{path}");
        assert!(told.contains("Nothing was changed. This deal is lost."), "{path}: {}", told.body);
        assert!(told.contains("id=\"record-title\"") && told.contains("Too dear"), "{path}: {}", told.body);
    }
    let asked = rep.get(&format!("{at}/passage?outcome=won")).await;
    assert!(asked.status() == 409 && asked.contains("This deal is lost") && !asked.contains("this is needed"));
    assert_eq!(rep.post_partial(&closure, &won).await.status(), 409);
    assert_eq!(
        app.texts("SELECT concat_ws(' ', status, lost_reason, lost_note) AS value FROM deals"),
        ["lost Price Too dear"]
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_split_of_what_changed_meanwhile_keeps_what_was_typed() {
    let (app, _org, manager, rep, stages) = start().await;
    let deal = rep.add_deal(&stages[0], "Sites", &[("amount", "1000")]).await;
    let at = format!("/deals/{deal}/split");
    let form = rep.get(&at).await;
    let (seen, key) = (version(&form), form.between("name=\"request_key\" value=\"", "\"").unwrap().to_owned());
    let renamed =
        manager.post(&format!("/deals/{deal}/fields/next_step"), &[("version", &seen), ("next_step", "Call")]).await;
    assert!(renamed.status() < 400, "{}", renamed.body);
    let split = |version: &str| {
        let fields =
            [("version", version), ("request_key", &key), ("parts", "2"), ("name_1", "North"), ("name_2", "South")];
        let amounts = [("amount_1", "600"), ("amount_2", "400")];
        fields.into_iter().chain(amounts).map(|(k, v)| (k.to_owned(), v.to_owned())).collect::<Vec<_>>()
    };
    let post = async |version: &str| {
        let fields = split(version);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        rep.post(&at, &fields).await
    };
    let told = post(&seen).await;
    assert_eq!(told.status(), 409);
    for words in ["Next step: empty → Call (Manager aurelia", "value=\"South\"", "value=\"400\"", "Split this deal"] {
        assert!(told.contains(words), "{words}: {}", told.body);
    }
    let now = version(&told);
    assert_ne!(now, seen);
    assert_eq!(post(&now).await.status(), 303);
    assert_eq!(post(&now).await.status(), 303, "sent twice it is split once");
    let all = "SELECT concat_ws(' ', name, trim_scale(amount)) AS value FROM deals ORDER BY number";
    assert_eq!(app.texts(all), ["North 600", "South 400"]);

    // Undone, the same form splits it anew.
    let op = app.value("SELECT id FROM operations").await;
    assert_eq!(rep.post(&format!("/operations/{op}/undo"), &[]).await.status(), 303);
    let there = all.replace("ORDER BY", "WHERE deleted_at IS NULL ORDER BY");
    assert_eq!(app.texts(&there), ["Sites 1000"]);
    assert_eq!(post(&version(&rep.get(&at).await)).await.status(), 303);
    assert_eq!(app.texts(&there), ["North 600", "South 400"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_far_deals_came_opens_the_deals_it_counts() {
    let (app, org, _manager, rep, stages) = start().await;
    let admin = app.signed_in(&org, "admin").await;
    for (name, far) in [("One", 1), ("Two", 2), ("Back", 2)] {
        let deal = rep.add_deal(&stages[0], name, &[]).await;
        for stage in &stages[1..=far] {
            assert_eq!(rep.post(&format!("/deals/{deal}/position"), &[("stage_id", stage)]).await.status(), 303);
        }
        if name == "Back" {
            rep.post(&format!("/deals/{deal}/position"), &[("stage_id", &stages[0])]).await;
        }
    }
    let counts = async || {
        let report = admin.get("/reports/sales?when=ever").await;
        let mut counts = Vec::new();
        for part in report.body.split("data-label=\"Furthest so far, open\">").skip(1) {
            let Some(link) = part.strip_prefix("<a href=\"") else { continue };
            let (href, rest) = link.split_once('"').unwrap();
            let number: usize = rest.trim_start_matches('>').split('<').next().unwrap().parse().unwrap();
            let list = admin.get(&href.replace("&amp;", "&").replace("&#38;", "&")).await;
            assert_eq!(list.status(), 200, "{href}");
            let found = ["One", "Two", "Back"]
                .iter()
                .filter(|name| list.contains(&format!("aria-label=\"Select {name}\"")))
                .count();
            assert_eq!(found, number, "{href}: {}", list.body);
            counts.push(number);
        }
        counts
    };
    assert_eq!(counts().await, [1, 2]);
    // The stage goes, and its deals with it to the one before.
    let gone = admin.post(&format!("/settings/stages/{}/removal", stages[2]), &[("target", &stages[1])]).await;
    assert_eq!(gone.status(), 303, "{}", gone.body);
    assert_eq!(counts().await, [3]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn currencies_that_deals_are_in_get_rates_though_nobody_ticked_them() {
    let (app, org, _manager, rep, stages) = start().await;
    let admin = app.signed_in(&org, "admin").await;
    assert_eq!(admin.post("/settings/currencies", &[("currency", "USD")]).await.status(), 303);
    rep.add_deal(&stages[0], "Osaka", &[("amount", "900000"), ("currency", "JPY")]).await;
    let page = admin.get("/settings/currencies").await;
    let offered = page.between("id=\"f-currency\"", "</select>").unwrap_or_else(|| panic!("{}", page.body));
    assert!(
        offered.contains("value=\"JPY\"") && offered.contains("value=\"USD\"") && !offered.contains("value=\"KWD\"")
    );
    assert!(page.contains("Deals are in JPY as well"), "{}", page.body);
    let rate = [("currency", "JPY"), ("on", "2026-01-05"), ("rate", "0.0062")];
    assert_eq!(admin.post("/settings/currencies/rates", &rate).await.status(), 303);
    assert!(admin.get("/settings/currencies").await.contains("1 JPY = 0.0062 EUR"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_colleagues_note_is_not_binned_by_the_undo_of_a_split() {
    let (app, _org, manager, rep, stages) = start().await;
    let deal = rep.add_deal(&stages[0], "Sites", &[("amount", "1000")]).await;
    let at = format!("/deals/{deal}/split");
    let seen = version(&rep.get(&at).await);
    let form = |second: &'static str| {
        [
            ("version", seen.as_str()),
            ("parts", "2"),
            ("name_1", "North"),
            ("name_2", "South"),
            ("amount_1", "1000"),
            ("amount_2", second),
        ]
    };
    let nothing = rep.post(&at, &form("0")).await;
    assert!(nothing.status() == 422 && nothing.contains("must be more than nothing"), "{}", nothing.body);
    let half = [&form("0")[..4], &[("amount_1", "600"), ("amount_2", "400")]].concat();
    assert_eq!(rep.post(&at, &half).await.status(), 303);
    let south = app.value("SELECT id FROM deals WHERE name = 'South'").await;
    let noted = manager
        .post("/notes", &[("record_type", "deal"), ("record_id", &south), ("body", "<div>Call them</div>")])
        .await;
    assert_eq!(app.value("SELECT count(*) FROM notes").await, "1", "{}", noted.body);
    let op = app.value("SELECT id FROM operations").await;
    let kept = rep.post(&format!("/operations/{op}/undo"), &[]).await;
    assert!(kept.status() == 409 && kept.contains("South has a note by Manager aurelia"), "{}", kept.body);
    app.alter("UPDATE notes SET deleted_at = now()");
    // Nor is a competitor or anything else that they added since.
    assert_eq!(manager.post("/settings/competitors", &[("name", "Nordpack")]).await.status(), 303);
    let rival = app.value("SELECT id FROM competitors").await;
    let met = format!("/deals/{south}/competitors");
    assert_eq!(manager.post(&met, &[("competitor_id", &rival)]).await.status(), 303);
    let kept = rep.post(&format!("/operations/{op}/undo"), &[]).await;
    assert!(kept.status() == 409 && kept.contains("South had competitors added"), "{}", kept.body);
    assert_eq!(manager.post(&format!("{met}/{rival}/removal"), &[]).await.status(), 303);
    assert_eq!(rep.post(&format!("/operations/{op}/undo"), &[]).await.status(), 303);
    let left = "SELECT concat_ws(' ', name, trim_scale(amount)) AS value FROM deals WHERE deleted_at IS NULL";
    assert_eq!(app.texts(left), ["Sites 1000"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_are_lost_to_somebody_and_those_held_back_are_named() {
    let (app, _org, manager, rep, stages) = start().await;
    assert_eq!(manager.post("/settings/competitors", &[("name", "Nordpack")]).await.status(), 303);
    let rival = app.value("SELECT id FROM competitors").await;
    app.alter(&format!("UPDATE stages SET required_fields = ARRAY['amount'] WHERE id = '{}'", stages[1]));
    let mut deals = Vec::new();
    for n in 1..=12 {
        deals.push(rep.add_deal(&stages[0], &format!("Deal {n}"), &[]).await);
    }
    let ids: Vec<(&str, &str)> = deals.iter().map(|id| ("ids", id.as_str())).collect();
    let to = [("record_type", "deal"), ("action", "move"), ("value", stages[1].as_str())];
    let moved = manager.post("/operations", &[&to[..], &ids].concat()).await;
    assert_eq!(moved.status(), 303, "{}", moved.body);
    let told = manager.get(moved.location.as_deref().unwrap()).await;
    let names =
        "asks for: Amount (Deal 1, Deal 2, Deal 3, Deal 4, Deal 5, Deal 6, Deal 7, Deal 8, Deal 9, Deal 10 and 2 more)";
    assert!(told.contains("12 held back: “") && told.contains(names), "{}", told.body);
    assert_eq!(told.body.matches("asks for: Amount").count(), 1);

    let lost = [("record_type", "deal"), ("action", "lost")];
    let asked = manager.post("/operations/new", &[&lost[..], &ids[..2]].concat()).await;
    assert!(asked.contains("name=\"lost_to\"") && asked.contains("Nordpack"), "{}", asked.body);
    let said = [("lost_reason", "Price"), ("lost_to", rival.as_str())];
    let done = manager.post("/operations", &[&lost[..], &said, &ids[..2]].concat()).await;
    assert_eq!(done.status(), 303, "{}", done.body);
    let kept = "SELECT concat_ws(' ', d.name, d.status, c.name, (SELECT count(*) FROM deal_competitors x WHERE x.deal_id = d.id)) AS value \
                FROM deals d LEFT JOIN competitors c ON c.id = d.lost_to WHERE d.number < 1004 ORDER BY d.number";
    assert_eq!(app.texts(kept), ["Deal 1 lost Nordpack 1", "Deal 2 lost Nordpack 1", "Deal 3 open 0"]);
    assert!(manager.get(&format!("/deals/{}", deals[0])).await.contains("Lost to Nordpack"));
    let op = app.value("SELECT id FROM operations ORDER BY created_at DESC LIMIT 1").await;
    assert_eq!(manager.post(&format!("/operations/{op}/undo"), &[]).await.status(), 303);
    assert_eq!(app.texts(kept)[0], "Deal 1 open 1");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_words_of_a_deal_are_true() {
    let (app, _org, _manager, rep, stages) = start().await;
    let none = rep.add_deal(&stages[0], "No term", &[("mrr", "100"), ("term_months", "0")]).await;
    let kept = "SELECT concat_ws(' ', coalesce(trim_scale(amount)::text, 'none'), term_months) AS value FROM deals";
    assert_eq!(app.texts(kept), ["none"]);
    let page = rep.get(&format!("/deals/{none}")).await;
    assert!(page.contains(">Note</label>"), "a note that may be needed is not called optional: {}", page.body);

    let deal = rep.add_deal(&stages[0], "Shrunk", &[("amount", "70000")]).await;
    app.alter(&format!("UPDATE deals SET amount = 98 WHERE id = '{deal}'"));
    let page = rep.get(&format!("/deals/{deal}")).await;
    assert!(page.contains("−99 % of its first amount") && page.contains("more than 99 %"), "{}", page.body);

    let lost = [("outcome", "lost"), ("lost_reason", "Other"), ("lost_note", "Moved abroad")];
    assert_eq!(rep.post(&format!("/deals/{deal}/closure"), &lost).await.status(), 303);
    assert!(rep.get(&format!("/deals/{deal}")).await.contains("Lost: Other – Moved abroad"));

    // Short money is written as the reader writes money.
    app.alter("UPDATE users SET locale = 'de-DE'");
    app.alter("UPDATE deals SET amount = 1280000 WHERE name = 'No term'");
    let board = rep.get("/pipeline").await;
    let board = rep.get(board.location.as_deref().unwrap_or("/pipeline")).await;
    assert!(board.contains("1,28M\u{a0}€") && !board.contains("€1.28M"), "{}", board.body);
    app.stop().await;
}
