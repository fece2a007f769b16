//! `aimclr-data import openpose`.

use super::poses::{Estimated, scale};
use crate::import::ImportError;
use crate::import::poses::Poses;
use crate::import::poses::openpose::{self, Take};

/// OpenPose's --write_json folders, model BODY_25. 2D, layout body25, or with --three-d ntu25.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    estimated: Estimated,
    /// Take the 3D reconstruction, whose units have so many metres, and bring it onto ntu25
    #[arg(long, value_name = "METRES", conflicts_with = "picture", value_parser = scale)]
    three_d: Option<f64>,
}

impl Args {
    /// The source that these arguments name.
    ///
    /// # Errors
    /// It has no clips, or can't be read.
    pub fn open(&self) -> Result<Poses, ImportError> {
        let Estimated { root, picture, .. } = &self.estimated;
        let take = match self.three_d {
            Some(metres) => Take::ThreeD(metres as f32),
            None => Take::Picture(*picture),
        };
        openpose::open(&root.folder, self.estimated.about(), take)
    }
}
