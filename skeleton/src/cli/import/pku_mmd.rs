//! `aimclr-data import pku-mmd`.

use super::Common;
use crate::import::pku_mmd::{Folders, PkuMmd};
use crate::import::{Bodies, ImportError};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Folder of one part of the data set, or of its skeleton files alone
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    #[command(flatten)]
    pub(super) common: Common,
    /// Folder of label files [default: the one in SOURCE with "label" in its name]
    #[arg(long, value_name = "FOLDER")]
    labels: Option<PathBuf>,
    /// Folder of the split files cross-subject.txt and cross-view.txt [default: the one in SOURCE
    /// with "split" in its name, else SOURCE]
    #[arg(long, value_name = "FOLDER")]
    splits: Option<PathBuf>,
    /// Whom to keep where
    #[arg(long, value_enum, default_value_t)]
    bodies: Bodies,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-data import pku-mmd PKUMMD --out pku1
  aimclr-data import pku-mmd PKUMMDv2/Skeleton --labels PKUMMDv2/Label --splits PKUMMDv2/Split \\
                             --out pku2

Every action that a label file names becomes a sample: `class,start,end,confidence` cuts the frames
from start - 1 up to end. Columns are video, view (L, M, R), and xsub and xview, which say train or
test as the split files do.

`released` keeps the two bodies as the files have them. `tracked` lets them change places where that
keeps each near to where it was in the frame before.";

impl Args {
    pub(super) fn open(&self) -> Result<PkuMmd, ImportError> {
        let folders = Folders::find(&self.source, self.labels.clone(), self.splits.clone())?;
        PkuMmd::open(folders, self.bodies)
    }
}
