//! The organisation's own fields on the way from a lead to what it becomes: a field of the same name and kind takes the value along.

use super::super::model::Lead;
use crate::{
    db::OrgTx,
    error::AppResult,
    features::fields::{self, Catalogue, Choice, Custom, Entry, Kind, Names},
    kernel::{RecordType, text},
    web::Actor,
};
use serde_json::{Value, json};

/// A value that may go along, for the form to offer.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    /// In the form: `contact:c_interest`.
    pub key: String,
    /// `Contact: Interest`
    pub label: String,
    /// The value in words.
    pub text: String,
    record: RecordType,
    target: String,
    value: Value,
}

/// Every value of the lead that the actor sees and may put into a new contact, company or deal.
pub(super) fn offers(tx: &mut OrgTx, actor: &Actor, lead: &Lead) -> AppResult<Vec<Offer>> {
    let from = Catalogue::load(tx, actor, RecordType::Lead)?;
    let custom = &lead.fields.custom;
    let given: Vec<(&Entry, &Value)> =
        from.custom().map(|entry| (entry, custom.get(&entry.key))).filter(|(_, value)| !value.is_null()).collect();
    if given.is_empty() {
        return Ok(vec![]);
    }
    let names = Names::load(tx, from.custom(), &[custom])?;
    let mut offers = Vec::new();
    for record in [RecordType::Contact, RecordType::Company, RecordType::Deal] {
        let into = Catalogue::load(tx, actor, record)?;
        for (entry, value) in &given {
            let same = |target: &&Entry| target.editable && text::fold(&target.label) == text::fold(&entry.label);
            let Some(target) = into.custom().find(same) else { continue };
            let Some(value) = carried(&entry.kind, &target.kind, value) else { continue };
            offers.push(Offer {
                key: format!("{}:{}", record.key(), target.key),
                label: format!("{}: {}", record.label(), target.label),
                text: fields::display(target, &value, actor, &names),
                record,
                target: target.key.clone(),
                value,
            });
        }
    }
    Ok(offers)
}

/// What a new record of that type holds: the defaults, and what was chosen to go along.
pub(super) fn custom(tx: &mut OrgTx, chosen: &[Offer], record: RecordType) -> AppResult<Custom> {
    let mut custom = Custom::default();
    for entry in Catalogue::whole(tx, record)?.custom() {
        custom.set(&entry.key, entry.default.clone().unwrap_or_default());
    }
    for offer in chosen.iter().filter(|offer| offer.record == record) {
        custom.set(&offer.target, offer.value.clone());
    }
    Ok(custom)
}

/// The value as the other field keeps it. Choices are the same when they are called the same.
fn carried(from: &Kind, to: &Kind, value: &Value) -> Option<Value> {
    match (from, to) {
        (Kind::Formula(_), _) | (_, Kind::Formula(_)) => None,
        (Kind::Choice(from), Kind::Choice(to)) => same_choice(from, to, value.as_str()?).map(Value::from),
        (Kind::Choices(from), Kind::Choices(to)) => {
            let keys = value.as_array()?.iter().filter_map(Value::as_str);
            let kept: Vec<&str> = keys.filter_map(|key| same_choice(from, to, key)).collect();
            (!kept.is_empty()).then(|| json!(kept))
        }
        (from, to) => (from == to).then(|| value.clone()),
    }
}

fn same_choice<'a>(from: &[Choice], to: &'a [Choice], key: &str) -> Option<&'a str> {
    let label = text::fold(&from.iter().find(|choice| choice.key == key)?.label);
    to.iter().find(|choice| !choice.retired && text::fold(&choice.label) == label).map(|choice| choice.key.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(all: &[(&str, &str, bool)]) -> Vec<Choice> {
        let choice = |(key, label, retired): &(&str, &str, bool)| Choice {
            key: (*key).into(),
            label: (*label).into(),
            color: String::new(),
            retired: *retired,
        };
        all.iter().map(choice).collect()
    }

    #[test]
    fn values_go_along_when_the_kinds_are_the_same() {
        let value = json!("x");
        assert_eq!(carried(&Kind::Text, &Kind::Text, &value), Some(value.clone()));
        assert_eq!(carried(&Kind::Text, &Kind::Email, &value), None);
        assert_eq!(carried(&Kind::Record(RecordType::Deal), &Kind::Record(RecordType::Company), &value), None);
        assert_eq!(carried(&Kind::Formula(Box::new(Kind::Text)), &Kind::Text, &value), None);
        let from = choices(&[("a", "Pumps", false), ("b", "Valves", false), ("c", "Élan", false)]);
        let to = choices(&[("p", "pumps", false), ("v", "Valves", true), ("e", "elan", false)]);
        let (one, other) = (Kind::Choice(from.clone()), Kind::Choice(to.clone()));
        assert_eq!(carried(&one, &other, &json!("a")), Some(json!("p")));
        assert_eq!(carried(&one, &other, &json!("b")), None, "retired");
        assert_eq!(carried(&Kind::Choices(from), &Kind::Choices(to), &json!(["a", "b", "c"])), Some(json!(["p", "e"])));
    }
}
