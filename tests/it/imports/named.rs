//! Companies and owners as rows name them: a domain in the place of a name, an owner who may not own.

use super::{import, texts};
use crate::support::TestApp;
use pipewright::kernel::RecordType;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_in_the_place_of_a_name_is_a_domain() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let known = "name,domain\nMøller & Ravn,mollerravn.example\nBooking.com,booking.nl\nS.p.A. Uno,\n";
    assert_eq!(import(&app, &org, RecordType::Company, known.as_bytes()).await, Ok((3, 0, 0, 0)));
    let deals = "name,stage,company\nD1,New,mollerravn.example\nD2,New,www.mollerravn.example\nD3,New,https://mollerravn.example/x\n\
                 D4,New,Booking.com\nD5,New,S.p.A. Uno\nD6,New,www.new.example\nD7,New,https://new.example\nD8,New,new.example\n";
    assert_eq!(import(&app, &org, RecordType::Deal, deals.as_bytes()).await, Ok((8, 0, 0, 0)));
    let linked = "SELECT d.name || ' ' || c.name || ' ' || coalesce(c.domain, '-') AS t FROM deals d \
                  JOIN companies c ON c.id = d.company_id ORDER BY d.name";
    let told = texts(&app, linked).await;
    for (n, told) in told[..3].iter().enumerate() {
        assert_eq!(*told, format!("D{} Møller & Ravn mollerravn.example", n + 1));
    }
    assert_eq!(told[3..5], ["D4 Booking.com booking.nl", "D5 S.p.A. Uno -"]);
    assert!(told[5..].iter().all(|told| told.ends_with("new.example new.example")), "{told:?}");
    assert_eq!(texts(&app, "SELECT count(*)::text AS t FROM companies").await, ["4"]);
    let people = "last name,company\nA,mollerravn.example\nB,http://www.mollerravn.example\n";
    assert_eq!(import(&app, &org, RecordType::Contact, people.as_bytes()).await, Ok((2, 0, 0, 0)));
    let links = "SELECT DISTINCT k.name AS t FROM contacts c JOIN companies k ON k.id = c.company_id";
    assert_eq!(texts(&app, links).await, ["Møller & Ravn"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_is_somebody_who_may_own() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let file = "last name,owner\nA,rep@acme.test\nB,viewer@acme.test\nC,Rep acme\n";
    assert_eq!(import(&app, &org, RecordType::Contact, file.as_bytes()).await, Ok((2, 0, 0, 1)));
    let errors = texts(&app, "SELECT field || ' ' || message AS t FROM import_errors").await;
    assert_eq!(errors, ["Owner Viewer acme may not edit records, and so cannot own any"]);
    app.stop().await;
}
