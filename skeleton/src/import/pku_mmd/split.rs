//! Files that say which recordings are for training and which for testing: a title, the names
//! between commas, a title, the names.

use crate::import::ImportError;
use crate::import::text::read_text;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A split file.
pub(super) struct SplitFile {
    pub(super) path: PathBuf,
    /// Name of the split.
    pub(super) name: &'static str,
    /// "train" or "test" of each recording.
    parts: HashMap<String, &'static str>,
}

impl SplitFile {
    /// What a file of this name divides by; nothing where it is no split file.
    pub(super) fn split_of(path: &Path) -> Option<&'static str> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        match name.ends_with(".txt") && name.starts_with("cross") {
            true if name.contains("subject") => Some("xsub"),
            true if name.contains("view") => Some("xview"),
            _ => None,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Its name is that of no split, a name stands ahead of a title or twice, one part is empty.
    pub(super) fn read(path: &Path) -> Result<Self, ImportError> {
        let whole = |reason: String| ImportError::Source {
            path: path.into(),
            reason,
        };
        let name = Self::split_of(path).ok_or_else(|| {
            whole("expected a name such as cross-subject.txt or cross-view.txt".into())
        })?;
        let text = read_text(path)?;
        let mut parts = HashMap::new();
        let mut part = None;
        for (i, line) in text.lines().enumerate() {
            let fail = |reason: String| {
                ImportError::at(
                    path.display().to_string(),
                    format!("line {}", i + 1),
                    reason,
                )
            };
            if let Some(title) = line.trim().strip_suffix(':') {
                let title = title.to_lowercase();
                part = match title.split_whitespace().next() {
                    Some("training") => Some("train"),
                    // The published files write "Validataion".
                    Some(word) if word.starts_with("valid") || word.starts_with("test") => {
                        Some("test")
                    }
                    _ => {
                        let reason = "title: expected \"Training videos:\" or \"Validation \
                                      videos:\", found \"";
                        return Err(fail(format!("{reason}{}\"", line.trim())));
                    }
                };
                continue;
            }
            let names = line
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty());
            for name in names {
                let name = name.strip_suffix(".txt").unwrap_or(name);
                let Some(part) = part else {
                    let reason = format!("expected \"Training videos:\" first, found \"{name}\"");
                    return Err(fail(reason));
                };
                if parts
                    .insert(name.to_string(), part)
                    .is_some_and(|p| p != part)
                {
                    return Err(fail(format!("name: \"{name}\" is in both parts")));
                }
            }
        }
        for part in ["train", "test"] {
            if !parts.values().any(|p| *p == part) {
                return Err(whole(format!("expected names of recordings to {part} on")));
            }
        }
        Ok(Self {
            path: path.into(),
            name,
            parts,
        })
    }

    /// "train" or "test".
    pub(super) fn part(&self, recording: &str) -> Option<&'static str> {
        self.parts.get(recording).copied()
    }
}
