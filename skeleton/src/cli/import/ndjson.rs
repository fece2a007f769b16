//! `aimclr-data import ndjson`.

use super::about::fps;
use super::poses::OfPoses;
use crate::import::ImportError;
use crate::import::poses::ndjson::{self, Streams};
use crate::layout::Layout;
use std::path::PathBuf;

/// Recorded native pose streams, as docs/frame.md has them.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// A CSV file with the columns file, start, end, label and any others; or a folder with a
    /// folder for each class, in which the streams lie
    #[arg(value_name = "LABELS.csv|FOLDER")]
    source: PathBuf,
    #[command(flatten)]
    about: OfPoses,
    /// Frames a second of the data set; streams are brought to it by their time stamps
    #[arg(long, value_name = "FPS", default_value = "30", value_parser = fps)]
    fps: f64,
    /// Layout of the data set; frames in another one are brought onto it
    #[arg(long, value_name = "NAME", default_value = "ntu25")]
    layout: String,
}

impl Args {
    /// The source that these arguments name.
    ///
    /// # Errors
    /// It has no streams, or can't be read.
    pub fn open(&self) -> Result<Streams, ImportError> {
        let path = &self.source;
        let layout = Layout::by_name(&self.layout).map_err(|error| ImportError::Source {
            path: path.clone(),
            reason: format!("--layout: {error}"),
        })?;
        let about = self.about.about(self.fps);
        match path.is_dir() {
            true => ndjson::in_folders(path, about, layout),
            false => ndjson::with_labels(path, about, layout),
        }
    }
}
