//! Normalising: a body brought to one place and one bearing before the encoder sees it.
//!
//! The exported graph does the same inside, so training and serving can't differ; this is the
//! trainer's side of it and the reference that the graph is tested against.

mod torso;

pub(crate) use torso::placing;
pub use torso::{SHORTEST_2D, place_torso};

use crate::layout::{Layout, Point};
use crate::sequence::Sequence;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// Keeps the angle defined where both joints of the turn coincide; the released code's value.
pub const EPSILON: f64 = 1e-4;

/// Length of the torso after [`Preprocessing::Clip`] and [`Preprocessing::Torso`].
pub const TORSO: f64 = 0.5;

/// Shortest torso and shoulder line that [`Preprocessing::Clip`] divides by, in metres: below it
/// there is no body to be measured.
pub const SHORTEST: f64 = 0.01;

/// How a resampled clip is normalised. The names are those of the model card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Preprocessing {
    /// As published: each frame is centred and turned on its own.
    #[default]
    #[serde(rename = "aimclr-1")]
    Released,
    /// Each clip is moved, turned and scaled as a whole, so that the body's own travel and turns
    /// stay in it.
    #[serde(rename = "clip-1")]
    Clip,
    /// For 2D layouts: each clip is moved and scaled by its torso as a whole, and not turned.
    #[serde(rename = "torso-2d-1")]
    Torso,
}

impl Preprocessing {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Released, Self::Clip, Self::Torso];

    /// The name in a model card, in a configuration and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Released => "aimclr-1",
            Self::Clip => "clip-1",
            Self::Torso => "torso-2d-1",
        }
    }

    /// The one for a layout where none is asked for.
    pub fn usual(layout: &Layout) -> Self {
        match layout.is_2d() {
            true => Self::Torso,
            false => Self::Released,
        }
    }

    /// True where it is made for the numbers that bodies of this layout have.
    pub fn suits(self, layout: &Layout) -> bool {
        (self == Self::Torso) == layout.is_2d()
    }

    /// Normalises a sequence in place, body by body. An absent body stays zero.
    pub fn apply(self, sequence: &mut Sequence, layout: &Layout) {
        match self {
            Self::Released => centre_and_turn(sequence, layout),
            Self::Clip => place(sequence, layout),
            Self::Torso => place_torso(sequence, layout),
        }
    }
}

impl fmt::Display for Preprocessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Preprocessing {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|known| known.name() == name)
            .ok_or_else(|| format!("expected {}", Self::ALL.map(Self::name).join(" or ")))
    }
}

/// Centres and turns a sequence in place.
///
/// Per frame and body, the layout's centre joint goes to the origin; then the body turns about y
/// so that the line between the layout's `turn` joints (left to right shoulder) points along x:
/// θ = acos(vx / (|v| + 1e-4)) with v's y set to 0. θ is negated where Σ vz over all frames of the
/// body is ≥ 0, one sign for the whole clip. An absent body stays zero.
///
/// cos θ and sin θ are taken from v directly, without the arc cosine, which loses half its digits
/// near 0.
pub fn centre_and_turn(sequence: &mut Sequence, layout: &Layout) {
    for m in 0..sequence.bodies {
        centre(sequence, m, layout.centre);
        let all = 0..sequence.frames;
        turn(sequence, m, layout.turn, |_| all.clone());
    }
}

fn centre(sequence: &mut Sequence, m: usize, joint: usize) {
    for t in 0..sequence.frames {
        let origin = sequence.joint(t, m, joint);
        for v in 0..sequence.joints {
            let at = sequence.at(t, m, v);
            for (x, o) in sequence.data[at..].iter_mut().zip(origin) {
                *x -= o;
            }
        }
    }
}

/// As [`centre_and_turn`], for a body that is seen frame by frame: the sign of a frame's angle is
/// that of Σ vz over the last `remembered` frames, this one included, as a window would have it that
/// ends with this frame.
pub fn centre_and_turn_along(sequence: &mut Sequence, layout: &Layout, remembered: usize) {
    for m in 0..sequence.bodies {
        centre(sequence, m, layout.centre);
        turn(sequence, m, layout.turn, |t| {
            t.saturating_sub(remembered - 1)..t + 1
        });
    }
}

/// `depths` says which frames' Σ vz gives a frame's angle its sign.
fn turn(
    sequence: &mut Sequence,
    m: usize,
    (left, right): (usize, usize),
    depths: impl Fn(usize) -> Range<usize>,
) {
    let across = |sequence: &Sequence, t: usize| {
        let (a, b) = (sequence.joint(t, m, left), sequence.joint(t, m, right));
        (
            f64::from(b[0]) - f64::from(a[0]),
            f64::from(b[2]) - f64::from(a[2]),
        )
    };
    let across: Vec<(f64, f64)> = (0..sequence.frames).map(|t| across(sequence, t)).collect();
    for (t, &(vx, vz)) in across.iter().enumerate() {
        let depth: f64 = across[depths(t)].iter().map(|(_, vz)| vz).sum();
        let sign = if depth >= 0.0 { -1.0 } else { 1.0 };
        let length = vx.hypot(vz);
        let cos = vx / (length + EPSILON);
        // 1 − cos², multiplied out, has no cancellation.
        let sin = sign * (vz * vz + EPSILON * (2.0 * length + EPSILON)).sqrt() / (length + EPSILON);
        for v in 0..sequence.joints {
            let [x, y, z] = sequence.joint(t, m, v);
            let (x, z) = (f64::from(x), f64::from(z));
            let turned = [(cos * x - sin * z) as f32, y, (sin * x + cos * z) as f32];
            sequence.set_joint(t, m, v, turned);
        }
    }
}

/// Places a clip as a whole.
///
/// Per body, over the frames in which it is present (any coordinate is not 0): the mean position of
/// the layout's lower torso place goes to the origin; the body turns about y so that the mean line
/// between the layout's `turn` joints (left to right shoulder) points along x; it is scaled so that
/// its torso has the mean length [`TORSO`]. Frames without the body stay zero.
fn place(sequence: &mut Sequence, layout: &Layout) {
    let (left, right) = layout.turn;
    let (lower, upper) = layout.torso;
    for m in 0..sequence.bodies {
        let present: Vec<usize> = (0..sequence.frames)
            .filter(|t| (0..sequence.joints).any(|v| sequence.joint(*t, m, v) != [0.0; 3]))
            .collect();
        let mean = |of: &dyn Fn(usize) -> f64| -> f64 {
            present.iter().map(|t| of(*t)).sum::<f64>() / present.len().max(1) as f64
        };
        let joint = |t: usize, v: usize| sequence.joint(t, m, v).map(f64::from);
        let point = |t: usize, point: Point| {
            let [a, b] = point.joints().map(|v| joint(t, v));
            [0, 1, 2].map(|c| (a[c] + b[c]) / 2.0)
        };
        let origin: [f64; 3] = std::array::from_fn(|c| mean(&|t| point(t, lower)[c]));
        let across = [0, 2].map(|c| mean(&|t| joint(t, right)[c] - joint(t, left)[c]));
        let width = across[0].hypot(across[1]).max(SHORTEST);
        let (cos, sin) = (across[0] / width, across[1] / width);
        let torso = mean(&|t| {
            let (a, b) = (point(t, lower), point(t, upper));
            (0..3).map(|c| (b[c] - a[c]).powi(2)).sum::<f64>().sqrt()
        });
        let scale = TORSO / torso.max(SHORTEST);
        for t in present {
            for v in 0..sequence.joints {
                let at = sequence.joint(t, m, v).map(f64::from);
                let [x, y, z] = std::array::from_fn(|c| (at[c] - origin[c]) * scale);
                let placed = [cos * x + sin * z, y, cos * z - sin * x];
                sequence.set_joint(t, m, v, placed.map(|p| p as f32));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shoulders_end_up_along_x_from_any_side() {
        let layout = Layout::ntu25();
        for yaw in [-1.2f32, -0.3, 0.4, 1.3] {
            let mut body = Sequence::zeros(3, 1, 25);
            for t in 0..3 {
                body.set_joint(t, 0, 20, [1.0, 1.4, 3.0]);
                body.set_joint(t, 0, 4, [1.0 - 0.2 * yaw.cos(), 1.4, 3.0 - 0.2 * yaw.sin()]);
                body.set_joint(t, 0, 8, [1.0 + 0.2 * yaw.cos(), 1.4, 3.0 + 0.2 * yaw.sin()]);
            }
            centre_and_turn(&mut body, &layout);
            assert_eq!(body.joint(1, 0, 20), [0.0; 3]);
            let (left, right) = (body.joint(1, 0, 4), body.joint(1, 0, 8));
            // The 1e-4 in the formula leaves an angle of up to 0.02 rad.
            assert!(
                (right[0] - left[0] - 0.4).abs() < 1e-3,
                "{yaw}: {left:?} {right:?}"
            );
            assert!(
                (right[2] - left[2]).abs() < 0.02,
                "{yaw}: {left:?} {right:?}"
            );
        }
    }

    #[test]
    fn along_a_stream_a_frame_is_turned_as_the_last_of_its_window() {
        let layout = Layout::ntu25();
        let walk = walk(0.9, 1.0, [0.5, 1.0, 3.0]);
        let mut along = Sequence::zeros(9, 1, 25);
        for t in 0..9 {
            for v in 0..25 {
                // To and fro, so that the sign changes on the way.
                let [x, y, z] = walk.joint(t % 3, 0, v);
                let z = if t < 4 { z } else { 6.0 - z };
                along.set_joint(t, 0, v, [x, y, z]);
            }
        }
        let raw = along.clone();
        centre_and_turn_along(&mut along, &layout, 3);
        for t in 0..9usize {
            let first = t.saturating_sub(2);
            let mut window = Sequence::zeros(t + 1 - first, 1, 25);
            for i in first..=t {
                (0..25).for_each(|v| window.set_joint(i - first, 0, v, raw.joint(i, 0, v)));
            }
            centre_and_turn(&mut window, &layout);
            for v in 0..25 {
                assert_eq!(
                    along.joint(t, 0, v),
                    window.joint(t - first, 0, v),
                    "{t}, {v}"
                );
            }
        }
        let mut whole = raw;
        centre_and_turn(&mut whole, &layout);
        assert_ne!(whole, along, "the sign changed");
    }

    #[test]
    fn an_absent_body_stays_zero() {
        for preprocessing in Preprocessing::ALL {
            let name = if preprocessing == Preprocessing::Torso {
                "coco17"
            } else {
                "ntu25"
            };
            let layout = Layout::by_name(name).expect("known");
            assert!(preprocessing.suits(&layout));
            let mut nobody = Sequence::zeros(5, 2, layout.len());
            preprocessing.apply(&mut nobody, &layout);
            assert!(nobody.data.iter().all(|x| *x == 0.0));
        }
    }

    #[test]
    fn each_layout_has_its_own_usual_one() {
        for name in crate::layout::names() {
            let layout = Layout::by_name(name).expect("known");
            assert!(Preprocessing::usual(&layout).suits(&layout), "{name}");
        }
        assert!(!Preprocessing::Torso.suits(&Layout::ntu25()));
    }

    #[test]
    fn a_clip_whose_torso_runs_between_middles_is_placed_by_these() {
        let layout = Layout::by_name("mediapipe33").expect("known");
        let mut clip = Sequence::zeros(1, 1, layout.len());
        for (v, joint) in [
            (11, [-0.2, 0.5, 3.0]),
            (12, [0.2, 0.5, 3.0]),
            (23, [-0.1, 0.1, 3.0]),
            (24, [0.1, -0.1, 3.0]),
        ] {
            clip.set_joint(0, 0, v, joint);
        }
        place(&mut clip, &layout);
        // The torso is 0.5 m long already; its lower end was at (0, 0, 3).
        for (v, expected) in [(11, [-0.2f32, 0.5, 0.0]), (24, [0.1, -0.1, 0.0])] {
            for (a, b) in clip.joint(0, 0, v).iter().zip(expected) {
                assert!((a - b).abs() < 1e-6, "{v}: {a} and {b}");
            }
        }
    }

    /// A body of torso `size` that walks along its own right and turns a little, seen from `yaw`.
    fn walk(yaw: f32, size: f32, from: [f32; 3]) -> Sequence {
        let layout = Layout::ntu25();
        let mut walk = Sequence::zeros(4, 1, 25);
        for t in 0..3 {
            let step = t as f32;
            let bearing = 0.2 * (step - 1.0);
            for v in 0..25 {
                let (x, z) = match v {
                    _ if v == layout.turn.0 => (-0.4 * bearing.cos(), -0.4 * bearing.sin()),
                    _ if v == layout.turn.1 => (0.4 * bearing.cos(), 0.4 * bearing.sin()),
                    _ => (0.01 * v as f32, 0.02 * v as f32),
                };
                let y = if Point::Joint(v) == layout.torso.0 {
                    0.0
                } else {
                    1.0
                };
                let x = if Point::Joint(v) == layout.torso.1 {
                    0.0
                } else {
                    x
                };
                let z = if Point::Joint(v) == layout.torso.1 {
                    0.0
                } else {
                    z
                };
                let (x, z) = (size * (x + 0.3 * step), size * z);
                let turned = [
                    yaw.cos() * x - yaw.sin() * z,
                    size * y,
                    yaw.sin() * x + yaw.cos() * z,
                ];
                walk.set_joint(t, 0, v, std::array::from_fn(|c| turned[c] + from[c]));
            }
        }
        walk
    }

    #[test]
    fn a_clip_is_the_same_from_any_place_side_and_size_and_keeps_its_travel() {
        let layout = Layout::ntu25();
        let mut expected = walk(0.0, 1.0, [0.0; 3]);
        place(&mut expected, &layout);
        assert_eq!(
            expected.joint(3, 0, 0),
            [0.0; 3],
            "nobody is there in the last frame"
        );
        let at = |t| expected.joint(t, 0, layout.torso.0.joints()[0]);
        assert!(
            (at(2)[0] - at(0)[0] - 0.3).abs() < 1e-5,
            "0.6 m at half the size"
        );
        for (yaw, size, from) in [(0.7, 1.3, [2.0, 0.5, 3.0]), (-2.9, 0.6, [-1.0, 0.0, 4.0])] {
            let mut found = walk(yaw, size, from);
            place(&mut found, &layout);
            for (a, b) in found.data.iter().zip(&expected.data) {
                assert!((a - b).abs() < 1e-5, "{yaw}: {a} and {b}");
            }
        }
    }
}
