//! What a depth camera makes of a body: its own frame, jitter, slips of tracking.

use super::body::{JOINTS, Joints};
use super::random::Random;
use super::space::{Rotation, Vector, add};
use crate::sequence::Sequence;

/// Where the camera stands, seen from the person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Camera {
    /// The person's turn to the left against facing the camera, radians.
    pub(super) yaw: f64,
    /// Downward look of the camera, radians.
    pub(super) pitch: f64,
    /// Home in the camera's frame before it is pitched, metres.
    pub(super) home: Vector,
}

impl Camera {
    /// A camera at 2–4 m, somewhere about the height of a table or a shelf.
    pub(super) fn somewhere(random: &mut Random) -> Self {
        Self {
            yaw: random.normal(14f64.to_radians()).clamp(-0.6, 0.6),
            pitch: random.normal(1.5f64.to_radians()).clamp(-0.06, 0.06),
            home: [
                random.within(-0.5, 0.5),
                -random.within(0.75, 1.3),
                random.within(2.4, 3.6),
            ],
        }
    }

    /// Positions in the camera's frame: x to its left, y up, z away from it.
    pub(super) fn view(&self, track: &mut [Joints]) {
        let (turned, pitched) = (Rotation::about_y(self.yaw), Rotation::about_x(self.pitch));
        for joint in track.iter_mut().flatten() {
            *joint = pitched.apply(add(turned.apply(*joint), self.home));
        }
    }
}

/// Standard deviation of a joint's jitter, metres, as a Kinect v2 has it: the ends of the limbs
/// are found worse than the trunk.
const JITTER: [f64; JOINTS] = {
    let mut jitter = [0.005; JOINTS];
    let ends: [(usize, f64); 16] = [
        (5, 0.008),
        (9, 0.008),
        (6, 0.010),
        (10, 0.010),
        (7, 0.012),
        (11, 0.012),
        (21, 0.017),
        (23, 0.017),
        (22, 0.017),
        (24, 0.017),
        (13, 0.008),
        (17, 0.008),
        (14, 0.010),
        (18, 0.010),
        (15, 0.012),
        (19, 0.012),
    ];
    let mut i = 0;
    while i < ends.len() {
        jitter[ends[i].0] = ends[i].1;
        i += 1;
    }
    jitter
};

/// The joints that go astray together.
const LIMBS: [&[usize]; 4] = [&[6, 7, 21, 22], &[10, 11, 23, 24], &[14, 15], &[18, 19]];

/// Slips a second, of each hand and of each foot.
const SLIPS: [f64; 4] = [0.07, 0.07, 0.03, 0.03];

/// Seconds over which jitter forgets.
const MEMORY: f64 = 0.12;

/// Adds what the camera gets wrong.
pub(super) fn disturb(track: &mut [Joints], fps: f64, random: &mut Random) {
    jitter(track, fps, random);
    slips(track, fps, random);
}

/// A first-order autoregressive process in each coordinate; depth is the worst.
fn jitter(track: &mut [Joints], fps: f64, random: &mut Random) {
    let quality = random.factor(0.25);
    let keep = (-1.0 / (fps * MEMORY)).exp();
    let fresh = (1.0 - keep * keep).sqrt();
    let mut state = [[0.0; 3]; JOINTS].map(|v: Vector| v.map(|_| random.normal(1.0)));
    for joints in track {
        for (v, joint) in joints.iter_mut().enumerate() {
            for (c, depth) in [1.0, 1.0, 1.4].into_iter().enumerate() {
                state[v][c] = keep * state[v][c] + random.normal(fresh);
                joint[c] += quality * depth * JITTER[v] * state[v][c];
            }
        }
    }
}

/// Now and then the tracker takes something else for a hand or a foot.
fn slips(track: &mut [Joints], fps: f64, random: &mut Random) {
    for (limb, rate) in LIMBS.iter().zip(SLIPS) {
        let mut start = 0.0;
        loop {
            // Waiting times between rare events are exponential.
            start -= (1.0 - random.within(0.0, 1.0)).ln() / rate;
            let length = random.within(0.1, 0.4);
            let astray = [0.0; 3].map(|_: f64| random.normal(0.07));
            let from = (start * fps) as usize;
            if from >= track.len() {
                break;
            }
            let to = (((start + length) * fps) as usize + 1).min(track.len());
            for (t, joints) in track[from..to].iter_mut().enumerate() {
                let share = (t as f64 + 0.5) / (fps * length + 1.0);
                let gone = (std::f64::consts::PI * share).sin().max(0.0);
                for &v in *limb {
                    joints[v] = add(joints[v], astray.map(|x| gone * x));
                }
            }
        }
    }
}

/// The track as one body, shape (T, 1, 25, 3), rounded to a tenth of a millimetre: finer digits
/// are not the sensor's, and differ between mathematical libraries.
pub(super) fn sequence(track: &[Joints]) -> Sequence {
    let mut sequence = Sequence::zeros(track.len(), 1, JOINTS);
    for (t, joints) in track.iter().enumerate() {
        for (v, joint) in joints.iter().enumerate() {
            let rounded = joint.map(|x| ((x * 1e4).round() / 1e4) as f32);
            sequence.set_joint(t, 0, v, rounded);
        }
    }
    sequence
}
