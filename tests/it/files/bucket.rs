//! Files in a bucket: against a small server that speaks S3 by path, as far as we do.

use super::{added, bytes, enter, png};
use crate::support::TestApp;
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    web::{self, Bytes, Data, PayloadConfig},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Mutex,
};

#[derive(Default)]
struct Bucket {
    objects: Mutex<BTreeMap<String, Bytes>>,
    /// By upload: part number to bytes.
    uploads: Mutex<HashMap<String, BTreeMap<u32, Bytes>>>,
}

async fn s3(req: HttpRequest, body: Bytes, bucket: Data<Bucket>) -> HttpResponse {
    let signed = req.headers().get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !signed.contains("Credential=the-key/") || !signed.contains("/moon-1/s3/") {
        return HttpResponse::Forbidden().finish();
    }
    let Some(key) = req.path().strip_prefix("/files-of-us/") else { return HttpResponse::NotFound().finish() };
    let key = key.to_owned();
    let query = web::Query::<HashMap<String, String>>::from_query(req.query_string()).unwrap().into_inner();
    let xml = |text: String| HttpResponse::Ok().content_type("application/xml").body(text);
    let tag = ("ETag", "\"tag\"");
    match (req.method().as_str(), query.get("uploadId"), query.get("partNumber")) {
        ("PUT", Some(upload), Some(part)) => {
            bucket.uploads.lock().unwrap().get_mut(upload).unwrap().insert(part.parse().unwrap(), body);
            HttpResponse::Ok().insert_header(tag).finish()
        }
        ("PUT", ..) => {
            bucket.objects.lock().unwrap().insert(key, body);
            HttpResponse::Ok().insert_header(tag).finish()
        }
        ("POST", None, _) if query.contains_key("uploads") => {
            let id = format!("upload-{}", bucket.uploads.lock().unwrap().len());
            bucket.uploads.lock().unwrap().insert(id.clone(), BTreeMap::new());
            xml(format!(
                "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
            ))
        }
        ("POST", Some(upload), _) => {
            let parts = bucket.uploads.lock().unwrap().remove(upload).unwrap();
            let whole: Vec<u8> = parts.values().flat_map(|part| part.to_vec()).collect();
            bucket.objects.lock().unwrap().insert(key, whole.into());
            xml("<CompleteMultipartUploadResult><ETag>\"tag\"</ETag></CompleteMultipartUploadResult>".to_owned())
        }
        ("DELETE", Some(upload), _) => {
            bucket.uploads.lock().unwrap().remove(upload);
            HttpResponse::NoContent().finish()
        }
        ("DELETE", ..) => {
            bucket.objects.lock().unwrap().remove(&key);
            HttpResponse::NoContent().finish()
        }
        ("GET" | "HEAD", ..) => match bucket.objects.lock().unwrap().get(&key).cloned() {
            Some(bytes) => HttpResponse::Ok()
                .insert_header(tag)
                .insert_header(("Last-Modified", "Sat, 28 Nov 2026 20:00:00 GMT"))
                .body(bytes),
            None => HttpResponse::NotFound().body("<Error><Code>NoSuchKey</Code></Error>"),
        },
        other => panic!("the store was asked {other:?}"),
    }
}

fn serve(bucket: Data<Bucket>) -> (String, ServerHandle) {
    let server = HttpServer::new(move || {
        App::new().app_data(bucket.clone()).app_data(PayloadConfig::new(100 << 20)).default_service(web::to(s3))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let address = format!("http://{}", server.addrs()[0]);
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    (address, handle)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_keeps_files_as_a_folder_does() {
    let bucket = Data::new(Bucket::default());
    let (endpoint, server) = serve(bucket.clone());
    let app = TestApp::start_with(&[
        ("FILES_URL", "s3://files-of-us/pipe/wright"),
        ("FILES_ENDPOINT", &endpoint),
        ("FILES_REGION", "moon-1"),
        ("FILES_KEY", "the-key"),
        ("FILES_SECRET", "the-secret"),
    ])
    .await;
    let org = app.org("bucket").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM files; DELETE FROM file_blobs").await;
    let rep = enter(&app, &org, "rep").await;
    let place = format!("/deals/{}/files", ours.deal);
    let picture = png(600, 400);
    let small = added(&rep, &app, &place, "small.png", &picture).await;
    // More than one part.
    let long: Vec<u8> = (0..12u32 << 20).map(|n| (n % 251) as u8).collect();
    let large = added(&rep, &app, &place, "large.bin", &long).await;
    let keys: Vec<String> = bucket.objects.lock().unwrap().keys().cloned().collect();
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with(&format!("pipe/wright/{}/", org.id))), "{keys:?}");
    assert!(bytes(&rep, &format!("{large}/content")).await.2 == long);
    assert_eq!(bytes(&rep, &format!("{small}/content")).await.2, picture);
    app.run_jobs().await;
    assert_eq!(bytes(&rep, &format!("{small}/thumbnail?version=1")).await.0, 200);
    // Too large in the middle of the parts: given up, nothing stays.
    app.sql("UPDATE file_use SET max_mb = 11").await;
    assert_eq!(super::send(&rep, &place, "x", &[("too-large.bin", &long)]).await.status(), 422);
    assert!(bucket.uploads.lock().unwrap().is_empty());
    // Gone for good, the picture beside it too.
    for file in [&small, &large] {
        rep.post(&format!("{file}/deletion"), &[]).await;
        assert_eq!(rep.post(&format!("{file}/purge"), &[]).await.status(), 303);
    }
    app.sql("UPDATE file_blobs SET created_at = now() - interval '25 hours'").await;
    app.sql(pipewright::features::files::SWEEP).await;
    app.run_jobs().await;
    assert!(bucket.objects.lock().unwrap().is_empty());
    // A store that is gone is told as a failure of ours, and loses nothing.
    server.stop(true).await;
    app.stop().await;
}
