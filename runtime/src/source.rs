//! From bytes to frames: lines of bounded length, each read as a [`Frame`].
//!
//! [`inputs`] opens what an [`address`] names; each input has threads or tasks of its own, whose
//! frames meet in a [`queue`](crate::queue).

pub mod address;
mod client;
pub mod decode;
mod file;
mod folder;
pub mod format;
pub mod inputs;
mod mqtt;
mod pace;
mod server;

use crate::fault::Fault;
use decode::Decoder;

use aimclr_skeleton::frame::{Frame, MAX_LINE};
use std::io::{self, BufRead, ErrorKind};
use std::time::Instant;

/// One line of a stream, in whichever form it came.
#[derive(Debug)]
pub struct Item {
    /// Line number, 1-based.
    pub line: u64,
    /// When the line had been read.
    pub arrived: Instant,
    /// The frame, or why there is none.
    pub frame: Result<Frame, Fault>,
}

/// A line's buffer that has grown beyond is given back.
const USUAL_LINE: usize = 1 << 16;

/// Makes frames of bytes that come piece by piece, a frame a line; empty lines are passed over.
/// Never holds more than [`MAX_LINE`] bytes: what is longer is counted and thrown away as it comes.
pub struct Intake {
    decoder: Decoder,
    line: u64,
    buffer: Vec<u8>,
    /// Bytes of the line so far, more than the buffer holds where it is too long.
    length: u64,
}

impl Intake {
    /// Starts at line 1.
    pub fn new(decoder: Decoder) -> Self {
        Self {
            decoder,
            line: 0,
            buffer: Vec::new(),
            length: 0,
        }
    }

    /// Takes bytes from the front of `bytes` until there is an item; `None` when all were taken.
    pub fn take(&mut self, bytes: &mut &[u8]) -> Option<Item> {
        while !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            self.length += part.len() as u64;
            if self.length <= MAX_LINE as u64 {
                self.buffer.extend_from_slice(part);
            }
            *bytes = &bytes[part.len() + usize::from(end.is_some())..];
            if end.is_some()
                && let Some(item) = self.finish()
            {
                return Some(item);
            }
        }
        None
    }

    /// The last line, if it had no end.
    pub fn end(&mut self) -> Option<Item> {
        (self.length > 0).then(|| self.finish()).flatten()
    }

    /// Forgets a line that has begun.
    pub fn forget(&mut self) {
        self.buffer.clear();
        self.length = 0;
    }

    fn finish(&mut self) -> Option<Item> {
        self.line += 1;
        let item = self.item();
        self.forget();
        self.buffer.shrink_to(USUAL_LINE);
        item
    }

    fn item(&mut self) -> Option<Item> {
        let mut line = &self.buffer[..];
        if self.line == 1 {
            // Windows tools like to start a file with a byte order mark.
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        let bytes = self.length;
        let frame = match bytes > MAX_LINE as u64 {
            true => Err(Fault::TooLong { bytes }),
            false if line.trim_ascii().is_empty() => return None,
            false => self.decoder.decode(line, None),
        };
        Some(Item {
            line: self.line,
            arrived: Instant::now(),
            frame,
        })
    }

    /// Counts a line that can't be had, and why.
    fn fault(&mut self, fault: Fault) -> Item {
        self.forget();
        self.line += 1;
        Item {
            line: self.line,
            arrived: Instant::now(),
            frame: Err(fault),
        }
    }
}

/// Reads lines as they come from a file or a pipe; see [`Intake`].
pub struct Reader<R> {
    bytes: R,
    intake: Intake,
}

impl<R: BufRead> Reader<R> {
    /// A reader of the native format that starts at line 1.
    pub fn new(bytes: R) -> Self {
        Self::of(bytes, Decoder::native())
    }

    /// A reader of the decoder's format that starts at line 1.
    pub fn of(bytes: R, decoder: Decoder) -> Self {
        Self {
            bytes,
            intake: Intake::new(decoder),
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = io::Result<Item>;

    fn next(&mut self) -> Option<io::Result<Item>> {
        loop {
            let mut chunk = match self.bytes.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Some(Err(error)),
            };
            if chunk.is_empty() {
                return self.intake.end().map(Ok);
            }
            let all = chunk.len();
            let item = self.intake.take(&mut chunk);
            let taken = all - chunk.len();
            self.bytes.consume(taken);
            if item.is_some() {
                return item.map(Ok);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Read};

    fn read(text: &str) -> Vec<Item> {
        Reader::new(text.as_bytes())
            .map(|item| item.expect("a slice can always be read"))
            .collect()
    }

    #[test]
    fn lines_are_numbered_and_empty_ones_passed_over() {
        let items = read("\u{feff}{\"t\":1,\"people\":[]}\r\n\n  \n{\"t\":2,\"people\":[]}");
        let lines: Vec<u64> = items.iter().map(|item| item.line).collect();
        assert_eq!(lines, [1, 4]);
        let times: Vec<f64> = items
            .into_iter()
            .map(|item| item.frame.expect("a frame").t)
            .collect();
        assert_eq!(times, [1.0, 2.0]);
    }

    #[test]
    fn each_bad_line_has_its_reason_and_the_next_line_is_read() {
        let crowd = vec![r#"{"joints":[]}"#; 500].join(",");
        for (bad, reason, message) in [
            (
                "hello".to_string(),
                "not_a_frame",
                "expected one object like",
            ),
            (r#"{"t":1,"people":["#.into(), "not_a_frame", "EOF"),
            (
                r#"{"t":1,"people":[{"joints":[[NaN,0,0]]}]}"#.into(),
                "not_finite",
                "people[0].joints[0]",
            ),
            (
                format!(r#"{{"t":1,"people":[{crowd}]}}"#),
                "too_many_people",
                "500",
            ),
        ] {
            let items = read(&format!("{bad}\n{{\"t\":2,\"people\":[]}}\n"));
            let fault = items[0].frame.as_ref().expect_err(&bad);
            assert_eq!(fault.reason(), reason);
            assert!(fault.to_string().contains(message), "{fault}");
            assert!(items[1].frame.is_ok());
        }
        let mut reader = Reader::new(&b"\xff\xfe\n"[..]);
        let item = reader.next().expect("a line").expect("read");
        let message = item.frame.expect_err("no UTF-8").to_string();
        assert!(message.contains("UTF-8"), "{message}");
    }

    #[test]
    fn a_line_of_ten_megabytes_is_skipped_without_holding_it() {
        let long = io::repeat(b'x').take(10_000_000);
        let after = &b"\n{\"t\":2,\"people\":[]}\n"[..];
        let mut reader = Reader::new(BufReader::new(long.chain(after)));
        let item = reader.next().expect("a line").expect("read");
        let fault = item.frame.expect_err("too long");
        assert!(matches!(fault, Fault::TooLong { bytes: 10_000_000 }));
        assert!(reader.intake.buffer.capacity() <= 2 * MAX_LINE);
        let item = reader.next().expect("a line").expect("read");
        assert_eq!((item.line, item.frame.expect("a frame").t), (2, 2.0));
        assert!(reader.next().is_none());
    }
}
