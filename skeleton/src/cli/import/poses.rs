//! What the imports of pose files have in common.

use crate::import::ImportError;
use crate::import::poses::About;
use std::path::{Path, PathBuf};

/// What the files don't say of the data set.
#[derive(Debug, Clone, clap::Args)]
pub struct AboutArgs {
    /// Name of the data set [default: that of the source's folder]
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// SPDX identifier of its licence
    #[arg(long, value_name = "SPDX", default_value = "LicenseRef-unknown")]
    pub license: String,
    /// Whom to cite
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub citation: String,
    /// So many people of each frame are kept
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u8).range(1..=16))]
    pub bodies: u8,
}

impl AboutArgs {
    /// With the frames a second, which each form asks for in its own words.
    pub(super) fn about(&self, source: &Path, fps: f64) -> About {
        let folder = || {
            let whole = source.canonicalize().unwrap_or_else(|_| source.into());
            let name = whole.file_stem().map(|n| n.to_string_lossy().into_owned());
            name.unwrap_or_else(|| "poses".into())
        };
        About {
            name: self.name.clone().unwrap_or_else(folder),
            license: self.license.clone(),
            citation: self.citation.clone(),
            fps,
            bodies: self.bodies.into(),
        }
    }
}

/// Frames a second.
pub(super) fn fps(text: &str) -> Result<f64, String> {
    positive(text)
        .filter(|fps| (0.1..=1000.0).contains(fps))
        .ok_or("expected frames a second, 0.1 to 1000".into())
}

/// Metres in a unit.
pub(super) fn scale(text: &str) -> Result<f64, String> {
    positive(text).ok_or("expected metres in one unit, above 0, such as 0.01".into())
}

/// Width and height of a picture.
pub(super) fn size(text: &str) -> Result<[f32; 2], String> {
    let sides = text.split_once('x').and_then(|(width, height)| {
        let side = |text: &str| text.parse::<u16>().ok().filter(|n| *n > 0).map(f32::from);
        Some([side(width)?, side(height)?])
    });
    sides.ok_or("expected WIDTHxHEIGHT in pixels, such as 1920x1080".into())
}

fn positive(text: &str) -> Option<f64> {
    text.parse()
        .ok()
        .filter(|x: &f64| x.is_finite() && *x > 0.0)
}

/// A source, ready to be imported.
pub type Opened = Result<Box<dyn crate::import::Source>, ImportError>;

/// Forgets which source it is.
pub(super) fn boxed(source: Result<impl crate::import::Source + 'static, ImportError>) -> Opened {
    Ok(Box::new(source?))
}

/// A folder, in every form's arguments.
#[derive(Debug, Clone, clap::Args)]
pub struct Root {
    /// Folder with a folder for each class, in which the clips lie; or with train and test, each
    /// with such folders
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
}
