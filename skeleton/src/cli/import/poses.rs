//! What the imports of pose files have in common.

use super::about::{About, fps};
use crate::import::poses;
use std::path::PathBuf;

/// What pose files don't say.
#[derive(Debug, Clone, clap::Args)]
pub struct OfPoses {
    #[command(flatten)]
    about: About,
    /// So many people of each frame are kept
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u8).range(1..=16))]
    bodies: u8,
}

impl OfPoses {
    /// With the frames a second, which each form asks for in its own words.
    pub(super) fn about(&self, fps: f64) -> poses::About {
        poses::About {
            said: self.about.said(fps),
            bodies: self.bodies.into(),
        }
    }
}

/// A folder of clips.
#[derive(Debug, Clone, clap::Args)]
pub struct Root {
    /// Folder with a folder for each class, in which the clips lie; or with train and test, each
    /// with such folders
    #[arg(value_name = "FOLDER")]
    pub(super) folder: PathBuf,
}

/// What a pose estimator has written: places in a picture, without time.
#[derive(Debug, Clone, clap::Args)]
pub struct Estimated {
    #[command(flatten)]
    pub(super) root: Root,
    #[command(flatten)]
    about: OfPoses,
    /// Frames a second of the recordings, which the files don't say
    #[arg(long, value_name = "FPS", value_parser = fps)]
    fps: f64,
    /// Size of the picture, where x and y are shares of it
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
    pub(super) picture: Option<[f32; 2]>,
}

impl Estimated {
    pub(super) fn about(&self) -> poses::About {
        self.about.about(self.fps)
    }
}

/// Metres in a unit.
pub(super) fn scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(metres) if metres.is_finite() && metres > 0.0 => Ok(metres),
        _ => Err("expected metres in one unit, above 0, such as 0.01".into()),
    }
}

/// Width and height of a picture.
fn size(text: &str) -> Result<[f32; 2], String> {
    let sides = text.split_once('x').and_then(|(width, height)| {
        let side = |text: &str| text.parse::<u16>().ok().filter(|n| *n > 0).map(f32::from);
        Some([side(width)?, side(height)?])
    });
    sides.ok_or("expected WIDTHxHEIGHT in pixels, such as 1920x1080".into())
}
