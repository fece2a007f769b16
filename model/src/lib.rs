//! What a model is on paper: the encoder's [`plan`], the [`card`] that says how a model was made
//! and is to be used, and the files both travel in, [`weights`] (safetensors), other people's [`pytorch`] checkpoints and [`onnx`]. Beside
//! them [`spectrum`], the form in which trainer and exporter compute the widest convolution.
//!
//! Pure Rust, without a training framework and without an inference engine: trainer, exporter and
//! runtime meet here and nowhere else.

pub mod card;
pub mod cli;
pub mod continual;
pub mod onnx;
pub mod plan;
pub mod pytorch;
pub mod spectrum;
pub mod weights;

pub use card::Card;
pub use plan::Plan;
pub use weights::{Tensor, Weights};
