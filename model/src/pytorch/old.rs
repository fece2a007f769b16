//! The form ahead of PyTorch 1.6: pickles of a magic number, a version, the machine, the values and
//! the storages' keys, then each storage's length and numbers.

use super::storage::{Storages, declared};
use super::{Checkpoint, read_pickle};
use aimclr_skeleton::pickle::{Kind, Pickle, Value};
use std::collections::HashMap;

const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
const VERSION: i64 = 1001;

/// A binary pickle; a safetensors file has a brace where its header begins.
pub(super) fn is_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 0..=5, ..]) && bytes.get(8) != Some(&b'{')
}

pub(super) fn open(bytes: &[u8]) -> Result<Checkpoint<'_>, String> {
    let mut rest = Rest { bytes, at: 0 };
    let magic = rest.pickle("the magic number")?;
    if !matches!(magic.root().kind(), Kind::Wide(MAGIC)) {
        return Err(format!(
            "a pickle, but no checkpoint: expected PyTorch's magic number, found {}",
            magic.root().in_words()
        ));
    }
    let version = rest.pickle("the version")?;
    if version.root().int() != Ok(VERSION) {
        return Err(format!(
            "version: expected {VERSION}, found {}",
            version.root().in_words()
        ));
    }
    let system = rest.pickle("the system")?;
    if let Ok(Some(little)) = system.root().get("little_endian")
        && !matches!(little.kind(), Kind::Bool(true))
    {
        return Err("little_endian: expected True, found another byte order".into());
    }
    let pickle = rest.pickle("the values")?;
    let keys = rest.pickle("the storages' keys")?;
    let storages = rest.storages(&pickle, keys.root())?;
    Ok(Checkpoint {
        pickle,
        storages: Storages::new(storages, bytes.len()),
    })
}

/// What is yet to be read.
struct Rest<'f> {
    bytes: &'f [u8],
    at: usize,
}

impl<'f> Rest<'f> {
    fn pickle(&mut self, what: &str) -> Result<Pickle<&'f [u8]>, String> {
        let start = self.at;
        let pickle = read_pickle(&self.bytes[start..]);
        let pickle = pickle.map_err(|error| match start {
            0 => error.to_string(),
            _ => format!("{what}, from byte {start}: {error}"),
        })?;
        self.at += pickle.length();
        Ok(pickle)
    }

    fn take(&mut self, count: usize) -> Option<&'f [u8]> {
        let bytes = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(bytes)
    }

    /// The storages lie in the order of their keys.
    fn storages(
        &mut self,
        pickle: &Pickle<&'f [u8]>,
        keys: Value<'_>,
    ) -> Result<HashMap<String, &'f [u8]>, String> {
        let sizes = declared(pickle)?;
        let mut storages = HashMap::new();
        for key in keys.items().map_err(|error| error.to_string())?.iter() {
            let key = key.text().map_err(|error| error.to_string())?;
            let cut =
                || format!("storage {key}: the file ends in it; was it cut off while copied?");
            let (element, numbers) = *sizes
                .get(key)
                .ok_or_else(|| format!("storage {key}: belongs to no tensor"))?;
            let length = self.take(8).ok_or_else(cut)?;
            let length = u64::from_le_bytes(length.first_chunk().copied().unwrap_or_default());
            if length != numbers as u64 {
                return Err(format!(
                    "storage {key}: expected {numbers} numbers, found {length}"
                ));
            }
            let size = numbers.checked_mul(element.size());
            let bytes = size.and_then(|size| self.take(size)).ok_or_else(cut)?;
            storages.insert(key.to_string(), bytes);
        }
        Ok(storages)
    }
}
