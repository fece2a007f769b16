//! What a set-up left behind, so that the next one can tell at a glance whether all is still there.
//!
//! `stamp.json` gets a wheel's record once the last of its files is in place, never before. A
//! set-up that was cut off thus leaves no record of what it didn't finish.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::wheels::{Device, Item, Take};
use crate::whole;

/// Raised when the same wheels are to be laid out otherwise, so that older folders are redone.
const LAYOUT: u32 = 1;

/// The folders that belong to the set-up alone; nothing else in `third_party/` is ever removed.
const FOLDERS: [&str; 3] = ["libtorch", "onnxruntime", "nvidia"];

/// The record of everything in place.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Stamp {
    layout: u32,
    /// The form of the last set-up that came to its end.
    pub device: Device,
    records: Vec<Record>,
}

/// What came out of one wheel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The wheel's file name
    pub wheel: String,
    /// The wheel's SHA-256
    pub sha256: String,
    /// What was taken
    pub take: Take,
    /// Path below `third_party/` and size in bytes
    pub files: BTreeMap<String, u64>,
    /// Symbolic link's path below `third_party/` and what it points at
    pub links: BTreeMap<String, String>,
}

impl Record {
    fn is_of(&self, item: &Item) -> bool {
        self.wheel == item.wheel.file && self.sha256 == item.wheel.sha256 && self.take == item.take
    }
}

/// How a wheel's files stand.
#[derive(Debug, PartialEq, Eq)]
pub enum State {
    /// All there, in their sizes: so many
    Whole(usize),
    /// Never set up, or not to the end
    Absent,
    /// Set up once, damaged since: what is wrong, one file a line
    Damaged(Vec<String>),
}

impl Stamp {
    /// Reads the folder's stamp. One that is missing, unreadable or of another layout is as good as
    /// none: everything is then done anew.
    pub fn read(folder: &Path) -> Option<Stamp> {
        let text = fs::read_to_string(folder.join("stamp.json")).ok()?;
        let stamp: Stamp = serde_json::from_str(&text).ok()?;
        (stamp.layout == LAYOUT).then_some(stamp)
    }

    /// Writes the stamp, whole or not at all.
    pub fn write(&mut self, folder: &Path) -> Result<()> {
        self.layout = LAYOUT;
        whole::write(&folder.join("stamp.json"), |file| {
            Ok(file.write_all(&serde_json::to_vec(self)?)?)
        })
    }

    /// Compares what was taken from a wheel with what lies in the folder, by size: a second's work
    /// even where reading every byte would take ten.
    pub fn state(&self, item: &Item, folder: &Path) -> State {
        let Some(record) = self.records.iter().find(|record| record.is_of(item)) else {
            return State::Absent;
        };
        let mut faults = Vec::new();
        for (name, &size) in &record.files {
            match fs::symlink_metadata(folder.join(name)) {
                Ok(data) if data.is_file() && data.len() == size => {}
                Ok(data) if data.is_file() => faults.push(format!(
                    "{name} has {} bytes and should have {size}",
                    data.len()
                )),
                Ok(_) => faults.push(format!("{name} is not a file any more")),
                Err(_) => faults.push(format!("{name} is missing")),
            }
        }
        for (name, target) in &record.links {
            match fs::read_link(folder.join(name)) {
                Ok(found) if found == Path::new(target) => {}
                _ => faults.push(format!("{name} is no link to {target} any more")),
            }
        }
        if faults.is_empty() {
            State::Whole(record.files.len() + record.links.len())
        } else {
            State::Damaged(faults)
        }
    }

    /// Takes a wheel's record in, in place of any other of the same wheel.
    pub fn add(&mut self, record: Record) {
        self.records.retain(|old| old.wheel != record.wheel);
        self.records.push(record);
    }

    /// Forgets the records that are neither of these wheels nor `kept`.
    pub fn keep_only(&mut self, items: &[Item], kept: impl Fn(Take) -> bool) {
        self.records
            .retain(|record| items.iter().any(|item| record.is_of(item)) || kept(record.take));
    }

    /// Removes from the set-up's folders what no record knows: leavings of another version or form,
    /// which a compiler or the loader could pick up.
    pub fn sweep(&self, folder: &Path) -> Result<()> {
        let known: BTreeSet<&str> = self
            .records
            .iter()
            .flat_map(|record| record.files.keys().chain(record.links.keys()))
            .map(String::as_str)
            .collect();
        for name in FOLDERS {
            if folder.join(name).is_dir() {
                sweep(folder, name, &known)
                    .with_context(|| format!("{} can't be tidied", folder.join(name).display()))?;
            }
        }
        Ok(())
    }
}

/// Sweeps the folder `name`, and removes it if nothing is left in it.
fn sweep(root: &Path, name: &str, known: &BTreeSet<&str>) -> std::io::Result<()> {
    let folder = root.join(name);
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        let path = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            sweep(root, &path, known)?;
        } else if !known.contains(path.as_str()) {
            fs::remove_file(entry.path())?;
        }
    }
    if fs::read_dir(&folder)?.next().is_none() {
        fs::remove_dir(&folder)?;
    }
    Ok(())
}
