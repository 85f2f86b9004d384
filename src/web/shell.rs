//! What every page's frame needs: who is signed in, where they can go, what they can make, the message of the last action.

use crate::{
    config::Config,
    error::{AppError, AppResult},
    kernel::RecordType,
    web::{
        auth::{Actor, PinnedView},
        csrf,
        flash::Flash,
        headers,
        permission::{self, Permission},
    },
};
use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use std::{future::Future, ops::Deref, pin::Pin};

#[derive(Clone, Debug)]
pub struct NavItem {
    pub key: &'static str,
    pub href: &'static str,
    pub label: &'static str,
    pub icon: &'static str,
}

#[derive(Clone, Debug)]
pub struct OrgItem {
    pub id: String,
    pub name: String,
    pub current: bool,
}

/// A saved view in the sidebar.
#[derive(Clone, Debug)]
pub struct PinItem {
    pub href: String,
    pub label: String,
    pub icon: &'static str,
    /// "3", or empty.
    pub fresh: String,
    pub current: bool,
}

/// The sidebar; each feature's page names its key.
const NAV: &[NavItem] = &[
    NavItem { key: "home", href: "/", label: "Home", icon: "home" },
    NavItem { key: "feed", href: "/feed", label: "Feed", icon: "activity" },
    NavItem { key: "pipeline", href: "/pipeline", label: "Pipeline", icon: "layout-kanban" },
    NavItem { key: "deals", href: "/deals", label: "Deals", icon: "currency-euro" },
    NavItem { key: "targets", href: "/targets", label: "Targets", icon: "flag-2" },
    NavItem { key: "reports", href: "/reports", label: "Reports", icon: "chart-bar" },
    NavItem { key: "activities", href: "/activities", label: "Activities", icon: "calendar-event" },
    NavItem { key: "tasks", href: "/tasks", label: "Tasks", icon: "checkbox" },
    NavItem { key: "calendar", href: "/calendar", label: "Calendar", icon: "calendar" },
    NavItem { key: "mails", href: "/mails", label: "Mail", icon: "mail" },
    NavItem { key: "leads", href: "/leads", label: "Leads", icon: "target" },
    NavItem { key: "contacts", href: "/contacts", label: "Contacts", icon: "users" },
    NavItem { key: "companies", href: "/companies", label: "Companies", icon: "building" },
    NavItem { key: "products", href: "/products", label: "Products", icon: "package" },
    NavItem { key: "segments", href: "/segments", label: "Segments", icon: "chart-funnel" },
    NavItem { key: "duplicates", href: "/duplicates", label: "Duplicates", icon: "copy" },
    NavItem { key: "imports", href: "/imports", label: "Imports", icon: "file-import" },
    NavItem { key: "exports", href: "/exports", label: "Exports", icon: "file-export" },
    NavItem { key: "quality", href: "/quality", label: "Data quality", icon: "gauge" },
    NavItem { key: "settings", href: "/settings", label: "Settings", icon: "settings" },
];

/// The frame around a page, read by `templates/shell/layout.html` and `auth.html`.
#[derive(Clone, Debug, Default)]
pub struct Shell {
    pub csrf: String,
    pub nonce: String,
    pub theme: String,
    pub lang: String,
    pub org_name: String,
    pub user_name: String,
    pub user_email: String,
    pub initials: String,
    pub avatar_class: String,
    pub avatar_url: Option<String>,
    pub logo_url: Option<String>,
    pub active: &'static str,
    pub orgs: Vec<OrgItem>,
    pub nav: Vec<NavItem>,
    pub pins: Vec<PinItem>,
    /// At the bell: "3", "99+", or empty.
    pub unread: String,
    pub can_create: Vec<NavItem>,
    pub flash: Option<Flash>,
    pub notice: Option<String>,
    pub live: bool,
    /// May write to customers.
    pub may_mail: bool,
}

impl Shell {
    /// Whether the person may add records of that type.
    pub fn may_create(&self, key: &str) -> bool {
        self.can_create.iter().any(|item| item.key == key)
    }

    /// The frame of signed-out pages.
    pub fn signed_out(req: &HttpRequest) -> Self {
        Shell {
            csrf: csrf::token(req),
            nonce: headers::nonce(req),
            theme: "auto".into(),
            lang: "en".into(),
            flash: Flash::read(req),
            ..Shell::default()
        }
    }
}

/// A signed-in page request: the actor, and the frame for what it answers.
pub struct Page {
    pub actor: Actor,
    pub req: HttpRequest,
}

impl Deref for Page {
    type Target = Actor;
    fn deref(&self) -> &Actor {
        &self.actor
    }
}

impl Page {
    pub fn shell(&self, active: &'static str) -> Shell {
        let actor = &self.actor;
        Shell {
            csrf: csrf::token(&self.req),
            nonce: headers::nonce(&self.req),
            theme: actor.theme.clone(),
            // The interface speaks English; the locale only shapes numbers and dates.
            lang: "en".into(),
            org_name: actor.org.name.clone(),
            user_name: actor.name.clone(),
            user_email: actor.email.clone(),
            initials: actor.initials(),
            avatar_class: crate::kernel::text::avatar_class(&actor.id.to_string()),
            avatar_url: avatar_url(&actor.id.to_string(), actor.avatar_tag.as_deref()),
            logo_url: actor.org.logo_tag.as_ref().map(|tag| format!("/organisation/logo?v={tag}")),
            active,
            orgs: actor
                .organisations
                .iter()
                .map(|o| OrgItem { id: o.id.to_string(), name: o.name.clone(), current: o.id == actor.org_id })
                .collect(),
            nav: NAV.iter().filter(|item| self.may_visit(item.key)).cloned().collect(),
            pins: self.pins(),
            unread: unread(actor.unread),
            can_create: self.can_create(),
            flash: Flash::read(&self.req),
            notice: (!actor.email_verified && self.mails_arrive())
                .then(|| format!("Confirm your e-mail address: we sent a link to {}.", actor.email)),
            live: true,
            may_mail: actor.may(permission::mails::Send::KEY),
        }
    }

    /// Without a mail server nobody gets a link to confirm their address with.
    pub fn mails_arrive(&self) -> bool {
        self.req.app_data::<web::Data<Config>>().is_some_and(|config| config.smtp.is_some())
    }

    fn may_visit(&self, key: &str) -> bool {
        match key {
            "duplicates" => {
                ["contacts", "companies", "leads"].iter().any(|noun| self.actor.may(&format!("{noun}.view")))
            }
            "imports" => self.may_any("import"),
            "exports" => self.may_any("export"),
            "quality" => self.may_any("edit"),
            "pipeline" | "deals" | "targets" | "reports" => self.actor.may(permission::deals::View::KEY),
            "activities" | "tasks" | "calendar" => self.actor.may(permission::activities::View::KEY),
            "mails" => self.actor.may(permission::mails::View::KEY),
            "leads" => self.actor.may(permission::leads::View::KEY),
            "contacts" => self.actor.may(permission::contacts::View::KEY),
            "companies" => self.actor.may(permission::companies::View::KEY),
            "products" => self.actor.may(permission::products::View::KEY),
            _ => true,
        }
    }

    /// The pinned views of records that the role sees.
    fn pins(&self) -> Vec<PinItem> {
        let here = self.req.query_string();
        let pin = |view: &PinnedView| {
            let record = RecordType::parse(&view.record_type)?;
            self.may_visit(record.noun()).then(|| PinItem {
                href: format!("/{}?view={}", record.noun(), view.id),
                label: view.name.clone(),
                icon: record.icon(),
                fresh: if view.fresh > 0 { view.fresh.to_string() } else { String::new() },
                current: here.contains(&format!("view={}", view.id)),
            })
        };
        self.actor.pinned_views.iter().filter_map(pin).collect()
    }

    /// Whether the role may do that with records of some type.
    fn may_any(&self, verb: &str) -> bool {
        RecordType::ALL.iter().any(|record| self.actor.may(&format!("{}.{verb}", record.noun())))
    }

    fn can_create(&self) -> Vec<NavItem> {
        [
            ("deals.create", NavItem { key: "deal", href: "/deals/new", label: "Deal", icon: "currency-euro" }),
            (
                "activities.create",
                NavItem { key: "activity", href: "/activities/new", label: "Activity", icon: "calendar-plus" },
            ),
            (
                "activities.create",
                NavItem { key: "task", href: "/activities/new?class=task", label: "Task", icon: "checkbox" },
            ),
            ("mails.send", NavItem { key: "mail", href: "/mails/new", label: "Mail", icon: "mail" }),
            ("leads.create", NavItem { key: "lead", href: "/leads/new", label: "Lead", icon: "target" }),
            ("contacts.create", NavItem { key: "contact", href: "/contacts/new", label: "Contact", icon: "user-plus" }),
            (
                "companies.create",
                NavItem { key: "company", href: "/companies/new", label: "Company", icon: "building" },
            ),
        ]
        .into_iter()
        .filter(|(permission, _)| self.actor.may(permission))
        .map(|(_, item)| item)
        .collect()
    }

    /// Refuses with 403 unless the role has the permission; for pages that only read.
    pub fn require<P: Permission>(&self) -> AppResult<()> {
        if self.actor.may(P::KEY) { Ok(()) } else { Err(AppError::Forbidden(P::DENIED)) }
    }
}

/// A count as the bell shows it.
pub fn unread(count: i64) -> String {
    match count {
        0 => String::new(),
        1..100 => count.to_string(),
        _ => "99+".into(),
    }
}

/// Where a member's picture is served, when there is one.
pub fn avatar_url(member: &str, tag: Option<&str>) -> Option<String> {
    tag.map(|tag| format!("/avatars/{member}?v={tag}"))
}

impl FromRequest for Page {
    type Error = AppError;
    type Future = Pin<Box<dyn Future<Output = AppResult<Self>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let actor = Actor::from_request(req, payload);
        let req = req.clone();
        Box::pin(async move { Ok(Page { actor: actor.await?, req }) })
    }
}
