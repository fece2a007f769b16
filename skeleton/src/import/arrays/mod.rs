//! Data sets that others have prepared as arrays: AimCLR's own, CTR-GCN's and PYSKL's.

pub mod ctr_gcn;
mod npz;
pub mod pyskl;
pub mod released;

use super::ImportError;
use crate::dataset::{FORMAT, Meta, Split};
use crate::import::ntu::Name;
use std::collections::BTreeMap;
use std::path::Path;

/// Most classes: labels come from files, and each needs a name.
const MAX_CLASSES: usize = 100_000;

/// What is said of a data set where its files don't say it.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// Name; that of the file or folder by default.
    pub name: Option<String>,
    /// SPDX identifier.
    pub license: String,
    /// Whom to cite.
    pub citation: String,
    /// Names of the classes; by default "class 0" and so on.
    pub classes: Option<Vec<String>>,
    /// Frames a second.
    pub fps: f64,
}

impl Default for About {
    fn default() -> Self {
        Self {
            name: None,
            // What SPDX has for a licence that nobody stated.
            license: "NOASSERTION".into(),
            citation: String::new(),
            classes: None,
            fps: 30.0,
        }
    }
}

/// What the files say.
struct Found {
    layout: &'static str,
    units: &'static str,
    bodies: usize,
    classes: usize,
    splits: BTreeMap<String, Split>,
}

impl About {
    fn meta(&self, path: &Path, found: Found) -> Result<Meta, ImportError> {
        let fail = |reason| {
            Err(ImportError::Source {
                path: path.into(),
                reason,
            })
        };
        let classes = match &self.classes {
            Some(names) if names.len() < found.classes => {
                return fail(format!(
                    "labels reach to {}, but only {} classes are named",
                    found.classes - 1,
                    names.len()
                ));
            }
            Some(names) => names.clone(),
            None if found.classes > MAX_CLASSES => {
                return fail(format!(
                    "expected at most {MAX_CLASSES} classes, found {}",
                    found.classes
                ));
            }
            None => (0..found.classes)
                .map(|label| format!("class {label}"))
                .collect(),
        };
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Meta {
            format: FORMAT.into(),
            name: self.name.clone().unwrap_or(name.into_owned()),
            license: self.license.clone(),
            citation: self.citation.clone(),
            units: found.units.into(),
            fps: self.fps,
            layout: found.layout.into(),
            bodies: found.bodies,
            classes,
            splits: found.splits,
        })
    }
}

/// A split by the column `part`.
fn by_part(train: &str) -> Split {
    Split {
        column: "part".into(),
        train: Some(vec![train.into()]),
        test: None,
    }
}

/// What a name of NTU RGB+D's form, `SsssCcccPpppRrrrAaaa`, says of a sample; nothing for others.
fn columns(name: &str) -> BTreeMap<String, String> {
    Name::parse(name).map(Name::columns).unwrap_or_default()
}

#[cfg(test)]
mod tests;
