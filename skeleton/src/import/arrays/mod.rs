//! Data sets that others have prepared as arrays: AimCLR's own, CTR-GCN's and PYSKL's.

pub mod ctr_gcn;
mod npz;
pub mod pyskl;
pub mod released;

use super::ImportError;
use super::said::{self, Said};
use crate::dataset::{Meta, Split};
use crate::import::ntu::Name;
use std::collections::BTreeMap;
use std::path::Path;

/// Most classes: labels come from files, and each needs a name.
const MAX_CLASSES: usize = 100_000;

/// What is said of a data set where its files don't say it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct About {
    /// What all kinds have in common.
    pub said: Said,
    /// Names of the classes; by default "class 0" and so on.
    pub classes: Option<Vec<String>>,
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
        let found = said::Found {
            layout: found.layout.into(),
            units: found.units.into(),
            bodies: found.bodies,
            classes,
            splits: found.splits,
        };
        Ok(self.said.meta(path, found))
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
