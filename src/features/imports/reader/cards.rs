//! vCards (2.1, 3.0, 4.0) one after the other, each a row. Pictures and sounds are left out as they pass. A card that is not ended,
//! or holds a line that is none, comes with its problem; so does text outside cards.

use super::{FileProblem, Read as RowRead, Source, card, decode::Decoded};
use csv::StringRecord;
use encoding_rs::Encoding;
use std::{
    fs::File,
    io::{BufRead, BufReader},
};

/// The most of a line, and of a card, that is looked at.
const MAX_LINE: usize = 256 * 1024;
const MAX_CARD: usize = 1024 * 1024;

/// The cards of a file.
pub struct Cards {
    input: BufReader<Decoded<File>>,
    encoding: &'static str,
    line: u64,
    after_cr: bool,
    /// The first line of a card that was found while its predecessor was still open.
    begun: Option<u64>,
}

/// A card as it stands in the file.
#[derive(Default)]
struct Gathered {
    line: u64,
    text: String,
    problem: Option<String>,
    /// Within a property that is left out.
    dropping: bool,
    /// Cards within this one (AGENT).
    depth: usize,
}

impl Cards {
    pub fn new(file: File, encoding: Option<&'static Encoding>) -> Self {
        let input = BufReader::with_capacity(64 * 1024, Decoded::new(file, encoding));
        Self { input, encoding: "UTF-8", line: 0, after_cr: false, begun: None }
    }

    /// The next line, without its end, cut at [`MAX_LINE`]; CR, LF and CR LF end lines.
    fn line(&mut self) -> Result<Option<(String, bool)>, FileProblem> {
        let (mut text, mut length, mut ended) = (Vec::new(), 0usize, false);
        while !ended {
            let buffer = self.input.fill_buf().map_err(|e| FileProblem::new(self.line + 1, e.to_string()))?;
            if buffer.is_empty() {
                if length == 0 {
                    return Ok(None);
                }
                break;
            }
            let skip = usize::from(std::mem::take(&mut self.after_cr) && buffer[0] == b'\n');
            let rest = &buffer[skip..];
            let end = rest.iter().position(|b| matches!(b, b'\r' | b'\n'));
            let part = &rest[..end.unwrap_or(rest.len())];
            text.extend_from_slice(&part[..part.len().min(MAX_LINE.saturating_sub(text.len()))]);
            length += part.len();
            let used = skip + part.len() + usize::from(end.is_some());
            ended = end.is_some();
            self.after_cr = end.is_some_and(|at| rest[at] == b'\r');
            self.input.consume(used);
        }
        self.line += 1;
        self.encoding = self.input.get_ref().encoding();
        Ok(Some((String::from_utf8_lossy(&text).into_owned(), length > text.len())))
    }

    /// The next card, or what stands where one should.
    fn gather(&mut self) -> Result<Option<Gathered>, FileProblem> {
        let mut card = Gathered::default();
        if let Some(line) = self.begun.take() {
            card.begin(line);
        }
        while let Some((line, cut)) = self.line()? {
            let word = line.trim().trim_start_matches('\u{feff}');
            let begins = word.eq_ignore_ascii_case("BEGIN:VCARD");
            if card.line == 0 {
                if begins {
                    card.begin(self.line);
                } else if !word.is_empty() {
                    card.line = self.line;
                    card.problem = Some("is not part of a vCard".into());
                    card.text = line;
                    return Ok(Some(card));
                }
            } else if begins && !card.within_agent() {
                self.begun = Some(self.line);
                card.problem = Some("the card that begins here is not ended (END:VCARD)".into());
                return Ok(Some(card));
            } else if word.eq_ignore_ascii_case("END:VCARD") && card.depth <= 1 {
                card.text.push_str("END:VCARD\n");
                return Ok(Some(card));
            } else {
                card.add(&line, cut, begins);
            }
        }
        if card.line == 0 {
            return Ok(None);
        }
        card.problem = Some("the card that begins here is not ended (END:VCARD): the file may be cut off".into());
        Ok(Some(card))
    }
}

impl Gathered {
    fn begin(&mut self, line: u64) {
        self.line = line;
        self.depth = 1;
        self.text.push_str("BEGIN:VCARD\n");
    }

    fn within_agent(&self) -> bool {
        self.depth > 1
            || self.text.lines().next_back().is_some_and(|last| last.to_ascii_uppercase().starts_with("AGENT"))
    }

    fn add(&mut self, line: &str, cut: bool, begins: bool) {
        if begins {
            self.depth += 1;
        } else if self.depth > 1 {
            self.depth -= usize::from(line.trim().eq_ignore_ascii_case("END:VCARD"));
        } else {
            let continues = line.starts_with([' ', '\t']) || line.is_empty() || self.dropping && !line.contains(':');
            self.dropping = if continues { self.dropping } else { is_left_out(line) };
            if self.dropping {
                return;
            }
            if cut || self.text.len() + line.len() > MAX_CARD {
                self.problem.get_or_insert_with(|| "holds more text than a card can".into());
                return;
            }
            self.text.push_str(line);
            self.text.push('\n');
        }
    }
}

/// Binary properties, whatever their group (`item1.PHOTO`).
fn is_left_out(line: &str) -> bool {
    let name = line.split([';', ':']).next().unwrap_or_default();
    let name = name.rsplit('.').next().unwrap_or_default();
    ["PHOTO", "LOGO", "SOUND", "KEY", "X-MS-CARDPICTURE", "X-MS-OL-DESIGN"].iter().any(|n| n.eq_ignore_ascii_case(name))
}

impl Source for Cards {
    fn next(&mut self, record: &mut StringRecord) -> Result<Option<RowRead>, FileProblem> {
        let Some(gathered) = self.gather()? else { return Ok(None) };
        let line = gathered.line;
        let mut problem = gathered.problem;
        *record = match card::read(&gathered.text) {
            Ok(cells) => cells,
            Err(what) => {
                let what = problem.take().unwrap_or(what);
                problem = Some(what);
                card::as_text(&gathered.text)
            }
        };
        Ok(Some(RowRead { line, last: line, problem }))
    }

    fn encoding(&self) -> &'static str {
        self.encoding
    }
}
