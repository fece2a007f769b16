//! `aimclr-data import coco`.

use super::poses::{self, AboutArgs, Opened, Root};
use crate::import::poses::coco;

/// Keypoints of COCO: Ultralytics, AlphaPose, COCO's results and annotations. 2D, layout coco17.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    root: Root,
    #[command(flatten)]
    about: AboutArgs,
    /// Frames a second of the recordings, which the files don't say
    #[arg(long, value_name = "FPS", value_parser = poses::fps)]
    fps: f64,
    /// Size of the picture, where keypoints are shares of it
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = poses::size)]
    picture: Option<[f32; 2]>,
}

impl Args {
    /// The source that these arguments name.
    ///
    /// # Errors
    /// It has no clips, or can't be read.
    pub fn source(&self) -> Opened {
        let folder = &self.root.folder;
        let scale = self.picture.unwrap_or([1.0, 1.0]);
        poses::boxed(coco::open(
            folder,
            self.about.about(folder, self.fps),
            scale,
        ))
    }
}
