//! `aimclr-data import mediapipe`.

use super::poses::Estimated;
use crate::import::ImportError;
use crate::import::poses::Poses;
use crate::import::poses::mediapipe::{self, Take};

/// MediaPipe Pose: JSON, CSV and NumPy files of 33 landmarks. They are taken for world landmarks in
/// metres, or with --picture for landmarks in shares of it.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    estimated: Estimated,
    /// Layout of the data set
    #[arg(long, value_enum, default_value_t = Onto::Mediapipe33)]
    layout: Onto,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Onto {
    /// All landmarks as they are
    Mediapipe33,
    /// For models of NTU RGB+D
    Ntu25,
}

impl Args {
    /// The source that these arguments name.
    ///
    /// # Errors
    /// It has no clips, or can't be read.
    pub fn open(&self) -> Result<Poses, ImportError> {
        let Estimated { root, picture, .. } = &self.estimated;
        let take = Take {
            picture: *picture,
            onto_ntu25: self.layout == Onto::Ntu25,
        };
        mediapipe::open(&root.folder, self.estimated.about(), take)
    }
}
