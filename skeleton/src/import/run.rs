//! From a source into a dataset folder.

use super::{ImportError, LeftOut, Source};
use crate::dataset::{Dataset, Part, Writer};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// How it is done.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Items that can't be read are left out and listed, instead of ending the import.
    pub skip_bad: bool,
}

/// What came out.
#[derive(Debug, Clone, Default, PartialEq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitCount {
    /// Name of the split.
    pub split: String,
    /// Training samples.
    pub train: usize,
    /// Test samples.
    pub test: usize,
    /// The authors' counts, where they give some.
    pub official: Option<(usize, usize)>,
}

/// Reads every item of `source` and writes the dataset folder `out`; `progress` is told the items
/// done. Where `stop` is raised it ends with [`ImportError::Stopped`].
///
/// # Errors
/// An item is damaged and `skip_bad` is not set, the folder can't be written, nothing is left.
pub fn import(
    source: &dyn Source,
    out: &Path,
    options: &Options,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(usize),
) -> Result<Report, ImportError> {
    let mut report = Report {
        left_out: source.left_out().to_vec(),
        ..Report::default()
    };
    let mut writer = Writer::create(out, source.meta().clone())?;
    for item in 0..source.len() {
        if stop.load(Ordering::Relaxed) {
            return Err(ImportError::Stopped {
                done: item,
                items: source.len(),
            });
        }
        match source.read(item) {
            Ok(clips) => {
                for clip in clips {
                    report.samples += 1;
                    report.frames += clip.sample.frames;
                    writer.push(clip.sample, clip.joints.view())?;
                }
            }
            Err(error) if options.skip_bad => report.left_out.push(LeftOut {
                item: source.name(item),
                reason: error.to_string(),
            }),
            Err(error) => return Err(error),
        }
        progress(item + 1);
    }
    writer.finish()?;
    let dataset = Dataset::open(out)?;
    for name in dataset.meta().splits.keys() {
        let official = source.official().iter().find(|o| o.split == name);
        report.splits.push(SplitCount {
            split: name.clone(),
            train: dataset.part(name, Part::Train)?.len(),
            test: dataset.part(name, Part::Test)?.len(),
            official: official.map(|o| (o.train, o.test)),
        });
    }
    Ok(report)
}
