//! From a source into a dataset folder.

use super::check::check;
use super::order::in_order;
use super::partial::{Entry, Kept, Partial, Plan, checksum};
use super::room::Room;
use super::{Clip, ImportError, LeftOut, Source};
use crate::dataset::{DatasetError, Rows, Writer};
use serde::Serialize;
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How it is done.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Items that can't be read are left out and listed, instead of ending the import.
    pub skip_bad: bool,
    /// What is in the folder already, a data set or an unfinished import of another source, is
    /// replaced.
    pub force: bool,
    /// Threads that read; all cores by default.
    pub threads: Option<usize>,
}

/// What came out.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Samples written.
    pub samples: usize,
    /// Frames written.
    pub frames: usize,
    /// Samples on both sides of each split.
    pub splits: Vec<SplitCount>,
    /// What was left out.
    pub left_out: Vec<LeftOut>,
}

/// Samples of a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitCount {
    /// Name of the split.
    pub split: String,
    /// Training samples.
    pub train: usize,
    /// Test samples.
    pub test: usize,
    /// The authors' counts, where they give some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub official: Option<(usize, usize)>,
    /// No published source was seen for those.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unconfirmed: bool,
}

/// The most work that a crash can cost.
const SYNCED_EVERY: Duration = Duration::from_secs(5);

/// Files of a data set; the one that makes a folder a data set comes first.
const FILES: [&str; 3] = ["dataset.toml", "samples.csv", "joints.npy"];

/// Reads every item of `source` on several threads and writes the dataset folder `out`, in the
/// order of the items; `progress` is told the items done. Where `stop` is raised it ends with
/// [`ImportError::Stopped`], and the same call goes on from there, to the same bytes.
///
/// # Errors
/// An item is damaged and `skip_bad` is not set: then nothing is left in `out`. The folder can't be
/// written or holds something else, two samples have one name, nothing is left to import.
pub fn import(
    source: &dyn Source,
    out: &Path,
    options: &Options,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(usize),
) -> Result<Report, ImportError> {
    let meta = source.meta();
    let toml = out.join("dataset.toml");
    meta.check_classes(&toml)?;
    let joints = meta.layout(&toml)?.len();
    if let Some(there) = FILES.map(|file| out.join(file)).iter().find(|p| p.exists()) {
        if !options.force {
            return Err(ImportError::Source {
                path: there.clone(),
                reason: "is already there; --force replaces it".into(),
            });
        }
        clear(out)?;
    }
    let new = !out.exists();
    let plan = Plan {
        format: "aimclr-import/2",
        dataset: meta,
        recordings: checksum((0..source.len()).map(|item| source.name(item))),
        settings: source.settings(),
        skip_bad: options.skip_bad,
    };
    let (mut partial, kept) = Partial::open(out, &plan, joints, options.force)?;
    let written = fill(source, out, options, stop, progress, &mut partial, kept);
    match written {
        Ok(report) => {
            partial.remove()?;
            Ok(report)
        }
        // Work is kept where the source is not at fault.
        Err(error @ (ImportError::Stopped { .. } | ImportError::Dataset(_))) => Err(error),
        Err(error) => {
            partial.remove()?;
            if new {
                // Somebody may have put something there meanwhile.
                let _ = std::fs::remove_dir(out);
            }
            Err(error)
        }
    }
}

/// Removes a data set and what an import left of itself there.
fn clear(out: &Path) -> Result<(), ImportError> {
    let partial = Partial::folder(out);
    let folder = partial.exists().then(|| std::fs::remove_dir_all(&partial));
    let files = FILES.map(|file| out.join(file)).into_iter();
    let removed = files.filter(|path| path.exists()).map(std::fs::remove_file);
    folder.into_iter().chain(removed).try_for_each(|result| {
        result.map_err(|source| {
            let path = out.into();
            DatasetError::Io { path, source }.into()
        })
    })
}

/// Writes the three files, going on behind what was kept.
fn fill(
    source: &dyn Source,
    out: &Path,
    options: &Options,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(usize),
    partial: &mut Partial,
    kept: Kept,
) -> Result<Report, ImportError> {
    let meta = source.meta();
    let layout = meta.layout(&out.join("dataset.toml"))?;
    let Kept {
        items: begun,
        rows,
        mut names,
        left_out: left_out_before,
    } = kept;
    let mut left_out = source.left_out().to_vec();
    left_out.extend(left_out_before);
    let mut writer = Writer::resume(out, meta.clone(), &partial.joints(), rows)?;
    let mut synced = Instant::now();
    let read = |item: usize, room: &Room<'_>| {
        let clips = source.read_within(item, room)?;
        let name = source.name(item);
        clips
            .iter()
            .try_for_each(|clip| check(&name, clip, meta, &layout))?;
        Ok(clips)
    };
    let take = |item: usize, clips: Result<Vec<Clip>, ImportError>| {
        let clips =
            clips.and_then(|clips| unique(source, item, &clips, &mut names).map(|()| clips));
        let entry = match clips {
            Ok(clips) => {
                for clip in &clips {
                    writer.push(&clip.sample, clip.joints.view())?;
                }
                Entry {
                    samples: clips.into_iter().map(|clip| clip.sample).collect(),
                    left_out: None,
                }
            }
            Err(error) if options.skip_bad => Entry {
                samples: Vec::new(),
                left_out: Some(error.left_out(source.name(item))),
            },
            Err(error) => return Err(error),
        };
        partial.push(&entry)?;
        left_out.extend(entry.left_out);
        progress(item + 1);
        let stopped = stop.load(Ordering::Relaxed);
        if stopped || synced.elapsed() > SYNCED_EVERY {
            writer.sync()?;
            partial.sync()?;
            synced = Instant::now();
        }
        match stopped {
            true => Err(ImportError::Stopped {
                done: item + 1,
                items: source.len(),
            }),
            false => Ok(()),
        }
    };
    let threads = options
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let bytes = |clips: &Result<Vec<Clip>, ImportError>| {
        let clips = clips.iter().flatten();
        clips.map(|clip| size_of_val(&clip.joints.data[..])).sum()
    };
    in_order(begun..source.len(), threads, read, bytes, take)?;
    if writer.rows().is_empty() {
        let first = left_out
            .first()
            .map(|l| format!("; the first: {}: {}", l.item, l.reason));
        return Err(ImportError::Source {
            path: out.into(),
            reason: format!(
                "nothing is left to write: {} items, {} left out{}",
                source.len(),
                left_out.len(),
                first.unwrap_or_default()
            ),
        });
    }
    let report = Report {
        samples: writer.rows().len(),
        frames: writer.rows().frames(),
        splits: splits(source, writer.rows()),
        left_out,
    };
    writer.finish()?;
    Ok(report)
}

/// Notes the names of an item's clips.
///
/// # Errors
/// One of them is taken.
fn unique(
    source: &dyn Source,
    item: usize,
    clips: &[Clip],
    names: &mut HashMap<String, usize>,
) -> Result<(), ImportError> {
    for (i, clip) in clips.iter().enumerate() {
        let name = &clip.sample.name;
        let earlier = clips[..i].iter().any(|c| c.sample.name == *name);
        let taken = earlier.then_some(item).or_else(|| names.get(name).copied());
        if let Some(taken) = taken {
            let reason = format!(
                "two samples of one name: {} has it, too",
                source.name(taken)
            );
            let place = format!("sample \"{name}\"");
            return Err(ImportError::at(source.name(item), place, reason));
        }
    }
    names.extend(clips.iter().map(|c| (c.sample.name.clone(), item)));
    Ok(())
}

/// How many samples each split has on both sides, beside the authors' counts.
fn splits(source: &dyn Source, rows: &Rows) -> Vec<SplitCount> {
    let rules = &source.meta().splits;
    let mut counts = vec![[0, 0]; rules.len()];
    for sample in rows.iter().flatten() {
        for (count, rule) in counts.iter_mut().zip(rules.values()) {
            let value = sample.columns.get(&rule.column).map_or("", String::as_str);
            count[usize::from(!rule.is_train(value))] += 1;
        }
    }
    let split = |(name, [train, test]): (&String, [usize; 2])| {
        let official = source.official().iter().find(|o| o.split == name);
        SplitCount {
            split: name.clone(),
            train,
            test,
            official: official.map(|o| (o.train, o.test)),
            unconfirmed: official.is_some_and(|o| !o.confirmed),
        }
    };
    rules.keys().zip(counts).map(split).collect()
}

#[cfg(test)]
mod tests;
