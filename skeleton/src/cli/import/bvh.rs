//! `aimclr-data import bvh`.

use super::about::fps;
use super::poses::{OfPoses, Root, scale};
use crate::import::ImportError;
use crate::import::poses::Poses;
use crate::import::poses::bvh::{self, Take, Up};
use std::path::PathBuf;

/// Motion capture in BVH files, brought onto ntu25.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    root: Root,
    #[command(flatten)]
    about: OfPoses,
    /// Frames a second of the data set; files of another rate are brought to it
    #[arg(long, value_name = "FPS", default_value = "30", value_parser = fps)]
    fps: f64,
    /// Metres in one of the files' units: 0.01 for centimetres
    #[arg(long, value_name = "METRES", default_value = "0.01", value_parser = scale)]
    scale: f64,
    /// Which way is up in the files
    #[arg(long, value_enum, default_value_t)]
    up: Up,
    /// Names of joints that are none of the built-in schemes, see docs/import-poses.md
    #[arg(long, value_name = "FILE.toml")]
    map: Option<PathBuf>,
}

impl Args {
    /// The source that these arguments name.
    ///
    /// # Errors
    /// It has no clips, or can't be read.
    pub fn open(&self) -> Result<Poses, ImportError> {
        let take = Take {
            scale: self.scale,
            up: self.up,
            map: self.map.clone(),
        };
        bvh::open(&self.root.folder, self.about.about(self.fps), take)
    }
}
