//! The values that travel through the stage: which a file gives of a record, and the column each ends in.

use super::{
    mapping::{Mapping, Role},
    presets::Notes,
};
use crate::kernel::{FieldKind, RecordType};

/// The most places of the stage table that a mapping may use.
pub const SLOTS: usize = 32;

/// A value that travels through the stage, and the column it ends in.
#[derive(Clone, Debug)]
pub struct Slot {
    pub key: &'static str,
    /// Of the record's table, without its name; empty for what has rules of its own.
    pub column: &'static str,
    pub kind: FieldKind,
}

impl Slot {
    fn of(key: &'static str, column: &'static str, kind: FieldKind) -> Self {
        Self { key, column, kind }
    }

    /// The Postgres type that the stage's text is cast to.
    pub fn cast(&self) -> &'static str {
        match self.kind {
            FieldKind::Integer => "integer",
            FieldKind::Percent => "smallint",
            FieldKind::Money => "numeric",
            FieldKind::Date => "date",
            FieldKind::DateTime => "timestamptz",
            FieldKind::Bool => "boolean",
            FieldKind::Emails | FieldKind::Phones => "text[]",
            FieldKind::Member => "uuid",
            _ => "text",
        }
    }
}

/// What this file gives of a record, in the order of its columns.
pub fn of(record: RecordType, mapping: &Mapping) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::new();
    let mut add = |slot: Slot| {
        if !slots.iter().any(|s| s.key == slot.key) && slots.len() < SLOTS {
            slots.push(slot);
        }
    };
    if record == RecordType::Deal {
        for (key, kind) in [("place", FieldKind::Text), ("status", FieldKind::Text), ("closed_at", FieldKind::DateTime)]
        {
            add(Slot::of(key, "", kind));
        }
        add(Slot::of("name", "name", FieldKind::Text));
    }
    if record == RecordType::Lead {
        add(Slot::of("last_name", "last_name", FieldKind::Text));
    }
    for column in &mapping.columns {
        let field = &column.field;
        match column.role {
            Role::Plain | Role::ExternalId => {
                add(Slot::of(field.key, field.column.rsplit('.').next().unwrap_or(field.column), field.kind));
            }
            Role::RecordId => add(Slot::of("record_id", "", FieldKind::Text)),
            Role::Owner => add(Slot::of(field.key, "owner_id", FieldKind::Member)),
            Role::FullName => {
                add(Slot::of("first_name", "first_name", FieldKind::Text));
                add(Slot::of("last_name", "last_name", FieldKind::Text));
            }
            Role::ContactName => add(Slot::of("contact_name", "", FieldKind::Text)),
            Role::ContactEmail => add(Slot::of("contact_email", "", FieldKind::Email)),
            Role::People | Role::Rivals | Role::LostTo => add(Slot::of(field.key, "", FieldKind::Text)),
            Role::Quantity => add(Slot::of("quantity", "", FieldKind::Money)),
            Role::Created => add(Slot::of("created_at", "", FieldKind::DateTime)),
            _ => {}
        }
        // Cells may hold more than their field does.
        match (record, field.key) {
            (RecordType::Contact | RecordType::Lead, "email") => {
                add(Slot::of("other_emails", "other_emails", FieldKind::Emails))
            }
            (RecordType::Contact | RecordType::Lead, "phone") => {
                add(Slot::of("other_phones", "other_phones", FieldKind::Phones))
            }
            (RecordType::Deal, "amount") | (RecordType::Lead, "estimated_value") => {
                add(Slot::of("currency", "currency", FieldKind::Currency))
            }
            _ => {}
        }
        if column.treatment.notes != Notes::Never {
            add(Slot::of("description", "description", FieldKind::LongText));
        }
    }
    slots
}
