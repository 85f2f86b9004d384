//! Subjects are searched on the lists of activities and tasks, within whatever else narrows them.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subjects_are_searched_on_the_list_and_on_the_board() {
    let app = TestApp::start().await;
    let org = app.org("seek").await;
    let (rep, manager) = (enter(&app, &org, "rep").await, enter(&app, &org, "manager").await);
    let (task, call) = (type_id(&app, &org, "task").await, type_id(&app, &org, "call").await);
    let (own, boss) = (org.rep.to_string(), org.manager.to_string());
    let mut ids = Vec::new();
    for (kind, subject, owner) in [
        (&task, "Ring Ólafur about 100% lenses", &own),
        (&task, "Send the brochure to Ada", &own),
        (&task, "Draw_it & <ship> it", &own),
        (&task, "Ring Ada", &boss),
        (&call, "Brochure: was it read?", &own),
    ] {
        let form = [("type_id", kind.as_str()), ("subject", subject), ("owner_id", owner.as_str())];
        ids.push(last(&rep.post("/activities", &form).await));
    }
    let found = |page: &Page| -> Vec<usize> {
        (0..ids.len()).filter(|n| page.contains(&format!("id=\"activity-{}\"", ids[*n]))).collect()
    };
    // Upper case and accents are the same, every word must be there, and no letter is a wildcard.
    for (q, expected) in [
        ("olafur", &[0][..]),
        ("BROCHURE", &[1]),
        ("ada+send", &[1]),
        ("ada+draw", &[]),
        ("100%25", &[0]),
        ("1%25s", &[]),
        ("w_i", &[2]),
        ("g_o", &[]),
        ("%26+%3Cship%3E", &[2]),
        ("%20%20", &[0, 1, 2]),
    ] {
        let page = rep.get(&format!("/tasks?q={q}")).await;
        assert_eq!((page.status(), found(&page)), (200, expected.to_vec()), "{q}: {}", page.body);
        let board = rep.get(&format!("/tasks?view=board&q={q}")).await;
        assert_eq!(found(&board), expected, "{q}, on the board: {}", board.body);
    }
    let one = rep.get("/tasks?q=brochure").await;
    assert!(one.contains("page-sub\">1 task<") && one.contains("name=\"q\" value=\"brochure\""), "{}", one.body);
    assert_eq!(found(&rep.get("/activities?q=brochure").await), [4]);
    assert!(rep.get("/tasks?q=nowhere").await.contains("No tasks fit these filters."));
    // What others have is found by who sees it, where they ask for it.
    app.sql("UPDATE roles SET visibility = 'own' WHERE key = 'rep'").await;
    assert_eq!(found(&rep.get("/tasks?q=ada&who=all").await), [1]);
    assert_eq!(found(&manager.get("/tasks?q=ada&who=all").await), [1, 3]);
    assert_eq!(found(&manager.get("/tasks?q=ada").await), [3]);

    // The other filters keep the words, the form keeps the other filters, and so does what follows the first page.
    let page = rep.get(&format!("/tasks?q=%26+ship&type={task}&when=undated&every=1")).await;
    assert_eq!(found(&page), [2]);
    let tab = page.between("aria-label=\"When\"", "</nav>").unwrap();
    assert!(tab.contains("q=%26+ship") && tab.contains("when=overdue"), "{tab}");
    let form = page.between("class=\"list-search\"", "</form>").unwrap();
    assert!(form.contains("name=\"when\" value=\"undated\"") && form.contains("name=\"every\" value=\"1\""), "{form}");
    app.sql(&format!(
        "INSERT INTO activities (org_id, id, type_id, class, subject, owner_id, due_on)
         SELECT '{0}', app.uuid7(), '{task}', 'task', CASE WHEN n % 2 = 0 THEN 'Round ' ELSE 'Other ' END || n, '{own}', '2031-01-01'::date + n
         FROM generate_series(1, 140) n",
        org.id
    ))
    .await;
    let first = rep.get("/tasks?q=round").await;
    assert!(first.contains("Showing 50 of 70 tasks") && !first.contains("Other "), "{}", first.body);
    let next = first.between("hx-get=\"", "\"").unwrap().replace("&#38;", "&");
    let second = rep.get_partial(&next).await;
    assert!(second.contains("Round 140") && second.contains("Showing 70 of 70"), "{}", second.body);
    assert!(!second.contains("Other ") && !second.contains("Round 2<"), "{}", second.body);
    app.stop().await;
}
