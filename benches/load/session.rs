//! A signed-in client.

use super::Figure;
use diesel::{Connection, PgConnection, RunQueryDsl, sql_query, sql_types};
use std::time::{Duration, Instant};

#[derive(Clone)]
pub struct Session {
    http: reqwest::Client,
    pub url: String,
    csrf: String,
}

#[derive(diesel::QueryableByName)]
struct Text {
    #[diesel(sql_type = sql_types::Text)]
    t: String,
}

/// One text from the database.
pub fn ask(database: &str, sql: &str) -> String {
    let mut conn = PgConnection::establish(database).expect("the database answers");
    sql_query(format!("SELECT ({sql})::text AS t")).get_result::<Text>(&mut conn).map(|row| row.t).unwrap_or_default()
}

impl Session {
    pub async fn sign_in(url: &str, email: &str) -> Self {
        let http = reqwest::Client::builder()
            .cookie_store(true)
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(32)
            .build()
            .unwrap();
        let mut session = Self { http, url: url.into(), csrf: String::new() };
        session.csrf = session.token("/login").await;
        let form = [("csrf_token", session.csrf.as_str()), ("email", email), ("password", "pipewright-demo")];
        let answer = session.http.post(format!("{url}/login")).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 303, "{email} cannot sign in");
        session.csrf = session.token("/").await;
        session
    }

    async fn token(&self, path: &str) -> String {
        let (_, body) = self.get(path).await;
        between(&body, "name=\"csrf-token\" content=\"", "\"").unwrap_or_default().to_owned()
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.http.get(format!("{}{path}", self.url)).header("Accept", "text/html").send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap_or_default())
    }

    /// As the palette and htmx ask.
    pub async fn get_partial(&self, path: &str) -> (u16, String) {
        let request = self.http.get(format!("{}{path}", self.url)).header("HX-Request", "true");
        let answer = request.header("HX-Request-Type", "partial").send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap_or_default())
    }

    /// Asks for the search of all contacts.
    pub async fn search_for_duplicates(&self) {
        let form = [("csrf_token", self.csrf.as_str()), ("type", "contact")];
        let answer = self.http.post(format!("{}/duplicates/scans", self.url)).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 303, "the search cannot be started");
    }

    /// A form sent as a browser does; the status and where it leads.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let mut form = vec![("csrf_token", self.csrf.as_str())];
        form.extend_from_slice(fields);
        let answer = self.http.post(format!("{}{path}", self.url)).form(&form).send().await.unwrap();
        led(answer).await
    }

    /// A form with a file; where it leads.
    pub async fn upload(&self, path: &str, fields: &[(&str, &str)], file: String) -> String {
        let mut form = reqwest::multipart::Form::new().text("csrf_token", self.csrf.clone());
        for (name, value) in fields {
            form = form.text((*name).to_owned(), (*value).to_owned());
        }
        let part = reqwest::multipart::Part::bytes(file.into_bytes()).file_name("bench.csv");
        let request = self.http.post(format!("{}{path}", self.url)).header("Accept", "text/html");
        led(request.multipart(form.part("file", part)).send().await.unwrap()).await.1
    }

    /// Moves a deal to the top of a stage, as the board does.
    pub async fn move_deal(&self, deal: &str, stage: &str) -> u16 {
        let request = self
            .http
            .post(format!("{}/deals/{deal}/position", self.url))
            .header("HX-Request", "true")
            .header("HX-Request-Type", "partial")
            .header("HX-Current-URL", format!("{}/pipeline", self.url))
            .header("X-CSRF-Token", &self.csrf)
            .form(&[("stage_id", stage)]);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let _ = answer.bytes().await;
        status
    }

    /// The board's HTML and every asset it names, as a browser that takes compression gets them.
    pub async fn first_page_weight(&self) -> Figure {
        let (_, html) = self.get("/pipeline").await;
        let page = if html.is_empty() { self.get("/").await.1 } else { html };
        let mut bytes = self.size("/").await;
        let mut seen = std::collections::BTreeSet::new();
        for part in page.split(['"', '\'']) {
            let path = part.split('#').next().unwrap_or_default();
            if path.starts_with("/static/") && seen.insert(path.to_owned()) {
                bytes += self.size(path).await;
            }
        }
        let kilobytes = bytes / 1_000;
        let what = format!("first page weight, compressed ({} files)", seen.len() + 1);
        Figure::new(what, format!("{kilobytes} kB"), "≤ 200 kB", Some(kilobytes <= 200))
    }

    async fn size(&self, path: &str) -> usize {
        let request = self.http.get(format!("{}{path}", self.url)).header("Accept-Encoding", "br, gzip");
        request.send().await.unwrap().bytes().await.unwrap_or_default().len()
    }

    /// From sending a move to the other tab's event: commit and more.
    pub async fn live_latency(&self, database: &str) -> Vec<Figure> {
        let Some((deal, stage)) = a_move(database) else { return Vec::new() };
        let mut stream =
            self.http.get(format!("{}/live", self.url)).header("Accept", "text/event-stream").send().await.unwrap();
        let mut worst = Duration::ZERO;
        let mut seen = 0;
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            let started = Instant::now();
            let sender = tokio::spawn({
                let (session, deal, stage) = (self.clone(), deal.clone(), stage.clone());
                async move { session.move_deal(&deal, &stage).await }
            });
            while let Ok(Ok(Some(chunk))) = tokio::time::timeout(Duration::from_secs(2), stream.chunk()).await {
                if String::from_utf8_lossy(&chunk).contains(&deal) {
                    worst = worst.max(started.elapsed());
                    seen += 1;
                    break;
                }
            }
            let _ = sender.await;
        }
        let what = format!("live update, worst of {seen} moves, from sending the move");
        vec![Figure::new(what, format!("{:.0} ms", ms(worst)), "≤ 300 ms", Some(seen > 0 && ms(worst) <= 300.0))]
    }
}

async fn led(answer: reqwest::Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let place = answer.headers().get("location").and_then(|l| l.to_str().ok()).unwrap_or_default().to_owned();
    let _ = answer.bytes().await;
    (status, place)
}

/// An open deal and its stage.
pub fn a_move(database: &str) -> Option<(String, String)> {
    let row = ask(
        database,
        "SELECT id || ' ' || stage_id FROM deals WHERE status = 'open' AND org_id = (SELECT id FROM organisations WHERE slug = 'scale') ORDER BY number LIMIT 1",
    );
    row.split_once(' ').map(|(deal, stage)| (deal.to_owned(), stage.to_owned()))
}

pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

pub fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let start = text.find(before)? + before.len();
    let end = text[start..].find(after)? + start;
    Some(&text[start..end])
}
