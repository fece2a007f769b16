//! Bringing other people's recordings into a dataset folder.
//!
//! A [`Source`] knows which items it has (files, members of an archive, rows of an array) and reads
//! any of them on its own, so that items can be read in parallel and in bounded memory. What is
//! common to all sources, from the order of samples to the report, is done once, in [`import`].

mod archive;
pub mod arrays;
mod bodies;
mod check;
mod error;
pub mod ntu;
mod order;
mod partial;
pub mod pku_mmd;
pub mod poses;
mod room;
mod run;
pub mod said;
mod text;

pub use bodies::Bodies;
pub use error::ImportError;
pub use partial::checksum;
pub use room::Room;
pub use run::{Options, Report, SplitCount, import};

use crate::dataset::{Meta, Sample};
use crate::sequence::Sequence;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One sequence as a source gives it, in the units and axes of its layout.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Its row of `samples.csv`; `frames` is that of `joints`.
    pub sample: Sample,
    /// Shape (T, M, V, 3), where M is the data set's `bodies`.
    pub joints: Sequence,
}

/// Something that is not imported, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The item, as [`Source::name`] gives it.
    pub item: String,
    /// Why; short, so that equal reasons can be counted together.
    pub reason: String,
}

/// How many samples of a split the data set's authors count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Official {
    /// Name of the split.
    pub split: &'static str,
    /// Training samples.
    pub train: usize,
    /// Test samples.
    pub test: usize,
    /// A published source was seen for them.
    pub confirmed: bool,
}

/// Where clips come from. What is asked for ahead of reading is found without opening the items.
pub trait Source: Sync {
    /// What goes into `dataset.toml`.
    fn meta(&self) -> &Meta;
    /// Number of items, in the order in which their clips are stored.
    fn len(&self) -> usize;
    /// True without items.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The item's name for messages: a path, or an archive and a member.
    fn name(&self, item: usize) -> String;
    /// Reads an item: no clip, one, or several. May be called from several threads at once, and
    /// takes what memory it needs from `room` first.
    ///
    /// # Errors
    /// The item is damaged; file, line and field are named.
    fn read_within(&self, item: usize, room: &Room<'_>) -> Result<Vec<Clip>, ImportError>;
    /// The same where nothing else is read meanwhile.
    ///
    /// # Errors
    /// As [`read_within`](Self::read_within).
    fn read(&self, item: usize) -> Result<Vec<Clip>, ImportError> {
        self.read_within(item, &Room::default())
    }
    /// Whatever else decides what comes out: an object of options by their names, and what small
    /// files say, as a [`checksum`]; null where [`meta`](Self::meta) holds all. An import that was
    /// stopped goes on only where it is the same.
    fn settings(&self) -> Value;
    /// What is left out from the start, such as samples that the authors list as broken.
    fn left_out(&self) -> &[LeftOut] {
        &[]
    }
    /// The authors' counts, to be printed beside those that came out.
    fn official(&self) -> &[Official] {
        &[]
    }
}
