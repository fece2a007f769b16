//! One person along a stream, for models of the continual form: samples as they come, resampled to
//! the model's rate, a step's frames at a time, and what the model remembers.

use aimclr_engine::State;
use aimclr_model::Card;
use aimclr_model::Plan;
use aimclr_model::continual::{STEP, unsettled};
use aimclr_skeleton::Layout;
use aimclr_skeleton::window::Sample;
use std::collections::VecDeque;

/// Most steps that wait to be taken: more than the longest gap that a track bridges takes.
const MOST_STEPS: usize = 64;

/// One person along a stream.
#[derive(Debug)]
pub struct Walk {
    /// What the model remembers.
    pub state: State,
    /// Seconds from frame to frame of the model.
    interval: f64,
    /// Where each joint was seen last.
    before: Option<(f64, Vec<Option<[f32; 3]>>)>,
    /// Time of the model's next frame.
    next: f64,
    /// Frames that were not shown to the model yet, V joints each.
    frames: VecDeque<Vec<[f32; 3]>>,
    /// Steps taken.
    taken: usize,
    /// Steps after which an answer is about nothing but what was seen.
    settled: usize,
}

impl Walk {
    /// Somebody who has just come, before a model with this card; `state` is what its engine starts
    /// with.
    pub fn new(card: &Card, state: State) -> Self {
        Self {
            state,
            interval: card.window / card.frames as f64,
            before: None,
            next: 0.0,
            frames: VecDeque::new(),
            taken: 0,
            settled: unsettled(&Plan::paper(card.layout.len()), card.frames),
        }
    }

    /// Takes the next sample, which is later than those before. Between two samples joints are linear
    /// in time; one that is missing stays where it was seen last, for nobody knows yet where it will
    /// be, and one that was never seen is at the layout's centre. In a 2D layout a missing joint is
    /// (0, 0, 0), as in training.
    pub fn push(&mut self, sample: &Sample, layout: &Layout) {
        let Some((before, known)) = &mut self.before else {
            self.next = sample.t;
            let frame = placed(&sample.joints, layout);
            self.frames.push_back(frame);
            self.next += self.interval;
            self.before = Some((sample.t, sample.joints.clone()));
            return;
        };
        // Samples that come denser than a buffer takes them are the same one.
        if sample.t <= *before {
            return;
        }
        let now: Vec<Option<[f32; 3]>> = match layout.is_2d() {
            true => sample.joints.clone(),
            false => {
                let pairs = sample.joints.iter().zip(&*known);
                pairs.map(|(now, before)| now.or(*before)).collect()
            }
        };
        let (from, to) = (placed(known, layout), placed(&now, layout));
        let length = sample.t - *before;
        while self.next <= sample.t && self.frames.len() < MOST_STEPS * STEP {
            let share = ((self.next - *before) / length) as f32;
            let mixed = |(a, b): (&[f32; 3], &[f32; 3])| {
                std::array::from_fn(|c| a[c] + share * (b[c] - a[c]))
            };
            self.frames
                .push_back(from.iter().zip(&to).map(mixed).collect());
            self.next += self.interval;
        }
        // After a jump that filled the queue the stream goes on from here.
        self.next = self.next.max(sample.t - self.interval);
        self.before = Some((sample.t, now));
    }

    /// The next step's frames, shape (4, V, 3), if they are there.
    pub fn step(&mut self) -> Option<Vec<f32>> {
        if self.frames.len() < STEP {
            return None;
        }
        self.taken += 1;
        let frames = self.frames.drain(..STEP).flatten();
        Some(frames.flatten().collect())
    }

    /// Whether the answer to the step that was taken last is about what was seen, and not about a
    /// time before it.
    pub fn is_settled(&self) -> bool {
        self.taken > self.settled
    }
}

/// Every joint somewhere.
fn placed(joints: &[Option<[f32; 3]>], layout: &Layout) -> Vec<[f32; 3]> {
    let elsewhere = match layout.is_2d() {
        true => None,
        false => joints.get(layout.centre).copied().flatten(),
    };
    let place = |joint: &Option<[f32; 3]>| joint.or(elsewhere).unwrap_or_default();
    joints.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::tests::layout;
    use crate::pipeline::tests::card;

    /// Frames at 12.5 a second.
    fn walk() -> Walk {
        let card = Card {
            window: 4.0,
            ..card()
        };
        Walk::new(&card, State::default())
    }

    fn sample(t: f64, x: Option<f32>) -> Sample {
        Sample {
            t,
            joints: vec![x.map(|x| [x, 2.0 * x, 1.0])],
        }
    }

    /// The joint's x in every frame of the steps that are there.
    fn taken(walk: &mut Walk) -> Vec<f32> {
        let steps = std::iter::from_fn(|| walk.step());
        steps.flat_map(|step| step.into_iter().step_by(3)).collect()
    }

    #[test]
    fn frames_lie_at_the_models_rate_whatever_the_streams() {
        for fps in [10.0, 15.0, 30.0, 60.0] {
            let mut walk = walk();
            // x is the time, so that it can be read off.
            for i in 0..(8.0 * fps) as usize {
                let t = 100.0 + i as f64 / fps;
                walk.push(&sample(t, Some(i as f32 / fps as f32)), &layout());
            }
            let found = taken(&mut walk);
            assert!((96..=100).contains(&found.len()), "{fps}: {}", found.len());
            for (i, x) in found.iter().enumerate() {
                assert!((x - i as f32 * 0.08).abs() < 1e-3, "{fps}: frame {i}: {x}");
            }
        }
    }

    #[test]
    fn a_joint_that_is_lost_stays_and_a_gap_is_crossed() {
        let mut walk = walk();
        for (i, x) in [Some(1.0), None, None, Some(4.0)].into_iter().enumerate() {
            walk.push(&sample(i as f64 * 0.08, x), &layout());
        }
        assert_eq!(taken(&mut walk), [1.0, 1.0, 1.0, 4.0]);
        // Four frames missed: from 4 to 8.
        walk.push(&sample(7.0 * 0.08 + 1e-9, Some(8.0)), &layout());
        let found = taken(&mut walk);
        for (found, expected) in found.iter().zip([5.0, 6.0, 7.0, 8.0]) {
            assert!((found - expected).abs() < 1e-3, "{found}");
        }
    }

    #[test]
    fn a_jump_in_time_fills_no_memory_and_the_stream_goes_on() {
        let mut walk = walk();
        walk.push(&sample(0.0, Some(0.0)), &layout());
        walk.push(&sample(1e6, Some(1.0)), &layout());
        assert!(walk.frames.len() <= MOST_STEPS * STEP);
        taken(&mut walk);
        for i in 1..100 {
            walk.push(&sample(1e6 + f64::from(i) * 0.08, Some(5.0)), &layout());
        }
        let found = taken(&mut walk);
        assert!((96..=104).contains(&found.len()), "{}", found.len());
        assert_eq!(found.last(), Some(&5.0));
    }

    #[test]
    fn the_first_answers_are_about_a_time_before() {
        let mut walk = walk();
        for i in 0..=40 * 4 {
            walk.push(&sample(f64::from(i) * 0.08, Some(0.0)), &layout());
        }
        let settled: Vec<bool> =
            std::iter::from_fn(|| walk.step().map(|_| walk.is_settled())).collect();
        // docs/model.md: 31 steps where T is 50.
        assert_eq!(settled.iter().filter(|settled| !**settled).count(), 31);
        assert!(settled[31..].iter().all(|settled| *settled));
    }
}
