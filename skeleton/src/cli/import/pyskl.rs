//! `aimclr-data import pyskl`.

use super::about::OfArrays;
use crate::import::ImportError;
use crate::import::arrays::pyskl::Pyskl;
use std::path::PathBuf;

/// Arguments of `import pyskl`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Annotations of PYSKL or MMAction2, such as ntu60_3danno.pkl or ntu60_hrnet.pkl
    #[arg(value_name = "FILE.pkl")]
    file: PathBuf,
    /// Most bodies that are kept of a sample, the first ones [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    bodies: Option<u8>,
    #[command(flatten)]
    about: OfArrays,
}

impl Args {
    /// Opens the source.
    ///
    /// # Errors
    /// The annotations or the names of the classes can't be used.
    pub fn open(&self) -> Result<Pyskl, ImportError> {
        let bodies = self.bodies.map(usize::from);
        Pyskl::open(&self.file, &self.about.read()?, bodies)
    }
}
