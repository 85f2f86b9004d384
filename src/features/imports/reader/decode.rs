//! Bytes to UTF-8 while they stream: a byte order mark decides, else UTF-16 is told by its zero bytes, else the first part of the
//! file that is not plain ASCII is shown to a detector (chardetng, as Firefox has it), unless somebody said what it is. Nothing is
//! replaced silently: a mark that lies, bytes that the encoding does not have, two encodings in one file and NUL characters stop the
//! import at the line where they stand, after everything before them has been handed out.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::io::{self, Read};

const CHUNK: usize = 64 * 1024;

/// A reader of UTF-8, whatever the file was written in.
pub struct Decoded<R> {
    input: R,
    raw: Vec<u8>,
    /// `None` while everything so far was ASCII.
    decoder: Option<Decoder>,
    encoding: Option<&'static Encoding>,
    /// Said by the user: trusted further than a guess.
    told: bool,
    marked: bool,
    text: Vec<u8>,
    given: usize,
    began: bool,
    ended: bool,
    /// What stops the file behind the text that is waiting.
    broken: Option<String>,
}

impl<R: Read> Decoded<R> {
    /// `told` is the encoding somebody chose, if anybody did.
    pub fn new(input: R, told: Option<&'static Encoding>) -> Self {
        Self {
            input,
            raw: Vec::with_capacity(CHUNK),
            decoder: told.map(Encoding::new_decoder_with_bom_removal),
            encoding: told,
            told: told.is_some(),
            marked: false,
            text: Vec::new(),
            given: 0,
            began: false,
            ended: false,
            broken: None,
        }
    }

    /// The encoding found; pure ASCII is called UTF-8.
    pub fn encoding(&self) -> &'static str {
        self.encoding.unwrap_or(UTF_8).name()
    }

    /// Reads on until the encoding is certain.
    pub fn settle(&mut self) {
        while self.decoder.is_none() && !self.ended && self.fill().is_ok() {}
    }

    fn fill(&mut self) -> io::Result<()> {
        if let Some(what) = self.broken.take() {
            self.ended = true;
            return Err(refused(&what));
        }
        self.raw.clear();
        let read = self.input.by_ref().take(CHUNK as u64).read_to_end(&mut self.raw)?;
        self.ended = read < CHUNK;
        if !self.began {
            self.began = true;
            self.begin()?;
        }
        if self.decoder.is_none() && !self.raw.is_ascii() {
            let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
            detector.feed(&self.raw, self.ended);
            self.decide(detector.guess(None, Utf8Detection::Allow));
        }
        self.text.clear();
        self.given = 0;
        let usable = self.usable();
        match &mut self.decoder {
            None => self.text.extend_from_slice(&self.raw[..usable]),
            Some(decoder) => {
                let last = self.ended && usable == self.raw.len();
                if let Err(name) = decode(decoder, &self.raw[..usable], &mut self.text, last) {
                    self.broken = Some(self.malformed(name));
                }
            }
        }
        if let Some(nul) = self.text.iter().position(|b| *b == 0) {
            self.text.truncate(nul);
            self.broken = Some("it holds NUL characters: this is not a text file".into());
        }
        Ok(())
    }

    /// The start of the file: what it says of itself.
    fn begin(&mut self) -> io::Result<()> {
        if let Some(what) = not_text(&self.raw) {
            return Err(refused(what));
        }
        if self.told {
            return Ok(());
        }
        if let Some((encoding, mark)) = Encoding::for_bom(&self.raw) {
            if encoding != UTF_8 && !is_utf16(&self.raw[mark..], encoding) {
                return Err(refused("its byte order mark says UTF-16, but its text is not written that way"));
            }
            self.marked = true;
            self.decide(encoding);
        } else if let Some(encoding) = utf16_without_mark(&self.raw) {
            self.decide(encoding);
        }
        Ok(())
    }

    fn decide(&mut self, encoding: &'static Encoding) {
        self.encoding = Some(encoding);
        self.decoder = Some(encoding.new_decoder_with_bom_removal());
    }

    /// How much of the chunk is in the encoding found: text of one byte a letter does not hold the pairs that UTF-8 makes of accents.
    fn usable(&mut self) -> usize {
        let western = |name: &str| name.starts_with("windows-125") || name.starts_with("ISO-8859-");
        let Some(encoding) = self.encoding.filter(|e| !self.told && western(e.name())) else { return self.raw.len() };
        let Some(at) = utf8_pairs(&self.raw).next() else { return self.raw.len() };
        // The line to mend is one of the fewer.
        let most = not_utf8(&self.raw).count() < utf8_pairs(&self.raw).count();
        let (at, how) = match not_utf8(&self.raw).next().filter(|_| most) {
            Some(odd) => (odd, "is not written in UTF-8, others are".to_owned()),
            None => (at, format!("is written in UTF-8, others in {}", encoding.name())),
        };
        self.broken = Some(format!("it mixes two encodings: this line {how} (save it as UTF-8)"));
        at
    }

    fn malformed(&self, name: &str) -> String {
        if self.marked {
            return format!("its byte order mark says {name}, but this line holds bytes that are not {name}");
        }
        format!("this line holds bytes that are not valid {name} (is the encoding the right one?)")
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() && (!self.ended || self.broken.is_some()) {
            self.fill()?;
        }
        let rest = &self.text[self.given..];
        let n = rest.len().min(out.len());
        out[..n].copy_from_slice(&rest[..n]);
        self.given += n;
        Ok(n)
    }
}

/// An error of the file itself, in words for the user.
pub fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

/// The name of the encoding when bytes are not of it; what comes before them has been decoded.
fn decode(decoder: &mut Decoder, mut raw: &[u8], text: &mut Vec<u8>, last: bool) -> Result<(), &'static str> {
    loop {
        let start = text.len();
        let room = decoder.max_utf8_buffer_length_without_replacement(raw.len()).unwrap_or(4 * CHUNK).max(16);
        text.resize(start + room, 0);
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(raw, &mut text[start..], last);
        text.truncate(start + written);
        raw = &raw[read..];
        match result {
            DecoderResult::InputEmpty => return Ok(()),
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => return Err(decoder.encoding().name()),
        }
    }
}

/// Files that people take for a list, by their first bytes.
fn not_text(raw: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 7] = [
        (b"PK\x03\x04", "it is a workbook or another archive, not text"),
        (
            b"\xD0\xCF\x11\xE0",
            "it is an old Excel file (.xls), or a workbook under a password: save it as .xlsx without one",
        ),
        (b"%PDF-", "it is a PDF: export the list itself as CSV or .xlsx"),
        (b"\x1F\x8B", "it is compressed: unpack it first"),
        (b"\x89PNG", "it is a picture"),
        (b"\xFF\xD8\xFF", "it is a picture"),
        (b"SQLite format 3", "it is a database: export the list as CSV"),
    ];
    KNOWN.iter().find(|(start, _)| raw.starts_with(start)).map(|(_, what)| *what)
}

/// Whether text behind a mark of UTF-16 is that: its delimiters and line ends have a zero byte each, on the right side.
fn is_utf16(rest: &[u8], encoding: &'static Encoding) -> bool {
    let sample = &rest[..rest.len().min(1024) & !1];
    let zeros = |offset: usize| sample.iter().skip(offset).step_by(2).filter(|b| **b == 0).count();
    let (high, low) = if encoding == UTF_16LE { (zeros(1), zeros(0)) } else { (zeros(0), zeros(1)) };
    rest.len().is_multiple_of(2) && (sample.is_empty() || high > 0 && high >= low)
}

/// Western text in UTF-16 has a zero in every other byte.
fn utf16_without_mark(raw: &[u8]) -> Option<&'static Encoding> {
    let sample = &raw[..raw.len().min(512) & !1];
    if sample.len() < 8 {
        return None;
    }
    let zeros = |offset: usize| sample.iter().skip(offset).step_by(2).filter(|b| **b == 0).count();
    let (even, odd, half) = (zeros(0), zeros(1), sample.len() / 2);
    match () {
        () if odd * 10 >= half * 7 && even * 10 < half => Some(UTF_16LE),
        () if even * 10 >= half * 7 && odd * 10 < half => Some(UTF_16BE),
        () => None,
    }
}

/// Where accents stand as UTF-8 writes them: C3, then A0 to BF, which in Western text is a capital A with a tilde and a sign that nobody types
/// behind it. A space or a quotation mark there may be meant (in Portuguese capitals), but not after a small letter.
fn utf8_pairs(raw: &[u8]) -> impl Iterator<Item = usize> {
    let small = |at: usize| at > 0 && raw[at - 1].is_ascii_lowercase();
    (0..raw.len().saturating_sub(1)).filter(move |&at| {
        raw[at] == 0xC3
            && match raw[at + 1] {
                0xA0 | 0xAB | 0xBB => small(at),
                0xA1..=0xBF => true,
                _ => false,
            }
    })
}

/// Where bytes stand that UTF-8 does not write so.
fn not_utf8(raw: &[u8]) -> impl Iterator<Item = usize> {
    let mut at = 0;
    raw.utf8_chunks().filter_map(move |chunk| {
        let bad = at + chunk.valid().len();
        at = bad + chunk.invalid().len();
        (!chunk.invalid().is_empty()).then_some(bad)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<(String, &'static str), String> {
        read_as(bytes, None)
    }

    fn read_as(bytes: &[u8], told: Option<&'static Encoding>) -> Result<(String, &'static str), String> {
        let mut decoded = Decoded::new(bytes, told);
        let mut text = String::new();
        decoded.read_to_string(&mut text).map_err(|e| e.to_string())?;
        Ok((text, decoded.encoding()))
    }

    #[test]
    fn encodings_are_told_apart() {
        let text = "name;city\nJosé Müller;Köln\nElodie Brûlé;Orléans\n";
        let utf16 = |big: bool| -> Vec<u8> {
            text.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
        };
        let latin: Vec<u8> = encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
        let marked = [b"\xEF\xBB\xBF".as_slice(), text.as_bytes()].concat();
        let marked16 = [b"\xFF\xFE".as_slice(), &utf16(false)].concat();
        let cases = [text.as_bytes().to_vec(), marked, utf16(false), utf16(true), marked16, latin.clone()];
        for bytes in cases {
            assert_eq!(read(&bytes).map(|r| r.0), Ok(text.to_owned()));
        }
        // The first accent comes late: the decision waits for it.
        let late = [b"a,b\n".repeat(40_000), latin.clone()].concat();
        assert_eq!(read(&late).map(|r| r.1), Ok("windows-1252"));
        assert_eq!(read_as(&latin, Some(encoding_rs::WINDOWS_1252)).map(|r| r.0), Ok(text.to_owned()));
        assert!(read(b"a,b\n\0\x01").is_err());
        assert!(read(b"PK\x03\x04rest").is_err());
    }

    #[test]
    fn what_contradicts_itself_is_refused_where_it_does() {
        let error = |bytes: &[u8]| read(bytes).err().unwrap_or_default();
        assert!(error(b"\xFF\xFEname,city\nx,y\n").contains("mark says UTF-16"));
        let big_endian: Vec<u8> = "name,city\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(error(&[b"\xFF\xFE".as_slice(), &big_endian].concat()).contains("mark says UTF-16"));
        assert!(error(b"\xEF\xBB\xBFname\nJos\xE9\n").contains("mark says UTF-8"));
        let mixed = "name\nJos\u{e9}\nMüller\n".as_bytes().to_vec();
        let mixed = [&mixed[..], b"Andr\xE9\nBj\xF6rn\n"].concat();
        assert!(!error(&mixed).is_empty());
        let mixed = [b"name\nAndr\xE9\nBj\xF6rn Gr\xFCn\n".as_slice(), "Müller\n".as_bytes()].concat();
        assert!(error(&mixed).contains("mixes two encodings"));
        // Everything before the place comes through, so that the line is known.
        let mut decoded = Decoded::new(mixed.as_slice(), None);
        let mut text = Vec::new();
        assert!(decoded.read_to_end(&mut text).is_err());
        assert!(text.ends_with(b"\nM"), "{}", String::from_utf8_lossy(&text));
        // Letters whose second byte is a quotation mark or a space in Latin-1; the one line among many is the one to mend.
        for word in ["Citro\u{eb}n\n", "Br\u{fb}l\n", "voil\u{e0}\n"] {
            let mixed = [b"name\nAndr\xE9\nBj\xF6rn Gr\xFCn\n".as_slice(), word.as_bytes()].concat();
            assert!(error(&mixed).contains("line is written in UTF-8"), "{word}");
        }
        assert_eq!(utf8_pairs(b"\xABMANH\xC3\xBB\nS\xC3O\xC3\xA0").count(), 0);
        let mostly = ["M\u{fc}ller\n".repeat(300).as_bytes(), b"Andr\xE9\n"].concat();
        let mut decoded = Decoded::new(mostly.as_slice(), None);
        let mut text = Vec::new();
        let told = decoded.read_to_end(&mut text).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(told.contains("not written in UTF-8") && text.ends_with(b"Andr"), "{told}");
        // Somebody who says which one it is, is believed.
        assert!(read_as(&mixed, Some(encoding_rs::WINDOWS_1252)).is_ok());
    }
}
