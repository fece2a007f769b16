//! Lines of bounded length.

use super::ImportError;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Longest line, bytes.
const LONGEST: usize = 1 << 20;

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
