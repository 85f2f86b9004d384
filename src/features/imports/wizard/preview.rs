//! The beginning of a draft's file, read as the import will read it.

use crate::{
    config::Config,
    error::{AppError, AppResult},
    features::imports::{
        commands,
        queries::Import,
        reader::{self, FileShape, Overrides},
        source,
        stage::Stopped,
    },
};
use actix_web::web;
use std::path::{Path, PathBuf};

/// What stands in a column, without the empty and the same.
pub fn samples(shape: &FileShape, column: usize, most: usize) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    let cells = shape.first_rows.iter().filter_map(|row| row.cells.get(column)).map(|c| c.trim());
    for cell in cells.filter(|c| !c.is_empty()) {
        if found.len() == most {
            break;
        }
        if !found.contains(&cell) {
            found.push(cell);
        }
    }
    found
}

/// Where the draft's file lies.
pub fn path(config: &Config, import: &Import) -> PathBuf {
    commands::uploads(config).join(import.file_path.as_deref().unwrap_or_default())
}

pub async fn of(config: &Config, import: &Import) -> AppResult<FileShape> {
    let (path, overrides) = (path(config, import), import.options().overrides);
    web::block(move || look(&path, &overrides)).await.map_err(|error| AppError::Internal(error.into()))?
}

/// A file that cannot be read like this is shown with the reason, so that it may be read in another way.
fn look(path: &Path, overrides: &Overrides) -> AppResult<FileShape> {
    source::there(path).map_err(|stopped| match stopped {
        Stopped::Other(error) => error,
        _ => AppError::NotFound,
    })?;
    Ok(reader::sniff(path, overrides).unwrap_or_else(|problem| FileShape::refused(problem, overrides)))
}
