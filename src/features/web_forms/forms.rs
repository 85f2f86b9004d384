//! What an administrator typed about a form, as a [`NewWebForm`], and back.

use super::{
    model::{NewWebForm, WebField, WebForm, origin},
    offered::NAMING,
};
use crate::{
    features::fields::Entry,
    web::{Form, FormErrors, Parser},
};
use serde_json::json;

/// Origins that a form may have.
const MOST_ORIGINS: usize = 20;

/// `offered` is what may stand on a form.
pub(super) fn parse(form: &Form, offered: &[Entry]) -> Result<NewWebForm, FormErrors> {
    let mut p = form.parser();
    let fields = fields(form, offered, &mut p);
    let new = NewWebForm {
        name: p.required("name", 100),
        heading: p.text("heading", 200).unwrap_or_default(),
        fields: json!(fields),
        button: p.text("button", 40).unwrap_or_else(|| "Send".to_owned()),
        consent_text: p.text("consent_text", 1000).unwrap_or_default(),
        thanks: p.text("thanks", 1000).unwrap_or_default(),
        redirect_url: p.optional("redirect_url", next),
        source: p.text("source", 100),
        campaign: p.text("campaign", 100),
        origins: origins(form, &mut p).into_iter().map(Some).collect(),
        active: p.checkbox("active"),
    };
    p.finish()?;
    Ok(new)
}

fn fields(form: &Form, offered: &[Entry], p: &mut Parser) -> Vec<WebField> {
    let shown: Vec<&str> = form.all("show").collect();
    let required: Vec<&str> = form.all("required").collect();
    let mut fields: Vec<(i64, WebField)> = Vec::new();
    for (place, entry) in offered.iter().enumerate().filter(|(_, entry)| shown.contains(&entry.key.as_str())) {
        let label = p.text(&format!("label_{}", entry.key), 100).unwrap_or_else(|| entry.label.clone());
        let otherwise = i64::try_from(place).unwrap_or(0) + 1;
        let order = p.integer(&format!("order_{}", entry.key), 0, 999).unwrap_or(otherwise);
        let required = required.contains(&entry.key.as_str());
        fields.push((order, WebField { key: entry.key.clone(), label, required }));
    }
    fields.sort_by_key(|(order, _)| *order);
    let fields: Vec<WebField> = fields.into_iter().map(|(_, field)| field).collect();
    if !fields.iter().any(|field| NAMING.contains(&field.key.as_str())) {
        p.error("fields", "must have the e-mail, a name or the company among them: a lead is called by one of these");
    }
    fields
}

/// Where to go after sending.
fn next(text: &str) -> Result<String, &'static str> {
    const TOLD: &str = "must be a web address, such as https://www.example.com/thanks";
    if text.len() > 500 || origin(text).is_none() {
        return Err(TOLD);
    }
    url::Url::parse(text).map(|url| url.to_string()).map_err(|_| TOLD)
}

/// One on each line.
fn origins(form: &Form, p: &mut Parser) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in form.get("origins").lines().map(str::trim).filter(|line| !line.is_empty()) {
        let whole = if line.contains("://") { line.to_owned() } else { format!("https://{line}") };
        match origin(&whole) {
            Some(origin) if found.contains(&origin) => {}
            Some(origin) => found.push(origin),
            None => {
                let line: String = line.chars().take(60).collect();
                p.error("origins", format!("“{line}” is not the address of a site, such as https://www.example.com"));
            }
        }
    }
    if found.len() > MOST_ORIGINS {
        p.error("origins", format!("are too many: {MOST_ORIGINS} at most"));
    }
    found
}

/// The form of one that is there.
pub(super) fn to_form(form: &WebForm) -> Form {
    let made = &form.made;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut pairs = vec![
        ("version".to_owned(), form.version.to_string()),
        ("name".to_owned(), made.name.clone()),
        ("heading".to_owned(), made.heading.clone()),
        ("button".to_owned(), made.button.clone()),
        ("consent_text".to_owned(), made.consent_text.clone()),
        ("thanks".to_owned(), made.thanks.clone()),
        ("redirect_url".to_owned(), text(&made.redirect_url)),
        ("source".to_owned(), text(&made.source)),
        ("campaign".to_owned(), text(&made.campaign)),
        ("origins".to_owned(), made.origins().join("\n")),
        ("active".to_owned(), if made.active { "true".to_owned() } else { String::new() }),
    ];
    for (place, field) in made.fields().into_iter().enumerate() {
        pairs.push((format!("label_{}", field.key), field.label));
        pairs.push((format!("order_{}", field.key), (place + 1).to_string()));
        if field.required {
            pairs.push(("required".to_owned(), field.key.clone()));
        }
        pairs.push(("show".to_owned(), field.key));
    }
    Form::new(pairs)
}

/// What a new form begins with.
pub(super) fn proposal() -> Form {
    let pairs = [
        ("button", "Send"),
        ("thanks", "Thank you. We will be in touch."),
        ("source", "Website"),
        ("active", "true"),
        ("show", "first_name"),
        ("show", "last_name"),
        ("show", "company_name"),
        ("show", "email"),
        ("show", "phone"),
        ("show", "description"),
        ("required", "last_name"),
        ("required", "email"),
        ("label_email", "E-mail address"),
        ("label_description", "How can we help?"),
    ];
    Form::new(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
}
