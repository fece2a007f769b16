//! The shared vocabulary of AimCLR on the edge: joint [`layout`]s, their [`graph`]s and ways
//! from one to another ([`convert`]), skeleton [`sequence`]s and how they are brought into the
//! encoder's form ([`resize`], [`normalise`], [`stream`]), the [`dataset`] folder, the native
//! [`frame`] format of a pose stream, built-in synthetic [`motions`], and [`draw`]ing.
//!
//! Pure Rust; nothing here knows of a network or of a training framework. The binary
//! `aimclr-data` gives the same to the command line.
//!
//! Shapes are written as the field writes them: N samples, C channels, T frames, V joints,
//! M bodies. Sequences lie in memory as (T, M, V, 3), C order, f32: x, y, z in metres,
//! or x, y in pixels and a confidence for 2D layouts.

pub mod classes;
pub mod cli;
pub mod convert;
pub mod dataset;
pub mod draw;
pub mod element;
pub mod export_npy;
pub mod files;
pub mod frame;
pub mod graph;
pub mod import;
pub mod layout;
mod mapped;
pub mod motions;
pub mod normalise;
mod npy;
pub mod pickle;
pub mod resize;
pub mod sequence;
pub mod stream;
pub mod truth;
pub mod window;

pub use dataset::Dataset;
pub use frame::{Frame, Person};
pub use layout::Layout;
pub use sequence::{Sequence, SequenceRef};
pub use stream::Stream;
