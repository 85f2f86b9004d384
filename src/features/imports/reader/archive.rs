//! A workbook is an archive of XML, and what opens it believes what it says: how large its parts are, how many strings they hold.
//! So each part is unpacked here first, kept nowhere, and counted. A part that would not fit into memory where it has to, a text as
//! long as a book, a part under a password, and figures that cannot be true refuse the file.

use super::{FileProblem, inflate::inflate};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

/// A sheet, which is read as a stream.
const MAX_SHEET: u64 = 4 << 30;
/// The table of texts, which is held in memory.
const MAX_STRINGS: u64 = 48 << 20;
/// Any other part.
const MAX_PART: u64 = 16 << 20;
/// One text or tag; Excel's longest cell has 32,767 characters.
const MAX_TOKEN: usize = 2 << 20;
const MAX_PARTS: usize = 10_000;

/// A part of the archive, from its directory.
struct Part {
    name: String,
    offset: u64,
    packed: u64,
    method: u16,
    locked: bool,
}

/// Refuses an archive that is not safe to open.
pub fn check(path: &Path) -> Result<(), FileProblem> {
    examine(path).map_err(|error| {
        FileProblem::new(
            None,
            match error.kind() {
                io::ErrorKind::UnexpectedEof => "the workbook is cut off or damaged".to_owned(),
                _ => error.to_string(),
            },
        )
    })
}

fn refuse<T>(why: impl Into<String>) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidData, why.into()))
}

fn examine(path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    let parts = directory(&mut file)?;
    if !parts.iter().any(|part| part.name.ends_with("workbook.xml")) {
        let open_document = parts.iter().any(|part| part.name == "mimetype");
        let what = if open_document { "an OpenDocument file" } else { "an archive, but no Excel workbook" };
        return refuse(format!("it is {what}: save the list as .xlsx or CSV"));
    }
    for part in parts.iter().filter(|part| part.is_read()) {
        part.examine(&mut file)?;
    }
    Ok(())
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u16_at(bytes, at)) | u64::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u32_at(bytes, at) | u32_at(bytes, at + 4) << 32
}

/// The archive's table of contents (PKWARE APPNOTE 4.3.12). It has to end the file, so that there is only one.
fn directory(file: &mut File) -> io::Result<Vec<Part>> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut tail = vec![0; usize::try_from(end.min(42)).unwrap_or(42)];
    file.seek(SeekFrom::Start(end - tail.len() as u64))?;
    file.read_exact(&mut tail)?;
    let record = tail.len().saturating_sub(22);
    if !tail[record..].starts_with(b"PK\x05\x06") {
        return refuse("the workbook is cut off or damaged");
    }
    let (mut count, mut size, mut start) =
        (u64::from(u16_at(&tail, record + 10)), u32_at(&tail, record + 12), u32_at(&tail, record + 16));
    if tail.starts_with(b"PK\x06\x07") {
        file.seek(SeekFrom::Start(u64_at(&tail, 8)))?;
        let mut large = [0; 56];
        file.read_exact(&mut large)?;
        (count, size, start) = (u64_at(&large, 32), u64_at(&large, 40), u64_at(&large, 48));
    }
    if count > MAX_PARTS as u64 || size > MAX_PART {
        return refuse("the workbook has too many parts");
    }
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(size).read_to_end(&mut bytes)?;
    let mut parts = Vec::new();
    let mut at = 0;
    while parts.len() < count as usize {
        let Some(entry) = bytes.get(at..).filter(|b| b.starts_with(b"PK\x01\x02") && b.len() >= 46) else {
            return refuse("the workbook is cut off or damaged");
        };
        let (name, extra, comment) = (u16_at(entry, 28), u16_at(entry, 30), u16_at(entry, 32));
        let (name, extra) = (46..46 + usize::from(name), 46 + usize::from(name)..46 + usize::from(name + extra));
        parts.push(Part::of(entry, entry.get(name).unwrap_or_default(), entry.get(extra.clone()).unwrap_or_default()));
        at += extra.end + usize::from(comment);
    }
    Ok(parts)
}

impl Part {
    fn of(entry: &[u8], name: &[u8], extra: &[u8]) -> Self {
        let (mut packed, mut offset) = (u32_at(entry, 20), u32_at(entry, 42));
        // Large files keep in an extra field (APPNOTE 4.5.3) whatever does not fit, in this order.
        let mut rest = extra;
        while rest.len() >= 4 {
            let length = usize::from(u16_at(rest, 2));
            if u16_at(rest, 0) == 1 {
                let mut at = 4;
                let mut next = |kept: u64| {
                    let wide = kept == 0xFFFF_FFFF;
                    at += if wide { 8 } else { 0 };
                    if wide { u64_at(rest, at - 8) } else { kept }
                };
                next(u32_at(entry, 24));
                packed = next(packed);
                offset = next(offset);
            }
            rest = rest.get(4 + length..).unwrap_or_default();
        }
        Self {
            name: String::from_utf8_lossy(name).to_lowercase().replace('\\', "/"),
            offset,
            packed,
            method: u16_at(entry, 10),
            locked: u16_at(entry, 8) & 1 == 1,
        }
    }

    fn is_read(&self) -> bool {
        let quiet = ["/media/", "/printersettings/", "/drawings/", "/charts/", "/embeddings/"];
        !self.name.ends_with('/') && !quiet.iter().any(|folder| self.name.contains(folder))
    }

    fn is_strings(&self) -> bool {
        self.name.ends_with("sharedstrings.xml")
    }

    fn limit(&self) -> u64 {
        match () {
            () if self.is_strings() => MAX_STRINGS,
            () if self.name.contains("/worksheets/") => MAX_SHEET,
            () => MAX_PART,
        }
    }

    fn examine(&self, file: &mut File) -> io::Result<()> {
        if self.locked {
            return refuse("the workbook is under a password: save it without one");
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut local = [0; 30];
        file.read_exact(&mut local)?;
        if !local.starts_with(b"PK\x03\x04") {
            return refuse("the workbook is cut off or damaged");
        }
        file.seek(SeekFrom::Current(i64::from(u16_at(&local, 26)) + i64::from(u16_at(&local, 28))))?;
        let mut packed = BufReader::with_capacity(64 * 1024, file.take(self.packed));
        let mut seen = Seen::new(self);
        match self.method {
            0 => {
                let mut piece = [0; 16 * 1024];
                loop {
                    match packed.read(&mut piece)? {
                        0 => break,
                        n => seen.take(&piece[..n])?,
                    }
                }
            }
            8 => inflate(packed, &mut |piece| seen.take(piece))?,
            _ => return refuse("the workbook is packed in a way that is not known here: save it again from Excel"),
        }
        seen.judge()
    }
}

/// What has been unpacked of a part.
struct Seen<'p> {
    part: &'p Part,
    bytes: u64,
    token: usize,
    head: Vec<u8>,
    tags: u64,
}

impl<'p> Seen<'p> {
    fn new(part: &'p Part) -> Self {
        Self { part, bytes: 0, token: 0, head: Vec::new(), tags: 0 }
    }

    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        self.bytes += piece.len() as u64;
        if self.bytes > self.part.limit() {
            return refuse(match () {
                () if self.part.is_strings() => {
                    "the workbook holds more text than can be read at once: save the sheet as CSV"
                }
                () if self.part.name.contains("/worksheets/") => "the sheet is too large: save it as CSV",
                () => "the workbook unpacks to far more than a workbook holds",
            });
        }
        let room = 4096usize.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend_from_slice(&piece[..room]);
        for run in piece.split_inclusive(|b| *b == b'<') {
            self.token += run.len();
            if self.token > MAX_TOKEN {
                return refuse("a cell holds more text than any cell can: the workbook is damaged");
            }
            if run.ends_with(b"<") {
                self.tags += 1;
                self.token = 0;
            }
        }
        Ok(())
    }

    /// A table of texts says beforehand how many it holds, and is believed by what reads it.
    fn judge(&self) -> io::Result<()> {
        if !self.part.is_strings() {
            return Ok(());
        }
        let head = String::from_utf8_lossy(&self.head);
        let said = head.split("uniqueCount").nth(1).map(|rest| {
            let digits = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
            digits.chars().take_while(char::is_ascii_digit).collect::<String>()
        });
        let said = said.map_or(0, |digits| digits.parse::<u64>().unwrap_or(u64::MAX));
        if said > self.tags {
            refuse("the workbook is damaged: it says that it holds more texts than it does")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// An archive of these parts: name, flags, method, packed bytes.
    fn archive(parts: &[(&str, u16, u16, &[u8])]) -> tempfile::TempPath {
        let (mut bytes, mut list) = (Vec::new(), Vec::new());
        for (name, flags, method, packed) in parts {
            let (offset, length, name_length) = (bytes.len() as u32, packed.len() as u32, name.len() as u16);
            let mut common = [*flags, *method, 0, 0].map(u16::to_le_bytes).concat();
            common.extend([0, length, length].map(u32::to_le_bytes).concat());
            common.extend([name_length, 0].map(u16::to_le_bytes).concat());
            bytes.extend([b"PK\x03\x04\x14\x00".as_slice(), &common, name.as_bytes(), packed].concat());
            list.extend([b"PK\x01\x02\x14\x00\x14\x00".as_slice(), &common, &[0; 10], &offset.to_le_bytes()].concat());
            list.extend(name.as_bytes());
        }
        let (start, size, count) = (bytes.len() as u32, list.len() as u32, parts.len() as u16);
        bytes.extend(list);
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        bytes.extend([count, count].map(u16::to_le_bytes).concat());
        bytes.extend([size, start].map(u32::to_le_bytes).concat());
        bytes.extend([0, 0]);
        let mut file = tempfile::NamedTempFile::new().unwrap_or_else(|e| panic!("{e}"));
        file.write_all(&bytes).unwrap_or_else(|e| panic!("{e}"));
        file.into_temp_path()
    }

    /// `byte`, and then itself 258 times over for each of `runs`, packed with the fixed codes (RFC 1951, 3.2.6).
    fn bomb(byte: u8, runs: usize) -> Vec<u8> {
        let mut bits: Vec<bool> = vec![true, true, false];
        let mut code = |value: u16, length: u32| bits.extend((0..length).rev().map(|n| value >> n & 1 == 1));
        code(0x30 + u16::from(byte), 8);
        for _ in 0..runs {
            code(0xC0 + 5, 8);
            code(0, 5);
        }
        code(0, 7);
        bits.chunks(8).map(|eight| eight.iter().enumerate().map(|(n, bit)| u8::from(*bit) << n).sum()).collect()
    }

    #[test]
    fn archives_that_would_fill_the_memory_are_refused() {
        let why = |parts: &[(&str, u16, u16, &[u8])]| {
            let parts = [&[("xl/workbook.xml", 0, 0, b"<workbook/>".as_slice())], parts].concat();
            check(&archive(&parts)).err().map_or_else(String::new, |problem| problem.what)
        };
        let strings = b"<sst uniqueCount=\"2\"><si><t>a</t></si><si><t>b</t></si></sst>".as_slice();
        assert_eq!(why(&[("xl/sharedStrings.xml", 0, 0, strings)]), "");
        let lie = b"<sst uniqueCount=\"999999999999\"><si><t>a</t></si></sst>".as_slice();
        assert!(why(&[("xl/sharedStrings.xml", 0, 0, lie)]).contains("more texts than it does"));
        assert!(why(&[("xl/worksheets/sheet1.xml", 1, 0, b"<x/>")]).contains("password"));
        assert!(why(&[("xl/worksheets/sheet1.xml", 0, 99, b"<x/>")]).contains("packed in a way"));
        assert!(why(&[("xl/worksheets/sheet1.xml", 0, 8, b"\xFF\xFF\xFF")]).contains("damaged"));
        assert_eq!(why(&[("xl/worksheets/sheet1.xml", 0, 8, &bomb(b' ', 100))]), "");
        // One cell without an end; any number of small ones.
        let endless = bomb(b'a', 10_000);
        assert!(endless.len() < 20_000, "{}", endless.len());
        assert!(why(&[("xl/worksheets/sheet1.xml", 0, 8, &endless)]).contains("more text than any cell"));
        assert!(why(&[("xl/styles.xml", 0, 8, &bomb(b'<', 70_000))]).contains("unpacks to far more"));
        // Not a workbook, and a directory that points past the end.
        assert!(check(&archive(&[("a.txt", 0, 0, b"x")])).is_err_and(|p| p.what.contains("no Excel workbook")));
        assert!(check(&archive(&[("mimetype", 0, 0, b"x")])).is_err_and(|p| p.what.contains("OpenDocument")));
    }
}
