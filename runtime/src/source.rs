//! From bytes to frames: lines of bounded length, each read as a [`Frame`] of the native format.

use crate::fault::Fault;
use aimclr_skeleton::frame::{Frame, FrameError, MAX_LINE};
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

/// Reads native NDJSON, a frame a line; empty lines are passed over. Never holds more than
/// [`MAX_LINE`] bytes: what is longer is read to its end and thrown away piece by piece.
pub struct Reader<R> {
    bytes: R,
    line: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Reader<R> {
    /// A reader that starts at line 1.
    pub fn new(bytes: R) -> Self {
        Self {
            bytes,
            line: 0,
            buffer: Vec::new(),
        }
    }

    /// Reads one line into the buffer. Gives its length without the line's end, which is larger
    /// than what the buffer holds where it was too long; `None` at the end of the stream.
    fn read_line(&mut self) -> io::Result<Option<u64>> {
        self.buffer.clear();
        let mut length = 0;
        let mut started = false;
        loop {
            let chunk = match self.bytes.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                return Ok(started.then_some(length));
            }
            started = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            length += part.len() as u64;
            if length <= MAX_LINE as u64 {
                self.buffer.extend_from_slice(part);
            }
            let taken = part.len() + usize::from(end.is_some());
            self.bytes.consume(taken);
            if end.is_some() {
                return Ok(Some(length));
            }
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = io::Result<Item>;

    fn next(&mut self) -> Option<io::Result<Item>> {
        loop {
            let length = match self.read_line() {
                Ok(length) => length?,
                Err(error) => return Some(Err(error)),
            };
            self.line += 1;
            let frame = if length > MAX_LINE as u64 {
                Err(Fault::TooLong { bytes: length })
            } else {
                let mut line = &self.buffer[..];
                if self.line == 1 {
                    // Windows tools like to start a file with a byte order mark.
                    line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
                }
                if line.trim_ascii().is_empty() {
                    continue;
                }
                parse(line)
            };
            return Some(Ok(Item {
                line: self.line,
                arrived: Instant::now(),
                frame,
            }));
        }
    }
}

fn parse(line: &[u8]) -> Result<Frame, Fault> {
    let text = std::str::from_utf8(line).map_err(|error| FrameError::Json {
        field: "line".into(),
        reason: format!("expected UTF-8, {error}"),
    })?;
    Frame::parse(text).map_err(|error| match error {
        // Python's json module writes them; "expected value at column 41" would not help anybody.
        FrameError::Json { field, .. } if text.contains("NaN") || text.contains("Infinity") => {
            Fault::NotFinite { field }
        }
        // The parser's own words count lines, too, and there is only one.
        FrameError::Json { field, reason } => {
            let reason = reason.replace(" at line 1 column", " at column");
            let reason = match field == "line" {
                true => format!("{reason}; expected one object like {{\"t\":1.5,\"people\":[…]}}"),
                false => reason,
            };
            FrameError::Json { field, reason }.into()
        }
        error => error.into(),
    })
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
        assert!(reader.buffer.capacity() <= 2 * MAX_LINE);
        let item = reader.next().expect("a line").expect("read");
        assert_eq!((item.line, item.frame.expect("a frame").t), (2, 2.0));
        assert!(reader.next().is_none());
    }
}
