//! `aimclr-data import mediapipe`.

use super::poses::{self, AboutArgs, Opened, Root};
use crate::import::poses::mediapipe::{self, Take};

/// MediaPipe Pose: JSON, CSV and NumPy files of 33 landmarks.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    root: Root,
    #[command(flatten)]
    about: AboutArgs,
    /// Frames a second of the recordings, which the files don't say
    #[arg(long, value_name = "FPS", value_parser = poses::fps)]
    fps: f64,
    /// Size of the picture, for landmarks that are shares of it instead of world landmarks
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = poses::size)]
    picture: Option<[f32; 2]>,
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
    pub fn source(&self) -> Opened {
        let folder = &self.root.folder;
        let take = Take {
            picture: self.picture,
            onto_ntu25: self.layout == Onto::Ntu25,
        };
        poses::boxed(mediapipe::open(
            folder,
            self.about.about(folder, self.fps),
            take,
        ))
    }
}
