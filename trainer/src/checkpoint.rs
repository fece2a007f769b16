//! A run's folder, and the checkpoint from which it goes on bit for bit.

use crate::TrainError;
use crate::aimclr::AimClr;
use crate::metrics::Sums;
use crate::settings::Settings;
use aimclr_model::weights::WeightsError;
use aimclr_model::{Tensor as StoredTensor, Weights};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tch::Tensor;

/// Metadata key of the position in a checkpoint.
const POSITION: &str = "position";
/// Name of the tensor with SGD's momentum.
const MOMENTUM: &str = "momentum";

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
    /// Sums over the steps of the broken epoch.
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

    /// The result, with its model card.
    pub fn weights(&self) -> PathBuf {
        self.0.join("weights.safetensors")
    }

    /// Makes the folder and writes `run.json`, which also shows that the folder can be written.
    pub fn create(&self, info: &RunInfo) -> Result<(), TrainError> {
        std::fs::create_dir_all(&self.0).map_err(|e| self.io(&self.0, e))?;
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

/// Writes everything that the rest of the run depends on; the former checkpoint is there until
/// the new one is whole.
pub fn save(path: &Path, model: &AimClr, position: &Position) -> Result<(), TrainError> {
    let mut weights = Weights {
        path: path.into(),
        ..Weights::default()
    };
    model.store(&mut weights);
    weights.tensors.insert(
        MOMENTUM.into(),
        crate::parameters::stored(&model.sgd.momentum),
    );
    let position = serde_json::to_string(position).expect("a position is JSON");
    weights.metadata.insert(POSITION.into(), position);
    Ok(weights.write(path)?)
}

/// Takes up the state that [`save`] wrote.
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
    let position = position_in(&weights).ok_or_else(|| not_a_checkpoint(path))?;
    let momentum = Tensor::from_slice(weights.values(MOMENTUM)?);
    model.load(&weights)?;
    model.sgd.momentum.copy_(&momentum);
    Ok(position)
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
