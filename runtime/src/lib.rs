//! The runtime: who does what in a stream of poses, as it happens.
//!
//! A stream is a [`source`] of frames that come through a [`queue`], each of which joins the [`track`]s of the people in it; a
//! track's [`buffer`] gives windows, as [`look`] asks for them, the engine ([`aimclr_engine`]) their probabilities, and
//! [`decide`] turns those into [`event`]s, by what a file of [`decisions`] says. A [`gallery`] adds
//! actions without training. [`pipeline`] ties it together and counts; [`score`] compares with what
//! really happened. [`sink`] is where events go, [`server`] where others ask for them. [`classify`]
//! does whole clips, [`recorder`] writes a stream down to be played again, [`render`]
//! draws one with what was recognised.
//!
//! The binary `aimclr-run` ([`cli`]) gives the same to the command line. It needs a `model.onnx`
//! and nothing else.

pub mod blend;
pub mod buffer;
pub mod classify;
pub mod cli;
pub mod clock;
pub mod decide;
pub mod decisions;
pub mod event;
pub mod fault;
pub mod gallery;
pub mod gate;
pub mod host;
pub mod latency;
pub mod look;
#[cfg(test)]
mod mosquitto;
pub mod net;
pub mod pipeline;
pub mod queue;
pub mod recorder;
pub mod render;
pub mod score;
pub mod server;
pub mod settings;
pub mod sink;
pub mod source;
pub mod track;
pub mod walk;

pub use event::{Event, Summary};
pub use fault::Fault;
pub use pipeline::Pipeline;
pub use settings::Settings;
