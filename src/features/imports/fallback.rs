//! Fields of companies and contacts as import knows them while their catalogues are empty.

use crate::kernel::{Field, FieldKind, RecordType};

const LIFECYCLE: &[(&str, &str)] =
    &[("lead", "Lead"), ("qualified", "Qualified"), ("customer", "Customer"), ("former", "Former customer")];

const COMPANY: &[Field] = &[
    Field::new("name", "Name", FieldKind::Text),
    Field::new("domain", "Domain", FieldKind::Domain),
    Field::new("industry", "Industry", FieldKind::Text),
    Field::new("employees", "Employees", FieldKind::Integer),
    Field::new("annual_revenue", "Annual revenue", FieldKind::Money),
    Field::new("phone", "Phone", FieldKind::Phone),
    Field::new("street", "Street", FieldKind::Text),
    Field::new("city", "City", FieldKind::Text),
    Field::new("region", "Region", FieldKind::Text),
    Field::new("postal_code", "Postal code", FieldKind::Text),
    Field::new("country", "Country", FieldKind::Country),
    Field::new("parent_id", "Parent company", FieldKind::Company),
    Field::new("owner_id", "Owner", FieldKind::Member),
    Field::new("description", "Description", FieldKind::LongText).max(10_000),
];

const CONTACT: &[Field] = &[
    Field::new("first_name", "First name", FieldKind::Text),
    Field::new("last_name", "Last name", FieldKind::Text),
    Field::new("title", "Title", FieldKind::Text),
    Field::new("email", "E-mail", FieldKind::Email),
    Field::new("other_emails", "Other e-mails", FieldKind::Emails),
    Field::new("phone", "Phone", FieldKind::Phone),
    Field::new("other_phones", "Other phones", FieldKind::Phones),
    Field::new("company_id", "Company", FieldKind::Company),
    Field::new("street", "Street", FieldKind::Text),
    Field::new("city", "City", FieldKind::Text),
    Field::new("region", "Region", FieldKind::Text),
    Field::new("postal_code", "Postal code", FieldKind::Text),
    Field::new("country", "Country", FieldKind::Country),
    Field::new("owner_id", "Owner", FieldKind::Member),
    Field::new("lifecycle", "Lifecycle", FieldKind::Choice(LIFECYCLE)),
    Field::new("do_not_contact", "Do not contact", FieldKind::Bool),
    Field::new("description", "Description", FieldKind::LongText).max(10_000),
];

pub fn fields(record: RecordType) -> &'static [Field] {
    match record {
        _ if !record.fields().is_empty() => record.fields(),
        RecordType::Company => COMPANY,
        RecordType::Contact => CONTACT,
        RecordType::Deal => &[],
    }
}
