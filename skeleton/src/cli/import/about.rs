//! What is said of a data set whose files don't say it.

use crate::import::ImportError;
use crate::import::arrays;
use std::path::PathBuf;

/// What is said of a data set whose files don't say it.
#[derive(Debug, clap::Args)]
pub struct About {
    /// Name of the data set [default: that of the file or folder]
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Its licence, as SPDX names it
    #[arg(long, value_name = "SPDX", default_value = "NOASSERTION")]
    license: String,
    /// Whom to cite for it
    #[arg(long, value_name = "TEXT", default_value = "")]
    citation: String,
    /// Names of the classes, one a line, in the order of the labels [default: class 0, class 1, …]
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,
    /// Frames a second
    #[arg(long, value_name = "F", default_value_t = 30.0, value_parser = fps)]
    fps: f64,
}

fn fps(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(fps) if (1.0..=1000.0).contains(&fps) => Ok(fps),
        _ => Err("expected a number from 1 to 1000".into()),
    }
}

impl About {
    /// The same for a source.
    pub(super) fn read(&self) -> Result<arrays::About, ImportError> {
        let names = |path: &PathBuf| -> Result<Vec<String>, ImportError> {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| ImportError::io(path, error))?;
            let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
            let names = lines.filter(|line| !line.is_empty());
            Ok(names.map(String::from).collect())
        };
        Ok(arrays::About {
            name: self.name.clone(),
            license: self.license.clone(),
            citation: self.citation.clone(),
            classes: self.classes.as_ref().map(names).transpose()?,
            fps: self.fps,
        })
    }
}
