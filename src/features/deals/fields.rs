//! The deal's entry in the field catalogue.

use crate::{
    features::pipeline::CATEGORIES,
    kernel::{Field, FieldKind},
};

/// Keys and labels of a deal's status.
pub const STATUSES: &[(&str, &str)] = &[("open", "Open"), ("won", "Won"), ("lost", "Lost")];

/// Where a deal's amount comes from.
pub const AMOUNT_FROM: &[(&str, &str)] = &[("hand", "Fixed by hand"), ("lines", "Sum of its lines")];
/// Keys and labels of how pressing a deal is, the least first.
pub const PRIORITIES: &[(&str, &str)] = &[("low", "Low"), ("normal", "Normal"), ("high", "High"), ("urgent", "Urgent")];

/// Every field of a deal. Moving, closing and archiving have verbs of their own, so their fields are not edited in place.
pub const FIELDS: &[Field] = &[
    Field::new("name", "Name", FieldKind::Text)
        .column("deals.name")
        .max(200)
        .required()
        .sortable()
        .listed()
        .aliases(&["opportunity", "opportunity name", "deal", "deal name", "title"]),
    Field::new("company_id", "Company", FieldKind::Company).column("deals.company_id").listed().aliases(&[
        "company",
        "company name",
        "account",
        "account name",
        "organisation",
        "organization",
    ]),
    Field::new("pipeline_id", "Pipeline", FieldKind::Pipeline)
        .column("deals.pipeline_id")
        .not_inline()
        .aliases(&["pipeline"]),
    Field::new("stage_id", "Stage", FieldKind::Stage)
        .column("deals.stage_id")
        .required()
        .listed()
        .not_inline()
        .aliases(&["stage", "deal stage", "deal_stage", "sales stage"]),
    Field::new("amount", "Amount", FieldKind::Money).column("deals.amount").listed().aliases(&[
        "value",
        "close value",
        "close_value",
        "deal value",
        "expected revenue",
        "revenue",
    ]),
    Field::new("currency", "Currency", FieldKind::Currency).column("deals.currency").max(3).aliases(&["currency code"]),
    Field::new("amount_from", "Amount is", FieldKind::Choice(AMOUNT_FROM)).column("deals.amount_from").not_importable(),
    // A year is twelve months: whichever of the two is written, the other follows (app.deal_money).
    Field::new("mrr", "MRR", FieldKind::Money).column("deals.mrr").aliases(&[
        "monthly recurring revenue",
        "monthly revenue",
        "recurring revenue",
    ]),
    Field::new("arr", "ARR", FieldKind::Money).column("deals.arr").aliases(&[
        "annual recurring revenue",
        "yearly recurring revenue",
        "acv",
        "annual contract value",
    ]),
    Field::new("term_months", "Term in months", FieldKind::Integer).column("deals.term_months").most(14_400).aliases(&[
        "term",
        "contract term",
        "contract length",
        "months",
    ]),
    Field::new("one_off", "One-off", FieldKind::Money).column("deals.one_off").aliases(&[
        "one off revenue",
        "one time",
        "one-time revenue",
        "setup fee",
    ]),
    Field::new("probability", "Probability", FieldKind::Percent).column("deals.probability").aliases(&[
        "win probability",
        "chance",
        "confidence",
    ]),
    Field::new("expected_close_on", "Expected close", FieldKind::Date)
        .column("deals.expected_close_on")
        .listed()
        .aliases(&["close date", "close_date", "expected close date", "closing date", "closes on"]),
    Field::new("owner_id", "Owner", FieldKind::Member).column("deals.owner_id").listed().aliases(&[
        "owner",
        "deal owner",
        "sales agent",
        "sales_agent",
        "sales rep",
        "assigned to",
        "account owner",
    ]),
    Field::new("source", "Source", FieldKind::Text).column("deals.source").max(100).groupable().aliases(&[
        "lead source",
        "deal source",
        "channel",
    ]),
    Field::new("priority", "Priority", FieldKind::Choice(PRIORITIES))
        .column("deals.priority")
        .aliases(&["deal priority", "urgency", "importance"]),
    Field::new("forecast_override", "Own forecast category", FieldKind::Choice(CATEGORIES))
        .column("deals.forecast_override")
        .aliases(&["forecast override"]),
    Field::new("description", "Description", FieldKind::LongText)
        .column("deals.description")
        .max(10_000)
        .aliases(&["notes", "details", "comment"]),
    Field::new("next_step", "Next step", FieldKind::Text).column("deals.next_step").max(200).aliases(&["next steps"]),
    Field::new("next_step_on", "Next step by", FieldKind::Date)
        .column("deals.next_step_on")
        .aliases(&["next step date", "next step due"]),
    Field::new("status", "Status", FieldKind::Choice(STATUSES))
        .column("deals.status")
        .listed()
        .not_inline()
        .aliases(&["state"]),
    Field::new("lost_reason", "Lost reason", FieldKind::Text)
        .column("deals.lost_reason")
        .groupable()
        .max(100)
        .not_inline()
        .aliases(&["closed lost reason", "reason lost"]),
    Field::new("lost_note", "Lost note", FieldKind::LongText).column("deals.lost_note").max(2_000).not_inline(),
    Field::new("won_reason", "Won reason", FieldKind::Text).column("deals.won_reason").groupable().max(100).not_inline(),
    Field::new("won_note", "Won note", FieldKind::LongText).column("deals.won_note").max(2_000).not_inline(),
    Field::new("closed_at", "Closed", FieldKind::DateTime).column("deals.closed_at").not_inline(),
    Field::new("external_id", "Id in the other system", FieldKind::Text).column("deals.external_id").not_inline().aliases(&[
        "id",
        "record id",
        "deal id",
        "opportunity id",
        "opportunity_id",
    ]),
    Field::new("number", "Number", FieldKind::Integer).column("deals.number").sortable().computed(),
    Field::new("stage_entered_at", "In stage since", FieldKind::DateTime).column("deals.stage_entered_at").computed(),
    // Kept by trigger; the day it is where the organisation is.
    Field::new("next_activity_on", "Next activity", FieldKind::Date)
        .column("(deals.next_activity_at AT TIME ZONE (SELECT o.time_zone FROM organisations o WHERE o.id = deals.org_id))::date")
        .expr("(r.next_activity_at AT TIME ZONE (SELECT o.time_zone FROM organisations o WHERE o.id = r.org_id))::date")
        .computed(),
    // By which rule of assignment it got its owner, when that has a name.
    Field::new("territory", "Territory", FieldKind::Text)
        .column("(SELECT t.name FROM assignment_rules t WHERE t.org_id = deals.org_id AND t.id = deals.territory_id)")
        .expr("(SELECT t.name FROM assignment_rules t WHERE t.org_id = r.org_id AND t.id = r.territory_id)")
        .computed(),
    Field::new("created_at", "Created", FieldKind::DateTime).column("deals.created_at").sortable().computed(),
    Field::new("updated_at", "Changed", FieldKind::DateTime).column("deals.updated_at").computed(),
    // What reports and the board call weighted: the deal's own probability, else its stage's. What is decided needs no guess.
    Field::new("weighted_amount", "Weighted amount", FieldKind::Money)
        .column("(CASE deals.status WHEN 'won' THEN deals.amount WHEN 'open' THEN deals.amount * coalesce(deals.probability, (SELECT s.probability FROM stages s WHERE s.org_id = deals.org_id AND s.id = deals.stage_id)) / 100 END)")
        .expr("(CASE r.status WHEN 'won' THEN r.amount WHEN 'open' THEN r.amount * coalesce(r.probability, (SELECT s.probability FROM stages s WHERE s.org_id = r.org_id AND s.id = r.stage_id)) / 100 END)")
        .computed(),
    // Kept by trigger and column: see app.deal_promises.
    Field::new("slips", "Times slipped", FieldKind::Integer).column("deals.slips").computed(),
    Field::new("slipped_days", "Days slipped", FieldKind::Integer).column("deals.slipped_days").computed(),
    Field::new("first_close_on", "First expected close", FieldKind::Date).column("deals.first_close_on").computed(),
    Field::new("first_amount", "First amount", FieldKind::Money).column("deals.first_amount").computed(),
    Field::new("shrunk_percent", "Amount shrunk", FieldKind::Percent).column("deals.shrunk_percent").computed(),
    // Its own, else its stage's.
    Field::new("forecast_category", "Forecast category", FieldKind::Choice(CATEGORIES))
        .column("coalesce(deals.forecast_override, (SELECT s.forecast_category FROM stages s WHERE s.org_id = deals.org_id AND s.id = deals.stage_id))")
        .expr("coalesce(r.forecast_override, (SELECT s.forecast_category FROM stages s WHERE s.org_id = r.org_id AND s.id = r.stage_id))")
        .computed(),
    Field::new("closed_by", "Closed by", FieldKind::Member).column("deals.closed_by").computed(),
    // Whoever sees a deal may know the names of its people.
    Field::new("contacts", "Contacts", FieldKind::Text)
        .column("NULL::text")
        .expr("(SELECT string_agg(coalesce(nullif(btrim(c.first_name || ' ' || c.last_name), ''), c.email), ', ' ORDER BY c.name_key, c.id) FROM deal_contacts dc JOIN contacts c ON c.org_id = dc.org_id AND c.id = dc.contact_id WHERE dc.deal_id = r.id AND c.deleted_at IS NULL)")
        .not_filterable()
        .computed(),
    Field::new("created_by", "Created by", FieldKind::Member).column("deals.created_by").computed(),
    Field::new("archived_at", "Archived", FieldKind::DateTime).column("deals.archived_at").computed(),
];
