//! The fields of a contact.

use crate::kernel::{Field, FieldKind};

pub const LIFECYCLES: &[(&str, &str)] =
    &[("lead", "Lead"), ("qualified", "Qualified"), ("customer", "Customer"), ("former", "Former")];

pub const FIELDS: &[Field] = &[
    // The whole name: what lists sort by. Import reads a file's one name column as `full_name`, into the two below.
    Field::new("name", "Name", FieldKind::Text)
        .column("btrim(first_name || ' ' || last_name)")
        .expr("btrim(r.first_name || ' ' || r.last_name)")
        .computed()
        .sortable()
        .listed(),
    Field::new("first_name", "First name", FieldKind::Text).max(100).aliases(&["first", "given name", "forename"]),
    Field::new("last_name", "Last name", FieldKind::Text).max(100).aliases(&["last", "surname", "family name"]),
    Field::new("title", "Title", FieldKind::Text).max(150).listed().aliases(&[
        "job title",
        "position",
        "role",
        "function",
    ]),
    Field::new("company_id", "Company", FieldKind::Company).listed().aliases(&[
        "company",
        "company name",
        "account",
        "account name",
        "organisation",
        "organization",
        "employer",
    ]),
    Field::new("email", "E-mail", FieldKind::Email).listed().aliases(&["e mail", "email address", "mail", "email 1"]),
    Field::new("other_emails", "Other e-mails", FieldKind::Emails).aliases(&[
        "email 2",
        "secondary email",
        "alternative email",
    ]),
    Field::new("phone", "Phone", FieldKind::Phone).listed().aliases(&[
        "telephone",
        "tel",
        "phone number",
        "mobile",
        "mobile phone",
        "cell",
        "phone 1",
    ]),
    Field::new("other_phones", "Other phones", FieldKind::Phones).aliases(&["phone 2", "work phone", "home phone"]),
    Field::new("lifecycle", "Lifecycle", FieldKind::Choice(LIFECYCLES)).required().listed().aliases(&[
        "lifecycle stage",
        "status",
        "lead status",
    ]),
    Field::new("do_not_contact", "Do not contact", FieldKind::Bool).aliases(&[
        "opt out",
        "unsubscribed",
        "do not call",
    ]),
    Field::new("street", "Street", FieldKind::Text).aliases(&["address", "street address", "address line 1"]),
    Field::new("city", "City", FieldKind::Text).max(100).aliases(&["town", "place"]),
    Field::new("region", "Region", FieldKind::Text).max(100).aliases(&["state", "province", "county"]),
    Field::new("postal_code", "Postal code", FieldKind::Text).max(20).aliases(&["zip", "zip code", "postcode"]),
    Field::new("country", "Country", FieldKind::Country).aliases(&["country code", "location"]),
    Field::new("owner_id", "Owner", FieldKind::Member).listed().aliases(&["owner", "contact owner", "assigned to"]),
    Field::new("description", "Description", FieldKind::LongText).max(10_000).aliases(&["notes", "about", "comments"]),
    Field::new("created_at", "Added", FieldKind::DateTime).sortable().listed().computed(),
    Field::new("updated_at", "Changed", FieldKind::DateTime).computed(),
    Field::new("created_by", "Added by", FieldKind::Member).computed(),
    Field::new("archived_at", "Archived", FieldKind::DateTime).computed(),
    Field::new("external_id", "Id in the other system", FieldKind::Text).computed(),
];
