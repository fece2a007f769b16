//! `aimclr-data import bvh`.

use super::poses::{self, AboutArgs, Opened, Root};
use crate::import::poses::bvh::{self, Take, Up};
use std::path::PathBuf;

/// Motion capture in BVH files, brought onto ntu25.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    root: Root,
    #[command(flatten)]
    about: AboutArgs,
    /// Frames a second of the data set; files of another rate are brought to it
    #[arg(long, value_name = "FPS", default_value = "30", value_parser = poses::fps)]
    fps: f64,
    /// Metres in one of the files' units: 0.01 for centimetres
    #[arg(long, value_name = "METRES", default_value = "0.01", value_parser = poses::scale)]
    scale: f64,
    /// Which way is up in the files
    #[arg(long, value_enum, default_value_t = UpArg::Y)]
    up: UpArg,
    /// Names of joints that are none of the built-in schemes, see docs/import-poses.md
    #[arg(long, value_name = "FILE.toml")]
    map: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum UpArg {
    Y,
    Z,
}

impl Args {
    /// The source that these arguments name.
    ///
    /// # Errors
    /// It has no clips, or can't be read.
    pub fn source(&self) -> Opened {
        let folder = &self.root.folder;
        let take = Take {
            scale: self.scale,
            up: match self.up {
                UpArg::Y => Up::Y,
                UpArg::Z => Up::Z,
            },
            map: self.map.clone(),
        };
        poses::boxed(bvh::open(folder, self.about.about(folder, self.fps), take))
    }
}
