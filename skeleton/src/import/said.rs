//! What is said of a data set where its files don't say it.

use crate::dataset::{FORMAT, Meta, Split};
use std::collections::BTreeMap;
use std::path::Path;

/// What SPDX writes of a licence that nobody has stated. A `LicenseRef-` would name a text that
/// goes along with the data, and there is none.
pub const NO_LICENSE: &str = "NOASSERTION";

/// Frames a second where neither files nor people say it.
pub const FPS: f64 = 30.0;

/// What is said of a data set where its files don't say it.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Name; that of the file or folder by default.
    pub name: Option<String>,
    /// SPDX identifier.
    pub license: String,
    /// Whom to cite.
    pub citation: String,
    /// Frames a second.
    pub fps: f64,
}

impl Default for Said {
    fn default() -> Self {
        Self {
            name: None,
            license: NO_LICENSE.into(),
            citation: String::new(),
            fps: FPS,
        }
    }
}

/// What files say.
pub(super) struct Found {
    pub(super) layout: String,
    pub(super) units: String,
    pub(super) bodies: usize,
    pub(super) classes: Vec<String>,
    pub(super) splits: BTreeMap<String, Split>,
}

impl Said {
    /// Together with what the file or folder `source` says.
    pub(super) fn meta(&self, source: &Path, found: Found) -> Meta {
        let name = || {
            // `.` has a name, too.
            let whole = source.canonicalize().unwrap_or_else(|_| source.into());
            let name = whole.file_stem().unwrap_or_default();
            name.to_string_lossy().into_owned()
        };
        Meta {
            format: FORMAT.into(),
            name: self.name.clone().unwrap_or_else(name),
            license: self.license.clone(),
            citation: self.citation.clone(),
            units: found.units,
            fps: self.fps,
            layout: found.layout,
            bodies: found.bodies,
            classes: found.classes,
            splits: found.splits,
        }
    }
}
