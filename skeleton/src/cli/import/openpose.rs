//! `aimclr-data import openpose`.

use super::poses::{self, AboutArgs, Opened, Root};
use crate::import::poses::openpose::{self, Take};

/// OpenPose's --write_json folders, model BODY_25. 2D, layout body25, or with --three-d ntu25.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    root: Root,
    #[command(flatten)]
    about: AboutArgs,
    /// Frames a second of the recordings, which the files don't say
    #[arg(long, value_name = "FPS", value_parser = poses::fps)]
    fps: f64,
    /// Size of the picture, where --keypoint_scale made keypoints shares of it
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = poses::size)]
    picture: Option<[f32; 2]>,
    /// Take the 3D reconstruction, whose units have so many metres, and bring it onto ntu25
    #[arg(long, value_name = "METRES", conflicts_with = "picture", value_parser = poses::scale)]
    three_d: Option<f64>,
}

impl Args {
    /// The source that these arguments name.
    ///
    /// # Errors
    /// It has no clips, or can't be read.
    pub fn source(&self) -> Opened {
        let folder = &self.root.folder;
        let take = match self.three_d {
            Some(metres) => Take::Deep(metres as f32),
            None => Take::Flat(self.picture.unwrap_or([1.0, 1.0])),
        };
        poses::boxed(openpose::open(
            folder,
            self.about.about(folder, self.fps),
            take,
        ))
    }
}
