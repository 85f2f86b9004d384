//! Which fields there are to be put into a mail: those of the field catalogue that the writer sees, custom ones too, and a few of the
//! sender and the organisation.

use super::{Field, Markup, Space, Template};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::fields::{Catalogue, Entry, Kind},
    kernel::RecordType,
    web::Actor,
};
use std::collections::BTreeMap;

const SENDER: &[(&str, &str)] = &[("name", "Name"), ("first_name", "First name"), ("email", "E-mail")];
const ORGANISATION: &[(&str, &str)] = &[("name", "Name")];

/// A field as the writer is offered it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    pub name: String,
    pub label: String,
}

impl Known {
    /// As it is typed.
    pub fn code(&self) -> String {
        format!("{{{{ {} }}}}", self.name)
    }
}

/// Everything that may stand between the braces.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    pub(super) catalogues: BTreeMap<Space, Catalogue>,
    /// Of a mail to many of these: only what can be filled in for each.
    many: Option<RecordType>,
}

impl Space {
    pub(super) fn record(self) -> Option<RecordType> {
        match self {
            Space::Contact => Some(RecordType::Contact),
            Space::Company => Some(RecordType::Company),
            Space::Deal => Some(RecordType::Deal),
            Space::Lead => Some(RecordType::Lead),
            Space::Sender | Space::Organisation => None,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Space::Contact => "Contact",
            Space::Company => "Company",
            Space::Deal => "Deal",
            Space::Lead => "Lead",
            Space::Sender => "Sender",
            Space::Organisation => "Organisation",
        }
    }
}

/// What a field is called in a mail: a link by what it links to.
pub(super) fn key(entry: &Entry) -> &str {
    let link = matches!(entry.kind.value(), Kind::Member | Kind::Record(_) | Kind::Pipeline | Kind::Stage);
    if link && !entry.is_custom() { entry.key.strip_suffix("_id").unwrap_or(&entry.key) } else { &entry.key }
}

/// Not for a customer's eyes, or not one value.
fn is_offered(record: RecordType, entry: &Entry) -> bool {
    let own = ["external_id", "archived_at", "consented_at", "do_not_contact", "score"];
    entry.is_custom() || record.field(&entry.key).is_some() && !own.contains(&entry.key.as_str())
}

impl Vocabulary {
    pub fn load(tx: &mut OrgTx, actor: &Actor) -> AppResult<Self> {
        let mut catalogues = BTreeMap::new();
        for space in Space::ALL {
            let Some(record) = space.record() else { continue };
            let mut catalogue = Catalogue::load(tx, actor, record)?;
            catalogue.entries.retain(|entry| is_offered(record, entry));
            catalogues.insert(space, catalogue);
        }
        Ok(Self { catalogues, many: None })
    }

    /// For one mail to many such records, which is about nothing else.
    pub fn for_many(mut self, record: RecordType) -> Self {
        self.many = Some(record);
        self
    }

    /// Whether there is something to fill it from. In a mail to a lead, what is asked of the contact and the company is the lead's.
    fn fills(&self, field: &Field) -> bool {
        match (self.many, field.space) {
            (None, _) | (_, Space::Sender | Space::Organisation) => true,
            (Some(RecordType::Lead), Space::Contact) => self.entry(Space::Lead, &field.key).is_some(),
            (Some(RecordType::Lead), Space::Company) => field.key == "name",
            (Some(record), space) => self.is_of_many(record, space),
        }
    }

    fn is_of_many(&self, record: RecordType, space: Space) -> bool {
        space.record() == Some(record) || record == RecordType::Contact && space == Space::Company
    }

    pub(super) fn entry(&self, space: Space, wanted: &str) -> Option<&Entry> {
        self.catalogues.get(&space)?.entries.iter().find(|entry| key(entry) == wanted)
    }

    fn knows(&self, field: &Field) -> bool {
        let among = |list: &[(&str, &str)]| list.iter().any(|(key, _)| *key == field.key);
        match field.space {
            Space::Sender => among(SENDER),
            Space::Organisation => among(ORGANISATION),
            space => self.entry(space, &field.key).is_some(),
        }
    }

    /// Parses what is to be kept or sent; a field that is not there is named.
    pub fn parse(&self, source: &str, markup: Markup) -> Result<Template, String> {
        let template = Template::parse(source, markup)?;
        let unknown = template.fields().find(|field| !self.knows(field)).map(|field| {
            let near = self.nearest(field).map(|name| format!(" Did you mean {{{{ {name} }}}}?")).unwrap_or_default();
            format!("There is no field “{}”.{near}", field.name())
        });
        let empty = template.fields().find(|field| field.fallback.is_empty() && !self.fills(field)).map(|field| {
            let many = self.many.map(|record| record.plural().to_lowercase()).unwrap_or_default();
            let name = field.name();
            format!("“{name}” would stay empty: a mail to many {many} has nothing to fill it from. Give it a fallback, as in {{{{ {name} | you }}}}, or leave it out.")
        });
        unknown.or(empty).map_or(Ok(template), Err)
    }

    /// The field of the same name space that is written most alike.
    fn nearest(&self, field: &Field) -> Option<String> {
        let (name, all) = (field.name(), self.offered());
        let names = all.into_iter().flat_map(|(_, known)| known).map(|known| known.name);
        let best =
            names.map(|known| (strsim::jaro_winkler(&known, &name), known)).max_by(|a, b| a.0.total_cmp(&b.0))?;
        (best.0 > 0.85).then_some(best.1)
    }

    /// Under headings, for the writer to choose from.
    pub fn offered(&self) -> Vec<(&'static str, Vec<Known>)> {
        let fixed = |space: Space, list: &[(&str, &str)]| {
            let one =
                |(key, label): &(&str, &str)| Known { name: format!("{}.{key}", space.key()), label: (*label).into() };
            (space.label(), list.iter().map(one).collect::<Vec<_>>())
        };
        let of = |(space, catalogue): (&Space, &Catalogue)| {
            let one =
                |entry: &Entry| Known { name: format!("{}.{}", space.key(), key(entry)), label: entry.label.clone() };
            (space.label(), catalogue.entries.iter().map(one).collect::<Vec<_>>())
        };
        let fits = |(space, _): &(&Space, &Catalogue)| self.many.is_none_or(|record| self.is_of_many(record, **space));
        let mut all: Vec<_> = self.catalogues.iter().filter(fits).map(of).collect();
        all.push(fixed(Space::Sender, SENDER));
        all.push(fixed(Space::Organisation, ORGANISATION));
        all
    }
}
