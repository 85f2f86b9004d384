//! Embeds static/: each file hashed, gzipped and brotlied once, here, so that serving it costs a copy.
//!
//! JavaScript modules import each other by plain relative names; those imports are rewritten to hashed names, leaves first.

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=static");
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("OUT_DIR is not set"))?);
    let root = Path::new("static");
    let mut files = BTreeMap::new();
    if root.is_dir() {
        collect(root, root, &mut files)?;
    }
    rewrite_imports(&mut files);
    let mut list = String::from("static ASSETS: &[Asset] = &[\n");
    for (i, (name, bytes)) in files.iter().enumerate() {
        let hashed = hashed_name(name, bytes);
        let plain = write(&out, &format!("{i}.plain"), bytes)?;
        let (gzip, brotli) = if compressible(name) {
            let gz = write_if_smaller(&out, &format!("{i}.gz"), gzip(bytes)?, bytes.len())?;
            let br = write_if_smaller(&out, &format!("{i}.br"), brotli(bytes)?, bytes.len())?;
            (gz, br)
        } else {
            ("None".into(), "None".into())
        };
        list.push_str(&format!(
            "    Asset {{ name: {name:?}, hashed: {hashed:?}, plain: include_bytes!({plain:?}), gzip: {gzip}, brotli: {brotli} }},\n"
        ));
    }
    list.push_str("];\n");
    fs::write(out.join("assets.rs"), list)
}

fn collect(root: &Path, dir: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|e| e != "md")
            && let Ok(name) = path.strip_prefix(root)
        {
            files.insert(name.to_string_lossy().replace('\\', "/"), fs::read(&path)?);
        }
    }
    Ok(())
}

/// `from "./x.js"` and `import("./x.js")` become the hashed names, and `url(…)` in style sheets too. Modules form no cycles, so as
/// many passes as there are files settle every hash.
fn rewrite_imports(files: &mut BTreeMap<String, Vec<u8>>) {
    let originals = files.clone();
    for _ in 0..6 {
        let names: BTreeMap<String, String> = files.iter().map(|(n, b)| (n.clone(), hashed_name(n, b))).collect();
        let mut changed = false;
        for (name, original) in &originals {
            if !(name.ends_with(".js") && name.starts_with("js/") || name.ends_with(".css")) {
                continue;
            }
            let Ok(mut text) = String::from_utf8(original.clone()) else { continue };
            let dir = name.rsplit_once('/').map_or("", |(d, _)| d);
            for (target, hashed) in &names {
                for relative in relatives(dir, target) {
                    let hashed_relative = relatives(dir, hashed).remove(0);
                    for (open, close) in [("\"", "\""), ("'", "'"), ("(", ")")] {
                        text = text
                            .replace(&format!("{open}{relative}{close}"), &format!("{open}{hashed_relative}{close}"));
                    }
                }
            }
            if files.get(name).is_some_and(|now| now != text.as_bytes()) {
                files.insert(name.clone(), text.into_bytes());
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
}

/// How a file in `dir` may name `target`.
fn relatives(dir: &str, target: &str) -> Vec<String> {
    match target.strip_prefix(&format!("{dir}/")) {
        Some(rest) => vec![format!("./{rest}")],
        None => vec![format!("../{target}")],
    }
}

fn hashed_name(name: &str, bytes: &[u8]) -> String {
    let hash = hex::encode(&Sha256::digest(bytes)[..6]);
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}.{hash}.{extension}"),
        None => format!("{name}.{hash}"),
    }
}

fn compressible(name: &str) -> bool {
    [".css", ".js", ".svg", ".json", ".html", ".txt"].iter().any(|e| name.ends_with(e))
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let params = brotli::enc::BrotliEncoderParams { quality: 9, lgwin: 22, ..Default::default() };
    brotli::BrotliCompress(&mut &bytes[..], &mut out, &params)?;
    Ok(out)
}

fn write(out: &Path, name: &str, bytes: &[u8]) -> io::Result<String> {
    let path = out.join(name);
    fs::write(&path, bytes)?;
    Ok(path.to_string_lossy().into_owned())
}

fn write_if_smaller(out: &Path, name: &str, bytes: Vec<u8>, plain: usize) -> io::Result<String> {
    if bytes.len() >= plain {
        return Ok("None".into());
    }
    Ok(format!("Some(include_bytes!({:?}))", write(out, name, &bytes)?))
}
