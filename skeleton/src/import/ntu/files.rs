//! Where `.skeleton` files lie: in folders and in zip archives.

use crate::import::ImportError;
use crate::import::archive::Archive;
use crate::import::room::Room;
use crate::import::text::read_file;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// The files' ending.
const ENDING: &str = ".skeleton";

/// A file.
pub(super) struct File {
    /// Its name without folders and ending.
    pub(super) stem: String,
    place: Place,
}

enum Place {
    Path(PathBuf),
    /// Which archive and which member of it.
    Member(usize, usize),
}

/// All files of several folders and archives, sorted by name.
pub(super) struct Files {
    pub(super) list: Vec<File>,
    archives: Vec<Archive>,
}

impl Files {
    /// Looks for files in folders, however deep, in archives, and takes single ones.
    ///
    /// # Errors
    /// A source can't be read or has no such file.
    pub(super) fn find(sources: &[PathBuf]) -> Result<Self, ImportError> {
        let mut files = Self {
            list: Vec::new(),
            archives: Vec::new(),
        };
        for source in sources {
            let before = files.list.len();
            if source.is_dir() {
                files.add_folder(source)?;
            } else if let Some(stem) = stem(&source.to_string_lossy()) {
                let place = Place::Path(source.clone());
                files.list.push(File { stem, place });
            } else {
                files.add_archive(source)?;
            }
            if files.list.len() == before {
                return Err(ImportError::Source {
                    path: source.clone(),
                    reason: "expected *.skeleton files, found none".into(),
                });
            }
        }
        // Equal names are told apart by the place, so that the order is that of the names alone.
        let mut list = std::mem::take(&mut files.list);
        list.sort_by_cached_key(|file| (file.stem.clone(), files.name(file)));
        files.list = list;
        Ok(files)
    }

    fn add_folder(&mut self, folder: &Path) -> Result<(), ImportError> {
        for entry in WalkDir::new(folder).follow_links(true) {
            let entry = entry.map_err(|error| {
                let path = error.path().unwrap_or(folder).to_path_buf();
                ImportError::io(&path, error.into())
            })?;
            let stem = stem(&entry.file_name().to_string_lossy());
            if let (false, Some(stem)) = (entry.file_type().is_dir(), stem) {
                let place = Place::Path(entry.into_path());
                self.list.push(File { stem, place });
            }
        }
        Ok(())
    }

    fn add_archive(&mut self, path: &Path) -> Result<(), ImportError> {
        let archive = Archive::open(path)?;
        let files = archive.files().filter_map(|(member, name)| {
            let stem = stem(name)?;
            let place = Place::Member(self.archives.len(), member);
            Some(File { stem, place })
        });
        self.list.extend(files);
        self.archives.push(archive);
        Ok(())
    }

    /// What a file is called in messages.
    pub(super) fn name(&self, file: &File) -> String {
        match &file.place {
            Place::Path(path) => path.display().to_string(),
            Place::Member(archive, member) => self.archives[*archive].name(*member),
        }
    }

    /// All of a file.
    pub(super) fn read(&self, file: &File, room: &Room<'_>) -> Result<Vec<u8>, ImportError> {
        match &file.place {
            Place::Path(path) => read_file(path, room),
            Place::Member(archive, member) => self.archives[*archive].read(*member, room),
        }
    }
}

/// The name of a `.skeleton` file without folders and ending; nothing for other files.
fn stem(path: &str) -> Option<String> {
    let name = path.rsplit(['/', '\\']).next()?;
    // What macOS puts beside files in archives.
    let hidden = name.starts_with('.');
    let stem = name.strip_suffix(ENDING).filter(|_| !hidden)?;
    Some(stem.to_string())
}
