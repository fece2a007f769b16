//! Text of numbers, line by line.

use super::ImportError;
use super::room::Room;
use std::path::Path;

/// Most bytes of a file, or of an archive's member, that are read: far more than any recording has.
pub(super) const MAX_FILE: u64 = 64 << 20;

/// Reads a whole file.
///
/// # Errors
/// It can't be read or is larger than [`MAX_FILE`].
pub(super) fn read_file(path: &Path, room: &Room<'_>) -> Result<Vec<u8>, ImportError> {
    use std::io::Read;
    let io = |error| ImportError::io(path, error);
    let file = std::fs::File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let size = size.min(MAX_FILE) as usize;
    room.take(size);
    let mut bytes = Vec::with_capacity(size + 1);
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > MAX_FILE {
        let reason = format!("expected at most {MAX_FILE} bytes");
        return Err(ImportError::item(path.display().to_string(), reason));
    }
    Ok(bytes)
}

/// The same of a text.
///
/// # Errors
/// As [`read_file`], or it is no UTF-8.
pub(super) fn read_text(path: &Path) -> Result<String, ImportError> {
    let text = String::from_utf8(read_file(path, &Room::default())?);
    text.map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let place = format!("line {line}");
        ImportError::at(path.display().to_string(), place, "expected UTF-8 text")
    })
}

/// The lines of a file, ended by LF or CRLF.
pub(super) struct Lines<'a> {
    item: &'a str,
    rest: &'a [u8],
    number: u64,
}

/// A line of text and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    item: &'a str,
    /// Without its end.
    pub(super) text: &'a [u8],
    number: u64,
}

impl<'a> Lines<'a> {
    /// The lines of `text`; `item` is the file's name for messages.
    pub(super) fn new(item: &'a str, text: &'a [u8]) -> Self {
        Self {
            item,
            rest: text,
            number: 0,
        }
    }

    /// The next line, which has to be there; `what` says what it should hold.
    pub(super) fn expect(&mut self, what: &str) -> Result<Line<'a>, ImportError> {
        self.next().ok_or_else(|| {
            let place = format!("line {}", self.number + 1);
            let reason = format!("expected {what}, found the end of the file");
            ImportError::at(self.item, place, reason)
        })
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (text, rest) = match memchr::memchr(b'\n', self.rest) {
            Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
            None => (self.rest, &self.rest[..0]),
        };
        self.rest = rest;
        self.number += 1;
        Some(Line {
            item: self.item,
            text: text.strip_suffix(b"\r").unwrap_or(text),
            number: self.number,
        })
    }
}

impl<'a> Line<'a> {
    /// What stands between blanks.
    pub(super) fn fields(&self) -> Fields<'a> {
        Fields { rest: self.text }
    }

    /// True where nothing but blanks stands in it.
    pub(super) fn is_blank(&self) -> bool {
        self.text.iter().all(u8::is_ascii_whitespace)
    }

    /// Something is wrong with a field.
    pub(super) fn error(&self, field: &str, reason: impl std::fmt::Display) -> ImportError {
        let place = format!("line {}", self.number);
        ImportError::at(self.item, place, format!("{field}: {reason}"))
    }

    /// A field of which something else was expected.
    pub(super) fn expected(&self, field: &str, what: &str, found: &[u8]) -> ImportError {
        let shown = found.get(..40).unwrap_or(found);
        let found = String::from_utf8_lossy(shown);
        self.error(field, format_args!("expected {what}, found \"{found}\""))
    }

    /// A whole number of at most `most` that stands alone in the line.
    pub(super) fn count(&self, field: &str, most: usize) -> Result<usize, ImportError> {
        let text = self.text.trim_ascii();
        let number = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
        number
            .filter(|n| *n <= most)
            .ok_or_else(|| self.expected(field, &format!("a whole number up to {most}"), text))
    }

    /// A coordinate, rounded as NumPy does it: to f64 first.
    pub(super) fn coordinate(
        &self,
        field: impl Fn() -> String,
        text: &[u8],
    ) -> Result<f32, ImportError> {
        let number = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
        match number.map(|n: f64| n as f32) {
            Some(number) if number.is_finite() => Ok(number),
            _ => Err(self.expected(&field(), "a finite number", text)),
        }
    }
}

/// The fields of a line that were not taken yet.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.trim_ascii_start();
        if rest.is_empty() {
            return None;
        }
        let end = rest.iter().position(u8::is_ascii_whitespace);
        let (field, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.rest = rest;
        Some(field)
    }
}

impl Fields<'_> {
    /// How many fields are left, if they are made of digits, signs, points and exponents and stand
    /// between single blanks, as they nearly always are; nothing else, though all may be well. No
    /// branches: this is most of a file, and so many bytes are looked at at once.
    pub(super) fn plain_numbers(&self) -> Option<usize> {
        let plain = self.rest.iter().fold(true, |plain, byte| {
            let sign = (*byte == b'-') | (*byte == b'+') | (*byte == b'.');
            let exponent = (*byte == b'e') | (*byte == b'E');
            plain & (byte.is_ascii_digit() | (*byte == b' ') | sign | exponent)
        });
        let pairs = self.rest.iter().zip(self.rest.iter().skip(1));
        let starts = pairs.map(|(a, b)| usize::from((*a == b' ') & (*b != b' ')));
        let count = starts.sum();
        (plain && self.rest.starts_with(b" ")).then_some(count)
    }
}
