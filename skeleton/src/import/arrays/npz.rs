//! Arrays in an `.npz`, a zip archive of `.npy` files.

use crate::import::ImportError;
use crate::mapped::Mapped;
use crate::npy;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use zip::{CompressionMethod, ZipArchive};

/// How much larger than packed a member may be. Skeletons padded with zeros come to some ten times;
/// a bomb to a thousand.
const MAX_RATIO: u64 = 200;

/// An opened archive.
pub(super) struct Npz {
    path: PathBuf,
    file: File,
    zip: ZipArchive<File>,
}

impl Npz {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let open = || File::open(path).map_err(|error| ImportError::io(path, error));
        let zip = ZipArchive::new(open()?).map_err(|error| ImportError::Source {
            path: path.into(),
            reason: format!("expected a whole .npz file: {error}"),
        })?;
        Ok(Self {
            path: path.into(),
            file: open()?,
            zip,
        })
    }

    /// What an array is called in messages.
    pub(super) fn item(&self, array: &str) -> String {
        format!("{}: {array}", self.path.display())
    }

    /// An array by its name. Of a packed member a copy is unpacked, into a file without a name that
    /// goes with the process.
    pub(super) fn array(&mut self, name: &str) -> Result<npy::Array<Mapped>, ImportError> {
        let item = self.item(name);
        let fail = |reason: String| ImportError::item(item.clone(), reason);
        let member = format!("{name}.npy");
        let Some(index) = self.zip.index_for_name(&member) else {
            let mut names: Vec<&str> = self.zip.file_names().collect();
            names.sort_unstable();
            names.truncate(10);
            return Err(fail(format!("is missing; there are {}", names.join(", "))));
        };
        let mut member = self
            .zip
            .by_index(index)
            .map_err(|error| fail(error.to_string()))?;
        let (size, packed) = (member.size(), member.compressed_size());
        let stored = member.compression() == CompressionMethod::Stored;
        let map = match member.data_start() {
            Some(start) if stored => match usize::try_from(size) {
                Ok(length) => Mapped::new(&self.file, Some((start, length))),
                Err(_) => Err(std::io::ErrorKind::UnexpectedEof.into()),
            },
            _ if size / MAX_RATIO > packed => {
                return Err(fail(format!(
                    "{size} bytes, packed into {packed}: no array of skeletons"
                )));
            }
            _ => unpacked(&self.path, &mut member, size).and_then(|file| Mapped::new(&file, None)),
        };
        let map = map.map_err(|error| fail(error.to_string()))?;
        npy::Array::read(map).map_err(fail)
    }
}

fn unpacked(beside: &Path, member: &mut impl Read, size: u64) -> std::io::Result<File> {
    let folder = beside.parent().unwrap_or(Path::new(""));
    let mut file = tempfile::tempfile_in(folder).or_else(|_| tempfile::tempfile())?;
    let copied = std::io::copy(&mut member.take(size), &mut file)?;
    if copied != size {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    file.flush()?;
    file.rewind()?;
    Ok(file)
}
