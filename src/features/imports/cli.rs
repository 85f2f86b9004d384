//! `pipewright import contacts people.csv --org acme` (or `.xlsx`, or `.vcf`): the same engine as the upload page, with the outcome on the terminal.

use super::{
    commands::NewImport,
    options::Options,
    queries::{self, Scope},
    reader::{self, Overrides},
    running,
};
use crate::{
    cli::say,
    config::Config,
    db::{Db, Reason, Tx},
    kernel::{ImportId, OrgId, RecordType},
    schema::organisations,
};
use anyhow::{Context, bail};
use diesel::prelude::*;
use std::{fs::File, io, path::Path};

const SHOWN: usize = 20;

/// Rows in error are listed; it fails when the whole import does, or every row.
pub fn command_line(
    db: &Db,
    config: &Config,
    record: RecordType,
    (file, org_slug): (&Path, &str),
    options: Options,
) -> anyhow::Result<()> {
    let org = organisation(db, org_slug)?;
    let stdin = file == Path::new("-");
    let file_name = if stdin {
        "standard input".into()
    } else {
        file.file_name().unwrap_or_default().to_string_lossy().into_owned()
    };
    let new = NewImport { id: ImportId::new(), record, file_name, file_path: None, options, file_size: None };
    let result = if stdin {
        running::run_now(db, org, &new, io::stdin().lock())
    } else {
        File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
        if let Ok(shape) = reader::sniff(file, &Overrides::default()) {
            shape.warnings.iter().for_each(|warning| say(format!("note: {}", warning.message())));
        }
        running::run_file(db, org, &new, file)
    };
    if let Err(stopped) = result {
        bail!("{stopped} Nothing was imported.");
    }
    print(db, config, org, new.id)
}

fn organisation(db: &Db, slug: &str) -> anyhow::Result<OrgId> {
    let all: Vec<(OrgId, String)> = db.system_now(Reason::CommandLine, |tx| {
        let all = organisations::table.select((organisations::id, organisations::slug));
        Ok(all.order(organisations::slug).load(tx.conn())?)
    })?;
    if let Some((id, _)) = all.iter().find(|(_, known)| known == slug) {
        return Ok(*id);
    }
    let named: Vec<&str> = all.iter().take(SHOWN).map(|(_, slug)| slug.as_str()).collect();
    let more = if all.len() > SHOWN { format!(" and {} more", all.len() - SHOWN) } else { String::new() };
    bail!("there is no organisation with the slug {slug}; there are: {}{more}", named.join(", "))
}

fn print(db: &Db, config: &Config, org: OrgId, id: ImportId) -> anyhow::Result<()> {
    let (import, errors) =
        db.org_now(&org, |tx| Ok((queries::find(tx, id, &Scope::everything())?, queries::first_errors(tx, id)?)))?;
    let (rows, encoding) = (import.rows_read, import.encoding.as_deref().unwrap_or("UTF-8"));
    let noun = if rows == 1 { "row" } else { "rows" };
    say(format!("{rows} {noun} of {} read ({encoding})", import.file_name));
    say(format!(
        "  created {:>9}\n  updated {:>9}\n  skipped {:>9}\n  failed  {:>9}",
        import.created, import.updated, import.skipped, import.failed
    ));
    say("columns");
    for (heading, field) in import.columns() {
        say(format!("  {heading} -> {}", field.as_deref().unwrap_or("(not imported)")));
    }
    let lacking = import.made().lacking;
    if !lacking.is_empty() {
        say(format!("note: the catalogue does not have {lacking}: their deals have no line"));
    }
    for error in errors.iter().take(SHOWN) {
        say(format!("line {}: {}: {}", error.line, error.field, error.message));
    }
    if import.failed > 0 {
        say(format!("All rows in error: {}", config.public_url.join(&format!("/imports/{id}"))?));
    }
    if rows > 0 && import.failed == rows {
        bail!("every row is in error: nothing was imported");
    }
    Ok(())
}
