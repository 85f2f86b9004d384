//! Lists and timelines of many mails walk their indexes.

use super::Post;
use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::Text};
use pipewright::db::Tx;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    #[diesel(column_name = "QUERY PLAN")]
    line: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_timelines_of_many_mails_walk_their_indexes() {
    let post = Post::start(&[]).await;
    post.app
        .sql(&format!(
            "INSERT INTO contacts (org_id, id, first_name, email, owner_id)
               SELECT '{o}', gen_random_uuid(), 'Nr ' || n, 'p' || n || '@example.com', '{rep}' FROM generate_series(1, 500) n;
             CREATE TEMP TABLE people AS SELECT id, email, row_number() OVER () AS n FROM contacts;
             INSERT INTO mail_messages (org_id, id, author_id, status, at, subject, body_html, contact_id, company_id, message_header, thread_id, sent_at)
               SELECT '{o}', x.id, (ARRAY['{rep}', '{admin}'])[x.n % 2 + 1]::uuid, CASE WHEN x.n % 50 = 0 THEN 'failed' ELSE 'sent' END, now() - x.n * interval '1 min', 'Mail ' || x.n, 'x',
                 p.id, CASE WHEN x.n % 400 = 0 THEN '{company}'::uuid END, '<' || x.id || '>', x.id, now() - x.n * interval '1 min'
               FROM (SELECT gen_random_uuid() AS id, n FROM generate_series(1, 20000) n) x JOIN people p ON p.n = x.n % 500 + 1;
             INSERT INTO mail_recipients (org_id, id, message_id, kind, email, contact_id, status)
               SELECT '{o}', gen_random_uuid(), m.id, 'to', 'p@example.com', m.contact_id, 'sent' FROM mail_messages m;
             ANALYZE mail_messages; ANALYZE mail_recipients",
            o = post.org.id,
            rep = post.org.rep,
            admin = post.org.admin,
            company = post.company
        ))
        .await;
    let (rep, admin, ada, company) = (post.org.rep, post.org.admin, post.ada, post.company);
    let plans = [
        (
            "mail_messages_author",
            format!(
                "SELECT k.* FROM unnest(ARRAY['{rep}', '{admin}']::uuid[]) o (id) CROSS JOIN LATERAL (SELECT at, id FROM mail_messages
                 WHERE author_id = o.id AND mailing_id IS NULL AND deleted_at IS NULL AND folder = 'sent' ORDER BY at DESC, id DESC LIMIT 51) k"
            ),
        ),
        (
            "mail_messages_box",
            "SELECT at, id FROM mail_messages WHERE mailing_id IS NULL AND deleted_at IS NULL AND folder = 'failed' ORDER BY at DESC, id DESC LIMIT 51".to_owned(),
        ),
        (
            "mail_recipients_contact",
            format!(
                "SELECT l.id FROM mail_messages l WHERE l.id IN (SELECT q.message_id FROM mail_recipients q WHERE q.contact_id = '{ada}')
                 AND l.sent_at IS NOT NULL AND l.deleted_at IS NULL ORDER BY l.sent_at DESC, l.id DESC LIMIT 31"
            ),
        ),
        (
            "mail_messages_company",
            format!("SELECT l.id FROM mail_messages l WHERE l.company_id = '{company}' AND l.sent_at IS NOT NULL AND l.deleted_at IS NULL ORDER BY l.sent_at DESC, l.id DESC LIMIT 31"),
        ),
    ];
    for (index, query) in plans {
        let plan = post
            .app
            .db
            .org(&post.org.id, move |tx| Ok(sql_query(format!("EXPLAIN {query}")).load::<Line>(tx.conn())?))
            .await
            .unwrap();
        let plan: Vec<String> = plan.into_iter().map(|line| line.line).collect();
        let plan = plan.join("\n");
        assert!(plan.contains(index) && !plan.contains("Seq Scan on mail"), "{index}:\n{plan}");
    }
    assert!(post.rep.get("/mails?who=all").await.contains("Mail 1<"));
    post.app.stop().await;
}
