//! BVH motion capture: a clip is a file, its person is brought onto ntu25.

mod motion;
mod names;

use super::folder::Form;
use super::people::{Crowd, Seen};
use super::{About, ImportError, Poses, Reader};
use crate::layout::Layout;
use motion::Motion;
use names::Schemes;
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Which way is up in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Up {
    /// As nearly all files have it
    #[default]
    Y,
    /// As some tools for robots and games write them
    Z,
}

/// How files are taken.
#[derive(Debug, Clone, Default)]
pub struct Take {
    /// Metres in one of the file's units.
    pub scale: f64,
    /// Which way is up.
    pub up: Up,
    /// A TOML file of further naming schemes, tried before the built-in ones.
    pub map: Option<PathBuf>,
}

/// Shortest and longest torso of a person, metres.
const TORSO: std::ops::RangeInclusive<f64> = 0.2..=1.0;

/// Clips in the folder `root`, as [`super::folder`] has it.
///
/// # Errors
/// There are none, the folder can't be listed, or the file of naming schemes is not as it should be.
pub fn open(root: &Path, about: About, take: Take) -> Result<Poses, ImportError> {
    let form = Form {
        files: &["bvh"],
        frames: &[],
    };
    let layout = Layout::ntu25();
    let reader = Bvh::new(&layout, &take)?;
    let map = reader.schemes.checksum();
    let settings = json!({"scale": take.scale, "up": take.up, "map": map});
    Poses::new(root, form, &about, &layout, settings, Box::new(reader))
}

/// Reads motions of people.
pub(super) struct Bvh {
    schemes: Schemes,
    layout: Layout,
    scale: f64,
    up: Up,
}

impl Reader for Bvh {
    fn read(&self, clip: &Path, crowd: &mut Crowd<'_>) -> Result<Option<f64>, ImportError> {
        let item = clip.display().to_string();
        let mut motion = Motion::open(clip)?;
        let scheme = self.schemes.fit(&item, &motion.names())?;
        let mut first = true;
        while let Some(places) = motion.next()? {
            let body = scheme.body(places);
            let joints: Vec<[f32; 3]> = body.iter().map(|at| self.to_house(*at)).collect();
            if std::mem::take(&mut first) {
                self.check(&item, &joints)?;
            }
            let person = Seen {
                id: None,
                confidence: 1.0,
                joints,
            };
            crowd.push(vec![person])?;
        }
        Ok(Some(motion.fps()))
    }
}

impl Bvh {
    /// Brings them onto this layout.
    pub(super) fn new(layout: &Layout, take: &Take) -> Result<Self, ImportError> {
        Ok(Self {
            schemes: Schemes::new(layout, take.map.as_deref())?,
            layout: layout.clone(),
            scale: take.scale,
            up: take.up,
        })
    }

    /// Motion capture has people face z with their left at x; before the camera they face −z.
    fn to_house(&self, [x, y, z]: [f64; 3]) -> [f32; 3] {
        let upright = match self.up {
            Up::Y => [-x, y, -z],
            Up::Z => [-x, z, y],
        };
        upright.map(|c| (c * self.scale) as f32)
    }

    fn check(&self, item: &str, joints: &[[f32; 3]]) -> Result<(), ImportError> {
        let (lower, upper) = self.layout.torso;
        let ends = [lower, upper].map(|p| joints.get(p.joints()[0]).copied().unwrap_or_default());
        let along = |c: usize| f64::from(ends[1][c] - ends[0][c]).powi(2);
        let torso = (0..3).map(along).sum::<f64>().sqrt();
        if TORSO.contains(&torso) {
            return Ok(());
        }
        let scale = self.scale;
        Err(ImportError::at(
            item,
            "frame 0",
            format!(
                "the torso is {torso:.3} m long at {scale} m a unit, expected {} to {} m; --scale \
                 says how long its unit is (0.01 for centimetres)",
                TORSO.start(),
                TORSO.end()
            ),
        ))
    }
}

#[cfg(test)]
mod tests;
