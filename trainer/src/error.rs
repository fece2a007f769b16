//! What can go wrong in training.

use aimclr_model::weights::WeightsError;
use aimclr_skeleton::dataset::DatasetError;
use std::path::PathBuf;
use thiserror::Error;

/// What can go wrong in training and evaluation.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The data set can't be used.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A weight file can't be used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file or folder is there, but isn't what it should be.
    #[error("{}: {reason}", path.display())]
    Format {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting has a value that can't be used.
    #[error("{key}: {reason}")]
    Setting {
        /// Its name, as on the command line and in a configuration file.
        key: String,
        /// What would be right.
        reason: String,
    },
    /// The device is not there.
    #[error("--device {device}: {reason}")]
    Device {
        /// As asked for.
        device: String,
        /// Why it can't be used.
        reason: String,
    },
    /// Data and weights, or a run and its checkpoint, do not go together.
    #[error("{0}")]
    Mismatch(String),
    /// The loss became NaN or infinite.
    #[error(
        "step {step} (epoch {epoch}): the loss is {loss}; the last checkpoint is unharmed. \
         Try a lower --lr, or look for outliers in the data with `aimclr-data summary`"
    )]
    Diverged {
        /// Step of the whole run, 0-based.
        step: u64,
        /// Epoch, 1-based.
        epoch: usize,
        /// What the loss was.
        loss: f64,
    },
    /// The user stopped the run.
    #[error("stopped after step {step}; continue with --resume")]
    Stopped {
        /// Steps done in the whole run.
        step: u64,
    },
}
