//! The three streams that AimCLR looks at: joints, bones, motion.

use crate::layout::Layout;
use crate::sequence::Sequence;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What of a skeleton an encoder sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Positions as they are.
    Joint,
    /// x\[t+1\] − x\[t\]; the last frame is its own successor, which gives 0.
    Motion,
    /// Joint minus its parent; the centre is 0.
    Bone,
}

impl Stream {
    /// All streams, in the order in which their scores are fused.
    pub const ALL: [Stream; 3] = [Stream::Joint, Stream::Motion, Stream::Bone];

    /// The stream of a normalised sequence, same shape.
    ///
    /// Where the channels are x, y and confidence, a difference between two joints has the mean of
    /// their confidences, and is all zeros unless both were seen.
    pub fn of(self, sequence: &Sequence, layout: &Layout) -> Sequence {
        let mut out = sequence.clone();
        let &Sequence {
            frames,
            bodies,
            joints,
            ..
        } = sequence;
        let parents = layout.parents();
        let minus = match layout.is_2d() {
            true => minus_2d,
            false => minus,
        };
        for t in 0..frames {
            for m in 0..bodies {
                for (v, &parent) in parents.iter().enumerate().take(joints) {
                    let here = sequence.joint(t, m, v);
                    let value = match self {
                        Stream::Joint => here,
                        Stream::Motion => {
                            minus(sequence.joint((t + 1).min(frames - 1), m, v), here)
                        }
                        Stream::Bone => minus(here, sequence.joint(t, m, parent)),
                    };
                    out.set_joint(t, m, v, value);
                }
            }
        }
        out
    }
}

fn minus(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn minus_2d(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    match a[2] > 0.0 && b[2] > 0.0 {
        true => [a[0] - b[0], a[1] - b[1], (a[2] + b[2]) / 2.0],
        false => [0.0; 3],
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stream::Joint => "joint",
            Stream::Motion => "motion",
            Stream::Bone => "bone",
        })
    }
}

impl FromStr for Stream {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Stream::ALL
            .into_iter()
            .find(|stream| stream.to_string() == name)
            .ok_or_else(|| format!("unknown stream \"{name}\"; known: joint, motion, bone"))
    }
}
