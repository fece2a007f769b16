//! Lines of bounded length.

use super::ImportError;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Longest line, bytes.
const LONGEST: usize = 1 << 20;

/// A text file for readers that know no bounds: a longer one, or one with a line of more than
/// [`LONGEST`] bytes, can't be read.
pub(super) struct BoundedFile {
    file: File,
    left: u64,
    most: u64,
    line: usize,
}

impl BoundedFile {
    /// Opens a file of at most `most` bytes.
    pub(super) fn open(path: &Path, most: u64) -> Result<Self, ImportError> {
        let file = File::open(path).map_err(|e| ImportError::io(path, e))?;
        Ok(Self {
            file,
            left: most,
            most,
            line: 0,
        })
    }
}

impl Read for BoundedFile {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(bytes)?;
        for byte in &bytes[..count] {
            self.line = if *byte == b'\n' { 0 } else { self.line + 1 };
            if self.line > LONGEST {
                return Err(io::Error::other(format!(
                    "a line longer than {LONGEST} bytes"
                )));
            }
        }
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other(format!("larger than {} bytes", self.most)))?;
        Ok(count)
    }
}

/// The lines of a text file, one after the other.
pub(super) struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    line: Vec<u8>,
    /// Lines read so far, so the number of the last one.
    pub(super) number: usize,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let file = File::open(path).map_err(|e| ImportError::io(path, e))?;
        Ok(Self {
            path: path.into(),
            reader: BufReader::new(file),
            line: Vec::new(),
            number: 0,
        })
    }

    /// The next line that is not blank, without blanks around it.
    pub(super) fn next(&mut self) -> Result<Option<&str>, ImportError> {
        loop {
            self.line.clear();
            let mut bounded = self.reader.by_ref().take(LONGEST as u64 + 1);
            let read = bounded.read_until(b'\n', &mut self.line);
            if read.map_err(|e| ImportError::io(&self.path, e))? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.line.len() > LONGEST {
                return Err(self.fail(format!("longer than {LONGEST} bytes")));
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        match std::str::from_utf8(self.line.trim_ascii()) {
            Ok(line) => Ok(Some(line)),
            Err(_) => Err(self.fail("expected UTF-8 text")),
        }
    }

    /// An error in the last line.
    pub(super) fn fail(&self, reason: impl Into<String>) -> ImportError {
        let item = self.path.display().to_string();
        ImportError::at(item, format!("line {}", self.number), reason)
    }
}
