//! The rows in error as a CSV: the file's own columns, then line and reason. Streamed, whatever their number.

use super::{
    cells, pages,
    queries::{self, FailedRow},
};
use crate::{db::Db, error::AppResult, kernel::ImportId, web::Page};
use actix_web::{
    HttpResponse,
    http::header::CONTENT_DISPOSITION,
    web::{Bytes, Data, Path},
};
use futures_util::stream;

const BATCH: i64 = 1_000;

pub async fn csv(page: Page, db: Data<Db>, path: Path<String>) -> AppResult<HttpResponse> {
    let id = pages::id(&path)?;
    let scope = pages::scope(&page)?;
    let import = db.org(&page, move |tx| queries::find(tx, id, &scope)).await?;
    let headings = import.headings().into_iter();
    let header: Vec<String> = headings.map(|heading| cells::guard(&heading)).collect();
    let width = header.len();
    let actor = page.actor.clone();
    let first = [header, vec!["Line".into(), "Reason".into()]].concat();
    let rows = stream::unfold(Some((0, Some(first))), move |state| {
        let (db, actor) = (db.clone(), actor.clone());
        async move {
            let (after, first) = state?;
            match db.org(&actor, move |tx| queries::failed_rows(tx, id, after, BATCH)).await {
                Ok(batch) => {
                    let next = batch.last().map(|row| (row.line, None));
                    let done = batch.is_empty() && first.is_none();
                    (!done).then(|| (Ok(Bytes::from(lines(first, &batch, width))), next))
                }
                Err(error) => Some((Err(actix_web::Error::from(error)), None)),
            }
        }
    });
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"import-errors-{}.csv\"", short(id))))
        .streaming(Box::pin(rows)))
}

fn short(id: ImportId) -> String {
    id.to_string().chars().take(13).collect()
}

/// A byte order mark comes first, so that Excel reads the accents.
fn lines(first: Option<Vec<String>>, batch: &[FailedRow], width: usize) -> Vec<u8> {
    let mut out = if first.is_some() { b"\xEF\xBB\xBF".to_vec() } else { Vec::new() };
    let mut write = |style: csv::QuoteStyle, rows: &mut dyn Iterator<Item = Vec<String>>| {
        let mut writer = csv::WriterBuilder::new().flexible(true).quote_style(style).from_writer(&mut out);
        for row in rows {
            // Writing to memory cannot fail.
            let _ = writer.write_record(&row);
        }
        let _ = writer.flush();
    };
    // Quotation marks that are seen tell a reader that apostrophes are none.
    write(csv::QuoteStyle::Always, &mut first.into_iter());
    write(csv::QuoteStyle::Necessary, &mut batch.iter().map(|row| row.csv(width)));
    out
}
