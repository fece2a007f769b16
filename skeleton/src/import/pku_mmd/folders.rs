//! Where the files of PKU-MMD lie.

use super::split::SplitFile;
use crate::import::ImportError;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Folders of one part of the data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Skeleton files, `0002-L.txt` or `A01N01-L.txt`.
    pub skeletons: PathBuf,
    /// Label files of the same names.
    pub labels: PathBuf,
    /// The folder in which the split files lie.
    pub splits: PathBuf,
}

impl Folders {
    /// The usual places inside a folder: what has "skeleton", "label" and "split" in its name;
    /// skeletons and splits may lie in the folder itself. What is given is taken instead.
    ///
    /// # Errors
    /// The folder can't be read, there are several, or none has labels.
    pub fn find(
        source: &Path,
        labels: Option<PathBuf>,
        splits: Option<PathBuf>,
    ) -> Result<Self, ImportError> {
        let inside = |word: &str| subfolder(source, word);
        let skeletons = inside("skeleton")?.unwrap_or_else(|| source.into());
        let labels = match labels {
            Some(labels) => labels,
            None => inside("label")?.ok_or_else(|| ImportError::Source {
                path: source.into(),
                reason: "expected a folder of labels in it, such as Label; --labels names another"
                    .into(),
            })?,
        };
        let splits = match splits {
            Some(splits) => splits,
            None => inside("split")?.unwrap_or_else(|| source.into()),
        };
        Ok(Self {
            skeletons,
            labels,
            splits,
        })
    }

    /// The skeleton files, sorted by name.
    pub(super) fn recordings(&self) -> Result<Vec<PathBuf>, ImportError> {
        let mut files = texts(&self.skeletons)?;
        let elsewhere = [&self.labels, &self.splits];
        let within = |f: &PathBuf| *f != self.skeletons && f.starts_with(&self.skeletons);
        let inner: Vec<_> = elsewhere.into_iter().filter(|f| within(f)).collect();
        files.retain(|path| {
            SplitFile::split_of(path).is_none() && !inner.iter().any(|f| path.starts_with(f))
        });
        files.sort_by_cached_key(|path| (stem(path), path.clone()));
        match files.is_empty() {
            false => Ok(files),
            true => Err(ImportError::Source {
                path: self.skeletons.clone(),
                reason: "expected skeleton files such as 0002-L.txt, found none".into(),
            }),
        }
    }

    /// The label files by name.
    pub(super) fn labels(&self) -> Result<HashMap<String, PathBuf>, ImportError> {
        let files = texts(&self.labels)?;
        Ok(files.into_iter().map(|path| (stem(&path), path)).collect())
    }

    /// The split files.
    pub(super) fn splits(&self) -> Result<Vec<SplitFile>, ImportError> {
        let mut paths = Vec::new();
        for path in entries(&self.splits)? {
            if SplitFile::split_of(&path).is_some() {
                paths.push(path);
            }
        }
        paths.sort();
        let splits: Vec<SplitFile> = paths
            .iter()
            .map(|path| SplitFile::read(path))
            .collect::<Result<_, _>>()?;
        let fail = |reason: String| ImportError::Source {
            path: self.splits.clone(),
            reason,
        };
        if splits.is_empty() {
            let reason = "expected cross-subject.txt or cross-view.txt in it; --splits names \
                          another folder";
            return Err(fail(reason.into()));
        }
        for (i, split) in splits.iter().enumerate() {
            if let Some(other) = splits[..i].iter().find(|s| s.name == split.name) {
                let (a, b) = (other.path.display(), split.path.display());
                return Err(fail(format!(
                    "two files of the split {}: {a}, {b}",
                    split.name
                )));
            }
        }
        Ok(splits)
    }
}

/// A file's name without its ending.
pub(super) fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let io = |error| ImportError::io(folder, error);
    let entries = std::fs::read_dir(folder).map_err(io)?;
    entries
        .map(|entry| entry.map(|e| e.path()).map_err(io))
        .collect()
}

/// The one folder inside `source` whose name has a word in it.
fn subfolder(source: &Path, word: &str) -> Result<Option<PathBuf>, ImportError> {
    let mut found = entries(source)?;
    found.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_dir() && name.to_lowercase().contains(word)
    });
    found.sort();
    match &found[..] {
        [] => Ok(None),
        [folder] => Ok(Some(folder.clone())),
        [first, second, ..] => Err(ImportError::Source {
            path: source.into(),
            reason: format!(
                "expected one folder with \"{word}\" in its name, found {} and {}; import one \
                 part of the data set at a time",
                first.display(),
                second.display()
            ),
        }),
    }
}

/// All text files, however deep.
fn texts(folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let mut files = Vec::new();
    for entry in WalkDir::new(folder).follow_links(true) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(folder).to_path_buf();
            ImportError::io(&path, error.into())
        })?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let text = entry.path().extension().is_some_and(|e| e == "txt");
        if entry.file_type().is_file() && text && !hidden {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}
