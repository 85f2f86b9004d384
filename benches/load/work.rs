//! Long work as a person starts it: an export, a trial of an import, a change of very many records and its undo. Rows per second, from
//! asking to the end of the job.

use super::{
    Figure, import,
    session::{Session, ask, between},
};
use std::time::{Duration, Instant};

/// How long a job may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(120);

pub async fn measure(session: &Session, database: &str) -> Vec<Figure> {
    let mut figures = vec![export(session, database).await];
    figures.push(trial(session, database).await);
    figures.extend(bulk(session, database).await);
    figures
}

/// Waits until the query answers one of these, and says which and how long it took.
async fn until(database: &str, query: &str, ends: &[&str]) -> (String, f64) {
    let started = Instant::now();
    loop {
        let state = ask(database, query);
        if ends.contains(&state.as_str()) || started.elapsed() > PATIENCE {
            return (state, started.elapsed().as_secs_f64());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn rate(what: &str, rows: &str, (state, seconds): (String, f64), good: &str) -> Figure {
    let rows: f64 = rows.parse().unwrap_or(0.0);
    let measured = format!("{rows:.0} in {seconds:.1} s: {:.0} a second", rows / seconds);
    let measured = if state == good { measured } else { format!("{measured}; ended “{state}”") };
    Figure::new(what, measured, "", None)
}

async fn export(session: &Session, database: &str) -> Figure {
    let what = "CSV export of all companies, every field";
    let fields =
        [("record_type", "company"), ("scope", "matching"), ("matching", ""), ("columns", "all"), ("format", "csv")];
    let (status, place) = session.post("/exports", &fields).await;
    let Some(id) = place.rsplit('/').next().filter(|id| id.len() == 36) else {
        return Figure::new(what, format!("answered {status}"), "", None);
    };
    let ended = until(database, &format!("SELECT status FROM exports WHERE id = '{id}'"), &["done", "failed"]).await;
    rate(what, &ask(database, &format!("SELECT rows_done FROM exports WHERE id = '{id}'")), ended, "done")
}

/// The wizard's steps with what it suggests, up to the trial.
async fn trial(session: &Session, database: &str) -> Figure {
    let what = "trial of a CSV import, nothing written";
    let place =
        session.upload("/imports/new", &[("record_type", "contact"), ("step_by_step", "true")], import::file()).await;
    let Some(here) = place.strip_suffix("/file") else { return Figure::new(what, "not begun".into(), "", None) };
    session.get(&format!("{here}/file")).await;
    let (_, columns) = session.get(&format!("{here}/columns")).await;
    let chosen = selected(&columns);
    let chosen: Vec<(&str, &str)> = chosen.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    session.post(&format!("{here}/columns"), &chosen).await;
    if session.get(&format!("{here}/values")).await.0 == 200 {
        session.post(&format!("{here}/values"), &[]).await;
    }
    session.get(&format!("{here}/rules")).await;
    let id = here.rsplit('/').next().unwrap_or_default();
    session.post(&format!("{here}/rules"), &[]).await;
    let ended =
        until(database, &format!("SELECT (checked IS NOT NULL) FROM imports WHERE id = '{id}'"), &["true"]).await;
    rate(what, &import::ROWS.to_string(), ended, "true")
}

fn selected(html: &str) -> Vec<(String, String)> {
    let selects = html.split("<select").skip(1).filter_map(|s| s.split("</select>").next());
    selects
        .filter_map(|select| {
            let name = between(select, "name=\"", "\"").filter(|name| name.starts_with("field-"))?;
            let option =
                select.split("<option ").find(|o| o.split('>').next().is_some_and(|tag| tag.ends_with("selected")));
            let value = option
                .and_then(|o| between(o, "value=\"", "\""))
                .or_else(|| between(select, "<option value=\"", "\""))?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// One field of every company, and back.
async fn bulk(session: &Session, database: &str) -> Vec<Figure> {
    let what = "one field of all companies changed at once";
    let fields = [
        ("record_type", "company"),
        ("action", "edit"),
        ("scope", "matching"),
        ("matching", ""),
        ("field", "region"),
        ("value", "Bench"),
    ];
    let (status, _) = session.post("/operations", &fields).await;
    let latest = "SELECT id FROM operations WHERE kind = 'edit' ORDER BY created_at DESC LIMIT 1";
    if status != 303 {
        return vec![Figure::new(what, format!("answered {status}"), "", None)];
    }
    let id = ask(database, latest);
    let column = |column: &str| ask(database, &format!("SELECT {column} FROM operations WHERE id = '{id}'"));
    let state = format!("SELECT status FROM operations WHERE id = '{id}'");
    let done = until(database, &state, &["done", "failed", "cancelled"]).await;
    let changed = rate(what, &column("changed"), done, "done");
    session.post(&format!("/operations/{id}/undo"), &[]).await;
    let undone = until(database, &state, &["undone", "failed"]).await;
    vec![changed, rate("that change undone", &column("restored"), undone, "undone")]
}
