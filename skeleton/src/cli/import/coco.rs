//! `aimclr-data import coco`.

use super::poses::Estimated;
use crate::import::ImportError;
use crate::import::poses::{Poses, coco};

/// Keypoints of COCO: Ultralytics, AlphaPose, COCO's results and annotations. 2D, layout coco17.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    estimated: Estimated,
}

impl Args {
    /// The source that these arguments name.
    ///
    /// # Errors
    /// It has no clips, or can't be read.
    pub fn open(&self) -> Result<Poses, ImportError> {
        let Estimated { root, picture, .. } = &self.estimated;
        coco::open(&root.folder, self.estimated.about(), *picture)
    }
}
