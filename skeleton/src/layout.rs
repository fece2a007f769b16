//! Joint layouts: which joints a body has, how they hang together, and what a mirror image swaps.

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
    /// The joints (lower, upper) between which the torso is measured.
    #[serde(default = "ntu25_torso")]
    pub torso: (usize, usize),
}

/// Names of the built-in layouts.
pub fn names() -> Vec<&'static str> {
    vec!["ntu25"]
}

const NTU25_JOINTS: [&str; 25] = [
    "spine base",
    "spine mid",
    "neck",
    "head",
    "left shoulder",
    "left elbow",
    "left wrist",
    "left hand",
    "right shoulder",
    "right elbow",
    "right wrist",
    "right hand",
    "left hip",
    "left knee",
    "left ankle",
    "left foot",
    "right hip",
    "right knee",
    "right ankle",
    "right foot",
    "spine shoulder",
    "left hand tip",
    "left thumb",
    "right hand tip",
    "right thumb",
];

/// (joint, parent), 1-based, in the order of the ST-GCN code for NTU RGB+D.
const NTU25_EDGES: [(usize, usize); 24] = [
    (1, 2),
    (2, 21),
    (3, 21),
    (4, 3),
    (5, 21),
    (6, 5),
    (7, 6),
    (8, 7),
    (9, 21),
    (10, 9),
    (11, 10),
    (12, 11),
    (13, 1),
    (14, 13),
    (15, 14),
    (16, 15),
    (17, 1),
    (18, 17),
    (19, 18),
    (20, 19),
    (22, 23),
    (23, 8),
    (24, 25),
    (25, 12),
];

const NTU25_SWAP: [(usize, usize); 10] = [
    (4, 8),
    (5, 9),
    (6, 10),
    (7, 11),
    (12, 16),
    (13, 17),
    (14, 18),
    (15, 19),
    (21, 23),
    (22, 24),
];

/// Also that of cards from before the field: there was no other layout.
fn ntu25_torso() -> (usize, usize) {
    (0, 20)
}

impl Layout {
    /// Kinect v2 / NTU RGB+D: 25 joints, metres, y up, z away from the camera.
    pub fn ntu25() -> Self {
        Self {
            name: "ntu25".into(),
            joints: NTU25_JOINTS.map(String::from).to_vec(),
            edges: NTU25_EDGES
                .map(|(joint, parent)| (joint - 1, parent - 1))
                .to_vec(),
            centre: 20,
            swap: NTU25_SWAP.to_vec(),
            turn: (4, 8),
            torso: ntu25_torso(),
        }
    }

    /// A built-in layout by its name.
    pub fn by_name(name: &str) -> Result<Self, LayoutError> {
        match name {
            "ntu25" => Ok(Self::ntu25()),
            _ => Err(LayoutError::Unknown { name: name.into() }),
        }
    }

    /// V, the number of joints.
    pub fn len(&self) -> usize {
        self.joints.len()
    }

    /// True for a layout without joints, which [`check`](Self::check) refuses.
    pub fn is_empty(&self) -> bool {
        self.joints.is_empty()
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
        let pairs = self.edges.iter().chain(&self.swap);
        let pairs = pairs.chain([&self.turn, &self.torso]);
        for &(a, b) in pairs {
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
mod tests {
    use super::*;

    #[test]
    fn ntu25_is_whole() {
        let layout = Layout::ntu25();
        layout.check().expect("consistent");
        assert_eq!(layout.len(), 25);
        // The order of the released spatial flip.
        let released = [
            0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 20, 23, 24, 21,
            22,
        ];
        assert_eq!(layout.mirror(), released);
        let roots = layout
            .parents()
            .iter()
            .enumerate()
            .filter(|(j, p)| j == *p)
            .count();
        assert_eq!(roots, 1, "one root, the centre");
    }

    #[test]
    fn an_unknown_layout_names_the_known() {
        let message = Layout::by_name("ntu24").expect_err("unknown").to_string();
        assert!(
            message.contains("ntu24") && message.contains("ntu25"),
            "{message}"
        );
    }

    #[test]
    fn an_index_outside_the_joints_is_refused() {
        let mut layout = Layout::ntu25();
        layout.edges.push((3, 25));
        assert!(layout.check().is_err());
    }
}
