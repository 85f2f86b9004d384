//! Files of the demo company: an offer in PDF in two versions, a picture, a table of lead times.

use crate::{
    db::{Db, OrgTx, Reason, Tx},
    features::{files, records::Subject},
    files::Files,
    kernel::{OrgId, RecordType, UserId},
    web::Actor,
};
use diesel::{prelude::*, sql_types as t};
use std::io::Cursor;
use uuid::Uuid;

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
}

/// Puts them on the largest open deals, once.
pub fn seed(db: &Db, store: &Files) -> anyhow::Result<()> {
    let found = db.system_now(Reason::CommandLine, |tx| {
        let org: Option<Id> =
            diesel::sql_query("SELECT id FROM organisations WHERE slug = 'demo'").get_result(tx.conn()).optional()?;
        let Some(org) = org.map(|org| OrgId(org.id)) else { return Ok(None) };
        let rep: Id = diesel::sql_query("SELECT id FROM users WHERE email = 'rep@demo.test'").get_result(tx.conn())?;
        Actor::load(tx, UserId(rep.id), org)
    })?;
    let Some(actor) = found else { return Ok(()) };
    let deals: Vec<Uuid> = db.org_now(&actor, |tx: &mut OrgTx| {
        let rows: Vec<Id> = diesel::sql_query(
            "SELECT id FROM deals d WHERE status = 'open' AND deleted_at IS NULL AND archived_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM files f WHERE f.org_id = d.org_id)
             ORDER BY amount DESC NULLS LAST, id LIMIT 3",
        )
        .load(tx.conn())?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    })?;
    for (n, deal) in deals.into_iter().enumerate() {
        let subject = Subject::Record(RecordType::Deal, deal);
        let put = |name: &str, bytes: Vec<u8>| files::put(db, store, &actor, subject, name, bytes);
        put("Lead times 2027.csv", b"Line,Weeks\nConveyor,6\nPalletiser,9\nSorter,11\n".to_vec())?;
        if n == 0 {
            put("Offer.pdf", pdf("Aurelia Supply - Offer, second version"))?;
            put("Floor plan.png", plan()?)?;
        }
    }
    Ok(())
}

/// One page with one line on it.
fn pdf(line: &str) -> Vec<u8> {
    let text = format!("BT /F1 24 Tf 60 740 Td ({line}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut out = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (n, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.extend_from_slice(format!("{} 0 obj\n{object}\nendobj\n", n + 1).as_bytes());
    }
    let table = out.len();
    out.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes());
    for place in places {
        out.extend_from_slice(format!("{place:010} 00000 n \n").as_bytes());
    }
    let end = format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1);
    out.extend_from_slice(end.as_bytes());
    out
}

/// A hall with machines in it, from above.
fn plan() -> anyhow::Result<Vec<u8>> {
    let picture = image::RgbImage::from_fn(960, 600, |x, y| {
        let wall = x < 8 || y < 8 || x >= 952 || y >= 592;
        let machine = (120..840).contains(&x) && (y / 60) % 3 == 1 && (x / 80) % 4 != 3;
        match (wall, machine, x % 40 == 0 || y % 40 == 0) {
            (true, ..) => image::Rgb([40, 48, 64]),
            (_, true, _) => image::Rgb([92, 124, 250]),
            (.., true) => image::Rgb([226, 231, 240]),
            _ => image::Rgb([248, 249, 252]),
        }
    });
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png)?;
    Ok(bytes.into_inner())
}
