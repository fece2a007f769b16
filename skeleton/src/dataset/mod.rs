//! The dataset folder, `skeleton-dataset/1`: `dataset.toml`, `samples.csv` and a memory-mapped
//! `joints.npy`. `docs/dataset.md` has the format byte by byte.

mod error;
mod joints;
mod meta;
mod rows;
mod write;

pub use error::DatasetError;
pub use meta::{FORMAT, Meta, Split};
pub use rows::Rows;
pub use write::Writer;
pub(crate) use write::file_bytes;

use crate::layout::Layout;
use crate::sequence::SequenceRef;
use joints::Joints;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One row of `samples.csv`: a sequence and what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Unique name.
    pub name: String,
    /// Number of frames.
    pub frames: usize,
    /// Class, an index into the data set's `classes`.
    pub label: usize,
    /// Further columns, such as `subject` or `camera`.
    pub columns: BTreeMap<String, String>,
}

/// Which side of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What the model learns from.
    Train,
    /// What it is measured on.
    Test,
}

/// An opened and checked dataset folder. Sequences stay in the file until they are asked for.
#[derive(Debug)]
pub struct Dataset {
    folder: PathBuf,
    meta: Meta,
    layout: Layout,
    samples: Vec<Sample>,
    /// First frame of each sample.
    starts: Vec<usize>,
    joints: Joints,
}

impl Dataset {
    /// Opens a folder and checks that its three files fit one another. Values are checked when
    /// they are read; see [`sequence`](Self::sequence).
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, DatasetError> {
        let folder = folder.as_ref().to_path_buf();
        let meta_path = folder.join("dataset.toml");
        let meta = Meta::read(&meta_path)?;
        let layout = meta.layout(&meta_path)?;
        let samples = read_samples(&folder.join("samples.csv"), &meta)?;
        let mut starts = Vec::with_capacity(samples.len());
        let mut frames = 0usize;
        for sample in &samples {
            starts.push(frames);
            frames = frames.saturating_add(sample.frames);
        }
        let shape = [frames, meta.bodies, layout.len(), crate::sequence::CHANNELS];
        let joints = Joints::open(&folder.join("joints.npy"), shape)?;
        let dataset = Self {
            folder,
            meta,
            layout,
            samples,
            starts,
            joints,
        };
        for name in dataset.meta.splits.keys() {
            dataset.check_split(name)?;
        }
        Ok(dataset)
    }

    /// Where the data set lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What `dataset.toml` says.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The joint layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// All sequences, in storage order.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The joints of one sequence, shape (T, M, V, 3), straight from the mapped file.
    ///
    /// # Errors
    /// A value that is not a finite number, with its sample, frame, body and joint.
    pub fn sequence(&self, index: usize) -> Result<SequenceRef<'_>, DatasetError> {
        let sample = &self.samples[index];
        let sequence = SequenceRef {
            frames: sample.frames,
            bodies: self.meta.bodies,
            joints: self.layout.len(),
            data: self.joints.frames(self.starts[index], sample.frames),
        };
        match sequence.data.iter().position(|x| !x.is_finite()) {
            None => Ok(sequence),
            Some(at) => {
                let joint = at / crate::sequence::CHANNELS;
                let body = joint / sequence.joints;
                Err(DatasetError::NotFinite {
                    path: self.folder.join("joints.npy"),
                    sample: sample.name.clone(),
                    frame: body / sequence.bodies,
                    body: body % sequence.bodies,
                    joint: self.layout.joints[joint % sequence.joints].clone(),
                    value: sequence.data[at],
                })
            }
        }
    }

    /// Indices of the samples on one side of a split, in storage order.
    pub fn part(&self, split: &str, part: Part) -> Result<Vec<usize>, DatasetError> {
        let rule = self
            .meta
            .splits
            .get(split)
            .ok_or_else(|| DatasetError::UnknownSplit {
                path: self.folder.clone(),
                split: split.into(),
                known: self.meta.splits.keys().cloned().collect(),
            })?;
        let wanted = part == Part::Train;
        let is_train = |sample: &Sample| rule.is_train(&sample.columns[&rule.column]);
        Ok((0..self.samples.len())
            .filter(|i| is_train(&self.samples[*i]) == wanted)
            .collect())
    }

    fn check_split(&self, name: &str) -> Result<(), DatasetError> {
        let rule = &self.meta.splits[name];
        let has_column = |sample: &Sample| sample.columns.contains_key(&rule.column);
        if self.samples.iter().all(has_column) {
            return Ok(());
        }
        Err(DatasetError::Meta {
            path: self.folder.join("dataset.toml"),
            reason: format!(
                "splits.{name}: column \"{}\" is not one of samples.csv's",
                rule.column
            ),
        })
    }
}

fn read_samples(path: &Path, meta: &Meta) -> Result<Vec<Sample>, DatasetError> {
    let file = std::fs::File::open(path).map_err(|source| DatasetError::io(path, source))?;
    let mut reader = csv::Reader::from_reader(file);
    let row = |line: u64, reason: String| DatasetError::Row {
        path: path.into(),
        line,
        reason,
    };
    let header = reader
        .headers()
        .map_err(|error| row(1, error.to_string()))?
        .clone();
    let column = |name: &str| {
        header.iter().position(|h| h == name).ok_or_else(|| {
            row(
                1,
                format!("column \"{name}\" is missing; expected name,frames,label,…"),
            )
        })
    };
    let (name, frames, label) = (column("name")?, column("frames")?, column("label")?);
    let mut names = std::collections::HashSet::new();
    let mut samples = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            row(
                error.position().map_or(0, csv::Position::line),
                error.to_string(),
            )
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let number = |column: usize| {
            record[column].trim().parse::<usize>().map_err(|_| {
                let (field, found) = (&header[column], &record[column]);
                row(
                    line,
                    format!("{field}: expected a whole number, found \"{found}\""),
                )
            })
        };
        let sample = Sample {
            name: record[name].to_string(),
            frames: number(frames)?,
            label: number(label)?,
            columns: header
                .iter()
                .zip(record.iter())
                .enumerate()
                .filter(|(i, _)| ![name, frames, label].contains(i))
                .map(|(_, (key, value))| (key.to_string(), value.to_string()))
                .collect(),
        };
        if sample.frames == 0 {
            return Err(row(line, "frames: a sequence needs at least 1".into()));
        }
        if sample.label >= meta.classes.len() {
            let reason = format!(
                "label: {} is unknown; dataset.toml names {} classes, 0 to {}",
                sample.label,
                meta.classes.len(),
                meta.classes.len() - 1
            );
            return Err(row(line, reason));
        }
        if !names.insert(sample.name.clone()) {
            return Err(row(line, format!("name: \"{}\" occurs twice", sample.name)));
        }
        samples.push(sample);
    }
    if samples.is_empty() {
        return Err(row(2, "expected at least one sequence".into()));
    }
    Ok(samples)
}

#[cfg(test)]
mod tests;
