//! What a role may do. A permission is a type, and a command asks for `&Allow<deals::Edit>`: a check cannot be forgotten, because
//! without it there is nothing to pass.

use super::auth::Actor;
use crate::error::{AppError, AppResult};
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use std::{future::Future, marker::PhantomData, ops::Deref, pin::Pin};

/// A permission: its key in `roles.permissions` and what the user is told without it.
pub trait Permission: 'static {
    const KEY: &'static str;
    const DENIED: &'static str;
}

/// Proof that the actor's role has permission `P`. Only this module makes one.
pub struct Allow<P> {
    actor: Actor,
    permission: PhantomData<fn() -> P>,
}

impl<P: Permission> Allow<P> {
    pub fn check(actor: &Actor) -> AppResult<Self> {
        if actor.may(P::KEY) {
            Ok(Self { actor: actor.clone(), permission: PhantomData })
        } else {
            Err(AppError::Forbidden(P::DENIED))
        }
    }

    pub fn actor(&self) -> &Actor {
        &self.actor
    }
}

impl<P> Clone for Allow<P> {
    fn clone(&self) -> Self {
        Self { actor: self.actor.clone(), permission: PhantomData }
    }
}

impl<P> Deref for Allow<P> {
    type Target = Actor;
    fn deref(&self) -> &Actor {
        &self.actor
    }
}

impl<P: Permission> FromRequest for Allow<P> {
    type Error = AppError;
    type Future = Pin<Box<dyn Future<Output = AppResult<Self>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let actor = Actor::from_request(req, payload);
        Box::pin(async move { Allow::check(&actor.await?) })
    }
}

macro_rules! permissions {
    ($($module:ident { $($name:ident $key:literal $what:literal),+ $(,)? })+) => {
        $(pub mod $module {
            $(
                #[doc = $what]
                pub struct $name;
                impl super::Permission for $name {
                    const KEY: &'static str = $key;
                    const DENIED: &'static str = concat!("Your role does not let you ", $what, ". Ask an administrator.");
                }
            )+
        })+

        /// Key and meaning of every permission, grouped as settings show them.
        pub const ALL: &[(&str, &str)] = &[$($(($key, $what)),+),+];
    };
}

permissions! {
    companies {
        View "companies.view" "see companies",
        Create "companies.create" "add companies",
        Edit "companies.edit" "edit companies",
        Delete "companies.delete" "delete companies",
        Export "companies.export" "export companies",
        Import "companies.import" "import companies",
    }
    contacts {
        View "contacts.view" "see contacts",
        Create "contacts.create" "add contacts",
        Edit "contacts.edit" "edit contacts",
        Delete "contacts.delete" "delete contacts",
        Export "contacts.export" "export contacts",
        Import "contacts.import" "import contacts",
    }
    leads {
        View "leads.view" "see leads",
        Create "leads.create" "add leads",
        Edit "leads.edit" "edit and convert leads",
        Delete "leads.delete" "delete leads",
        Export "leads.export" "export leads",
        Import "leads.import" "import leads",
    }
    deals {
        View "deals.view" "see deals",
        Create "deals.create" "add deals",
        Edit "deals.edit" "edit deals",
        Delete "deals.delete" "delete deals",
        Export "deals.export" "export deals",
        Import "deals.import" "import deals",
    }
    products {
        View "products.view" "see products",
        Administer "products.administer" "change products, taxes and categories",
    }
    activities {
        View "activities.view" "see activities and tasks",
        Create "activities.create" "plan activities and tasks",
        Edit "activities.edit" "edit and complete activities and tasks",
        Delete "activities.delete" "delete activities and tasks",
        Administer "activities.administer" "change activity templates",
    }
    mails {
        View "mails.view" "see mails",
        Send "mails.send" "write and send mails",
        Bulk "mails.bulk" "send a mail to many at once",
        Administer "mails.administer" "change everybody's shared mail templates",
    }
    targets {
        Administer "targets.administer" "set targets",
    }
    tags {
        Create "tags.create" "make tags",
        Administer "tags.administer" "rename, merge and delete tags",
    }
    organisation {
        Administer "organisation.administer" "change the organisation's settings",
        ManagePipelines "pipelines.administer" "change pipelines and stages",
        SeeTeam "team.see" "see the team's figures",
        Override "stages.override" "move deals past what a stage asks for",
    }
}

/// The keys each built-in role starts with.
pub fn defaults(role: &str) -> Vec<String> {
    ALL.iter()
        .map(|(key, _)| *key)
        .filter(|key| match role {
            "administrator" => true,
            "manager" => *key != "organisation.administer",
            "rep" => {
                !key.starts_with("organisation.")
                    && !key.starts_with("pipelines.")
                    && !key.starts_with("team.")
                    && !key.ends_with(".administer")
                    && !key.ends_with(".override")
                    && !key.ends_with(".import")
                    && !key.ends_with(".export")
            }
            _ => key.ends_with(".view"),
        })
        .map(str::to_owned)
        .collect()
}
