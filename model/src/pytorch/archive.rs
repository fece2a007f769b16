//! The zip form: `NAME/data.pkl`, and the numbers of each storage in `NAME/data/KEY`.

use super::storage::{Storages, declared};
use super::{Checkpoint, read_pickle};
use std::collections::HashMap;
use std::io::{Cursor, Read};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

pub(super) fn open(bytes: &[u8]) -> Result<Checkpoint<'_>, String> {
    let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
        format!("not a whole zip archive ({error}); was it cut off while copied?")
    })?;
    let folder = zip.file_names().find_map(|name| {
        let folder = name.strip_suffix("data.pkl")?;
        (folder.matches('/').count() == 1 && folder.ends_with('/')).then(|| folder.to_string())
    });
    let mut members = Members {
        bytes,
        zip,
        folder: folder.ok_or("a zip archive, but no checkpoint: it has no NAME/data.pkl")?,
        left: bytes.len(),
    };
    if let Some(order) = members.find("byteorder")?
        && order != b"little"
    {
        let found = String::from_utf8_lossy(order);
        return Err(format!("byteorder: expected little, found {found:?}"));
    }
    let pickle = read_pickle(members.needed("data.pkl")?);
    let pickle = pickle.map_err(|error| format!("{}data.pkl: {error}", members.folder))?;
    let mut storages = HashMap::new();
    for key in declared(&pickle)?.into_keys() {
        let numbers = members.needed(&format!("data/{key}"))?;
        storages.insert(key, numbers);
    }
    Ok(Checkpoint {
        pickle,
        storages: Storages::new(storages, bytes.len()),
    })
}

/// The members of an archive, which lie in the file as they are.
struct Members<'f> {
    bytes: &'f [u8],
    zip: ZipArchive<Cursor<&'f [u8]>>,
    /// `NAME/`.
    folder: String,
    /// Bytes that members may yet have: all together they are smaller than the file.
    left: usize,
}

impl<'f> Members<'f> {
    fn needed(&mut self, name: &str) -> Result<&'f [u8], String> {
        let folder = self.folder.clone();
        self.find(name)?
            .ok_or_else(|| format!("{folder}{name} is missing"))
    }

    /// A member's bytes, after a look at their checksum.
    fn find(&mut self, name: &str) -> Result<Option<&'f [u8]>, String> {
        let name = format!("{}{name}", self.folder);
        let fail = |error: ZipError| format!("{name}: {error}");
        let Some(index) = self.zip.index_for_name(&name) else {
            return Ok(None);
        };
        let raw = self.zip.by_index_raw(index).map_err(fail)?;
        let (method, size) = (raw.compression(), raw.size());
        drop(raw);
        if method != CompressionMethod::Stored {
            return Err(format!(
                "{name}: expected a stored member, as PyTorch writes them, found {method}"
            ));
        }
        let left = usize::try_from(size)
            .ok()
            .and_then(|n| self.left.checked_sub(n));
        self.left =
            left.ok_or_else(|| format!("{name}: {size} bytes are more than the file has"))?;
        let member = self.zip.by_index(index).map_err(fail)?;
        let start = member.data_start().unwrap_or(u64::MAX);
        let read = std::io::copy(&mut member.take(size), &mut std::io::sink());
        let read = read.map_err(|error| format!("{name}: {error}"))?;
        let range = usize::try_from(start)
            .ok()
            .and_then(|start| Some(start..start.checked_add(size as usize)?));
        match range.and_then(|range| self.bytes.get(range)) {
            Some(bytes) if read == size => Ok(Some(bytes)),
            _ => Err(format!(
                "{name}: the file ends in it; was it cut off while copied?"
            )),
        }
    }
}
