//! `metrics.jsonl`: one JSON object an epoch, appended as the run goes.

use crate::TrainError;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Sums over the steps of an epoch; part of a checkpoint, so that an epoch that was broken off
/// reports the same means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// Steps summed.
    pub steps: u64,
    /// Whole loss.
    pub loss: f64,
    /// InfoNCE or its mined form.
    pub contrast: f64,
    /// D³M of the extreme view.
    pub d3m_extreme: f64,
    /// D³M of the dropped view.
    pub d3m_dropped: f64,
    /// Spread of the projections, see [`monitor`](crate::monitor).
    pub spread: f64,
    /// Seconds spent.
    pub seconds: f64,
}

/// What is known of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// 1-based.
    pub epoch: usize,
    /// Steps of the whole run so far.
    pub step: u64,
    /// Mean loss.
    pub loss: f64,
    /// Mean of InfoNCE or its mined form.
    pub contrast: f64,
    /// Mean D³M of the extreme view.
    pub d3m_extreme: f64,
    /// Mean D³M of the dropped view.
    pub d3m_dropped: f64,
    /// Mean spread of the projections: 1 where they fill the sphere, 0 where all are the same.
    pub spread: f64,
    /// Learning rate.
    pub lr: f64,
    /// Training samples a second.
    pub samples_per_second: f64,
}

impl Sums {
    /// The epoch's means.
    pub fn epoch(&self, epoch: usize, step: u64, lr: f64, batch_size: usize) -> Epoch {
        let steps = self.steps.max(1) as f64;
        Epoch {
            epoch,
            step,
            loss: self.loss / steps,
            contrast: self.contrast / steps,
            d3m_extreme: self.d3m_extreme / steps,
            d3m_dropped: self.d3m_dropped / steps,
            spread: self.spread / steps,
            lr,
            samples_per_second: steps * batch_size as f64 / self.seconds.max(1e-9),
        }
    }
}

/// The file.
pub struct Log {
    path: PathBuf,
    file: std::fs::File,
}

impl Log {
    /// Opens the file of a run that has done `epochs` epochs; what a later one wrote before the
    /// run was broken off is taken out, as it will be written again.
    pub fn open(path: &Path, epochs: usize) -> Result<Self, TrainError> {
        let io = |source| TrainError::Io {
            path: path.into(),
            source,
        };
        let kept: String = match std::fs::read_to_string(path) {
            Ok(text) => text.split_inclusive('\n').take(epochs).collect(),
            Err(_) => String::new(),
        };
        aimclr_skeleton::files::write_atomically(path, |out| out.write_all(kept.as_bytes()))
            .map_err(io)?;
        let file = std::fs::OpenOptions::new()
            .append(true)
            .open(path)
            .map_err(io)?;
        Ok(Self {
            path: path.into(),
            file,
        })
    }

    /// Adds an epoch.
    pub fn write(&mut self, epoch: &Epoch) -> Result<(), TrainError> {
        let line = serde_json::to_string(epoch).expect("an epoch is JSON");
        writeln!(self.file, "{line}").map_err(|source| TrainError::Io {
            path: self.path.clone(),
            source,
        })
    }
}
