//! Synthetic motions as a dataset folder.

use super::action::{ACTIONS, Action};
use super::recording::recording;
use super::subject::Subject;
use crate::dataset::{DatasetError, FORMAT, Meta, Sample, Split, Writer};
use std::path::Path;

/// What a generated data set holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The seed that everything flows from.
    pub seed: u64,
    /// Number of people, numbered from 1. At least 2.
    pub subjects: u32,
    /// Length of a recording, seconds; finite.
    pub seconds: f64,
    /// Recordings of each person and action.
    pub takes: u32,
    /// Frames a second, above 0.
    pub fps: f64,
}

impl Default for Settings {
    /// Cut into windows of two seconds every second, this makes about 2300 of them.
    fn default() -> Self {
        Self {
            seed: 0,
            subjects: 16,
            seconds: 10.0,
            takes: 1,
            fps: 30.0,
        }
    }
}

/// Seconds that a recording of a one-way action takes, about.
const ONE_WAY: f64 = 3.2;

impl Settings {
    /// Numbers of the people who are in the test part of the split `xsub`: the last quarter, and
    /// at least one.
    pub fn test_subjects(&self) -> std::ops::RangeInclusive<u32> {
        self.subjects.saturating_sub((self.subjects / 4).max(1)) + 1..=self.subjects
    }

    /// Recordings that one take of an action is made of: several where each is one short movement.
    fn recordings(&self, action: Action) -> u32 {
        match action.is_one_way() {
            true => (self.seconds / ONE_WAY).ceil().max(1.0) as u32,
            false => 1,
        }
    }

    /// Number of sequences in the data set.
    pub fn samples(&self) -> usize {
        let one_take: u32 = ACTIONS.iter().map(|a| self.recordings(*a)).sum();
        one_take as usize * self.takes as usize * self.subjects as usize
    }
}

/// Names of the classes, in the order of their labels.
pub fn classes() -> Vec<String> {
    ACTIONS.iter().map(|a| a.name().to_string()).collect()
}

/// Writes a data set of synthetic motions into `folder`: ntu25, one body, with the columns
/// `subject`, `take` and `part` (which of the recordings that make up a take) and the split
/// `xsub`. After each sequence `progress` is told how many are done.
///
/// # Errors
/// What goes wrong with the files.
pub fn dataset(
    folder: &Path,
    settings: &Settings,
    mut progress: impl FnMut(usize),
) -> Result<(), DatasetError> {
    let test = settings.test_subjects().map(i64::from);
    let meta = Meta {
        format: FORMAT.into(),
        name: format!("Synthetic motions, seed {}", settings.seed),
        license: "CC0-1.0".into(),
        citation: String::new(),
        units: "metre".into(),
        fps: settings.fps,
        layout: "ntu25".into(),
        bodies: 1,
        classes: classes(),
        splits: [("xsub".to_string(), Split::by_test("subject", test))].into(),
    };
    let mut writer = Writer::create(folder, meta)?;
    let mut done = 0;
    for id in 1..=settings.subjects {
        let subject = Subject::new(settings.seed, id);
        for action in ACTIONS {
            let recordings = settings.recordings(action);
            for take in 1..=settings.takes {
                for part in 1..=recordings {
                    // Parts of later takes follow those of earlier ones, whatever their number.
                    let number = take << 16 | part;
                    let joints =
                        recording(&subject, action, number, settings.seconds, settings.fps);
                    writer.push(
                        &sample(id, action, take, part, joints.frames),
                        joints.view(),
                    )?;
                    done += 1;
                    progress(done);
                }
            }
        }
    }
    writer.finish()
}

fn sample(subject: u32, action: Action, take: u32, part: u32, frames: usize) -> Sample {
    let name = action.name().replace(' ', "-");
    let column = |name: &str, value: u32| (name.to_string(), value.to_string());
    Sample {
        name: format!("s{subject:02}_{name}_t{take}_{part}"),
        frames,
        label: action.label(),
        columns: [
            column("subject", subject),
            column("take", take),
            column("part", part),
        ]
        .into(),
    }
}
