//! `aimclr-data import ctr-gcn-npz`.

use super::about::OfArrays;
use crate::import::ImportError;
use crate::import::arrays::ctr_gcn::CtrGcn;
use std::path::PathBuf;

/// Arguments of `import ctr-gcn-npz`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// File with x_train, y_train, x_test and y_test, such as NTU60_CS.npz
    #[arg(value_name = "FILE.npz")]
    file: PathBuf,
    #[command(flatten)]
    about: OfArrays,
}

impl Args {
    /// Opens the source.
    ///
    /// # Errors
    /// An array or the names of the classes can't be used.
    pub fn open(&self) -> Result<CtrGcn, ImportError> {
        CtrGcn::open(&self.file, &self.about.read()?)
    }
}
