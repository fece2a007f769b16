//! `aimclr-data import ntu`.

use super::Common;
use crate::import::ntu::{Edition, Missing, Ntu, Settings};
use crate::import::{Bodies, ImportError};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Folders, searched to any depth, or zip archives of .skeleton files
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) common: Common,
    /// Which edition, by its number of classes [default: 120 where an action above 60 occurs]
    #[arg(long, value_name = "60|120", value_parser = edition)]
    classes: Option<Edition>,
    /// Names of samples to be left out, one a line, or `none` [default: those that the data set's
    /// authors list]
    #[arg(long, value_name = "FILE|none", value_parser = missing)]
    missing: Option<Missing>,
    /// Whom to keep
    #[arg(long, value_enum, default_value_t)]
    bodies: Bodies,
    /// Cut clips after so many frames [default: 300 for released bodies, else none]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_frames: Option<u32>,
}

const EXAMPLES: &str = "\
Examples:
  aimclr-data import ntu nturgbd_skeletons_s001_to_s017.zip --out ntu60
  aimclr-data import ntu nturgbd_skeletons_s001_to_s017.zip \\
                         nturgbd_skeletons_s018_to_s032.zip --out ntu120
  aimclr-data import ntu nturgb+d_skeletons --out ntu60-tracked --bodies tracked
  aimclr-data import ntu own-recordings --out own --missing none --skip-bad

Splits: xsub, and xview with 60 classes or xset with 120. Files are named
SsssCcccPpppRrrrAaaa.skeleton: setup, camera, subject, replication and action, which become columns
of samples.csv; the label is the action less one.

`released` keeps what the published numbers were trained on. `tracked` tells people apart by the
sensor's ids, keeps the two who move most and drops what is no person.";

fn edition(text: &str) -> Result<Edition, String> {
    match text {
        "60" => Ok(Edition::Ntu60),
        "120" => Ok(Edition::Ntu120),
        _ => Err("expected 60 or 120".into()),
    }
}

// clap wants an error type, though every text names a file.
#[allow(clippy::unnecessary_wraps)]
fn missing(text: &str) -> Result<Missing, String> {
    match text {
        "none" => Ok(Missing::Nothing),
        path => Ok(Missing::File(path.into())),
    }
}

impl Args {
    pub(super) fn open(&self) -> Result<Ntu, ImportError> {
        let settings = Settings {
            edition: self.classes,
            missing: self.missing.clone().unwrap_or_default(),
            bodies: self.bodies,
            max_frames: self.max_frames.map(|frames| frames as usize),
        };
        Ntu::open(&self.sources, settings)
    }
}
