//! People: what stays the same from one recording of somebody to the next.

use super::action::{self, Action};
use super::body::{Body, Proportions};
use super::keyframes::Key;
use super::pose::{CHANNELS, LEFT, Limb, Pose, RIGHT};
use super::random::Random;

/// One synthetic person: a body, a posture, a temper. Made from a seed and a number alone.
#[derive(Debug, Clone)]
pub struct Subject {
    seed: u64,
    id: u32,
    pub(super) body: Body,
    rest: Pose,
    /// Duration of everything, 1 is moderate.
    tempo: f64,
    /// Size of every movement, 1 is moderate.
    amplitude: f64,
    left_handed: bool,
    /// How far own habits and chance bend the key poses, radians.
    habit: f64,
    /// Size of the swaying of somebody who stands still, radians.
    pub(super) sway: f64,
}

/// Share of repetitions done with the hand that isn't the usual one.
const OTHER_HAND: f64 = 0.08;

impl Subject {
    /// The person number `id` of those that `seed` brings forth.
    pub fn new(seed: u64, id: u32) -> Self {
        let mut random = Random::new(seed, "subject", u64::from(id), 0);
        let stature = 1.72 + random.normal(0.09).clamp(-0.2, 0.2);
        let proportions = Proportions {
            arms: random.factor(0.035),
            legs: random.factor(0.025),
            shoulders: random.factor(0.07),
            hips: random.factor(0.1),
        };
        let left_handed = random.chance(0.25);
        let rest = resting(&mut random);
        Self {
            seed,
            id,
            body: Body::new(stature, proportions),
            rest,
            tempo: random.factor(0.17),
            amplitude: random.factor(0.13),
            left_handed,
            habit: random.within(0.05, 0.12),
            sway: random.within(0.008, 0.022),
        }
    }

    /// The number that the person was made from.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Metres from the floor to the top of the head.
    pub fn stature(&self) -> f64 {
        self.body.stature
    }

    /// The pose between actions.
    pub(super) fn rest(&self) -> &Pose {
        &self.rest
    }

    /// A stream of random numbers for one recording of this person.
    pub(super) fn random(&self, name: &str, number: u64) -> Random {
        Random::new(self.seed, name, u64::from(self.id), number)
    }

    /// One repetition of an action as this person does it, from 0 seconds on.
    pub(super) fn perform(&self, action: Action, random: &mut Random) -> Vec<Key> {
        // Sitting down and standing up are one movement, habits and all.
        let (name, backwards) = match action {
            Action::StandUp => (Action::SitDown.name(), true),
            other => (other.name(), false),
        };
        let mut keys = action::keys(action, &self.body, &self.rest, random);
        let stretch = (self.amplitude * random.factor(0.06)).powf(action.freedom());
        let habits = Habits::new(&mut self.random(name, u64::MAX), self.habit);
        let whims = Habits::new(random, 0.4 * self.habit);
        for key in &mut keys {
            key.pose = self.rest.combine(&key.pose, |r, k| r + (k - r) * stretch);
            key.pose = whims.bend(&self.rest, &habits.bend(&self.rest, &key.pose));
        }
        let pace = self.tempo * random.factor(0.08);
        let mut at = 0.0;
        for i in 1..keys.len() {
            let step = keys[i].at - at;
            at = keys[i].at;
            // Flight is gravity's, not the jumper's.
            let flying = keys[i].pose.lift > 0.0 || keys[i - 1].pose.lift > 0.0;
            let step = match flying {
                true => step * stretch.sqrt(),
                false => step * pace * random.factor(0.07),
            };
            keys[i].at = keys[i - 1].at + step;
        }
        if self.left_handed != random.chance(OTHER_HAND) {
            for key in &mut keys {
                // Posture stays; only what the action adds changes sides.
                let added = key.pose.combine(&self.rest, |k, r| k - r).mirrored();
                key.pose = self.rest.combine(&added, |r, a| r + a);
            }
        }
        if backwards {
            let end = keys.last().map_or(0.0, |key| key.at);
            keys.reverse();
            keys.iter_mut().for_each(|key| key.at = end - key.at);
        }
        keys
    }
}

/// Somebody's way of standing.
fn resting(random: &mut Random) -> Pose {
    let degrees = |random: &mut Random, mean: f64, sigma: f64| {
        (mean + random.normal(sigma).clamp(-2.0 * sigma, 2.0 * sigma)).to_radians()
    };
    let mut arm = || Limb {
        forward: degrees(random, 3.0, 4.0),
        out: degrees(random, 9.0, 3.0),
        twist: degrees(random, 0.0, 10.0),
        bend: degrees(random, 16.0, 6.0),
        end: degrees(random, 5.0, 4.0),
    };
    let arms = [arm(), arm()];
    let apart = degrees(random, 4.0, 1.5);
    let turned = degrees(random, 9.0, 4.0);
    let leg = Limb {
        forward: 0.0,
        out: apart,
        twist: turned,
        bend: degrees(random, 3.0, 1.0).max(0.0),
        end: 0.0,
    };
    Pose {
        lean: degrees(random, 2.0, 2.5),
        side: degrees(random, 0.0, 1.0),
        turn: degrees(random, 0.0, 2.0),
        nod: degrees(random, 4.0, 4.0),
        arms,
        legs: [leg; 2],
        ..Pose::default()
    }
}

/// Small departures from the key poses, the larger the further a pose is from rest.
struct Habits([f64; CHANNELS]);

impl Habits {
    fn new(random: &mut Random, sigma: f64) -> Self {
        let mut offset = Pose {
            lean: random.normal(0.5 * sigma),
            side: random.normal(0.4 * sigma),
            turn: random.normal(0.5 * sigma),
            nod: random.normal(0.5 * sigma),
            look: random.normal(0.6 * sigma),
            ..Pose::default()
        };
        for side in [RIGHT, LEFT] {
            offset.arms[side] = Limb {
                forward: random.normal(sigma),
                out: random.normal(sigma),
                twist: random.normal(sigma),
                bend: random.normal(sigma),
                end: random.normal(1.5 * sigma),
            };
            offset.legs[side] = Limb {
                forward: random.normal(0.3 * sigma),
                out: random.normal(0.2 * sigma),
                twist: random.normal(0.3 * sigma),
                bend: random.normal(0.3 * sigma),
                end: 0.0,
            };
        }
        Self(offset.channels())
    }

    fn bend(&self, rest: &Pose, pose: &Pose) -> Pose {
        let (from, to) = (rest.channels(), pose.channels());
        let offset = Pose::from_channels(std::array::from_fn(|c| {
            // Half a radian away from rest a habit shows in full; a limb at rest has none.
            self.0[c] * limb_distance(&from, &to, c).min(0.5) / 0.5
        }));
        let mut bent = pose.combine(&offset, |p, o| p + o);
        // A knee or an elbow doesn't bend the other way.
        for limb in bent.arms.iter_mut().chain(&mut bent.legs) {
            limb.bend = limb.bend.max(0.0);
        }
        bent
    }
}

/// How far the limb (or the trunk) that channel `c` belongs to is from rest, radians.
fn limb_distance(rest: &[f64; CHANNELS], pose: &[f64; CHANNELS], c: usize) -> f64 {
    const TRUNK: usize = 6;
    const LIMBS: usize = 8;
    let part = match c {
        0..TRUNK => 0..TRUNK,
        TRUNK..LIMBS => c..c,
        _ => {
            let first = LIMBS + (c - LIMBS) / 5 * 5;
            first..first + 5
        }
    };
    part.map(|i| (pose[i] - rest[i]).powi(2))
        .sum::<f64>()
        .sqrt()
}
