//! A session: one person does one action after the other before a running camera.

use super::action::Action;
use super::keyframes::Key;
use super::random::Random;
use super::recording::{append, frames, track};
use super::sensor::{self, Camera};
use super::subject::Subject;
use crate::sequence::Sequence;
use crate::truth::Segment;

/// Seconds that each action lasts at least and, but for the last repetition, at most.
const LASTS: (f64, f64) = (4.0, 6.5);

/// Seconds of standing between two actions.
const PAUSE: (f64, f64) = (0.4, 0.9);

/// One continuous recording of `subject` doing each of `actions` for four to eight seconds,
/// shape (T, 1, 25, 3), with what was done when. Seconds count from the start of the recording;
/// frame i stands at (i + ½)/`fps`.
///
/// Actions come in the given order; see [`shuffled`]. Between them joint angles are blended, so
/// the body moves on without a jump, and the time between belongs to no segment. Where sitting
/// down is directly followed by standing up, the two take turns; standing up on its own begins
/// after an unlabelled sitting down, and sitting down on its own ends with an unlabelled standing
/// up, as chairs have it.
pub fn session(
    subject: &Subject,
    actions: &[Action],
    take: u32,
    fps: f64,
) -> (Sequence, Vec<Segment>) {
    let mut random = subject.random("session", u64::from(take));
    let mut stage = Stage {
        subject,
        keys: vec![Key {
            at: 0.0,
            pose: *subject.rest(),
        }],
        segments: Vec::new(),
    };
    stage.pause(&mut random);
    let mut next = 0;
    while let Some(&action) = actions.get(next) {
        next += 1;
        if action.is_one_way() {
            let pair = [Action::SitDown, Action::StandUp];
            let both = actions
                .get(next)
                .is_some_and(|a| a.is_one_way() && *a != action);
            next += usize::from(both);
            for _ in 0..2 {
                for way in pair {
                    stage.act(way, both || way == action, &mut random);
                }
            }
        } else {
            stage.repeat(action, &mut random);
        }
        stage.pause(&mut random);
    }
    let Stage { keys, segments, .. } = stage;
    let end = keys.last().map_or(0.0, |key| key.at);
    let mut joints = track(subject, &keys, 0.0, frames(end, fps), fps, &mut random);
    let mut random = subject.random("sensor/session", u64::from(take));
    Camera::somewhere(&mut random).view(&mut joints);
    sensor::disturb(&mut joints, fps, &mut random);
    (sensor::sequence(&joints), segments)
}

/// `actions` in the random order of `take`, with sitting down before standing up.
pub fn shuffled(subject: &Subject, actions: &[Action], take: u32) -> Vec<Action> {
    let mut order: Vec<Action> = actions
        .iter()
        .copied()
        .filter(|action| *action != Action::StandUp)
        .collect();
    subject.random("order", u64::from(take)).shuffle(&mut order);
    if actions.contains(&Action::StandUp) {
        let sitting = order.iter().position(|a| *a == Action::SitDown);
        let place = sitting.map_or(order.len(), |i| i + 1);
        order.insert(place, Action::StandUp);
    }
    order
}

/// A session as it grows.
struct Stage<'a> {
    subject: &'a Subject,
    keys: Vec<Key>,
    segments: Vec<Segment>,
}

impl Stage<'_> {
    fn now(&self) -> f64 {
        self.keys.last().map_or(0.0, |key| key.at)
    }

    /// Stands about.
    fn pause(&mut self, random: &mut Random) {
        let at = self.now() + random.within(PAUSE.0, PAUSE.1);
        let pose = *self.subject.rest();
        self.keys.push(Key { at, pose });
    }

    /// Repeats an action until it has lasted long enough; that is one segment.
    fn repeat(&mut self, action: Action, random: &mut Random) {
        let start = self.now();
        let long_enough = start + random.within(LASTS.0, LASTS.1);
        loop {
            append(&mut self.keys, self.subject.perform(action, random));
            let length = (self.now() - start).max(1e-9);
            // Stops when one more would go too far beyond.
            if self.now() >= long_enough || length > LASTS.0 && self.now() + 1.0 >= long_enough {
                break;
            }
            let at = self.now() + random.within(0.1, 0.4);
            let pose = *self.subject.rest();
            self.keys.push(Key { at, pose });
        }
        self.segment(start, action);
    }

    /// Does an action once; a segment if it is to have a label.
    fn act(&mut self, action: Action, labelled: bool, random: &mut Random) {
        let start = self.now();
        append(&mut self.keys, self.subject.perform(action, random));
        if labelled {
            self.segment(start, action);
        }
    }

    fn segment(&mut self, start: f64, action: Action) {
        let round = |t: f64| (t * 1000.0).round() / 1000.0;
        self.segments.push(Segment {
            start: round(start),
            end: round(self.now()),
            action: action.name().into(),
        });
    }
}
