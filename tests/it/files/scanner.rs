//! A scanner for viruses, as clamd speaks: what it has not seen nobody gets, what it finds is in quarantine, and while it is away files
//! wait.

use super::{added, bytes, enter};
use crate::support::{TestApp, process::free_port};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

const EICAR: &[u8] = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

/// Answers as clamd does, for as long as the test runs.
fn clamd(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|stream| answer(stream.unwrap())));
}

fn answer(mut stream: TcpStream) {
    let mut command = [0; 10];
    stream.read_exact(&mut command).unwrap();
    assert_eq!(&command, b"zINSTREAM\0");
    let mut seen = Vec::new();
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let length = u32::from_be_bytes(length) as usize;
        if length == 0 {
            break;
        }
        let mut chunk = vec![0; length];
        stream.read_exact(&mut chunk).unwrap();
        seen.extend(chunk);
    }
    let bad = seen.windows(EICAR.len()).any(|window| window == EICAR);
    stream.write_all(if bad { b"stream: Eicar-Signature FOUND\0" } else { b"stream: OK\0" }).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_wait_for_the_scanner_and_bad_ones_stay_in_quarantine() {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let app = TestApp::start_with(&[("CLAMD_ADDRESS", &address)]).await;
    let org = app.org("scanned").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM files; DELETE FROM file_blobs").await;
    let rep = enter(&app, &org, "rep").await;
    let deal = format!("/deals/{}", ours.deal);
    let place = format!("{deal}/files");
    let good = added(&rep, &app, &place, "good.png", &super::png(20, 20)).await;
    let bad = added(&rep, &app, &place, "bad.txt", EICAR).await;
    // Nobody answers: they wait, and the job comes back later.
    app.run_jobs().await;
    assert_eq!(bytes(&rep, &format!("{good}/content")).await.0, 409);
    assert!(rep.get(&good).await.contains("Being checked for viruses"));
    assert_eq!(app.value("SELECT count(*) FROM jobs WHERE kind = 'files.scan' AND status = 'queued'").await, "2");
    clamd(port);
    app.sql("UPDATE jobs SET run_at = now()").await;
    app.run_jobs().await;
    assert_eq!(bytes(&rep, &format!("{good}/content")).await.0, 200);
    assert_eq!(bytes(&rep, &format!("{good}/thumbnail?version=1")).await.0, 200);
    assert_eq!(bytes(&rep, &format!("{bad}/content?download=1")).await.0, 403);
    let notices = rep.get("/notifications").await;
    assert!(
        notices.contains("bad.txt") && notices.contains("is in quarantine: the virus scanner found Eicar-Signature"),
        "{}",
        notices.body
    );
    assert_eq!(app.value("SELECT count(*) FROM notices WHERE kind = 'quarantined'").await, "1");
    assert!(rep.get(&bad).await.contains("The virus scanner found Eicar-Signature"));
    assert!(rep.get(&deal).await.contains("bad.txt is in quarantine: the virus scanner found Eicar-Signature"));
    app.stop().await;
}
