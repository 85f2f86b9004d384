//! How a field is typed in: on whole forms and in place alike.

use super::{Catalogue, Entry, Kind, Origin, custom::currency_name};
use crate::{
    features::{
        accounts::members::Person,
        records::{
            display,
            inline::{member_choices, owner_choices},
        },
    },
    kernel::{Currency, RecordType, countries},
    web::{Actor, Form, FormErrors, SelectOption},
};

/// The control of a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Control {
    Input {
        kind: &'static str,
        mode: &'static str,
    },
    Area,
    Select,
    /// Any of several.
    Checks,
    Combobox {
        options: String,
    },
}

pub fn control(field: &Entry) -> Control {
    let input = |kind, mode| Control::Input { kind, mode };
    match field.kind.value() {
        Kind::LongText | Kind::Emails | Kind::Phones => Control::Area,
        Kind::Choice(_) | Kind::Member | Kind::Country | Kind::Bool => Control::Select,
        Kind::Currency | Kind::Pipeline | Kind::Stage => Control::Select,
        Kind::Choices(_) => Control::Checks,
        Kind::Record(record) => Control::Combobox { options: options_address(field, *record) },
        Kind::Email => input("text", "email"),
        Kind::Phone => input("tel", "tel"),
        Kind::Domain | Kind::Url => input("text", "url"),
        Kind::Integer => input("text", "numeric"),
        Kind::Percent | Kind::Money | Kind::Decimal => input("text", "decimal"),
        Kind::Date => input("date", ""),
        Kind::DateTime if field.is_custom() => input("datetime-local", ""),
        Kind::Text | Kind::DateTime | Kind::Tags | Kind::Formula(_) => input("text", ""),
    }
}

/// Built-in references offer to add what is new; links do not.
fn options_address(field: &Entry, record: RecordType) -> String {
    match field.origin {
        Origin::BuiltIn(_) => format!("/{}/options", record.noun()),
        Origin::Custom(_) => format!("/fields/options?type={}", record.key()),
    }
}

/// What a select or a row of ticks offers; nothing for other controls.
pub fn options(field: &Entry, form: &Form, people: &[Person]) -> Vec<SelectOption> {
    let current = form.get(&field.key);
    let mut options = if field.required { vec![] } else { vec![SelectOption::new("", "None", current.is_empty())] };
    if field.required && field.is_custom() && current.is_empty() {
        options.push(SelectOption::new("", "Choose …", true));
    }
    match field.kind.value() {
        // A retired choice is offered only where it stands.
        Kind::Choice(all) => options.extend(
            all.iter()
                .filter(|c| !c.retired || c.key == current)
                .map(|c| SelectOption::new(&c.key, &c.label, c.key == current)),
        ),
        Kind::Choices(all) => {
            let chosen = display::many(form, &field.key);
            let ticked = |key: &str| chosen.iter().any(|c| c == key);
            let offered = all.iter().filter(|c| !c.retired || ticked(&c.key));
            options = offered.map(|c| SelectOption::new(&c.key, &c.label, ticked(&c.key))).collect();
        }
        Kind::Member if field.is_custom() => options.extend(member_choices(people, current)),
        Kind::Member => options.extend(owner_choices(people, current)),
        Kind::Country => {
            let all = countries::all().into_iter();
            options.extend(all.map(|(code, name)| SelectOption::new(code, name, code == current)));
        }
        Kind::Currency => options.extend(currencies(current, "")),
        Kind::Bool => options = yes_or_no(field, current),
        _ => options.clear(),
    }
    options
}

/// A built-in yes or no is no until it is yes; a custom one may stay unanswered.
fn yes_or_no(field: &Entry, current: &str) -> Vec<SelectOption> {
    let yes = SelectOption::new("true", "Yes", current == "true");
    match field.origin {
        Origin::BuiltIn(_) => vec![SelectOption::new("", "No", current != "true"), yes],
        Origin::Custom(_) => {
            let no = SelectOption::new("false", "No", current == "false");
            vec![SelectOption::new("", "Not answered", current.is_empty()), yes, no]
        }
    }
}

/// Every currency; the chosen one, or the one that stands for none.
pub fn currencies(current: &str, otherwise: &str) -> Vec<SelectOption> {
    let chosen = if current.is_empty() { otherwise } else { current };
    let all = Currency::all().into_iter();
    all.map(|(code, name)| SelectOption::new(&code, format!("{code} {name}"), code == chosen)).collect()
}

/// The custom fields of a whole form under one heading.
#[derive(Clone, Debug)]
pub struct InputSection {
    pub title: String,
    pub inputs: Vec<Input>,
}

/// A custom field in a form, for `fields/_inputs.html`.
#[derive(Clone, Debug)]
pub struct Input {
    pub name: String,
    pub label: String,
    pub help: String,
    pub required: bool,
    pub max: String,
    pub control: Control,
    pub value: String,
    /// Of a link.
    pub id: String,
    pub id_name: String,
    pub error: String,
    pub options: Vec<SelectOption>,
    pub currency_name: String,
    pub currencies: Vec<SelectOption>,
}

impl InputSection {
    /// The fields that this person may fill in, by section.
    pub fn of(catalogue: &Catalogue, actor: &Actor, form: &Form, errors: &FormErrors, people: &[Person]) -> Vec<Self> {
        let section = |(title, entries): (&str, Vec<&Entry>)| Self {
            title: title.to_owned(),
            inputs: entries
                .into_iter()
                .filter(|entry| entry.editable)
                .map(|entry| Input::new(entry, actor, form, errors, people))
                .collect(),
        };
        sections(catalogue).into_iter().map(section).filter(|section| !section.inputs.is_empty()).collect()
    }

    /// Only the fields that a new record must have.
    pub fn required(mut sections: Vec<Self>) -> Vec<Input> {
        let inputs = sections.iter_mut().flat_map(|section| std::mem::take(&mut section.inputs));
        inputs.filter(|input| input.required).collect()
    }
}

impl Input {
    /// Any field that people fill in, a built-in one too.
    pub fn of(entry: &Entry, actor: &Actor, form: &Form, errors: &FormErrors, people: &[Person]) -> Self {
        let mut input = Self::new(entry, actor, form, errors, people);
        if let (Origin::BuiltIn(_), Kind::Record(_)) = (entry.origin, &entry.kind) {
            // A built-in reference's name travels beside its id.
            let (_, name) = display::Described::reference(entry);
            input.value = form.get(&name).to_owned();
            input.name = name;
        }
        input
    }

    /// Where an empty answer is none.
    pub fn needed(mut self) -> Self {
        self.required = true;
        self
    }

    fn new(entry: &Entry, actor: &Actor, form: &Form, errors: &FormErrors, people: &[Person]) -> Self {
        let (id_name, _) = display::Described::reference(entry);
        let currency = currency_name(&entry.key);
        Self {
            name: entry.key.clone(),
            label: entry.label.clone(),
            help: entry.help.clone(),
            required: entry.required,
            max: entry.max.to_string(),
            control: control(entry),
            value: form.all(&entry.key).collect::<Vec<_>>().join("\n"),
            id: form.get(&id_name).to_owned(),
            id_name,
            error: errors.get(&entry.key).unwrap_or_default().to_owned(),
            options: options(entry, form, people),
            currencies: if entry.own_currency { currencies(form.get(&currency), &actor.org.currency) } else { vec![] },
            currency_name: currency,
        }
    }
}

/// The custom fields by section, sections in the order of their first field.
pub fn sections(catalogue: &Catalogue) -> Vec<(&str, Vec<&Entry>)> {
    let mut sections: Vec<(&str, Vec<&Entry>)> = Vec::new();
    for entry in catalogue.custom() {
        match sections.iter_mut().find(|(title, _)| *title == entry.section) {
            Some((_, entries)) => entries.push(entry),
            None => sections.push((&entry.section, vec![entry])),
        }
    }
    sections
}
