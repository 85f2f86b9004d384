//! What bytes are, by looking at them. Neither the name nor the sender is believed.

use std::fmt;

/// Bytes at the beginning that tell.
pub(super) const LOOKED_AT: usize = 8 * 1024;

const PLAIN: &str = "text/plain";
const UNKNOWN: &str = "application/octet-stream";

/// A media type that was found in the bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kind(String);

impl Kind {
    /// As it was kept.
    pub fn of(media_type: &str) -> Self {
        Self(media_type.to_owned())
    }

    pub fn media_type(&self) -> &str {
        &self.0
    }

    /// Pictures that browsers show and that cannot carry a script.
    pub fn is_picture(&self) -> bool {
        matches!(self.media_type(), "image/png" | "image/jpeg" | "image/webp" | "image/gif")
    }

    pub fn is_pdf(&self) -> bool {
        self.media_type() == "application/pdf"
    }

    /// Whether it may be shown in a page; all else is only handed over.
    pub fn is_shown(&self) -> bool {
        self.is_picture() || self.is_pdf()
    }

    pub fn icon(&self) -> &'static str {
        match self.media_type() {
            "application/pdf" | "application/msword" => "file-text",
            text if text.starts_with("text/") || text.ends_with("wordprocessingml.document") => "file-text",
            sheet if sheet.contains("spreadsheet") || sheet.contains("excel") => "table",
            show if show.contains("presentation") || show.contains("powerpoint") => "presentation",
            film if film.starts_with("video/") || film.starts_with("audio/") => "video",
            zip if zip.contains("zip") || zip.contains("compress") || zip.contains("tar") => "package",
            mail if mail.starts_with("message/") => "mail",
            _ => "file",
        }
    }
}

/// In the words people use: "PDF", "Picture (PNG)".
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let media_type = self.media_type();
        let (group, rest) = media_type.split_once('/').unwrap_or((media_type, ""));
        let short = rest.strip_prefix("x-").unwrap_or(rest).to_uppercase();
        match (group, rest) {
            (_, "pdf") => f.write_str("PDF"),
            (_, "octet-stream") => f.write_str("File"),
            (_, "html") => f.write_str("Web page"),
            ("text", "plain") => f.write_str("Text"),
            ("image", _) => write!(f, "Picture ({short})"),
            ("video", _) => write!(f, "Video ({short})"),
            ("audio", _) => write!(f, "Sound ({short})"),
            (_, "msword") => f.write_str("Word document"),
            (_, rest) if rest.ends_with("wordprocessingml.document") => f.write_str("Word document"),
            (_, rest) if rest.contains("spreadsheetml") || rest.contains("ms-excel") => f.write_str("Excel workbook"),
            (_, rest) if rest.contains("presentationml") || rest.contains("ms-powerpoint") => {
                f.write_str("PowerPoint presentation")
            }
            (_, rest) if rest.starts_with("vnd.oasis") => f.write_str("OpenDocument"),
            _ => f.write_str(&short),
        }
    }
}

/// What the first bytes say. Text is never more than text: a drawing in SVG or a page in HTML is nothing a browser should open.
pub fn sniff(head: &[u8]) -> Kind {
    if let Some(found) = infer::get(head) {
        return Kind::of(found.mime_type());
    }
    let text = match std::str::from_utf8(head) {
        Ok(_) => true,
        // Cut within a character.
        Err(error) => error.error_len().is_none() && head.len() >= LOOKED_AT,
    };
    Kind::of(if text && !head.is_empty() && !head.contains(&0) { PLAIN } else { UNKNOWN })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_tell_and_nothing_else() {
        let told = |bytes: &[u8]| sniff(bytes).media_type().to_owned();
        assert_eq!(told(b"%PDF-1.7 ..."), "application/pdf");
        assert_eq!(told(b"\x89PNG\r\n\x1a\n...."), "image/png");
        assert_eq!(told("name,amount\nÄpfel,3".as_bytes()), PLAIN);
        assert_eq!(told(&[0, 1, 2, 3]), UNKNOWN);
        assert_eq!(told(b""), UNKNOWN);
        for dangerous in
            ["<svg xmlns='x'><script>alert(1)</script></svg>", "<!DOCTYPE html><script>x</script>", "<html>"]
        {
            assert!(!sniff(dangerous.as_bytes()).is_shown(), "{dangerous}");
        }
    }

    #[test]
    fn kinds_have_names() {
        assert_eq!(Kind::of("application/pdf").to_string(), "PDF");
        assert_eq!(Kind::of("image/png").to_string(), "Picture (PNG)");
        let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        assert_eq!(Kind::of(docx).to_string(), "Word document");
    }
}
