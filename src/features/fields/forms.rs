//! A custom field's own form: from what an administrator typed to a [`NewField`], and back.

use super::{
    ParseContext,
    commands::NewField,
    definition::{self, ChoiceOption, CustomField, KINDS, Options, RESULTS},
    parse as parse_value,
    render::{self, Names},
};
use crate::{
    features::{accounts::organisations::ROLES, pipeline::COLORS},
    kernel::{RecordType, text},
    web::{Form, FormErrors},
};
use serde_json::Value;

/// Most choices of one field.
const CHOICES: usize = 200;
const SECTION: &str = "More";

/// Reads the form of a new field, or of `before` as it will be.
pub(super) fn parse(form: &Form, before: Option<&CustomField>, context: &ParseContext) -> Result<NewField, FormErrors> {
    let mut p = form.parser();
    let label = p.required("label", 80);
    if text::is_turned(&label) {
        p.error("label", text::TURNED);
    }
    let kind = form.get("kind").to_owned();
    if !KINDS.iter().any(|(key, ..)| *key == kind) {
        p.error("kind", "is not one of the kinds of field");
    }
    let section = p.text("section", 60).unwrap_or_else(|| SECTION.to_owned());
    let help = p.text("help", 300).unwrap_or_default();
    let is_unique = p.checkbox("unique");
    if is_unique && !definition::may_be_unique(&kind) {
        p.error("unique", "cannot be asked of this kind of field");
    }
    let mut errors = p.finish().err().unwrap_or_default();
    let options = options(form, &kind, before, &mut errors);
    let (viewers, editors) = (roles(form, "viewers", &mut errors), roles(form, "editors", &mut errors));
    let searchable = form.get("searchable") == "true" && definition::may_be_searched(&kind);
    if searchable && viewers.is_some() {
        errors.add("searchable", "is for fields that everyone may see: who finds a record by a word would learn it");
    }
    let mut new = NewField {
        required: form.get("required") == "true" && kind != "formula",
        options: serde_json::to_value(options).unwrap_or_default(),
        is_unique,
        searchable,
        listed: form.get("listed") == "true",
        default_value: None,
        label,
        kind,
        help,
        section,
        viewers,
        editors,
    };
    new.default_value = default(form, &new, context, &mut errors);
    if errors.is_empty() { Ok(new) } else { Err(errors) }
}

fn options(form: &Form, kind: &str, before: Option<&CustomField>, errors: &mut FormErrors) -> Options {
    let mut options = Options::default();
    match kind {
        "choice" | "choices" => options.choices = choices(form, before, errors),
        "money" => {
            // What amounts mean does not change under them.
            let kept = before.filter(|f| f.kind == "money").map(|f| f.options().own_currency);
            options.own_currency = kept.unwrap_or(form.get("own_currency") == "true");
        }
        "record" => {
            let kept = before.map(|f| f.options().record).unwrap_or_else(|| form.get("record").to_owned());
            match RecordType::parse(&kept) {
                Some(record) => record.key().clone_into(&mut options.record),
                None => errors.add("record", "is not one of the types of record"),
            }
        }
        "formula" => {
            form.get("formula").clone_into(&mut options.formula);
            let result = before.map(|f| f.options().result).unwrap_or_else(|| form.get("result").to_owned());
            if !RESULTS.iter().any(|(key, _)| *key == result) {
                errors.add("result", "is not one of the results a formula may have");
            }
            options.result = result;
        }
        _ => {}
    }
    options
}

/// The choices there were, as the form has them now, then the new ones, a line each. None is ever taken away: records may hold it.
fn choices(form: &Form, before: Option<&CustomField>, errors: &mut FormErrors) -> Vec<ChoiceOption> {
    let had = before.map(|f| f.options().choices).unwrap_or_default();
    let mut all: Vec<(i64, ChoiceOption)> = Vec::new();
    for (place, old) in (1i64..).zip(had) {
        let at = |name: &str| form.get(&format!("choice_{name}_{}", old.key)).to_owned();
        let order = at("order").parse().unwrap_or(place);
        let label = Some(at("label")).filter(|label| !label.is_empty()).unwrap_or(old.label);
        let choice = ChoiceOption { label, color: color(&at("color")), retired: at("retired") == "true", key: old.key };
        all.push((order, choice));
    }
    all.sort_by_key(|(order, _)| *order);
    let mut all: Vec<ChoiceOption> = all.into_iter().map(|(_, choice)| choice).collect();
    for label in form.get("new_choices").lines().map(str::trim).filter(|line| !line.is_empty()) {
        let color = COLORS.get(all.len() % COLORS.len()).map_or("", |(key, _)| key);
        all.push(ChoiceOption {
            key: free_key(&all, label),
            label: label.to_owned(),
            color: color.to_owned(),
            retired: false,
        });
    }
    judge(&all, errors);
    all
}

/// Choices of these labels.
pub fn choices_of(labels: &[String]) -> Vec<ChoiceOption> {
    let mut all: Vec<ChoiceOption> = Vec::new();
    for label in labels {
        let color = COLORS.get(all.len() % COLORS.len()).map_or("", |(key, _)| key);
        let (key, label) = (free_key(&all, label), label.chars().take(80).collect());
        all.push(ChoiceOption { key, label, color: color.to_owned(), retired: false });
    }
    all
}

fn judge(all: &[ChoiceOption], errors: &mut FormErrors) {
    let mut labels: Vec<String> = all.iter().map(|c| text::fold(&c.label)).collect();
    labels.sort_unstable();
    if all.is_empty() {
        errors.add("new_choices", "is required: at least one choice");
    } else if all.len() > CHOICES {
        errors.add("new_choices", format!("makes too many: at most {CHOICES} choices"));
    } else if all.iter().any(|c| c.label.chars().count() > 80) {
        errors.add("new_choices", "holds a choice that is too long: at most 80 characters");
    } else if all.iter().any(|c| text::is_turned(&c.label)) {
        errors.add("new_choices", text::TURNED);
    } else if labels.windows(2).any(|pair| pair.first() == pair.last()) {
        errors.add("new_choices", "holds the same choice twice");
    }
}

fn color(key: &str) -> String {
    COLORS.iter().find(|(k, _)| *k == key).map(|(k, _)| (*k).to_owned()).unwrap_or_default()
}

fn free_key(all: &[ChoiceOption], label: &str) -> String {
    let folded = text::fold(label);
    let words = folded.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug: String = words.collect::<Vec<_>>().join("_").chars().take(40).collect();
    let slug = if slug.is_empty() { "choice".to_owned() } else { slug };
    let taken = |key: &String| all.iter().any(|c| c.key == *key);
    let numbered = (2..).map(|n| format!("{slug}_{n}"));
    std::iter::once(slug.clone()).chain(numbered).find(|key| !taken(key)).unwrap_or_default()
}

/// The roles ticked; `None` when all are.
fn roles(form: &Form, name: &str, errors: &mut FormErrors) -> Option<Vec<Option<String>>> {
    let ticked = |key: &str| form.all(name).any(|value| value == key);
    let chosen: Vec<Option<String>> =
        ROLES.iter().map(|role| role.0).filter(|key| ticked(key)).map(|key| Some(key.to_owned())).collect();
    if chosen.is_empty() {
        errors.add(name, "needs at least one role");
    }
    (chosen.len() < ROLES.len()).then_some(chosen)
}

fn default(form: &Form, new: &NewField, context: &ParseContext, errors: &mut FormErrors) -> Option<Value> {
    let text = form.get("default");
    if text.is_empty() || !has_default(&new.kind) {
        return None;
    }
    let entry = entry_of(new);
    match parse_value(&entry, text, context) {
        Ok(value) => Some(value).filter(|value| !value.is_null()),
        Err(told) => {
            errors.add("default", told);
            None
        }
    }
}

/// Whether a new record of that kind of field may begin with a value.
pub(super) fn has_default(kind: &str) -> bool {
    !matches!(kind, "formula" | "member" | "record")
}

fn entry_of(new: &NewField) -> super::Entry {
    let field = CustomField {
        id: crate::kernel::CustomFieldId(uuid::Uuid::nil()),
        record_type: String::new(),
        key: "c_default".into(),
        label: new.label.clone(),
        kind: new.kind.clone(),
        options: new.options.clone(),
        required: false,
        is_unique: false,
        searchable: false,
        listed: false,
        default_value: None,
        help: String::new(),
        section: String::new(),
        position: 0,
        viewers: None,
        editors: None,
        retired_at: None,
        version: 1,
    };
    field.entry(true)
}

/// The form of a field as it is.
pub(super) fn to_form(field: &CustomField) -> Form {
    let options = field.options();
    let yes = |yes: bool| if yes { "true".to_owned() } else { String::new() };
    let default = field.default_value.as_ref().map(|value| render::plain(&field.entry(true), value, &Names::default()));
    let mut pairs: Vec<(String, String)> = [
        ("version", field.version.to_string()),
        ("label", field.label.clone()),
        ("kind", field.kind.clone()),
        ("section", field.section.clone()),
        ("help", field.help.clone()),
        ("required", yes(field.required)),
        ("unique", yes(field.is_unique)),
        ("searchable", yes(field.searchable)),
        ("listed", yes(field.listed)),
        ("default", default.unwrap_or_default()),
        ("own_currency", yes(options.own_currency)),
        ("record", options.record),
        ("formula", options.formula),
        ("result", options.result),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for (name, roles) in [("viewers", &field.viewers), ("editors", &field.editors)] {
        let named = |key: &str| roles.as_ref().is_none_or(|roles| roles.iter().flatten().any(|r| r == key));
        pairs.extend(ROLES.iter().filter(|role| named(role.0)).map(|role| (name.to_owned(), role.0.to_owned())));
    }
    for (place, choice) in (1..).zip(options.choices) {
        pairs.push((format!("choice_label_{}", choice.key), choice.label));
        pairs.push((format!("choice_color_{}", choice.key), choice.color));
        pairs.push((format!("choice_retired_{}", choice.key), yes(choice.retired)));
        pairs.push((format!("choice_order_{}", choice.key), i32::to_string(&place)));
    }
    Form::new(pairs)
}
