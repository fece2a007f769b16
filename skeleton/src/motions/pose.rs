//! A body's pose as joint angles, in radians.

use std::array;

/// Number of angles (and one height) in a [`Pose`].
pub(super) const CHANNELS: usize = 28;

/// Index of the right arm and leg in a [`Pose`].
pub(super) const RIGHT: usize = 0;

/// Index of the left arm and leg in a [`Pose`].
pub(super) const LEFT: usize = 1;

/// An arm or a leg: where its upper part points, how it is turned, how far it is bent. Everything
/// is seen from the limb's own side, so that the same numbers on the other side are the mirror
/// image. (`forward`, `out`) is a rotation vector away from hanging straight down, which has no
/// singular point short of straight up, so poses can be blended number by number.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Limb {
    /// Raised to the front.
    pub(super) forward: f64,
    /// Raised to its own side.
    pub(super) out: f64,
    /// Turned outward about the upper part's length.
    pub(super) twist: f64,
    /// Elbow (to the front) or knee (to the back); 0 is straight.
    pub(super) bend: f64,
    /// Arm: the wrist, bent the elbow's way. Leg: the toes, raised above the floor's plane.
    pub(super) end: f64,
}

/// Joint angles of a whole body. Legs, arms and trunk are seen from the body's heading.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Pose {
    /// Trunk bent forward.
    pub(super) lean: f64,
    /// Trunk bent to the right.
    pub(super) side: f64,
    /// Shoulders turned to the left against the hips.
    pub(super) turn: f64,
    /// Head bent forward.
    pub(super) nod: f64,
    /// Head turned to the left.
    pub(super) look: f64,
    /// Right side of the pelvis raised.
    pub(super) tilt: f64,
    /// Whole body turned to the left.
    pub(super) heading: f64,
    /// Height of the lower foot above the floor, in statures: a jump's flight.
    pub(super) lift: f64,
    /// Right, left.
    pub(super) arms: [Limb; 2],
    /// Right, left.
    pub(super) legs: [Limb; 2],
}

impl Pose {
    /// All numbers in a fixed order.
    pub(super) fn channels(&self) -> [f64; CHANNELS] {
        let trunk = [
            self.lean,
            self.side,
            self.turn,
            self.nod,
            self.look,
            self.tilt,
            self.heading,
            self.lift,
        ];
        let limb = |l: &Limb| [l.forward, l.out, l.twist, l.bend, l.end];
        let limbs = self.arms.iter().chain(&self.legs).flat_map(limb);
        let mut all = trunk.into_iter().chain(limbs);
        array::from_fn(|_| all.next().unwrap_or_default())
    }

    /// The pose that has these [`channels`](Self::channels).
    pub(super) fn from_channels(c: [f64; CHANNELS]) -> Self {
        let limb = |at: usize| Limb {
            forward: c[at],
            out: c[at + 1],
            twist: c[at + 2],
            bend: c[at + 3],
            end: c[at + 4],
        };
        Self {
            lean: c[0],
            side: c[1],
            turn: c[2],
            nod: c[3],
            look: c[4],
            tilt: c[5],
            heading: c[6],
            lift: c[7],
            arms: [limb(8), limb(13)],
            legs: [limb(18), limb(23)],
        }
    }

    /// Channel by channel.
    pub(super) fn combine(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        let (a, b) = (self.channels(), other.channels());
        Self::from_channels(array::from_fn(|i| f(a[i], b[i])))
    }

    /// Left and right exchanged.
    pub(super) fn mirrored(&self) -> Self {
        Self {
            side: -self.side,
            turn: -self.turn,
            look: -self.look,
            tilt: -self.tilt,
            heading: -self.heading,
            arms: [self.arms[LEFT], self.arms[RIGHT]],
            legs: [self.legs[LEFT], self.legs[RIGHT]],
            ..*self
        }
    }
}
