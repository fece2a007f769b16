//! The layouts that come with the program.

use super::{Layout, LayoutError, Raw};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A layout and what is known of those who use it: one file in `skeleton/layouts/`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Who gives bodies in this layout.
    pub about: String,
    /// The layout itself.
    pub layout: Layout,
    /// Units and axes of its usual source; 2D layouts are in pixels as they are.
    pub raw: Option<Raw>,
    /// By the name of another layout: how bodies become bodies in that.
    #[serde(default)]
    pub onto: BTreeMap<String, Onto>,
}

/// How a body becomes one in another layout.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Onto {
    /// The other layout's joints that this one has nothing for: they are put somewhere likely, with
    /// confidence 0.
    pub synthesised: Vec<String>,
    /// For every joint of the other layout the ways to get its place, the best one first: a sum
    /// of this layout's joints, each with its weight.
    pub joints: BTreeMap<String, Vec<Vec<(usize, f32)>>>,
}

const FILES: [&str; 7] = [
    include_str!("../../layouts/ntu25.toml"),
    include_str!("../../layouts/kinect20.toml"),
    include_str!("../../layouts/coco17.toml"),
    include_str!("../../layouts/body25.toml"),
    include_str!("../../layouts/mediapipe33.toml"),
    include_str!("../../layouts/azure32.toml"),
    include_str!("../../layouts/nvidia34.toml"),
];

static DEFINITIONS: LazyLock<[Definition; FILES.len()]> =
    LazyLock::new(|| FILES.map(|file| toml::from_str(file).expect("a test reads every file")));

/// Names of the built-in layouts.
pub fn names() -> Vec<&'static str> {
    let names = DEFINITIONS.iter().map(|d| d.layout.name.as_str());
    names.collect()
}

/// A built-in layout with what is known of its sources.
///
/// # Errors
/// There is none of that name; the known ones are listed.
pub fn definition(name: &str) -> Result<&'static Definition, LayoutError> {
    let found = DEFINITIONS.iter().find(|d| d.layout.name == name);
    found.ok_or_else(|| LayoutError::Unknown { name: name.into() })
}

pub(super) fn ntu25() -> &'static Definition {
    &DEFINITIONS[0]
}
