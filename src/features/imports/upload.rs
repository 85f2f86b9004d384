//! The uploaded file, streamed to disk as it arrives and never held in memory, then handed to a job.

use super::{
    commands::{self, NewImport},
    options::Options,
    pages, wizard,
};
use crate::{
    config::Config,
    db::Db,
    error::{AppError, AppResult},
    kernel::{ImportId, RecordType},
    web::{Form, FormErrors, Page, reply},
};
use actix_multipart::{Field, Multipart};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use futures_util::StreamExt;
use std::{fs, path::Path};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt;

/// Of a field that is not the file.
const TEXT_LIMIT: usize = 4 * 1024;

/// A file that has arrived. Removed again unless it is kept.
struct Arrived {
    name: String,
    path: TempPath,
    bytes: u64,
}

pub async fn create(page: Page, db: Data<Db>, config: Data<Config>, body: Multipart) -> AppResult<HttpResponse> {
    pages::scope(&page)?;
    let (form, file, mut errors) = receive(body, &config).await?;
    let Some((new, path)) = parse(&form, file, &mut errors) else {
        return pages::form_page(&page, StatusCode::UNPROCESSABLE_ENTITY, form.view(errors), config.max_upload_bytes);
    };
    commands::check(&page.actor, new.record)?;
    let kept = commands::uploads(&config).join(new.file_path.as_deref().unwrap_or_default());
    path.persist(&kept).map_err(anyhow::Error::from)?;
    let (id, actor) = (new.id, page.actor.clone());
    // Whoever chooses nothing gets what is recognised, at once, unless new records need what the file does not have.
    let file = new.file_path.clone().unwrap_or_default();
    let missing = match form.has("step_by_step") {
        true => Vec::new(),
        false => wizard::required::of_file(&page, &db, &config, new.record, &file).await?,
    };
    let step_by_step = form.has("step_by_step") || !missing.is_empty();
    let write = if step_by_step { commands::draft } else { commands::start };
    if let Err(error) = db.org(&page, move |tx| write(tx, &actor, &new)).await {
        let _ = fs::remove_file(&kept);
        return Err(error);
    }
    let next = match step_by_step {
        true if missing.is_empty() => "/file",
        true => "/columns",
        false => "",
    };
    Ok(reply::redirect(&page.req, &format!("/imports/{id}{next}"), None))
}

/// Gathers every error into `errors`; `None` when there are any.
fn parse(form: &Form, file: Option<Arrived>, errors: &mut FormErrors) -> Option<(NewImport, TempPath)> {
    let mut parser = form.parser();
    let record = parser.optional("record_type", |t| RecordType::parse(t).ok_or("is not one of the choices"));
    let pipeline = parser.text("pipeline", 100);
    let leave_unknown_owners = parser.checkbox("leave_unknown_owners");
    if let Err(more) = parser.finish() {
        more.iter().for_each(|(field, message)| errors.add(field, message));
    }
    if record.is_none() {
        errors.add("record_type", "choose what the file holds");
    }
    if file.as_ref().is_none_or(|f| f.bytes == 0) {
        errors.add("file", "choose a file that is not empty");
    }
    let (record, file) = (record?, file?);
    if !errors.is_empty() {
        return None;
    }
    let id = ImportId::new();
    let new = NewImport {
        id,
        record,
        file_name: file.name,
        file_path: Some(format!("{id}.csv")),
        options: Options { pipeline, leave_unknown_owners, ..Options::default() },
        file_size: i64::try_from(file.bytes).ok(),
    };
    Some((new, file.path))
}

async fn receive(mut body: Multipart, config: &Config) -> AppResult<(Form, Option<Arrived>, FormErrors)> {
    let (mut pairs, mut file, mut errors) = (Vec::new(), None, FormErrors::default());
    while let Some(field) = body.next().await {
        let mut field = field.map_err(|_| broken())?;
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            file = save(&mut field, config, &mut errors).await?;
        } else {
            pairs.push((name, text(&mut field).await?));
        }
    }
    Ok((Form::new(pairs), file, errors))
}

fn broken() -> AppError {
    AppError::Rejected(StatusCode::BAD_REQUEST, "The upload broke off. Nothing was imported; send it again.")
}

async fn text(field: &mut Field) -> AppResult<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.next().await {
        bytes.extend_from_slice(&chunk.map_err(|_| broken())?);
        if bytes.len() > TEXT_LIMIT {
            return Err(AppError::Rejected(StatusCode::PAYLOAD_TOO_LARGE, "The form is too large."));
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(AppError::Rejected(StatusCode::BAD_REQUEST, "The text is not valid UTF-8.")),
    }
}

/// Writes the file under DATA_DIR; one that is too large is read to its end, so that the answer arrives, and not kept.
async fn save(field: &mut Field, config: &Config, errors: &mut FormErrors) -> AppResult<Option<Arrived>> {
    let name = field.content_disposition().and_then(|d| d.get_filename()).unwrap_or_default();
    let name: String = Path::new(name)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect();
    let name = if name.is_empty() { "file.csv".to_owned() } else { name };
    let dir = commands::uploads(config);
    fs::create_dir_all(&dir).map_err(anyhow::Error::from)?;
    let (file, path) = tempfile::NamedTempFile::new_in(dir).map_err(anyhow::Error::from)?.into_parts();
    let mut file = tokio::fs::File::from_std(file);
    let mut bytes = 0u64;
    while let Some(chunk) = field.next().await {
        let chunk = chunk.map_err(|_| broken())?;
        bytes += chunk.len() as u64;
        if bytes <= config.max_upload_bytes {
            file.write_all(&chunk).await.map_err(anyhow::Error::from)?;
        } else if bytes > config.max_upload_bytes.saturating_mul(2) {
            return Err(AppError::Rejected(StatusCode::PAYLOAD_TOO_LARGE, "The file is too large."));
        }
    }
    if bytes > config.max_upload_bytes {
        errors.add("file", format!("is larger than {} MB", config.max_upload_bytes / (1 << 20)));
        return Ok(None);
    }
    file.sync_all().await.map_err(anyhow::Error::from)?;
    Ok(Some(Arrived { name, path, bytes }))
}
