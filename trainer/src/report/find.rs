//! Finds runs and results beneath a folder.

use crate::TrainError;
use std::path::{Path, PathBuf};

/// Folders below the given one that are looked into.
const DEPTH: usize = 3;
/// File that makes a folder a pre-training run.
const RUN: &str = "run.json";
/// File that makes a folder a protocol's result.
const RESULT: &str = "result.json";

/// What was found, each in the order of the paths.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Found {
    /// Folders of pre-training runs.
    pub runs: Vec<PathBuf>,
    /// Folders of results.
    pub results: Vec<PathBuf>,
}

impl Found {
    /// Looks into `folder` and up to three folders below it.
    ///
    /// # Errors
    /// The folder can't be read, or there is neither a run nor a result.
    pub fn beneath(folder: &Path) -> Result<Self, TrainError> {
        let mut found = Self::default();
        found.look(folder, DEPTH).map_err(|source| TrainError::Io {
            path: folder.into(),
            source,
        })?;
        if found.runs.is_empty() && found.results.is_empty() {
            return Err(TrainError::Format {
                path: folder.into(),
                reason: format!(
                    "neither a run ({RUN}) nor a result ({RESULT}), and there is none up to \
                     {DEPTH} folders below"
                ),
            });
        }
        Ok(found)
    }

    fn look(&mut self, folder: &Path, depth: usize) -> std::io::Result<()> {
        for (file, list) in [(RUN, &mut self.runs), (RESULT, &mut self.results)] {
            if folder.join(file).is_file() {
                list.push(folder.into());
            }
        }
        let mut below = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            // Links are not followed: they may lead back up.
            if entry.file_type()?.is_dir() && depth > 0 {
                below.push(entry.path());
            }
        }
        below.sort();
        for folder in below {
            // One that may not be read hides what is in it, but not the others.
            let _ = self.look(&folder, depth - 1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_results_are_found_three_folders_down() {
        let folder = tempfile::tempdir().expect("folder");
        let at = |path: &str| folder.path().join(path);
        for (path, file) in [
            ("joint", RUN),
            ("joint/linear", RESULT),
            ("joint/a/b", RESULT),
            ("joint/a/b/c", RESULT),
        ] {
            std::fs::create_dir_all(at(path)).expect("folder");
            std::fs::write(at(path).join(file), "{}").expect("written");
        }
        let found = Found::beneath(folder.path()).expect("found");
        assert_eq!(found.runs, [at("joint")]);
        assert_eq!(found.results, [at("joint/a/b"), at("joint/linear")]);
    }

    #[test]
    fn a_folder_without_either_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let error = Found::beneath(folder.path())
            .expect_err("empty")
            .to_string();
        assert!(error.contains("neither a run"), "{error}");
        let error = Found::beneath(Path::new("no/such")).expect_err("missing");
        assert!(error.to_string().starts_with("no/such: "), "{error}");
    }
}
