//! Bytes to UTF-8 while they stream: a byte order mark decides, else UTF-16 is told by its zero bytes, else the first part of the
//! file that is not plain ASCII is shown to a detector (chardetng, as Firefox has it). Nothing is replaced silently: bytes that the
//! chosen encoding does not have stop the import.

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
    text: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Decoded<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            raw: Vec::with_capacity(CHUNK),
            decoder: None,
            encoding: None,
            text: Vec::new(),
            given: 0,
            ended: false,
        }
    }

    /// The encoding found; pure ASCII is called UTF-8.
    pub fn encoding(&self) -> &'static str {
        self.encoding.unwrap_or(UTF_8).name()
    }

    fn fill(&mut self) -> io::Result<()> {
        self.raw.clear();
        let read = self.input.by_ref().take(CHUNK as u64).read_to_end(&mut self.raw)?;
        self.ended = read < CHUNK;
        if self.decoder.is_none() {
            self.choose()?;
        }
        self.text.clear();
        self.given = 0;
        match &mut self.decoder {
            None => self.text.extend_from_slice(&self.raw),
            Some(decoder) => decode(decoder, &self.raw, &mut self.text, self.ended)?,
        }
        if self.text.contains(&0) {
            return Err(refused("it holds NUL characters: this is not a text file"));
        }
        Ok(())
    }

    /// Looks at the chunk just read; stays undecided while it is ASCII.
    fn choose(&mut self) -> io::Result<()> {
        let raw = &self.raw;
        let first = self.encoding.is_none() && self.given == 0 && self.text.is_empty();
        if first {
            if raw.starts_with(b"PK\x03\x04") {
                return Err(refused("it is an Excel workbook or another archive: save it as CSV first"));
            }
            if let Some((encoding, _)) = Encoding::for_bom(raw) {
                return self.decide(encoding);
            }
            if let Some(encoding) = utf16_without_mark(raw) {
                return self.decide(encoding);
            }
        }
        if raw.contains(&0) {
            return Err(refused("it holds NUL characters: this is not a text file"));
        }
        if raw.is_ascii() {
            return Ok(());
        }
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(raw, self.ended);
        self.decide(detector.guess(None, Utf8Detection::Allow))
    }

    fn decide(&mut self, encoding: &'static Encoding) -> io::Result<()> {
        self.encoding = Some(encoding);
        self.decoder = Some(encoding.new_decoder_with_bom_removal());
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() && !self.ended {
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

fn decode(decoder: &mut Decoder, mut raw: &[u8], text: &mut Vec<u8>, last: bool) -> io::Result<()> {
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
            DecoderResult::Malformed(..) => {
                let name = decoder.encoding().name();
                return Err(refused(&format!("it holds bytes that are not valid {name}: save it as UTF-8")));
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<(String, &'static str), String> {
        let mut decoded = Decoded::new(bytes);
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
        let late = [b"a,b\n".repeat(40_000), latin].concat();
        assert_eq!(read(&late).map(|r| r.1), Ok("windows-1252"));
        assert!(read(b"a,b\n\0\x01").is_err());
        assert!(read(b"PK\x03\x04rest").is_err());
    }
}
