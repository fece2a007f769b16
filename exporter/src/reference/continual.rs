//! The continual form computed plainly: whole recordings at once, nothing remembered.

use super::{Encoder, Reference, channels_first};
use aimclr_engine::Output;
use aimclr_model::continual::{LAG, STEP, pooled};
use aimclr_skeleton::normalise::centre_and_turn_along;
use aimclr_skeleton::sequence::CHANNELS;
use aimclr_skeleton::{Sequence, Stream};

impl Reference {
    /// What the continual graph should give after each step of one body's recording, raw, shape
    /// (T, V, 3); frames beyond the last whole step are left out.
    pub fn run_along(&self, recording: &[f32]) -> Output {
        let frame = self.layout.len() * CHANNELS;
        let frames = recording.len() / frame / STEP * STEP;
        let mut sequence = Sequence {
            frames,
            bodies: 1,
            joints: self.layout.len(),
            data: recording[..frames * frame].to_vec(),
        };
        centre_and_turn_along(&mut sequence, &self.layout, self.frames);
        let features = |encoder: &Encoder| self.features(&sequence, encoder);
        let features: Vec<Vec<Vec<f64>>> = self.streams.iter().map(features).collect();
        let mut output = Output {
            n: frames / STEP,
            ..Output::default()
        };
        for step in 0..output.n {
            let embeddings = features.iter().map(|features| features[step].clone());
            self.say(embeddings, &mut output);
        }
        output
    }

    /// An encoder's feature after each step.
    fn features(&self, sequence: &Sequence, encoder: &Encoder) -> Vec<Vec<f64>> {
        let seen = match encoder.stream {
            Stream::Motion => motion(sequence),
            stream => stream.of(sequence, &self.layout),
        };
        let maps = encoder.trace(&channels_first(&seen), LAG);
        let steps = sequence.frames / STEP;
        let mut means = vec![Vec::new(); steps];
        for map in &maps[encoder.first_pooled()..] {
            let points = map.frames / steps * sequence.joints;
            for channel in map.data.chunks_exact(steps * points) {
                for (mean, part) in means.iter_mut().zip(channel.chunks_exact(points)) {
                    mean.push(part.iter().sum::<f64>() / points as f64);
                }
            }
        }
        let window = pooled(self.frames);
        let feature = |step: usize| {
            let last = &means[(step + 1).saturating_sub(window)..=step];
            let mean = |i: usize| last.iter().map(|m| m[i]).sum::<f64>() / window as f64;
            (0..means[step].len()).map(mean).collect()
        };
        (0..steps).map(feature).collect()
    }
}

/// x\[t\] − x\[t−1\], 0 where the body wasn't there a frame before.
fn motion(sequence: &Sequence) -> Sequence {
    let mut seen = Sequence::zeros(sequence.frames, 1, sequence.joints);
    for t in 1..sequence.frames {
        let at = |t: usize| (0..sequence.joints).map(move |v| sequence.joint(t, 0, v));
        if at(t - 1).all(|joint| joint == [0.0; 3]) {
            continue;
        }
        for (v, (now, before)) in at(t).zip(at(t - 1)).enumerate() {
            seen.set_joint(t, 0, v, std::array::from_fn(|c| now[c] - before[c]));
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use aimclr_model::continual::look_ahead;
    use aimclr_model::plan::Head;

    #[test]
    fn far_from_the_ends_of_a_long_window_both_forms_are_one_function() {
        let plan = fixtures::narrow();
        let source = fixtures::source(plan, Stream::Joint, Head::classifier(3), 60);
        let encoder = Encoder::of(&source.streams[0]);
        let frames = 400;
        let body: Vec<f64> = (0..CHANNELS * frames * 25)
            .map(|i| (i as f64 * 0.37).sin() + (i as f64 * 0.011).cos())
            .collect();
        let (windowed, along) = (encoder.trace(&body, 0), encoder.trace(&body, LAG));
        let ahead = look_ahead(&plan) / STEP;
        let (last, lagging) = (windowed.last().expect("ten"), along.last().expect("ten"));
        let (rows, steps) = (25, frames / STEP);
        let mut largest: f64 = 0.0;
        for c in 0..plan.hidden_dim {
            for j in ahead..steps - ahead {
                for v in 0..25 {
                    let at = |j: usize| (c * steps + j) * rows + v;
                    let off = last.data[at(j)] - lagging.data[at(j + ahead)];
                    largest = largest.max(off.abs());
                }
            }
        }
        assert!(largest < 1e-9, "{largest}");
        // And not a frame sooner: the look-ahead is what it is said to be.
        let sooner = (ahead..steps - ahead)
            .any(|j| (last.data[j * rows] - lagging.data[(j + ahead - 1) * rows]).abs() > 1e-3);
        assert!(sooner);
    }
}
