//! Whole clips: what is done in a recording that holds one action.

use crate::buffer::interval;
use crate::clock::Clock;
use crate::decide::best;
use crate::fault::Fault;
use crate::gate::Gate;
use crate::look::LARGEST_BATCH;
use crate::track::Tracker;
use aimclr_engine::{Engine, EngineError, Output, Windows};
use aimclr_model::Card;
use aimclr_skeleton::sequence::CHANNELS;
use aimclr_skeleton::window::{Cut, Sample, resample};
use aimclr_skeleton::{Frame, Layout, SequenceRef, resize};
use std::collections::BTreeMap;

/// How many classes a [`Verdict`] names.
pub const TOP: usize = 5;

/// Most samples that a clip may hold, all people together: ten people for an hour at 30 fps.
const MOST_SAMPLES: usize = 1 << 20;

/// What is done in a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The best classes with their probabilities, mean over the windows, best first; at least one.
    pub top: Vec<(usize, f64)>,
    /// How many windows were looked at.
    pub windows: usize,
}

/// Runs clips through a model with a classifier.
pub struct Classifier<'a> {
    card: &'a Card,
    engine: &'a mut dyn Engine,
    cut: Cut,
}

impl<'a> Classifier<'a> {
    /// A classifier for clips of the card's layout.
    pub fn new(card: &'a Card, engine: &'a mut dyn Engine, cut: Cut) -> Self {
        Self { card, engine, cut }
    }

    /// What one person does, given all that was seen of them, in order of time. `None` where not a
    /// single joint was seen.
    pub fn person(&mut self, samples: &[Sample]) -> Result<Option<Verdict>, EngineError> {
        Ok(self
            .windows_of_person(samples)?
            .map(|output| self.verdict(&output)))
    }

    /// What the model says about each window of one person, likewise.
    pub fn windows_of_person(&mut self, samples: &[Sample]) -> Result<Option<Output>, EngineError> {
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
            return Ok(None);
        };
        // A clip of one frame has no interval, and needs none.
        let interval = interval(samples.iter().map(|sample| sample.t)).unwrap_or(1.0);
        let frames = ((last.t - first.t) / interval).round() as usize + 1;
        let mut data = Vec::new();
        for range in self.cut.ranges(frames, 1.0 / interval) {
            let start = first.t + (range.start as f64 - 0.5) * interval;
            let length = range.len() as f64 * interval;
            let from = samples.partition_point(|sample| sample.t < start);
            let to = samples.partition_point(|sample| sample.t < start + length);
            let inside = samples.get(from..to).unwrap_or_default();
            let (frames, layout) = (self.card.frames, &self.card.layout);
            if let Some(window) = resample(inside, start, length, frames, layout) {
                data.extend_from_slice(&window.data);
            }
        }
        self.run(1, &data)
    }

    /// What is done in a sequence of a data set, all its bodies together; those beyond what the
    /// model takes are left out. `None` for a sequence without frames.
    pub fn sequence(
        &mut self,
        sequence: SequenceRef<'_>,
        fps: f64,
    ) -> Result<Option<Verdict>, EngineError> {
        Ok(self
            .windows_of_sequence(sequence, fps)?
            .map(|output| self.verdict(&output)))
    }

    /// What the model says about each window of a sequence, likewise.
    pub fn windows_of_sequence(
        &mut self,
        sequence: SequenceRef<'_>,
        fps: f64,
    ) -> Result<Option<Output>, EngineError> {
        let bodies = sequence.bodies.min(self.card.bodies);
        let mut data = Vec::new();
        for range in self.cut.ranges(sequence.frames, fps) {
            let inside = self.cut.part(sequence, range);
            let window = resize::onto(inside, self.card.frames, &self.card.layout);
            window.bodies_first(bodies, &mut data);
        }
        self.run(bodies, &data)
    }

    /// Runs all windows; `None` if there is none.
    fn run(&mut self, m: usize, data: &[f32]) -> Result<Option<Output>, EngineError> {
        let mut all = Output::default();
        let size = m * self.card.frames * self.card.layout.len() * CHANNELS;
        for data in data.chunks(LARGEST_BATCH * size) {
            let windows = Windows {
                n: data.len() / size,
                m,
                data,
            };
            all.append(self.engine.run(windows)?);
        }
        Ok((all.n > 0).then_some(all))
    }

    fn verdict(&self, output: &Output) -> Verdict {
        let mut mean = vec![0.0; self.card.classes.len()];
        for i in 0..output.n {
            for (mean, p) in mean.iter_mut().zip(output.probabilities_of(i)) {
                *mean += f64::from(*p) / output.n as f64;
            }
        }
        Verdict {
            top: best(&mean, TOP),
            windows: output.n,
        }
    }
}

/// All that was seen in a clip, person by person, however long somebody was out of sight.
#[derive(Debug)]
pub struct Clip {
    layout: Layout,
    gate: Gate,
    sources: BTreeMap<String, (Clock, Tracker)>,
    people: BTreeMap<(String, u64), Vec<Sample>>,
    samples: usize,
}

impl Clip {
    /// An empty clip of bodies in a model's layout.
    pub fn new(layout: &Layout) -> Self {
        Self {
            layout: layout.clone(),
            gate: Gate::new(layout),
            sources: BTreeMap::new(),
            people: BTreeMap::new(),
            samples: 0,
        }
    }

    /// Adds a frame, or gives the reason why it is dropped.
    pub fn add(&mut self, frame: &Frame) -> Result<(), Fault> {
        let bodies = self.gate.admit(frame)?;
        if self.samples + bodies.len() > MOST_SAMPLES {
            return Err(Fault::ClipTooLong { most: MOST_SAMPLES });
        }
        let (clock, tracker) = self
            .sources
            .entry(frame.source.clone())
            .or_insert_with(|| (Clock::default(), Tracker::new(&self.layout, 1.0)));
        // A clip is one stretch of time; where its clock begins anew, it is over.
        clock.tick_within(frame.t)?;
        for (i, number) in tracker.observe(frame.t, &bodies).people {
            let sample = Sample {
                t: frame.t,
                joints: bodies[i].joints.clone(),
            };
            let key = (frame.source.clone(), number);
            self.people.entry(key).or_default().push(sample);
            self.samples += 1;
        }
        Ok(())
    }

    /// What to tell of layouts that came for the first time since this was asked last.
    pub fn news(&mut self) -> Vec<String> {
        self.gate.news()
    }

    /// Everybody: source, number, and what was seen of them, in order of time.
    pub fn people(&self) -> impl Iterator<Item = (&str, u64, &[Sample])> {
        self.people
            .iter()
            .map(|((source, number), samples)| (&**source, *number, &**samples))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tests::{HighHead, card, frame, person};
    use aimclr_skeleton::Sequence;

    fn clip(frames: impl IntoIterator<Item = Frame>) -> Clip {
        let mut clip = Clip::new(&Layout::ntu25());
        for frame in frames {
            clip.add(&frame).expect("a good frame");
        }
        clip
    }

    fn classify(clip: &Clip, cut: Cut) -> Vec<Verdict> {
        let (card, mut engine) = (card(), HighHead::default());
        let mut classifier = Classifier::new(&card, &mut engine, cut);
        clip.people()
            .filter_map(|(_, _, samples)| classifier.person(samples).expect("runs"))
            .collect()
    }

    fn rising(frames: i32) -> impl Iterator<Item = Frame> {
        (0..frames).map(move |j| {
            let head = if j < frames / 4 { 0.8 } else { 1.5 };
            let people = vec![person(None, 0.0, head), person(None, 3.0, 0.8)];
            frame(f64::from(j) / 30.0, people)
        })
    }

    #[test]
    fn everybody_in_a_clip_has_a_verdict() {
        let verdicts = classify(&clip(rising(120)), Cut::Whole);
        assert_eq!(verdicts.len(), 2);
        assert_eq!((verdicts[0].top[0].0, verdicts[0].windows), (1, 1));
        assert!((verdicts[0].top[0].1 - 0.75).abs() < 0.03);
        assert_eq!(verdicts[1].top[0], (0, 1.0));
    }

    #[test]
    fn windows_are_averaged() {
        let cut = Cut::Windows {
            window: 1.0,
            hop: 1.0,
        };
        let verdicts = classify(&clip(rising(120)), cut);
        assert_eq!(verdicts[0].windows, 4);
        assert!((verdicts[0].top[0].1 - 0.75).abs() < 0.01, "{verdicts:?}");
        // Shorter than a window, and a single frame.
        for frames in [10, 1] {
            let verdicts = classify(&clip(rising(frames)), cut);
            assert_eq!(verdicts[0].windows, 1);
        }
    }

    #[test]
    fn a_clip_and_a_sequence_of_the_same_frames_are_the_same_to_the_engine() {
        let frames = 70;
        let mut sequence = Sequence::zeros(frames, 1, 25);
        let mut clip = Clip::new(&Layout::ntu25());
        for j in 0..frames {
            let mut one = person(Some(1), 0.0, 0.8);
            for (v, joint) in one.joints.iter_mut().enumerate() {
                let x = (j as f32 * 0.1 + v as f32).sin();
                *joint = aimclr_skeleton::frame::Joint::at([x, x + 1.0, 3.0]);
                sequence.set_joint(j, 0, v, [x, x + 1.0, 3.0]);
            }
            let frame = frame((j as f64 + 0.5) / 25.0, vec![one]);
            clip.add(&frame).expect("a good frame");
        }
        let card = card();
        for cut in [
            Cut::Whole,
            Cut::Windows {
                window: 1.3,
                hop: 0.5,
            },
        ] {
            let mut engines = [HighHead::default(), HighHead::default()];
            let [a, b] = &mut engines;
            let (_, _, samples) = clip.people().next().expect("one");
            let ours = Classifier::new(&card, a, cut).person(samples);
            let theirs = Classifier::new(&card, b, cut).sequence(sequence.view(), 25.0);
            assert_eq!(ours.expect("runs"), theirs.expect("runs"));
            assert_eq!(engines[0].seen.len(), engines[1].seen.len());
            for (a, b) in engines[0].seen.iter().zip(&engines[1].seen) {
                assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
        }
    }

    #[test]
    fn a_sequence_of_two_bodies_goes_in_bodies_first() {
        let mut sequence = Sequence::zeros(50, 2, 25);
        for t in 0..50 {
            sequence.set_joint(t, 1, 0, [t as f32, 1.0, 2.0]);
        }
        let (card, mut engine) = (card(), HighHead::default());
        let mut classifier = Classifier::new(&card, &mut engine, Cut::Whole);
        classifier.sequence(sequence.view(), 30.0).expect("runs");
        let body = 50 * 25 * 3;
        assert_eq!(engine.seen.len(), 2 * body);
        assert!(engine.seen[..body].iter().all(|x| *x == 0.0));
        assert_eq!(engine.seen[body + 25 * 3], 1.0);
    }
}
