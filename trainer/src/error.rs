//! What can go wrong in training.

use crate::data::megabytes;
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
    /// The loss or the weights became NaN or infinite.
    #[error(
        "step {step} (epoch {epoch}): {what} NaN or infinite; {}. Try a lower --lr{}, or look for \
         outliers in the data with `aimclr-data summary`",
        last_good(checkpoint),
        if *bf16 { ", --precision f32" } else { "" }
    )]
    Diverged {
        /// Step of the whole run, 1-based.
        step: u64,
        /// Epoch, 1-based.
        epoch: usize,
        /// What: "the loss is" or "the weights are".
        what: &'static str,
        /// The last checkpoint, and the steps that were done by then.
        checkpoint: Option<(PathBuf, u64)>,
        /// Whether the run computes in bf16.
        bf16: bool,
    },
    /// The run's state could not be written.
    #[error(
        "{}: {source}; stopped after step {step}; {}. Make room or mend the folder, then continue \
         with --resume",
        path.display(),
        last_good(checkpoint)
    )]
    NotKept {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
        /// Steps done in the whole run.
        step: u64,
        /// The last checkpoint, and the steps that were done by then.
        checkpoint: Option<(PathBuf, u64)>,
    },
    /// A run's files would not fit.
    #[error(
        "{}: {} are free, the run's files need {}: {} more. Make room, or keep fewer checkpoints \
         with --keep",
        folder.display(),
        megabytes(*free),
        megabytes(*needed),
        megabytes(needed - free)
    )]
    NoSpace {
        /// The run folder.
        folder: PathBuf,
        /// Bytes.
        free: u64,
        /// Bytes.
        needed: u64,
    },
    /// The user stopped the run.
    #[error(
        "stopped after step {step}; checkpoint written to {}; continue with --resume",
        checkpoint.display()
    )]
    Stopped {
        /// Steps done in the whole run.
        step: u64,
        /// Where.
        checkpoint: PathBuf,
    },
}

fn last_good(checkpoint: &Option<(PathBuf, u64)>) -> String {
    match checkpoint {
        Some((path, step)) => format!(
            "the last good checkpoint, {} after step {step}, is unharmed",
            path.display()
        ),
        None => "there is no checkpoint yet".into(),
    }
}
