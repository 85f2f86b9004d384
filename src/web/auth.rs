//! Who is asking: the person, their organisation, their role, and whose records they may see.

use crate::{
    db::{Db, Reason, SystemTx, Tenant, Tx, kept},
    error::{AppError, AppResult},
    kernel::{
        Locale, MemberId, OrgId, UserId,
        calendar::{self, WorkingDays},
        countries, text,
    },
    web::{carried, permission::Permission},
};
use actix_session::SessionExt;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web};
use anyhow::Context;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use diesel::{prelude::*, sql_types};
use serde::Deserialize;
use std::{
    collections::{HashMap, HashSet},
    future::Future,
    ops::Deref,
    pin::Pin,
    sync::Arc,
};
use uuid::Uuid;

/// Session entries.
pub const USER: &str = "user_id";
pub const ORGANISATION: &str = "org_id";
/// A random value that names this sign-in without revealing its key: CSRF tokens are bound to it.
pub const SESSION_ID: &str = "sid";

/// The person behind a request, inside one organisation. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Actor(Arc<ActorData>);

#[derive(Debug)]
pub struct ActorData {
    pub id: MemberId,
    pub org_id: OrgId,
    pub name: String,
    pub email: String,
    pub avatar_tag: Option<String>,
    pub email_verified: bool,
    pub theme: String,
    pub locale: Locale,
    pub zone: Tz,
    pub org: Organisation,
    pub role: String,
    pub visibility: Visibility,
    permissions: HashSet<String>,
    /// Themselves and those in their teams.
    team: Vec<Uuid>,
    pub organisations: Vec<OrgChoice>,
    /// The views in the person's sidebar.
    pub pinned_views: Vec<PinnedView>,
    /// What lists show when opened from the menu: record type and view.
    pub default_views: Vec<(String, Uuid)>,
    /// Notices that the person has not read, counted up to 200.
    pub unread: i64,
    /// How often the organisation's definitions had changed; `None` where the request may change them. See `db::known`.
    definitions: Option<i64>,
    /// What lists show of each record, by `list.contacts` and so on; `None` where the request may change it.
    columns: Option<HashMap<String, serde_json::Value>>,
}

/// A saved view in the sidebar.
#[derive(Clone, Debug, Deserialize)]
pub struct PinnedView {
    pub id: Uuid,
    pub name: String,
    pub record_type: String,
    /// New matches since the person last looked.
    pub fresh: i32,
}

/// The organisation's settings that pages need.
#[derive(Clone, Debug)]
pub struct Organisation {
    pub name: String,
    pub slug: String,
    pub currency: String,
    pub locale: Locale,
    pub zone: Tz,
    pub fiscal_year_start: u32,
    pub working_days: WorkingDays,
    pub logo_tag: Option<String>,
}

/// An organisation the person belongs to, for the switcher.
#[derive(Clone, Debug, Deserialize)]
pub struct OrgChoice {
    pub id: OrgId,
    pub name: String,
}

/// Whose records a role lets a person see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Visibility {
    Own,
    Team,
    All,
}

impl Visibility {
    pub fn parse(text: &str) -> Self {
        match text {
            "all" => Visibility::All,
            "team" => Visibility::Team,
            _ => Visibility::Own,
        }
    }
}

impl Deref for Actor {
    type Target = ActorData;
    fn deref(&self) -> &ActorData {
        &self.0
    }
}

impl Tenant for Actor {
    fn org_id(&self) -> OrgId {
        self.org_id
    }
    fn member_id(&self) -> Option<MemberId> {
        Some(self.id)
    }
    fn definitions(&self) -> Option<i64> {
        self.definitions
    }
}

impl Tenant for super::Page {
    fn org_id(&self) -> OrgId {
        self.actor.org_id
    }
    fn member_id(&self) -> Option<MemberId> {
        Some(self.actor.id)
    }
    fn definitions(&self) -> Option<i64> {
        self.actor.definitions
    }
}

impl<P: Permission> Tenant for super::Allow<P> {
    fn org_id(&self) -> OrgId {
        self.actor().org_id
    }
    fn member_id(&self) -> Option<MemberId> {
        Some(self.actor().id)
    }
    fn definitions(&self) -> Option<i64> {
        self.actor().definitions
    }
}

impl Actor {
    pub fn may(&self, permission: &str) -> bool {
        self.permissions.contains(permission)
    }

    /// Every key of the role, for SQL that asks for itself.
    pub fn permissions(&self) -> Vec<String> {
        self.permissions.iter().cloned().collect()
    }

    /// Owners whose records this person may see; `None` is everybody's (and the unowned). The one visibility rule: every query
    /// over owned records filters by it, and what it hides is "not found".
    pub fn visible_owners(&self) -> Option<Vec<Uuid>> {
        match self.visibility {
            Visibility::All => None,
            Visibility::Team => Some(self.team.clone()),
            Visibility::Own => Some(vec![self.id.0]),
        }
    }

    /// Whether a record of that owner is this person's to see.
    pub fn sees(&self, owner: Option<Uuid>) -> bool {
        self.visible_owners().is_none_or(|owners| owner.is_some_and(|o| owners.contains(&o)))
    }

    /// Themselves and those in their teams, whatever they may see.
    pub fn team(&self) -> &[Uuid] {
        &self.team
    }

    /// The columns that this person chose for their lists, where they need not be read anew.
    pub fn columns(&self) -> Option<&HashMap<String, serde_json::Value>> {
        self.columns.as_ref()
    }

    /// Whose phone numbers are written without a country code (ISO 3166): one rule for the whole organisation, so that what one member
    /// reads another one may type.
    pub fn home(&self) -> &'static str {
        self.org.locale.region()
    }

    /// The same for a record of that country, if it says one.
    pub fn home_of(&self, country: &str) -> String {
        countries::parse(country).unwrap_or_else(|_| self.home().to_owned())
    }

    pub fn today(&self) -> NaiveDate {
        calendar::today(self.zone)
    }

    /// A moment as this person says it: `Today 14:30`.
    pub fn moment(&self, at: DateTime<Utc>) -> String {
        self.locale.moment(at, self.zone, Utc::now())
    }

    /// The same with the time of day, however far away.
    pub fn moment_to_the_minute(&self, at: DateTime<Utc>) -> String {
        self.locale.moment_to_the_minute(at, self.zone, Utc::now())
    }

    /// The same within a sentence: `today 14:30`.
    pub fn within(&self, at: DateTime<Utc>) -> String {
        let said = self.moment(at);
        let day = ["Today", "Yesterday", "Tomorrow"].into_iter().find(|day| said.starts_with(day));
        day.map_or_else(|| said.clone(), |day| said.replacen(day, &day.to_lowercase(), 1))
    }

    pub fn exact(&self, at: DateTime<Utc>) -> String {
        self.locale.exact(at, self.zone)
    }

    pub fn initials(&self) -> String {
        text::initials(&self.name)
    }

    /// Loads the person as a member of that organisation; `None` when they are not, or no longer.
    pub fn load(tx: &mut SystemTx, user: UserId, org: OrgId) -> AppResult<Option<Self>> {
        let row = kept(
            diesel::sql_query("SELECT app.actor($1, $2) AS actor")
                .bind::<sql_types::Uuid, _>(user.0)
                .bind::<sql_types::Uuid, _>(org.0),
        )
        .get_result::<Json>(tx.conn())?;
        row.actor.as_deref().map(|json| Self::from_json(json, false)).transpose()
    }

    /// As `app.actor` gives it; `reading`: for a request that is to change nothing.
    pub(super) fn from_json(json: &str, reading: bool) -> AppResult<Self> {
        let row: Row = serde_json::from_str(json).context("app.actor")?;
        Ok(row.actor(reading))
    }
}

impl FromRequest for Actor {
    type Error = AppError;
    type Future = Pin<Box<dyn Future<Output = AppResult<Self>>>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            if let Some(actor) = req.extensions().get::<Actor>() {
                return Ok(actor.clone());
            }
            let session = req.get_session();
            let ids = (session.get::<UserId>(USER).ok().flatten(), session.get::<OrgId>(ORGANISATION).ok().flatten());
            let (Some(user), Some(org)) = ids else { return Err(AppError::Unauthenticated) };
            if let Some(actor) = carried::get(user, org) {
                req.extensions_mut().insert(actor.clone());
                return Ok(actor);
            }
            let db =
                req.app_data::<web::Data<Db>>().ok_or_else(|| anyhow::anyhow!("no database in the application"))?;
            let actor = db.system(Reason::SignIn, move |tx| Actor::load(tx, user, org)).await?;
            let actor = actor.ok_or(AppError::Unauthenticated)?;
            req.extensions_mut().insert(actor.clone());
            Ok(actor)
        })
    }
}

#[derive(QueryableByName)]
struct Json {
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    actor: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    id: Uuid,
    org_id: Uuid,
    name: String,
    email: String,
    avatar_tag: Option<String>,
    email_verified: bool,
    theme: String,
    locale: String,
    time_zone: String,
    org_name: String,
    org_slug: String,
    currency: String,
    org_zone: String,
    fiscal_year_start: i16,
    working_days: Vec<i16>,
    org_locale: String,
    logo_tag: Option<String>,
    role: String,
    permissions: HashSet<String>,
    visibility: String,
    team: Vec<Uuid>,
    organisations: Vec<OrgChoice>,
    pinned_views: Vec<PinnedView>,
    default_views: Vec<(String, Uuid)>,
    unread: i64,
    definitions: i64,
    columns: HashMap<String, serde_json::Value>,
}

impl Row {
    fn actor(self, reading: bool) -> Actor {
        let row = self;
        Actor(Arc::new(ActorData {
            id: MemberId(row.id),
            org_id: OrgId(row.org_id),
            name: row.name,
            email: row.email,
            avatar_tag: row.avatar_tag,
            email_verified: row.email_verified,
            theme: row.theme,
            locale: Locale::from_tag(&row.locale),
            zone: calendar::zone(&row.time_zone),
            org: Organisation {
                name: row.org_name,
                slug: row.org_slug,
                currency: row.currency,
                locale: Locale::from_tag(&row.org_locale),
                zone: calendar::zone(&row.org_zone),
                fiscal_year_start: u32::try_from(row.fiscal_year_start).unwrap_or(1),
                working_days: WorkingDays::from_numbers(&row.working_days),
                logo_tag: row.logo_tag,
            },
            role: row.role,
            visibility: Visibility::parse(&row.visibility),
            permissions: row.permissions,
            team: row.team,
            organisations: row.organisations,
            pinned_views: row.pinned_views,
            default_views: row.default_views,
            unread: row.unread,
            definitions: reading.then_some(row.definitions),
            columns: reading.then_some(row.columns),
        }))
    }
}
