//! Members of a zip archive.

use super::ImportError;
use super::room::Room;
use super::text::MAX_FILE;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use zip::ZipArchive;

/// An opened archive, from which several threads read at once.
pub(super) struct Archive {
    path: PathBuf,
    zip: ZipArchive<Shared>,
}

/// A place in a file that others read, too; the file is locked for one read at a time.
#[derive(Clone)]
struct Shared {
    file: Arc<Mutex<File>>,
    at: u64,
}

impl Read for Shared {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let count = file.read(bytes)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, offset) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(offset) => (self.at, offset),
            SeekFrom::End(offset) => {
                let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
                (file.metadata()?.len(), offset)
            }
        };
        self.at = from
            .checked_add_signed(offset)
            .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl Archive {
    /// Opens an archive and reads its directory.
    ///
    /// # Errors
    /// It can't be read or is no zip archive.
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let file = File::open(path).map_err(|error| ImportError::io(path, error))?;
        let shared = Shared {
            file: Arc::new(Mutex::new(file)),
            at: 0,
        };
        let zip = ZipArchive::new(shared).map_err(|error| ImportError::Source {
            path: path.into(),
            reason: format!("expected a folder or a whole zip archive: {error}"),
        })?;
        Ok(Self {
            path: path.into(),
            zip,
        })
    }

    /// Number and name of each file in it.
    pub(super) fn files(&self) -> impl Iterator<Item = (usize, &str)> {
        let names = (0..self.zip.len()).filter_map(|i| Some((i, self.zip.name_for_index(i)?)));
        names.filter(|(_, name)| !name.ends_with('/'))
    }

    /// What a member is called in messages.
    pub(super) fn name(&self, member: usize) -> String {
        let name = self.zip.name_for_index(member).unwrap_or("?");
        format!("{}: {name}", self.path.display())
    }

    /// Unpacks a member.
    ///
    /// # Errors
    /// It is damaged, packed in another way than deflate, or larger than [`MAX_FILE`] or than the
    /// archive's directory says.
    pub(super) fn read(&self, member: usize, room: &Room<'_>) -> Result<Vec<u8>, ImportError> {
        let fail = |reason: String| ImportError::item(self.name(member), reason);
        let mut zip = self.zip.clone();
        let file = zip.by_index(member);
        let file = file.map_err(|error| fail(error.to_string()))?;
        let size = file.size();
        if size > MAX_FILE {
            return Err(fail(format!(
                "size: expected at most {MAX_FILE} bytes, found {size}"
            )));
        }
        room.take(size as usize);
        let mut bytes = Vec::with_capacity(size as usize + 1);
        let read = file.take(size + 1).read_to_end(&mut bytes);
        read.map_err(|error| fail(error.to_string()))?;
        if bytes.len() as u64 != size {
            return Err(fail(format!(
                "size: expected {size} bytes as the archive's directory says, found {}",
                if bytes.len() as u64 > size {
                    "more"
                } else {
                    "fewer"
                }
            )));
        }
        Ok(bytes)
    }
}
