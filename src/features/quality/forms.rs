//! The form of a validation rule: from what was typed to a [`NewRule`], and back.

use super::{
    commands::NewRule,
    formats::{self, FORMATS},
    rule::ValidationRule,
};
use crate::{
    error::AppResult,
    kernel::text,
    web::{Form, SelectOption},
};

const LONGEST_MESSAGE: usize = 300;

/// Reads the form. Whether the expression reads and the field exists is the command's to find out.
pub(super) fn parse(form: &Form) -> AppResult<NewRule> {
    let mut p = form.parser();
    let kind = if form.get("kind") == "expression" { "expression" } else { "format" };
    let keys: Vec<(&'static str, &str)> = FORMATS.iter().map(|format| (format.key, format.label)).collect();
    let format = if kind == "format" { p.choice("format", &keys) } else { None };
    if kind == "format" && format.is_none() {
        p.error("format", "is required");
    }
    let expression = match (kind, format) {
        ("expression", _) => p.required("expression", 2_000),
        (_, Some(formats::PATTERN)) => p.required("pattern", formats::LONGEST),
        _ => String::new(),
    };
    // A sentence of its own: see `FormErrors::summary`.
    let message = text::sentence(&p.required("message", LONGEST_MESSAGE).replace('\n', " "));
    let field = p.required("field", 100);
    let active = p.checkbox("active");
    p.finish()?;
    let format = format.unwrap_or_default().to_owned();
    Ok(NewRule { kind: kind.to_owned(), field, format, expression, message, active })
}

/// The form of a rule as it is.
pub(super) fn to_form(rule: &ValidationRule) -> Form {
    let own = rule.format == formats::PATTERN;
    let yes = if rule.active { "true" } else { "" };
    Form::new(
        [
            ("version", rule.version.to_string()),
            ("kind", rule.kind.clone()),
            ("field", rule.field.clone()),
            ("format", rule.format.clone()),
            ("pattern", if own { rule.expression.clone() } else { String::new() }),
            ("expression", if rule.kind == "expression" { rule.expression.clone() } else { String::new() }),
            ("message", rule.message.clone()),
            ("active", yes.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}

/// The formats with what fits them.
pub(super) fn format_choices(chosen: &str) -> Vec<SelectOption> {
    let label = |format: &formats::Format| match format.example {
        "" => format.label.to_owned(),
        example => format!("{} ({example})", format.label),
    };
    FORMATS.iter().map(|format| SelectOption::new(format.key, label(format), format.key == chosen)).collect()
}
