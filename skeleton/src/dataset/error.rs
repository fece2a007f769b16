//! What can be wrong with a dataset folder.

use std::path::{Path, PathBuf};
use thiserror::Error;

/// What can be wrong with a dataset folder.
#[derive(Debug, Error)]
pub enum DatasetError {
    /// A file is missing or could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `dataset.toml` is not as it should be.
    #[error("{}: {reason}", path.display())]
    Meta {
        /// Which file.
        path: PathBuf,
        /// Which field, and what was expected.
        reason: String,
    },
    /// A row of `samples.csv` is not as it should be.
    #[error("{}: line {line}: {reason}", path.display())]
    Row {
        /// Which file.
        path: PathBuf,
        /// Which line, 1-based, the header included.
        line: u64,
        /// Which field, and what was expected.
        reason: String,
    },
    /// `joints.npy` is no array of the wanted kind.
    #[error("{}: {reason}", path.display())]
    Array {
        /// Which file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// A coordinate is NaN or infinite.
    #[error(
        "{}: sample \"{sample}\", frame {frame}, body {body}, joint \"{joint}\": \
         expected a finite number, found {value}",
        path.display()
    )]
    NotFinite {
        /// Which file.
        path: PathBuf,
        /// Name of the sequence.
        sample: String,
        /// Frame within the sequence, 0-based.
        frame: usize,
        /// Body, 0-based.
        body: usize,
        /// Name of the joint.
        joint: String,
        /// What is there.
        value: f32,
    },
    /// The data set has no split of that name.
    #[error(
        "{}: unknown split \"{split}\"; known: {}",
        path.display(),
        if known.is_empty() { "none".into() } else { known.join(", ") }
    )]
    UnknownSplit {
        /// The data set.
        path: PathBuf,
        /// The name that was asked for.
        split: String,
        /// The names that there are.
        known: Vec<String>,
    },
}

impl DatasetError {
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }
}
