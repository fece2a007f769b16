//! Clips of a data set, brought into the encoder's form and put on the device.

use crate::{TrainError, device};
use aimclr_skeleton::dataset::{Dataset, Part};
use aimclr_skeleton::normalise::Preprocessing;
use aimclr_skeleton::{resize, window};
use std::ops::Range;
use tch::{Device, Tensor};

/// Longest clip that is read, in frames; the released preprocessing cuts the rest.
const MAX_CLIP: usize = 300;

/// How sequences become samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cut {
    /// A whole sequence is one sample.
    Whole,
    /// Windows of so many seconds, one every `hop` seconds.
    Windows {
        /// Seconds.
        window: f64,
        /// Seconds.
        hop: f64,
    },
}

/// Samples on the device.
pub struct Clips {
    /// Normalised joints, shape (N, 3, T, V, M).
    pub joints: Tensor,
    /// Class of each sample.
    pub labels: Vec<i64>,
    /// Name of each sample: its sequence's and, of a window, its first frame.
    pub names: Vec<String>,
    /// Median length of a sample in seconds.
    pub seconds: f64,
}

impl Clips {
    /// Reads one part of a split.
    pub fn load(
        dataset: &Dataset,
        split: &str,
        part: Part,
        cut: Cut,
        frames: usize,
        preprocessing: Preprocessing,
        device: Device,
    ) -> Result<Self, TrainError> {
        let fps = dataset.meta().fps;
        let mut values = Vec::new();
        let (mut labels, mut names) = (Vec::new(), Vec::new());
        let mut lengths = Vec::new();
        for index in dataset.part(split, part)? {
            let sequence = dataset.sequence(index)?;
            for range in ranges(sequence.frames, fps, cut) {
                let name = &dataset.samples()[index].name;
                names.push(match cut {
                    Cut::Whole => name.clone(),
                    Cut::Windows { .. } => format!("{name}@{}", range.start),
                });
                let mut clip = sequence.slice(range);
                if cut == Cut::Whole {
                    clip = resize::valid_frames(clip, MAX_CLIP);
                }
                lengths.push(clip.frames);
                let mut clip = resize::linear(clip, frames);
                preprocessing.apply(&mut clip, dataset.layout());
                values.extend(clip.data);
                labels.push(dataset.samples()[index].label as i64);
            }
        }
        if labels.is_empty() {
            return Err(TrainError::Mismatch(format!(
                "{}: split \"{split}\" leaves no sample for {}; look at its column and values in \
                 dataset.toml",
                dataset.folder().display(),
                match part {
                    Part::Train => "training",
                    Part::Test => "testing",
                }
            )));
        }
        lengths.sort_unstable();
        let shape = [
            labels.len() as i64,
            frames as i64,
            dataset.meta().bodies as i64,
            dataset.layout().len() as i64,
            3,
        ];
        let joints = Tensor::from_slice(&values)
            .view(shape)
            .permute([0, 4, 1, 3, 2]);
        Ok(Self {
            joints: joints.contiguous().to_device(device),
            labels,
            names,
            seconds: lengths[lengths.len() / 2] as f64 / fps,
        })
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Never: loading refuses an empty part.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The joints of some samples.
    pub fn batch(&self, indices: &[i64]) -> Tensor {
        let indices = device::send(&Tensor::from_slice(indices), self.joints.device());
        self.joints.index_select(0, &indices)
    }
}

fn ranges(frames: usize, fps: f64, cut: Cut) -> Vec<Range<usize>> {
    match cut {
        Cut::Whole => std::iter::once(0..frames).collect(),
        Cut::Windows { window, hop } => window::cut(frames, fps, window, hop),
    }
}
