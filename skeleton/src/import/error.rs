//! What can be wrong with a source.

use super::LeftOut;
use crate::dataset::DatasetError;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What can be wrong with a source.
#[derive(Debug, Error)]
pub enum ImportError {
    /// A file is missing or could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not as it should be.
    #[error("{item}: {}{reason}", place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default())]
    Item {
        /// Which file, or archive and member.
        item: String,
        /// Where in it, as in `line 12` or `frame 3, body 0, joint "head"`.
        place: Option<String>,
        /// Which field, what was expected and what was found.
        reason: String,
    },
    /// The source as a whole can't be used: no items, two of one name, a wrong option.
    #[error("{}: {reason}", path.display())]
    Source {
        /// Which folder or file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The dataset folder could not be written.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// It was stopped; what was done stays, and the same command goes on.
    #[error("stopped after {done} of {items} items; the same command goes on from there")]
    Stopped {
        /// Items done.
        done: usize,
        /// All items.
        items: usize,
    },
}

impl ImportError {
    /// A file could not be read.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }

    /// A file is not as it should be.
    pub fn item(item: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::at(item, "", reason)
    }

    /// The same, at a place in it; none where it is empty.
    pub fn at(
        item: impl Into<String>,
        place: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self::Item {
            item: printable(item.into()),
            place: Some(printable(place.into())).filter(|place| !place.is_empty()),
            reason: printable(reason.into()),
        }
    }

    /// What is listed of an item that was skipped, with the reason apart from the place, so that
    /// equal reasons can be counted together.
    pub(super) fn left_out(self, name: String) -> LeftOut {
        match self {
            Self::Item {
                item,
                place,
                reason,
            } => LeftOut {
                item: place.map_or(item.clone(), |place| format!("{item}: {place}")),
                reason,
            },
            Self::Io { path, source } => LeftOut {
                item: path.display().to_string(),
                reason: source.to_string(),
            },
            other => LeftOut {
                item: name,
                reason: other.to_string(),
            },
        }
    }
}

/// What files hold may be anything: nothing of it drives a terminal.
fn printable(text: String) -> String {
    match text.chars().any(|c| c.is_control() && c != '\n') {
        false => text,
        true => text
            .chars()
            .flat_map(|c| {
                let escaped = c.is_control() && c != '\n';
                let (plain, escape) = match escaped {
                    true => (None, Some(c.escape_default())),
                    false => (Some(c), None),
                };
                plain.into_iter().chain(escape.into_iter().flatten())
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_hold_no_control_characters() {
        let error = ImportError::at("a\x07", "line 1", "found \"\x1b[2Jü\r\"");
        assert_eq!(
            error.to_string(),
            "a\\u{7}: line 1: found \"\\u{1b}[2Jü\\r\""
        );
    }
}
