//! Recordings: one person repeats one action.

use super::action::Action;
use super::body::Joints;
use super::keyframes::{self, Key};
use super::pose::{LEFT, Pose, RIGHT};
use super::random::Random;
use super::sensor::{self, Camera};
use super::stance;
use super::subject::Subject;
use crate::sequence::Sequence;
use std::f64::consts::TAU;

/// One recording of `subject` repeating `action` before a camera, shape (T, 1, 25, 3), metres in
/// the camera's frame. `take` numbers recordings of the same kind; each has its own camera,
/// repetitions and noise.
///
/// A recording lasts `seconds` at `fps`, and begins anywhere within a repetition. An action that
/// can't be repeated ([`Action::is_one_way`]) is done once, and the recording is as long as that
/// takes, between two and five seconds; `seconds` is then not looked at.
pub fn recording(subject: &Subject, action: Action, take: u32, seconds: f64, fps: f64) -> Sequence {
    let mut track = clean(subject, action, take, seconds, fps);
    let mut random = subject.random(&format!("sensor/{}", action.name()), u64::from(take));
    Camera::somewhere(&mut random).view(&mut track);
    sensor::disturb(&mut track, fps, &mut random);
    sensor::sequence(&track)
}

/// What really happened in a [`recording`]: positions in the room, the floor at y = 0.
pub(super) fn clean(
    subject: &Subject,
    action: Action,
    take: u32,
    seconds: f64,
    fps: f64,
) -> Vec<Joints> {
    if action == Action::StandUp {
        // Backwards in time is the only difference.
        let mut track = clean(subject, Action::SitDown, take, seconds, fps);
        track.reverse();
        return track;
    }
    let mut random = subject.random(&format!("recording/{}", action.name()), u64::from(take));
    if action.is_one_way() {
        let keys = subject.perform(action, &mut random);
        let end = keys.last().map_or(0.0, |key| key.at);
        return track(subject, &keys, 0.0, frames(end, fps), fps, &mut random);
    }
    // The first repetition has begun some time before the recording.
    let mut keys = vec![Key {
        at: 0.0,
        pose: *subject.rest(),
    }];
    let mut start = 0.0;
    while keys.last().is_some_and(|key| key.at < start + seconds) {
        append(&mut keys, subject.perform(action, &mut random));
        let end = keys.last().map_or(0.0, |key| key.at);
        if start == 0.0 {
            start = random.within(0.02, 0.9) * end;
        }
        let pause = Key {
            at: end + random.within(0.1, 0.5),
            pose: *subject.rest(),
        };
        keys.push(pause);
    }
    track(
        subject,
        &keys,
        start,
        frames(seconds, fps),
        fps,
        &mut random,
    )
}

/// At least one frame, so that no recording is empty.
pub(super) fn frames(seconds: f64, fps: f64) -> usize {
    ((seconds * fps).round() as usize).max(1)
}

/// Puts a repetition behind what there is; its first key is where the last repetition ended.
pub(super) fn append(keys: &mut Vec<Key>, repetition: Vec<Key>) {
    let end = keys.last().map_or(0.0, |key| key.at);
    keys.extend(repetition.into_iter().skip(1).map(|key| Key {
        at: end + key.at,
        ..key
    }));
}

/// Samples key poses from `start` on, adds swaying, and puts the body on the floor.
pub(super) fn track(
    subject: &Subject,
    keys: &[Key],
    start: f64,
    frames: usize,
    fps: f64,
    random: &mut Random,
) -> Vec<Joints> {
    let instants = (0..frames).map(|i| start + (i as f64 + 0.5) / fps);
    let sway = Sway::new(random, subject.sway);
    let mut poses = keyframes::sample(keys, instants.clone());
    for (pose, t) in poses.iter_mut().zip(instants) {
        sway.add(pose, t);
    }
    stance::place(&subject.body, &poses, fps)
}

/// Nobody stands quite still: slow waves in trunk and arms.
struct Sway {
    /// Angular frequency and phase of two waves for each moving part.
    waves: [[(f64, f64); 2]; 10],
    size: f64,
}

impl Sway {
    fn new(random: &mut Random, size: f64) -> Self {
        let mut wave = |low, high| (TAU * random.within(low, high), random.within(0.0, TAU));
        let waves = std::array::from_fn(|_| [wave(0.1, 0.3), wave(0.3, 0.7)]);
        Self { waves, size }
    }

    fn add(&self, pose: &mut Pose, t: f64) {
        let at = |i: usize| {
            let [slow, quick] = self.waves[i].map(|(speed, phase)| (speed * t + phase).sin());
            self.size * (slow + 0.5 * quick)
        };
        pose.lean += at(0);
        pose.side += 0.7 * at(1);
        pose.turn += at(2);
        pose.nod += 1.5 * at(3);
        pose.look += 2.5 * at(4);
        pose.tilt += 0.5 * at(5);
        for (side, first) in [(RIGHT, 6), (LEFT, 8)] {
            pose.arms[side].forward += at(first);
            pose.arms[side].bend = (pose.arms[side].bend + 1.5 * at(first + 1)).max(0.0);
        }
    }
}
