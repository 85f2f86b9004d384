//! Opening a file to import, wherever it comes from.

use super::{
    reader::{self, FileProblem, Overrides, Rows},
    stage::Stopped,
};
use anyhow::Context as _;
use std::{
    fs,
    io::{self, Read},
    path::Path,
};

/// An upload that waits, or a file on the command line. The problem of a file that is not there is ours, not the file's.
pub fn stored(path: &Path, overrides: &Overrides) -> Result<Rows<'static>, Stopped> {
    there(path)?;
    Ok(reader::open(path, overrides)?)
}

/// Refuses a file that is not on this machine.
pub fn there(path: &Path) -> Result<(), Stopped> {
    let there = fs::metadata(path).with_context(|| {
        format!("{} is not on this machine: processes that serve and work together share DATA_DIR", path.display())
    });
    there.map(drop).map_err(|error| Stopped::Other(error.into()))
}

/// A stream. It is kept in a file while it is read, so that it can be looked at first; the file has no name any more by then.
pub fn arriving(mut input: impl Read, overrides: &Overrides) -> Result<Rows<'static>, Stopped> {
    let file = tempfile::NamedTempFile::new().map_err(|error| Stopped::Other(anyhow::Error::from(error).into()))?;
    let copied = file.reopen().and_then(|mut copy| io::copy(&mut input, &mut copy));
    copied.map_err(|error| FileProblem::new(None, error.to_string()))?;
    Ok(reader::open(file.path(), overrides)?)
}
