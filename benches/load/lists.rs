//! Lists sorted by each column that offers it, and narrowed by each kind of rule: what the address of a list may ask.

use super::{
    pages::Target,
    session::{Session, ask},
};
use serde_json::{Value, json};

pub async fn targets(session: &Session, database: &str) -> Vec<Target> {
    let mut targets = Vec::new();
    for list in ["contacts", "companies", "deals"] {
        for sort in sorts(&session.get(&format!("/{list}")).await.1) {
            let (way, key) = sort.strip_prefix('-').map_or(("up", sort.as_str()), |key| ("down", key));
            targets.push(Target::page(format!("{list} by {key}, {way}"), format!("/{list}?sort={sort}")));
        }
    }
    targets.extend(rules(database).into_iter().map(|(list, what, rule)| {
        let filter = json!({ "all": [rule] }).to_string();
        let query: String = url_encode(&filter);
        Target::page(format!("{list}: {what}"), format!("/{list}?filter={query}"))
    }));
    targets
}

/// Every order that the page's own menu offers.
fn sorts(html: &str) -> Vec<String> {
    let menu = html.split("name=\"sort\"").nth(1).and_then(|m| m.split("</select>").next()).unwrap_or_default();
    let values = menu.split("<option value=\"").skip(1).filter_map(|o| o.split('"').next());
    values.filter(|v| !v.is_empty()).map(str::to_owned).collect()
}

/// One rule of each kind, mostly of those that many records match and of some that few or none do.
fn rules(database: &str) -> Vec<(&'static str, &'static str, Value)> {
    let org = "org_id = (SELECT id FROM organisations WHERE slug = 'scale')";
    let one = |what: &str| ask(database, &what.replace("$org", org));
    let owner = one("SELECT owner_id FROM contacts WHERE $org AND owner_id IS NOT NULL LIMIT 1");
    let company = one("SELECT company_id FROM contacts WHERE $org AND company_id IS NOT NULL LIMIT 1");
    let email = one("SELECT email FROM contacts WHERE $org AND email IS NOT NULL LIMIT 1");
    let stage = one("SELECT stage_id FROM deals WHERE $org AND status = 'open' LIMIT 1");
    let pipeline = one("SELECT pipeline_id FROM deals WHERE $org AND status = 'open' LIMIT 1");
    let rule = |key: &str, op: &str, values: &[&str]| json!({ "rule": { "key": key, "op": op, "values": values } });
    let related = |relation: &str, has: bool, inner: Vec<Value>| json!({ "related": { "relation": relation, "has": has, "filter": { "all": inner } } });
    vec![
        ("contacts", "name begins “mar”", rule("name", "begins", &["mar"])),
        ("contacts", "name contains “sorensen”", rule("name", "contains", &["sorensen"])),
        ("contacts", "title contains “manager”", rule("title", "contains", &["manager"])),
        ("contacts", "title is “CEO”", rule("title", "is", &["CEO"])),
        ("contacts", "title is empty", rule("title", "empty", &[])),
        ("contacts", "title contains “xyzzy” (nobody's)", rule("title", "contains", &["xyzzy"])),
        ("contacts", "e-mail is one person's", rule("email", "is", &[&email])),
        ("contacts", "phone begins +316100", rule("phone", "begins", &["+316100"])),
        ("contacts", "phone is empty", rule("phone", "empty", &[])),
        ("contacts", "city is “Gent” (nobody's)", rule("city", "is", &["Gent"])),
        ("contacts", "country is NL", rule("country", "is", &["NL"])),
        ("contacts", "lifecycle is customer", rule("lifecycle", "is", &["customer"])),
        ("contacts", "lifecycle is not customer", rule("lifecycle", "is_not", &["customer"])),
        ("contacts", "owner is one", rule("owner_id", "is", &[&owner])),
        ("contacts", "owner is any of two", rule("owner_id", "any_of", &[&owner, "me"])),
        ("contacts", "company is one", rule("company_id", "is", &[&company])),
        ("contacts", "added this month", rule("created_at", "period", &["this_month"])),
        ("contacts", "not to be contacted (nobody)", rule("do_not_contact", "is", &["true"])),
        ("contacts", "without a tag", rule("tags", "empty", &[])),
        ("contacts", "has a company in NL", related("company", true, vec![rule("country", "is", &["NL"])])),
        ("companies", "employees over 500", rule("employees", "gt", &["500"])),
        ("companies", "revenue over a million", rule("annual_revenue", "gt", &["1000000"])),
        ("companies", "has no deal", related("deals", false, vec![])),
        (
            "companies",
            "has an open deal over 10,000",
            related("deals", true, vec![rule("status", "is", &["open"]), rule("amount", "gt", &["10000"])]),
        ),
        ("companies", "has no contact", related("contacts", false, vec![])),
        ("deals", "amount over 100,000", rule("amount", "gt", &["100000"])),
        ("deals", "probability over 50", rule("probability", "gt", &["50"])),
        ("deals", "stage is one", rule("stage_id", "is", &[&stage])),
        ("deals", "pipeline is one", rule("pipeline_id", "is", &[&pipeline])),
        ("deals", "expected to close this quarter", rule("expected_close_on", "period", &["this_quarter"])),
        ("deals", "closed last month", rule("closed_at", "period", &["last_month"])),
    ]
}

fn url_encode(text: &str) -> String {
    let byte = |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(byte).collect()
}
