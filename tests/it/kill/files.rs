//! `kill -9` while files come in: every file that was said to be kept is there, whole; of those cut off nothing is shown, and the sweep
//! takes what they left.

use crate::support::{Client, PASSWORD, fixtures, process, process::Server, sql};
use diesel::connection::SimpleConnection;
use futures_util::stream;
use pipewright::{
    db::{Db, embedded::Embedded},
    features::files,
};
use reqwest::{
    Body,
    multipart::{Form, Part},
};
use std::time::{Duration, Instant};

/// A file that comes slowly: pieces of 256 kB.
fn slow(pieces: usize) -> Part {
    let pieces = stream::unfold(0, move |n| async move {
        if n == pieces {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
        Some((Ok::<_, std::io::Error>(vec![n as u8; 256 * 1024]), n + 1))
    });
    Part::stream(Body::wrap_stream(pieces)).file_name("slow.bin")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_were_acknowledged_survive_and_those_cut_off_leave_nothing() {
    let scratch = process::scratch();
    let data_dir = scratch.path().join("data");
    let mut server = Server::start(&data_dir, &[]).await;
    let attached = Embedded::attach_or_start(&data_dir).unwrap();
    let (admin_url, db) = (attached.admin_url(), Db::connect(&attached.app_url(), None, 2).unwrap());
    fixtures::create_org(&db, "uploads").await;
    let mut conn = sql::connect(&admin_url);
    conn.batch_execute(
        "SELECT set_config('app.org_id', (SELECT id::text FROM organisations), false);
         INSERT INTO companies (id, name) VALUES (gen_random_uuid(), 'Holds files')",
    )
    .unwrap();
    let company = sql::value(&mut conn, "SELECT id FROM companies");
    let client = Client::new(&server.base);
    client.sign_in("admin@uploads.test", PASSWORD).await;
    let path = format!("/companies/{company}/files");
    let mut kept: Vec<(String, Vec<u8>)> = Vec::new();
    for round in 0..3u8 {
        // One that is acknowledged just before, one in full flight.
        client.get("/companies").await;
        let (name, content) = (format!("kept-{round}.bin"), vec![round; 700_000]);
        let form = |part: Part, token: String| Form::new().text("csrf_token", token).part("file", part);
        let part = Part::bytes(content.clone()).file_name(name.clone());
        let answer = client.http().post(client.url(&path)).multipart(form(part, client.csrf().await)).send().await;
        assert_eq!(answer.unwrap().status(), 303);
        kept.push((name, content));
        let request = client.http().post(client.url(&path)).multipart(form(slow(60), client.csrf().await));
        let sent = tokio::spawn(async move { drop(request.send().await) });
        let under_way = "SELECT count(*) FROM file_blobs WHERE size IS NULL";
        let deadline = Instant::now() + Duration::from_secs(20);
        while sql::value(&mut conn, under_way) != (u32::from(round) + 1).to_string() {
            assert!(Instant::now() < deadline, "the upload never began");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(100 * u64::from(round) + 200)).await;
        server.kill_and_restart().await;
        sent.abort();
        conn = sql::connect(&admin_url);
    }
    for (name, content) in &kept {
        let id = sql::value(&mut conn, &format!("SELECT id FROM files WHERE name = '{name}'"));
        let answer = client.http().get(client.url(&format!("/files/{id}/content"))).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{name}");
        assert!(answer.bytes().await.unwrap() == content.as_slice(), "{name}");
    }
    assert_eq!(sql::value(&mut conn, "SELECT count(*) FROM files"), "3");
    conn.batch_execute("UPDATE file_blobs SET created_at = now() - interval '2 days'").unwrap();
    // Each start of the server swept too, so today's is done; one that was killed on the way holds its lease for a while.
    conn.batch_execute(
        "UPDATE jobs SET locked_until = now() - interval '1 s' WHERE kind = 'files.clean_up' AND status = 'running'",
    )
    .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while sql::value(&mut conn, "SELECT count(*) FROM file_blobs") != "3" {
        assert!(Instant::now() < deadline, "the sweep never came");
        conn.batch_execute("UPDATE file_use SET swept_at = NULL").unwrap();
        conn.batch_execute(files::SWEEP).unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let org = sql::value(&mut conn, "SELECT id FROM organisations");
    let left = std::fs::read_dir(data_dir.join("files").join(org)).unwrap().count();
    assert_eq!(left, 3, "what was cut off lies about");
    drop(conn);
    assert!(server.terminate().await.1);
}
