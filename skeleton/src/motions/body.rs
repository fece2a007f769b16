//! The 25-joint body: lengths of its bones, and forward kinematics.
//!
//! Body frame: x to the body's right, y up, z to its back, metres, the pelvis at the origin. That
//! is the camera's frame of ntu25 for somebody who faces the camera.

use super::pose::{LEFT, Limb, Pose, RIGHT};
use super::space::{self, Rotation, Vector, add, scale, sub};

/// Joints of ntu25.
pub(super) const JOINTS: usize = 25;

/// Positions of all joints.
pub(super) type Joints = [Vector; JOINTS];

/// First joints of the chains: shoulder, elbow, wrist, hand; hip, knee, ankle, foot.
const ARM: [usize; 2] = [8, 4];
const LEG: [usize; 2] = [16, 12];
/// Hand tip and thumb.
const FINGERS: [usize; 2] = [23, 21];

/// Lengths in metres. Shares of the stature follow common anthropometric tables, with the trunk's
/// joints where a Kinect v2 sees them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Body {
    /// From the floor to the top of the head.
    pub(super) stature: f64,
    spine: [f64; 4],
    shoulder: f64,
    upper_arm: f64,
    forearm: f64,
    palm: f64,
    hip: f64,
    thigh: f64,
    shank: f64,
    /// Height of the ankle above the sole.
    ankle: f64,
    foot: f64,
}

/// What varies between bodies of one stature; 1 is the mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proportions {
    pub(super) arms: f64,
    pub(super) legs: f64,
    pub(super) shoulders: f64,
    pub(super) hips: f64,
}

/// Height of the toes' joint above the sole, in statures.
const TOES: f64 = 0.012;

impl Body {
    pub(super) fn new(stature: f64, of: Proportions) -> Self {
        let legs = of.legs;
        // Longer legs take their share from the trunk.
        let trunk = 1.0 - 0.48 / 0.3 * (legs - 1.0);
        Self {
            stature,
            spine: [0.17 * trunk, 0.125 * trunk, 0.032, 0.078].map(|share| share * stature),
            shoulder: 0.103 * of.shoulders * stature,
            upper_arm: 0.168 * of.arms * stature,
            forearm: 0.148 * of.arms * stature,
            palm: 0.047 * of.arms * stature,
            hip: 0.048 * of.hips * stature,
            thigh: 0.24 * legs * stature,
            shank: 0.24 * legs * stature,
            ankle: 0.045 * stature,
            foot: 0.075 * stature,
        }
    }

    /// Arm's length, shoulder to hand.
    fn arm(&self) -> f64 {
        self.upper_arm + self.forearm + self.palm
    }

    /// The arm whose hand is at `target` (out, up, forward from the shoulder, in arm's lengths),
    /// the elbow swung outward by `swivel` radians from below. A target out of reach is approached
    /// as far as the arm goes.
    pub(super) fn reach(&self, target: Vector, swivel: f64) -> Limb {
        let [out, up, forward] = scale(target, self.arm());
        let target = [out, up, -forward];
        let (upper, lower) = (self.upper_arm, self.forearm + self.palm);
        let distance = space::length(target).clamp(0.35 * self.arm(), 0.998 * self.arm());
        let along = scale(target, 1.0 / space::length(target).max(1e-9));
        let target = scale(along, distance);
        let cos_bend = (distance.powi(2) - upper.powi(2) - lower.powi(2)) / (2.0 * upper * lower);
        let bend = cos_bend.clamp(-1.0, 1.0).acos();
        // The elbow lies on a circle about the line to the target.
        let share = (upper.powi(2) + distance.powi(2) - lower.powi(2)) / (2.0 * distance);
        let radius = (upper.powi(2) - share.powi(2)).max(0.0).sqrt();
        let across = |v: Vector| {
            let v = sub(v, scale(along, space::dot(v, along)));
            scale(v, 1.0 / space::length(v).max(1e-9))
        };
        // Below and a little behind: a line to the target that is itself vertical has no below.
        let below = across([0.0, -1.0, 0.3]);
        let outward = space::cross(below, along);
        let elbow_side = add(scale(below, swivel.cos()), scale(outward, swivel.sin()));
        let elbow = add(scale(along, share), scale(elbow_side, radius));
        let raised = (-elbow[1] / upper).clamp(-1.0, 1.0).acos();
        let level = elbow[0].hypot(elbow[2]).max(1e-9);
        let mut limb = Limb {
            forward: -raised * elbow[2] / level,
            out: raised * elbow[0] / level,
            bend,
            ..Limb::default()
        };
        let hand = swing(&limb, RIGHT).inverse().apply(sub(target, elbow));
        limb.twist = hand[0].atan2(-hand[2]);
        limb
    }

    /// Forward kinematics: all joints of a pose, the pelvis at the origin, `heading` and `lift`
    /// left out.
    pub(super) fn joints(&self, pose: &Pose) -> Joints {
        let mut at = [[0.0; 3]; JOINTS];
        let bent = |share: f64| {
            Rotation::about_y(share * pose.turn)
                * Rotation::about_z(-share * pose.side)
                * Rotation::about_x(-share * pose.lean)
        };
        let [lower, chest] = [bent(0.7), bent(1.0)];
        let head = chest * Rotation::about_y(pose.look) * Rotation::about_x(-pose.nod);
        let up = |length: f64| [0.0, length, 0.0];
        at[1] = lower.apply(up(self.spine[0]));
        at[20] = add(at[1], chest.apply(up(self.spine[1])));
        at[2] = add(at[20], chest.apply(up(self.spine[2])));
        at[3] = add(
            at[2],
            head.apply([0.0, self.spine[3], -0.015 * self.stature]),
        );
        for side in [RIGHT, LEFT] {
            self.arm_joints(&mut at, &pose.arms[side], side, chest);
            self.leg_joints(&mut at, &pose.legs[side], side, pose.tilt);
        }
        at
    }

    fn arm_joints(&self, at: &mut Joints, limb: &Limb, side: usize, chest: Rotation) {
        let [shoulder, tip] = [ARM[side], FINGERS[side]];
        let s = sign(side);
        at[shoulder] = add(
            at[20],
            chest.apply([s * self.shoulder, -0.015 * self.stature, 0.0]),
        );
        let upper = chest * swing(limb, side);
        let fore = upper * Rotation::about_x(limb.bend);
        let hand = fore * Rotation::about_x(limb.end);
        let down = |length: f64| [0.0, -length, 0.0];
        at[shoulder + 1] = add(at[shoulder], upper.apply(down(self.upper_arm)));
        at[shoulder + 2] = add(at[shoulder + 1], fore.apply(down(self.forearm)));
        at[shoulder + 3] = add(at[shoulder + 2], hand.apply(down(self.palm)));
        at[tip] = add(at[shoulder + 3], hand.apply(down(0.9 * self.palm)));
        let thumb = [-0.3 * s * self.palm, -0.3 * self.palm, -0.6 * self.palm];
        at[tip + 1] = add(at[shoulder + 3], hand.apply(thumb));
    }

    fn leg_joints(&self, at: &mut Joints, limb: &Limb, side: usize, tilt: f64) {
        let hip = LEG[side];
        let pelvis = Rotation::about_z(tilt);
        at[hip] = pelvis.apply([sign(side) * self.hip, -0.015 * self.stature, 0.0]);
        let thigh = swing(limb, side);
        let shank = thigh * Rotation::about_x(-limb.bend);
        let down = |length: f64| [0.0, -length, 0.0];
        at[hip + 1] = add(at[hip], thigh.apply(down(self.thigh)));
        at[hip + 2] = add(at[hip + 1], shank.apply(down(self.shank)));
        // The ankle holds the sole at its own angle to the floor, whatever the leg does above it.
        let sole = Rotation::about_y(-sign(side) * limb.twist) * Rotation::about_x(limb.end);
        let drop = TOES * self.stature - self.ankle;
        at[hip + 3] = add(at[hip + 2], sole.apply([0.0, drop, -self.foot]));
    }

    /// How high the sole of one foot is, in the frame of `at`: the lower of heel and toes.
    pub(super) fn sole(&self, at: &Joints, side: usize) -> f64 {
        let [ankle, foot] = [at[LEG[side] + 2], at[LEG[side] + 3]];
        (ankle[1] - self.ankle).min(foot[1] - TOES * self.stature)
    }
}

/// Joint of the ankle.
pub(super) fn ankle(side: usize) -> usize {
    LEG[side] + 2
}

/// +1 for the right side, −1 for the left.
fn sign(side: usize) -> f64 {
    if side == RIGHT { 1.0 } else { -1.0 }
}

/// From hanging straight down to where the upper part of a limb points.
fn swing(limb: &Limb, side: usize) -> Rotation {
    let s = sign(side);
    Rotation::by_vector([limb.forward, 0.0, s * limb.out]) * Rotation::about_y(-s * limb.twist)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean() -> Body {
        let of = Proportions {
            arms: 1.0,
            legs: 1.0,
            shoulders: 1.0,
            hips: 1.0,
        };
        Body::new(1.75, of)
    }

    #[test]
    fn a_standing_body_is_as_tall_as_it_should_be() {
        let body = mean();
        let at = body.joints(&Pose::default());
        let floor = body.sole(&at, RIGHT);
        assert!((floor - body.sole(&at, LEFT)).abs() < 1e-12);
        let head = at[3][1] - floor;
        assert!((1.55..1.72).contains(&head), "centre of the head at {head}");
        assert!(at[8][0] > 0.1 && at[4][0] < -0.1, "right is +x");
        assert!(at[19][2] < at[18][2], "toes point to the front, −z");
    }

    #[test]
    fn a_hand_gets_where_it_reaches() {
        let body = mean();
        for target in [
            [0.3, 0.6, 0.2],
            [-0.25, -0.1, 0.6],
            [-0.2, 0.3, 0.3],
            [0.2, -0.9, 0.1],
            [0.5, 0.3, -0.3],
        ] {
            for swivel in [0.0, 0.5, 1.2] {
                let pose = Pose {
                    arms: [body.reach(target, swivel); 2],
                    ..Pose::default()
                };
                let at = body.joints(&pose);
                for (side, shoulder) in ARM.into_iter().enumerate() {
                    let hand = scale(sub(at[shoulder + 3], at[shoulder]), 1.0 / body.arm());
                    let hand = [sign(side) * hand[0], hand[1], -hand[2]];
                    let miss = space::length(sub(hand, target));
                    assert!(miss < 1e-9, "{target:?}, {swivel}: {hand:?}");
                }
            }
        }
    }

    #[test]
    fn a_mirrored_pose_is_a_mirror_image() {
        let body = mean();
        let mut pose = Pose {
            lean: 0.3,
            side: 0.2,
            turn: -0.4,
            look: 0.3,
            tilt: 0.1,
            ..Pose::default()
        };
        pose.arms[RIGHT] = body.reach([0.3, 0.5, 0.3], 0.4);
        pose.legs[LEFT].forward = 0.7;
        pose.legs[LEFT].twist = 0.2;
        let (at, mirrored) = (body.joints(&pose), body.joints(&pose.mirrored()));
        for (v, other) in crate::Layout::ntu25().mirror().into_iter().enumerate() {
            let [x, y, z] = mirrored[other];
            assert!(space::length(sub(at[v], [-x, y, z])) < 1e-9, "joint {v}");
        }
    }
}
