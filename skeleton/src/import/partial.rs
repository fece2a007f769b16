//! An import that isn't finished, in a hidden folder inside the one that is written.

use super::{ImportError, LeftOut};
use crate::dataset::{DatasetError, Meta, Rows, Sample, file_bytes};
use crate::files::write_atomically;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What an import is of: only the same goes on from what was done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Plan<'a> {
    /// Version of this folder's files.
    pub(super) format: &'static str,
    /// What `dataset.toml` will say.
    pub(super) dataset: &'a Meta,
    /// Checksum over the items' names.
    pub(super) recordings: Value,
    /// [`super::Source::settings`].
    pub(super) settings: Value,
    /// Whether bad items are left out.
    pub(super) skip_bad: bool,
}

/// What came of an item.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Its samples, whose joints have been written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) samples: Vec<Sample>,
    /// Why there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) left_out: Option<LeftOut>,
}

/// The folder: `plan.json`, `joints.npy` up to now, and `journal.jsonl` with a line for each item
/// whose joints are in it.
pub(super) struct Partial {
    folder: PathBuf,
    journal: File,
    pending: Vec<u8>,
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ImportError {
    let path = path.to_path_buf();
    move |source| {
        let path = path.clone();
        DatasetError::Io { path, source }.into()
    }
}

impl Partial {
    /// Where it lies inside the dataset folder `out`.
    pub(super) fn folder(out: &Path) -> PathBuf {
        out.join(".import")
    }

    /// Begins, or goes on where the same was begun before; then what was done is given. With
    /// `force`, another import that was begun is forgotten.
    pub(super) fn open(
        out: &Path,
        plan: &Plan<'_>,
        joints: usize,
        force: bool,
    ) -> Result<(Self, Kept), ImportError> {
        let folder = Self::folder(out);
        std::fs::create_dir_all(&folder).map_err(failed(&folder))?;
        let path = folder.join("journal.jsonl");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut journal = options.open(&path).map_err(failed(&path))?;
        match journal.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ImportError::Source {
                    path: out.into(),
                    reason: "another import is writing into it".into(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(&path)(error)),
        }
        let plan_path = folder.join("plan.json");
        let wanted = serde_json::to_value(plan)
            .map_err(|error| failed(&plan_path)(io::Error::other(error)))?;
        let found = match std::fs::read(&plan_path) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(&plan_path)(error)),
        };
        let mut kept = Kept::default();
        match found {
            Some(found) if found == wanted => {
                let room = folder.join("joints.npy").metadata().map_or(0, |m| m.len());
                let fits = |frames| file_bytes(frames, plan.dataset.bodies, joints) <= room;
                kept = Kept::read(&mut journal, fits).map_err(failed(&path))?;
            }
            Some(found) if !force => {
                let reason = format!(
                    "holds an import that was stopped and differs in {}; the command that began \
                     it goes on, --force begins anew",
                    differing(&found, &wanted).join(", ")
                );
                return Err(ImportError::Source {
                    path: out.into(),
                    reason,
                });
            }
            _ => {
                journal.set_len(0).map_err(failed(&path))?;
                write_atomically(&plan_path, |out| write!(out, "{wanted}"))
                    .map_err(failed(&plan_path))?;
            }
        }
        let partial = Self {
            folder,
            journal,
            pending: Vec::new(),
        };
        Ok((partial, kept))
    }

    /// Where the joints are gathered.
    pub(super) fn joints(&self) -> PathBuf {
        self.folder.join("joints.npy")
    }

    /// Notes what came of the next item.
    pub(super) fn push(&mut self, entry: &Entry) -> Result<(), ImportError> {
        serde_json::to_writer(&mut self.pending, entry)
            .map_err(|error| failed(&self.folder)(error.into()))?;
        self.pending.push(b'\n');
        Ok(())
    }

    /// Brings the notes onto the disk; their joints must be there already.
    pub(super) fn sync(&mut self) -> Result<(), ImportError> {
        let written = self
            .journal
            .write_all(&self.pending)
            .and_then(|()| self.journal.sync_data());
        self.pending.clear();
        written.map_err(failed(&self.folder))
    }

    /// Removes the folder and what is in it.
    pub(super) fn remove(self) -> Result<(), ImportError> {
        let Self {
            folder, journal, ..
        } = self;
        // Some systems remove no file that is open.
        drop(journal);
        std::fs::remove_dir_all(&folder).map_err(failed(&folder))
    }
}

/// What a journal says of the items done.
#[derive(Default)]
pub(super) struct Kept {
    /// How many items.
    pub(super) items: usize,
    /// Their samples.
    pub(super) rows: Rows,
    /// Which item each name came from.
    pub(super) names: HashMap<String, usize>,
    /// What of them was left out.
    pub(super) left_out: Vec<LeftOut>,
}

impl Kept {
    /// Reads a journal, and cuts off what isn't whole: a line that was being written, or one whose
    /// joints are not there.
    fn read(journal: &mut File, fits: impl Fn(usize) -> bool) -> io::Result<Self> {
        let mut kept = Self::default();
        let mut reader = BufReader::new(&mut *journal);
        let (mut line, mut bytes) = (Vec::new(), 0);
        while reader.read_until(b'\n', &mut line)? > 0 {
            let Ok(entry) = serde_json::from_slice::<Entry>(&line) else {
                break;
            };
            let more: usize = entry.samples.iter().map(|sample| sample.frames).sum();
            if !line.ends_with(b"\n") || !fits(kept.rows.frames() + more) {
                break;
            }
            bytes += line.len() as u64;
            for sample in &entry.samples {
                kept.rows.push(sample);
                kept.names.insert(sample.name.clone(), kept.items);
            }
            kept.left_out.extend(entry.left_out);
            kept.items += 1;
            line.clear();
        }
        journal.set_len(bytes)?;
        journal.seek(SeekFrom::Start(bytes))?;
        Ok(kept)
    }
}

/// What stands for texts of which only it matters whether they are the same; not a number, so that
/// no message shows it.
pub fn checksum<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Value {
    let sum = texts.into_iter().fold(0, |sum, text| {
        let sum = crc32c::crc32c_append(sum, text.as_ref());
        crc32c::crc32c_append(sum, b"\n")
    });
    Value::Array(vec![sum.into()])
}

/// The keys whose values are not the same, those of objects within included, and both values where
/// they are short.
fn differing(found: &Value, wanted: &Value) -> Vec<String> {
    let (Some(found), Some(wanted)) = (found.as_object(), wanted.as_object()) else {
        return Vec::new();
    };
    let keys: BTreeSet<&String> = found.keys().chain(wanted.keys()).collect();
    let shown = |value: &Value| match value {
        Value::Null => Some("none".to_string()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    };
    let differing = |key: &String| {
        let [then, now] = [found, wanted].map(|map| map.get(key).unwrap_or(&Value::Null));
        if then == now {
            return Vec::new();
        }
        match (then.is_object() && now.is_object(), shown(then), shown(now)) {
            (true, ..) => self::differing(then, now),
            (false, Some(then), Some(now)) => vec![format!("{key} ({then} then, {now} now)")],
            _ => vec![key.clone()],
        }
    };
    keys.into_iter().flat_map(differing).collect()
}
