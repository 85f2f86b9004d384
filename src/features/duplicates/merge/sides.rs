//! The two records beside each other: what differs, what each offers, and the form of the one that comes of it.

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        accounts::members::Person,
        fields::{Catalogue, Entry, Kind, Origin},
        records::{
            Spec, Standing,
            display::{self, many, name_key},
            standing,
        },
    },
    kernel::RecordType,
    web::{Actor, Form},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// One of the two.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub id: Uuid,
    pub standing: Standing,
    pub form: Form,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Which of the two: `a` is the record the page began with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Which {
    A,
    B,
}

impl Which {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "a" => Some(Which::A),
            "b" => Some(Which::B),
            _ => None,
        }
    }
}

/// Both.
#[derive(Clone, Debug)]
pub(super) struct Sides {
    pub record: RecordType,
    pub a: Side,
    pub b: Side,
    /// What a merge decides, in form order.
    pub entries: Vec<Entry>,
}

#[derive(QueryableByName)]
struct Times {
    #[diesel(sql_type = sql_types::Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Timestamptz)]
    updated_at: DateTime<Utc>,
}

/// A live record that the actor may see, as one of the two.
fn side(tx: &mut OrgTx, actor: &Actor, spec: &Spec, id: Uuid) -> AppResult<Side> {
    let standing = standing(tx, actor, spec.record, id, false)?;
    if standing.deleted {
        return Err(AppError::NotFound);
    }
    let form = (spec.load)(tx, actor, id)?;
    let sql = format!("SELECT created_at, updated_at FROM {} WHERE id = $1", spec.record.noun());
    let times: Times = diesel::sql_query(sql).bind::<sql_types::Uuid, _>(id).get_result(tx.conn())?;
    Ok(Side { id, standing, form, created_at: times.created_at, updated_at: times.updated_at })
}

impl Sides {
    pub(super) fn load(tx: &mut OrgTx, actor: &Actor, spec: &Spec, a: Uuid, b: Uuid) -> AppResult<Self> {
        let catalogue = Catalogue::load(tx, actor, spec.record)?;
        let (a, b) = (side(tx, actor, spec, a)?, side(tx, actor, spec, b)?);
        Ok(Self { record: spec.record, entries: catalogue.entries.into_iter().filter(decided).collect(), a, b })
    }

    pub(super) fn of(&self, which: Which) -> &Side {
        match which {
            Which::A => &self.a,
            Which::B => &self.b,
        }
    }

    /// Whether the two say different things there. Lists of addresses and numbers are united, and so never do.
    pub(super) fn differs(&self, entry: &Entry) -> bool {
        let empty = [&self.a, &self.b].iter().all(|side| side.form.get(&entry.key).is_empty());
        let same = |key: &String| self.a.form.get(key) == self.b.form.get(key);
        !united(entry) && !empty && !companions(entry).iter().all(same)
    }

    /// The side whose value is proposed: the one that has any, the longer text, a yes; else what was saved last.
    pub(super) fn proposed(&self, entry: &Entry) -> Which {
        let (a, b) = (self.a.form.get(&entry.key), self.b.form.get(&entry.key));
        match entry.kind.value() {
            _ if b.is_empty() => Which::A,
            _ if a.is_empty() => Which::B,
            Kind::Bool if b == "true" => Which::B,
            Kind::Bool => Which::A,
            Kind::LongText if b.chars().count() > a.chars().count() => Which::B,
            Kind::LongText => Which::A,
            // Whoever looks after the survivor goes on doing so.
            Kind::Member => self.fuller(),
            _ if self.b.updated_at > self.a.updated_at => Which::B,
            _ => Which::A,
        }
    }

    /// The side proposed to survive: a live one, then the one that says more, then the older.
    pub(super) fn fuller(&self) -> Which {
        let filled = |side: &Side| self.entries.iter().filter(|entry| !side.form.get(&entry.key).is_empty()).count();
        let rank = |side: &Side| (!side.standing.archived, filled(side));
        match rank(&self.a).cmp(&rank(&self.b)) {
            std::cmp::Ordering::Greater => Which::A,
            std::cmp::Ordering::Less => Which::B,
            std::cmp::Ordering::Equal if self.b.created_at < self.a.created_at => Which::B,
            std::cmp::Ordering::Equal => Which::A,
        }
    }

    /// The side chosen for a field, as the form says or as proposed.
    pub(super) fn chosen(&self, entry: &Entry, picks: &Form) -> Which {
        Which::parse(picks.get(&pick_name(&entry.key))).unwrap_or_else(|| self.proposed(entry))
    }

    /// The survivor's form with every field from the side chosen for it.
    pub(super) fn united(&self, survivor: Which, picks: &Form) -> Form {
        let mut form = self.of(survivor).form.clone();
        for entry in self.entries.iter().filter(|entry| self.differs(entry)) {
            let from = &self.of(self.chosen(entry, picks)).form;
            for key in companions(entry) {
                form.set(&key, from.get(&key));
            }
        }
        for entry in self.entries.iter().filter(|entry| united(entry)) {
            let first = first_of(&entry.key);
            let primary = form.get(first).to_owned();
            let rest: Vec<String> = self.all(entry).into_iter().filter(|value| *value != primary).collect();
            form.set(&entry.key, rest.join("\n"));
        }
        form
    }

    /// Every address or number of both, each once, the primary ones first.
    pub(super) fn all(&self, entry: &Entry) -> Vec<String> {
        let first = first_of(&entry.key);
        let mut all: Vec<String> = Vec::new();
        let forms = [&self.a.form, &self.b.form];
        let primary = forms.iter().map(|form| form.get(first).to_owned());
        for value in primary.chain(forms.iter().flat_map(|form| many(form, &entry.key))) {
            if !value.is_empty() && !all.contains(&value) {
                all.push(value);
            }
        }
        all
    }
}

/// The name of the radio buttons of a field.
pub(super) fn pick_name(key: &str) -> String {
    format!("pick-{key}")
}

/// What a merge chooses between: what a form holds, but for what the program says or what goes with another field.
fn decided(entry: &Entry) -> bool {
    let computed = matches!(entry.kind, Kind::Formula(_) | Kind::Tags);
    let goes_along = entry.kind == Kind::Currency && matches!(entry.origin, Origin::BuiltIn(_));
    entry.editable && !computed && !goes_along
}

/// Lists of addresses and numbers beside a primary one.
pub(super) fn united(entry: &Entry) -> bool {
    matches!(entry.origin, Origin::BuiltIn(_)) && matches!(entry.kind, Kind::Emails | Kind::Phones)
}

/// `other_emails` → `email`
fn first_of(key: &str) -> &str {
    key.strip_prefix("other_").unwrap_or(key).trim_end_matches('s')
}

/// The form fields a value travels in: an amount with its currency, a reference with its name.
pub(super) fn companions(entry: &Entry) -> Vec<String> {
    let key = entry.key.as_str();
    let mut keys = vec![key.to_owned()];
    match (&entry.origin, entry.kind.value()) {
        (Origin::BuiltIn(_), Kind::Record(_)) => keys.push(name_key(key).to_owned()),
        (Origin::BuiltIn(_), Kind::Money) => keys.push("currency".to_owned()),
        (Origin::Custom(_), Kind::Record(_)) => keys.push(format!("{key}__id")),
        (Origin::Custom(_), Kind::Money) => keys.push(format!("{key}__currency")),
        _ => {}
    }
    keys
}

/// What one side's field reads as.
pub(super) fn shown(entry: &Entry, form: &Form, actor: &Actor, people: &[Person]) -> display::Shown {
    display::shown(entry, form, actor, people)
}
