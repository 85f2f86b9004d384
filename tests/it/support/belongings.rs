//! One of everything an organisation can own, put there behind the application's back: for tests that walk all routes.

use super::{Org, TestApp};
use uuid::Uuid;

/// Ids of an organisation's belongings. Every text among them contains the organisation's slug, so that a leak shows.
#[derive(Clone, Debug)]
pub struct Belongings {
    pub company: Uuid,
    pub contact: Uuid,
    pub lead: Uuid,
    pub deal: Uuid,
    pub pipeline: Uuid,
    pub stage: Uuid,
    pub note: Uuid,
    pub team: Uuid,
    pub role: Uuid,
    pub member: Uuid,
    pub invitation: Uuid,
    pub import: Uuid,
    pub export: Uuid,
    pub mail: Uuid,
    pub mail_template: Uuid,
    pub message: Uuid,
    pub mailing: Uuid,
    pub job: Uuid,
    pub view: Uuid,
    pub operation: Uuid,
    pub tag: Uuid,
    pub segment: Uuid,
    pub merge: Uuid,
    pub duplicate: Uuid,
    pub field: Uuid,
    pub rule: Uuid,
    pub web_form: Uuid,
    /// In quarantine.
    pub submission: Uuid,
    pub assignment_rule: Uuid,
    pub automation: Uuid,
    pub automation_run: Uuid,
    pub deal_template: Uuid,
    pub activity: Uuid,
    pub activity_type: Uuid,
    pub activity_template: Uuid,
    pub activity_step: Uuid,
    /// The administrator's.
    pub notice: Uuid,
    pub file: Uuid,
    pub comment: Uuid,
    pub product: Uuid,
    pub product_category: Uuid,
    pub tax_class: Uuid,
    /// Of the deal.
    pub line: Uuid,
    pub rate: Uuid,
    pub criterion: Uuid,
    pub competitor: Uuid,
}

impl Belongings {
    /// Ids that belong to nobody.
    pub fn of_nobody() -> Self {
        let id = Uuid::now_v7;
        Self {
            company: id(),
            contact: id(),
            lead: id(),
            deal: id(),
            pipeline: id(),
            stage: id(),
            note: id(),
            team: id(),
            role: id(),
            member: id(),
            invitation: id(),
            import: id(),
            export: id(),
            mail: id(),
            mail_template: id(),
            message: id(),
            mailing: id(),
            job: id(),
            view: id(),
            operation: id(),
            tag: id(),
            segment: id(),
            merge: id(),
            duplicate: id(),
            field: id(),
            rule: id(),
            web_form: id(),
            submission: id(),
            assignment_rule: id(),
            automation: id(),
            automation_run: id(),
            deal_template: id(),
            activity: id(),
            activity_type: id(),
            activity_template: id(),
            activity_step: id(),
            notice: id(),
            file: id(),
            comment: id(),
            product: id(),
            product_category: id(),
            tax_class: id(),
            line: id(),
            rate: id(),
            criterion: id(),
            competitor: id(),
        }
    }
}

impl TestApp {
    pub async fn belongings(&self, org: &Org) -> Belongings {
        let pipeline = self.value(&format!("SELECT id FROM pipelines WHERE org_id = '{}'", org.id)).await;
        let stage =
            self.value(&format!("SELECT id FROM stages WHERE org_id = '{}' ORDER BY position LIMIT 1", org.id)).await;
        let role = self.value(&format!("SELECT id FROM roles WHERE org_id = '{}' AND key = 'viewer'", org.id)).await;
        let b = Belongings {
            pipeline: pipeline.parse().unwrap(),
            stage: stage.parse().unwrap(),
            role: role.parse().unwrap(),
            member: org.rep.0,
            ..Belongings::of_nobody()
        };
        let (o, s, rep) = (org.id, &org.slug, org.rep);
        self.sql(&format!(
            "INSERT INTO companies (org_id, id, name, domain, owner_id) VALUES ('{o}', '{}', 'Company of {s}', '{s}.test', '{rep}');
             INSERT INTO contacts (org_id, id, first_name, last_name, email, company_id, owner_id)
               VALUES ('{o}', '{}', 'Contact', 'of {s}', 'contact@{s}.test', '{}', '{rep}');
             INSERT INTO leads (org_id, id, first_name, last_name, company_name, email, currency, owner_id)
               VALUES ('{o}', '{}', 'Lead', 'of {s}', 'Prospect of {s}', 'lead@{s}.test', 'EUR', '{rep}');
             INSERT INTO deals (org_id, id, number, name, company_id, pipeline_id, stage_id, position, amount, currency, owner_id)
               VALUES ('{o}', '{}', 1, 'Deal of {s}', '{}', '{}', '{}', 'a0', 1000, 'EUR', '{rep}');
             INSERT INTO notes (org_id, id, deal_id, author_id, body_html) VALUES ('{o}', '{}', '{}', '{rep}', 'Note of {s}');
             INSERT INTO teams (org_id, id, name) VALUES ('{o}', '{}', 'Team of {s}');
             INSERT INTO invitations (org_id, id, email, role_id, token_hash, expires_at, invited_by)
               VALUES ('{o}', '{}', 'guest@{s}.test', '{}', 'hash-{s}', now() + interval '7 days', '{}');
             INSERT INTO imports (org_id, id, record_type, file_name, status) VALUES ('{o}', '{}', 'contact', 'file of {s}.csv', 'done');
             INSERT INTO exports (org_id, id, record_type, format, fields, options, file_name, created_by)
               VALUES ('{o}', '{}', 'contact', 'csv', '{{}}', '{{\"selection\": {{\"matching\": \"\"}}}}', 'file-of-{s}.csv', '{}');
             INSERT INTO mails (id, org_id, template, recipient, subject, body_text, body_html, message_id, status)
               VALUES ('{}', '{o}', 'invitation', 'guest@{s}.test', 'Mail of {s}', 'x', 'x', 'id-{s}', 'kept');
             INSERT INTO jobs (id, org_id, kind, status, last_error) VALUES ('{}', '{o}', 'nothing', 'dead', 'error of {s}');
             INSERT INTO custom_fields (org_id, id, record_type, key, label, kind, section, position)
               VALUES ('{o}', '{}', 'company', 'c_ours', 'Field of {s}', 'text', 'More', 1)",
            b.company, b.contact, b.company, b.lead, b.deal, b.company, b.pipeline, b.stage, b.note, b.deal, b.team, b.invitation, b.role,
            org.admin, b.import, b.export, org.admin, b.mail, b.job, b.field
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO stage_criteria (org_id, id, stage_id, label) VALUES ('{o}', '{}', '{}', 'Criterion of {s}');
             INSERT INTO competitors (org_id, id, name) VALUES ('{o}', '{}', 'Competitor of {s}')",
            b.criterion, b.stage, b.competitor
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO saved_views (org_id, id, record_type, name, owner_id, query) VALUES ('{o}', '{}', 'contact', 'View of {s}', '{}', '')",
            b.view, org.admin
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO operations (org_id, id, kind, record_type, title, status, created_by)
               VALUES ('{o}', '{}', 'archive', 'contact', 'Operation of {s}', 'done', '{rep}');
             INSERT INTO tags (org_id, id, name) VALUES ('{o}', '{1}', 'Tag of {s}');
             INSERT INTO record_tags (org_id, record_type, record_id, tag_id) VALUES ('{o}', 'contact', '{2}', '{1}');
             INSERT INTO segments (org_id, id, record_type, name, created_by) VALUES ('{o}', '{3}', 'contact', 'Segment of {s}', '{rep}');
             INSERT INTO validation_rules (org_id, id, record_type, kind, field, expression, message)
               VALUES ('{o}', '{4}', 'contact', 'expression', 'email', 'email != \"no@one.test\"', 'Rule of {s}')",
            b.operation, b.tag, b.contact, b.segment, b.rule
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO merges (org_id, id, record_type, survivor_id, merged_id, before, after, survivor_version, merged_by)
             SELECT '{o}', '{}', 'contact', r.id, gen_random_uuid(), jsonb_build_object('survivor', to_jsonb(r), 'merged', '{{\"last_name\": \"Merged of {s}\"}}'::jsonb),
               to_jsonb(r), 1, '{rep}' FROM contacts r WHERE r.id = '{}'",
            b.merge, b.contact
        ))
        .await;
        self.sql(&format!(
            "WITH second AS (INSERT INTO leads (org_id, id, last_name, currency, owner_id)
               VALUES ('{o}', gen_random_uuid(), 'Second lead of {s}', 'EUR', '{rep}') RETURNING id)
             INSERT INTO duplicate_pairs (org_id, id, record_type, a_id, b_id, confidence, reasons)
             SELECT '{o}', '{0}', 'lead', least(id, '{1}'), greatest(id, '{1}'), 80, '{{same phone}}' FROM second",
            b.duplicate, b.lead
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO web_forms (org_id, id, token, name, fields)
               VALUES ('{o}', '{0}', rpad(md5('{s}'), 43, 'x'), 'Form of {s}', '[{{\"key\": \"last_name\", \"label\": \"Name\", \"required\": true}}]');
             INSERT INTO web_submissions (org_id, id, form_id, answers, digest, suspicions)
               VALUES ('{o}', '{1}', '{0}', '{{\"last_name\": \"Sent to {s}\"}}', 'x', '{{\"links of {s}\"}}');
             INSERT INTO assignment_rules (org_id, id, position, source, team_id) VALUES ('{o}', '{2}', 1, 'Source of {s}', '{3}')",
            b.web_form, b.submission, b.assignment_rule, b.team
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO retention_rules (org_id, id, record_type, condition, days, action) VALUES ('{o}', '{}', 'company', 'archived', 90, 'delete')",
            b.rule
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO activity_types (org_id, id, name, icon) VALUES ('{o}', '{0}', 'Type of {s}', 'phone');
             INSERT INTO activities (org_id, id, type_id, class, subject, owner_id, deal_id, company_id, due_on)
               VALUES ('{o}', '{1}', '{0}', 'activity', 'Activity of {s}', '{rep}', '{2}', '{3}', current_date);
             INSERT INTO activity_participants (org_id, id, activity_id, contact_id) VALUES ('{o}', gen_random_uuid(), '{1}', '{4}');
             INSERT INTO activity_checklist (org_id, id, activity_id, text) VALUES ('{o}', gen_random_uuid(), '{1}', 'Item of {s}')",
            b.activity_type, b.activity, b.deal, b.company, b.contact
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO activity_templates (org_id, id, name, kind) VALUES ('{o}', '{0}', 'Template of {s}', 'set');
             INSERT INTO activity_template_steps (org_id, id, template_id, type_id, subject) VALUES ('{o}', '{1}', '{0}', '{2}', 'Step of {s}')",
            b.activity_template, b.activity_step, b.activity_type
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO automations (org_id, id, pipeline_id, name, event, actions, saved_by)
               VALUES ('{o}', '{0}', '{1}', 'Automation of {s}', 'won', '[{{\"id\": \"{0}\", \"do\": \"notify\", \"owner\": true, \"followers\": false, \"member\": null, \"team\": null, \"message\": \"Word of {s}\"}}]', '{2}');
             INSERT INTO automation_runs (org_id, id, automation_id, deal_id, event_id, event, status, error)
               VALUES ('{o}', '{3}', '{0}', '{4}', gen_random_uuid(), 'won', 'failed', 'Error of {s}')",
            b.automation, b.pipeline, org.admin, b.automation_run, b.deal
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO deal_templates (org_id, id, name, stage_id, fields, tasks_id)
               VALUES ('{o}', '{0}', 'Deal template of {s}', '{1}', '{{\"source\": \"Template of {s}\"}}', '{2}')",
            b.deal_template, b.stage, b.activity_template
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO notices (org_id, id, member_id, kind, record_type, record_id, actor_id, params, once, centre, browser, mail)
               VALUES ('{o}', '{0}', '{1}', 'mention', 'deal', '{2}', '{rep}', '{{\"quote\": \"Quote of {s}\"}}', 'x', true, true, 'off');
             INSERT INTO follows (org_id, member_id, record_type, record_id) VALUES ('{o}', '{1}', 'deal', '{2}')",
            b.notice, org.admin, b.deal
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO comments (org_id, id, deal_id, author_id, body_html, pinned_at) VALUES ('{o}', '{0}', '{1}', '{rep}', 'Comment of {s}', now());
             INSERT INTO events (org_id, kind, record_type, record_id, data) VALUES ('{o}', 'comment.added', 'deal', '{1}', '{{\"comment_id\": \"{0}\"}}');
             INSERT INTO post_edits (org_id, comment_id, body_html) VALUES ('{o}', '{0}', 'Earlier comment of {s}');
             INSERT INTO post_reactions (org_id, comment_id, member_id, emoji) VALUES ('{o}', '{0}', '{rep}', '👍')",
            b.comment, b.deal
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO file_blobs (org_id, id, size, sha256, content_type) VALUES ('{o}', '{0}', 4, 'x', 'text/plain');
             INSERT INTO files (org_id, id, name, deal_id, created_by) VALUES ('{o}', '{0}', 'File of {s}', '{1}', '{rep}');
             INSERT INTO file_versions (org_id, file_id, number, blob_id) VALUES ('{o}', '{0}', 1, '{0}')",
            b.file, b.deal
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO mail_templates (org_id, id, name, subject, body_html, owner_id, shared)
               VALUES ('{o}', '{0}', 'Template of {s}', 'Subject of {s}', '<div>Text of {s}</div>', '{rep}', true);
             INSERT INTO mailings (org_id, id, author_id, record_type, status, subject, body_html, selection, planned, send_at)
               VALUES ('{o}', '{1}', '{rep}', 'contact', 'done', 'Mailing of {s}', '<div>To many of {s}</div>', '{{\"matching\": \"\"}}', true, now());
             INSERT INTO mail_messages (org_id, id, author_id, status, subject, body_html, contact_id, company_id, deal_id, message_header, thread_id, sent_at)
               VALUES ('{o}', '{2}', '{rep}', 'sent', 'Message of {s}', '<div>Written in {s}</div>', '{3}', '{4}', '{5}', '<message@{s}.test>', '{2}', now());
             INSERT INTO mail_recipients (org_id, id, message_id, kind, name, email, contact_id, status, sent_at)
               VALUES ('{o}', gen_random_uuid(), '{2}', 'to', 'Contact of {s}', 'contact@{s}.test', '{3}', 'sent', now());
             INSERT INTO mail_addresses (org_id, email, refused_at, refusal) VALUES ('{o}', 'gone@{s}.test', now(), 'nobody of {s}');
             INSERT INTO mail_signatures (org_id, member_id, body_html) VALUES ('{o}', '{rep}', '<div>Signed {s}</div>')",
            b.mail_template, b.mailing, b.message, b.contact, b.company, b.deal
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO product_categories (org_id, id, name) VALUES ('{o}', '{0}', 'Category of {s}');
             INSERT INTO tax_classes (org_id, id, name, rate) VALUES ('{o}', '{1}', 'Tax of {s}', 21);
             INSERT INTO products (org_id, id, name, code, category_id, tax_class_id) VALUES ('{o}', '{2}', 'Product of {s}', 'P-{s}', '{0}', '{1}');
             INSERT INTO product_prices (org_id, product_id, currency, price) VALUES ('{o}', '{2}', 'EUR', 250);
             INSERT INTO deal_lines (org_id, id, deal_id, position, product_id, name, quantity, unit_price, tax_class_id, tax_rate, period_net)
               VALUES ('{o}', '{3}', '{4}', 0, '{2}', 'Product of {s}', 4, 250, '{1}', 21, 1000);
             INSERT INTO exchange_rates (org_id, id, into_currency, currency, on_day, rate, manual)
               VALUES ('{o}', '{5}', 'EUR', 'ZAR', '2026-01-02', 0.05, true)",
            b.product_category, b.tax_class, b.product, b.line, b.deal, b.rate
        ))
        .await;
        b
    }
}
