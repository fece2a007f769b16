//! `metrics.jsonl`: one JSON object an epoch, appended as the run goes. TensorBoard's event file
//! beside it says the same.

use crate::TrainError;
use crate::report::tensorboard::EventFile;
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
    /// Top-1 of the [probe](crate::probe) in percent, after epochs that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_top1: Option<f64>,
}

impl Sums {
    /// The sums' bits, to be kept without a change.
    pub fn to_bits(&self) -> [i64; 7] {
        let floats = [
            self.loss,
            self.contrast,
            self.d3m_extreme,
            self.d3m_dropped,
            self.spread,
            self.seconds,
        ];
        let mut bits = [self.steps as i64; 7];
        for (bits, float) in bits[1..].iter_mut().zip(floats) {
            *bits = float.to_bits() as i64;
        }
        bits
    }

    /// The sums that [`to_bits`](Self::to_bits) was called on.
    pub fn from_bits([steps, floats @ ..]: [i64; 7]) -> Self {
        let [loss, contrast, d3m_extreme, d3m_dropped, spread, seconds] =
            floats.map(|bits| f64::from_bits(bits as u64));
        Self {
            steps: steps as u64,
            loss,
            contrast,
            d3m_extreme,
            d3m_dropped,
            spread,
            seconds,
        }
    }

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
            probe_top1: None,
        }
    }
}

/// Both files.
pub struct Log {
    path: PathBuf,
    file: std::fs::File,
    events: EventFile,
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
        let last = kept.lines().last().map(serde_json::from_str::<Epoch>);
        let first_step = last.and_then(Result::ok).map_or(0, |epoch| epoch.step + 1);
        let folder = path.parent().unwrap_or(Path::new("."));
        Ok(Self {
            path: path.into(),
            file,
            events: EventFile::open(folder, first_step)?,
        })
    }

    /// Adds an epoch.
    pub fn write(&mut self, epoch: &Epoch) -> Result<(), TrainError> {
        let line = serde_json::to_string(epoch).expect("an epoch is JSON");
        writeln!(self.file, "{line}").map_err(|source| TrainError::Io {
            path: self.path.clone(),
            source,
        })?;
        for (tag, value) in [
            ("loss/total", epoch.loss),
            ("loss/contrast", epoch.contrast),
            ("loss/d3m_extreme", epoch.d3m_extreme),
            ("loss/d3m_dropped", epoch.d3m_dropped),
            ("train/spread", epoch.spread),
            ("train/lr", epoch.lr),
            ("train/samples_per_second", epoch.samples_per_second),
        ] {
            self.events.scalar(epoch.step, tag, value)?;
        }
        if let Some(top1) = epoch.probe_top1 {
            self.events.scalar(epoch.step, "probe/top1", top1)?;
        }
        self.events.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: usize) -> Epoch {
        Sums::default().epoch(epoch, 10 * epoch as u64, 0.1, 128)
    }

    #[test]
    fn a_broken_epoch_is_written_again_in_both_files() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("metrics.jsonl");
        let mut log = Log::open(&path, 0).expect("open");
        for i in 1..=3 {
            log.write(&epoch(i)).expect("written");
        }
        drop(log);
        drop(Log::open(&path, 2).expect("open"));
        let text = std::fs::read_to_string(&path).expect("text");
        assert_eq!(text.lines().count(), 2);
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder.path())
            .expect("folder")
            .map(|file| file.expect("file").path())
            .filter(|path| path.to_string_lossy().contains("tfevents"))
            .collect();
        files.sort();
        let second = std::fs::read(&files[1]).expect("bytes");
        // Step 21, then the start: what the first file says of later steps is void.
        assert!(
            second
                .windows(6)
                .any(|bytes| bytes == b"\x10\x15\x3a\x02\x08\x01")
        );
    }

    #[test]
    fn sums_come_back_bit_for_bit() {
        let sums = Sums {
            steps: 3,
            loss: 0.1 + 0.2,
            contrast: 1e-300,
            d3m_extreme: 1.0 / 3.0,
            d3m_dropped: -0.0,
            spread: f64::MAX,
            seconds: 2.5,
        };
        assert_eq!(Sums::from_bits(sums.to_bits()), sums);
    }
}
