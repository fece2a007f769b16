//! What is said of a data set whose files don't say it.

use crate::classes;
use crate::import::{ImportError, arrays, said};
use std::path::{Path, PathBuf};

/// Name, licence and citation.
#[derive(Debug, Clone, clap::Args)]
pub struct About {
    /// Name of the data set [default: that of the file or folder]
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Its licence, as SPDX names it
    #[arg(long, value_name = "SPDX", default_value = said::NO_LICENSE)]
    license: String,
    /// Whom to cite for it
    #[arg(long, value_name = "TEXT", default_value = "")]
    citation: String,
}

impl About {
    /// With the frames a second, which each kind asks for in its own words.
    pub(super) fn said(&self, fps: f64) -> said::Said {
        said::Said {
            name: self.name.clone(),
            license: self.license.clone(),
            citation: self.citation.clone(),
            fps,
        }
    }
}

/// What arrays don't say.
#[derive(Debug, clap::Args)]
pub struct OfArrays {
    #[command(flatten)]
    about: About,
    /// Names of the classes: those of a data set, or of a text file, one a line, in the order of the
    /// labels [default: class 0, class 1, …]
    #[arg(long, value_name = classes::EXPECTED)]
    classes: Option<PathBuf>,
    /// Frames a second
    #[arg(long, value_name = "FPS", default_value_t = said::FPS, value_parser = fps)]
    fps: f64,
}

impl OfArrays {
    /// The same for a source; reads the names of the classes.
    pub(super) fn read(&self) -> Result<arrays::About, ImportError> {
        let names = |name: &Path| classes::read(name).map_err(|error| ImportError::io(name, error));
        Ok(arrays::About {
            said: self.about.said(self.fps),
            classes: self.classes.as_deref().map(names).transpose()?,
        })
    }
}

/// Frames a second.
pub(super) fn fps(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(fps) if (0.1..=1000.0).contains(&fps) => Ok(fps),
        _ => Err("expected frames a second, 0.1 to 1000".into()),
    }
}
