//! Invitations: made, sent again, revoked; accepted by new people, known people, and not by others.

use crate::{
    accounts::{execute, is_signed_in, last_mail},
    support::{Org, PASSWORD, TestApp},
};
use pipewright::{
    error::{AppError, AppResult},
    features::accounts::invitations,
    kernel::{InvitationId, RoleId, TeamId},
    web::{Allow, permission::organisation},
};

const STRONG: &str = "copper-lantern-drifts";

async fn role(app: &TestApp, org: &Org, key: &str) -> RoleId {
    use diesel::prelude::*;
    let mut conn = PgConnection::establish(app.database_url()).unwrap();
    use pipewright::schema::roles;
    roles::table.filter(roles::org_id.eq(org.id)).filter(roles::key.eq(key)).select(roles::id).first(&mut conn).unwrap()
}

async fn admin(app: &TestApp, org: &Org) -> Allow<organisation::Administer> {
    Allow::check(&app.actor(org, org.admin).await).unwrap()
}

async fn invite(app: &TestApp, org: &Org, email: &str, team: Option<TeamId>) -> AppResult<InvitationId> {
    let (by, role, email) = (admin(app, org).await, role(app, org, "rep").await, email.to_owned());
    app.db.org(&by.clone(), move |tx| invitations::create(tx, &by, &email, role, team)).await
}

fn field(error: AppResult<InvitationId>) -> String {
    match error {
        Err(AppError::Invalid(errors)) => errors.iter().next().unwrap().0.to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_person_joins_with_a_password() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let team = TeamId::new();
    execute(&app, &format!("INSERT INTO teams (org_id, id, name) VALUES ('{}', '{team}', 'North')", org.id));
    invite(&app, &org, " New@Aurelia.test", Some(team)).await.unwrap();
    let mail = last_mail(&app, "invitation").await;
    assert_eq!(mail.recipient, "new@aurelia.test");
    assert_eq!(mail.subject, "Admin aurelia invites you to aurelia Ltd");
    let path = mail.path();

    let page = app.get(&path).await;
    assert!(page.status() == 200 && page.contains("Join aurelia Ltd") && page.contains("new@aurelia.test"));
    let page = app.post(&path, &[("name", ""), ("password", "password123")]).await;
    assert!(page.status() == 422 && page.contains("f-name-error") && page.contains("f-password-error"));
    let page = app.post(&path, &[("name", "Noor Haddad"), ("password", STRONG), ("time_zone", "Asia/Beirut")]).await;
    assert_eq!((page.status(), page.location.as_deref()), (303, Some("/")));
    let page = app.get("/settings/profile").await;
    assert!(page.contains("Noor Haddad") && page.contains("<option value=\"Asia/Beirut\" selected>"));
    let sql = format!("SELECT 1 FROM team_members WHERE team_id = '{team}'");
    assert_eq!(execute(&app, &sql), 1);
    assert_eq!(execute(&app, "SELECT 1 FROM events WHERE kind = 'member.joined' AND data->>'by' = 'invitation'"), 1);

    // Used, forged: a clear page.
    for dead in [path.as_str(), "/invitations/forged"] {
        assert_eq!(app.new_client().get(dead).await.status(), 410);
        assert_eq!(app.new_client().post(dead, &[("name", "X"), ("password", STRONG)]).await.status(), 410);
    }
    app.new_client().sign_in("new@aurelia.test", STRONG).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_people_join_with_their_account() {
    let app = TestApp::start().await;
    let (a, b) = (app.org("aurelia").await, app.org("brightwater").await);
    invite(&app, &a, "rep@brightwater.test", None).await.unwrap();
    let path = last_mail(&app, "invitation").await.path();

    // Somebody else is signed in: said clearly, nothing happens.
    let other = app.signed_in(&b, "viewer").await;
    let page = other.get(&path).await;
    assert!(
        page.contains("You are signed in as viewer@brightwater.test, but this invitation is for rep@brightwater.test.")
    );
    assert_eq!(other.post(&path, &[]).await.status(), 422);
    let page = other.post("/logout", &[("next", &path)]).await;
    assert_eq!(page.location.as_deref(), Some(path.as_str()));

    // Signed out: with the account's password.
    let page = other.get(&path).await;
    assert!(page.contains("Sign in and join") && !page.contains("Your name"));
    let page = other.post(&path, &[("password", "wrong")]).await;
    assert!(page.status() == 422 && page.contains("f-password-error"));
    assert_eq!(other.post(&path, &[("password", PASSWORD)]).await.status(), 303);
    assert!(other.get("/settings/profile").await.contains("dir=\"auto\">aurelia Ltd</span>"));

    // Signed in: one click, and they are in the other organisation.
    invite(&app, &a, "manager@brightwater.test", None).await.unwrap();
    let path = last_mail(&app, "invitation").await.path();
    let manager = app.signed_in(&b, "manager").await;
    assert!(manager.get(&path).await.status() == 200);
    assert_eq!(manager.post(&path, &[]).await.status(), 303);
    assert!(manager.get("/settings/profile").await.contains("dir=\"auto\">aurelia Ltd</span>"));
    assert!(is_signed_in(&manager).await);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_open_invitation_per_address_sent_again_and_revoked() {
    let app = TestApp::start().await;
    let (a, b) = (app.org("aurelia").await, app.org("brightwater").await);
    let id = invite(&app, &a, "new@aurelia.test", None).await.unwrap();
    let first = last_mail(&app, "invitation").await.path();
    assert_eq!(field(invite(&app, &a, "new@aurelia.test", None).await), "email");
    assert_eq!(field(invite(&app, &a, "rep@aurelia.test", None).await), "email");
    assert_eq!(field(invite(&app, &a, "nonsense", None).await), "email");
    assert_eq!(field(invite(&app, &a, "x@aurelia.test", Some(TeamId::new())).await), "team_id");
    let (by, foreign) = (admin(&app, &a).await, role(&app, &b, "administrator").await);
    let made = app.db.org(&by.clone(), move |tx| invitations::create(tx, &by, "x@aurelia.test", foreign, None)).await;
    assert_eq!(field(made), "role_id");
    invite(&app, &b, "new@aurelia.test", None).await.expect("another organisation may invite them too");

    execute(&app, "UPDATE invitations SET expires_at = now() - interval '1 second'");
    assert_eq!(app.get(&first).await.status(), 410, "expired");
    let by = admin(&app, &a).await;
    app.db.org(&by.clone(), move |tx| invitations::resend(tx, &by, id)).await.unwrap();
    let second = last_mail(&app, "invitation").await.path();
    assert_ne!(first, second);
    assert_eq!((app.get(&first).await.status(), app.get(&second).await.status()), (410, 200));
    let foreign = admin(&app, &b).await;
    let refused = app.db.org(&foreign.clone(), move |tx| invitations::revoke(tx, &foreign, id)).await;
    assert!(matches!(refused, Err(AppError::NotFound)));
    let by = admin(&app, &a).await;
    app.db.org(&by.clone(), move |tx| invitations::revoke(tx, &by, id)).await.unwrap();
    assert_eq!(app.get(&second).await.status(), 410, "revoked");
    let by = admin(&app, &a).await;
    assert!(app.db.org(&by.clone(), move |tx| invitations::resend(tx, &by, id)).await.is_err());
    invite(&app, &a, "new@aurelia.test", None).await.expect("free again");

    // Guessing is stopped.
    let mut stopped = None;
    for i in 0..200 {
        let page = app.get(&format!("/invitations/guess{i}")).await;
        if page.status() == 429 {
            stopped = page.header("retry-after").map(str::to_owned);
            break;
        }
    }
    assert!(stopped.is_some());
    app.stop().await;
}
