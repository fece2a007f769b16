//! `dataset.toml`.

use super::DatasetError;
use crate::classes::repeated;
use crate::layout::Layout;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The format's name and version.
pub const FORMAT: &str = "skeleton-dataset/1";

/// Most bodies that a frame may hold.
const MAX_BODIES: usize = 16;

/// What `dataset.toml` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// [`FORMAT`].
    pub format: String,
    /// Name of the data set, for people.
    pub name: String,
    /// SPDX identifier.
    pub license: String,
    /// Whom to cite.
    #[serde(default)]
    pub citation: String,
    /// "metre", or "pixel" for 2D layouts.
    pub units: String,
    /// Frames a second.
    pub fps: f64,
    /// Name of the joint layout.
    pub layout: String,
    /// M, bodies in each frame.
    pub bodies: usize,
    /// Names of the classes; a label is an index into them.
    pub classes: Vec<String>,
    /// Ways of dividing the samples into training and test.
    #[serde(default)]
    pub splits: BTreeMap<String, Split>,
}

/// A way of dividing samples by the value of one column: either the test values or the training
/// values are named, and everything else is on the other side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Column of `samples.csv`.
    pub column: String,
    /// Values that belong to the test part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Vec<toml::Value>>,
    /// Values that belong to the training part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<Vec<toml::Value>>,
}

impl Split {
    /// Test values given, the rest is for training.
    pub fn by_test(column: &str, test: impl IntoIterator<Item = i64>) -> Self {
        let test = test.into_iter().map(toml::Value::Integer).collect();
        Self {
            column: column.into(),
            test: Some(test),
            train: None,
        }
    }

    /// Training values given, the rest is for testing.
    pub fn by_train(column: &str, train: impl IntoIterator<Item = i64>) -> Self {
        let train = train.into_iter().map(toml::Value::Integer).collect();
        Self {
            column: column.into(),
            test: None,
            train: Some(train),
        }
    }

    /// True where a sample with this value of the column is for training.
    pub fn is_train(&self, value: &str) -> bool {
        let among = |values: &[toml::Value]| {
            values.iter().any(|v| match v {
                toml::Value::String(text) => text == value,
                // A number in TOML means the number in the column, however it is padded.
                toml::Value::Integer(number) => value.trim().parse() == Ok(*number),
                other => other.to_string() == value,
            })
        };
        match (&self.train, &self.test) {
            (Some(train), _) => among(train),
            (None, test) => !among(test.as_deref().unwrap_or_default()),
        }
    }
}

impl Meta {
    pub(super) fn read(path: &Path) -> Result<Self, DatasetError> {
        let text = std::fs::read_to_string(path).map_err(|e| DatasetError::io(path, e))?;
        let fail = |reason: String| {
            Err(DatasetError::Meta {
                path: path.into(),
                reason,
            })
        };
        let meta: Meta = match toml::from_str(&text) {
            Ok(meta) => meta,
            Err(error) => return fail(error.to_string().trim_end().into()),
        };
        if meta.format != FORMAT {
            return fail(format!(
                "format: expected \"{FORMAT}\", found \"{}\"",
                meta.format
            ));
        }
        if !(meta.fps.is_finite() && meta.fps > 0.0) {
            return fail(format!(
                "fps: expected a number above 0, found {}",
                meta.fps
            ));
        }
        if !(1..=MAX_BODIES).contains(&meta.bodies) {
            return fail(format!(
                "bodies: expected 1 to {MAX_BODIES}, found {}",
                meta.bodies
            ));
        }
        meta.check_classes(path)?;
        for (name, split) in &meta.splits {
            if split.test.is_some() == split.train.is_some() {
                return fail(format!(
                    "splits.{name}: expected either test or train values"
                ));
            }
        }
        Ok(meta)
    }

    /// Refuses classes that a label or a name would not tell apart.
    pub(crate) fn check_classes(&self, path: &Path) -> Result<(), DatasetError> {
        let empty = self.classes.iter().position(|name| name.trim().is_empty());
        let reason = match (empty, repeated(&self.classes)) {
            (Some(label), _) => format!("class {label} has an empty name"),
            (None, Some(name)) => format!("expected names that differ, found \"{name}\" twice"),
            (None, None) if self.classes.is_empty() => "expected at least one name".into(),
            (None, None) => return Ok(()),
        };
        Err(DatasetError::Meta {
            path: path.into(),
            reason: format!("classes: {reason}"),
        })
    }

    /// The layout, whose numbers are in the units that are said.
    pub(crate) fn layout(&self, path: &Path) -> Result<Layout, DatasetError> {
        let fail = |reason: String| DatasetError::Meta {
            path: path.into(),
            reason,
        };
        let layout =
            Layout::by_name(&self.layout).map_err(|error| fail(format!("layout: {error}")))?;
        match layout.units() {
            expected if expected == self.units => Ok(layout),
            expected => Err(fail(format!(
                "units: expected \"{expected}\" for layout \"{}\", found \"{}\"",
                self.layout, self.units
            ))),
        }
    }
}
