//! Joint layouts: which joints a body has, how they hang together, and what a mirror image swaps.
//!
//! The built-in ones are data: one file each in `skeleton/layouts/`. `docs/layouts.md` lists them.

mod built_in;
mod raw;

pub use built_in::{Definition, Onto, definition, names};
pub use raw::Raw;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What can be wrong with a layout.
#[derive(Debug, Error)]
pub enum LayoutError {
    /// The name is not one of the built-in layouts.
    #[error("unknown layout \"{name}\"; known: {}", names().join(", "))]
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// A layout read from a file contradicts itself.
    #[error("layout \"{name}\": {reason}")]
    Inconsistent {
        /// The layout's name.
        name: String,
        /// What does not fit.
        reason: String,
    },
}

/// A place on a body: that of a joint, or the middle between two. Written as `8` or `[11, 12]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Point {
    /// Where this joint is.
    Joint(usize),
    /// Halfway between two joints.
    Middle(usize, usize),
}

impl Point {
    /// The joints whose mean it is; twice the same for a joint.
    pub fn joints(self) -> [usize; 2] {
        match self {
            Self::Joint(v) => [v; 2],
            Self::Middle(a, b) => [a, b],
        }
    }
}

/// A body's joints as data. The encoder, the augmentations, the streams and the exported graph
/// take everything they need from here; no joint count is written anywhere in code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Short name, as in `dataset.toml` and in a frame's `layout`.
    pub name: String,
    /// Joint names, in storage order; their number is V.
    pub joints: Vec<String>,
    /// (joint, parent) pairs, 0-based. The graph's edges and the bones alike.
    pub edges: Vec<(usize, usize)>,
    /// The joint that is moved to the origin, and the centre of the graph's partition.
    pub centre: usize,
    /// Left and right joints that change places in a mirror image.
    pub swap: Vec<(usize, usize)>,
    /// The joints (left, right) that are turned onto the x axis.
    pub turn: (usize, usize),
    /// The places (lower, upper) between which the torso is measured.
    #[serde(default = "ntu25_torso")]
    pub torso: (Point, Point),
    /// 3 where a joint's numbers are x, y, z; 2 where they are x, y, confidence.
    #[serde(default = "three", skip_serializing_if = "is_three")]
    pub dimensions: u8,
}

/// That of cards from before the field: there was no other layout.
fn ntu25_torso() -> (Point, Point) {
    (Point::Joint(0), Point::Joint(20))
}

fn three() -> u8 {
    3
}

/// Not written, so that cards of 3D layouts stay readable for whoever knows no other.
fn is_three(dimensions: &u8) -> bool {
    *dimensions == three()
}

impl Layout {
    /// Kinect v2 / NTU RGB+D: 25 joints, metres, y up, z away from the camera.
    pub fn ntu25() -> Self {
        built_in::ntu25().layout.clone()
    }

    /// A built-in layout by its name.
    ///
    /// # Errors
    /// There is none of that name; the known ones are listed.
    pub fn by_name(name: &str) -> Result<Self, LayoutError> {
        Ok(definition(name)?.layout.clone())
    }

    /// V, the number of joints.
    pub fn len(&self) -> usize {
        self.joints.len()
    }

    /// True for a layout without joints, which [`check`](Self::check) refuses.
    pub fn is_empty(&self) -> bool {
        self.joints.is_empty()
    }

    /// True where a joint's third number is its confidence.
    pub fn is_2d(&self) -> bool {
        self.dimensions == 2
    }

    /// `units` of a data set in this layout.
    pub fn units(&self) -> &'static str {
        match self.is_2d() {
            true => "pixel",
            false => "metre",
        }
    }

    /// Index of a joint by its name.
    pub fn joint(&self, name: &str) -> Option<usize> {
        self.joints.iter().position(|joint| joint == name)
    }

    /// For each joint the joint that takes its place in a mirror image.
    pub fn mirror(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        for &(left, right) in &self.swap {
            order.swap(left, right);
        }
        order
    }

    /// For each joint its parent; the centre and unconnected joints are their own.
    pub fn parents(&self) -> Vec<usize> {
        let mut parents: Vec<usize> = (0..self.len()).collect();
        for &(joint, parent) in &self.edges {
            parents[joint] = parent;
        }
        parents
    }

    /// Checks that every index lies within the joints; layouts come from model cards, too.
    ///
    /// # Errors
    /// What contradicts what.
    pub fn check(&self) -> Result<(), LayoutError> {
        let joints = self.len();
        let fail = |reason: String| {
            Err(LayoutError::Inconsistent {
                name: self.name.clone(),
                reason,
            })
        };
        if joints == 0 {
            return fail("it has no joints".into());
        }
        if ![2, 3].contains(&self.dimensions) {
            let found = self.dimensions;
            return fail(format!("dimensions: expected 2 or 3, found {found}"));
        }
        let (lower, upper) = self.torso;
        let torso = [lower, upper].map(|point| point.joints().into());
        let pairs = self.edges.iter().chain(&self.swap);
        for &(a, b) in pairs.chain([&self.turn]).chain(&torso) {
            if a >= joints || b >= joints {
                return fail(format!("pair ({a}, {b}) lies outside its {joints} joints"));
            }
        }
        if self.centre >= joints {
            return fail(format!(
                "centre {} lies outside its {joints} joints",
                self.centre
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
