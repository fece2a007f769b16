//! What can go wrong on the way from weights to a verified graph.

use aimclr_engine::EngineError;
use aimclr_model::onnx::OnnxError;
use aimclr_model::weights::WeightsError;
use aimclr_skeleton::dataset::DatasetError;
use std::path::PathBuf;
use thiserror::Error;

/// What can go wrong on the way from weights to a verified graph.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The weight file can't be used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The .onnx file can't be used.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// A backend can't run the graph.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The weight file has no model card.
    #[error(
        "{}: no model card (metadata \"aimclr\"): without it nobody knows layout, frames and \
         classes; export a file that `aimclr-train` wrote",
        path.display()
    )]
    NoCard {
        /// Which file.
        path: PathBuf,
    },
    /// The weights contradict their own model card.
    #[error("{}: {field}: the model card says {card}, the weights say {weights}", path.display())]
    Card {
        /// Which file.
        path: PathBuf,
        /// What they disagree about.
        field: &'static str,
        /// What the card says.
        card: String,
        /// What the weights say.
        weights: String,
    },
    /// The card asks for what this exporter can't do.
    #[error("{}: {reason}", path.display())]
    Unsupported {
        /// Which file.
        path: PathBuf,
        /// What it can't do.
        reason: String,
    },
    /// A data set can't be used with the model.
    #[error("{}: {reason}", path.display())]
    Data {
        /// The dataset folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A data set can't be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Two trainings can't stand in one graph.
    #[error("{} and {}: {reason}", first.display(), other.display())]
    Streams {
        /// One weight file.
        first: PathBuf,
        /// The other one.
        other: PathBuf,
        /// What stands against it.
        reason: String,
    },
    /// What was asked for can't be had.
    #[error("{0}")]
    Choice(String),
    /// A list of class names doesn't fit the classifier.
    #[error("{}: expected {expected} class names, one a line; found {found}", path.display())]
    Classes {
        /// Which file.
        path: PathBuf,
        /// How many classes the classifier has.
        expected: usize,
        /// How many names there are.
        found: usize,
    },
    /// A graph and the weights that it is held against don't belong together.
    #[error("{} and {}: {reason}", model.display(), weights.display())]
    Apart {
        /// The .onnx file.
        model: PathBuf,
        /// The weight file.
        weights: PathBuf,
        /// What differs.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
