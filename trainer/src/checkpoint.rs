//! A run's folder, and the checkpoint from which it goes on bit for bit.

use crate::TrainError;
use crate::aimclr::AimClr;
use crate::best::Best;
use crate::metrics::Sums;
use crate::settings::Settings;
use aimclr_model::weights::{Data, WeightsError};
use aimclr_model::{Tensor as StoredTensor, Weights};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tch::Tensor;

/// Metadata key of the position in a checkpoint.
const POSITION: &str = "position";
/// Name of the tensor with SGD's momentum.
const MOMENTUM: &str = "momentum";
/// Name of the tensor with the bits of the broken epoch's sums: JSON may change a float's last bit.
const SUMS: &str = "sums";
/// Metadata key of the tensors' CRC-32C: a bit that flipped on a disk is to be found on resuming.
const CHECKSUM: &str = "crc32c";

/// The files of a pre-training run.
#[derive(Debug, Clone)]
pub struct RunFolder(PathBuf);

/// How far a run has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Whole epochs done.
    pub epochs: usize,
    /// Steps done in the epoch that follows them.
    pub steps: usize,
    /// Steps done in the whole run.
    pub step: u64,
    /// The best epoch so far.
    #[serde(default)]
    pub best: Option<Best>,
    /// Sums over the steps of the broken epoch.
    #[serde(default, skip_serializing)]
    pub sums: Sums,
}

/// What a run was started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The data set's name.
    pub dataset: String,
    /// Its folder.
    pub data: PathBuf,
    /// The split whose training part is learnt from.
    pub split: String,
    /// Everything else.
    pub settings: Settings,
}

impl RunFolder {
    /// A folder that may not be there yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What the run was started with.
    pub fn info(&self) -> PathBuf {
        self.0.join("run.json")
    }

    /// One line an epoch.
    pub fn metrics(&self) -> PathBuf {
        self.0.join("metrics.jsonl")
    }

    /// Where the run goes on.
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint.safetensors")
    }

    /// Older checkpoints.
    pub fn older(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    /// The query encoder of the best epoch, with its model card.
    pub fn best(&self) -> PathBuf {
        self.0.join("best.safetensors")
    }

    /// The result, with its model card.
    pub fn weights(&self) -> PathBuf {
        self.0.join("weights.safetensors")
    }

    /// Makes the folder, if it is not there, and tries whether it can be written. Says whether it
    /// was made.
    pub fn create(&self) -> Result<bool, TrainError> {
        let made = !self.0.exists();
        std::fs::create_dir_all(&self.0).map_err(|e| self.io(&self.0, e))?;
        let trial = self.0.join(".writable");
        std::fs::write(&trial, [0])
            .and_then(|()| std::fs::remove_file(&trial))
            .map_err(|e| self.io(&self.0, e))?;
        Ok(made)
    }

    /// Writes `run.json`.
    pub fn write_info(&self, info: &RunInfo) -> Result<(), TrainError> {
        let text = serde_json::to_string_pretty(info).expect("run information is JSON");
        aimclr_skeleton::files::write_atomically(&self.info(), |out| out.write_all(text.as_bytes()))
            .map_err(|e| self.io(&self.info(), e))
    }

    /// Reads `run.json`.
    pub fn read_info(&self) -> Result<RunInfo, TrainError> {
        let text = std::fs::read_to_string(self.info()).map_err(|e| self.io(&self.info(), e))?;
        serde_json::from_str(&text)
            .map_err(|e| TrainError::Mismatch(format!("{}: {e}", self.info().display())))
    }

    fn io(&self, path: &Path, source: std::io::Error) -> TrainError {
        TrainError::Io {
            path: path.into(),
            source,
        }
    }
}

/// Everything that the rest of the run depends on, to be written to `path`.
pub fn gather(path: &Path, model: &AimClr, position: &Position) -> Weights {
    let mut weights = Weights {
        path: path.into(),
        ..Weights::default()
    };
    model.store(&mut weights);
    weights.tensors.insert(
        MOMENTUM.into(),
        crate::parameters::stored(&model.sgd.momentum),
    );
    let bits = position.sums.to_bits();
    let sums = StoredTensor {
        shape: vec![bits.len()],
        data: Data::I64(bits.to_vec()),
    };
    weights.tensors.insert(SUMS.into(), sums);
    let position = serde_json::to_string(position).expect("a position is JSON");
    weights.metadata.insert(POSITION.into(), position);
    let checksum = checksum(&weights);
    weights.metadata.insert(CHECKSUM.into(), checksum);
    weights
}

/// Takes up the state that [`gather`] made.
pub fn load(path: &Path, model: &mut AimClr) -> Result<Position, TrainError> {
    let weights = Weights::read(path)?;
    if !weights.tensors.contains_key(MOMENTUM) {
        return Err(not_a_checkpoint(path));
    }
    let momentum: &StoredTensor = weights.get(MOMENTUM)?;
    let expected = model.sgd.momentum.size()[0] as usize;
    if momentum.shape != [expected] {
        return Err(TrainError::Weights(WeightsError::Shape {
            path: path.into(),
            tensor: MOMENTUM.into(),
            expected: format!("[{expected}]"),
            found: format!("{:?}", momentum.shape),
        }));
    }
    let mut position = position_in(&weights).ok_or_else(|| not_a_checkpoint(path))?;
    let written = weights.metadata.get(CHECKSUM);
    if written.is_some_and(|written| *written != checksum(&weights)) {
        return Err(TrainError::Mismatch(format!(
            "{}: damaged: its checksum is not that of its tensors; with --force the run starts anew",
            path.display()
        )));
    }
    if let Some(Data::I64(bits)) = weights.tensors.get(SUMS).map(|tensor| &tensor.data) {
        let bits = bits.as_slice().try_into();
        position.sums = Sums::from_bits(bits.map_err(|_| not_a_checkpoint(path))?);
    }
    let momentum = Tensor::from_slice(weights.values(MOMENTUM)?);
    model.load(&weights)?;
    model.sgd.momentum.copy_(&momentum);
    Ok(position)
}

fn checksum(weights: &Weights) -> String {
    let sum = weights.tensors.values().fold(0, |sum, tensor| {
        let add = |sum, bytes: &[u8]| crc32c::crc32c_append(sum, bytes);
        match &tensor.data {
            Data::F32(values) => values.iter().fold(sum, |sum, x| add(sum, &x.to_le_bytes())),
            Data::I64(values) => values.iter().fold(sum, |sum, x| add(sum, &x.to_le_bytes())),
        }
    });
    format!("{sum:08x}")
}

/// Reads how far the run had come.
pub fn position(path: &Path) -> Result<Position, TrainError> {
    position_in(&Weights::read(path)?).ok_or_else(|| not_a_checkpoint(path))
}

fn position_in(checkpoint: &Weights) -> Option<Position> {
    serde_json::from_str(checkpoint.metadata.get(POSITION)?).ok()
}

fn not_a_checkpoint(path: &Path) -> TrainError {
    TrainError::Mismatch(format!(
        "{}: expected a checkpoint of a run, with momentum and position; without --resume and with \
         --force the run starts anew",
        path.display()
    ))
}
