//! Which records belong to which: the ways a filter may ask about other records than the list's own.

use crate::kernel::RecordType;

/// A way from a record to others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Relation {
    pub key: &'static str,
    /// After "has" and "has no": `a company`, `deals`.
    pub words: &'static str,
    pub target: RecordType,
    /// FROM clause in which the related record's table is `r`.
    pub(super) from: &'static str,
    /// Over that FROM: what leads back.
    pub(super) link: &'static str,
    /// Over the record's own table, `r` too: what `link` equals.
    pub(super) own: &'static str,
}

const COMPANY: &[Relation] = &[
    Relation {
        key: "deals",
        words: "a deal",
        target: RecordType::Deal,
        from: "deals r",
        link: "r.company_id",
        own: "r.id",
    },
    Relation {
        key: "contacts",
        words: "a contact",
        target: RecordType::Contact,
        from: "contacts r",
        link: "r.company_id",
        own: "r.id",
    },
    Relation {
        key: "parent",
        words: "a parent company",
        target: RecordType::Company,
        from: "companies r",
        link: "r.id",
        own: "r.parent_id",
    },
    Relation {
        key: "children",
        words: "a subsidiary",
        target: RecordType::Company,
        from: "companies r",
        link: "r.parent_id",
        own: "r.id",
    },
];

const CONTACT: &[Relation] = &[
    Relation {
        key: "company",
        words: "a company",
        target: RecordType::Company,
        from: "companies r",
        link: "r.id",
        own: "r.company_id",
    },
    Relation {
        key: "deals",
        words: "a deal",
        target: RecordType::Deal,
        from: "deals r JOIN deal_contacts l ON l.org_id = r.org_id AND l.deal_id = r.id",
        link: "l.contact_id",
        own: "r.id",
    },
];

const DEAL: &[Relation] = &[
    Relation {
        key: "company",
        words: "a company",
        target: RecordType::Company,
        from: "companies r",
        link: "r.id",
        own: "r.company_id",
    },
    Relation {
        key: "contacts",
        words: "a contact",
        target: RecordType::Contact,
        from: "contacts r JOIN deal_contacts l ON l.org_id = r.org_id AND l.contact_id = r.id",
        link: "l.deal_id",
        own: "r.id",
    },
];

/// What came of a lead. Before its conversion, who it belongs with is words.
const LEAD: &[Relation] = &[
    Relation {
        key: "contact",
        words: "a contact it became",
        target: RecordType::Contact,
        from: "contacts r JOIN lead_conversions l ON l.org_id = r.org_id AND l.contact_id = r.id",
        link: "l.lead_id",
        own: "r.id",
    },
    Relation {
        key: "company",
        words: "a company it became",
        target: RecordType::Company,
        from: "companies r JOIN lead_conversions l ON l.org_id = r.org_id AND l.company_id = r.id",
        link: "l.lead_id",
        own: "r.id",
    },
    Relation {
        key: "deal",
        words: "a deal it became",
        target: RecordType::Deal,
        from: "deals r JOIN lead_conversions l ON l.org_id = r.org_id AND l.deal_id = r.id",
        link: "l.lead_id",
        own: "r.id",
    },
];

/// The relations of a record type.
pub fn relations(record: RecordType) -> &'static [Relation] {
    match record {
        RecordType::Company => COMPANY,
        RecordType::Contact => CONTACT,
        RecordType::Deal => DEAL,
        RecordType::Lead => LEAD,
    }
}

pub(super) fn relation(record: RecordType, key: &str) -> Option<&'static Relation> {
    relations(record).iter().find(|r| r.key == key)
}
