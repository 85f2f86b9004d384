//! The fields of a company.

use crate::kernel::{Field, FieldKind};

pub const FIELDS: &[Field] = &[
    Field::new("name", "Name", FieldKind::Text).max(200).required().sortable().listed().aliases(&[
        "account",
        "account name",
        "company",
        "company name",
        "organisation",
        "organization",
        "customer",
    ]),
    Field::new("domain", "Domain", FieldKind::Domain).listed().aliases(&[
        "website",
        "web site",
        "web",
        "url",
        "homepage",
        "company domain",
    ]),
    Field::new("industry", "Industry", FieldKind::Text)
        .max(100)
        .listed()
        .groupable()
        .aliases(&["sector", "branch", "vertical"]),
    Field::new("employees", "Employees", FieldKind::Integer).listed().aliases(&[
        "size",
        "company size",
        "number of employees",
        "employee count",
        "headcount",
    ]),
    Field::new("annual_revenue", "Annual revenue", FieldKind::Money).aliases(&["revenue", "turnover", "sales"]),
    Field::new("phone", "Phone", FieldKind::Phone).aliases(&["telephone", "tel", "phone number", "main phone"]),
    Field::new("street", "Street", FieldKind::Text).aliases(&["address", "street address", "address line 1"]),
    Field::new("city", "City", FieldKind::Text).max(100).aliases(&["town", "place"]),
    Field::new("region", "Region", FieldKind::Text).max(100).aliases(&["state", "province", "county"]),
    Field::new("postal_code", "Postal code", FieldKind::Text).max(20).aliases(&["zip", "zip code", "postcode"]),
    Field::new("country", "Country", FieldKind::Country).listed().aliases(&[
        "office location",
        "location",
        "country code",
    ]),
    Field::new("parent_id", "Parent company", FieldKind::Company).aliases(&[
        "parent",
        "parent company",
        "parent account",
        "subsidiary of",
    ]),
    Field::new("owner_id", "Owner", FieldKind::Member).listed().aliases(&[
        "owner",
        "account owner",
        "account manager",
        "assigned to",
    ]),
    Field::new("description", "Description", FieldKind::LongText).max(10_000).aliases(&["notes", "about", "comments"]),
    // By which rule of assignment it got its owner, when that has a name.
    Field::new("territory", "Territory", FieldKind::Text)
        .column("(SELECT t.name FROM assignment_rules t WHERE t.org_id = companies.org_id AND t.id = companies.territory_id)")
        .expr("(SELECT t.name FROM assignment_rules t WHERE t.org_id = r.org_id AND t.id = r.territory_id)")
        .computed(),
    Field::new("created_at", "Added", FieldKind::DateTime).sortable().listed().computed(),
    Field::new("updated_at", "Changed", FieldKind::DateTime).computed(),
    Field::new("created_by", "Added by", FieldKind::Member).computed(),
    Field::new("archived_at", "Archived", FieldKind::DateTime).computed(),
    Field::new("external_id", "Id in the other system", FieldKind::Text).computed(),
];
