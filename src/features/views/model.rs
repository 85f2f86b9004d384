//! A saved view.

use super::kind::{self, Kind};
use crate::{
    kernel::RecordType,
    web::{Actor, Form},
};
use diesel::{prelude::*, sql_types};
use serde_json::Value;
use uuid::Uuid;

/// A view as one reader knows it.
#[derive(QueryableByName, Clone, Debug)]
pub struct View {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    pub record_type: String,
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    #[diesel(sql_type = sql_types::Uuid)]
    pub owner_id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    pub owner_name: String,
    #[diesel(sql_type = sql_types::Text)]
    pub sharing: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    pub team_id: Option<Uuid>,
    /// The list's query string.
    #[diesel(sql_type = sql_types::Text)]
    pub query: String,
    /// Its own columns; `None`: each reader's.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Jsonb>)]
    pub layout: Option<Value>,
    #[diesel(sql_type = sql_types::Bool)]
    pub pinned: bool,
    #[diesel(sql_type = sql_types::Bool)]
    pub watched: bool,
    /// New matches since the reader last looked.
    #[diesel(sql_type = sql_types::Integer)]
    pub fresh: i32,
}

impl View {
    pub fn record(&self) -> Option<RecordType> {
        RecordType::parse(&self.record_type)
    }

    /// A board, forecast, calendar or timeline has its own address; everything else is a list.
    pub fn href(&self) -> String {
        let form = Form::decode(self.query.as_bytes()).unwrap_or_default();
        let said = |name: &str| (name.to_owned(), form.get(name).to_owned());
        let elsewhere = kind::address(&[said("kind"), said("pipeline"), ("view".to_owned(), self.id.to_string())]);
        let noun = self.record().map_or("", RecordType::noun);
        elsewhere.unwrap_or_else(|| format!("/{noun}?view={}", self.id))
    }

    /// The way it looks at its records.
    pub fn kind(&self) -> Kind {
        Form::decode(self.query.as_bytes()).map_or(Kind::List, |form| Kind::parse(form.get("kind")))
    }

    /// Whether the actor may change what everybody sees of it.
    pub fn may_change(&self, actor: &Actor) -> bool {
        self.owner_id == actor.id.0 || (self.sharing != "private" && actor.may("organisation.administer"))
    }
}

/// With whom a view is shared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sharing {
    Private,
    Team(Uuid),
    All,
}

impl Sharing {
    pub fn key(self) -> &'static str {
        match self {
            Sharing::Private => "private",
            Sharing::Team(_) => "team",
            Sharing::All => "all",
        }
    }

    pub fn team(self) -> Option<Uuid> {
        match self {
            Sharing::Team(id) => Some(id),
            _ => None,
        }
    }

    /// As the form's select has it: `private`, `all` or a team's id.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "private" => Some(Sharing::Private),
            "all" => Some(Sharing::All),
            id => id.parse().ok().map(Sharing::Team),
        }
    }
}
