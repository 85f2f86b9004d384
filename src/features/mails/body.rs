//! The text of a mail: sanitised HTML as people write it, the plain text made of it, the document that is sent, its links.

use super::merge::{escape_into, unescape};
use crate::features::notes;
use std::fmt::Write;

/// Only what a mail may contain; see `notes`.
pub fn clean(html: &str) -> String {
    notes::clean(html)
}

/// Text as HTML says it.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape_into(&mut out, text);
    out
}

/// Sanitised HTML as plain text: paragraphs, dashes before points, addresses after the words that link to them.
pub fn plain(html: &str) -> String {
    let mut text = Text::default();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        text.words(&unescape(&rest[..start]));
        let Some(end) = rest[start..].find('>').map(|end| start + end) else { break };
        text.tag(&rest[start + 1..end]);
        rest = &rest[end + 1..];
    }
    text.words(&unescape(rest));
    text.finish()
}

#[derive(Default)]
struct Text {
    lines: Vec<String>,
    line: String,
    /// Blocks quoted around here.
    quoted: usize,
    verbatim: bool,
    link: Option<(String, usize)>,
}

impl Text {
    fn words(&mut self, words: &str) {
        if self.verbatim {
            for (i, line) in words.split('\n').enumerate() {
                if i > 0 {
                    self.break_line();
                }
                self.line.push_str(line);
            }
        } else {
            self.line.push_str(&words.replace('\n', " "));
        }
    }

    fn tag(&mut self, tag: &str) {
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        match (tag.starts_with('/'), name) {
            (_, "br") => self.break_line(),
            (opens, "blockquote") => {
                self.end_block();
                self.quoted = if opens { self.quoted.saturating_sub(1) } else { self.quoted + 1 };
            }
            (opens, "pre") => {
                self.end_block();
                self.verbatim = !opens;
            }
            (false, "li") => {
                self.end_block();
                self.line.push_str("- ");
            }
            (false, "a") => self.link = attribute(tag, "href").map(|url| (unescape(url), self.line.len())),
            (true, "a") => {
                if let Some((url, start)) = self.link.take() {
                    let said = self.line.get(start..).unwrap_or_default().trim();
                    if said != url && format!("mailto:{said}") != url {
                        self.line.push_str(&format!(" <{url}>"));
                    }
                }
            }
            (_, "div" | "p" | "h1" | "ul" | "ol" | "li") => self.end_block(),
            _ => {}
        }
    }

    fn end_block(&mut self) {
        if !self.line.trim().is_empty() {
            self.break_line();
        }
        self.line.clear();
    }

    fn break_line(&mut self) {
        let line = format!("{}{}", "> ".repeat(self.quoted), self.line.trim_end());
        self.lines.push(line.trim_end().to_owned());
        self.line.clear();
        // A link over several lines: its address follows the last of them.
        if let Some((_, start)) = &mut self.link {
            *start = 0;
        }
    }

    fn finish(mut self) -> String {
        self.end_block();
        self.lines.join("\n").trim().to_owned()
    }
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

/// Sanitised HTML with each web link's address given by `address`, which may leave one as it is.
pub fn relink(html: &str, mut address: impl FnMut(&str) -> Option<String>) -> String {
    const START: &str = "<a href=\"";
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(START) {
        let (before, from) = rest.split_at(at + START.len());
        out.push_str(before);
        let end = from.find('"').unwrap_or(from.len());
        let url = unescape(&from[..end]);
        let web = url.starts_with("http://") || url.starts_with("https://");
        match web.then(|| address(&url)).flatten() {
            Some(other) => escape_into(&mut out, &other),
            None => out.push_str(&from[..end]),
        }
        rest = &from[end..];
    }
    out.push_str(rest);
    out
}

/// An earlier message under an answer to it.
pub fn quoted(html: &str, who: &str, when: &str) -> String {
    format!("<div><br></div><div>{} wrote on {}:</div><blockquote>{html}</blockquote>", escape(who), escape(when))
}

/// What stands under a mail, and is not written by hand.
#[derive(Clone, Debug, Default)]
pub struct Foot {
    /// The organisation's lines, and the link that ends such mail.
    pub unsubscribe: Option<(String, String)>,
    /// A picture of one pixel.
    pub pixel: Option<String>,
}

/// The whole document, as it is sent.
pub fn document(html: &str, foot: &Foot) -> String {
    let mut out = String::from(
        "<!doctype html>\n<html><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"></head>\n\
         <body style=\"font:15px/1.5 -apple-system,Segoe UI,Roboto,Arial,sans-serif;color:#1c2430\">\n",
    );
    // One element a line: mail servers break long lines.
    out.push_str(&html.replace("<br>", "<br>\n").replace("</div>", "</div>\n").replace("</li>", "</li>\n"));
    if let Some((lines, url)) = &foot.unsubscribe {
        let _ = writeln!(
            out,
            "<p style=\"margin-top:28px;color:#5f6b7a;font-size:13px\">{}{}<a href=\"{}\" style=\"color:#5f6b7a\">Unsubscribe</a></p>",
            escape(lines),
            if lines.is_empty() { "" } else { "<br>" },
            escape(url)
        );
    }
    if let Some(url) = &foot.pixel {
        let _ = writeln!(out, "<img src=\"{}\" width=\"1\" height=\"1\" alt=\"\">", escape(url));
    }
    out.push_str("</body></html>\n");
    out
}

/// The plain part beside [`document`].
pub fn document_plain(html: &str, foot: &Foot) -> String {
    let mut out = plain(html);
    if let Some((lines, url)) = &foot.unsubscribe {
        let _ = write!(out, "\n\n-- \n{lines}{}Unsubscribe: {url}", if lines.is_empty() { "" } else { "\n" });
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_reads_as_plain_text() {
        let html = "<div>Dear Zoë,<br><br>see <a href=\"https://a.example/?x=1&amp;y=2\" rel=\"noopener\">our offer</a> and \
                    <a href=\"https://b.example\">https://b.example</a>:</div><ul><li>one &lt; two</li><li>three</li></ul>\
                    <blockquote>You wrote<br>this</blockquote><pre>a\n  b</pre>";
        assert_eq!(
            plain(html),
            "Dear Zoë,\n\nsee our offer <https://a.example/?x=1&y=2> and https://b.example:\n- one < two\n- three\n> You wrote\n> this\na\n  b"
        );
    }

    #[test]
    fn web_links_are_replaced_and_others_stay() {
        let html = "<div><a href=\"https://a.example/?x=1&amp;y=2\" rel=\"n\">a</a> <a href=\"mailto:x@y.example\">b</a></div>";
        let mut seen = Vec::new();
        let out = relink(html, |url| {
            seen.push(url.to_owned());
            Some("https://us.example/c/1".into())
        });
        assert_eq!(seen, ["https://a.example/?x=1&y=2"]);
        assert_eq!(
            out,
            "<div><a href=\"https://us.example/c/1\" rel=\"n\">a</a> <a href=\"mailto:x@y.example\">b</a></div>"
        );
    }
}
