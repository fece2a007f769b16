//! What really happened in a recording: labelled stretches of time, to measure recognition
//! against. A CSV file with the header `start,end,action`, seconds, one line a stretch.

use crate::files;
use serde::{Deserialize, Serialize};
use std::path::Path;
use thiserror::Error;

/// What can be wrong with a truth file.
#[derive(Debug, Error)]
pub enum TruthError {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not `start,end,action`.
    #[error(
        "{path}: line {line}: {reason}; expected start,end,action with seconds in the first two"
    )]
    Line {
        /// Which file.
        path: String,
        /// Which line, 1-based, the header included.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// One action from its start to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Seconds.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    /// Name of the class.
    pub action: String,
}

/// Writes segments as CSV.
pub fn write(path: &Path, segments: &[Segment]) -> Result<(), TruthError> {
    files::write_atomically(path, |out| {
        let mut csv = csv::Writer::from_writer(out);
        for segment in segments {
            csv.serialize(segment)?;
        }
        csv.flush()
    })
    .map_err(|source| TruthError::Io {
        path: path.display().to_string(),
        source,
    })
}

/// Reads segments, in the order of the file.
pub fn read(path: &Path) -> Result<Vec<Segment>, TruthError> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path).map_err(|source| TruthError::Io {
        path: name.clone(),
        source,
    })?;
    let mut segments = Vec::new();
    for record in csv::Reader::from_reader(file).deserialize() {
        let line = segments.len() as u64 + 2;
        let segment: Segment = record.map_err(|error| TruthError::Line {
            path: name.clone(),
            line: error.position().map_or(line, csv::Position::line),
            reason: error.to_string(),
        })?;
        if !(segment.start.is_finite() && segment.end > segment.start) {
            let reason = format!("{} to {} is no stretch of time", segment.start, segment.end);
            return Err(TruthError::Line {
                path: name,
                line,
                reason,
            });
        }
        segments.push(segment);
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_come_back() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("truth.csv");
        let segments = vec![
            Segment {
                start: 0.0,
                end: 2.5,
                action: "wave, both".into(),
            },
            Segment {
                start: 2.5,
                end: 4.0,
                action: "bow".into(),
            },
        ];
        write(&path, &segments).expect("written");
        assert_eq!(read(&path).expect("read"), segments);
    }

    #[test]
    fn a_bad_line_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("truth.csv");
        for bad in ["x,2,bow", "3,2,bow", "1"] {
            std::fs::write(&path, format!("start,end,action\n0,1,wave\n{bad}\n")).expect("written");
            let message = read(&path).expect_err(bad).to_string();
            assert!(message.contains("line 3"), "{message}");
        }
    }
}
