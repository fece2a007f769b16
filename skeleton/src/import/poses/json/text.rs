//! JSON text as it is read: what Python writes of numbers that are none, and bounds.

use std::io::{self, Read};

/// Longest text within quotes, bytes.
pub(super) const LONGEST: usize = 1 << 16;

/// Most brackets that are open at a time: whoever skips a value keeps them all.
const DEEPEST: usize = 64;

/// Bytes that are looked at together.
pub(super) const CHUNK: usize = 1 << 16;

/// JSON in which bare `NaN` and `Infinity`, which Python writes and JSON has not, are null, no text is
/// longer than [`LONGEST`] and nothing is nested deeper than [`DEEPEST`].
pub(super) struct Text<R> {
    inner: R,
    /// What was read and not looked at yet.
    raw: Vec<u8>,
    ended: bool,
    /// What was looked at, and how much of it was given away.
    ready: Vec<u8>,
    given: usize,
    quoted: Option<usize>,
    escaped: bool,
    depth: usize,
}

const BARE: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];

/// Length of the longest of them.
const AHEAD: usize = 9;

impl<R: Read> Text<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            raw: Vec::new(),
            ended: false,
            ready: Vec::new(),
            given: 0,
            quoted: None,
            escaped: false,
            depth: 0,
        }
    }

    /// Looks at another chunk, but for what may be the beginning of a word that goes on.
    fn look(&mut self) -> io::Result<()> {
        let before = self.raw.len();
        self.raw.resize(before + CHUNK, 0);
        let count = self.inner.read(&mut self.raw[before..])?;
        self.raw.truncate(before + count);
        self.ended = count == 0;
        self.ready.clear();
        self.given = 0;
        let end = match self.ended {
            true => self.raw.len(),
            false => self.raw.len().saturating_sub(AHEAD),
        };
        let mut at = 0;
        while at < end {
            let byte = self.raw[at];
            let bare = match (self.quoted, byte) {
                (None, b'N' | b'I' | b'-') => {
                    BARE.iter().find(|bare| self.raw[at..].starts_with(bare))
                }
                _ => None,
            };
            if let Some(bare) = bare {
                self.ready.extend_from_slice(b"null");
                at += bare.len();
                continue;
            }
            self.quoted = match (self.quoted, byte) {
                (None, b'"') => Some(0),
                (Some(_), b'"') if !self.escaped => None,
                (quoted, _) => quoted.map(|length| length + 1),
            };
            self.escaped = self.quoted.is_some() && byte == b'\\' && !self.escaped;
            if self.quoted.is_some_and(|length| length > LONGEST) {
                return Err(io::Error::other(format!(
                    "a text longer than {LONGEST} bytes"
                )));
            }
            self.depth = match (self.quoted, byte) {
                (None, b'[' | b'{') => self.depth + 1,
                (None, b']' | b'}') => self.depth.saturating_sub(1),
                _ => self.depth,
            };
            if self.depth > DEEPEST {
                let reason = format!("more than {DEEPEST} brackets deep");
                return Err(io::Error::other(reason));
            }
            self.ready.push(byte);
            at += 1;
        }
        self.raw.drain(..at);
        Ok(())
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() {
            if self.ended && self.raw.is_empty() {
                return Ok(0);
            }
            self.look()?;
        }
        let rest = &self.ready[self.given..];
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a byte at a time.
    struct Slow<'t>(&'t [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(1);
            self.0.read(&mut bytes[..count])
        }
    }

    #[test]
    fn words_are_found_however_they_come() {
        let text = br#"{"a":[NaN,-Infinity,-1,"NaN \" NaN\\"],"b":Infinity}"#;
        let mut slow = String::new();
        let read = Text::new(Slow(text)).read_to_string(&mut slow);
        read.expect("read");
        let expected = r#"{"a":[null,null,-1,"NaN \" NaN\\"],"b":null}"#;
        assert_eq!(slow, expected);
    }
}
