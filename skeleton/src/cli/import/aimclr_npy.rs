//! `aimclr-data import aimclr-npy`.

use super::about::OfArrays;
use crate::import::ImportError;
use crate::import::arrays::released::Released;
use std::path::PathBuf;

/// Arguments of `import aimclr-npy`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of train_position.npy and train_label.pkl, of val_position.npy and val_label.pkl, or of all four
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    about: OfArrays,
}

impl Args {
    /// Opens the source.
    ///
    /// # Errors
    /// An array or the names of the classes can't be used.
    pub fn open(&self) -> Result<Released, ImportError> {
        Released::open(&self.folder, &self.about.read()?)
    }
}
