//! Who takes part in something from the start: chosen in the form that plans it.

use super::forms;
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::accounts::members::Person,
    web::{Actor, Form, FormErrors, SelectOption},
};
use uuid::Uuid;

/// The form's fields for contacts, each with that of its id; more can be added once it is planned.
pub(super) const CONTACTS: [(&str, &str); 3] = [
    ("with_contact_1", "with_contact_1_id"),
    ("with_contact_2", "with_contact_2_id"),
    ("with_contact_3", "with_contact_3_id"),
];

/// Whether the form names anybody.
pub(super) fn anybody(form: &Form) -> bool {
    form.has("with") || CONTACTS.iter().any(|(name, id)| !form.get(if form.has(name) { name } else { id }).is_empty())
}

/// Colleagues to choose from; those whom the form names are ticked.
pub(super) fn colleagues(people: &[Person], form: &Form) -> Vec<SelectOption> {
    let option = |person: &Person| {
        let id = person.id.to_string();
        let ticked = form.all("with").any(|with| with == id);
        SelectOption::new(id, &person.name, ticked)
    };
    people.iter().filter(|person| person.active).map(option).collect()
}

/// Contacts whom the form names, each once.
pub(super) fn contacts(tx: &mut OrgTx, by: &Actor, form: &Form) -> AppResult<Vec<Uuid>> {
    let (mut found, mut errors) = (Vec::new(), FormErrors::default());
    for (name, id) in CONTACTS {
        let said = [("contact", name), ("contact_id", id)].into_iter().filter(|(_, field)| form.has(field));
        let one = Form::new(said.map(|(key, field)| (key.to_owned(), form.get(field).to_owned())));
        match forms::contact(tx, by, &one) {
            Ok(Some(id)) if !found.contains(&id) => found.push(id),
            Ok(_) => {}
            Err(AppError::Invalid(told)) => told.iter().for_each(|(_, told)| errors.add(name, told)),
            Err(other) => return Err(other),
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(errors.into()) }
}
