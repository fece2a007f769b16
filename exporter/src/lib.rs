//! From trained weights to a `model.onnx` that runs anywhere: the [`source`] is what a trainer
//! wrote, the [`graph`] what any ONNX host runs (`docs/model.md`), the [`mod@reference`] the same
//! computed plainly in f64, and [`verify`] holds the two against each other in every host.
//! [`inspect`] says what lies in a file. The binary `aimclr-export` gives these to the command
//! line.
//!
//! No training framework is linked: weights come as a file.

pub mod calibrate;
pub mod cli;
mod error;
pub mod graph;
pub mod inspect;
pub mod merge;
pub mod produce;
pub mod quantise;
pub mod reference;
pub mod samples;
pub mod source;
pub mod triton;
pub mod verify;
pub mod windows;

#[cfg(test)]
mod fixtures;

pub use error::ExportError;
pub use reference::Reference;
pub use source::{Choices, Source};
