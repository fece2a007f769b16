//! Normalising: each frame and body centred on a joint and turned to face the camera.
//!
//! The exported graph does the same inside, so training and serving can't differ; this is the
//! trainer's side of it and the reference that the graph is tested against.

use crate::layout::Layout;
use crate::sequence::Sequence;

/// Version of the preprocessing, as the model card names it: centre, resize, turn about y.
pub const VERSION: &str = "aimclr-1";

/// Keeps the angle defined where both joints of the turn coincide; the released code's value.
pub const EPSILON: f64 = 1e-4;

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
        turn(sequence, m, layout.turn);
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

fn turn(sequence: &mut Sequence, m: usize, (left, right): (usize, usize)) {
    let across = |sequence: &Sequence, t: usize| {
        let (a, b) = (sequence.joint(t, m, left), sequence.joint(t, m, right));
        (
            f64::from(b[0]) - f64::from(a[0]),
            f64::from(b[2]) - f64::from(a[2]),
        )
    };
    let depth: f64 = (0..sequence.frames).map(|t| across(sequence, t).1).sum();
    let sign = if depth >= 0.0 { -1.0 } else { 1.0 };
    for t in 0..sequence.frames {
        let (vx, vz) = across(sequence, t);
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
    fn an_absent_body_stays_zero() {
        let mut nobody = Sequence::zeros(5, 2, 25);
        centre_and_turn(&mut nobody, &Layout::ntu25());
        assert!(nobody.data.iter().all(|x| *x == 0.0));
    }
}
