//! What rows are read against: the organisation's ways of writing, its people, and what the importer may do.

use super::{options::OwnerChoice, values::Custom};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::{
        accounts::members::{self, Person},
        fields::ParseContext,
    },
    kernel::{Locale, RecordType, calendar, numbers::DecimalMark, text},
    schema::organisations,
    web::{
        Actor,
        permission::{Permission, organisation::ManagePipelines, tags::Create},
    },
};
use diesel::prelude::*;
use std::collections::HashMap;
use uuid::Uuid;

/// How the refusal of such a row begins.
pub const STRANGER: &str = "no active member is called";

/// What becomes of a row whose owner is nobody here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UnknownOwner {
    /// The row is reported.
    #[default]
    Report,
    /// The record is imported without an owner.
    Leave,
}

/// A member by whatever the file calls them.
#[derive(Clone, Debug)]
pub struct Owner {
    pub id: Uuid,
    pub name: String,
    may_own: bool,
}

impl From<&Person> for Owner {
    fn from(person: &Person) -> Self {
        Self { id: person.id.0, name: person.name.clone(), may_own: person.may_own }
    }
}

#[derive(Clone, Debug)]
pub struct Context {
    pub custom: Custom,
    pub currency: String,
    /// For the parser of own fields.
    pub parse: ParseContext,
    /// The kinds of record that the importer may look at.
    pub may_view: Vec<RecordType>,
    /// By lower-case e-mail and by folded name; `None` where two people share the name.
    owners: HashMap<String, Option<Owner>>,
    pub unknown_owner: UnknownOwner,
    /// Owner of new records whose row names none.
    pub default_owner: Option<Owner>,
    pub may_create_companies: bool,
    pub may_create_contacts: bool,
    pub may_create_stages: bool,
    pub may_create_tags: bool,
    pub may_create_products: bool,
    pub may_create_competitors: bool,
    /// Whose records the importer may change; `None`: everybody's.
    pub visible: Option<Vec<Uuid>>,
}

impl Context {
    /// `actor` is `None` for the command line, which may do everything and owns nothing.
    pub fn load(
        tx: &mut OrgTx,
        actor: Option<&Actor>,
        unknown_owner: UnknownOwner,
        owner: OwnerChoice,
    ) -> AppResult<Self> {
        let (currency, locale, zone): (String, String, String) = organisations::table
            .select((organisations::currency, organisations::locale, organisations::time_zone))
            .first(tx.conn())?;
        let mut people = members::directory(tx)?;
        people.retain(|person| person.active);
        let visible = actor.and_then(Actor::visible_owners);
        let chosen = |id: Uuid| {
            let theirs = visible.as_ref().is_none_or(|ids| ids.contains(&id));
            people.iter().find(|p| p.id.0 == id && p.may_own && theirs).map(Owner::from)
        };
        let importer = actor.map(|a| Owner { id: a.id.0, name: a.name.clone(), may_own: true });
        let default_owner = match owner {
            OwnerChoice::Importer => importer,
            // Who sees their own records only would never see an unowned one again.
            OwnerChoice::Nobody if visible.is_some() => importer,
            OwnerChoice::Nobody => None,
            OwnerChoice::Member(id) => chosen(id).or(importer),
        };
        let locale = Locale::from_tag(&locale);
        let custom = Custom::new(locale, calendar::zone(&zone));
        let views = |record: &RecordType| actor.is_none_or(|a| a.may(&format!("{}.view", record.noun())));
        Ok(Self {
            parse: ParseContext {
                region: custom.region.clone(),
                zone: custom.zone,
                month_first: custom.month_first,
                // Numbers have been read by their column's own.
                mark: DecimalMark::Point,
                currency: currency.clone(),
                people: HashMap::new(),
                records: HashMap::new(),
            },
            may_view: RecordType::ALL.into_iter().filter(views).collect(),
            custom,
            currency,
            owners: by_name_and_email(&people),
            unknown_owner,
            default_owner,
            may_create_contacts: actor.is_none_or(|a| a.may("contacts.create")),
            may_create_companies: actor.is_none_or(|a| a.may("companies.create")),
            may_create_stages: actor.is_none_or(|a| a.may("pipelines.administer")),
            may_create_tags: actor.is_none_or(|a| a.may(Create::KEY)),
            may_create_competitors: actor.is_none_or(|a| a.may(ManagePipelines::KEY)),
            may_create_products: actor.is_none_or(|a| a.may("products.administer")),
            visible,
        })
    }

    /// Whether somebody here goes by that name or address, and the importer may give them records.
    pub fn knows(&self, cell: &str) -> bool {
        let found = self.owners.get(&text::fold(cell)).and_then(Option::as_ref);
        found.is_some_and(|o| o.may_own && self.visible.as_ref().is_none_or(|ids| ids.contains(&o.id)))
    }

    /// The member of that e-mail address or name.
    pub fn member(&self, cell: &str) -> Result<&Owner, String> {
        match self.owners.get(&text::fold(cell)) {
            Some(Some(owner)) => Ok(owner),
            Some(None) => Err(format!("several people are called {}: use the e-mail address", shorten(cell))),
            None => Err(format!("{STRANGER} {}", shorten(cell))),
        }
    }

    /// The member of that e-mail address or name; `Ok(None)` when the row is to have no owner.
    pub fn owner(&self, cell: &str) -> Result<Option<Owner>, String> {
        let found = match self.owners.get(&text::fold(cell)) {
            Some(Some(owner)) => owner.clone(),
            Some(None) => return Err(format!("several people are called {cell}: use the e-mail address")),
            None if self.unknown_owner == UnknownOwner::Leave => return Ok(None),
            None => return Err(format!("{STRANGER} {}", shorten(cell))),
        };
        if self.visible.as_ref().is_some_and(|ids| !ids.contains(&found.id)) {
            return Err(format!("{} is not one of the people you work with", found.name));
        }
        if !found.may_own && self.unknown_owner == UnknownOwner::Leave {
            return Ok(None);
        }
        if !found.may_own {
            return Err(format!("{} may not edit records, and so cannot own any", found.name));
        }
        Ok(Some(found))
    }

    /// Whether rows may yet be refused after they were read, so that their text must be kept until then.
    pub fn restricted(&self) -> bool {
        !self.may_create_companies || !self.may_create_stages || !self.may_create_tags || self.visible.is_some()
    }
}

fn by_name_and_email(people: &[Person]) -> HashMap<String, Option<Owner>> {
    let mut owners: HashMap<String, Option<Owner>> = HashMap::new();
    for person in people {
        owners.entry(text::fold(&person.name)).and_modify(|o| *o = None).or_insert(Some(person.into()));
    }
    for person in people {
        owners.insert(text::fold(&person.email), Some(person.into()));
    }
    owners
}

/// At most sixty characters of a cell, for a message.
pub fn shorten(cell: &str) -> String {
    let short: String = cell.chars().take(60).collect();
    if short.len() < cell.len() { format!("{short}…") } else { short }
}
