//! The fields of a lead.

use crate::kernel::{Field, FieldKind};

/// Where a lead stands. What became of a converted one is its conversion, not a status.
pub const STATUSES: &[(&str, &str)] = &[
    ("new", "New"),
    ("working", "Working"),
    ("nurturing", "Nurturing"),
    ("qualified", "Qualified"),
    ("disqualified", "Disqualified"),
];

pub const FIELDS: &[Field] = &[
    // What lists sort by: the person, else the company, else the address. Import reads a file's one name column as `full_name`.
    Field::new("name", "Name", FieldKind::Text)
        .column("coalesce(nullif(btrim(first_name || ' ' || last_name), ''), company_name, email, '')")
        .expr("coalesce(nullif(btrim(r.first_name || ' ' || r.last_name), ''), r.company_name, r.email, '')")
        .computed()
        .sortable()
        .listed(),
    Field::new("first_name", "First name", FieldKind::Text).max(100).aliases(&["first", "given name", "forename"]),
    Field::new("last_name", "Last name", FieldKind::Text).max(100).aliases(&["last", "surname", "family name"]),
    Field::new("company_name", "Company", FieldKind::Text).max(200).listed().aliases(&[
        "company",
        "account",
        "account name",
        "organisation",
        "organization",
        "organization name",
        "organisation name",
        "employer",
    ]),
    Field::new("title", "Title", FieldKind::Text).max(150).aliases(&["job title", "position", "role", "function"]),
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
    Field::new("domain", "Website", FieldKind::Domain).aliases(&["web site", "web", "url", "homepage", "domain"]),
    Field::new("source", "Source", FieldKind::Text).max(100).listed().groupable().aliases(&[
        "lead source",
        "original source",
        "channel",
    ]),
    Field::new("campaign", "Campaign", FieldKind::Text).max(100).listed().groupable().aliases(&[
        "campaign name",
        "lead campaign",
        "utm campaign",
    ]),
    Field::new("status", "Status", FieldKind::Choice(STATUSES)).required().listed().aliases(&[
        "lead status",
        "state",
        "lead stage",
    ]),
    Field::new("score", "Score", FieldKind::Integer).most(1_000_000).listed().aliases(&["lead score", "rating"]),
    Field::new("estimated_value", "Estimated value", FieldKind::Money).aliases(&[
        "value",
        "amount",
        "expected revenue",
        "potential",
        "budget",
    ]),
    Field::new("currency", "Currency", FieldKind::Currency).max(3).required().aliases(&["currency code"]),
    Field::new("do_not_contact", "Do not contact", FieldKind::Bool).aliases(&[
        "opt out",
        "unsubscribed",
        "do not call",
    ]),
    Field::new("street", "Street", FieldKind::Text).aliases(&["address", "street address", "address line 1"]),
    Field::new("postal_code", "Postal code", FieldKind::Text).max(20).aliases(&["zip", "zip code", "postcode"]),
    Field::new("city", "City", FieldKind::Text).max(100).aliases(&["town", "place"]),
    Field::new("region", "Region", FieldKind::Text).max(100).aliases(&["state", "province", "county"]),
    Field::new("country", "Country", FieldKind::Country).aliases(&["country code", "location"]),
    Field::new("owner_id", "Owner", FieldKind::Member).listed().aliases(&["owner", "lead owner", "assigned to"]),
    Field::new("description", "Description", FieldKind::LongText).max(10_000).aliases(&["notes", "about", "comments"]),
    // By which rule of assignment it got its owner, when that has a name.
    Field::new("territory", "Territory", FieldKind::Text)
        .column("(SELECT t.name FROM assignment_rules t WHERE t.org_id = leads.org_id AND t.id = leads.territory_id)")
        .expr("(SELECT t.name FROM assignment_rules t WHERE t.org_id = r.org_id AND t.id = r.territory_id)")
        .computed(),
    Field::new("created_at", "Added", FieldKind::DateTime).sortable().listed().computed(),
    Field::new("updated_at", "Changed", FieldKind::DateTime).computed(),
    Field::new("created_by", "Added by", FieldKind::Member).computed(),
    // The last time a web form's consent was ticked; the words are with what was sent.
    Field::new("consented_at", "Consent", FieldKind::DateTime)
        .column("NULL::timestamptz")
        .expr(
            "(SELECT max(s.received_at) FROM web_submissions s WHERE s.org_id = r.org_id AND s.lead_id = r.id \
             AND s.consent_text IS NOT NULL)",
        )
        .computed(),
    Field::new("converted_at", "Converted", FieldKind::DateTime)
        .column("NULL::timestamptz")
        .expr("(SELECT c.converted_at FROM lead_conversions c WHERE c.org_id = r.org_id AND c.lead_id = r.id)")
        .computed(),
    Field::new("archived_at", "Archived", FieldKind::DateTime).computed(),
    Field::new("external_id", "Id in the other system", FieldKind::Text).computed(),
];
