//! What other programs call the fields of ours, and the fields that only import knows.

use crate::kernel::{Field, FieldKind, RecordType};

/// What the column of a record's own id is called, in exports and so in files that come back.
pub const RECORD_ID: &str = "Pipewright ID";

/// Headings besides the catalogue's, by record and key.
pub const MORE: &[(RecordType, &str, &[&str])] = &[
    (RecordType::Company, "name", &["company", "company name", "account", "account name", "organization name"]),
    (RecordType::Company, "domain", &["company domain name", "company domain", "website", "web", "url", "homepage"]),
    (RecordType::Company, "industry", &["sector", "branch"]),
    (RecordType::Company, "employees", &["number of employees", "no of employees", "size", "headcount"]),
    (RecordType::Company, "annual_revenue", &["annual revenue", "revenue", "turnover"]),
    (RecordType::Company, "phone", &["phone number", "telephone", "main phone"]),
    (RecordType::Company, "country", &["office location", "billing country", "country region"]),
    (RecordType::Company, "parent_id", &["parent", "parent company", "subsidiary of", "parent account"]),
    (RecordType::Company, "owner_id", &["company owner", "account owner"]),
    (RecordType::Company, "external_id", &["company id", "account id"]),
    (RecordType::Contact, "first_name", &["first name", "given name", "person first name"]),
    (RecordType::Contact, "last_name", &["last name", "surname", "family name", "person last name"]),
    (
        RecordType::Contact,
        "full_name",
        &["full name", "display name", "contact name", "person name", "contact", "person"],
    ),
    (RecordType::Contact, "title", &["job title", "position", "role", "organization title"]),
    (
        RecordType::Contact,
        "email",
        &["email address", "primary email", "work email", "mail", "email 1 value", "person email work"],
    ),
    (
        RecordType::Contact,
        "other_emails",
        &[
            "secondary email",
            "email 2",
            "email 3",
            "email 2 address",
            "email 3 address",
            "email 2 value",
            "email 3 value",
            "email 4 value",
            "person email home",
        ],
    ),
    (
        RecordType::Contact,
        "phone",
        &[
            "phone number",
            "telephone",
            "business phone",
            "work phone",
            "primary phone",
            "phone 1 value",
            "person phone",
        ],
    ),
    (
        RecordType::Contact,
        "other_phones",
        &[
            "mobile",
            "mobile phone",
            "mobile number",
            "mobile phone number",
            "cell",
            "cell phone",
            "home phone",
            "business phone 2",
            "home phone 2",
            "other phone",
            "phone 2 value",
            "phone 3 value",
            "phone 4 value",
        ],
    ),
    (
        RecordType::Contact,
        "company_id",
        &[
            "company",
            "company name",
            "account",
            "account name",
            "organisation",
            "organization",
            "organization name",
            "employer",
            "associated company",
        ],
    ),
    (
        RecordType::Contact,
        "company_domain",
        &["associated company domain", "company domain", "company domain name", "company website"],
    ),
    (RecordType::Contact, "owner_id", &["contact owner", "lead owner"]),
    (RecordType::Contact, "lifecycle", &["lifecycle stage"]),
    (
        RecordType::Contact,
        "do_not_contact",
        &["do not contact", "do not call", "do not email", "unsubscribed", "opted out"],
    ),
    (RecordType::Contact, "external_id", &["contact id", "lead id", "person id"]),
    (RecordType::Lead, "external_id", &["lead number"]),
    (RecordType::Deal, "name", &["deal title", "opportunity name"]),
    (RecordType::Deal, "company_id", &["company", "account", "customer", "organization name"]),
    (RecordType::Deal, "company_domain", &["associated company domain", "company domain"]),
    (RecordType::Deal, "stage_id", &["stage", "deal stage", "stage name", "sales stage"]),
    (RecordType::Deal, "amount", &["value", "close value", "deal value", "deal amount"]),
    (RecordType::Deal, "expected_close_on", &["close date", "expected close date"]),
    (RecordType::Deal, "owner_id", &["sales agent", "deal owner", "opportunity owner"]),
    (RecordType::Deal, "external_id", &["opportunity id", "deal id"]),
    (RecordType::Deal, "created_at", &["create date", "created date", "engage date", "open date", "start date"]),
    (
        RecordType::Deal,
        "product",
        &["product name", "product code", "item", "item name", "sku", "article", "line item"],
    ),
    (RecordType::Deal, "quantity", &["qty", "units", "number of units", "product quantity", "seats"]),
    (
        RecordType::Deal,
        "contact_email",
        &["associated contact email", "primary contact email", "email", "email address", "person email"],
    ),
    (
        RecordType::Deal,
        "contact_name",
        &["contact name", "primary contact", "associated contact", "contact person", "person", "person name"],
    ),
    (RecordType::Deal, "contacts", &["stakeholders", "contact persons"]),
    (RecordType::Deal, "competitors", &["competitor", "main competitors", "main competitor"]),
    (RecordType::Deal, "lost_to", &["lost to competitor", "lost to company"]),
];

/// Headings that every kind of record knows.
pub const COMMON: &[(&str, &[&str])] = &[
    ("external_id", &["id", "record id", "external id"]),
    ("owner_id", &["owner", "owner email", "owner name", "assigned to"]),
    ("street", &["street address", "address", "billing street", "home street", "business street", "address 1 street"]),
    ("city", &["town", "billing city", "home city", "business city", "address 1 city"]),
    ("region", &["state", "state region", "province", "billing state", "home state", "business state"]),
    (
        "postal_code",
        &[
            "zip",
            "zip code",
            "postcode",
            "postal code",
            "billing postal code",
            "home postal code",
            "home zip code",
            "business postal code",
        ],
    ),
    ("country", &["billing country", "home country", "business country", "country region"]),
    ("description", &["notes", "note", "comments"]),
    ("tags", &["tag", "label", "labels", "categories", "group membership"]),
    (
        "company_external_id",
        &["company id", "account id", "organization id", "organisation id", "associated company id"],
    ),
    ("parent_external_id", &["parent id", "parent company id", "parent account id"]),
];

const OWN: Field = Field::new("external_id", "Id in the other system", FieldKind::Text);
/// As our own exports head the column.
const RECORD: Field = Field::new("pipewright_id", RECORD_ID, FieldKind::Text);
const TAGS: Field = Field::new("tags", "Tags", FieldKind::Text);
const COMPANY: Field = Field::new("company_external_id", "Company's id in the other system", FieldKind::Text);
const PARENT: Field = Field::new("parent_external_id", "Parent's id in the other system", FieldKind::Text);
/// What import understands though the catalogue does not offer it for editing.
pub const EXTRA: &[(RecordType, Field)] = &[
    (RecordType::Company, OWN),
    (RecordType::Company, PARENT),
    (RecordType::Company, TAGS),
    (RecordType::Contact, OWN),
    (RecordType::Contact, Field::new("full_name", "Name", FieldKind::Text)),
    (RecordType::Lead, OWN),
    (RecordType::Lead, Field::new("full_name", "Name", FieldKind::Text)),
    (RecordType::Contact, Field::new("company_domain", "Company's domain", FieldKind::Domain)),
    (RecordType::Contact, COMPANY),
    (RecordType::Contact, TAGS),
    (RecordType::Lead, TAGS),
    (RecordType::Deal, OWN),
    (RecordType::Deal, Field::new("company_domain", "Company's domain", FieldKind::Domain)),
    (RecordType::Deal, COMPANY),
    (RecordType::Deal, TAGS),
    (RecordType::Deal, Field::new("contact_email", "Contact's e-mail", FieldKind::Email)),
    (RecordType::Deal, Field::new("contact_name", "Contact", FieldKind::Text)),
    (RecordType::Deal, Field::new("contacts", "Contacts", FieldKind::LongText)),
    (RecordType::Deal, Field::new("competitors", "Competitors", FieldKind::LongText)),
    (RecordType::Deal, Field::new("lost_to", "Lost to", FieldKind::Text)),
    (RecordType::Deal, Field::new("created_at", "Created", FieldKind::DateTime)),
    (RecordType::Deal, Field::new("product", "Product", FieldKind::Text)),
    (RecordType::Deal, Field::new("quantity", "Quantity", FieldKind::Money)),
    (RecordType::Company, RECORD),
    (RecordType::Contact, RECORD),
    (RecordType::Lead, RECORD),
    (RecordType::Deal, RECORD),
];
