//! Organisations with people in them. Every test that could leak across tenants has two.

use super::{Client, TestApp};
use pipewright::{
    db::{Db, Reason},
    features::accounts::{
        organisations::{self, NewOrganisation, NewUser},
        password,
    },
    kernel::{MemberId, OrgId, UserId},
    web::Actor,
};
use std::sync::LazyLock;

pub const PASSWORD: &str = "pipewright-demo";
/// Hashed once: hashing is slow on purpose.
static HASH: LazyLock<String> = LazyLock::new(|| password::hash(PASSWORD).unwrap());

/// An organisation with one person in each role: `admin@<slug>.test`, `manager@`, `rep@`, `viewer@`.
pub struct Org {
    pub id: OrgId,
    pub slug: String,
    pub admin: MemberId,
    pub manager: MemberId,
    pub rep: MemberId,
    pub viewer: MemberId,
}

/// In any database, also that of a process of its own.
pub async fn create_org(db: &Db, slug: &str) -> Org {
    let slug = slug.to_owned();
    db.system(Reason::SignUp, move |tx| {
        let user = |tx: &mut _, who: &str| {
            let new = NewUser {
                email: format!("{who}@{slug}.test"),
                name: format!("{}{} {slug}", who[..1].to_uppercase(), &who[1..]),
                password_hash: Some(HASH.clone()),
                time_zone: "Europe/Amsterdam".into(),
                locale: "en-GB".into(),
                verified: true,
            };
            organisations::create_user(tx, &new)
        };
        let admin = user(tx, "admin")?;
        let new = NewOrganisation {
            name: format!("{slug} Ltd"),
            slug: Some(slug.clone()),
            currency: "EUR".into(),
            locale: "en-GB".into(),
            time_zone: "Europe/Amsterdam".into(),
        };
        let id = organisations::create(tx, &new, admin)?;
        let join = |tx: &mut _, who: &str| {
            let user = user(tx, who)?;
            organisations::add_member(tx, id, user, who)
        };
        let (manager, rep, viewer) = (join(tx, "manager")?, join(tx, "rep")?, join(tx, "viewer")?);
        Ok(Org { id, slug, admin: admin.into(), manager, rep, viewer })
    })
    .await
    .unwrap()
}

impl TestApp {
    pub async fn org(&self, slug: &str) -> Org {
        create_org(&self.db, slug).await
    }

    /// A browser signed in as `who` (`admin`, `manager`, `rep`, `viewer`) of that organisation.
    pub async fn signed_in(&self, org: &Org, who: &str) -> Client {
        let client = self.new_client();
        client.sign_in(&format!("{who}@{}.test", org.slug), PASSWORD).await;
        client
    }

    /// The member as commands want them.
    pub async fn actor(&self, org: &Org, member: MemberId) -> Actor {
        let id = org.id;
        self.db
            .system(Reason::SignIn, move |tx| Actor::load(tx, UserId::from(member), id))
            .await
            .unwrap()
            .expect("is a member")
    }
}
